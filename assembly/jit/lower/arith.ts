// Addition to multiplication, and compares: the same names as cpu/exec/arith.ts, in wasm.
import { Insn } from "../../cpu/decode/insn";
import { W32, W64 } from "../../cpu/decode/operations";
import { FLAGS_ADD, FLAGS_DEC, FLAGS_INC, FLAGS_SBB, FLAGS_SUB } from "../../cpu/flags";
import { CF, OF, ZF } from "../../cpu/state";
import {
  ADD_CARRY,
  PRODUCT,
  overrideFlags,
  pushFlag,
  recordFlags,
  recordResult,
  recordStep,
  settleFlags,
} from "../flags";
import { interpret } from "../leave";
import { CONDITION, PLACE, operandA, operandB, result } from "../locals";
import { HIGH_SIGNED, HIGH_UNSIGNED, callCore } from "../module";
import {
  extendImmediate,
  isWide,
  narrow,
  popRegister,
  pushFirst,
  pushFirstForWrite,
  pushMemoryForWrite,
  pushReachable,
  pushRegister,
  pushSource,
  setAddress,
  storeResult,
  writeBack,
} from "../operand";
import {
  ADD,
  AND,
  DIV_S,
  DIV_U,
  EQZ,
  GT_U,
  I32_WRAP,
  I64_LOAD,
  I64_STORE,
  access,
  IF,
  LT_U,
  NO_RESULT,
  OR,
  SHL,
  end,
  enter,
  otherwise,
  I64_EXTEND_S,
  I64_EXTEND_U,
  I64_NE,
  MUL,
  NE,
  SHR_S,
  SHR_U,
  SUB,
  EQ,
  SELECT,
  byte,
  const32,
  const64,
  constant,
  get,
  op,
  opConstant,
  set,
  tee,
} from "../wasm";

const RAX: u32 = 0;
const RCX: u32 = 8;
const RDX: u32 = 16;
const RBX: u32 = 24;

/** A and B = the operands; the first will be written. */
export function setOperands(i: Insn, width: u32): void {
  const wide = isWide(width);
  pushFirstForWrite(i, width);
  set(operandA(wide));
  pushSource(i, width);
  set(operandB(wide));
}

/** Result = A `code` B, cut to the width. */
export function setResult(code: u32, width: u32): void {
  const wide = isWide(width);
  get(operandA(wide));
  get(operandB(wide));
  op(code, wide);
  narrow(width);
  set(result(wide));
}

export function add(i: Insn, width: u32): void {
  setOperands(i, width);
  setResult(ADD, width);
  recordFlags(FLAGS_ADD, isWide(width));
  storeResult(i, width);
}

export function sub(i: Insn, width: u32): void {
  setOperands(i, width);
  setResult(SUB, width);
  recordFlags(FLAGS_SUB, isWide(width));
  storeResult(i, width);
}

/** ADC (ADD) and SBB (SUB). */
export function withCarry(i: Insn, width: u32, code: u32): void {
  const wide = isWide(width);
  setOperands(i, width);
  get(operandA(wide));
  get(operandB(wide));
  op(code, wide);
  pushFlag(CF);
  if (wide) byte(I64_EXTEND_U);
  op(code, wide);
  narrow(width);
  set(result(wide));
  recordFlags(code == ADD ? ADD_CARRY : FLAGS_SBB, wide);
  storeResult(i, width);
}

export function cmp(i: Insn, width: u32): void {
  const wide = isWide(width);
  pushFirst(i, width);
  set(operandA(wide));
  pushSource(i, width);
  set(operandB(wide));
  setResult(SUB, width);
  recordFlags(FLAGS_SUB, wide);
}

/** INC (ADD) and DEC (SUB). */
export function step(i: Insn, width: u32, code: u32): void {
  const wide = isWide(width);
  pushFirstForWrite(i, width);
  tee(operandA(wide));
  opConstant(code, 1, wide);
  narrow(width);
  set(result(wide));
  recordStep(code == ADD ? FLAGS_INC : FLAGS_DEC, wide);
  storeResult(i, width);
}

export function neg(i: Insn, width: u32): void {
  const wide = isWide(width);
  pushFirstForWrite(i, width);
  set(operandB(wide));
  constant(0, wide);
  set(operandA(wide));
  setResult(SUB, width);
  recordFlags(FLAGS_SUB, wide);
  storeResult(i, width);
}

export function xadd(i: Insn, width: u32): void {
  const wide = isWide(width);
  pushFirstForWrite(i, width);
  set(operandA(wide));
  pushRegister(i.src, width);
  set(operandB(wide));
  setResult(ADD, width);
  recordFlags(FLAGS_ADD, wide);
  get(operandA(wide));
  popRegister(i.src, width);
  storeResult(i, width);
}

