// AES (FIPS 197) on eight blocks at once, bit-sliced: plane i holds bit i of all 128 bytes, so that the S-box is a
// circuit of plain logic on v128, two steps of it a cycle, and takes the same time whatever key and data are.
//
//   byte of a plane   4 * row + column of the state, so that a row lies in one lane of 32 bits: MixColumns turns lanes
//   bit of that byte  the block, 0-7
//
// Tables of 32-bit words, the usual other way, came out at half of this speed and read memory at places that tell
// the key.
import { AES_PLANES_AT, AES_WORDS_AT } from "../block/layout";
import { S_BOX } from "./aes-box";
import { SubBytes } from "./aes-circuit";

export const BLOCK: usize = 16;
/** Blocks that are worked on together, and their bytes. */
export const BATCH: usize = 8;
export const BATCH_BYTES: usize = BATCH * BLOCK;

/** A round key as planes: a byte is 0 or FFh, the same for all blocks. */
const ROUND_KEY: usize = 8 * BLOCK;
const ROUNDS_MAX: usize = 14;

/** Round keys, ready for both directions. */
@final
@unmanaged
export class KeySchedule {
  rounds: u32;
  private padding0: u32;
  private padding1: u64;

  get firstKey(): usize {
    return changetype<usize>(this) + offsetof<KeySchedule>();
  }
}

export const SCHEDULE_SIZE: usize = 16 + (ROUNDS_MAX + 1) * ROUND_KEY;

/** The affine map's constant, which SubBytes leaves to the keys that follow it. */
const AFFINE_CONSTANT: u32 = 0x63;

/** Expands a key of 16, 24 or 32 bytes (FIPS 197 §5.2). */
export function expandKey(key: usize, length: u32, schedule: KeySchedule): void {
  const keyWords = length >> 2;
  const rounds = keyWords + 6;
  const words: u32 = 4 * (rounds + 1);
  schedule.rounds = rounds;
  memory.copy(AES_WORDS_AT, key, length);
  let constant: u32 = 1;
  for (let i = keyWords; i < words; i++) {
    let word = load<u32>(wordAt(i - 1));
    if (i % keyWords == 0) {
      // RotWord, on words as they lie in memory.
      word = substituteWord(rotr(word, 8)) ^ constant;
      constant = double(constant);
    } else if (keyWords > 6 && i % keyWords == 4) word = substituteWord(word);
    store<u32>(wordAt(i), load<u32>(wordAt(i - keyWords)) ^ word);
  }
  for (let round: u32 = 0; round <= rounds; round++) {
    const planes = schedule.firstKey + <usize>round * ROUND_KEY;
    const constantHere = round == 0 ? 0 : AFFINE_CONSTANT;
    for (let at: u32 = 0; at < 16; at++) {
      const byte = (<u32>load<u8>(wordAt(4 * round) + at)) ^ constantHere;
      // Byte `at` of a block is row at % 4, column at / 4 (FIPS 197 §3.4).
      const place = planes + (at % 4) * 4 + (at >> 2);
      for (let bit: u32 = 0; bit < 8; bit++)
        store<u8>(place + <usize>bit * BLOCK, ((byte >> bit) & 1) != 0 ? 0xff : 0);
    }
  }
}

function wordAt(index: u32): usize {
  return AES_WORDS_AT + ((<usize>index) << 2);
}

function substituteWord(word: u32): u32 {
  let result: u32 = 0;
  for (let shift: u32 = 0; shift < 32; shift += 8)
    result |= (<u32>load<u8>(S_BOX + ((word >> shift) & 0xff))) << shift;
  return result;
}

/** {02} times a byte in GF(2^8) (FIPS 197 §4.2.1). */
function double(byte: u32): u32 {
  return ((byte << 1) ^ ((byte >> 7) * 0x11b)) & 0xff;
}

