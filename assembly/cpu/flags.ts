// Lazy flags: an arithmetic instruction records its operands and result, and a flag is worked out when someone
// reads it. All values are sign-extended to 64 bits: the sign bit of any width is then bit 63, order as unsigned
// numbers is kept, and zero is zero, so no reader asks for the width.
//
// With the carries of an addition r = a + b (+ carry) at the top bit: carry out = (a & b) | ((a | b) & ~r);
// of a subtraction r = a - b (- borrow): borrow = (~a & b) | ((~a | b) & r). Both hold with carry in, too.
import { closePages } from "../memory/tlb";
import { AC, AF, ARITHMETIC_FLAGS, CF, OF, PF, SF, ZF, cpu, setCpl } from "./state";

export const FLAGS_EXPLICIT: u32 = 0; // flagA holds all six
export const FLAGS_LOGIC: u32 = 1; // CF, OF, AF clear; the others from the result
export const FLAGS_ADD: u32 = 2; // a + b (+ carry)
export const FLAGS_SUB: u32 = 3; // a - b
export const FLAGS_SBB: u32 = 4; // a - b - borrow
export const FLAGS_INC: u32 = 5; // a + 1, CF kept in flagB's bit 8
export const FLAGS_DEC: u32 = 6; // a - 1, CF likewise
export const FLAGS_SHIFT: u32 = 7; // CF, OF (and AF) in flagA; the others from the result
const KEPT_CARRY: u64 = 0x100;

export function extend<T>(value: T): u64 {
  if (sizeof<T>() == 1) return <u64>(<i64>(<i8>value));
  if (sizeof<T>() == 2) return <u64>(<i64>(<i16>value));
  if (sizeof<T>() == 4) return <u64>(<i64>(<i32>value));
  return <u64>value;
}

export function recordLogic<T>(result: T): void {
  cpu.flagOp = FLAGS_LOGIC;
  cpu.flagResult = extend<T>(result);
}

/** Records FLAGS_ADD, FLAGS_SUB or FLAGS_SBB. */
export function record<T>(op: u32, a: T, b: T, result: T): void {
  cpu.flagOp = op;
  cpu.flagA = extend<T>(a);
  cpu.flagB = extend<T>(b);
  cpu.flagResult = extend<T>(result);
}

/** Records FLAGS_INC or FLAGS_DEC; the carry stays what it was. */
export function recordStep<T>(op: u32, a: T, result: T): void {
  const carry = carryFlag() ? KEPT_CARRY : 0;
  cpu.flagOp = op;
  cpu.flagA = extend<T>(a);
  cpu.flagB = carry;
  cpu.flagResult = extend<T>(result);
}

/** Records a result whose CF and OF are known. */
export function recordShift<T>(result: T, carry: bool, overflow: bool): void {
  cpu.flagOp = FLAGS_SHIFT;
  cpu.flagA = (carry ? CF : 0) | (overflow ? OF : 0);
  cpu.flagResult = extend<T>(result);
}

export function carryFlag(): bool {
  const a = cpu.flagA;
  switch (cpu.flagOp) {
    case FLAGS_LOGIC:
      return false;
    case FLAGS_ADD:
      return <i64>((a & cpu.flagB) | ((a | cpu.flagB) & ~cpu.flagResult)) < 0;
    case FLAGS_SUB:
      return a < cpu.flagB;
    case FLAGS_SBB:
      return <i64>((~a & cpu.flagB) | ((~a | cpu.flagB) & cpu.flagResult)) < 0;
    case FLAGS_INC:
    case FLAGS_DEC:
      return (cpu.flagB & KEPT_CARRY) != 0;
    default:
      return (a & CF) != 0;
  }
}

export function overflowFlag(): bool {
  const a = cpu.flagA;
  const r = cpu.flagResult;
  switch (cpu.flagOp) {
    case FLAGS_LOGIC:
      return false;
    case FLAGS_ADD:
      return <i64>((a ^ r) & (cpu.flagB ^ r)) < 0;
    case FLAGS_SUB:
    case FLAGS_SBB:
      return <i64>((a ^ cpu.flagB) & (a ^ r)) < 0;
    case FLAGS_INC:
      return <i64>(~a & r) < 0;
    case FLAGS_DEC:
      return <i64>(a & ~r) < 0;
    default:
      return (a & OF) != 0;
  }
}

