// FSIN, FCOS, FSINCOS and FPTAN. Arguments are reduced by π/2 to 66 bits, as the processors do it: what they
// compute is the function of the argument modulo that number (SDM 1 §8.3.8).
import { BIAS, Float80, SIGN } from "./float80";
import { normalMantissa, normalScale } from "./float80-multiply";
import { answersNaN, invalid } from "./float80-nan";
import { cosine, ratio, roundInexact, sine } from "./float80-series";
import { assign, high, leadingZeros, low, shiftLeft, subtract } from "./wide";
import { DENORMAL, x87 } from "./x87-state";

/** π/2 × 2^65 */
const HALF_PI_HIGH: u64 = 0x3;
const HALF_PI_LOW: u64 = 0x243f_6a88_85a3_08d3;

// The reduced angle |argument| = n × π/2 ± 0.angleHigh:angleLow × 2^angleExponent, below π/4.
let angleHigh: u64 = 0;
let angleLow: u64 = 0;
let angleExponent: i32 = 0;
let angleNegative: bool = false;
/** n modulo 4 */
let quadrant: u32 = 0;

/** Whether |a| is too large to reduce: C2 = 1 and nothing changes. */
export function isOutOfRange(a: Float80): bool {
  return a.exponent >= BIAS + 63 && !a.isNaN && !a.isInfinity && !a.isUnsupported;
}

function reduce(a: Float80): void {
  const mantissa = normalMantissa(a);
  const power = normalScale(a) - BIAS; // a = 1.… × 2^power
  quadrant = 0;
  angleNegative = false;
  if (power < -1) {
    setAngle(mantissa, 0, power + 1);
    return;
  }
  // a in units of 2^-65 is mantissa << (power + 2): divide by long division, 64 bits of it first.
  let restHigh: u64 = 0;
  let restLow = mantissa;
  for (let step = power + 2; ; step--) {
    quadrant <<= 1;
    if (restHigh > HALF_PI_HIGH || (restHigh == HALF_PI_HIGH && restLow >= HALF_PI_LOW)) {
      subtract(restHigh, restLow, HALF_PI_HIGH, HALF_PI_LOW);
      restHigh = high;
      restLow = low;
      quadrant |= 1;
    }
    if (step == 0) break;
    restHigh = (restHigh << 1) | (restLow >> 63);
    restLow <<= 1;
  }
  subtract(HALF_PI_HIGH, HALF_PI_LOW, restHigh, restLow);
  if (high < restHigh || (high == restHigh && low < restLow)) {
    angleNegative = true;
    quadrant++;
    restHigh = high;
    restLow = low;
  }
  quadrant &= 3;
  setAngle(restHigh, restLow, 63); // 128 - 65
}

function setAngle(aHigh: u64, aLow: u64, exponent: i32): void {
  const zeros = leadingZeros(aHigh, aLow);
  shiftLeft(aHigh, aLow, zeros);
  angleHigh = high;
  angleLow = low;
  angleExponent = exponent - zeros;
}

/** The sine of the angle `turns` quadrants ahead. */
function sineAhead(turns: u32, sign: u32, to: Float80): void {
  const at = (quadrant + turns) & 3;
  let negative: u32 = at >= 2 ? SIGN : 0;
  if ((at & 1) == 0 && angleNegative) negative ^= SIGN;
  const exponent =
    at & 1 ? cosine(angleHigh, angleLow, angleExponent) : sine(angleHigh, angleLow, angleExponent);
  roundInexact(sign ^ negative, exponent, to);
}

/** Whether `a` is no number to reduce; then sine and cosine have their answer. */
function answersSpecial(a: Float80, sineTo: Float80, cosineTo: Float80): bool {
  if (a.isInfinity) invalid(sineTo);
  else if (!answersNaN(a, sineTo)) {
    if (a.isDenormal) x87.raised |= DENORMAL;
    if (!a.isZero) return false;
    sineTo.copy(a);
    cosineTo.setOne(0);
    return true;
  }
  cosineTo.copy(sineTo);
  return true;
}

export function sineAndCosine(a: Float80, sineTo: Float80, cosineTo: Float80): void {
  if (answersSpecial(a, sineTo, cosineTo)) return;
  reduce(a);
  sineAhead(0, a.sign, sineTo);
  sineAhead(1, 0, cosineTo);
}

export function sineOf(a: Float80, to: Float80, scratch: Float80): void {
  if (answersSpecial(a, to, scratch)) return;
  reduce(a);
  sineAhead(0, a.sign, to);
}

export function cosineOf(a: Float80, to: Float80, scratch: Float80): void {
  if (answersSpecial(a, scratch, to)) return;
  reduce(a);
  sineAhead(1, 0, to);
}

/** tan a = ±sine / cosine, or in odd quadrants cosine / sine, of the reduced angle. */
export function tangentOf(a: Float80, to: Float80, scratch: Float80): void {
  if (answersSpecial(a, to, scratch)) return;
  reduce(a);
  if (angleExponent < -64) {
    // Just above the angle; the quotient below would not be exact enough to tell.
    assign(angleHigh, angleLow);
    roundInexact(a.sign, angleExponent, to);
    return;
  }
  const sineExponent = sine(angleHigh, angleLow, angleExponent);
  const sineHigh = high;
  const sineLow = low;
  const cosineExponent = cosine(angleHigh, angleLow, angleExponent);
  const odd = (quadrant & 1) != 0;
  const exponent = odd
    ? ratio(high, low, sineHigh, sineLow, cosineExponent - sineExponent)
    : ratio(sineHigh, sineLow, high, low, sineExponent - cosineExponent);
  roundInexact(angleNegative != odd ? a.sign ^ SIGN : a.sign, exponent, to);
}
