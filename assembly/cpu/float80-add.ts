// Addition and subtraction.
import { Float80, INTEGER_BIT, SIGN } from "./float80";
import { answersNaNOfTwo, invalid, noteDenormals } from "./float80-nan";
import { roundResult } from "./float80-round";
import { high, leadingZeros, low, shiftLeft } from "./wide";
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

/** Adds two numbers, the one with the greater exponent first. Local words, not wide.ts: this is the hottest sum. */
function addOrdered(aSign: u32, aScale: i32, a: u64, bSign: u32, bScale: i32, b: u64, to: Float80): void {
  const distance = aScale - bScale;
  let aligned = b;
  let below: u64 = 0; // what of b lies behind the last place of a; its last bit is sticky
  if (distance != 0) {
    aligned = distance < 64 ? b >> distance : 0;
    below = distance < 64 ? b << (64 - distance) : shiftOutSticky(b, distance - 64);
  }
  if (aSign == bSign) {
    const sum = a + aligned;
    if (sum >= a) normalizeAndRound(aSign, aScale, sum, below, to);
    else
      roundResult(aSign, aScale + 1, (sum >> 1) | INTEGER_BIT, (sum << 63) | (below >> 1) | (below & 1), to);
    return;
  }
  const difference = a - aligned - <u64>(below != 0);
  if (distance == 0 && a < b) normalizeAndRound(bSign, aScale, b - a, 0, to);
  else if ((difference | below) == 0) to.setZero(x87.rounding == ROUND_DOWN ? SIGN : 0);
  else normalizeAndRound(aSign, aScale, difference, 0 - below, to);
}

/** What is left of a word that lies wholly behind the last place, with everything behind it in its last bit. */
function shiftOutSticky(word: u64, count: i32): u64 {
  if (count == 0) return word;
  if (count >= 64) return <u64>(word != 0);
  return (word >> count) | (<u64>(word << (64 - count) != 0));
}

function normalizeAndRound(sign: u32, exponent: i32, significand: u64, below: u64, to: Float80): void {
  if (significand >= INTEGER_BIT) {
    roundResult(sign, exponent, significand, below, to);
    return;
  }
  const zeros = leadingZeros(significand, below);
  shiftLeft(significand, below, zeros);
  roundResult(sign, exponent - zeros, high, low, to);
}
