// Addition to division, compares, and the decimal adjustments.
import { DST_MEMORY, Insn } from "../decode/insn";
import { BR, DE, raise } from "../exceptions";
import {
  FLAGS_ADD,
  FLAGS_DEC,
  FLAGS_INC,
  FLAGS_SBB,
  FLAGS_SUB,
  adjustFlag,
  arithmeticFlags,
  carryFlag,
  extend,
  record,
  recordLogic,
  recordShift,
  recordStep,
  setArithmeticFlags,
} from "../flags";
import { AF, CF, OF, cpu } from "../state";
import { multiplyHigh } from "../wide";
import { divideSigned, divideUnsigned, multiplyHighSigned } from "./wide-int";
import { linearAddress, Operand, reg, setReg } from "./operand";
import { read } from "../../memory/access";

export function add<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const b = Operand.source<T>(i);
  const r = <T>(a + b);
  Operand.setFirst<T>(i, r);
  record<T>(FLAGS_ADD, a, b, r);
}

export function adc<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const b = Operand.source<T>(i);
  const r = <T>(a + b + <T>carryFlag());
  Operand.setFirst<T>(i, r);
  record<T>(FLAGS_ADD, a, b, r);
}

export function sub<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const b = Operand.source<T>(i);
  const r = <T>(a - b);
  Operand.setFirst<T>(i, r);
  record<T>(FLAGS_SUB, a, b, r);
}

export function sbb<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const b = Operand.source<T>(i);
  const r = <T>(a - b - <T>carryFlag());
  Operand.setFirst<T>(i, r);
  record<T>(FLAGS_SBB, a, b, r);
}

export function cmp<T>(i: Insn): void {
  const a = Operand.first<T>(i);
  const b = Operand.source<T>(i);
  record<T>(FLAGS_SUB, a, b, <T>(a - b));
}

export function inc<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const r = <T>(a + 1);
  Operand.setFirst<T>(i, r);
  recordStep<T>(FLAGS_INC, a, r);
}

export function dec<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const r = <T>(a - 1);
  Operand.setFirst<T>(i, r);
  recordStep<T>(FLAGS_DEC, a, r);
}

export function neg<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const r = <T>(0 - a);
  Operand.setFirst<T>(i, r);
  record<T>(FLAGS_SUB, 0, a, r);
}

export function xadd<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const b = reg<T>(i.src);
  const r = <T>(a + b);
  if (i.form & DST_MEMORY) {
    Operand.setFirst<T>(i, r);
    setReg<T>(i.src, a);
  } else {
    setReg<T>(i.src, a);
    Operand.setFirst<T>(i, r);
  }
  record<T>(FLAGS_ADD, a, b, r);
}

export function cmpxchg<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const expected = reg<T>(0);
  if (a == expected) Operand.setFirst<T>(i, reg<T>(i.src));
  else {
    // The destination is written back in any case; a 32-bit register is zero-extended only where it changes.
    if (i.form & DST_MEMORY) Operand.setFirst<T>(i, a);
    setReg<T>(0, a);
  }
  record<T>(FLAGS_SUB, expected, a, <T>(expected - a));
}

/** MUL: rDX:rAX = rAX * operand; CF = OF = the upper half is not zero. */
export function mul<T>(i: Insn): void {
  const b = Operand.first<T>(i);
  if (sizeof<T>() == 1) {
    const product = <u32>reg<u8>(0) * <u32>b;
    setReg<u16>(0, <u16>product);
    recordShift<u8>(<u8>product, product > 0xff, product > 0xff);
  } else if (sizeof<T>() == 8) {
    const a = cpu.rax;
    const high = multiplyHigh(a, <u64>b);
    cpu.rax = a * <u64>b;
    cpu.rdx = high;
    recordShift<u64>(cpu.rax, high != 0, high != 0);
  } else {
    const product = <u64>reg<T>(0) * <u64>b;
    const high = <T>(product >> (sizeof<T>() * 8));
    setReg<T>(0, <T>product);
    setReg<T>(16, high);
    recordShift<T>(<T>product, high != 0, high != 0);
  }
}

/** IMUL with one operand: CF = OF = the product does not fit its lower half. */
export function imulOne<T>(i: Insn): void {
  const b = Operand.first<T>(i);
  if (sizeof<T>() == 8) {
    const a = cpu.rax;
    const high = multiplyHighSigned(<i64>a, <i64>b);
    cpu.rax = a * <u64>b;
    cpu.rdx = <u64>high;
    const lost = high != (<i64>cpu.rax) >> 63;
    recordShift<u64>(cpu.rax, lost, lost);
    return;
  }
  const product = <i64>extend<T>(reg<T>(0)) * <i64>extend<T>(b);
  const lost = <i64>extend<T>(<T>product) != product;
  if (sizeof<T>() == 1) setReg<u16>(0, <u16>product);
  else {
    setReg<T>(0, <T>product);
    setReg<T>(16, <T>(product >> (sizeof<T>() * 8)));
  }
  recordShift<T>(<T>product, lost, lost);
}

/** IMUL with two operands, or three (`extra` set: the third is the immediate). */
export function imul<T>(i: Insn): void {
  const a = Operand.source<T>(i);
  const b = i.extra ? <T>i.immediate : reg<T>(i.dst);
  const r = <T>(a * b);
  setReg<T>(i.dst, r);
  let lost: bool;
  if (sizeof<T>() == 8) lost = multiplyHighSigned(<i64>a, <i64>b) != (<i64>r) >> 63;
  else lost = <i64>extend<T>(a) * <i64>extend<T>(b) != <i64>extend<T>(r);
  recordShift<T>(r, lost, lost);
}

