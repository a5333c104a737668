// One block of a region: the budget, its instructions, its way on. An instruction that is not lowered is run by the
// interpreter's handler, so that coverage has no cliffs.
import { Block, firstInsn, insnCount } from "../cpu/decode/block";
import { DST_MEMORY, INSN_SIZE, Insn, SRC_IMMEDIATE, SRC_MEMORY } from "../cpu/decode/insn";
import {
  ADC,
  ADD,
  AND,
  BSF,
  BSR,
  BSWAP,
  BT,
  BTC,
  BTR,
  BTS,
  CALL_INDIRECT,
  CALL_NEAR,
  CBW,
  CLAC,
  CLC,
  CLD,
  CLI,
  CMC,
  CMOV,
  CMP,
  CMPS,
  CMPXCHG,
  CMPXCHG16B,
  CMPXCHG8B,
  CWD,
  DEC,
  DIV,
  FENCE,
  FWAIT,
  IDIV,
  IMUL,
  IMUL_ONE,
  INC,
  JCC,
  JMP,
  JMP_INDIRECT,
  LAHF,
  LEA,
  LEAVE,
  LODS,
  LZCNT,
  MOV,
  MOVS,
  MOV_FROM_SREG,
  MOVSX16,
  MOVSX8,
  MOVSXD,
  MOVZX16,
  MOVZX8,
  MUL,
  NEG,
  NOP,
  NOT,
  OR,
  POP,
  PAUSE,
  POPCNT,
  RCL,
  RCR,
  RDTSC,
  RDTSCP,
  REP_MOVS,
  REP_STOS,
  PUSH,
  PUSHF,
  PUSH_SREG,
  RET_POP,
  ROL,
  ROR,
  SAHF,
  SAR,
  SBB,
  SCAS,
  SETCC,
  SHL,
  SHLD,
  SHR,
  SHRD,
  SSE_FIRST,
  STAC,
  STC,
  STD,
  STI,
  STOS,
  SUB,
  SWAPGS,
  TEST,
  TZCNT,
  W32,
  W64,
  X87,
  XADD,
  XCHG,
  XOR,
} from "../cpu/decode/operations";
import { MODE_CODE64, cpu } from "../cpu/state";
import { clock } from "../machine/clock";
import { flagState, pushCondition, setFlagState } from "./flags";
import {
  beginBlock,
  beginInsn,
  interpret,
  interpretLast,
  interpretOn,
  leaveTo,
  nextDelta,
  targetDelta,
} from "./leave";
import { BUDGET } from "./locals";
import {
  add,
  cbw,
  cmp,
  cmpxchg,
  cmpxchg16b,
  cmpxchg8b,
  cwd,
  divide,
  imul,
  mulOne,
  neg,
  step,
  sub,
  withCarry,
  xadd,
} from "./lower/arith";
import {
  bitTest,
  complementCarry,
  count,
  doubleShift,
  immediateCount,
  isShiftCovered,
  logic,
  not,
  popcount,
  rotate,
  rotateThroughCarry,
  scan,
  setCarry,
  shift,
  test,
} from "./lower/bits";
import { callIndirect, jmpIndirect, pushReturn, ret } from "./lower/branch";
import { bswap, cmov, extend, lea, leave, mov, movsxd, pop, push, setcc, xchg } from "./lower/move";
import { cmps, isRunCovered, lods, movs, repMovs, repStos, scas, stos } from "./lower/string";
import {
  clac,
  cli,
  lahf,
  movFromSegment,
  pushSegment,
  pushf,
  sahf,
  setDirection,
  stac,
  sti,
  swapgs,
} from "./lower/system";
import { rdtsc, rdtscp } from "./lower/time";
import { lowerVector } from "./lower/sse";
import { lowerX87 } from "./lower/x87";
import { isPlainAddress } from "./operand";
import { node } from "./graph";
import { Node, endsRun, isBranch, isRepeat, isTransfer, lastInsn } from "./region";
import { LEFT_BUDGET } from "./stats";
import { emitEdge, guardPage } from "./structure";
import { DEMANDS_X87, demand } from "./vector";
import { forgetPointers, settlePointers } from "./x87";
import * as wasm from "./wasm";

export function emitBlock(n: u32): void {
  const here = node(n);
  const block = here.block;
  beginBlock(block, here.delta);
  forgetPointers();
  // An instruction that crosses into another page.
  if (here.lastPage != here.page) guardPage(here.lastPage, here.delta + <i32>block.length - 1, here.delta);
  takeBudget(block, here.delta);
  const last = lastInsn(block);
  for (let i = firstInsn(block); changetype<usize>(i) < changetype<usize>(last); i = behind(i)) emitInsn(i);
  emitLast(n, here, last);
}

function behind(i: Insn): Insn {
  return changetype<Insn>(changetype<usize>(i) + INSN_SIZE);
}

