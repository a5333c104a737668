// Integer lane operations: logic, packed arithmetic, comparisons, shifts.
import * as op from "../decode/operations-sse";
import { decrypt, decryptLast, encrypt, encryptLast, inverseMixColumns, keyAssist } from "./aes";
import { sha1Message1, sha1Message2, sha1NextE, sha1Rounds, sha256Message1, sha256Message2 } from "./sha";

export function integerLane(operation: u32, a: v128, b: v128, immediate: u32): v128 {
  switch (operation) {
    case op.MOVA:
      return b;
    case op.PAND:
      return v128.and(a, b);
    case op.PANDN:
      return v128.andnot(b, a);
    case op.POR:
      return v128.or(a, b);
    case op.PXOR:
      return v128.xor(a, b);
    case op.PADDB:
      return i8x16.add(a, b);
    case op.PADDW:
      return i16x8.add(a, b);
    case op.PADDD:
      return i32x4.add(a, b);
    case op.PADDQ:
      return i64x2.add(a, b);
    case op.PSUBB:
      return i8x16.sub(a, b);
    case op.PSUBW:
      return i16x8.sub(a, b);
    case op.PSUBD:
      return i32x4.sub(a, b);
    case op.PSUBQ:
      return i64x2.sub(a, b);
    case op.PADDSB:
      return i8x16.add_sat_s(a, b);
    case op.PADDSW:
      return i16x8.add_sat_s(a, b);
    case op.PADDUSB:
      return i8x16.add_sat_u(a, b);
    case op.PADDUSW:
      return i16x8.add_sat_u(a, b);
    case op.PSUBSB:
      return i8x16.sub_sat_s(a, b);
    case op.PSUBSW:
      return i16x8.sub_sat_s(a, b);
    case op.PSUBUSB:
      return i8x16.sub_sat_u(a, b);
    case op.PSUBUSW:
      return i16x8.sub_sat_u(a, b);
    case op.PMINUB:
      return i8x16.min_u(a, b);
    case op.PMINSB:
      return i8x16.min_s(a, b);
    case op.PMINUW:
      return i16x8.min_u(a, b);
    case op.PMINSW:
      return i16x8.min_s(a, b);
    case op.PMINUD:
      return i32x4.min_u(a, b);
    case op.PMINSD:
      return i32x4.min_s(a, b);
    case op.PMAXUB:
      return i8x16.max_u(a, b);
    case op.PMAXSB:
      return i8x16.max_s(a, b);
    case op.PMAXUW:
      return i16x8.max_u(a, b);
    case op.PMAXSW:
      return i16x8.max_s(a, b);
    case op.PMAXUD:
      return i32x4.max_u(a, b);
    case op.PMAXSD:
      return i32x4.max_s(a, b);
    case op.PAVGB:
      return i8x16.avgr_u(a, b);
    case op.PAVGW:
      return i16x8.avgr_u(a, b);
    case op.PCMPEQB:
      return i8x16.eq(a, b);
    case op.PCMPEQW:
      return i16x8.eq(a, b);
    case op.PCMPEQD:
      return i32x4.eq(a, b);
    case op.PCMPEQQ:
      return i64x2.eq(a, b);
    case op.PCMPGTB:
      return i8x16.gt_s(a, b);
    case op.PCMPGTW:
      return i16x8.gt_s(a, b);
    case op.PCMPGTD:
      return i32x4.gt_s(a, b);
    case op.PCMPGTQ:
      return i64x2.gt_s(a, b);
    case op.PMULLW:
      return i16x8.mul(a, b);
    case op.PMULHW:
      return highWords(i32x4.extmul_low_i16x8_s(a, b), i32x4.extmul_high_i16x8_s(a, b));
    case op.PMULHUW:
      return highWords(i32x4.extmul_low_i16x8_u(a, b), i32x4.extmul_high_i16x8_u(a, b));
    case op.PMULHRSW:
      return multiplyRounded(a, b);
    case op.PMULLD:
      return i32x4.mul(a, b);
    case op.PMULUDQ:
      return i64x2.mul(lowDwords(a), lowDwords(b));
    case op.PMULDQ:
      return i64x2.mul(signedDwords(a), signedDwords(b));
    case op.PMADDWD:
      return i32x4.dot_i16x8_s(a, b);
    case op.PMADDUBSW:
      return multiplyAddBytes(a, b);
    case op.PSADBW:
      return sumOfDifferences(a, b);
    case op.MPSADBW:
      return slidingDifferences(a, b, immediate);
    case op.PHADDW:
      return i16x8.add(evenWords(a, b), oddWords(a, b));
    case op.PHADDD:
      return i32x4.add(evenDwords(a, b), oddDwords(a, b));
    case op.PHADDSW:
      return i16x8.add_sat_s(evenWords(a, b), oddWords(a, b));
    case op.PHSUBW:
      return i16x8.sub(evenWords(a, b), oddWords(a, b));
    case op.PHSUBD:
      return i32x4.sub(evenDwords(a, b), oddDwords(a, b));
    case op.PHSUBSW:
      return i16x8.sub_sat_s(evenWords(a, b), oddWords(a, b));
    case op.PSIGNB:
      return v128.andnot(i8x16.sub(v128.xor(a, i8x16.shr_s(b, 7)), i8x16.shr_s(b, 7)), i8x16.eq(b, ZERO));
    case op.PSIGNW:
      return v128.andnot(i16x8.sub(v128.xor(a, i16x8.shr_s(b, 15)), i16x8.shr_s(b, 15)), i16x8.eq(b, ZERO));
    case op.PSIGND:
      return v128.andnot(i32x4.sub(v128.xor(a, i32x4.shr_s(b, 31)), i32x4.shr_s(b, 31)), i32x4.eq(b, ZERO));
    case op.PABSB:
      return i8x16.abs(b);
    case op.PABSW:
      return i16x8.abs(b);
    case op.PABSD:
      return i32x4.abs(b);
    case op.PHMINPOSUW:
      return minimumWord(b);
    case op.PSRLW:
      return shift(op.PSRLW, a, i64x2.extract_lane(b, 0));
    case op.PSRLD:
      return shift(op.PSRLD, a, i64x2.extract_lane(b, 0));
    case op.PSRLQ:
      return shift(op.PSRLQ, a, i64x2.extract_lane(b, 0));
    case op.PSRAW:
      return shift(op.PSRAW, a, i64x2.extract_lane(b, 0));
    case op.PSRAD:
      return shift(op.PSRAD, a, i64x2.extract_lane(b, 0));
    case op.PSLLW:
      return shift(op.PSLLW, a, i64x2.extract_lane(b, 0));
    case op.PSLLD:
      return shift(op.PSLLD, a, i64x2.extract_lane(b, 0));
    case op.PSLLQ:
      return shift(op.PSLLQ, a, i64x2.extract_lane(b, 0));
    case op.PCLMULQDQ:
      return carrylessMultiply(a, b, immediate);
    case op.AESENC:
      return encrypt(a, b);
    case op.AESENCLAST:
      return encryptLast(a, b);
    case op.AESDEC:
      return decrypt(a, b);
    case op.AESDECLAST:
      return decryptLast(a, b);
    case op.AESIMC:
      return inverseMixColumns(b);
    case op.AESKEYGENASSIST:
      return keyAssist(b, immediate);
    case op.SHA1RNDS4:
      return sha1Rounds(a, b, immediate);
    case op.SHA1NEXTE:
      return sha1NextE(a, b);
    case op.SHA1MSG1:
      return sha1Message1(a, b);
    case op.SHA1MSG2:
      return sha1Message2(a, b);
    case op.SHA256MSG1:
      return sha256Message1(a, b);
    default:
      return sha256Message2(a, b);
  }
}