/** Encrypts eight blocks in place. */
export function encryptBatch(at: usize, schedule: KeySchedule): void {
  let key = schedule.firstKey;
  slice(at);
  addKey(key);
  for (let round: u32 = 1; round < schedule.rounds; round++) {
    key += ROUND_KEY;
    SubBytes.apply(AES_PLANES_AT, false);
    shiftMixAdd(key);
  }
  SubBytes.apply(AES_PLANES_AT, false);
  shiftAdd(key + ROUND_KEY);
  unslice(at);
}

/** Decrypts eight blocks in place: the steps of `encryptBatch` from last to first (FIPS 197 §5.3). */
export function decryptBatch(at: usize, schedule: KeySchedule): void {
  let key = schedule.firstKey + <usize>schedule.rounds * ROUND_KEY;
  slice(at);
  addKey(key);
  for (let round = schedule.rounds; round > 1; round--) {
    key -= ROUND_KEY;
    inverseShift();
    SubBytes.apply(AES_PLANES_AT, true);
    addInverseMix(key);
  }
  inverseShift();
  SubBytes.apply(AES_PLANES_AT, true);
  addKey(key - ROUND_KEY);
  unslice(at);
}

function plane(index: i32): v128 {
  return v128.load(AES_PLANES_AT + <usize>index * BLOCK);
}

function setPlane(index: i32, value: v128): void {
  v128.store(AES_PLANES_AT + <usize>index * BLOCK, value);
}

function keyPlane(key: usize, index: i32): v128 {
  return v128.load(key + <usize>index * BLOCK);
}

/** Rows of a block one after another instead of columns; the same permutation leads back. */
function transpose(block: v128): v128 {
  return i8x16.swizzle(block, i8x16(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
}

function slice(at: usize): void {
  for (let i = 0; i < 8; i++) setPlane(i, transpose(v128.load(at + <usize>i * BLOCK)));
  exchangeBits();
}

function unslice(at: usize): void {
  exchangeBits();
  for (let i = 0; i < 8; i++) v128.store(at + <usize>i * BLOCK, transpose(plane(i)));
}

/** Bit i of register j becomes bit j of register i, in every byte: squares of 1, 2 and 4 bits change places. */
function exchangeBits(): void {
  for (let i = 0; i < 8; i += 2) swap(i, i + 1, 1, 0x55);
  for (let i = 0; i < 8; i += 4) {
    swap(i, i + 2, 2, 0x33);
    swap(i + 1, i + 3, 2, 0x33);
  }
  for (let i = 0; i < 4; i++) swap(i, i + 4, 4, 0x0f);
}

/** Exchanges the bits of `a` above `mask` with those of `b` within it. */
function swap(a: i32, b: i32, distance: i32, mask: u8): void {
  const low = plane(a);
  const high = plane(b);
  const change = v128.and(v128.xor(i64x2.shr_u(low, distance), high), i8x16.splat(<i8>mask));
  setPlane(b, v128.xor(high, change));
  setPlane(a, v128.xor(low, i64x2.shl(change, distance)));
}

function addKey(key: usize): void {
  for (let i = 0; i < 8; i++) setPlane(i, v128.xor(plane(i), keyPlane(key, i)));
}

/** ShiftRows: row r turns left by r columns. */
function shiftRows(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(0, 1, 2, 3, 5, 6, 7, 4, 10, 11, 8, 9, 15, 12, 13, 14));
}

function inverseShiftRows(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(0, 1, 2, 3, 7, 4, 5, 6, 10, 11, 8, 9, 13, 14, 15, 12));
}

function inverseShift(): void {
  for (let i = 0; i < 8; i++) setPlane(i, inverseShiftRows(plane(i)));
}

function shiftAdd(key: usize): void {
  for (let i = 0; i < 8; i++) setPlane(i, v128.xor(shiftRows(plane(i)), keyPlane(key, i)));
}

/** Each row in the place of the one above it; the first becomes the last. */
function nextRow(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 1, 2, 3, 0);
}

