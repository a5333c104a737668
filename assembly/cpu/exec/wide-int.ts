// 128-bit integer products and quotients, for the 64-bit MUL, IMUL, DIV and IDIV.
import { cpu } from "../state";
import { divide, multiplyHigh, low as wideLow } from "../wide";

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
  const shift = clz(divisor);
  const upper = shift == 0 ? high : (high << shift) | (low >> (64 - shift));
  cpu.rax = divide(upper, low << shift, divisor << shift);
  cpu.rdx = wideLow >> shift;
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
