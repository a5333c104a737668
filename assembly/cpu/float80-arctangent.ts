// FPATAN: the angle of the point (x, y).
import { Float80 } from "./float80";
import { normalMantissa, normalScale } from "./float80-multiply";
import { answersNaNOfTwo, noteDenormals } from "./float80-nan";
import { arctangent, normalize, ratio, roundInexact } from "./float80-series";
import { add, high, low, shiftLeft, shiftRight, shiftRightSticky, subtract } from "./wide";

/** atan(k/8) at (k - 1) × 16, a fixed-point fraction. */
// prettier-ignore
const ARCTANGENTS: usize = memory.data<u64>([
  0x1fd5_ba9a_ac2f_6dc6, 0x5912_f313_e7d1_11df, // atan(1/8)
  0x3eb6_ebf2_5901_bac5, 0x5b71_e7bd_7de8_85f9, // atan(2/8)
  0x5bd8_6507_937b_c239, 0xc551_9091_6e7f_2242, // atan(3/8)
  0x76b1_9c15_86ed_3da2, 0xb7f2_22f6_5e1d_4682, // atan(4/8)
  0x8f00_5d5e_f7f5_9f9b, 0x5c83_5e16_65c4_3748, // atan(5/8)
  0xa4bc_7d19_34f7_0924, 0x19a8_7f2a_457d_ac9f, // atan(6/8)
  0xb805_3e2b_c231_9e73, 0xcb2d_a552_10a4_443d, // atan(7/8)
  0xc90f_daa2_2168_c234, 0xc4c6_628b_80dc_1cd1, // atan(8/8)
]);

/** π as a fixed-point number with two bits before the point. */
const PI_HIGH: u64 = 0xc90f_daa2_2168_c234;
const PI_LOW: u64 = 0xc4c6_628b_80dc_1cd1;

/** to = ±eighths × π/8 */
function deliverEighths(sign: u32, eighths: u32, to: Float80): void {
  shiftRight(PI_HIGH, PI_LOW, eighths == 8 ? 0 : eighths == 4 ? 1 : 2);
  if (eighths == 6) {
    const quarterHigh = high;
    const quarterLow = low;
    shiftRight(PI_HIGH, PI_LOW, 1);
    add(high, low, quarterHigh, quarterLow);
  }
  const shift = normalize();
  roundInexact(sign, 2 + shift, to);
}

/** FPATAN: arctan(y / x) in the quadrant of the point (SDM 2A table 3-30) */
export function arctangentOfRatio(y: Float80, x: Float80, to: Float80): void {
  if (answersNaNOfTwo(y, x, to)) return;
  noteDenormals(y, x);
  const left = x.sign != 0;
  if (y.isInfinity) {
    deliverEighths(y.sign, x.isInfinity ? (left ? 6 : 2) : 4, to);
  } else if (x.isInfinity || y.isZero) {
    if (left) deliverEighths(y.sign, 8, to);
    else to.setZero(y.sign);
  } else if (x.isZero) {
    deliverEighths(y.sign, 4, to);
  } else {
    arctangentOfNumbers(y, x, to);
  }
}

function arctangentOfNumbers(y: Float80, x: Float80, to: Float80): void {
  const yMantissa = normalMantissa(y);
  const xMantissa = normalMantissa(x);
  const distance = normalScale(y) - normalScale(x);
  // The angle to the nearer axis is at most π/4: swap the two above it.
  const steep = distance > 0 || (distance == 0 && yMantissa > xMantissa);
  const exponent = steep ? angle(xMantissa, yMantissa, -distance) : angle(yMantissa, xMantissa, distance);
  if (!steep && !x.sign) {
    roundInexact(y.sign, exponent, to);
    return;
  }
  // π/2 ± angle, or π - angle, in fixed point with two bits before the point
  shiftRightSticky(high, low, min(2 - exponent, 200));
  const angleHigh = high;
  const angleLow = low;
  shiftRight(PI_HIGH, PI_LOW, steep ? 1 : 0);
  if (steep && x.sign) add(high, low, angleHigh, angleLow);
  else subtract(high, low, angleHigh, angleLow);
  const shift = normalize();
  roundInexact(y.sign, 2 + shift, to);
}

/**
 * high:low = arctan(small / large × 2^distance), a ratio of at most 1, as 0.high:low × 2^the answer.
 */
function angle(small: u64, large: u64, distance: i32): i32 {
  // The nearest k/8 is taken out: arctan r = arctan c + arctan((r - c) / (1 + c r)), which leaves |t| < 1/15.
  const k = eighths(small, large, distance);
  if (k == 0) return arctangentOfFraction(small, 0, large, 0, distance);
  // numerator 8 small - k large, divisor 8 large + k small, where large counts 2^-distance times
  const shift = -distance;
  multiplySmall(large, k, shift);
  const kLargeHigh = high;
  const kLargeLow = low;
  multiplySmall(small, 8, 0);
  const above = high > kLargeHigh || (high == kLargeHigh && low >= kLargeLow);
  if (above) subtract(high, low, kLargeHigh, kLargeLow);
  else subtract(kLargeHigh, kLargeLow, high, low);
  const numeratorHigh = high;
  const numeratorLow = low;
  let exponent = -128;
  if ((numeratorHigh | numeratorLow) != 0) {
    multiplySmall(small, k, 0);
    const kSmallHigh = high;
    const kSmallLow = low;
    multiplySmall(large, 8, shift);
    add(high, low, kSmallHigh, kSmallLow);
    exponent = arctangentOfFraction(numeratorHigh, numeratorLow, high, low, 0);
    shiftRightSticky(high, low, min(-exponent, 200));
  }
  const restHigh = high;
  const restLow = low;
  const base = ARCTANGENTS + <usize>(k - 1) * 16;
  if (above) add(load<u64>(base), load<u64>(base, 8), restHigh, restLow);
  else subtract(load<u64>(base), load<u64>(base, 8), restHigh, restLow);
  return normalize();
}

/** The k for which k/8 is nearest to the ratio, near enough. */
function eighths(small: u64, large: u64, distance: i32): u32 {
  if (distance < -5) return 0;
  const quotient = <f64>small / <f64>large / <f64>(1 << -distance);
  return <u32>(quotient * 8.0 + 0.5);
}

/** high:low = value × factor << shift, for a factor of up to 8 and a shift of up to 5. */
function multiplySmall(value: u64, factor: u32, shift: i32): void {
  const lower = (value & 0xffff_ffff) * factor;
  const upper = (value >> 32) * factor + (lower >> 32);
  shiftLeft(upper >> 32, (upper << 32) | (lower & 0xffff_ffff), shift);
}

/** arctan of numerator / divisor × 2^exponent, below 1/8; answers the result's exponent. */
function arctangentOfFraction(
  numeratorHigh: u64,
  numeratorLow: u64,
  divisorHigh: u64,
  divisorLow: u64,
  exponent: i32,
): i32 {
  const shifted = ratio(numeratorHigh, numeratorLow, divisorHigh, divisorLow, exponent);
  return arctangent(high, low, shifted);
}