export function zeroFlag(): bool {
  if (cpu.flagOp == FLAGS_EXPLICIT) return (cpu.flagA & ZF) != 0;
  return cpu.flagResult == 0;
}

export function signFlag(): bool {
  if (cpu.flagOp == FLAGS_EXPLICIT) return (cpu.flagA & SF) != 0;
  return <i64>cpu.flagResult < 0;
}

export function parityFlag(): bool {
  if (cpu.flagOp == FLAGS_EXPLICIT) return (cpu.flagA & PF) != 0;
  return (popcnt<u32>((<u32>cpu.flagResult) & 0xff) & 1) == 0;
}

export function adjustFlag(): bool {
  switch (cpu.flagOp) {
    case FLAGS_LOGIC:
      return false;
    case FLAGS_ADD:
    case FLAGS_SUB:
    case FLAGS_SBB:
      return ((cpu.flagA ^ cpu.flagB ^ cpu.flagResult) & AF) != 0;
    case FLAGS_INC:
    case FLAGS_DEC:
      return ((cpu.flagA ^ 1 ^ cpu.flagResult) & AF) != 0;
    default:
      return (cpu.flagA & AF) != 0;
  }
}

/** The six arithmetic flags, worked out. */
export function arithmeticFlags(): u32 {
  if (cpu.flagOp == FLAGS_EXPLICIT) return <u32>cpu.flagA;
  return (
    (carryFlag() ? CF : 0) |
    (parityFlag() ? PF : 0) |
    (adjustFlag() ? AF : 0) |
    (zeroFlag() ? ZF : 0) |
    (signFlag() ? SF : 0) |
    (overflowFlag() ? OF : 0)
  );
}

export function setArithmeticFlags(flags: u32): void {
  cpu.flagOp = FLAGS_EXPLICIT;
  cpu.flagA = flags & ARITHMETIC_FLAGS;
}

/** EFLAGS as PUSHF sees it; bit 1 is always set. */
export function eflags(): u32 {
  return cpu.eflags | arithmeticFlags() | 2;
}

/** Sets all of EFLAGS; who may change what is the caller's business. */
export function setEflags(flags: u32): void {
  setArithmeticFlags(flags);
  const turned = (cpu.eflags ^ flags) & AC;
  cpu.eflags = flags & ~(ARITHMETIC_FLAGS | 2);
  if (!turned) return;
  setCpl(cpu.cpl);
  if (!(flags & AC)) closePages();
}

/** Condition `code` (SDM 2 appendix B.1.4.7): the even codes, inverted when bit 0 is set. */
export function condition(code: u32): bool {
  const inverted = (code & 1) != 0;
  if (cpu.flagOp == FLAGS_SUB) return compared(code >> 1) != inverted;
  switch (code >> 1) {
    case 0:
      return overflowFlag() != inverted;
    case 1:
      return carryFlag() != inverted;
    case 2:
      return zeroFlag() != inverted;
    case 3:
      return (carryFlag() || zeroFlag()) != inverted;
    case 4:
      return signFlag() != inverted;
    case 5:
      return parityFlag() != inverted;
    case 6:
      return (signFlag() != overflowFlag()) != inverted;
    default:
      return (zeroFlag() || signFlag() != overflowFlag()) != inverted;
  }
}

/** The condition after a compare or subtraction, straight from its operands. */
function compared(pair: u32): bool {
  switch (pair) {
    case 0:
      return overflowFlag();
    case 1:
      return cpu.flagA < cpu.flagB;
    case 2:
      return cpu.flagResult == 0;
    case 3:
      return cpu.flagA <= cpu.flagB;
    case 4:
      return <i64>cpu.flagResult < 0;
    case 5:
      return parityFlag();
    case 6:
      return <i64>cpu.flagA < <i64>cpu.flagB;
    default:
      return <i64>cpu.flagA <= <i64>cpu.flagB;
  }
}
