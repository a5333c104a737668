// Lane operations that only move elements about: packing, interleaving, permuting, blending, widening.
// A permutation by the immediate becomes a vector of byte numbers for `swizzle`, which gives 0 for numbers past 15.
import * as op from "../decode/operations-sse";

const ZERO: v128 = i64x2(0, 0);
const BYTE_NUMBERS: v128 = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

export function shuffleLane(operation: u32, a: v128, b: v128, immediate: u32): v128 {
  switch (operation) {
    case op.PACKSSWB:
      return i8x16.narrow_i16x8_s(a, b);
    case op.PACKSSDW:
      return i16x8.narrow_i32x4_s(a, b);
    case op.PACKUSWB:
      return i8x16.narrow_i16x8_u(a, b);
    case op.PACKUSDW:
      return i16x8.narrow_i32x4_u(a, b);
    case op.PUNPCKLBW:
      return v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    case op.PUNPCKLWD:
      return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    case op.PUNPCKLDQ:
      return v128.shuffle<i32>(a, b, 0, 4, 1, 5);
    case op.PUNPCKLQDQ:
      return v128.shuffle<i64>(a, b, 0, 2);
    case op.PUNPCKHBW:
      return v128.shuffle<i8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    case op.PUNPCKHWD:
      return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    case op.PUNPCKHDQ:
      return v128.shuffle<i32>(a, b, 2, 6, 3, 7);
    case op.PUNPCKHQDQ:
      return v128.shuffle<i64>(a, b, 1, 3);
    case op.PSHUFB:
      return i8x16.swizzle(a, v128.and(b, i8x16.splat(<i8>0x8f)));
    case op.PSHUFD:
      return i8x16.swizzle(b, dwordNumbers(immediate));
    case op.PSHUFLW:
      return i64x2.replace_lane(b, 0, permuteWords(i64x2.extract_lane(b, 0), immediate));
    case op.PSHUFHW:
      return i64x2.replace_lane(b, 1, permuteWords(i64x2.extract_lane(b, 1), immediate));
    case op.PALIGNR:
      return alignRight(a, b, immediate);
    case op.SHUFPS: {
      const numbers = dwordNumbers(immediate);
      return v128.shuffle<i32>(i8x16.swizzle(a, numbers), i8x16.swizzle(b, numbers), 0, 1, 6, 7);
    }
    case op.SHUFPD:
      return i64x2(
        immediate & 1 ? i64x2.extract_lane(a, 1) : i64x2.extract_lane(a, 0),
        immediate & 2 ? i64x2.extract_lane(b, 1) : i64x2.extract_lane(b, 0),
      );
    case op.BLENDPS:
      return v128.bitselect(b, a, dwordMask(immediate));
    case op.BLENDPD:
      return v128.bitselect(b, a, qwordMask(immediate));
    case op.PBLENDW:
      return v128.bitselect(b, a, wordMask(immediate));
    case op.MOVSLDUP:
      return v128.shuffle<i32>(b, b, 0, 0, 2, 2);
    case op.MOVSHDUP:
      return v128.shuffle<i32>(b, b, 1, 1, 3, 3);
    case op.MOVQ:
      return i64x2.replace_lane(b, 1, 0);
    case op.MOVDDUP:
      return v128.shuffle<i64>(b, b, 0, 0);
    case op.PMOVSXBW:
      return i16x8.extend_low_i8x16_s(b);
    case op.PMOVSXWD:
      return i32x4.extend_low_i16x8_s(b);
    case op.PMOVSXDQ:
      return i64x2.extend_low_i32x4_s(b);
    case op.PMOVZXBW:
      return i16x8.extend_low_i8x16_u(b);
    case op.PMOVZXWD:
      return i32x4.extend_low_i16x8_u(b);
    case op.PMOVZXDQ:
      return i64x2.extend_low_i32x4_u(b);
    case op.PMOVSXBD:
      return i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(b));
    case op.PMOVSXWQ:
      return i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(b));
    case op.PMOVZXBD:
      return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(b));
    case op.PMOVZXWQ:
      return i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(b));
    case op.PMOVSXBQ:
      return i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(b)));
    default:
      return i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(b)));
  }
}

/** Byte numbers of the four dwords that the immediate names, two bits each. */
export function dwordNumbers(immediate: u32): v128 {
  const dwords = i32x4(immediate & 3, (immediate >> 2) & 3, (immediate >> 4) & 3, (immediate >> 6) & 3);
  return i32x4.add(i32x4.mul(dwords, i32x4.splat(0x0404_0404)), i32x4.splat(0x0302_0100));
}

/** The four words of `x` that the immediate names, two bits each. */
export function permuteWords(x: u64, immediate: u32): u64 {
  let words: u64 = 0;
  for (let to: u64 = 0; to < 64; to += 16) {
    const from = (<u64>(immediate & 3)) << 4;
    words |= ((x >> from) & 0xffff) << to;
    immediate >>= 2;
  }
  return words;
}

/** Bytes `count` to `count` + 15 of `a`:`b`, zeros past its end. */
function alignRight(a: v128, b: v128, count: u32): v128 {
  if (count >= 32) return ZERO;
  // Wherever a number is negative or past 15, the other operand has the byte.
  const numbers = i8x16.add(BYTE_NUMBERS, i8x16.splat(<i8>count));
  return v128.or(i8x16.swizzle(b, numbers), i8x16.swizzle(a, i8x16.sub(numbers, i8x16.splat(16))));
}

/** PSRLDQ. */
export function shiftBytesRight(x: v128, count: u32): v128 {
  return i8x16.swizzle(x, i8x16.add(BYTE_NUMBERS, i8x16.splat(<i8>min<u32>(count, 16))));
}

/** PSLLDQ. */
export function shiftBytesLeft(x: v128, count: u32): v128 {
  return i8x16.swizzle(x, i8x16.sub(BYTE_NUMBERS, i8x16.splat(<i8>min<u32>(count, 16))));
}

/** All ones in each element whose bit of the immediate is set. */
function qwordMask(immediate: u32): v128 {
  const bits = i64x2(1, 2);
  return i64x2.eq(v128.and(i64x2.splat(immediate), bits), bits);
}

function dwordMask(immediate: u32): v128 {
  const bits = i32x4(1, 2, 4, 8);
  return i32x4.eq(v128.and(i32x4.splat(immediate), bits), bits);
}

function wordMask(immediate: u32): v128 {
  const bits = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
  return i16x8.eq(v128.and(i16x8.splat(<i16>immediate), bits), bits);
}

/** INSERTPS: `dword` at the place of bits 4-5 of the immediate, zeros where bits 0-3 say. */
export function insertSingle(a: v128, dword: u32, immediate: u32): v128 {
  const place = 1 << ((immediate >> 4) & 3);
  const inserted = v128.bitselect(i32x4.splat(dword), a, dwordMask(place));
  return v128.andnot(inserted, dwordMask(immediate));
}

/** BLENDVPS and its kin choose by the sign of each element of `mask`. */
export function blendBySign(operation: u32, a: v128, b: v128, mask: v128): v128 {
  if (operation == op.PBLENDVB) return v128.bitselect(b, a, i8x16.shr_s(mask, 7));
  if (operation == op.BLENDVPS) return v128.bitselect(b, a, i32x4.shr_s(mask, 31));
  return v128.bitselect(b, a, i64x2.shr_s(mask, 63));
}
