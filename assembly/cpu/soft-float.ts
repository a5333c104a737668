// IEEE 754 arithmetic on 32- and 64-bit numbers in integers, exact in every mode of MXCSR: what WebAssembly's own
// arithmetic does not tell (exceptions) or cannot do (directed rounding, denormals as zero, flushing, x86's NaNs).
// T is f32 or f64 (or u16, the half of F16C); numbers travel as their bits, in a u64.
//
// A nonzero finite number is taken apart as mantissa * 2^(exponent - 63), the mantissa's top bit set. Below the
// bits that fit stands at least one that is *sticky*: set when anything nonzero was lost.
import {
  DENORMAL,
  DENORMALS_ARE_ZERO,
  FLUSH_TO_ZERO,
  INVALID,
  OVERFLOW,
  PRECISION,
  ROUND_DOWN,
  ROUND_NEAREST,
  ROUND_TO_ZERO,
  ROUND_UP,
  UNDERFLOW,
  ZERO_DIVIDE,
  isMasked,
  note,
  roundingControl,
} from "./mxcsr";
import { cpu } from "./state";
import { multiplyHigh } from "./wide";

const TOP: u64 = 1 << 63;

export function fractionBits<T>(): u64 {
  return sizeof<T>() == 2 ? 10 : sizeof<T>() == 4 ? 23 : 52;
}

function bias<T>(): i32 {
  return sizeof<T>() == 2 ? 15 : sizeof<T>() == 4 ? 127 : 1023;
}

function exponentMax<T>(): i32 {
  return sizeof<T>() == 2 ? 31 : sizeof<T>() == 4 ? 255 : 2047;
}

export function signBit<T>(): u64 {
  return sizeof<T>() == 2 ? 1 << 15 : sizeof<T>() == 4 ? 1 << 31 : 1 << 63;
}

function quietBit<T>(): u64 {
  return sizeof<T>() == 2 ? 1 << 9 : sizeof<T>() == 4 ? 1 << 22 : 1 << 51;
}

export function infinity<T>(): u64 {
  return sizeof<T>() == 2 ? 0x7c00 : sizeof<T>() == 4 ? 0x7f80_0000 : 0x7ff0_0000_0000_0000;
}

/** The QNaN that answers an invalid operation (SDM 1 table 4-3). */
export function indefinite<T>(): u64 {
  return sizeof<T>() == 4 ? 0xffc0_0000 : 0xfff8_0000_0000_0000;
}

export function magnitude<T>(x: u64): u64 {
  return x & (signBit<T>() - 1);
}

export function isNaN<T>(x: u64): bool {
  return magnitude<T>(x) > infinity<T>();
}

export function isSignalling<T>(x: u64): bool {
  return isNaN<T>(x) && (x & quietBit<T>()) == 0;
}

export function isInfinite<T>(x: u64): bool {
  return magnitude<T>(x) == infinity<T>();
}

export function isZero<T>(x: u64): bool {
  return magnitude<T>(x) == 0;
}

export function isDenormal<T>(x: u64): bool {
  return magnitude<T>(x) - 1 < ((<u64>1) << fractionBits<T>()) - 1;
}

export function isNegative<T>(x: u64): bool {
  return (x & signBit<T>()) != 0;
}

export function quiet<T>(x: u64): u64 {
  return x | quietBit<T>();
}

/** An operand as arithmetic sees it: with DAZ a denormal is a zero of its sign (SDM 1 §10.2.3.4). */
export function operand<T>(x: u64): u64 {
  return cpu.mxcsr & DENORMALS_ARE_ZERO && isDenormal<T>(x) ? x & signBit<T>() : x;
}

export function noteDenormal<T>(x: u64): void {
  if (isDenormal<T>(x)) note(DENORMAL);
}

export function invalid<T>(): u64 {
  note(INVALID);
  return indefinite<T>();
}

/** A NaN as result of an operation on one. */
export function answerNaN<T>(x: u64): u64 {
  if (isSignalling<T>(x)) note(INVALID);
  return quiet<T>(x);
}

/** The result where `a` or `b` is a NaN: the first that is one (SDM 1 table 4-7). */
export function answerNaNOfTwo<T>(a: u64, b: u64): u64 {
  if (isSignalling<T>(a) || isSignalling<T>(b)) note(INVALID);
  return quiet<T>(isNaN<T>(a) ? a : b);
}

/** Mantissa of a nonzero finite number, top bit set. */
export function mantissaOf<T>(x: u64): u64 {
  const fraction = x << (64 - fractionBits<T>());
  if (isDenormal<T>(x)) return (fraction >> 1) << (clz(fraction) + 1);
  return TOP | (fraction >> 1);
}

/** Exponent of a nonzero finite number: floor(log2(|x|)). */
export function exponentOf<T>(x: u64): i32 {
  if (isDenormal<T>(x)) return -bias<T>() - <i32>clz(x << (64 - fractionBits<T>()));
  return <i32>(magnitude<T>(x) >> fractionBits<T>()) - bias<T>();
}

