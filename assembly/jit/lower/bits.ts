// Logic, shifts and rotates, bit tests and scans: the same names as cpu/exec/bits.ts, in wasm.
import { DST_MEMORY, Insn, SRC_IMMEDIATE } from "../../cpu/decode/insn";
import { W16, W32, W64, W8 } from "../../cpu/decode/operations";
import { FLAGS_SHIFT } from "../../cpu/flags";
import { ARITHMETIC_FLAGS, CF, OF, ZF } from "../../cpu/state";
import { overrideFlags, pushFlag, recordResult, settleFlags } from "../flags";
import { CONDITION, FLAG_A, FLAG_OP, FLAG_RESULT, operandA, operandB, result } from "../locals";
import {
  cutAddress,
  isWide,
  narrow,
  popRegister,
  pushEffectiveAddress,
  pushFirst,
  pushFirstForWrite,
  pushMemory,
  pushMemoryForWrite,
  pushRegister,
  pushSource,
  setAddressOf,
  storeResult,
} from "../operand";
import {
  ADD,
  AND,
  CLZ,
  EQZ,
  I32_EQZ,
  I32_WRAP,
  I64_EXTEND_S,
  I64_EXTEND_U,
  LT_S,
  NE,
  OR,
  POPCNT,
  ROTL,
  SELECT,
  SHL,
  SHR_S,
  SHR_U,
  SUB,
  XOR,
  byte,
  const32,
  constant,
  get,
  op,
  opConstant,
  set,
  tee,
} from "../wasm";
import { setOperands, setResult } from "./arith";

const CL: u32 = 8;
const OF_SHIFT: u32 = ctz<u32>(OF);

function bits(width: u32): u32 {
  return 8 << width;
}

/** AND, OR, XOR by their wasm operation. */
export function logic(i: Insn, width: u32, code: u32): void {
  setOperands(i, width);
  setResult(code, width);
  recordResult(isWide(width));
  storeResult(i, width);
}

export function test(i: Insn, width: u32): void {
  const wide = isWide(width);
  pushFirst(i, width);
  set(operandA(wide));
  pushSource(i, width);
  set(operandB(wide));
  setResult(AND, width);
  recordResult(wide);
}

export function not(i: Insn, width: u32): void {
  const wide = isWide(width);
  pushFirstForWrite(i, width);
  opConstant(XOR, -1, wide);
  set(result(wide));
  storeResult(i, width);
}

/** The count of a shift by an immediate, as the processor masks it. */
export function immediateCount(i: Insn, width: u32): u32 {
  return (<u32>i.immediate) & (width == W64 ? 63 : 31);
}

/** Whether a shift or rotate of this form is translated: narrow ones by CL are left to the interpreter. */
export function isShiftCovered(i: Insn, width: u32): bool {
  if (!(i.form & SRC_IMMEDIATE)) return width >= W32;
  const count = immediateCount(i, width);
  return count != 0 && count < bits(width);
}

/** Pushes A as a shift to the right sees it: zero-extended from its width. */
function pushUnsigned(width: u32): void {
  get(operandA(isWide(width)));
  if (width == W8) opConstant(AND, 0xff, false);
  else if (width == W16) opConstant(AND, 0xffff, false);
}

/** SHL, SHR and SAR by their wasm operation. */
export function shift(i: Insn, width: u32, code: u32): void {
  if (i.form & SRC_IMMEDIATE) shiftByImmediate(i, width, code, immediateCount(i, width));
  else shiftByCl(i, width, code);
}

function shiftByImmediate(i: Insn, width: u32, code: u32, count: u32): void {
  const wide = isWide(width);
  pushFirstForWrite(i, width);
  set(operandA(wide));
  if (code == SHR_U) pushUnsigned(width);
  else get(operandA(wide));
  opConstant(code, count, wide);
  narrow(width);
  set(result(wide));
  recordResult(wide);
  // CF: the last bit out. OF: as for a shift by one, whatever the count.
  get(operandA(wide));
  opConstant(SHR_U, code == SHL ? bits(width) - count : count - 1, wide);
  pushCarryAndOverflow(wide, code);
  overrideFlags(CF | OF);
  storeResult(i, width);
}

