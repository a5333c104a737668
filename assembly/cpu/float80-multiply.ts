// Multiplication, division and square root.
import { BIAS, Float80, INTEGER_BIT } from "./float80";
import { answersNaN, answersNaNOfTwo, invalid, noteDenormals } from "./float80-nan";
import { roundResult } from "./float80-round";
import {
  divide as divideWide,
  high,
  low,
  multiply as multiplyWide,
  multiplyHigh,
  subtract as subtractWide,
} from "./wide";
import { DENORMAL, ZERO_DIVIDE, x87 } from "./x87-state";

const HALF: u64 = 1 << 63;

/** The mantissa with bit 63 set; `normalScale` is the exponent that goes with it. Not for zero. */
export function normalMantissa(value: Float80): u64 {
  return value.mantissa << clz(value.mantissa);
}

export function normalScale(value: Float80): i32 {
  return value.scale - <i32>clz(value.mantissa);
}

export function multiply(a: Float80, b: Float80, to: Float80): void {
  const sign = a.sign ^ b.sign;
  if (!a.isNormal || !b.isNormal) {
    if (answersNaNOfTwo(a, b, to)) return;
    if ((a.isInfinity && b.isZero) || (a.isZero && b.isInfinity)) {
      invalid(to);
      return;
    }
    noteDenormals(a, b);
    if (a.isInfinity || b.isInfinity) {
      to.setInfinity(sign);
      return;
    }
    if (a.isZero || b.isZero) {
      to.setZero(sign);
      return;
    }
  }
  const exponent = normalScale(a) + normalScale(b) - BIAS;
  const x = normalMantissa(a);
  const y = normalMantissa(b);
  const upper = multiplyHigh(x, y);
  const lower = x * y;
  if (upper >= INTEGER_BIT) roundResult(sign, exponent + 1, upper, lower, to);
  else roundResult(sign, exponent, (upper << 1) | (lower >> 63), lower << 1, to);
}

export function divide(a: Float80, b: Float80, to: Float80): void {
  const sign = a.sign ^ b.sign;
  if (!a.isNormal || !b.isNormal) {
    if (answersNaNOfTwo(a, b, to)) return;
    if ((a.isInfinity && b.isInfinity) || (a.isZero && b.isZero)) {
      invalid(to);
      return;
    }
    if (b.isZero && !a.isInfinity) {
      x87.raised = ZERO_DIVIDE; // before any denormal is looked at
      to.setInfinity(sign);
      return;
    }
    noteDenormals(a, b);
    if (a.isInfinity) {
      to.setInfinity(sign);
      return;
    }
    if (a.isZero || b.isInfinity) {
      to.setZero(sign);
      return;
    }
  }
  const numerator = normalMantissa(a);
  const divisor = normalMantissa(b);
  // The quotient's bit 63 is set: of a numerator that is not below the divisor, half is taken.
  const halved: u64 = numerator >= divisor ? 1 : 0;
  const exponent = normalScale(a) - normalScale(b) + BIAS - 1 + <i32>halved;
  const quotient = divideWide(numerator >> halved, halved ? numerator << 63 : 0, divisor);
  roundResult(sign, exponent, quotient, behindQuotient(low, divisor), to);
}

/** A remainder as what rounding must know of it: none, below half, half, above half. */
function behindQuotient(remainder: u64, divisor: u64): u64 {
  const rest = divisor - remainder;
  return remainder == 0 ? 0 : remainder < rest ? 1 : remainder == rest ? HALF : HALF | 1;
}

export function squareRoot(a: Float80, to: Float80): void {
  if (answersNaN(a, to)) return;
  if (a.isZero) {
    to.copy(a);
    return;
  }
  if (a.sign) {
    invalid(to);
    return;
  }
  if (a.isInfinity) {
    to.copy(a);
    return;
  }
  if (a.isDenormal) x87.raised |= DENORMAL;
  // root = √radicand with the radicand in [2^126, 2^128), so the root fills 64 bits.
  const mantissa = normalMantissa(a);
  const scale = normalScale(a) - BIAS;
  const odd = (scale & 1) != 0;
  const radicandHigh = odd ? mantissa : mantissa >> 1;
  const radicandLow: u64 = odd ? 0 : mantissa << 63;
  const root = integerRoot(radicandHigh, radicandLow);
  multiplyWide(root, root);
  subtractWide(radicandHigh, radicandLow, high, low);
  // (root + ½)² = root² + root + ¼: a remainder above `root` is beyond half, and none is half.
  const below: u64 = (high | low) == 0 ? 0 : high == 0 && low <= root ? 1 : HALF | 1;
  roundResult(0, (scale >> 1) + BIAS, root, below, to);
}

/** ⌊√(high:low)⌋ for a radicand of at least 2^126. */
function integerRoot(radicandHigh: u64, radicandLow: u64): u64 {
  const TWO_64: f64 = 18446744073709551616.0;
  const estimate = Math.sqrt(<f64>radicandHigh) * 4294967296.0;
  let root: u64 = estimate >= TWO_64 ? ~0 : <u64>estimate;
  // One Newton step in f64 brings the estimate's 53 bits to within a few units.
  multiplyWide(root, root);
  subtractWide(radicandHigh, radicandLow, high, low);
  const residual = <f64>(<i64>high) * TWO_64 + <f64>low;
  const correction = <i64>(residual / (2.0 * <f64>root));
  const corrected = root + correction;
  if (correction >= 0 && corrected < root) root = ~0;
  else root = corrected;
  for (;;) {
    multiplyWide(root, root);
    if (high < radicandHigh || (high == radicandHigh && low <= radicandLow)) break;
    root--;
  }
  for (; root != ~0; root++) {
    multiplyWide(root + 1, root + 1);
    if (high > radicandHigh || (high == radicandHigh && low > radicandLow)) break;
  }
  return root;
}