const ZERO: v128 = i64x2(0, 0);

function highWords(low: v128, high: v128): v128 {
  return v128.shuffle<i16>(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
}

/** PMULHRSW: bits 15-30 of the product, rounded. Unlike WebAssembly's, -1 times -1 wraps to -1. */
function multiplyRounded(a: v128, b: v128): v128 {
  const lowest = i16x8.splat(-0x8000);
  const wraps = v128.and(i16x8.eq(a, lowest), i16x8.eq(b, lowest));
  return v128.xor(i16x8.q15mulr_sat_s(a, b), wraps);
}

function lowDwords(x: v128): v128 {
  return v128.and(x, i64x2.splat(0xffff_ffff));
}

function signedDwords(x: v128): v128 {
  return i64x2.shr_s(i64x2.shl(x, 32), 32);
}

/** PMADDUBSW: unsigned bytes of `a` times signed bytes of `b`, neighbours added with saturation. */
function multiplyAddBytes(a: v128, b: v128): v128 {
  const even = i16x8.mul(v128.and(a, i16x8.splat(0xff)), i16x8.shr_s(i16x8.shl(b, 8), 8));
  const odd = i16x8.mul(i16x8.shr_u(a, 8), i16x8.shr_s(b, 8));
  return i16x8.add_sat_s(even, odd);
}

function sumOfDifferences(a: v128, b: v128): v128 {
  const differences = v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
  const sums = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(differences));
  return i64x2.add(lowDwords(sums), i64x2.shr_u(sums, 32));
}