/** From a value whose bit 0 is the carry: CF and OF in their places. */
function pushCarryAndOverflow(wide: bool, code: u32): void {
  if (wide) byte(I32_WRAP);
  opConstant(AND, 1, false);
  if (code == SAR) return;
  if (code == SHL) {
    // OF = top bit of the result, other than CF.
    tee(CONDITION);
    get(CONDITION);
    pushTopBit(result(wide), wide);
    op(XOR, false);
  } else pushTopBit(operandA(wide), wide);
  opConstant(SHL, OF_SHIFT, false);
  op(OR, false);
}

const SAR: u32 = SHR_S;

/** Pushes the sign of `local` as 0 or 1. */
function pushTopBit(local: u32, wide: bool): void {
  get(local);
  opConstant(LT_S, 0, wide);
}

/** At 32 and 64 bits, where wasm masks the count as the processor does. A count of 0 leaves the flags alone. */
function shiftByCl(i: Insn, width: u32, code: u32): void {
  const wide = isWide(width);
  pushFirstForWrite(i, width);
  set(operandA(wide));
  pushCount(width);
  set(operandB(wide));
  setResult(code, width);
  settleFlags();
  pushLastOut(wide, code);
  pushCarryAndOverflow(wide, code);
  recordIfCounted(wide);
  storeResult(i, width);
}

/** Pushes a value whose bit 0 is the last that a shift of A by B moved out. */
function pushLastOut(wide: bool, code: u32): void {
  get(operandA(wide));
  if (code == SHL) constant(0, wide);
  get(operandB(wide));
  if (code != SHL) opConstant(SUB, 1, wide);
  else op(SUB, wide);
  op(SHR_U, wide);
}

/** FLAGS_SHIFT with this result and the CF and OF on the stack, unless the count is 0. */
function recordIfCounted(wide: bool): void {
  byte(I64_EXTEND_U);
  selectIfCounted(FLAG_A, wide);
  get(result(wide));
  if (!wide) byte(I64_EXTEND_S);
  selectIfCounted(FLAG_RESULT, wide);
  const32(FLAGS_SHIFT);
  selectIfCounted(FLAG_OP, wide);
}

/** `local` = the value on the stack, if the count in B is not 0. */
function selectIfCounted(local: u32, wide: bool): void {
  get(local);
  get(operandB(wide));
  constant(0, wide);
  op(NE, wide);
  byte(SELECT);
  set(local);
}

/** Pushes CL as a shift at 32 and 64 bits masks it. */
function pushCount(width: u32): void {
  pushRegister(CL, width);
  opConstant(AND, bits(width) - 1, isWide(width));
}

/** ROL (ROTL) and ROR (ROTR) at 32 and 64 bits. */
export function rotate(i: Insn, width: u32, code: u32): void {
  const wide = isWide(width);
  pushFirstForWrite(i, width);
  if (i.form & SRC_IMMEDIATE) constant(immediateCount(i, width), wide);
  else {
    pushCount(width);
    tee(operandB(wide));
  }
  op(code, wide);
  set(result(wide));
  pushRotateFlags(wide, code);
  if (!(i.form & SRC_IMMEDIATE)) {
    pushFlag(CF);
    pushFlag(OF);
    opConstant(SHL, OF_SHIFT, false);
    op(OR, false);
    get(operandB(wide));
    constant(0, wide);
    op(NE, wide);
    byte(SELECT);
  }
  overrideFlags(CF | OF);
  storeResult(i, width);
}

