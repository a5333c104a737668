// One SIMD floating-point number at a time, T = f32 or f64. Ordinary numbers under an ordinary MXCSR (everything
// masked, rounding to nearest) take WebAssembly's own arithmetic, and while the sticky precision flag is clear a
// test whether the result is exact. Everything else is worked out in integers (cpu/soft-float.ts).
import {
  INVALID,
  PRECISION,
  ROUND_DOWN,
  ROUND_NEAREST,
  ROUND_UP,
  isOrdinary,
  note,
  roundingControl,
} from "../mxcsr";
import {
  answerNaN,
  convertFloat,
  fractionBits,
  indefinite,
  infinity,
  isDenormal,
  isNaN,
  isSignalling,
  magnitude,
  noteDenormal,
  operand,
  softAdd,
  softDivide,
  softMultiply,
  softSquareRoot,
  softSubtract,
} from "../soft-float";
import { cpu } from "../state";

export function bitsOf<T>(x: T): u64 {
  if (sizeof<T>() == 4) return <u64>reinterpret<u32>(<f32>x);
  return reinterpret<u64>(<f64>x);
}

export function fromBits<T>(bits: u64): T {
  if (sizeof<T>() == 4) return <T>reinterpret<f32>(<u32>bits);
  return <T>reinterpret<f64>(bits);
}

/** Neither zero, denormal, infinite nor NaN: the exponent field is not at either end, so plus one it exceeds 1. */
function isNormal<T>(x: T): bool {
  if (sizeof<T>() == 4) return ((<u32>bitsOf<T>(x) + 0x0080_0000) & 0x7f00_0000) != 0;
  return ((bitsOf<T>(x) + 0x0010_0000_0000_0000) & 0x7fe0_0000_0000_0000) != 0;
}

function areNormal<T>(a: T, b: T, result: T): bool {
  return isNormal<T>(a) && isNormal<T>(b) && isNormal<T>(result);
}

function precisionIsNoted(): bool {
  return (cpu.mxcsr & PRECISION) != 0;
}

export function add<T>(a: T, b: T): T {
  const sum = a + b;
  if (!isOrdinary() || !areNormal<T>(a, b, sum)) return fromBits<T>(softAdd<T>(bitsOf<T>(a), bitsOf<T>(b)));
  if (!precisionIsNoted() && !isExactSum<T>(a, b, sum)) note(PRECISION);
  return sum;
}

export function subtract<T>(a: T, b: T): T {
  const difference = a - b;
  if (!isOrdinary() || !areNormal<T>(a, b, difference))
    return fromBits<T>(softSubtract<T>(bitsOf<T>(a), bitsOf<T>(b)));
  if (!precisionIsNoted() && !isExactSum<T>(a, -b, difference)) note(PRECISION);
  return difference;
}

export function multiply<T>(a: T, b: T): T {
  const product = a * b;
  if (!isOrdinary() || !areNormal<T>(a, b, product))
    return fromBits<T>(softMultiply<T>(bitsOf<T>(a), bitsOf<T>(b)));
  if (!precisionIsNoted() && !fitsProduct<T>(a, b)) note(PRECISION);
  return product;
}

export function divide<T>(a: T, b: T): T {
  const quotient = a / b;
  if (!isOrdinary() || !areNormal<T>(a, b, quotient))
    return fromBits<T>(softDivide<T>(bitsOf<T>(a), bitsOf<T>(b)));
  if (!precisionIsNoted() && !(fitsProduct<T>(quotient, b) && quotient * b == a)) note(PRECISION);
  return quotient;
}

export function squareRoot<T>(a: T): T {
  if (!isOrdinary() || !isNormal<T>(a) || bitsOf<T>(a) > infinity<T>())
    return fromBits<T>(softSquareRoot<T>(bitsOf<T>(a)));
  const root = sqrt<T>(a);
  if (!precisionIsNoted() && !(fitsProduct<T>(root, root) && root * root == a)) note(PRECISION);
  return root;
}

