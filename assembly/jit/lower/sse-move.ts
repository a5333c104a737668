// Moves between vector registers, memory and general registers: the same names as cpu/exec/sse-move.ts, in wasm.
import { Insn, PREFIX_REX_W } from "../../cpu/decode/insn";
import * as sse from "../../cpu/decode/operations-sse";
import { W32, W64 } from "../../cpu/decode/operations";
import { SOURCE, SOURCE_UPPER, result } from "../locals";
import { popRegister, pushRegister, setAddress, writeMemory } from "../operand";
import {
  I32X4_BITMASK,
  I32X4_EXTRACT,
  I32X4_REPLACE,
  I64X2_BITMASK,
  I64X2_EXTRACT,
  I64X2_REPLACE,
  I8X16_BITMASK,
  lane,
  shuffleElements,
  simd,
  zeroVector,
} from "../simd";
import { inMemory, popUpper, popXmm, readPart, readSource, upper, writeVector, xmm } from "../vector";
import { OR, SHL, get, op, opConstant, set } from "../wasm";
import { demandVectors, firstOf, isVex, isWideVector, popVector } from "./sse";
import { pushLowQword } from "./sse-shuffle";

/** LOADU … PMOVMSKB, MOVNTI; false, with nothing emitted, for the others. */
export function lowerMove(i: Insn, operation: u32): bool {
  switch (operation) {
    case sse.LOADU:
      demandVectors(i);
      load(i);
      return true;
    case sse.STOREU:
    case sse.STOREA:
      demandVectors(i);
      storeWhole(i, operation == sse.STOREA);
      return true;
    case sse.MOVSS_LOAD:
    case sse.MOVSD_LOAD:
    case sse.MOVSS_STORE:
    case sse.MOVSD_STORE:
      demandVectors(i);
      moveScalar(i, operation);
      return true;
    case sse.MOVLPS_LOAD:
    case sse.MOVHPS_LOAD:
      demandVectors(i);
      loadHalf(i, operation == sse.MOVHPS_LOAD);
      return true;
    case sse.MOVLPS_STORE:
    case sse.MOVHPS_STORE:
      demandVectors(i);
      storeLane(i, W64, operation == sse.MOVHPS_STORE ? 1 : 0);
      return true;
    case sse.MOVD_LOAD:
      demandVectors(i);
      loadGeneral(i);
      return true;
    case sse.MOVD_STORE:
      demandVectors(i);
      storeGeneral(i);
      return true;
    case sse.MOVQ_STORE:
      demandVectors(i);
      storeQword(i);
      return true;
    case sse.MOVMSKPS:
    case sse.MOVMSKPD:
    case sse.PMOVMSKB:
      demandVectors(i);
      pushMask(i, operation);
      popRegister((<u32>i.dst) << 3, W32);
      return true;
    case sse.MOVNTI:
      storeRegister(i);
      return true;
    default:
      return false;
  }
}

/** MOVDQU and its kin. */
function load(i: Insn): void {
  const wide = isWideVector(i);
  if (inMemory(i)) readSource(i, wide ? 32 : 16, false);
  get(inMemory(i) ? SOURCE : xmm(i.src));
  if (!wide) {
    popVector(i, i.dst);
    return;
  }
  popXmm(i.dst);
  get(inMemory(i) ? SOURCE_UPPER : upper(i.src));
  popUpper(i.dst);
}

function storeWhole(i: Insn, aligned: bool): void {
  const wide = isWideVector(i);
  if (inMemory(i)) {
    const low = xmm(i.dst);
    writeVector(i, low, wide ? upper(i.dst) : low, wide ? 32 : 16, aligned);
    return;
  }
  get(xmm(i.dst));
  if (!wide) {
    popVector(i, i.src);
    return;
  }
  popXmm(i.src);
  get(upper(i.dst));
  popUpper(i.src);
}

/** MOVSS and MOVSD: from memory the rest is cleared, between registers it is kept, or comes from VEX.vvvv. */
function moveScalar(i: Insn, operation: u32): void {
  const width = operation == sse.MOVSS_LOAD || operation == sse.MOVSS_STORE ? W32 : W64;
  const loads = operation == sse.MOVSS_LOAD || operation == sse.MOVSD_LOAD;
  if (!inMemory(i)) {
    const to: u32 = loads ? i.dst : i.src;
    get(xmm(isVex(i) ? firstOf(i) : to));
    get(xmm(loads ? i.src : i.dst));
    if (width == W32) shuffleElements(4, 0x0302_0104);
    else shuffleElements(8, 0x0102);
    popVector(i, to);
  } else if (loads) {
    readPart(i, width);
    get(SOURCE);
    popVector(i, i.dst);
  } else storeLane(i, width, 0);
}

/** MOVLPS and MOVHPS from memory; MOVHLPS and MOVLHPS between registers. */
function loadHalf(i: Insn, high: bool): void {
  if (inMemory(i)) readPart(i, W64);
  get(xmm(firstOf(i)));
  get(inMemory(i) ? SOURCE : xmm(i.src));
  // High: the first's low half below the source's; low: the source's low half, or a register's high one.
  if (high) shuffleElements(8, 0x0200);
  else shuffleElements(8, inMemory(i) ? 0x0102 : 0x0103);
  popVector(i, i.dst);
}

/** Pushes lane `number` of the vector register that is ModRM.reg. */
function pushLaneOf(i: Insn, width: u32, number: u32): void {
  get(xmm(i.dst));
  lane(width == W64 ? I64X2_EXTRACT : I32X4_EXTRACT, number);
}

function storeLane(i: Insn, width: u32, number: u32): void {
  const value = result(width == W64);
  pushLaneOf(i, width, number);
  set(value);
  setAddress(i, 1 << width, true);
  writeMemory(width, value);
}

function widthOf(i: Insn): u32 {
  return i.prefix & PREFIX_REX_W ? W64 : W32;
}

/** MOVD and MOVQ from a general register or memory: the rest is cleared. */
function loadGeneral(i: Insn): void {
  const width = widthOf(i);
  if (inMemory(i)) {
    readPart(i, width);
    get(SOURCE);
  } else {
    zeroVector();
    pushRegister((<u32>i.src) << 3, width);
    lane(width == W64 ? I64X2_REPLACE : I32X4_REPLACE, 0);
  }
  popVector(i, i.dst);
}

function storeGeneral(i: Insn): void {
  const width = widthOf(i);
  if (inMemory(i)) {
    storeLane(i, width, 0);
    return;
  }
  pushLaneOf(i, width, 0);
  popRegister((<u32>i.src) << 3, width);
}

function storeQword(i: Insn): void {
  if (inMemory(i)) {
    storeLane(i, W64, 0);
    return;
  }
  pushLowQword(xmm(i.dst));
  popVector(i, i.src);
}

/** Pushes the signs of the elements. */
function pushMask(i: Insn, operation: u32): void {
  const code =
    operation == sse.PMOVMSKB ? I8X16_BITMASK : operation == sse.MOVMSKPS ? I32X4_BITMASK : I64X2_BITMASK;
  get(xmm(i.src));
  simd(code);
  if (!isWideVector(i)) return;
  get(upper(i.src));
  simd(code);
  opConstant(SHL, operation == sse.PMOVMSKB ? 16 : operation == sse.MOVMSKPS ? 4 : 2, false);
  op(OR, false);
}

/** MOVNTI; the register is a plain number. */
function storeRegister(i: Insn): void {
  const width = widthOf(i);
  const value = result(width == W64);
  pushRegister((<u32>i.dst) << 3, width);
  set(value);
  setAddress(i, 1 << width, true);
  writeMemory(width, value);
}