/** RCL (SHL) and RCR (SHR_U) by one, at 32 and 64 bits. */
export function rotateThroughCarry(i: Insn, width: u32, code: u32): void {
  const wide = isWide(width);
  pushFirstForWrite(i, width);
  tee(operandA(wide));
  opConstant(code, 1, wide);
  pushFlag(CF);
  if (wide) byte(I64_EXTEND_U);
  if (code == SHR_U) opConstant(SHL, bits(width) - 1, wide);
  op(OR, wide);
  set(result(wide));
  // As a rotate's, but that the carry is the bit that went out.
  if (code == SHL) pushTopBit(operandA(wide), wide);
  else {
    get(operandA(wide));
    if (wide) byte(I32_WRAP);
    opConstant(AND, 1, false);
  }
  if (code == SHL) {
    tee(CONDITION);
    get(CONDITION);
  } else pushTopBit(result(wide), wide);
  pushTopBit(code == SHL ? result(wide) : operandA(wide), wide);
  op(XOR, false);
  opConstant(SHL, OF_SHIFT, false);
  op(OR, false);
  overrideFlags(CF | OF);
  storeResult(i, width);
}

/** CF and OF of a rotate's result: the bit that went around, and whether the top bit is another or, to the right, the next. */
function pushRotateFlags(wide: bool, code: u32): void {
  get(result(wide));
  if (code == ROTL) {
    if (wide) byte(I32_WRAP);
    opConstant(AND, 1, false);
    tee(CONDITION);
    get(CONDITION);
    pushTopBit(result(wide), wide);
  } else {
    opConstant(LT_S, 0, wide);
    tee(CONDITION);
    get(CONDITION);
    get(result(wide));
    opConstant(SHL, 1, wide);
    opConstant(LT_S, 0, wide);
  }
  op(XOR, false);
  opConstant(SHL, OF_SHIFT, false);
  op(OR, false);
}

/** SHLD (SHL) and SHRD (SHR_U) at 32 and 64 bits; `extra`: by an immediate. */
export function doubleShift(i: Insn, width: u32, code: u32): void {
  if (i.extra) doubleShiftByImmediate(i, width, code, immediateCount(i, width));
  else doubleShiftByCl(i, width, code);
}

function doubleShiftByImmediate(i: Insn, width: u32, code: u32, count: u32): void {
  const wide = isWide(width);
  const rest = bits(width) - count;
  pushFirstForWrite(i, width);
  tee(operandA(wide));
  opConstant(code, count, wide);
  pushRegister(i.src, width);
  opConstant(code == SHL ? SHR_U : SHL, rest, wide);
  op(OR, wide);
  set(result(wide));
  recordResult(wide);
  get(operandA(wide));
  opConstant(SHR_U, code == SHL ? rest : count - 1, wide);
  pushDoubleShiftFlags(wide);
  overrideFlags(CF | OF);
  storeResult(i, width);
}

function doubleShiftByCl(i: Insn, width: u32, code: u32): void {
  const wide = isWide(width);
  pushFirstForWrite(i, width);
  tee(operandA(wide));
  pushCount(width);
  tee(operandB(wide));
  op(code, wide);
  // The other register's part: by one, then by the rest, so that of a count of 0 nothing is left.
  pushRegister(i.src, width);
  opConstant(code == SHL ? SHR_U : SHL, 1, wide);
  get(operandB(wide));
  opConstant(XOR, bits(width) - 1, wide);
  op(code == SHL ? SHR_U : SHL, wide);
  op(OR, wide);
  set(result(wide));
  settleFlags();
  pushLastOut(wide, code);
  pushDoubleShiftFlags(wide);
  recordIfCounted(wide);
  storeResult(i, width);
}

/** From a value whose bit 0 is the carry: CF, and OF where the sign has changed. */
function pushDoubleShiftFlags(wide: bool): void {
  if (wide) byte(I32_WRAP);
  opConstant(AND, 1, false);
  pushTopBit(result(wide), wide);
  pushTopBit(operandA(wide), wide);
  op(XOR, false);
  opConstant(SHL, OF_SHIFT, false);
  op(OR, false);
}

