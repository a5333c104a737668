// AES-NI (SDM 2A AESDEC …, FIPS 197). The state lies in the register as FIPS 197 fills it: byte r + 4c is row r,
// column c. ShiftRows is a fixed permutation, MixColumns works on all columns at once.
import { INVERSE_S_BOX, S_BOX } from "../../crypto/aes-box";
import { VECTOR_SCRATCH_AT } from "../../machine/layout";

export function encrypt(state: v128, key: v128): v128 {
  return v128.xor(mixColumns(substitute(shiftRows(state), S_BOX)), key);
}

export function encryptLast(state: v128, key: v128): v128 {
  return v128.xor(substitute(shiftRows(state), S_BOX), key);
}

export function decrypt(state: v128, key: v128): v128 {
  return v128.xor(inverseMixColumns(substitute(inverseShiftRows(state), INVERSE_S_BOX)), key);
}

export function decryptLast(state: v128, key: v128): v128 {
  return v128.xor(substitute(inverseShiftRows(state), INVERSE_S_BOX), key);
}

/** AESKEYGENASSIST: SubWord and RotWord of the odd dwords, the round constant in the rotated ones. */
export function keyAssist(key: v128, constant: u32): v128 {
  const words = substitute(v128.shuffle<i32>(key, key, 1, 1, 3, 3), S_BOX);
  const rotated = v128.shuffle<i8>(words, words, 0, 1, 2, 3, 5, 6, 7, 4, 8, 9, 10, 11, 13, 14, 15, 12);
  return v128.xor(rotated, i32x4(0, constant, 0, constant));
}

/** SubBytes. */
function substitute(state: v128, box: usize): v128 {
  v128.store(VECTOR_SCRATCH_AT, state);
  for (let at = VECTOR_SCRATCH_AT; at < VECTOR_SCRATCH_AT + 16; at++)
    store<u8>(at, load<u8>(box + <usize>load<u8>(at)));
  return v128.load(VECTOR_SCRATCH_AT);
}

function shiftRows(x: v128): v128 {
  return v128.shuffle<i8>(x, x, 0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11);
}

function inverseShiftRows(x: v128): v128 {
  return v128.shuffle<i8>(x, x, 0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3);
}

/** Each byte times {02} in GF(2^8) (FIPS 197 §4.2.1). */
function double(x: v128): v128 {
  const reduction = v128.and(i8x16.shr_s(x, 7), i8x16.splat(0x1b));
  return v128.xor(i8x16.shl(x, 1), reduction);
}

/** Each column turned by one row, and by two: a row takes what stood below it. */
function rotateColumns1(x: v128): v128 {
  return v128.or(i32x4.shr_u(x, 8), i32x4.shl(x, 24));
}

function rotateColumns2(x: v128): v128 {
  return v128.or(i32x4.shr_u(x, 16), i32x4.shl(x, 16));
}

/** Row r becomes 2 r0 + 3 r1 + r2 + r3, where r1 is the row below, and so on round (FIPS 197 §5.1.3). */
function mixColumns(x: v128): v128 {
  const next = rotateColumns1(x);
  const sum = v128.xor(double(v128.xor(x, next)), next);
  return v128.xor(sum, rotateColumns2(v128.xor(x, next)));
}

/** {0e} {0b} {0d} {09} = ({02} {03} {01} {01}) times ({05} {00} {04} {00}): so a step before MixColumns. */
export function inverseMixColumns(x: v128): v128 {
  const fourfold = double(double(v128.xor(x, rotateColumns2(x))));
  return mixColumns(v128.xor(x, fourfold));
}
