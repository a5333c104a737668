// Power series for the transcendental functions, in fixed point with 128 fraction bits. All five have one shape:
//
//   f(x) = x × (1 ± z × (c0 ± z × (c1 ± …)))     z = x² or x, the signs all plus or alternating
//
// and two tables of coefficients serve them: sine, cosine and exponential take reciprocal factorials, arctangent
// and logarithm take reciprocals of odd numbers. Their error stays near 2^-120 of the result, so that rounding to
// 64 bits gives the nearest number in all but one case out of some 2^50. (The manuals ask for 1 ulp: SDM 1 §8.3.10.)
import { BIAS, Float80 } from "./float80";
import { round } from "./float80-round";
import {
  add,
  assign,
  divideFraction,
  high,
  leadingZeros,
  low,
  multiplyFraction,
  shiftLeft,
  shiftRight,
  subtract,
} from "./wide";

/** 1/n! at (n - 2) × 16. */
// prettier-ignore
const RECIPROCAL_FACTORIALS: usize = memory.data<u64>([
  0x8000_0000_0000_0000, 0x0000_0000_0000_0000, // 1/2!
  0x2aaa_aaaa_aaaa_aaaa, 0xaaaa_aaaa_aaaa_aaab, // 1/3!
  0x0aaa_aaaa_aaaa_aaaa, 0xaaaa_aaaa_aaaa_aaab, // 1/4!
  0x0222_2222_2222_2222, 0x2222_2222_2222_2222, // 1/5!
  0x005b_05b0_5b05_b05b, 0x05b0_5b05_b05b_05b0, // 1/6!
  0x000d_00d0_0d00_d00d, 0x00d0_0d00_d00d_00d0, // 1/7!
  0x0001_a01a_01a0_1a01, 0xa01a_01a0_1a01_a01a, // 1/8!
  0x0000_2e3b_c74a_ad8e, 0x671f_5583_911c_a003, // 1/9!
  0x0000_049f_93ed_de27, 0xd71c_bbc0_5b4f_a99a, // 1/10!
  0x0000_006b_9915_9fd5, 0x138e_3f9d_1f92_e0df, // 1/11!
  0x0000_0008_f76c_77fc, 0x6c4b_daa2_6d4c_3d68, // 1/12!
  0x0000_0000_b092_309d, 0x4368_4be5_1c19_8e92, // 1/13!
  0x0000_0000_0c9c_ba54, 0x603e_4e90_5d6f_8a2f, // 1/14!
  0x0000_0000_00d7_3f9f, 0x399d_c0f8_8ec3_2b58, // 1/15!
  0x0000_0000_000d_73f9, 0xf399_dc0f_88ec_32b6, // 1/16!
  0x0000_0000_0000_ca96, 0x3b81_856a_5359_3029, // 1/17!
  0x0000_0000_0000_0b41, 0x3c31_dcbe_cbbd_d802, // 1/18!
  0x0000_0000_0000_0097, 0xa4da_340a_0ab9_2651, // 1/19!
  0x0000_0000_0000_0007, 0x950a_e900_8089_41ea, // 1/20!
  0x0000_0000_0000_0000, 0x5c6e_3bdb_73d5_c630, // 1/21!
  0x0000_0000_0000_0000, 0x0433_8e5b_6dfe_14a5, // 1/22!
  0x0000_0000_0000_0000, 0x002e_c368_262c_7034, // 1/23!
  0x0000_0000_0000_0000, 0x0001_f2cf_0197_2f57, // 1/24!
  0x0000_0000_0000_0000, 0x0000_13f3_ccdd_1660, // 1/25!
  0x0000_0000_0000_0000, 0x0000_00c4_742f_e352, // 1/26!
  0x0000_0000_0000_0000, 0x0000_0007_46ac_70b7, // 1/27!
  0x0000_0000_0000_0000, 0x0000_0000_4286_2899, // 1/28!
  0x0000_0000_0000_0000, 0x0000_0000_024b_3f31, // 1/29!
  0x0000_0000_0000_0000, 0x0000_0000_0013_932c, // 1/30!
]);

