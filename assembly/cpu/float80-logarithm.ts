// FYL2X, FYL2XP1 and F2XM1: logarithms and powers to the base 2.
import { BIAS, Float80, INTEGER_BIT, SIGN } from "./float80";
import { normalMantissa, normalScale } from "./float80-multiply";
import { answersNaN, answersNaNOfTwo, invalid, noteDenormals } from "./float80-nan";
import { round } from "./float80-round";
import { areaTangent, exponential, normalize, ratio, roundInexact } from "./float80-series";
import { add, assign, high, low, multiplyFraction, shiftRight, shiftRightSticky, subtract } from "./wide";
import { DENORMAL, PRECISION, ZERO_DIVIDE, x87 } from "./x87-state";

/** ln 2 and log2 e, the point in front: ln 2 × 2^0, log2 e × 2^-1. */
const LN_2_HIGH: u64 = 0xb172_17f7_d1cf_79ab;
const LN_2_LOW: u64 = 0xc9e3_b398_03f2_f6af;
const LOG2_E_HIGH: u64 = 0xb8aa_3b29_5c17_f0bb;
const LOG2_E_LOW: u64 = 0xbe87_fed0_691d_3e89;
/** √2 as a mantissa */
const ROOT_2: u64 = 0xb504_f333_f9de_6484;

/** F2XM1: 2^a - 1. Outside [-1, 1] the manual leaves the result open; processors return the operand. */
export function powerMinusOne(a: Float80, to: Float80): void {
  if (answersNaN(a, to)) return;
  if (a.isInfinity) {
    if (a.sign) to.setOne(SIGN);
    else to.copy(a);
    return;
  }
  if (a.isDenormal) x87.raised |= DENORMAL;
  const beyond = a.exponent > BIAS || (a.exponent == BIAS && a.mantissa != INTEGER_BIT);
  if (a.isZero || beyond) {
    if (beyond) x87.raised |= PRECISION;
    to.copy(a);
    return;
  }
  x87.raised |= PRECISION; // whatever the result: processors do not look for exact ones
  if (a.exponent == BIAS) {
    to.set(a.sign ? SIGN | (BIAS - 1) : BIAS, INTEGER_BIT); // ±1
    return;
  }
  multiplyFraction(LN_2_HIGH, LN_2_LOW, normalMantissa(a), 0);
  const shift = normalize();
  const exponent = exponential(high, low, normalScale(a) - BIAS + 1 + shift, a.sign != 0);
  roundInexact(a.sign, exponent, to);
}

// log2 of a number as sign and 0.high:low × 2^logExponent
let logNegative: bool = false;
let logExponent: i32 = 0;

/**
 * log2((1 + s) / (1 - s)) for s = numerator / divisor, |s| < 0.18; both 128-bit numbers on the same scale.
 */
function logarithmOfRatio(
  numeratorHigh: u64,
  numeratorLow: u64,
  divisorHigh: u64,
  divisorLow: u64,
  exponent: i32,
): void {
  const s = ratio(numeratorHigh, numeratorLow, divisorHigh, divisorLow, exponent);
  const tangent = areaTangent(high, low, s);
  multiplyFraction(high, low, LOG2_E_HIGH, LOG2_E_LOW);
  logExponent = tangent + 2 + normalize(); // 2 artanh s × log2 e
}

/** log2 of mantissa × 2^power, for a mantissa in [1, 2) given as 1.63 bits with `below` behind; answers exactness. */
function logarithm(mantissa: u64, below: u64, power: i32): bool {
  logNegative = false;
  // The mantissa moves into (√½, √2), so that it never cancels against the power.
  let whole = power;
  const halved = mantissa > ROOT_2;
  if (halved) whole++;
  const exact = mantissa == INTEGER_BIT && below == 0;
  if (exact) {
    assign(0, 0);
  } else {
    // s = (m - 1) / (m + 1), on a scale where 1 is 2^126
    const one = INTEGER_BIT >> 1;
    shiftRight(mantissa, below, halved ? 2 : 1);
    const mHigh = high;
    const mLow = low;
    if (halved) subtract(one, 0, mHigh, mLow);
    else subtract(mHigh, mLow, one, 0);
    const numeratorHigh = high;
    const numeratorLow = low;
    add(mHigh, mLow, one, 0);
    logarithmOfRatio(numeratorHigh, numeratorLow, high, low, 0);
    logNegative = halved;
    if (whole == 0) return false;
    shiftRightSticky(high, low, 16 - logExponent);
  }
  // whole ± fraction in fixed point with 16 bits before the point
  const fractionHigh = high;
  const fractionLow = low;
  const magnitude = (<u64>abs(whole)) << 48;
  if (logNegative == whole < 0) add(magnitude, 0, fractionHigh, fractionLow);
  else subtract(magnitude, 0, fractionHigh, fractionLow);
  logNegative = whole < 0;
  logExponent = 16;
  if ((high | low) != 0) logExponent += normalize();
  return exact;
}

