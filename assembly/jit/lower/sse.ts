// Vector instructions: which operands, which family; the same names as cpu/exec/sse.ts and vex.ts, in wasm. An operation
// on lanes that has no wasm of its own calls the core for the lane alone.
import { Insn } from "../../cpu/decode/insn";
import * as sse from "../../cpu/decode/operations-sse";
import { VEX_L } from "../../cpu/decode/vex";
import { readsWhole } from "../../cpu/exec/xmm";
import { JIT_VECTOR_AT } from "../../machine/layout";
import { SOURCE, SOURCE_UPPER } from "../locals";
import { LANE, callCore } from "../module";
import { loadVectorAt, storeVectorAt } from "../simd";
import {
  DEMANDS_AVX,
  DEMANDS_FLOAT,
  DEMANDS_SSE,
  clearUpper,
  clearUppers,
  demand,
  inMemory,
  popUpper,
  popXmm,
  readPart,
  readSource,
  upper,
  xmm,
} from "../vector";
import { DROP, byte, const64, get } from "../wasm";
import { lowerConversion } from "./sse-convert";
import { pushFloatLane } from "./sse-float";
import { isImmediateShift, pushImmediateShift, pushIntegerLane } from "./sse-int";
import { lowerMove } from "./sse-move";
import { pushShuffleLane } from "./sse-shuffle";

/** Emits `i`; false, with nothing emitted, where the interpreter must run it. */
export function lowerVector(i: Insn): bool {
  const operation = operationOf(i);
  if (!isVex(i) && operation >= sse.SSE_FIRST + sse.MMX_FORM) return false;
  if (operation < sse.LOADU || (operation >= sse.VPERMILPS && operation < sse.VPERMD))
    return lowerLane(i, operation);
  if (operation < sse.PINSRB) return lowerMove(i, operation);
  if (operation >= sse.CVTSI2SS && operation <= sse.COMISD) return lowerConversion(i, operation);
  if (isImmediateShift(operation)) return lowerImmediateShift(i, operation);
  if (operation != sse.VZEROUPPER || i.extra & VEX_L) return false;
  demandVectors(i);
  clearUppers();
  return true;
}

export function isVex(i: Insn): bool {
  return <u32>i.op >= sse.SSE_FIRST + sse.VEX_FORM;
}

function operationOf(i: Insn): u32 {
  return isVex(i) ? <u32>i.op - sse.VEX_FORM : <u32>i.op;
}

/** 256 bits. */
export function isWideVector(i: Insn): bool {
  return isVex(i) && (i.extra & VEX_L) != 0;
}

/** The register that is the first operand: VEX.vvvv, or the destination. */
export function firstOf(i: Insn): u32 {
  return isVex(i) ? i.extra & 15 : <u32>i.dst;
}

export function demandVectors(i: Insn): void {
  demand(isVex(i) ? DEMANDS_AVX : DEMANDS_SSE);
}

/** Takes the vector on the stack into XMM register `number`; VEX clears the rest. */
export function popVector(i: Insn, number: u32): void {
  popXmm(number);
  if (isVex(i)) clearUpper(number);
}

function lowerLane(i: Insn, operation: u32): bool {
  const wide = isWideVector(i) && !isScalar(operation);
  const partial = !readsWhole(operation);
  if (wide && !isLaneByLane(operation)) return false;
  if (inMemory(i) && partial && partLog2(operation) == 1) return false;
  demandVectors(i);
  if (operation < sse.MOVA) demand(DEMANDS_FLOAT);
  if (inMemory(i)) {
    if (partial) readPart(i, partLog2(operation));
    else readSource(i, wide ? 32 : 16, operation == sse.MOVA || !isVex(i));
  }
  const immediate = (<u32>i.immediate) & (isCompare(operation) && !isVex(i) ? 7 : 0xff);
  const b = inMemory(i) ? SOURCE : xmm(i.src);
  pushLane(operation, xmm(firstOf(i)), b, immediate);
  if (!wide) {
    popVector(i, i.dst);
    return true;
  }
  popXmm(i.dst);
  const bUpper = inMemory(i) ? SOURCE_UPPER : upper(i.src);
  pushLane(operation, upper(firstOf(i)), bUpper, upperImmediate(operation, immediate));
  popUpper(i.dst);
  return true;
}

function isScalar(operation: u32): bool {
  return operation >= sse.CVTSD2SS && operation < sse.MOVA;
}

/** The eight predicates of the legacy encodings (SDM 2A CMPPS). */
function isCompare(operation: u32): bool {
  return operation == sse.CMPPS || operation == sse.CMPPD || operation == sse.CMPSS || operation == sse.CMPSD;
}

/** Whether each half of a 256-bit result comes from the same halves of the operands. */
function isLaneByLane(operation: u32): bool {
  if (operation >= sse.CVTPD2PS && operation <= sse.CVTDQ2PD)
    return operation >= sse.CVTDQ2PS && operation <= sse.CVTTPS2DQ;
  return (
    !(operation >= sse.PMOVSXBW && operation <= sse.PMOVZXBQ) &&
    !(operation >= sse.PSRLW && operation <= sse.PSLLQ)
  );
}

/** log2 of the bytes of a memory operand that is not read whole (cpu/exec/xmm.ts: readPart). */
function partLog2(operation: u32): u32 {
  if (operation < sse.CVTSS2SD) return 3;
  if (operation < sse.MOVA) return 2;
  if (operation < sse.PMOVSXBD) return 3;
  return operation < sse.PMOVSXBQ ? 2 : 1;
}

/** The part of the immediate that the upper lane has to itself (cpu/exec/vex.ts: upperImmediate). */
function upperImmediate(operation: u32, immediate: u32): u32 {
  switch (operation) {
    case sse.BLENDPS:
    case sse.VPBLENDD:
      return immediate >> 4;
    case sse.BLENDPD:
    case sse.SHUFPD:
    case sse.VPERMILPD_IMM:
      return immediate >> 2;
    case sse.MPSADBW:
      return immediate >> 3;
    default:
      return immediate;
  }
}

/** Pushes what `operation` makes of the locals `a` and `b`. */
function pushLane(operation: u32, a: u32, b: u32, immediate: u32): void {
  if (operation < sse.MOVA) {
    pushFloatLane(operation, a, b, immediate);
    return;
  }
  if (operation < sse.PACKSSWB) {
    if (pushIntegerLane(operation, a, b)) return;
  } else if (pushShuffleLane(operation, a, b, immediate)) return;
  pushLaneByCore(operation, a, b, immediate);
}

/** Pushes the same, computed by the interpreter's own code. */
export function pushLaneByCore(operation: u32, a: u32, b: u32, immediate: u32): void {
  storeVectorAt(JIT_VECTOR_AT, a);
  storeVectorAt(JIT_VECTOR_AT + 16, b);
  const64(operation);
  const64(immediate);
  callCore(LANE);
  byte(DROP);
  loadVectorAt(JIT_VECTOR_AT);
}

/** The shifts of the groups 12 to 14: of ModRM.rm, or from there to VEX.vvvv. */
function lowerImmediateShift(i: Insn, operation: u32): bool {
  demandVectors(i);
  const to = isVex(i) ? i.extra & 15 : <u32>i.src;
  const count = (<u32>i.immediate) & 0xff;
  get(xmm(i.src));
  pushImmediateShift(operation, count);
  if (!isWideVector(i)) {
    popVector(i, to);
    return true;
  }
  popXmm(to);
  get(upper(i.src));
  pushImmediateShift(operation, count);
  popUpper(to);
  return true;
}
