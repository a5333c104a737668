// 128-bit unsigned arithmetic on pairs of u64. WebAssembly has no such type and AssemblyScript no tuples, so the
// answers that need two words come in `high` and `low`: read them before the next call.

export let high: u64 = 0;
export let low: u64 = 0;

export function assign(toHigh: u64, toLow: u64): void {
  high = toHigh;
  low = toLow;
}

/** high:low = a × b. */
export function multiply(a: u64, b: u64): void {
  high = multiplyHigh(a, b);
  low = a * b;
}

/** The upper half of a × b. */
export function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffff_ffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffff_ffff;
  const bHigh = b >> 32;
  const bottom = aLow * bLow;
  const cross = aHigh * bLow + (bottom >> 32);
  const middle = aLow * bHigh + (cross & 0xffff_ffff);
  return aHigh * bHigh + (cross >> 32) + (middle >> 32);
}

/** high:low = the upper half of the product of two 128-bit numbers, at most 3 units too small. */
export function multiplyFraction(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): void {
  const cross = multiplyHigh(aHigh, bLow);
  const other = multiplyHigh(aLow, bHigh);
  multiply(aHigh, bHigh);
  addWord(cross);
  addWord(other);
}

function addWord(word: u64): void {
  low += word;
  if (low < word) high++;
}

/** high:low = a + b, modulo 2^128. */
export function add(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): void {
  const sum = aLow + bLow;
  assign(aHigh + bHigh + <u64>(sum < aLow), sum);
}

/** high:low = a - b, modulo 2^128. */
export function subtract(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): void {
  assign(aHigh - bHigh - <u64>(aLow < bLow), aLow - bLow);
}

/** The quotient of high:low by a `divisor` above its high word, with bit 63 set; the remainder goes to `low`. */
export function divide(numeratorHigh: u64, numeratorLow: u64, divisor: u64): u64 {
  const upper = divideDigit(numeratorHigh, numeratorLow >> 32, divisor);
  const lower = divideDigit(low, numeratorLow & 0xffff_ffff, divisor);
  return (upper << 32) | lower;
}

/** One digit to the base 2^32 of a long division (Knuth, TAOCP 2 §4.3.1, algorithm D); the remainder goes to `low`. */
function divideDigit(remainder: u64, next: u64, divisor: u64): u64 {
  const divisorHigh = divisor >> 32;
  const divisorLow = divisor & 0xffff_ffff;
  let digit = remainder / divisorHigh;
  let rest = remainder - digit * divisorHigh;
  while (digit > 0xffff_ffff || digit * divisorLow > ((rest << 32) | next)) {
    digit--;
    rest += divisorHigh;
    if (rest > 0xffff_ffff) break;
  }
  low = ((remainder << 32) | next) - digit * divisor;
  return digit;
}

/** high:low = the first 128 bits of a / b behind the binary point, for a < b with bit 127 of b set; 2 units off at most. */
export function divideFraction(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): void {
  const first = divideWord(aHigh, aLow, bHigh, bLow);
  const second = divideWord(high, low, bHigh, bLow);
  assign(first, second);
}

/** One digit to the base 2^64 of a / b; high:low is the remainder. */
function divideWord(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): u64 {
  let digit: u64 = ~0;
  if (aHigh < bHigh) digit = divide(aHigh, aLow, bHigh);
  // The estimate ignores bLow, so it is up to 2 too large: a × 2^64 - digit × b tells.
  multiply(digit, bLow);
  const productHigh = high;
  const productLow = low;
  multiply(digit, bHigh);
  add(high, low, 0, productHigh);
  // a:0 - (high:low:productLow), where the top word of the difference is 0 or negative
  let restLow = 0 - productLow;
  const borrow: u64 = productLow == 0 ? 0 : 1;
  const top = aHigh - high - <u64>(aLow < low || (aLow == low && borrow != 0));
  let restHigh = aLow - low - borrow;
  let sign = top;
  while (<i64>sign < 0) {
    digit--;
    add(restHigh, restLow, bHigh, bLow);
    if (high < restHigh || (high == restHigh && low < restLow)) sign++;
    restHigh = high;
    restLow = low;
  }
  assign(restHigh, restLow);
  return digit;
}

/** high:low = a >> count for any count; what is shifted out is kept as a one in the last bit. */
export function shiftRightSticky(aHigh: u64, aLow: u64, count: i32): void {
  if (count == 0) assign(aHigh, aLow);
  else if (count < 64)
    assign(aHigh >> count, (aHigh << (64 - count)) | (aLow >> count) | (<u64>(aLow << (64 - count) != 0)));
  else if (count == 64) assign(0, aHigh | (<u64>(aLow != 0)));
  else if (count < 128) assign(0, (aHigh >> (count - 64)) | (<u64>(((aHigh << (128 - count)) | aLow) != 0)));
  else assign(0, <u64>((aHigh | aLow) != 0));
}

/** high:low = a >> count, 0 ≤ count < 128. */
export function shiftRight(aHigh: u64, aLow: u64, count: i32): void {
  if (count == 0) assign(aHigh, aLow);
  else if (count < 64) assign(aHigh >> count, (aHigh << (64 - count)) | (aLow >> count));
  else assign(0, aHigh >> (count - 64));
}

/** high:low = a << count, 0 ≤ count < 128. */
export function shiftLeft(aHigh: u64, aLow: u64, count: i32): void {
  if (count == 0) assign(aHigh, aLow);
  else if (count < 64) assign((aHigh << count) | (aLow >> (64 - count)), aLow << count);
  else assign(aLow << (count - 64), 0);
}

/** Zero bits in front of a nonzero number. */
export function leadingZeros(aHigh: u64, aLow: u64): i32 {
  return aHigh != 0 ? <i32>clz(aHigh) : 64 + <i32>clz(aLow);
}
