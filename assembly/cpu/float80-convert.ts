// Conversions between the extended format and what memory holds: singles, doubles, integers, packed BCD.
import { BIAS, EXPONENT_MAX, Float80, INTEGER_BIT, SIGN } from "./float80";
import { overflowsToInfinity, roundSignificand, roundingCarries } from "./float80-round";
import { high, low, shiftRightSticky } from "./wide";
import { C1, DENORMAL, INVALID, OVERFLOW, PRECISION, UNDERFLOW, x87 } from "./x87-state";

const ONE: u64 = 1;

/** The integer that stands for "cannot be represented" in a signed field of `bits` (SDM 1 §4.8.3.7 and §8.5.1.2). */
function integerIndefinite(bits: u32): u64 {
  return ~(<u64>0) << (bits - 1);
}

/** to = a single (T = u32) or a double (T = u64). Raises #D for denormals, which become ordinary numbers. */
export function fromFloat<T>(bits: T, to: Float80): void {
  const fractionBits: u64 = sizeof<T>() == 4 ? 23 : 52;
  const exponentMax: i32 = sizeof<T>() == 4 ? 0xff : 0x7ff;
  const bias: i32 = sizeof<T>() == 4 ? 127 : 1023;
  const word = <u64>bits;
  const sign: u32 = word >> (sizeof<T>() * 8 - 1) ? SIGN : 0;
  const exponent = (<i32>(word >> fractionBits)) & exponentMax;
  const fraction = (word << (64 - fractionBits)) >> 1; // left of it, bit 63 is the integer bit
  if (exponent != 0 && exponent != exponentMax) {
    to.set(sign | (exponent - bias + BIAS), INTEGER_BIT | fraction);
  } else if (exponent == exponentMax) {
    to.set(sign | EXPONENT_MAX, INTEGER_BIT | fraction); // an SNaN stays one until an operation meets it
  } else if (fraction == 0) {
    to.setZero(sign);
  } else {
    x87.raised |= DENORMAL;
    const zeros = clz(fraction);
    to.set(sign | (1 - bias + BIAS - <i32>zeros), fraction << zeros);
  }
}

/** The single (T = u32) or double (T = u64) that `value` rounds to; what it raises is in `x87.raised`. */
export function toFloat<T>(value: Float80): T {
  const fractionBits: u64 = sizeof<T>() == 4 ? 23 : 52;
  const exponentMax: i32 = sizeof<T>() == 4 ? 0xff : 0x7ff;
  const bias: i32 = sizeof<T>() == 4 ? 127 : 1023;
  const lost: u32 = sizeof<T>() == 4 ? 40 : 11;
  const sign = value.sign;
  const signShift: u64 = sizeof<T>() * 8 - 1;
  const signBit: u64 = sign ? ONE << signShift : 0;
  const infinity = signBit | ((<u64>exponentMax) << fractionBits);
  if (!value.isNormal) {
    const quiet = ONE << (fractionBits - 1);
    if (value.isUnsupported) {
      x87.raised |= INVALID;
      return <T>((ONE << signShift) | infinity | quiet);
    }
    if (value.isNaN) {
      if (value.isSignalling) x87.raised |= INVALID;
      return <T>(infinity | quiet | ((value.mantissa << 1) >> (64 - fractionBits)));
    }
    if (value.isInfinity) return <T>infinity;
    if (value.isZero) return <T>signBit;
  }

  const zeros = clz(value.mantissa);
  const significand = value.mantissa << zeros;
  let exponent = value.scale - <i32>zeros - BIAS + bias;
  if (exponent <= 0) {
    const tiny = exponent < 0 || !roundingCarries(sign, significand, 0, lost);
    if (tiny && (x87.control & UNDERFLOW) == 0) {
      x87.raised |= UNDERFLOW; // nothing will be stored
      return 0;
    }
    shiftRightSticky(significand, 0, 1 - exponent);
    const mantissa = roundSignificand(sign, high, low, lost);
    if (tiny && x87.raised & PRECISION) x87.raised |= UNDERFLOW;
    return <T>(signBit | (mantissa >> lost)); // a carry into the integer bit makes exponent 1 by itself
  }
  let mantissa = roundSignificand(sign, significand, 0, lost);
  if (mantissa == 0) {
    mantissa = INTEGER_BIT;
    exponent++;
  }
  if (exponent < exponentMax)
    return <T>(signBit | ((<u64>exponent) << fractionBits) | ((mantissa << 1) >> (64 - fractionBits)));
  if ((x87.control & OVERFLOW) == 0) {
    x87.raised = OVERFLOW; // nothing will be stored
    return 0;
  }
  x87.raised |= OVERFLOW | PRECISION;
  if (overflowsToInfinity(sign)) {
    x87.raised |= C1;
    return <T>infinity;
  }
  x87.raised &= ~C1;
  return <T>(infinity - 1);
}