/** The accumulator compared with the first operand, which becomes the source or stays. */
export function cmpxchg(i: Insn, width: u32): void {
  const wide = isWide(width);
  pushFirstForWrite(i, width);
  set(operandB(wide));
  pushRegister(RAX, width);
  set(operandA(wide));
  setResult(SUB, width);
  recordFlags(FLAGS_SUB, wide);
  get(operandA(wide));
  get(operandB(wide));
  op(EQ, wide);
  set(CONDITION);
  pushRegister(i.src, width);
  get(operandB(wide));
  get(CONDITION);
  byte(SELECT);
  set(result(wide));
  // A 32-bit accumulator is zero-extended only where it changes.
  touchAccumulator(width);
  storeResult(i, width);
}

/** The accumulator takes B unless CONDITION. */
function touchAccumulator(width: u32): void {
  const wide = isWide(width);
  pushRegister(RAX, W64);
  get(operandB(wide));
  popRegister(RAX, width);
  pushRegister(RAX, W64);
  get(CONDITION);
  byte(SELECT);
  popRegister(RAX, W64);
}

/** CMPXCHG8B: EDX:EAX with the operand, ECX:EBX to be stored; of the flags, ZF alone. */
export function cmpxchg8b(i: Insn): void {
  setAddress(i, 8, true);
  pushMemoryForWrite(W64);
  set(operandB(true));
  pushPair(RDX, RAX);
  get(operandB(true));
  op(EQ, true);
  set(CONDITION);
  pushPair(RCX, RBX);
  get(operandB(true));
  get(CONDITION);
  byte(SELECT);
  set(result(true));
  takeUnlessEqual(RAX, 0);
  takeUnlessEqual(RDX, 32);
  get(CONDITION);
  opConstant(SHL, ctz<i32>(ZF), false);
  overrideFlags(ZF);
  writeBack(W64, result(true));
}

/** CMPXCHG16B: RDX:RAX with the operand, which lies on a boundary of 16 bytes, RCX:RBX to be stored; of the flags, ZF alone. */
export function cmpxchg16b(i: Insn): void {
  const low = operandA(true);
  const high = operandB(true);
  setAddress(i, 16, true);
  pushReachable(16, true, 15);
  tee(PLACE);
  access(I64_LOAD, 0);
  set(low);
  get(PLACE);
  access(I64_LOAD, 8);
  set(high);
  get(low);
  pushRegister(RAX, W64);
  op(EQ, true);
  get(high);
  pushRegister(RDX, W64);
  op(EQ, true);
  op(AND, false);
  tee(CONDITION);
  enter(IF, NO_RESULT);
  get(PLACE);
  pushRegister(RBX, W64);
  access(I64_STORE, 0);
  get(PLACE);
  pushRegister(RCX, W64);
  access(I64_STORE, 8);
  otherwise();
  get(low);
  popRegister(RAX, W64);
  get(high);
  popRegister(RDX, W64);
  end();
  get(CONDITION);
  opConstant(SHL, ctz<i32>(ZF), false);
  overrideFlags(ZF);
}

/** Pushes high:low of 32 bits each. */
function pushPair(high: u32, low: u32): void {
  pushRegister(high, W64);
  opConstant(SHL, 32, true);
  pushRegister(low, W64);
  opConstant(AND, 0xffff_ffff, true);
  op(OR, true);
}

/** A register takes 32 bits of B from bit `shift` on unless CONDITION. */
function takeUnlessEqual(register: u32, shift: u32): void {
  pushRegister(register, W64);
  get(operandB(true));
  if (shift) opConstant(SHR_U, shift, true);
  else opConstant(AND, 0xffff_ffff, true);
  get(CONDITION);
  byte(SELECT);
  popRegister(register, W64);
}

/** IMUL with two or three operands: CF = OF = the product does not fit. */
export function imul(i: Insn, width: u32): void {
  const wide = isWide(width);
  pushSource(i, width);
  set(operandA(wide));
  if (i.extra) constant(extendImmediate(i.immediate, width), wide);
  else pushRegister(i.dst, width);
  set(operandB(wide));
  setResult(MUL, width);
  if (wide) recordFlags(PRODUCT, true);
  else {
    recordResult(false);
    pushProduct();
    get(result(false));
    byte(I64_EXTEND_S);
    byte(I64_NE);
    overrideBoth();
  }
  get(result(wide));
  popRegister(i.dst, width);
}

/** A * B of sign-extended narrow operands, in 64 bits. */
function pushProduct(): void {
  get(operandA(false));
  byte(I64_EXTEND_S);
  get(operandB(false));
  byte(I64_EXTEND_S);
  op(MUL, true);
}

/** CF = OF = the 0 or 1 on the stack. */
function overrideBoth(): void {
  opConstant(MUL, CF | OF, false);
  overrideFlags(CF | OF);
}

