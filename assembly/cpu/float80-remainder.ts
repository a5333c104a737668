// What takes a number apart: partial remainder, rounding to an integer, scaling, exponent and significand.
import { BIAS, Float80, SIGN } from "./float80";
import { fromInteger } from "./float80-convert";
import { normalMantissa, normalScale } from "./float80-multiply";
import { answersNaN, answersNaNOfTwo, invalid, noteDenormals } from "./float80-nan";
import { round, roundSignificand } from "./float80-round";
import { high, low, shiftRightSticky } from "./wide";
import { C0, C1, C2, C3, DENORMAL, ZERO_DIVIDE, x87 } from "./x87-state";

/**
 * FPREM (`nearest` false: the quotient is truncated) and FPREM1 (rounded to nearest even). Answers the condition
 * codes: C2 while the reduction is not complete, else the quotient's low bits 2, 1, 0 in C0, C3, C1 (SDM 2A).
 */
export function remainder(a: Float80, b: Float80, nearest: bool, to: Float80): u32 {
  if (!a.isNormal || !b.isNormal) {
    if (answersNaNOfTwo(a, b, to)) return 0;
    if (a.isInfinity || b.isZero) {
      invalid(to);
      return 0;
    }
    noteDenormals(a, b);
    if (a.isZero || b.isInfinity) {
      to.copyNumber(a);
      return 0;
    }
  }
  const distance = normalScale(a) - normalScale(b);
  if (distance >= 0) return divideForRemainder(a, b, distance, nearest, to);
  if (distance == -1 && nearest && normalMantissa(a) > normalMantissa(b)) {
    // Above b/2 the nearest quotient is 1. The rest b - a in the last places of a: 2 × b's mantissa - a's.
    deliver(a.sign ^ SIGN, normalScale(a), 2 * normalMantissa(b) - normalMantissa(a), to);
    return C1;
  }
  deliver(a.sign, normalScale(a), normalMantissa(a), to);
  return 0;
}

/** The long division of `remainder`, for an exponent of a that is `distance` above that of b. */
function divideForRemainder(a: Float80, b: Float80, distance: i32, nearest: bool, to: Float80): u32 {
  // Beyond 2^63 one execution takes 32 to 63 bits off the distance and asks to be run again.
  const complete = distance < 64;
  const steps = complete ? distance : 32 + (distance & 31);
  const divisor = normalMantissa(b);
  let rest = normalMantissa(a);
  let carry: u64 = 0;
  let quotient: u64 = 0;
  for (let step = 0; ; step++) {
    quotient <<= 1;
    if (carry || rest >= divisor) {
      rest -= divisor;
      quotient |= 1;
    }
    if (step == steps) break;
    carry = rest >> 63;
    rest <<= 1;
  }
  let sign = a.sign;
  if (complete && nearest) {
    const other = divisor - rest;
    if (rest > other || (rest == other && quotient & 1)) {
      rest = other;
      sign ^= SIGN;
      quotient++;
    }
  }
  if (rest == 0) to.setZero(a.sign);
  else deliver(sign, normalScale(a) - steps, rest, to);
  if (!complete) return C2;
  return (quotient & 4 ? C0 : 0) | (quotient & 2 ? C3 : 0) | (quotient & 1 ? C1 : 0);
}

/** to = ±mantissa × 2^(scale - bias - 63), which is exact, or tiny. */
function deliver(sign: u32, scale: i32, mantissa: u64, to: Float80): void {
  const zeros = clz(mantissa);
  round(sign, scale - <i32>zeros, mantissa << zeros, 0, 0, to);
}

/** FRNDINT */
export function roundToInteger(a: Float80, to: Float80): void {
  if (answersNaN(a, to)) return;
  if (a.isDenormal) x87.raised |= DENORMAL;
  const exponent = a.exponent;
  if (exponent >= BIAS + 63 || a.isZero) {
    to.copy(a);
    return;
  }
  shiftRightSticky(a.mantissa, 0, BIAS + 63 - exponent);
  const integer = roundSignificand(a.sign, high, low, 0);
  if (integer == 0) to.setZero(a.sign);
  else to.set(a.sign | (BIAS + 63 - <i32>clz(integer)), integer << clz(integer));
}

/** FSCALE: a × 2^trunc(b). */
export function scaleByPower(a: Float80, b: Float80, to: Float80): void {
  if (answersNaNOfTwo(a, b, to)) return;
  if ((b.isInfinity && b.sign && a.isInfinity) || (b.isInfinity && !b.sign && a.isZero)) {
    invalid(to);
    return;
  }
  noteDenormals(a, b);
  if (a.isInfinity || a.isZero || b.isZero) {
    to.copyNumber(a);
    return;
  }
  if (b.isInfinity) {
    if (b.sign) to.setZero(a.sign);
    else to.setInfinity(a.sign);
    return;
  }
  // 2^17 is beyond every distance between two exponents, also after the unmasked response's move.
  const power =
    b.exponent < BIAS ? 0 : b.exponent > BIAS + 16 ? 1 << 17 : <i32>(b.mantissa >> (BIAS + 63 - b.exponent));
  round(a.sign, normalScale(a) + (b.sign ? -power : power), normalMantissa(a), 0, 0, to);
}

/** FXTRACT: the unbiased exponent of `a`, and `a` with exponent 0. */
export function extract(a: Float80, exponentTo: Float80, significandTo: Float80): void {
  if (answersNaN(a, significandTo)) {
    exponentTo.copy(significandTo);
  } else if (a.isZero) {
    x87.raised |= ZERO_DIVIDE;
    exponentTo.setInfinity(SIGN);
    significandTo.copy(a);
  } else if (a.isInfinity) {
    exponentTo.setInfinity(0);
    significandTo.copy(a);
  } else {
    if (a.isDenormal) x87.raised |= DENORMAL;
    fromInteger(normalScale(a) - BIAS, exponentTo);
    significandTo.set(a.sign | BIAS, normalMantissa(a));
  }
}
