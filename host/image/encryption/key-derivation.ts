// From a passphrase to a key: PBKDF2, by the runtime's own where it has one for the hash (it is several times as fast,
// and what a slot's iterations cost an attacker is what they may cost us), else by the engine's.
import type { Runtime } from "../../runtimes/runtime.ts";
import { digestLength, hashNumber } from "./ciphers.ts";
import type { BlockExports } from "../qcow2/engine.ts";

const WEB_CRYPTO: Readonly<Record<string, string>> = {
  sha1: "SHA-1",
  sha256: "SHA-256",
  sha384: "SHA-384",
  sha512: "SHA-512",
};

/** RFC 2898's least, and LUKS1's. */
const ITERATIONS_MIN = 1000;
const ITERATIONS_MAX = 2 ** 32 - 1;
/** A probe this long tells the speed well enough, in milliseconds. */
const PROBE_TIME = 20;
const PROBES = 3;

export interface Derivation {
  hash: string;
  salt: Uint8Array;
  iterations: number;
  length: number;
}

export async function deriveKey(
  core: BlockExports,
  passphrase: Uint8Array,
  derivation: Derivation,
): Promise<Uint8Array<ArrayBuffer>> {
  const { hash, iterations, length } = derivation;
  const name = WEB_CRYPTO[hash];
  // Pages that did not come over HTTPS have no `subtle`, whatever its type says.
  const subtle = (globalThis.crypto as Partial<Crypto> | undefined)?.subtle;
  if (!name || !subtle) return deriveInEngine(core, passphrase, derivation);
  const key = await subtle.importKey("raw", passphrase.slice(), "PBKDF2", false, ["deriveBits"]);
  const salt = derivation.salt.slice();
  return new Uint8Array(
    await subtle.deriveBits({ name: "PBKDF2", hash: name, salt, iterations }, key, length * 8),
  );
}

function deriveInEngine(
  core: BlockExports,
  passphrase: Uint8Array,
  { hash, salt, iterations, length }: Derivation,
): Uint8Array<ArrayBuffer> {
  const algorithm = hashNumber(hash);
  const keyAt = core.CRYPTO_AT.value as number;
  const saltAt = keyAt + Math.max(passphrase.length, length);
  const memory = new Uint8Array(core.memory.buffer as ArrayBuffer);
  memory.set(passphrase, keyAt);
  memory.set(salt, saltAt);
  core.pbkdf2(algorithm, keyAt, passphrase.length, saltAt, salt.length, iterations, keyAt, length);
  const key = memory.slice(keyAt, keyAt + length);
  memory.fill(0, keyAt, saltAt);
  return key;
}

/** Iterations that take about `milliseconds` here: the fastest of some probes, so that a busy moment weakens nothing. */
export async function iterationsFor(
  runtime: Runtime,
  core: BlockExports,
  hash: string,
  length: number,
  milliseconds: number,
): Promise<number> {
  const salt = new Uint8Array(digestLength(hash));
  const timed = async (iterations: number): Promise<number> => {
    const start = runtime.now();
    await deriveKey(core, salt, { hash, salt, iterations, length });
    return runtime.now() - start;
  };
  let probe = ITERATIONS_MIN;
  let time = await timed(probe);
  while (time < PROBE_TIME) {
    probe *= 4;
    time = await timed(probe);
  }
  for (let more = 1; more < PROBES; more++) time = Math.min(time, await timed(probe));
  const iterations = Math.round((probe / time) * milliseconds);
  return Math.max(ITERATIONS_MIN, Math.min(ITERATIONS_MAX, iterations));
}