export function div<T>(i: Insn): void {
  const b = Operand.first<T>(i);
  if (b == 0) raise(DE);
  if (sizeof<T>() == 8) {
    if (cpu.rdx >= <u64>b) raise(DE);
    divideUnsigned(cpu.rdx, cpu.rax, <u64>b);
    return;
  }
  const width: u64 = sizeof<T>() * 8;
  let dividend: u64;
  if (sizeof<T>() == 1) dividend = <u64>reg<u16>(0);
  else dividend = ((<u64>reg<T>(16)) << width) | (<u64>reg<T>(0));
  const quotient = dividend / <u64>b;
  if (quotient >> width) raise(DE);
  storeQuotient<T>(<T>quotient, <T>(dividend % <u64>b));
}

export function idiv<T>(i: Insn): void {
  const b = Operand.first<T>(i);
  if (b == 0) raise(DE);
  if (sizeof<T>() == 8) {
    if (!divideSigned(cpu.rdx, cpu.rax, <i64>b)) raise(DE);
    return;
  }
  let dividend: i64;
  if (sizeof<T>() == 1) dividend = <i64>(<i16>reg<u16>(0));
  else if (sizeof<T>() == 2) dividend = <i64>(<i32>(((<u32>reg<u16>(16)) << 16) | (<u32>reg<u16>(0))));
  else dividend = <i64>(((<u64>reg<u32>(16)) << 32) | (<u64>reg<u32>(0)));
  const divisor = <i64>extend<T>(b);
  if (dividend == i64.MIN_VALUE && divisor == -1) raise(DE);
  const quotient = dividend / divisor;
  if (<i64>extend<T>(<T>quotient) != quotient) raise(DE);
  storeQuotient<T>(<T>quotient, <T>(dividend % divisor));
}

function storeQuotient<T>(quotient: T, remainder: T): void {
  setReg<T>(0, quotient);
  // The byte forms leave the remainder in AH.
  if (sizeof<T>() == 1) setReg<u8>(1, <u8>remainder);
  else setReg<T>(16, remainder);
}

/** CBW, CWDE, CDQE. */
export function cbw<T>(i: Insn): void {
  if (sizeof<T>() == 2) setReg<u16>(0, <u16>(<i16>(<i8>cpu.rax)));
  else if (sizeof<T>() == 4) setReg<u32>(0, <u32>(<i32>(<i16>cpu.rax)));
  else cpu.rax = <u64>(<i64>(<i32>cpu.rax));
}

/** CWD, CDQ, CQO. */
export function cwd<T>(i: Insn): void {
  setReg<T>(16, <T>((<i64>extend<T>(reg<T>(0))) >> 63));
}

/** BOUND: #BR unless lower <= index <= upper, all signed. */
export function bound<T>(i: Insn): void {
  const at = linearAddress(i, 2 * sizeof<T>());
  const index = <i64>extend<T>(reg<T>(i.dst));
  const lower = <i64>extend<T>(read<T>(at));
  const upper = <i64>extend<T>(read<T>(at + sizeof<T>()));
  if (index < lower || index > upper) raise(BR);
}

function setAl(value: u32): void {
  setReg<u8>(0, <u8>value);
}

export function aam(i: Insn): void {
  const base = (<u32>i.immediate) & 0xff;
  if (base == 0) raise(DE);
  const al = (<u32>cpu.rax) & 0xff;
  setReg<u8>(1, <u8>(al / base));
  setAl(al % base);
  recordLogic<u8>(<u8>(al % base));
}

export function aad(i: Insn): void {
  const al = (<u32>cpu.rax) & 0xff;
  const ah = ((<u32>cpu.rax) >> 8) & 0xff;
  const r = (al + ah * <u32>i.immediate) & 0xff;
  setReg<u16>(0, <u16>r);
  recordLogic<u8>(<u8>r);
}

/** AAA (direction 1) and AAS (direction -1). */
export function asciiAdjust(direction: i32): void {
  const flags = arithmeticFlags();
  const adjust = ((<u32>cpu.rax) & 0xf) > 9 || (flags & AF) != 0;
  if (adjust) setReg<u16>(0, <u16>(<i32>(<u16>cpu.rax) + direction * 0x106));
  const al = (<u32>cpu.rax) & 0xf;
  setAl(al);
  recordLogic<u8>(<u8>al);
  setArithmeticFlags((arithmeticFlags() & ~(CF | AF)) | (adjust ? CF | AF : 0));
}

/** DAA (direction 1) and DAS (direction -1): SDM 2 "DAA". */
export function decimalAdjust(direction: i32): void {
  const old = (<u32>cpu.rax) & 0xff;
  const oldCarry = carryFlag();
  const low = (old & 0xf) > 9 || adjustFlag();
  const high = old > 0x99 || oldCarry;
  let al = <i32>old;
  let carry = oldCarry;
  if (low) {
    al += 6 * direction;
    carry = oldCarry || al < 0 || al > 0xff;
  }
  if (high) al += 0x60 * direction;
  carry = high || (direction < 0 && low && carry);
  setAl((<u32>al) & 0xff);
  recordLogic<u8>(<u8>al);
  setArithmeticFlags((arithmeticFlags() & ~(CF | AF | OF)) | (carry ? CF : 0) | (low ? AF : 0));
}