/** 1/(2n + 1) at (n - 1) × 16. */
// prettier-ignore
const RECIPROCAL_ODDS: usize = memory.data<u64>([
  0x5555_5555_5555_5555, 0x5555_5555_5555_5555, // 1/3
  0x3333_3333_3333_3333, 0x3333_3333_3333_3333, // 1/5
  0x2492_4924_9249_2492, 0x4924_9249_2492_4925, // 1/7
  0x1c71_c71c_71c7_1c71, 0xc71c_71c7_1c71_c71c, // 1/9
  0x1745_d174_5d17_45d1, 0x745d_1745_d174_5d17, // 1/11
  0x13b1_3b13_b13b_13b1, 0x3b13_b13b_13b1_3b14, // 1/13
  0x1111_1111_1111_1111, 0x1111_1111_1111_1111, // 1/15
  0x0f0f_0f0f_0f0f_0f0f, 0x0f0f_0f0f_0f0f_0f0f, // 1/17
  0x0d79_435e_50d7_9435, 0xe50d_7943_5e50_d794, // 1/19
  0x0c30_c30c_30c3_0c30, 0xc30c_30c3_0c30_c30c, // 1/21
  0x0b21_642c_8590_b216, 0x42c8_590b_2164_2c86, // 1/23
  0x0a3d_70a3_d70a_3d70, 0xa3d7_0a3d_70a3_d70a, // 1/25
  0x097b_425e_d097_b425, 0xed09_7b42_5ed0_97b4, // 1/27
  0x08d3_dcb0_8d3d_cb08, 0xd3dc_b08d_3dcb_08d4, // 1/29
  0x0842_1084_2108_4210, 0x8421_0842_1084_2108, // 1/31
  0x07c1_f07c_1f07_c1f0, 0x7c1f_07c1_f07c_1f08, // 1/33
  0x0750_7507_5075_0750, 0x7507_5075_0750_7507, // 1/35
  0x06eb_3e45_306e_b3e4, 0x5306_eb3e_4530_6eb4, // 1/37
  0x0690_6906_9069_0690, 0x6906_9069_0690_6907, // 1/39
  0x063e_7063_e706_3e70, 0x63e7_063e_7063_e706, // 1/41
  0x05f4_17d0_5f41_7d05, 0xf417_d05f_417d_05f4, // 1/43
  0x05b0_5b05_b05b_05b0, 0x5b05_b05b_05b0_5b06, // 1/45
  0x0572_620a_e4c4_15c9, 0x882b_9310_5726_20ae, // 1/47
  0x0539_7829_cbc1_4e5e, 0x0a72_f053_9782_9cbc, // 1/49
]);

const COEFFICIENT_SIZE: usize = 16;

/** high:low = z × (c0 ± z × (c1 ± …)) for a fraction z; the coefficients lie `stride` apart. */
function series(at: usize, stride: usize, terms: u32, alternating: bool, zHigh: u64, zLow: u64): void {
  let from = at + <usize>(terms - 1) * stride;
  let sumHigh = load<u64>(from);
  let sumLow = load<u64>(from, 8);
  while (from > at) {
    from -= stride;
    multiplyFraction(sumHigh, sumLow, zHigh, zLow);
    if (alternating) subtract(load<u64>(from), load<u64>(from, 8), high, low);
    else add(load<u64>(from), load<u64>(from, 8), high, low);
    sumHigh = high;
    sumLow = low;
  }
  multiplyFraction(sumHigh, sumLow, zHigh, zLow);
}

/**
 * high:low = x × (1 ± high:low) for x with bit 127 set; answers by how much its exponent moved (-1, 0 or 1).
 * The last bit is sticky: none of these results is exact.
 */
function timesOnePlus(xHigh: u64, xLow: u64, minus: bool): i32 {
  multiplyFraction(xHigh, xLow, high, low);
  if (minus) {
    subtract(xHigh, xLow, high, low);
    subtract(high, low, 0, 1); // below x in any case, so that directed rounding sees it
    return normalize();
  }
  add(xHigh, xLow, high, low);
  const carried = high < xHigh || (high == xHigh && low < xLow);
  if (!carried) {
    stick();
    return 0;
  }
  shiftRight(high, low, 1);
  add(high, low, 1 << 63, 1);
  stick();
  return 1;
}

