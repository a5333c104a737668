// The words of encryption: ciphers, modes, vector generators and hashes by the names that LUKS and QEMU give them, and
// by the numbers that the block engine knows those by that it can do.
import { UserError } from "../../core/errors.ts";

/** Key lengths of the ciphers that QEMU knows. */
const CIPHER_KEYS: Readonly<Record<string, readonly number[]>> = {
  aes: [16, 24, 32],
  cast5: [16],
  serpent: [16, 24, 32],
  twofish: [16, 24, 32],
};

/** Those that the engine can do: numbers of assembly/crypto/block-ciphers.ts. */
const ALGORITHMS: Readonly<Record<string, number | undefined>> = { aes: 0, serpent: 1, twofish: 2 };
/** As QEMU spells them in sentences. */
const SPELLINGS: Readonly<Record<string, string>> = { aes: "AES", serpent: "Serpent", twofish: "Twofish" };
/** Numbers of assembly/crypto/sectors.ts. */
const MODES: Readonly<Record<string, number>> = { xts: 0, cbc: 1, ecb: 2, ctr: 3 };
const GENERATORS: Readonly<Record<string, number>> = { plain: 0, plain64: 1, essiv: 2 };
/** Numbers of assembly/crypto/hash.ts. */
const HASHES: Readonly<Record<string, number>> = {
  sha1: 0,
  sha224: 1,
  sha256: 2,
  sha384: 3,
  sha512: 4,
  ripemd160: 5,
  md5: 6,
};
const DIGEST_LENGTHS: Readonly<Record<string, number>> = {
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
  ripemd160: 20,
  md5: 16,
};

/** How sectors are encrypted. */
export interface CipherSpec {
  /** Without key length: `aes`. */
  cipher: string;
  /** Bytes of one key; XTS takes two. */
  keyLength: number;
  mode: string;
  generator: string;
  /** Of ESSIV's key; other generators may name one and do not use it. */
  vectorHash: string | undefined;
}

export function isCipher(name: string): boolean {
  return name in CIPHER_KEYS;
}

export function takesKey(cipher: string, length: number): boolean {
  return CIPHER_KEYS[cipher]?.includes(length) ?? false;
}

export const isMode = (name: string): boolean => name in MODES;
export const isGenerator = (name: string): boolean => name in GENERATORS;
export const isHash = (name: string): boolean => name in HASHES;

/** `aes-256` as cipher and key length; undefined: there is no such. */
export function parseAlgorithm(name: string): { cipher: string; keyLength: number } | undefined {
  const [, cipher, bits] = /^([a-z\d]+)-(\d+)$/.exec(name) ?? [];
  const keyLength = Number(bits) / 8;
  return cipher !== undefined && takesKey(cipher, keyLength) ? { cipher, keyLength } : undefined;
}

export function algorithmName({ cipher, keyLength }: CipherSpec): string {
  return `${cipher}-${keyLength * 8}`;
}

/** Bytes of the master key. */
export function masterKeyLength({ keyLength, mode }: CipherSpec): number {
  return mode === "xts" ? 2 * keyLength : keyLength;
}

/** The cipher, mode and generator by the engine's numbers. Refuses what it cannot do. */
export function requireCipher(spec: CipherSpec): { algorithm: number; mode: number; generator: number } {
  const algorithm = ALGORITHMS[spec.cipher];
  // XTS is made of blocks of 16 bytes (IEEE 1619 §5.1), and CAST5's have 8.
  if (spec.cipher === "cast5" && spec.mode === "xts")
    throw new UserError("Unsupported cipher mode xts", "EINVAL");
  if (algorithm === undefined)
    throw new UserError(
      `Cipher '${algorithmName(spec)}' is not supported: AES, Serpent and Twofish are`,
      "ENOTSUP",
    );
  if (spec.generator === "essiv") {
    const vectorKey = DIGEST_LENGTHS[spec.vectorHash ?? ""] ?? 0;
    if (!takesKey(spec.cipher, vectorKey))
      throw new UserError(
        `No ${SPELLINGS[spec.cipher]} cipher with key size ${vectorKey} available`,
        "EINVAL",
      );
  }
  return { algorithm, mode: MODES[spec.mode]!, generator: GENERATORS[spec.generator]! };
}

/** A hash by the engine's number. */
export function hashNumber(name: string): number {
  return HASHES[name]!;
}

export function digestLength(hash: string): number {
  return DIGEST_LENGTHS[hash]!;
}