/** Whether nothing was rounded off `sum`: the error of a sum is a number itself (Knuth's TwoSum). */
function isExactSum<T>(a: T, b: T, sum: T): bool {
  const bPart = sum - a;
  const aPart = sum - bPart;
  return a - aPart + (b - bPart) == 0;
}

/** Whether the product of two normal numbers, itself in range, needs no more bits than a significand has. */
function fitsProduct<T>(a: T, b: T): bool {
  const aOdd = oddPart<T>(a);
  const bOdd = oddPart<T>(b);
  // A product of n by m bits has n + m bits or one less.
  const bits = 128 - clz(aOdd) - clz(bOdd);
  const available = fractionBits<T>() + 1;
  if (bits <= available) return true;
  return bits == available + 1 && (aOdd * bOdd) >> available == 0;
}

/** The significand of a normal number as an odd integer. */
function oddPart<T>(x: T): u64 {
  const integerBit = (<u64>1) << fractionBits<T>();
  const significand = (bitsOf<T>(x) & (integerBit - 1)) | integerBit;
  return significand >> ctz(significand);
}

/** MIN: the second operand if either is a NaN or both are zeros (SDM 2B MINPD). */
export function minimum<T>(a: T, b: T): T {
  if (isNormal<T>(a) && isNormal<T>(b)) return a < b ? a : b;
  return select<T>(flushed<T>(a), flushed<T>(b), isOrdered<T>(a, b) && flushed<T>(a) < flushed<T>(b));
}

export function maximum<T>(a: T, b: T): T {
  if (isNormal<T>(a) && isNormal<T>(b)) return a > b ? a : b;
  return select<T>(flushed<T>(a), flushed<T>(b), isOrdered<T>(a, b) && flushed<T>(a) > flushed<T>(b));
}

function flushed<T>(x: T): T {
  return fromBits<T>(operand<T>(bitsOf<T>(x)));
}

/** Notes what a comparison raises; any NaN is invalid to it. False if there is one. */
function isOrdered<T>(a: T, b: T): bool {
  return compareOperands<T>(a, b, true);
}

/**
 * Notes what a comparison of `a` with `b` raises: invalid for a signalling NaN, and for a quiet one if `signals`;
 * else denormal. False if either is a NaN.
 */
function compareOperands<T>(a: T, b: T, signals: bool): bool {
  const first = operand<T>(bitsOf<T>(a));
  const second = operand<T>(bitsOf<T>(b));
  if (isNaN<T>(first) || isNaN<T>(second)) {
    if (signals || isSignalling<T>(first) || isSignalling<T>(second)) note(INVALID);
    return false;
  }
  noteDenormal<T>(first);
  noteDenormal<T>(second);
  return true;
}

/** Outcome of a comparison, one bit each, so that a predicate is a set of them. */
export const UNORDERED: u32 = 1 << 0;
export const LESS: u32 = 1 << 1;
export const EQUAL: u32 = 1 << 2;
export const GREATER: u32 = 1 << 3;

/** How `a` stands to `b`. */
export function compare<T>(a: T, b: T, signals: bool): u32 {
  if (!isNormal<T>(a) || !isNormal<T>(b)) {
    if (!compareOperands<T>(a, b, signals)) return UNORDERED;
    a = flushed<T>(a);
    b = flushed<T>(b);
  }
  return a == b ? EQUAL : a < b ? LESS : GREATER;
}

/** Predicates of CMPPS by the low four bits of the immediate (SDM 2A table 3-1). Bit 4 turns `signals` over. */
// prettier-ignore
const PREDICATES = memory.data<u8>([
  /* EQ  */ 0b0100, /* LT  */ 0b0010, /* LE  */ 0b0110, /* UNORD */ 0b0001,
  /* NEQ */ 0b1011, /* NLT */ 0b1101, /* NLE */ 0b1001, /* ORD   */ 0b1110,
  /* EQ_U  */ 0b0101, /* NGE */ 0b0011, /* NGT */ 0b0111, /* FALSE */ 0b0000,
  /* NEQ_O */ 0b1010, /* GE  */ 0b1100, /* GT  */ 0b1000, /* TRUE  */ 0b1111,
]);
/** The predicates, as bits, that signal on a quiet NaN: LT LE NLT NLE, NGE NGT GE GT. */
const SIGNALLING_PREDICATES: u32 = 0b0110_0110_0110_0110;