/** `x` >> `count`, the lost bits gathered in the lowest. */
export function shiftRightSticky(x: u64, count: u64): u64 {
  if (count == 0) return x;
  if (count > 63) return <u64>(x != 0);
  const lost = x << (64 - count);
  return (x >> count) | (<u64>(lost != 0));
}

/** `mantissa` without its last `lost` bits, rounded as `control` says. */
function roundAway(negative: bool, mantissa: u64, lost: u64, control: u32): u64 {
  const kept = mantissa >> lost;
  const rest = mantissa & (((<u64>1) << lost) - 1);
  if (rest == 0 || control == ROUND_TO_ZERO) return kept;
  if (control == ROUND_NEAREST) {
    const half = (<u64>1) << (lost - 1);
    return kept + <u64>(rest > half || (rest == half && kept & 1));
  }
  return kept + <u64>((control == ROUND_DOWN) == negative);
}

/**
 * The number ±mantissa * 2^(exponent - 63), top bit set, rounded to T: overflow, underflow, precision. Underflow
 * is detected after rounding (SDM 1 §4.9.1.5), and flushing answers every tiny result (§10.2.3.3).
 */
export function roundPack<T>(negative: bool, exponent: i32, mantissa: u64): u64 {
  return roundTo<T>(negative, exponent, mantissa, roundingControl(), (cpu.mxcsr & FLUSH_TO_ZERO) != 0);
}

export function roundTo<T>(negative: bool, exponent: i32, mantissa: u64, control: u32, flush: bool): u64 {
  const lost = 63 - fractionBits<T>();
  const sign: u64 = negative ? signBit<T>() : 0;
  const biased = exponent + bias<T>();
  if (biased <= 0) {
    const carries = roundAway(negative, mantissa, lost, control) >> (fractionBits<T>() + 1) != 0;
    const tiny = biased < 0 || !carries;
    if (tiny && !isMasked(UNDERFLOW)) note(UNDERFLOW);
    else if (tiny && flush) {
      note(UNDERFLOW | PRECISION);
      return sign;
    }
    const denormal = shiftRightSticky(mantissa, <u64>(1 - biased));
    if (denormal & (((<u64>1) << lost) - 1)) note(tiny ? UNDERFLOW | PRECISION : PRECISION);
    return sign | roundAway(negative, denormal, lost, control);
  }
  // The integer bit, and a carry out of rounding, count up the exponent field.
  const packed = ((<u64>(biased - 1)) << fractionBits<T>()) + roundAway(negative, mantissa, lost, control);
  if (biased >= exponentMax<T>() || packed >= infinity<T>()) {
    note(OVERFLOW | PRECISION);
    const toInfinity = control == ROUND_NEAREST || control == (negative ? ROUND_DOWN : ROUND_UP);
    return sign | (infinity<T>() - <u64>!toInfinity);
  }
  if (mantissa & (((<u64>1) << lost) - 1)) note(PRECISION);
  return sign | packed;
}

/** Sum of a nonzero finite number and zero: the number, which may have to be flushed. */
export function plusZero<T>(x: u64): u64 {
  return roundPack<T>(isNegative<T>(x), exponentOf<T>(x), mantissaOf<T>(x));
}

/** Zero from numbers that cancel: positive but when rounding down (SDM 1 §4.8.3.1). */
export function cancelled<T>(): u64 {
  return roundingControl() == ROUND_DOWN ? signBit<T>() : 0;
}

export function softAdd<T>(first: u64, second: u64): u64 {
  const a = operand<T>(first);
  const b = operand<T>(second);
  if (isNaN<T>(a) || isNaN<T>(b)) return answerNaNOfTwo<T>(a, b);
  if (isInfinite<T>(a) && isInfinite<T>(b) && a != b) return invalid<T>();
  noteDenormal<T>(a);
  noteDenormal<T>(b);
  if (isInfinite<T>(a)) return a;
  if (isInfinite<T>(b)) return b;
  if (isZero<T>(a) && isZero<T>(b)) return a == b ? a : cancelled<T>();
  if (isZero<T>(a)) return plusZero<T>(b);
  if (isZero<T>(b)) return plusZero<T>(a);
  return magnitude<T>(a) < magnitude<T>(b) ? addSmaller<T>(b, a) : addSmaller<T>(a, b);
}

/** a + b for |a| >= |b| > 0. */
function addSmaller<T>(a: u64, b: u64): u64 {
  const negative = isNegative<T>(a);
  const exponent = exponentOf<T>(a);
  // Two bits of headroom: one for the carry, one more so that the sticky bit stays below the rounding bit.
  const larger = mantissaOf<T>(a) >> 2;
  const smaller = shiftRightSticky(mantissaOf<T>(b) >> 2, <u64>(exponent - exponentOf<T>(b)));
  const sum = negative == isNegative<T>(b) ? larger + smaller : larger - smaller;
  if (sum == 0) return cancelled<T>();
  const shift = clz(sum);
  return roundPack<T>(negative, exponent + 2 - <i32>shift, sum << shift);
}