/** BT, BTS (OR), BTR (AND), BTC (XOR): CF = the bit. */
export function bitTest(i: Insn, width: u32, change: u32): void {
  const wide = isWide(width);
  const mask = bits(width) - 1;
  if (i.form & DST_MEMORY && !(i.form & SRC_IMMEDIATE)) {
    setBitAddress(i, width, change != 0);
    if (change) pushMemoryForWrite(width);
    else pushMemory(width, true);
  } else if (change) pushFirstForWrite(i, width);
  else pushFirst(i, width);
  set(operandA(wide));
  if (i.form & SRC_IMMEDIATE) constant((<i64>i.immediate) & mask, wide);
  else {
    pushRegister(i.src, width);
    opConstant(AND, mask, wide);
  }
  set(operandB(wide));
  get(operandA(wide));
  get(operandB(wide));
  op(SHR_U, wide);
  if (wide) byte(I32_WRAP);
  opConstant(AND, 1, false);
  overrideFlags(CF);
  if (!change) return;
  get(operandA(wide));
  constant(1, wide);
  get(operandB(wide));
  op(SHL, wide);
  if (change == AND) opConstant(XOR, -1, wide);
  op(change, wide);
  narrow(width);
  set(result(wide));
  storeResult(i, width);
}

/** ADDRESS = where the bit lies that a register numbers: the number reaches beyond the operand (SDM 2 "BT"). */
function setBitAddress(i: Insn, width: u32, write: bool): void {
  pushEffectiveAddress(i);
  pushRegister(i.src, width);
  if (width != W64) byte(I64_EXTEND_S);
  opConstant(SHR_S, width + 3, true);
  opConstant(SHL, width, true);
  op(ADD, true);
  cutAddress(i);
  setAddressOf(i, 1 << width, write);
}

/** BSF (CTZ) and BSR (CLZ) at 32 and 64 bits: the destination stays when the source is 0. */
export function scan(i: Insn, width: u32, code: u32): void {
  const wide = isWide(width);
  pushSource(i, width);
  set(operandA(wide));
  get(operandA(wide));
  op(EQZ, wide);
  set(CONDITION);
  get(CONDITION);
  opConstant(SHL, 6, false);
  overrideFlags(ZF);
  // The old destination in full: a 32-bit one is not even zero-extended.
  pushRegister(i.dst, W64);
  if (code == CLZ) constant(bits(width) - 1, wide);
  get(operandA(wide));
  op(code, wide);
  if (code == CLZ) op(SUB, wide);
  if (!wide) byte(I64_EXTEND_U);
  get(CONDITION);
  byte(SELECT);
  popRegister(i.dst, W64);
}

/** TZCNT (CTZ) and LZCNT (CLZ): wasm counts a 0 as they do. CF = the source is 0, ZF = the count is 0. */
export function count(i: Insn, width: u32, code: u32): void {
  const wide = isWide(width);
  pushSource(i, width);
  tee(operandA(wide));
  op(code, wide);
  set(result(wide));
  get(operandA(wide));
  op(EQZ, wide);
  get(result(wide));
  op(EQZ, wide);
  opConstant(SHL, 6, false);
  op(OR, false);
  overrideFlags(CF | ZF);
  get(result(wide));
  popRegister(i.dst, width);
}

export function popcount(i: Insn, width: u32): void {
  const wide = isWide(width);
  pushSource(i, width);
  tee(operandA(wide));
  op(POPCNT, wide);
  popRegister(i.dst, width);
  get(operandA(wide));
  op(EQZ, wide);
  opConstant(SHL, 6, false);
  overrideFlags(ARITHMETIC_FLAGS);
}

/** CLC and STC. */
export function setCarry(carry: u32): void {
  const32(carry);
  overrideFlags(CF);
}

export function complementCarry(): void {
  pushFlag(CF);
  byte(I32_EQZ);
  overrideFlags(CF);
}