/** Whether CMPPS's `predicate` (0-31) holds. */
export function compares<T>(a: T, b: T, predicate: u32): bool {
  const kind = predicate & 15;
  const signals = (((SIGNALLING_PREDICATES >> kind) ^ (predicate >> 4)) & 1) != 0;
  return (compare<T>(a, b, signals) & load<u8>(PREDICATES + <usize>kind)) != 0;
}

/** `x` as an integral number, rounded as `control` (ROUND_*) says. */
export function toIntegral<T>(x: T, control: u32): T {
  if (control == ROUND_NEAREST) return nearest<T>(x);
  if (control == ROUND_DOWN) return floor<T>(x);
  if (control == ROUND_UP) return ceil<T>(x);
  return trunc<T>(x);
}

/** ROUNDSD and its kin (SDM 2B): bit 2 of the immediate means MXCSR's rounding, bit 3 no precision exception. */
export function roundToIntegral<T>(a: T, immediate: u32): T {
  if (isNaN<T>(bitsOf<T>(a))) return fromBits<T>(answerNaN<T>(bitsOf<T>(a)));
  const x = flushed<T>(a);
  const rounded = toIntegral<T>(x, immediate & 4 ? roundingControl() : immediate & 3);
  if (rounded != x && (immediate & 8) == 0) note(PRECISION);
  return rounded;
}

/** A number as a signed integer of type I; what does not fit is the integer indefinite (SDM 1 §4.8.3.7). */
export function toInteger<T, I>(a: T, control: u32): I {
  const x = <f64>flushed<T>(a);
  const rounded = toIntegral<f64>(x, control);
  const limit: f64 = sizeof<I>() == 4 ? 2147483648.0 : 9223372036854775808.0;
  if (!(rounded >= -limit && rounded < limit)) {
    note(INVALID);
    return sizeof<I>() == 4 ? <I>i32.MIN_VALUE : <I>i64.MIN_VALUE;
  }
  if (rounded != x) note(PRECISION);
  return <I>rounded;
}

export function toDouble(a: f32): f64 {
  if (isNormal<f32>(a)) return <f64>a;
  return fromBits<f64>(convertFloat<f32, f64>(bitsOf<f32>(a)));
}

export function toSingle(a: f64): f32 {
  const single = <f32>a;
  if (!isOrdinary() || !isNormal<f64>(a) || !isNormal<f32>(single))
    return fromBits<f32>(convertFloat<f64, f32>(bitsOf<f64>(a)));
  if (<f64>single != a) note(PRECISION);
  return single;
}

/**
 * RCPSS: the manual allows a relative error of 1.5 * 2^-12; ours is the reciprocal rounded to single precision.
 * It raises nothing, takes denormals for zeros and makes none (SDM 2B RCPPS).
 */
export function reciprocal(a: f32): f32 {
  const bits = bitsOf<f32>(a);
  if (isNaN<f32>(bits)) return fromBits<f32>(bits | 0x0040_0000);
  if (isDenormal<f32>(bits)) return fromBits<f32>((bits & 0x8000_0000) | infinity<f32>());
  return withoutDenormal(<f32>1.0 / a);
}

/** RSQRTSS, with the same licence: -0 gives -infinity, other negative numbers the indefinite. */
export function reciprocalSquareRoot(a: f32): f32 {
  const bits = bitsOf<f32>(a);
  if (isNaN<f32>(bits)) return fromBits<f32>(bits | 0x0040_0000);
  if (isDenormal<f32>(bits) || magnitude<f32>(bits) == 0)
    return fromBits<f32>((bits & 0x8000_0000) | infinity<f32>());
  if (bits & 0x8000_0000) return fromBits<f32>(indefinite<f32>());
  return <f32>(1.0 / Math.sqrt(<f64>a));
}

function withoutDenormal(x: f32): f32 {
  const bits = bitsOf<f32>(x);
  return isDenormal<f32>(bits) ? fromBits<f32>(bits & 0x8000_0000) : x;
}
