// The anti-forensic splitter of LUKS1 ("LUKS On-Disk Format Specification" 1.2.3, §2.4): a key spread over thousands
// of stripes, all of which are needed to get it back. Disks remap bad sectors and so may keep an old copy of a few;
// with a few, an erased key slot stays erased.
import { STRIPES_AT } from "../block/layout";
import { digestLength, hash } from "./hash";

/** The sum of the stripes so far, diffused; a piece of it behind its number. */
const SUM_AT: usize = STRIPES_AT;
const PIECE_AT: usize = SUM_AT + 128;
const KEY_MAX: usize = 128;

/** Adds the stripe at `stripe` to the sum. */
function add(stripe: usize, length: usize): void {
  for (let i: usize = 0; i < length; i++) store<u8>(SUM_AT + i, load<u8>(SUM_AT + i) ^ load<u8>(stripe + i));
}

/** Replaces the sum, digest by digest, by the hash of the piece's number and the piece; the last is cut. */
function diffuse(algorithm: u32, length: usize): void {
  const digest = <usize>digestLength(algorithm);
  let number: u32 = 0;
  for (let at: usize = 0; at < length; at += digest) {
    const size = min(digest, length - at);
    store<u32>(PIECE_AT, bswap(number++));
    memory.copy(PIECE_AT + 4, SUM_AT + at, size);
    hash(algorithm, PIECE_AT, 4 + size, PIECE_AT);
    memory.copy(SUM_AT + at, PIECE_AT, size);
  }
}

/** Sums up all stripes but the last. */
function sumUp(algorithm: u32, at: usize, length: usize, stripes: u32): usize {
  memory.fill(SUM_AT, 0, KEY_MAX);
  let stripe = at;
  for (let i: u32 = 1; i < stripes; i++, stripe += length) {
    add(stripe, length);
    diffuse(algorithm, length);
  }
  return stripe;
}

/** Splits the key at `key`: the stripes at `at`, random but for the last, become it. */
export function splitKey(algorithm: u32, key: usize, length: u32, at: usize, stripes: u32): void {
  const last = sumUp(algorithm, at, length, stripes);
  add(key, length);
  memory.copy(last, SUM_AT, length);
}

/** Puts the key together again, at the first stripe. */
export function mergeKey(algorithm: u32, at: usize, length: u32, stripes: u32): void {
  add(sumUp(algorithm, at, length, stripes), length);
  memory.copy(at, SUM_AT, length);
}