/** As the run loop does: a block runs if there is any budget, and counts as a whole. */
function takeBudget(block: Block, delta: i32): void {
  wasm.get(BUDGET);
  wasm.opConstant(wasm.LE_S, 0, false);
  wasm.enter(wasm.IF, wasm.NO_RESULT);
  leaveTo(delta, LEFT_BUDGET);
  wasm.end();
  wasm.get(BUDGET);
  wasm.opConstant(wasm.SUB, insnCount(block), false);
  wasm.set(BUDGET);
}

function emitInsn(i: Insn): void {
  beginInsn(i);
  if (lower(i)) return;
  interpret();
}

/** The last instruction, and where it leads. */
function emitLast(n: u32, here: Node, last: Insn): void {
  beginInsn(last);
  const op = <u32>last.op;
  if (isBranch(last)) {
    settlePointers();
    emitBranch(n, here, op);
  } else if (isTransfer(last)) {
    settlePointers();
    emitTransfer(n, last, op);
  } else if (endsRun(op) && !isRepeat(op)) interpretLast();
  else {
    if (!lower(last)) interpretOn();
    settlePointers();
    emitEdge(n, here.next, nextDelta());
  }
}

function emitBranch(n: u32, here: Node, op: u32): void {
  const target = targetDelta();
  if (op == JCC) {
    const next = nextDelta();
    pushCondition(lastInsn(here.block).extra);
    wasm.enter(wasm.IF, wasm.NO_RESULT);
    const state = flagState();
    emitEdge(n, here.taken, target);
    wasm.otherwise();
    setFlagState(state);
    emitEdge(n, here.next, next);
    wasm.end();
    return;
  }
  if (op != JMP) pushReturn(op - CALL_NEAR);
  emitEdge(n, here.taken, target);
}

/** Transfers whose target only the guest knows. */
function emitTransfer(n: u32, i: Insn, op: u32): void {
  const width = op & 3;
  switch (op - width) {
    case JMP_INDIRECT:
      jmpIndirect(n, i, width);
      return;
    case CALL_INDIRECT:
      callIndirect(n, i, width);
      return;
    default:
      ret(n, width, op - width == RET_POP ? i.immediate : 0);
  }
}

/** Emits `i`; false, with nothing emitted, where the interpreter must run it. */
function lower(i: Insn): bool {
  const op = <u32>i.op;
  if (op == X87) return lowerX87(i);
  if (i.form & (DST_MEMORY | SRC_MEMORY) && !isPlainAddress(i)) return false;
  if (op >= SSE_FIRST) return lowerVector(i);
  return op < JCC ? lowerSized(i, op & ~3, op & 3) : lowerUnsized(i, op);
}

function lowerUnsized(i: Insn, op: u32): bool {
  switch (op) {
    case NOP:
    case FENCE:
      return true;
    case SETCC:
      setcc(i);
      return true;
    case CLC:
      setCarry(0);
      return true;
    case STC:
      setCarry(1);
      return true;
    case CMC:
      complementCarry();
      return true;
    case FWAIT:
      demand(DEMANDS_X87);
      return true;
    case CLD:
      setDirection(false);
      return true;
    case STD:
      setDirection(true);
      return true;
    case CLI:
      cli();
      return true;
    case STI:
      sti();
      return true;
    case STAC:
      stac();
      return true;
    case CLAC:
      clac();
      return true;
    case SWAPGS:
      swapgs();
      return true;
    case PAUSE:
      return clock.vcpus == 1; // else the interpreter gives the turn away
    case LAHF:
      lahf();
      return true;
    case SAHF:
      sahf();
      return true;
    case CMPXCHG8B:
      cmpxchg8b(i);
      return true;
    case CMPXCHG16B:
      cmpxchg16b(i);
      return true;
    case RDTSC:
      rdtsc();
      return true;
    case RDTSCP:
      rdtscp();
      return true;
    default:
      return false;
  }
}

