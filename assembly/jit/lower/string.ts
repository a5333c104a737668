// String instructions: the same names as cpu/exec/string.ts, in wasm. Of those with REP, moves and stores that stay within
// a page are bulk memory operations; the interpreter has the others.
import { Insn } from "../../cpu/decode/insn";
import { W32, W64, W8 } from "../../cpu/decode/operations";
import { FLAGS_SUB } from "../../cpu/flags";
import { CpuState, DF, FLAT, FS } from "../../cpu/state";
import { CPU_AT } from "../../machine/layout";
import { forgetFlags, recordFlags, settleFlags } from "../flags";
import { interpretOn } from "../leave";
import { ADDRESS, BUDGET, PLACE, TEMPORARY, operandA, operandB, result } from "../locals";
import {
  cutAddress,
  isWide,
  popRegister,
  pushMemory,
  pushPlace,
  pushRegister,
  pushTlbHitOfRun,
  setAddressOf,
  writeMemory,
} from "../operand";
import { setResult } from "./arith";
import {
  ADD,
  AND,
  BLOCK,
  BR,
  BR_IF,
  EQZ,
  GT_U,
  I32_LOAD,
  I32_WRAP,
  LT_U,
  MEMORY_COPY,
  MEMORY_FILL,
  MUL,
  NE,
  NO_RESULT,
  OR,
  SELECT,
  SHL,
  SHR_U,
  SUB,
  branch,
  bulk,
  byte,
  const64,
  end,
  enter,
  get,
  loadAt,
  op,
  opConstant,
  set,
  tee,
} from "../wasm";

const RAX: u32 = 0;
const RCX: u32 = 8;
const RSI: u32 = 48;
const RDI: u32 = 56;

export function movs(i: Insn, width: u32): void {
  const value = result(isWide(width));
  readSource(i, width);
  set(value);
  setDestination(i);
  writeMemory(width, value);
  advance(i, RSI, width);
  advance(i, RDI, width);
}

export function stos(i: Insn, width: u32): void {
  const value = result(isWide(width));
  pushRegister(RAX, width);
  set(value);
  setDestination(i);
  writeMemory(width, value);
  advance(i, RDI, width);
}

export function lods(i: Insn, width: u32): void {
  readSource(i, width);
  popRegister(RAX, width);
  advance(i, RSI, width);
}

export function scas(i: Insn, width: u32): void {
  pushRegister(RAX, width);
  compareWithDestination(i, width);
}

export function cmps(i: Insn, width: u32): void {
  readSource(i, width);
  compareWithDestination(i, width);
  advance(i, RSI, width);
}

/** Flags of the value on the stack minus the destination. */
function compareWithDestination(i: Insn, width: u32): void {
  const wide = isWide(width);
  set(operandA(wide));
  setDestination(i);
  pushMemory(width, true);
  set(operandB(wide));
  setResult(SUB, width);
  recordFlags(FLAGS_SUB, wide);
  advance(i, RDI, width);
}

/** Pushes an index register, cut to the address size. */
function pushIndex(i: Insn, register: u32): void {
  pushRegister(register, W64);
  cutAddress(i);
}

/** Pushes what lies at the source, in DS or the segment of a prefix. */
function readSource(i: Insn, width: u32): void {
  pushIndex(i, RSI);
  setAddressOf(i, 1 << width, false);
  pushMemory(width, true);
}

/** ADDRESS = the destination, always in ES, which is flat. */
function setDestination(i: Insn): void {
  pushIndex(i, RDI);
  set(ADDRESS);
}

/** Pushes DF at its place. */
function pushDirection(): void {
  loadAt(I32_LOAD, CPU_AT + offsetof<CpuState>("eflags"));
  opConstant(AND, DF, false);
}

/** An index register goes on by the operand's size, down where DF is set. */
function advance(i: Insn, register: u32, width: u32): void {
  pushRegister(register, W64);
  const64(-(1 << width));
  const64(1 << width);
  pushDirection();
  byte(SELECT);
  op(ADD, true);
  cutAddress(i);
  popRegister(register, W64);
}