function nextButOneRow(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 2, 3, 0, 1);
}

/** ShiftRows, MixColumns, AddRoundKey. */
function shiftMixAdd(key: usize): void {
  mixColumns(
    shiftRows(plane(0)),
    shiftRows(plane(1)),
    shiftRows(plane(2)),
    shiftRows(plane(3)),
    shiftRows(plane(4)),
    shiftRows(plane(5)),
    shiftRows(plane(6)),
    shiftRows(plane(7)),
  );
  addKey(key);
}

/** Row r becomes 2 (r0 + r1) + r1 + (r2 + r3), where r1 is the row below, and so on round (FIPS 197 §5.1.3). */
function mixColumns(x0: v128, x1: v128, x2: v128, x3: v128, x4: v128, x5: v128, x6: v128, x7: v128): void {
  const sum7 = mixPlane(7, x7, nextRow(x7), i8x16.splat(0));
  const sum0 = mixPlane(0, x0, nextRow(x0), sum7);
  // {02} shifts bits up by one, and what leaves at the top comes back at bits 0, 1, 3 and 4.
  const sum1 = mixPlane(1, x1, nextRow(x1), v128.xor(sum0, sum7));
  const sum2 = mixPlane(2, x2, nextRow(x2), sum1);
  const sum3 = mixPlane(3, x3, nextRow(x3), v128.xor(sum2, sum7));
  const sum4 = mixPlane(4, x4, nextRow(x4), v128.xor(sum3, sum7));
  const sum5 = mixPlane(5, x5, nextRow(x5), sum4);
  const sum6 = mixPlane(6, x6, nextRow(x6), sum5);
  setPlane(7, v128.xor(plane(7), sum6));
}

/** One plane of MixColumns, given that plane of the doubled sum; returns the sum of each row and the next. */
function mixPlane(index: i32, x: v128, next: v128, doubled: v128): v128 {
  const sum = v128.xor(x, next);
  setPlane(index, v128.xor(v128.xor(doubled, next), nextButOneRow(sum)));
  return sum;
}

/** AddRoundKey, InvMixColumns: {0e} {0b} {0d} {09} = ({02} {03} {01} {01}) times ({05} {00} {04} {00}). */
function addInverseMix(key: usize): void {
  const x0 = v128.xor(plane(0), keyPlane(key, 0));
  const x1 = v128.xor(plane(1), keyPlane(key, 1));
  const x2 = v128.xor(plane(2), keyPlane(key, 2));
  const x3 = v128.xor(plane(3), keyPlane(key, 3));
  const x4 = v128.xor(plane(4), keyPlane(key, 4));
  const x5 = v128.xor(plane(5), keyPlane(key, 5));
  const x6 = v128.xor(plane(6), keyPlane(key, 6));
  const x7 = v128.xor(plane(7), keyPlane(key, 7));
  const f0 = v128.xor(x0, nextButOneRow(x0));
  const f1 = v128.xor(x1, nextButOneRow(x1));
  const f2 = v128.xor(x2, nextButOneRow(x2));
  const f3 = v128.xor(x3, nextButOneRow(x3));
  const f4 = v128.xor(x4, nextButOneRow(x4));
  const f5 = v128.xor(x5, nextButOneRow(x5));
  const f6 = v128.xor(x6, nextButOneRow(x6));
  const f7 = v128.xor(x7, nextButOneRow(x7));
  // {04} times f: two bits up, and bits 6 and 7 come back.
  const f67 = v128.xor(f6, f7);
  mixColumns(
    v128.xor(x0, f6),
    v128.xor(x1, f67),
    v128.xor(x2, v128.xor(f0, f7)),
    v128.xor(x3, v128.xor(f1, f6)),
    v128.xor(x4, v128.xor(f2, f67)),
    v128.xor(x5, v128.xor(f3, f7)),
    v128.xor(x6, f4),
    v128.xor(x7, f5),
  );
}