// prettier-ignore
function lowerSized(i: Insn, op: u32, width: u32): bool {
  const inMemory = (i.form & DST_MEMORY) != 0;
  const full = width >= W32;
  switch (op) {
    case ADD: add(i, width); return true;
    case OR: logic(i, width, wasm.OR); return true;
    case ADC: withCarry(i, width, wasm.ADD); return true;
    case SBB: withCarry(i, width, wasm.SUB); return true;
    case AND: logic(i, width, wasm.AND); return true;
    case SUB: sub(i, width); return true;
    case XOR: logic(i, width, wasm.XOR); return true;
    case CMP: cmp(i, width); return true;
    case TEST: test(i, width); return true;
    case MOV: mov(i, width); return true;
    case XCHG: xchg(i, width); return true;
    case INC: step(i, width, wasm.ADD); return true;
    case DEC: step(i, width, wasm.SUB); return true;
    case NOT: not(i, width); return true;
    case NEG: neg(i, width); return true;
    case IMUL: imul(i, width); return true;
    case CMOV: cmov(i, width); return true;
    case MOVZX8: extend(i, width, 0, false); return true;
    case MOVZX16: extend(i, width, 1, false); return true;
    case MOVSX8: extend(i, width, 0, true); return true;
    case MOVSX16: extend(i, width, 1, true); return true;
    case LEA: lea(i, width); return true;
    case XADD: xadd(i, width); return true;
    case CMPXCHG: if (!inMemory) return false; cmpxchg(i, width); return true;
    case CBW: cbw(width); return true;
    case CWD: cwd(width); return true;
    case PUSH: if (!isStackWidth(width)) return false; push(i, width); return true;
    case POP: if (inMemory || !isStackWidth(width)) return false; pop(i, width); return true;
    case PUSHF: if (!isStackWidth(width)) return false; pushf(width); return true;
    case MOV_FROM_SREG: return lowerMovFromSegment(i, width);
    case PUSH_SREG: if (!isStackWidth(width)) return false; pushSegment(i, width); return true;
    case MOVS: if (!isPlainAddress(i)) return false; movs(i, width); return true;
    case STOS: if (!isPlainAddress(i)) return false; stos(i, width); return true;
    case LODS: if (!isPlainAddress(i)) return false; lods(i, width); return true;
    case SCAS: if (!isPlainAddress(i)) return false; scas(i, width); return true;
    case CMPS: if (!isPlainAddress(i)) return false; cmps(i, width); return true;
    case REP_MOVS: if (!isPlainAddress(i) || !isRunCovered(i)) return false; repMovs(i, width); return true;
    case REP_STOS: if (!isPlainAddress(i)) return false; repStos(i, width); return true;
    case LEAVE: if (!isStackWidth(width)) return false; leave(width); return true;
    case SHL: return lowerShift(i, width, wasm.SHL);
    case SHR: return lowerShift(i, width, wasm.SHR_U);
    case SAR: return lowerShift(i, width, wasm.SHR_S);
    case BT: bitTest(i, width, 0); return true;
    case BTS: bitTest(i, width, wasm.OR); return true;
    case BTR: bitTest(i, width, wasm.AND); return true;
    case BTC: bitTest(i, width, wasm.XOR); return true;
  }
  if (!full) return false;
  switch (op) {
    case MUL: mulOne(i, width, false); return true;
    case IMUL_ONE: mulOne(i, width, true); return true;
    case DIV: divide(i, width, false); return true;
    case IDIV: divide(i, width, true); return true;
    case MOVSXD: movsxd(i, width); return true;
    case BSWAP: bswap(i, width); return true;
    case BSF: scan(i, width, wasm.CTZ); return true;
    case BSR: scan(i, width, wasm.CLZ); return true;
    case TZCNT: count(i, width, wasm.CTZ); return true;
    case LZCNT: count(i, width, wasm.CLZ); return true;
    case POPCNT: popcount(i, width); return true;
    case ROL: return lowerRotate(i, width, wasm.ROTL);
    case ROR: return lowerRotate(i, width, wasm.ROTR);
    case RCL: return lowerRotateThroughCarry(i, width, wasm.SHL);
    case RCR: return lowerRotateThroughCarry(i, width, wasm.SHR_U);
    case SHLD: return lowerDoubleShift(i, width, wasm.SHL);
    case SHRD: return lowerDoubleShift(i, width, wasm.SHR_U);
    default: return false;
  }
}

/** The stack's own width, whose pushes and pops are by far the most. */
function isStackWidth(width: u32): bool {
  return width == (cpu.mode & MODE_CODE64 ? W64 : W32);
}

/** To a register, or two bytes to memory. */
function lowerMovFromSegment(i: Insn, width: u32): bool {
  if (i.form & DST_MEMORY) return false;
  movFromSegment(i, width);
  return true;
}

function lowerShift(i: Insn, width: u32, code: u32): bool {
  if (!isShiftCovered(i, width)) return false;
  shift(i, width, code);
  return true;
}

function lowerRotate(i: Insn, width: u32, code: u32): bool {
  if (!isShiftCovered(i, width)) return false;
  rotate(i, width, code);
  return true;
}

/** By one, as nearly always. */
function lowerRotateThroughCarry(i: Insn, width: u32, code: u32): bool {
  if (!(i.form & SRC_IMMEDIATE) || immediateCount(i, width) != 1) return false;
  rotateThroughCarry(i, width, code);
  return true;
}

/** `extra`: by an immediate. */
function lowerDoubleShift(i: Insn, width: u32, code: u32): bool {
  if (i.extra && immediateCount(i, width) == 0) return false;
  doubleShift(i, width, code);
  return true;
}
