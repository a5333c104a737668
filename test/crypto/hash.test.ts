// Hashes, PBKDF2 and the key splitter: the standards' own vectors, then lengths and keys of all kinds beside OpenSSL.
import { createHash, pbkdf2Sync, randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { loadEngine } from "../../host/core/load.ts";
import type { BlockExports } from "../../host/image/qcow2/engine.ts";
import { node } from "../../host/runtimes/node.ts";

/** By their numbers in assembly/crypto/hash.ts. */
const HASHES = ["sha1", "sha224", "sha256", "sha384", "sha512", "ripemd160", "md5"] as const;
type Hash = (typeof HASHES)[number];

const core = await loadEngine<BlockExports>(node, "block.wasm");
core.reserve(0);
const AT = core.CRYPTO_AT.value as number;

function view(offset: number, length: number): Buffer {
  return Buffer.from(core.memory.buffer as ArrayBuffer, AT + offset, length);
}

function hash(name: Hash, message: Buffer): Buffer {
  message.copy(view(0, message.length));
  core.hash(HASHES.indexOf(name), AT, message.length, AT);
  return Buffer.from(view(0, createHash(name).digest().length));
}

function pbkdf2(name: Hash, passphrase: Buffer, salt: Buffer, iterations: number, length: number): Buffer {
  passphrase.copy(view(0, passphrase.length));
  salt.copy(view(4096, salt.length));
  const algorithm = HASHES.indexOf(name);
  core.pbkdf2(algorithm, AT, passphrase.length, AT + 4096, salt.length, iterations, AT + 8192, length);
  return Buffer.from(view(8192, length));
}

it.each([
  ["sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  ["sha224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"],
  ["sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "sha384",
    "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed" + "8086072ba1e7cc2358baeca134c825a7",
  ],
  [
    "sha512",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
  ["ripemd160", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"],
  ["md5", "900150983cd24fb0d6963f7d28e17f72"],
] as const)("hashes abc with %s", (name, digest) => {
  expect(hash(name, Buffer.from("abc")).toString("hex")).toBe(digest);
});

it.each(HASHES)("hashes every length around a block with %s", (name) => {
  for (let length = 0; length <= 300; length++) {
    const message = randomBytes(length);
    expect(hash(name, message)).toEqual(createHash(name).update(message).digest());
  }
});

it.each([
  ["password", "salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"],
  ["password", "salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"],
  ["password", "salt", 4096, "4b007901b765489abead49d926f721d065a429c1"],
  [
    "passwordPASSWORDpassword",
    "saltSALTsaltSALTsaltSALTsaltSALTsalt",
    4096,
    "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038",
  ],
  ["pass\0word", "sa\0lt", 4096, "56fa6aa75548099dcc37d7f03425e0c3"],
])("derives the key of RFC 6070 from %j, %j and %i iterations", (passphrase, salt, iterations, key) => {
  const derived = pbkdf2("sha1", Buffer.from(passphrase), Buffer.from(salt), iterations, key.length / 2);
  expect(derived.toString("hex")).toBe(key);
});

it.each(HASHES)("derives keys of all lengths with %s", (name) => {
  for (const [passphrase, salt, iterations, length] of [
    [0, 32, 1, 20],
    [8, 32, 1000, 64],
    [64, 0, 3, 16],
    [65, 60, 2, 200],
    [300, 128, 2, 1],
  ] as const) {
    const [key, seed] = [randomBytes(passphrase), randomBytes(salt)];
    const derived = pbkdf2(name, key, seed, iterations, length);
    expect(derived).toEqual(pbkdf2Sync(key, seed, iterations, length, name));
  }
});

it.each(HASHES)("puts a split key together again with %s, and only from all its stripes", (name) => {
  const algorithm = HASHES.indexOf(name);
  for (const length of [16, 32, 64]) {
    const key = randomBytes(length);
    const stripes = 50;
    const keyAt = AT + 64 * 1024;
    const material = view(0, length * stripes);
    randomBytes(material.length).copy(material);
    new Uint8Array(core.memory.buffer as ArrayBuffer, keyAt, length).set(key);
    core.splitKey(algorithm, keyAt, length, AT, stripes);
    const split = Buffer.from(material);
    core.mergeKey(algorithm, AT, length, stripes);
    expect(view(0, length)).toEqual(key);
    split.copy(material);
    material[length * 20]! ^= 1;
    core.mergeKey(algorithm, AT, length, stripes);
    expect(view(0, length)).not.toEqual(key);
  }
});
