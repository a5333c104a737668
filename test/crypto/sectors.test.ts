// AES and the modes of disks: the standards' own vectors, then every mode beside OpenSSL, sector by sector.
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { loadEngine } from "../../host/core/load.ts";
import type { BlockExports } from "../../host/image/qcow2/engine.ts";
import { node } from "../../host/runtimes/node.ts";

/** Numbers of assembly/crypto/sectors.ts. */
const Mode = { xts: 0, cbc: 1, ecb: 2, ctr: 3 } as const;
const Generator = { plain: 0, plain64: 1, essiv: 2 } as const;
const SECTOR = 512;
/** Numbers of assembly/crypto/block-ciphers.ts. */
const Algorithm = { aes: 0, serpent: 1, twofish: 2 } as const;

const core = await loadEngine<BlockExports>(node, "block.wasm");
core.reserve(0);
const AT = core.CRYPTO_AT.value as number;

function view(length: number): Buffer {
  return Buffer.from(core.memory.buffer as ArrayBuffer, AT, length);
}

interface Setting {
  algorithm?: keyof typeof Algorithm;
  mode: keyof typeof Mode;
  generator?: keyof typeof Generator;
  key: Buffer;
  vectorKey?: Buffer;
}

function set({
  algorithm = "aes",
  mode,
  generator = "plain64",
  key,
  vectorKey = Buffer.alloc(0),
}: Setting): void {
  const both = Buffer.concat([key, vectorKey]);
  both.copy(view(both.length));
  core.setCipher(Algorithm[algorithm], Mode[mode], Generator[generator], AT, key.length, vectorKey.length);
}

function encrypt(data: Buffer, first: number): Buffer {
  data.copy(view(data.length));
  core.encryptSectors(AT, data.length / SECTOR, first);
  return Buffer.from(view(data.length));
}

function decrypt(data: Buffer, first: number): Buffer {
  data.copy(view(data.length));
  core.decryptSectors(AT, data.length / SECTOR, first);
  return Buffer.from(view(data.length));
}

const hex = (text: string): Buffer => Buffer.from(text, "hex");

it.each([
  ["000102030405060708090a0b0c0d0e0f", "69c4e0d86a7b0430d8cdb78070b4c55a"],
  ["000102030405060708090a0b0c0d0e0f1011121314151617", "dda97ca4864cdfe06eaf70a0ec0d7191"],
  ["000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "8ea2b7ca516745bfeafc49904b496089"],
])("encrypts the block of FIPS 197, appendix C, under %s", (key, expected) => {
  set({ mode: "ecb", key: hex(key) });
  const blocks = Buffer.alloc(SECTOR, hex("00112233445566778899aabbccddeeff"));
  const encrypted = encrypt(blocks, 0);
  expect(encrypted).toEqual(Buffer.alloc(SECTOR, hex(expected)));
  expect(decrypt(encrypted, 0)).toEqual(blocks);
});

it.each([
  [
    "vector 4",
    "2718281828459045235360287471352631415926535897932384626433832795",
    0,
    "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c",
  ],
  [
    "vector 10",
    "2718281828459045235360287471352662497757247093699959574966967627" +
      "3141592653589793238462643383279502884197169399375105820974944592",
    0xff,
    "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b",
  ],
  [
    "vector 14",
    "2718281828459045235360287471352662497757247093699959574966967627" +
      "3141592653589793238462643383279502884197169399375105820974944592",
    0xffffffffff,
    "64497e5a831e4a932c09be3e5393376daa599548b816031d224bbf50a818ed23",
  ],
])("encrypts the sector of IEEE 1619, annex B, %s", (_, key, number, expected) => {
  set({ mode: "xts", key: hex(key) });
  const data = Buffer.from(Array.from({ length: SECTOR }, (_byte, at) => at & 255));
  const encrypted = encrypt(data, number);
  expect(encrypted.subarray(0, 32).toString("hex")).toBe(expected);
  expect(decrypt(encrypted, number)).toEqual(data);
});

it.each([
  // The authors' own vectors: zeros under zeros.
  ["twofish", 16, "9f589f5cf6122c32b6bfec2f2ae8c35a"],
  ["twofish", 24, "efa71f788965bd4453f860178fc19101"],
  ["twofish", 32, "57ff739d4dc92c1bd7fc01700cc8216f"],
  ["serpent", 16, "3620b17ae6a993d09618b8768266bae9"],
  ["serpent", 32, "49672ba898d98df95019180445491089"],
] as const)("encrypts zeros by %s with %i bytes of zeros as the key", (algorithm, bytes, expected) => {
  set({ algorithm, mode: "ecb", key: Buffer.alloc(bytes) });
  const encrypted = encrypt(Buffer.alloc(SECTOR), 0);
  expect(encrypted.subarray(0, 16).toString("hex")).toBe(expected);
});

it.each(["serpent", "twofish"] as const)(
  "decrypts by %s what it has encrypted, in every mode",
  (algorithm) => {
    for (const mode of ["xts", "cbc", "ecb", "ctr"] as const)
      for (const bytes of mode === "xts" ? [32, 48, 64] : [16, 24, 32]) {
        set({ algorithm, mode, key: randomBytes(bytes) });
        const data = randomBytes(9 * SECTOR);
        expect(decrypt(encrypt(data, 5), 5).equals(data)).toBe(true);
      }
  },
);

/** A sector's vector, by OpenSSL. */
function vectorOf({ mode, generator = "plain64", vectorKey }: Setting, number: number): Buffer | null {
  if (mode === "ecb") return null;
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(BigInt(generator === "plain" ? number % 2 ** 32 : number));
  if (generator !== "essiv") return vector;
  return createCipheriv("aes-256-ecb", vectorKey!, null).setAutoPadding(false).update(vector);
}

function expected(setting: Setting, data: Buffer, first: number): Buffer {
  const bits = setting.key.length * (setting.mode === "xts" ? 4 : 8);
  const sectors = Array.from({ length: data.length / SECTOR }, (_, i) =>
    createCipheriv(`aes-${bits}-${setting.mode}`, setting.key, vectorOf(setting, first + i))
      .setAutoPadding(false)
      .update(data.subarray(i * SECTOR, (i + 1) * SECTOR)),
  );
  return Buffer.concat(sectors);
}

describe("every mode, vector generator and key size beside OpenSSL", () => {
  for (const mode of ["xts", "cbc", "ecb", "ctr"] as const)
    for (const generator of ["plain", "plain64", "essiv"] as const)
      for (const bytes of mode === "xts" ? [32, 64] : [16, 24, 32])
        it(`${mode}-${generator} with a key of ${bytes} bytes`, () => {
          const key = randomBytes(bytes);
          const vectorKey = generator === "essiv" ? createHash("sha256").update(key).digest() : undefined;
          const setting = { mode, generator, key, ...(vectorKey ? { vectorKey } : {}) };
          // Counts around a group of eight; numbers that 32 bits cannot hold.
          for (const [sectors, first] of [
            [1, 0],
            [7, 3],
            [8, 2 ** 32 - 4],
            [19, 2 ** 40],
          ] as const) {
            const data = randomBytes(sectors * SECTOR);
            set(setting);
            const encrypted = encrypt(data, first);
            expect(encrypted.equals(expected(setting, data, first))).toBe(true);
            expect(decrypt(encrypted, first).equals(data)).toBe(true);
          }
        });
});
