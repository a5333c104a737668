// The last step of every x87 operation: an exact or sticky 128-bit significand becomes a Float80 under the
// control word's rounding, precision and masks (SDM 1 §4.8.4, §4.9.1, §8.5.4-8.5.6).
import { EXPONENT_MAX, Float80, INTEGER_BIT } from "./float80";
import { high, low, shiftRightSticky } from "./wide";
import { C1, OVERFLOW, PRECISION, ROUND_DOWN, ROUND_NEAREST, ROUND_UP, UNDERFLOW, x87 } from "./x87-state";

const HALF: u64 = 1 << 63;
/** Unmasked overflow and underflow answer with an exponent moved by 3 × 2^13 into range (SDM 1 §8.5.4). */
const EXPONENT_WRAP: i32 = 24576;

/** What lies behind the last kept bit of high:low, as a fraction of 2^64 with a sticky end. */
function fractionBehind(high: u64, low: u64, lost: u32): u64 {
  return lost == 0 ? low : (high << (64 - lost)) | (<u64>(low != 0));
}

/** Whether `fraction` rounds away from zero. `odd`: the last kept bit is 1. */
export function roundsAway(sign: u32, odd: bool, fraction: u64): bool {
  const rounding = x87.rounding;
  if (rounding == ROUND_NEAREST) return fraction > HALF || (fraction == HALF && odd);
  if (rounding == ROUND_DOWN) return sign != 0 && fraction != 0;
  if (rounding == ROUND_UP) return sign == 0 && fraction != 0;
  return false;
}

/**
 * Rounds `significand` + fraction to a multiple of 2^lost, raises #P and tells in C1 whether it went up.
 * A carry out of bit 63 leaves 0.
 */
export function roundSignificand(sign: u32, significand: u64, below: u64, lost: u32): u64 {
  const fraction = fractionBehind(significand, below, lost);
  if (fraction == 0) return significand;
  x87.raised |= PRECISION;
  const kept = (significand >> lost) << lost;
  if (!roundsAway(sign, ((significand >> lost) & 1) != 0, fraction)) return kept;
  x87.raised |= C1;
  return kept + ((<u64>1) << lost);
}

/** Whether rounding carries out of bit 63: a number just below a power of two that ends up as it. */
export function roundingCarries(sign: u32, significand: u64, below: u64, lost: u32): bool {
  const ones = (~(<u64>0) >> lost) << lost;
  return (significand & ones) == ones && roundsAway(sign, true, fractionBehind(significand, below, lost));
}

/** Whether an overflow under this rounding gives infinity rather than the largest number (SDM 1 table 4-10). */
export function overflowsToInfinity(sign: u32): bool {
  const rounding = x87.rounding;
  return rounding == ROUND_NEAREST || rounding == (sign != 0 ? ROUND_DOWN : ROUND_UP);
}

/** The result of an operation: ±significand.below × 2^(exponent - bias), bit 63 of the significand set, under the control word. */
export function roundResult(sign: u32, exponent: i32, significand: u64, below: u64, to: Float80): void {
  // Nearly always: to the nearest of 64 bits, far from the ends of the range.
  if (!x87.roundsPlainly || <u32>(exponent - 1) >= <u32>(EXPONENT_MAX - 2)) {
    round(sign, exponent, significand, below, x87.lostBits, to);
    return;
  }
  const up = (below >> 63) & ((<u64>(below << 1 != 0)) | significand);
  let mantissa = significand + up;
  if (mantissa < up) {
    mantissa = INTEGER_BIT;
    exponent++;
  }
  if (below) x87.raised |= PRECISION | (<u32>up * C1);
  to.set(sign | exponent, mantissa);
}

/**
 * to = ±significand.below × 2^(exponent - bias), bit 63 of the significand set, rounded to 64 - `lost` bits.
 */
export function round(sign: u32, exponent: i32, significand: u64, below: u64, lost: u32, to: Float80): void {
  if (exponent <= 0) {
    roundTiny(sign, exponent, significand, below, lost, to);
    return;
  }
  let mantissa = roundSignificand(sign, significand, below, lost);
  if (mantissa == 0) {
    mantissa = INTEGER_BIT;
    exponent++;
  }
  if (exponent < EXPONENT_MAX) to.set(sign | exponent, mantissa);
  else overflow(sign, exponent, mantissa, lost, to);
}

function overflow(sign: u32, exponent: i32, mantissa: u64, lost: u32, to: Float80): void {
  x87.raised |= OVERFLOW;
  if ((x87.control & OVERFLOW) == 0) {
    // Only FSCALE can leave even the moved range; its answer is then infinity, or below zero (SDM 1 §8.5.4).
    if (exponent - EXPONENT_WRAP < EXPONENT_MAX) to.set(sign | (exponent - EXPONENT_WRAP), mantissa);
    else {
      x87.raised |= PRECISION | C1;
      to.setInfinity(sign);
    }
    return;
  }
  x87.raised |= PRECISION;
  if (overflowsToInfinity(sign)) {
    x87.raised |= C1;
    to.setInfinity(sign);
  } else {
    x87.raised &= ~C1;
    to.set(sign | (EXPONENT_MAX - 1), (~(<u64>0) >> lost) << lost);
  }
}

/** The result's exponent is below the range: a denormal, or by the unmasked response a number moved into range. */
function roundTiny(sign: u32, exponent: i32, significand: u64, below: u64, lost: u32, to: Float80): void {
  // Tiny is what is below 2^-16382 after rounding as if the exponent had no bounds (SDM 1 §4.9.1.5).
  const tiny = exponent < 0 || !roundingCarries(sign, significand, below, lost);
  if (tiny && (x87.control & UNDERFLOW) == 0) {
    x87.raised |= UNDERFLOW;
    if (exponent + EXPONENT_WRAP > 0) round(sign, exponent + EXPONENT_WRAP, significand, below, lost, to);
    else {
      x87.raised |= PRECISION;
      to.setZero(sign);
    }
    return;
  }
  shiftRightSticky(significand, below, 1 - exponent);
  const mantissa = roundSignificand(sign, high, low, lost);
  if (tiny && x87.raised & PRECISION) x87.raised |= UNDERFLOW;
  to.set(sign | (<u32>(mantissa >> 63)), mantissa); // rounding may have carried into the integer bit: exponent 1
}