/** to = y × log2, rounded; `exact` when the logarithm is a whole number. */
function timesLogarithm(y: Float80, exact: bool, to: Float80): void {
  const sign = y.sign ^ (logNegative ? SIGN : 0);
  if ((high | low) == 0) {
    to.setZero(sign);
    return;
  }
  x87.raised |= PRECISION; // as for F2XM1
  const exponent = logExponent + normalScale(y) - BIAS + 1;
  multiplyFraction(high, low, normalMantissa(y), 0);
  const shift = normalize();
  round(sign, exponent + shift - 1 + BIAS, high, exact ? low : low | 1, 0, to);
}

/** FYL2X: y × log2 x (SDM 2A table 3-51) */
export function yLog2(x: Float80, y: Float80, to: Float80): void {
  if (answersNaNOfTwo(x, y, to)) return;
  const isOne = x.exponent == BIAS && x.mantissa == INTEGER_BIT;
  if (
    (x.sign && !x.isZero) ||
    (x.isZero && y.isZero) ||
    (x.isInfinity && y.isZero) ||
    (isOne && y.isInfinity)
  ) {
    invalid(to);
    return;
  }
  const belowOne = x.exponent < BIAS;
  const sign = belowOne ? y.sign ^ SIGN : y.sign;
  if (x.isZero && !y.isInfinity) {
    x87.raised |= ZERO_DIVIDE;
    to.setInfinity(sign);
    return;
  }
  noteDenormals(x, y);
  if (x.isZero || x.isInfinity || y.isInfinity) to.setInfinity(sign);
  else if (y.isZero) to.setZero(sign);
  else timesLogarithm(y, logarithm(normalMantissa(x), 0, normalScale(x) - BIAS), to);
}

/**
 * FYL2XP1: y × log2(1 + x). Outside ±(1 - √½) the manual leaves the result open; here it stays the logarithm,
 * and where there is none the answer is x, as processors have it.
 */
export function yLog2OfOnePlus(x: Float80, y: Float80, to: Float80): void {
  if (answersNaNOfTwo(x, y, to)) return;
  if ((x.isInfinity && (y.isZero || x.sign)) || (x.isZero && y.isInfinity)) {
    invalid(to);
    return;
  }
  noteDenormals(x, y);
  const sign = x.sign ^ y.sign;
  if (x.isInfinity || y.isInfinity) to.setInfinity(sign);
  else if (x.isZero || y.isZero) to.setZero(sign);
  else if (x.sign && x.exponent >= BIAS) {
    x87.raised |= PRECISION;
    to.copy(x);
  } else timesLogarithm(y, logarithmOfOnePlus(x), to);
}

function logarithmOfOnePlus(x: Float80): bool {
  const mantissa = normalMantissa(x);
  const power = normalScale(x) - BIAS; // x = 1.… × 2^power
  if (power < -2) {
    // s = x / (2 + x), on a scale where 1 is 2^126
    if (power < -126) assign(0, 0);
    else shiftRight(mantissa, 0, 1 - power);
    if (x.sign) subtract(INTEGER_BIT, 0, high, low);
    else add(INTEGER_BIT, 0, high, low);
    logarithmOfRatio(mantissa, 0, high, low, power - 1);
    logNegative = x.sign != 0;
    return false;
  }
  // 1 + x as mantissa and power
  if (power >= 63) return logarithm(mantissa, 0, power);
  const unit = max(power, 0) + 1;
  shiftRightSticky(mantissa, 0, unit - power);
  const xHigh = high;
  const xLow = low;
  shiftRight(INTEGER_BIT, 0, unit);
  if (x.sign) subtract(high, low, xHigh, xLow);
  else add(high, low, xHigh, xLow);
  const shift = normalize();
  return logarithm(high, low, unit + shift);
}
