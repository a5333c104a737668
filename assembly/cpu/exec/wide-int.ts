// 128-bit integer products and quotients, for the 64-bit MUL, IMUL, DIV and IDIV.
import { cpu } from "../state";

/** Upper 64 bits of the unsigned product. */
export function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffff_ffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffff_ffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  const carry = aLow * bHigh + (middle & 0xffff_ffff);
  return aHigh * bHigh + (middle >> 32) + (carry >> 32);
}

/** Upper 64 bits of the signed product. */
export function multiplyHighSigned(a: i64, b: i64): i64 {
  return <i64>multiplyHigh(<u64>a, <u64>b) - ((a >> 63) & b) - ((b >> 63) & a);
}

/** RAX = high:low / divisor, RDX = the remainder; high < divisor, so the quotient fits. */
export function divideUnsigned(high: u64, low: u64, divisor: u64): void {
  if (high == 0) {
    cpu.rax = low / divisor;
    cpu.rdx = low % divisor;
    return;
  }
  // Shift and subtract, one bit of the quotient a round.
  let remainder = high;
  let quotient = low;
  for (let bit = 0; bit < 64; bit++) {
    const carry = remainder >> 63;
    remainder = (remainder << 1) | (quotient >> 63);
    quotient <<= 1;
    if (carry || remainder >= divisor) {
      remainder -= divisor;
      quotient |= 1;
    }
  }
  cpu.rax = quotient;
  cpu.rdx = remainder;
}

/** The signed division of RDX:RAX; false, and nothing changed, where the quotient does not fit. */
export function divideSigned(high: u64, low: u64, divisor: i64): bool {
  const negative = <i64>high < 0;
  if (negative) {
    low = 0 - low;
    high = ~high + (low == 0 ? 1 : 0);
  }
  const magnitude = divisor < 0 ? 0 - <u64>divisor : <u64>divisor;
  if (high >= magnitude) return false;
  const rax = cpu.rax;
  const rdx = cpu.rdx;
  divideUnsigned(high, low, magnitude);
  const opposite = negative != divisor < 0;
  const limit: u64 = opposite ? 0x8000_0000_0000_0000 : 0x7fff_ffff_ffff_ffff;
  if (cpu.rax > limit) {
    cpu.rax = rax;
    cpu.rdx = rdx;
    return false;
  }
  if (opposite) cpu.rax = 0 - cpu.rax;
  if (negative) cpu.rdx = 0 - cpu.rdx;
  return true;
}
