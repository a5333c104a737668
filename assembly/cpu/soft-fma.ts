// Fused multiply-add: the product keeps all its bits until the sum is rounded (SDM 1 §14.5).
import { INVALID, note } from "./mxcsr";
import {
  cancelled,
  exponentOf,
  infinity,
  invalid,
  isInfinite,
  isNaN,
  isNegative,
  isSignalling,
  isZero,
  mantissaOf,
  noteDenormal,
  operand,
  quiet,
  roundPack,
  signBit,
} from "./soft-float";
import {
  add,
  assign,
  high,
  leadingZeros,
  low,
  multiply,
  shiftLeft,
  shiftRight,
  shiftRightSticky,
  subtract,
} from "./wide";

/** ±(x * y) ± z; of several NaNs the first in that order is the answer. */
export function softFma<T>(
  first: u64,
  second: u64,
  third: u64,
  negateProduct: bool,
  negateAddend: bool,
): u64 {
  const x = operand<T>(first);
  const y = operand<T>(second);
  const z = operand<T>(third);
  if (isNaN<T>(x) || isNaN<T>(y) || isNaN<T>(z)) {
    if (isSignalling<T>(x) || isSignalling<T>(y) || isSignalling<T>(z)) note(INVALID);
    return quiet<T>(isNaN<T>(x) ? x : isNaN<T>(y) ? y : z);
  }
  const isNegativeProduct = (isNegative<T>(x) != isNegative<T>(y)) != negateProduct;
  const isNegativeAddend = isNegative<T>(z) != negateAddend;
  const isZeroProduct = isZero<T>(x) || isZero<T>(y);
  const isInfiniteProduct = isInfinite<T>(x) || isInfinite<T>(y);
  if (isInfiniteProduct) {
    if (isZeroProduct || (isInfinite<T>(z) && isNegativeProduct != isNegativeAddend)) return invalid<T>();
  }
  noteDenormal<T>(x);
  noteDenormal<T>(y);
  noteDenormal<T>(z);
  if (isInfiniteProduct) return signed<T>(isNegativeProduct, infinity<T>());
  if (isInfinite<T>(z)) return signed<T>(isNegativeAddend, infinity<T>());
  if (isZeroProduct) {
    if (!isZero<T>(z)) return roundPack<T>(isNegativeAddend, exponentOf<T>(z), mantissaOf<T>(z));
    return isNegativeProduct == isNegativeAddend ? signed<T>(isNegativeProduct, 0) : cancelled<T>();
  }
  multiply(mantissaOf<T>(x), mantissaOf<T>(y));
  const exponent = exponentOf<T>(x) + exponentOf<T>(y) + 1; // of bit 127 of the product
  if (isZero<T>(z)) return normalizeAndRound<T>(isNegativeProduct, exponent);
  return sum<T>(isNegativeProduct, exponent, isNegativeAddend, exponentOf<T>(z), mantissaOf<T>(z));
}

function signed<T>(negative: bool, magnitude: u64): u64 {
  return negative ? magnitude | signBit<T>() : magnitude;
}

/** The product in high:low plus the addend. */
function sum<T>(
  isNegativeProduct: bool,
  productExponent: i32,
  isNegativeAddend: bool,
  addendExponent: i32,
  addend: u64,
): u64 {
  // Two bits of headroom, which the significands leave free below; then the smaller exponent's is moved down.
  shiftRight(high, low, 2);
  const difference = productExponent - addendExponent;
  if (difference < 0) shiftRightSticky(high, low, -difference);
  const productHigh = high;
  const productLow = low;
  if (difference > 0) shiftRightSticky(addend >> 2, addend << 62, difference);
  else assign(addend >> 2, addend << 62);

  let negative = isNegativeProduct;
  if (isNegativeProduct == isNegativeAddend) add(productHigh, productLow, high, low);
  else {
    subtract(productHigh, productLow, high, low);
    if (<i64>high < 0) {
      negative = !negative;
      subtract(0, 0, high, low);
    }
    if ((high | low) == 0) return cancelled<T>();
  }
  return normalizeAndRound<T>(negative, max<i32>(productExponent, addendExponent) + 2);
}

/** Rounds high:low, whose bit 127 stands for 2^exponent. */
function normalizeAndRound<T>(negative: bool, exponent: i32): u64 {
  const shift = leadingZeros(high, low);
  shiftLeft(high, low, shift);
  return roundPack<T>(negative, exponent - shift, high | (<u64>(low != 0)));
}