export function fromInteger(value: i64, to: Float80): void {
  if (value == 0) {
    to.setZero(0);
    return;
  }
  const sign: u32 = value < 0 ? SIGN : 0;
  const magnitude = value < 0 ? <u64>-value : <u64>value;
  const zeros = clz(magnitude);
  to.set(sign | (BIAS + 63 - <i32>zeros), magnitude << zeros);
}

/** The magnitude of `value` rounded to an integer under RC; ~0 and #IA for what is beyond `limit` or no number. */
function integerMagnitude(value: Float80, limit: u64): u64 {
  const exponent = value.exponent;
  if (exponent >= BIAS + 64 || value.isUnsupported) {
    x87.raised |= INVALID;
    return ~0;
  }
  shiftRightSticky(value.mantissa, 0, BIAS + 63 - exponent);
  const magnitude = roundSignificand(value.sign, high, low, 0);
  const carried = magnitude == 0 && <i64>high < 0;
  if (magnitude <= limit && !carried) return magnitude;
  x87.raised = (x87.raised & ~(PRECISION | C1)) | INVALID;
  return ~0;
}

/** `value` as a signed integer of `bits` bits. */
export function toInteger(value: Float80, bits: u32): u64 {
  const negative = value.sign != 0;
  const limit = (ONE << (bits - 1)) - <u64>!negative;
  const magnitude = integerMagnitude(value, limit);
  if (x87.raised & INVALID) return integerIndefinite(bits);
  return negative ? 0 - magnitude : magnitude;
}

/** FISTTP: truncates whatever RC says. */
export function toIntegerTruncated(value: Float80, bits: u32): u64 {
  const control = x87.control;
  x87.control = control | (3 << 10);
  const integer = toInteger(value, bits);
  x87.control = control;
  return integer;
}

const BCD_LIMIT: u64 = 999_999_999_999_999_999;

/** Packed BCD (SDM 1 §4.7): `digits` two to a byte, low ones first; `sign` is the tenth byte. Digits above 9 count. */
export function fromBcd(digits: u64, top: u32, to: Float80): void {
  let integer: u64 = 0;
  integer = <u64>((top >> 4) & 15) * 10 + <u64>(top & 15);
  for (let shift: i32 = 60; shift >= 0; shift -= 4) integer = integer * 10 + ((digits >> shift) & 15);
  fromInteger(<i64>integer, to);
  if (top & SIGN) to.set(to.signExponent | SIGN, to.mantissa);
}

/** The magnitude that FBSTP stores as decimal digits, or ~0 when `value` does not fit in 18 of them. */
export function toDecimalMagnitude(value: Float80): u64 {
  return integerMagnitude(value, BCD_LIMIT);
}

/** The low `count` decimal digits of `integer`, packed. */
export function packDigits(integer: u64, count: i32): u64 {
  let packed: u64 = 0;
  for (let digit = 0; digit < count; digit++) {
    packed |= (integer % 10) << (digit << 2);
    integer /= 10;
  }
  return packed;
}
