// Addition and subtraction.
import { Float80, SIGN } from "./float80";
import { answersNaNOfTwo, invalid, noteDenormals } from "./float80-nan";
import { round } from "./float80-round";
import { high, leadingZeros, low, shiftLeft, shiftRightSticky, subtract as subtractWide } from "./wide";
import { ROUND_DOWN, x87 } from "./x87-state";

export function add(a: Float80, b: Float80, to: Float80): void {
  addSigned(a, b, b.sign, to);
}

export function subtract(a: Float80, b: Float80, to: Float80): void {
  addSigned(a, b, b.sign ^ SIGN, to);
}

/** to = a + b, where b counts with `bSign`. */
function addSigned(a: Float80, b: Float80, bSign: u32, to: Float80): void {
  if (!a.isNormal || !b.isNormal) {
    if (answersNaNOfTwo(a, b, to)) return;
    noteDenormals(a, b);
    if (a.isInfinity && b.isInfinity && a.sign != bSign) {
      invalid(to);
      return;
    }
    if (a.isInfinity) {
      to.copy(a);
      return;
    }
    if (b.isInfinity) {
      to.setInfinity(bSign);
      return;
    }
    if (a.isZero && b.isZero && a.sign == bSign) {
      to.copy(a);
      return;
    }
  }
  if (a.scale >= b.scale) addOrdered(a.sign, a.scale, a.mantissa, bSign, b.scale, b.mantissa, to);
  else addOrdered(bSign, b.scale, b.mantissa, a.sign, a.scale, a.mantissa, to);
}

/** Adds two numbers, the one with the greater exponent first. */
function addOrdered(aSign: u32, aScale: i32, a: u64, bSign: u32, bScale: i32, b: u64, to: Float80): void {
  shiftRightSticky(b, 0, aScale - bScale);
  if (aSign == bSign) {
    const sum = a + high;
    if (sum < a)
      round(
        aSign,
        aScale + 1,
        (sum >> 1) | (1 << 63),
        (sum << 63) | (low >> 1) | (low & 1),
        x87.lostBits,
        to,
      );
    else normalizeAndRound(aSign, aScale, sum, low, to);
    return;
  }
  subtractWide(a, 0, high, low);
  if (aScale == bScale && a < b) normalizeAndRound(bSign, aScale, 0 - high, 0, to);
  else if ((high | low) == 0) to.setZero(x87.rounding == ROUND_DOWN ? SIGN : 0);
  else normalizeAndRound(aSign, aScale, high, low, to);
}

function normalizeAndRound(sign: u32, exponent: i32, significand: u64, below: u64, to: Float80): void {
  const zeros = leadingZeros(significand, below);
  shiftLeft(significand, below, zeros);
  round(sign, exponent - zeros, high, low, x87.lostBits, to);
}