export function softSubtract<T>(a: u64, b: u64): u64 {
  return softAdd<T>(a, isNaN<T>(b) ? b : b ^ signBit<T>());
}

export function softMultiply<T>(first: u64, second: u64): u64 {
  const a = operand<T>(first);
  const b = operand<T>(second);
  if (isNaN<T>(a) || isNaN<T>(b)) return answerNaNOfTwo<T>(a, b);
  const sign = (a ^ b) & signBit<T>();
  const infinite = isInfinite<T>(a) || isInfinite<T>(b);
  const zero = isZero<T>(a) || isZero<T>(b);
  if (infinite && zero) return invalid<T>();
  noteDenormal<T>(a);
  noteDenormal<T>(b);
  if (infinite) return sign | infinity<T>();
  if (zero) return sign;
  const high = multiplyHigh(mantissaOf<T>(a), mantissaOf<T>(b));
  const sticky = <u64>(mantissaOf<T>(a) * mantissaOf<T>(b) != 0);
  const carry = high >> 63;
  const mantissa = (high << (1 - carry)) | sticky;
  return roundPack<T>(sign != 0, exponentOf<T>(a) + exponentOf<T>(b) + <i32>carry, mantissa);
}

export function softDivide<T>(first: u64, second: u64): u64 {
  const a = operand<T>(first);
  const b = operand<T>(second);
  if (isNaN<T>(a) || isNaN<T>(b)) return answerNaNOfTwo<T>(a, b);
  const sign = (a ^ b) & signBit<T>();
  if (isInfinite<T>(a) && isInfinite<T>(b)) return invalid<T>();
  if (isZero<T>(b) && !isInfinite<T>(a)) {
    if (isZero<T>(a)) return invalid<T>();
    note(ZERO_DIVIDE);
    return sign | infinity<T>();
  }
  noteDenormal<T>(a);
  noteDenormal<T>(b);
  if (isInfinite<T>(a)) return sign | infinity<T>();
  if (isZero<T>(a) || isInfinite<T>(b)) return sign;
  // 53 bits by 53 bits; eleven more bits of the quotient with each step.
  const divisor = mantissaOf<T>(b) >> 11;
  let rest = mantissaOf<T>(a) >> 11;
  let quotient = rest / divisor;
  rest %= divisor;
  for (let step = 0; step < 5; step++) {
    rest <<= 11;
    quotient = (quotient << 11) | (rest / divisor);
    rest %= divisor;
  }
  const shift = clz(quotient); // 8 or 9: the quotient has 55 bits behind the point
  const mantissa = (quotient << shift) | (<u64>(rest != 0));
  return roundPack<T>(sign != 0, exponentOf<T>(a) - exponentOf<T>(b) + 8 - <i32>shift, mantissa);
}

export function softSquareRoot<T>(first: u64): u64 {
  const a = operand<T>(first);
  if (isNaN<T>(a)) return answerNaN<T>(a);
  if (isZero<T>(a)) return a;
  if (isNegative<T>(a)) return invalid<T>();
  noteDenormal<T>(a);
  if (isInfinite<T>(a)) return a;
  const exponent = exponentOf<T>(a);
  // The radicand, its point behind an even number of bits, enters two bits at a time.
  let radicand = mantissaOf<T>(a) >> (exponent & 1 ? 0 : 1);
  let root: u64 = 0;
  let rest: u64 = 0;
  for (let step = 0; step < 56; step++) {
    rest = (rest << 2) | (radicand >> 62);
    radicand <<= 2;
    const trial = (root << 2) | 1;
    const bit = rest >= trial;
    if (bit) rest -= trial;
    root = (root << 1) | (<u64>bit);
  }
  return roundPack<T>(false, exponent >> 1, (root << 8) | (<u64>(rest != 0)));
}

/** f32 → f64, exact, and f64 → f32, rounded. */
export function convertFloat<From, To>(first: u64): u64 {
  const a = operand<From>(first);
  if (isSpecial<From>(a)) return convertSpecial<From, To>(a);
  noteDenormal<From>(a);
  return roundPack<To>(isNegative<From>(a), exponentOf<From>(a), mantissaOf<From>(a));
}

export function isSpecial<T>(x: u64): bool {
  return isZero<T>(x) || magnitude<T>(x) >= infinity<T>();
}

/** A zero, an infinity or a NaN in another format; a NaN's payload keeps its upper bits. */
export function convertSpecial<From, To>(a: u64): u64 {
  const sign: u64 = isNegative<From>(a) ? signBit<To>() : 0;
  if (isZero<From>(a)) return sign;
  if (isInfinite<From>(a)) return sign | infinity<To>();
  const payload = answerNaN<From>(a) << (64 - fractionBits<From>());
  return sign | infinity<To>() | (payload >> (64 - fractionBits<To>()));
}

/** A signed integer as T. */
export function fromInteger<T>(value: i64): u64 {
  if (value == 0) return 0;
  const size = value < 0 ? 0 - <u64>value : <u64>value;
  const shift = clz(size);
  return roundPack<T>(value < 0, 63 - <i32>shift, size << shift);
}