/** MUL, and IMUL with one operand, at 32 and 64 bits. */
export function mulOne(i: Insn, width: u32, signed: bool): void {
  if (width == W64) mulOne64(i, signed);
  else mulOne32(i, signed);
}

function mulOne32(i: Insn, signed: bool): void {
  const extend = signed ? I64_EXTEND_S : I64_EXTEND_U;
  const product = operandA(true);
  const high = operandB(false);
  pushFirst(i, W32);
  byte(extend);
  pushRegister(RAX, W32);
  byte(extend);
  op(MUL, true);
  tee(product);
  byte(I32_WRAP);
  set(result(false));
  get(product);
  opConstant(SHR_U, 32, true);
  byte(I32_WRAP);
  set(high);
  get(result(false));
  popRegister(RAX, W32);
  get(high);
  popRegister(RDX, W32);
  recordResult(false);
  get(high);
  if (signed) {
    get(result(false));
    opConstant(SHR_S, 31, false);
  } else const32(0);
  op(NE, false);
  overrideBoth();
}

function mulOne64(i: Insn, signed: bool): void {
  pushFirst(i, W64);
  set(operandB(true));
  pushRegister(RAX, W64);
  set(operandA(true));
  setResult(MUL, W64);
  get(operandA(true));
  get(operandB(true));
  callCore(signed ? HIGH_SIGNED : HIGH_UNSIGNED);
  set(operandA(true));
  get(result(true));
  popRegister(RAX, W64);
  get(operandA(true));
  popRegister(RDX, W64);
  recordResult(true);
  get(operandA(true));
  if (signed) {
    get(result(true));
    opConstant(SHR_S, 63, true);
  } else const64(0);
  op(NE, true);
  overrideBoth();
}

/** DIV and IDIV at 32 and 64 bits, of what compilers divide; other dividends and #DE are the interpreter's. */
export function divide(i: Insn, width: u32, signed: bool): void {
  // Both ways must know the same of the flags, which the instruction leaves alone.
  settleFlags();
  pushFirst(i, width);
  set(operandB(isWide(width)));
  if (width == W32 && !signed) pushDividend32();
  else pushDividend(width, signed);
  enter(IF, NO_RESULT);
  if (width == W32 && !signed) finishDivision(true, W32, DIV_U);
  else finishDivision(isWide(width), width, signed ? DIV_S : DIV_U);
  otherwise();
  interpret();
  end();
}

/** A = the dividend, whose upper half is 0 or the sign; pushes whether it is, and the quotient exists for sure. */
function pushDividend(width: u32, signed: bool): void {
  const wide = isWide(width);
  pushRegister(RAX, width);
  set(operandA(wide));
  pushRegister(RDX, width);
  if (signed) {
    get(operandA(wide));
    opConstant(SHR_S, wide ? 63 : 31, wide);
    op(EQ, wide);
  } else op(EQZ, wide);
  // Unsigned: not 0; signed: neither 0 nor -1.
  get(operandB(wide));
  if (signed) opConstant(ADD, 1, wide);
  opConstant(GT_U, signed ? 1 : 0, wide);
  op(AND, false);
}

/** A = EDX:EAX, B = the divisor, both in 64 bits; pushes whether the quotient fits, which it does if EDX is below B. */
function pushDividend32(): void {
  pushRegister(RDX, W32);
  byte(I64_EXTEND_U);
  opConstant(SHL, 32, true);
  pushRegister(RAX, W32);
  byte(I64_EXTEND_U);
  op(OR, true);
  set(operandA(true));
  pushRegister(RDX, W32);
  get(operandB(false));
  op(LT_U, false);
  get(operandB(false));
  byte(I64_EXTEND_U);
  set(operandB(true));
}

/** Quotient and remainder of A and B; `code` is DIV_S or DIV_U, and the remainder's stands two behind it. */
function finishDivision(wide: bool, width: u32, code: u32): void {
  get(operandA(wide));
  get(operandB(wide));
  op(code, wide);
  get(operandA(wide));
  get(operandB(wide));
  op(code + 2, wide);
  if (wide && width == W32) byte(I32_WRAP);
  popRegister(RDX, width);
  if (wide && width == W32) byte(I32_WRAP);
  popRegister(RAX, width);
}

/** CBW, CWDE, CDQE. */
export function cbw(width: u32): void {
  pushRegister(RAX, width - 1);
  if (width == W64) byte(I64_EXTEND_S);
  popRegister(RAX, width);
}

/** CWD, CDQ, CQO. */
export function cwd(width: u32): void {
  pushRegister(RAX, width);
  opConstant(SHR_S, width == W64 ? 63 : 31, isWide(width));
  popRegister(RDX, width);
}