function stick(): void {
  assign(high, low | 1);
}

/** to = ±(0.high:low × 2^exponent), rounded as a number that is not exact. */
export function roundInexact(sign: u32, exponent: i32, to: Float80): void {
  round(sign, exponent - 1 + BIAS, high, low | 1, 0, to);
}

/**
 * high:low = numerator / divisor × 2^exponent, of nonzero 128-bit numbers, as 0.high:low × 2^the answer.
 */
export function ratio(
  numeratorHigh: u64,
  numeratorLow: u64,
  divisorHigh: u64,
  divisorLow: u64,
  exponent: i32,
): i32 {
  const numeratorZeros = leadingZeros(numeratorHigh, numeratorLow);
  shiftLeft(numeratorHigh, numeratorLow, numeratorZeros);
  shiftRight(high, low, 1); // below the divisor
  const aHigh = high;
  const aLow = low;
  const divisorZeros = leadingZeros(divisorHigh, divisorLow);
  shiftLeft(divisorHigh, divisorLow, divisorZeros);
  divideFraction(aHigh, aLow, high, low);
  return exponent + 1 + divisorZeros - numeratorZeros + normalize();
}

/** Shifts high:low until bit 127 is set; answers the change of exponent. */
export function normalize(): i32 {
  const zeros = leadingZeros(high, low);
  shiftLeft(high, low, zeros);
  return -zeros;
}

/** high:low = x² as a fixed-point fraction, for x = 0.xHigh:xLow × 2^exponent, exponent ≤ 0. */
function squareFraction(xHigh: u64, xLow: u64, exponent: i32): void {
  multiplyFraction(xHigh, xLow, xHigh, xLow);
  toFixed(high, low, 2 * exponent);
}

/** high:low = 0.xHigh:xLow × 2^exponent in fixed point, exponent ≤ 0. */
function toFixed(xHigh: u64, xLow: u64, exponent: i32): void {
  if (exponent <= -128) assign(0, 0);
  else shiftRight(xHigh, xLow, -exponent);
}

// Each function below takes x = 0.xHigh:xLow × 2^exponent with bit 127 set, leaves its result in high:low in the
// same form, and answers the result's exponent.

/** sin x, 0 < x < 0.8 */
export function sine(xHigh: u64, xLow: u64, exponent: i32): i32 {
  squareFraction(xHigh, xLow, exponent);
  series(RECIPROCAL_FACTORIALS + COEFFICIENT_SIZE, 2 * COEFFICIENT_SIZE, 14, true, high, low);
  return exponent + timesOnePlus(xHigh, xLow, true);
}

/** cos x, 0 < x < 0.8 */
export function cosine(xHigh: u64, xLow: u64, exponent: i32): i32 {
  squareFraction(xHigh, xLow, exponent);
  series(RECIPROCAL_FACTORIALS, 2 * COEFFICIENT_SIZE, 15, true, high, low);
  subtract(~0, ~0, high, low);
  return normalize();
}

/** atan x, 0 < x < 1/8 */
export function arctangent(xHigh: u64, xLow: u64, exponent: i32): i32 {
  squareFraction(xHigh, xLow, exponent);
  series(RECIPROCAL_ODDS, COEFFICIENT_SIZE, 19, true, high, low);
  return exponent + timesOnePlus(xHigh, xLow, true);
}

/** artanh x = ½ ln((1 + x) / (1 - x)), 0 < x < 0.18 */
export function areaTangent(xHigh: u64, xLow: u64, exponent: i32): i32 {
  squareFraction(xHigh, xLow, exponent);
  series(RECIPROCAL_ODDS, COEFFICIENT_SIZE, 24, false, high, low);
  return exponent + timesOnePlus(xHigh, xLow, false);
}

/** e^x - 1, or 1 - e^-x when `negative`; 0 < x < 0.7 */
export function exponential(xHigh: u64, xLow: u64, exponent: i32, negative: bool): i32 {
  toFixed(xHigh, xLow, exponent);
  series(RECIPROCAL_FACTORIALS, COEFFICIENT_SIZE, 29, negative, high, low);
  return exponent + timesOnePlus(xHigh, xLow, negative);
}