/**
 * MPSADBW: four bytes of `b` against the eight positions from a byte of `a` on. Bit 2 of the immediate chooses
 * the start in `a`, bits 0-1 that in `b`, by four bytes.
 */
function slidingDifferences(a: v128, b: v128, immediate: u32): v128 {
  const bytes = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const block = (immediate & 3) << 2;
  let window = i8x16.swizzle(a, i8x16.add(bytes, i8x16.splat(<i8>(immediate & 4))));
  let sums = ZERO;
  for (let i: u32 = 0; i < 4; i++) {
    const byte = i8x16.swizzle(b, i8x16.splat(<i8>(block + i)));
    const difference = v128.or(i8x16.sub_sat_u(window, byte), i8x16.sub_sat_u(byte, window));
    sums = i16x8.add(sums, i16x8.extend_low_i8x16_u(difference));
    window = v128.shuffle<i8>(window, ZERO, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
  }
  return sums;
}

function evenWords(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
}

function oddWords(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}

function evenDwords(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 0, 2, 4, 6);
}

function oddDwords(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 1, 3, 5, 7);
}

/** PHMINPOSUW: the least word, and behind it its position, the first of equals. */
function minimumWord(x: v128): v128 {
  // Value and position in one number, so that one minimum finds both.
  const places = i32x4(0, 1, 2, 3);
  const low = v128.or(i32x4.shl(i32x4.extend_low_i16x8_u(x), 3), places);
  const high = v128.or(i32x4.shl(i32x4.extend_high_i16x8_u(x), 3), i32x4.add(places, i32x4.splat(4)));
  const four = i32x4.min_u(low, high);
  const two = i32x4.min_u(four, v128.shuffle<i32>(four, four, 2, 3, 2, 3));
  const least = min<u32>(i32x4.extract_lane(two, 0), i32x4.extract_lane(two, 1));
  return i32x4.replace_lane(ZERO, 0, (least >> 3) | ((least & 7) << 16));
}

/** PSRLW … PSLLQ: `count` is not taken modulo the width; past it, bits are gone or all signs. */
export function shift(operation: u32, x: v128, count: u64): v128 {
  const n = <i32>min<u64>(count, 64);
  switch (operation) {
    case op.PSRLW:
      return n > 15 ? ZERO : i16x8.shr_u(x, n);
    case op.PSRLD:
      return n > 31 ? ZERO : i32x4.shr_u(x, n);
    case op.PSRLQ:
      return n > 63 ? ZERO : i64x2.shr_u(x, n);
    case op.PSRAW:
      return i16x8.shr_s(x, min<i32>(n, 15));
    case op.PSRAD:
      return i32x4.shr_s(x, min<i32>(n, 31));
    case op.PSLLW:
      return n > 15 ? ZERO : i16x8.shl(x, n);
    case op.PSLLD:
      return n > 31 ? ZERO : i32x4.shl(x, n);
    default:
      return n > 63 ? ZERO : i64x2.shl(x, n);
  }
}

/** PCLMULQDQ: product of two polynomials over GF(2), one half of each operand. */
function carrylessMultiply(a: v128, b: v128, immediate: u32): v128 {
  const x: u64 = immediate & 1 ? i64x2.extract_lane(a, 1) : i64x2.extract_lane(a, 0);
  let y: u64 = immediate & 16 ? i64x2.extract_lane(b, 1) : i64x2.extract_lane(b, 0);
  let low: u64 = 0;
  let high: u64 = 0;
  while (y) {
    const bit = ctz(y);
    low ^= x << bit;
    high ^= (x >> 1) >> (63 - bit);
    y &= y - 1;
  }
  return i64x2(low, high);
}
