// Hash functions by number: what is common to all of them. Each fills blocks, pads the last ones with 80h, zeros and
// the message's length in bits (FIPS 180-4 §5.1), and folds one block after the other into its state.
import { HASH_AT } from "../block/layout";
import { compressMd5, startMd5 } from "./md5";
import { compressRipemd160, startRipemd160 } from "./ripemd160";
import { compressSha1, startSha1 } from "./sha1";
import { compressSha256, startSha224, startSha256 } from "./sha256";
import { compressSha512, startSha384, startSha512 } from "./sha512";

/** As the host numbers them. */
const SHA1: u32 = 0;
const SHA224: u32 = 1;
const SHA256: u32 = 2;
const SHA384: u32 = 3;
const SHA512: u32 = 4;
const RIPEMD160: u32 = 5;
const MD5: u32 = 6;

/** Longest state, block and digest. */
export const STATE_MAX: usize = 64;
export const BLOCK_MAX: usize = 128;
export const DIGEST_MAX: usize = 64;

/** The state of the message being hashed, and its last block. */
const STATE_AT: usize = HASH_AT;
const BLOCK_AT: usize = STATE_AT + STATE_MAX;
/** What pbkdf2.ts keeps. */
export const PBKDF2_AT: usize = BLOCK_AT + BLOCK_MAX;

export function digestLength(algorithm: u32): u32 {
  switch (algorithm) {
    case MD5:
      return 16;
    case SHA224:
      return 28;
    case SHA256:
      return 32;
    case SHA384:
      return 48;
    case SHA512:
      return 64;
    default:
      return 20;
  }
}

export function blockLength(algorithm: u32): u32 {
  return algorithm == SHA384 || algorithm == SHA512 ? 128 : 64;
}

function isLittleEndian(algorithm: u32): bool {
  return algorithm == RIPEMD160 || algorithm == MD5;
}

/** The state before any block. */
export function start(algorithm: u32, state: usize): void {
  switch (algorithm) {
    case SHA1:
      return startSha1(state);
    case SHA224:
      return startSha224(state);
    case SHA256:
      return startSha256(state);
    case SHA384:
      return startSha384(state);
    case SHA512:
      return startSha512(state);
    case MD5:
      return startMd5(state);
    default:
      return startRipemd160(state);
  }
}

/** Folds one block into the state. */
export function compress(algorithm: u32, state: usize, block: usize): void {
  switch (algorithm) {
    case SHA1:
      return compressSha1(state, block);
    case SHA224:
    case SHA256:
      return compressSha256(state, block);
    case SHA384:
    case SHA512:
      return compressSha512(state, block);
    case MD5:
      return compressMd5(state, block);
    default:
      return compressRipemd160(state, block);
  }
}

/** The state as the bytes of the digest: words in the byte order of the function. */
export function storeDigest(algorithm: u32, state: usize, to: usize): void {
  const length = <usize>digestLength(algorithm);
  if (isLittleEndian(algorithm)) memory.copy(to, state, length);
  else if (blockLength(algorithm) == 128)
    for (let i: usize = 0; i < length; i += 8) store<u64>(to + i, bswap(load<u64>(state + i)));
  else for (let i: usize = 0; i < length; i += 4) store<u32>(to + i, bswap(load<u32>(state + i)));
}

/** Fills `block` from its byte `filled` on: zeros, then the message's length, which is `total` bytes. */
export function padBlock(algorithm: u32, block: usize, filled: usize, total: u64): void {
  const size = <usize>blockLength(algorithm);
  memory.fill(block + filled, 0, size - filled);
  const bits = total << 3;
  store<u64>(block + size - 8, isLittleEndian(algorithm) ? bits : bswap(bits));
}

/** Folds the message's rest and its padding into a state that has taken all but the last `length` of `total` bytes. */
export function finish(algorithm: u32, state: usize, from: usize, length: usize, total: u64): void {
  const size = <usize>blockLength(algorithm);
  const lengthField: usize = size >> 3;
  let rest = length;
  let at = from;
  for (; rest >= size; rest -= size, at += size) compress(algorithm, state, at);
  memory.copy(BLOCK_AT, at, rest);
  store<u8>(BLOCK_AT + rest, 0x80);
  if (rest + 1 + lengthField > size) {
    memory.fill(BLOCK_AT + rest + 1, 0, size - rest - 1);
    compress(algorithm, state, BLOCK_AT);
    padBlock(algorithm, BLOCK_AT, 0, total);
  } else padBlock(algorithm, BLOCK_AT, rest + 1, total);
  compress(algorithm, state, BLOCK_AT);
}

/** Hashes `length` bytes; the digest goes to `to`, which may be where they are. */
export function hash(algorithm: u32, from: usize, length: usize, to: usize): void {
  start(algorithm, STATE_AT);
  finish(algorithm, STATE_AT, from, length, length);
  storeDigest(algorithm, STATE_AT, to);
}