/** Elements of a run, and its bytes. */
const ELEMENTS: u32 = TEMPORARY;
const BYTES: u32 = operandB(true);

/** Whether a repeat may be in line: addresses that need no segment. */
export function isRunCovered(i: Insn): bool {
  return i.seg < FS || i.seg >= FLAT;
}

/** REP MOVS */
export function repMovs(i: Insn, width: u32): void {
  const source = operandA(false);
  const done = beginRun(i, width);
  const slow = enter(BLOCK, NO_RESULT);
  leaveUnlessRun(width, slow);
  setRunAddress(i, RSI, false, slow);
  pushPlace();
  set(source);
  setRunAddress(i, RDI, true, slow);
  pushPlace();
  tee(PLACE);
  get(source);
  op(SUB, false);
  // A destination inside the source repeats what was just written.
  get(BYTES);
  byte(I32_WRAP);
  op(LT_U, false);
  branch(BR_IF, slow);
  get(PLACE);
  get(source);
  get(BYTES);
  byte(I32_WRAP);
  bulk(MEMORY_COPY);
  advanceByRun(i, RSI);
  endRun(i, done);
}

/** REP STOS of a value whose bytes are alike. */
export function repStos(i: Insn, width: u32): void {
  const done = beginRun(i, width);
  const slow = enter(BLOCK, NO_RESULT);
  leaveUnlessRun(width, slow);
  if (width != W8) {
    const wide = isWide(width);
    pushRegister(RAX, width);
    opConstant(AND, 0xff, wide);
    opConstant(MUL, wide ? 0x0101_0101_0101_0101 : width == W32 ? 0x0101_0101 : 0x0101, wide);
    pushRegister(RAX, width);
    if (width < W32) opConstant(AND, 0xffff, false);
    op(NE, wide);
    branch(BR_IF, slow);
  }
  setRunAddress(i, RDI, true, slow);
  pushPlace();
  pushRegister(RAX, W32);
  get(BYTES);
  byte(I32_WRAP);
  bulk(MEMORY_FILL);
  endRun(i, done);
}

/** Opens the block that a repeat leaves when it is done, which it is where rCX is 0; returns its label. */
function beginRun(i: Insn, width: u32): u32 {
  settleFlags();
  const done = enter(BLOCK, NO_RESULT);
  pushIndex(i, RCX);
  tee(ELEMENTS);
  op(EQZ, true);
  branch(BR_IF, done);
  get(ELEMENTS);
  opConstant(SHL, width, true);
  set(BYTES);
  return done;
}

/** Branches where there is more than a page can hold, or it goes downwards. */
function leaveUnlessRun(width: u32, slow: u32): void {
  get(ELEMENTS);
  opConstant(GT_U, 0x1000 >> width, true);
  pushDirection();
  op(OR, false);
  branch(BR_IF, slow);
}

/** ADDRESS = where the run begins; branches where the TLB does not let it through as a whole. */
function setRunAddress(i: Insn, register: u32, write: bool, slow: u32): void {
  pushIndex(i, register);
  set(ADDRESS);
  pushTlbHitOfRun(BYTES, write);
  op(EQZ, false);
  branch(BR_IF, slow);
}

function advanceByRun(i: Insn, register: u32): void {
  pushRegister(register, W64);
  get(BYTES);
  op(ADD, true);
  cutAddress(i);
  popRegister(register, W64);
}

/** What is left to do for a run (cpu/exec/string.ts: took), and the interpreter's way. */
function endRun(i: Insn, done: u32): void {
  advanceByRun(i, RDI);
  const64(0);
  popRegister(RCX, W64);
  get(BUDGET);
  get(ELEMENTS);
  opConstant(SHR_U, 3, true);
  byte(I32_WRAP);
  op(SUB, false);
  opConstant(SUB, 1, false);
  set(BUDGET);
  branch(BR, done);
  end();
  interpretOn();
  end();
  forgetFlags();
}
