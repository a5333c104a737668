// VEX-encoded instructions (SDM 1 chapter 14): three operands, 128 or 256 bits, no demand for alignment, and
// whatever the destination has above the result is cleared. Lane operations run the code of their SSE kin.
import { Insn, PREFIX_REX_W } from "../decode/insn";
import * as op from "../decode/operations-sse";
import { VEX_L } from "../decode/vex";
import { GP, NM, UD, raise, raiseWithError } from "../exceptions";
import { setArithmeticFlags } from "../flags";
import { settle } from "../mxcsr";
import { CF, CR0_TS, CR4_OSXSAVE, ZF, cpu, setRegister } from "../state";
import { probeWrite, read, write } from "../../memory/access";
import { avxLane, executeAvx } from "./avx";
import { executeMasked } from "./avx-memory";
import { executeBmi } from "./bmi";
import { executeFma } from "./fma";
import { linearAddress, linearAddressForWrite } from "./operand";
import { lane, shiftByImmediate } from "./sse";
import { executeConversion, fromGeneral } from "./sse-convert";
import { executeMove, generalSource, singleToInsert } from "./sse-move";
import { insertSingle, shiftBytesRight } from "./sse-shuffle";
import { compareStrings } from "./sse-string";
import {
  element,
  inMemory,
  laneSource,
  lowDword,
  lowQword,
  readMemory,
  readPart,
  readsWhole,
  scalarSource,
  setElement,
  setXmm,
  setXmmUpper,
  unaligned,
  xmm,
  xmmUpper,
} from "./xmm";

const XCR0_SSE_AND_AVX: u64 = 6;

export function executeVex(i: Insn): void {
  const operation: u32 = <u32>i.op - op.VEX_FORM;
  if (operation >= op.ANDN) {
    executeBmi(i, operation);
    return;
  }
  checkAvx();
  if (operation < op.LOADU) executeLane(i, operation);
  else if (operation < op.PSRLW_IMM) executeWithVex(i, operation);
  else if (operation < op.PCMPESTRM) shiftRegister(i, operation);
  else if (operation < op.SHA256RNDS2) compareWithVex(i, operation);
  else if (operation < op.VPERMD) executeLane(i, operation);
  else if (operation < op.VMASKMOVD_LOAD) executeAvx(i, operation);
  else if (operation < op.VFMA) executeMasked(i, operation);
  else executeFma(i, operation);
}

/** #UD and #NM (SDM 2A table 2-18 and on). */
function checkAvx(): void {
  if ((cpu.cr4 & CR4_OSXSAVE) == 0 || (cpu.xcr0 & XCR0_SSE_AND_AVX) != XCR0_SSE_AND_AVX) raise(UD);
  if (cpu.cr0 & CR0_TS) raise(NM);
}

export function isWide(i: Insn): bool {
  return ((<u32>i.extra) & VEX_L) != 0;
}

/** VEX.vvvv: the first source of three operands. */
export function vvvv(i: Insn): u32 {
  return (<u32>i.extra) & 15;
}

/** A 128-bit result; the upper half is cleared. */
export function setVector(number: u32, value: v128): void {
  setXmm(number, value);
  setXmmUpper(number, i64x2(0, 0));
}

export function setWide(number: u32, low: v128, high: v128): void {
  setXmm(number, low);
  setXmmUpper(number, high);
}

/** The upper 16 bytes of a 256-bit operand. */
export function upperSource(i: Insn): v128 {
  return inMemory(i) ? read<v128>(linearAddress(i, 32) + 16) : xmmUpper(i.src);
}

function evaluate(operation: u32, a: v128, b: v128, immediate: u32): v128 {
  if (operation >= op.VPERMILPS) return avxLane(operation, a, b, immediate);
  return lane(operation, a, b, immediate);
}

function isScalar(operation: u32): bool {
  return operation >= op.CVTSD2SS && operation < op.MOVA;
}

function executeLane(i: Insn, operation: u32): void {
  if (isWide(i) && !isScalar(operation)) {
    executeWideLane(i, operation);
    return;
  }
  const b = source(i, operation);
  const result = evaluate(operation, xmm(vvvv(i)), b, <u32>i.immediate);
  settle();
  setVector(i.dst, result);
}

/** The second operand of 128 bits or less. Only moves of aligned data insist on that. */
function source(i: Insn, operation: u32): v128 {
  if (operation == op.MOVA) return laneSource(i, op.MOVA);
  return inMemory(i) && !readsWhole(operation) ? readPart(i, operation) : unaligned(i);
}

function executeWideLane(i: Insn, operation: u32): void {
  const first = vvvv(i);
  const immediate = <u32>i.immediate;
  let low: v128;
  let high: v128;
  const widening = wideningStep(operation);
  if (widening) {
    // Elements of the low half fill both lanes of the result.
    const b = widenedSource(i, widening);
    low = evaluate(operation, b, b, 0);
    high = evaluate(operation, b, shiftBytesRight(b, widening), 0);
  } else if (operation >= op.PSRLW && operation <= op.PSLLQ) {
    const count = unaligned(i);
    low = evaluate(operation, xmm(first), count, 0);
    high = evaluate(operation, xmmUpper(first), count, 0);
  } else {
    if (operation == op.MOVA && inMemory(i)) checkWideAlignment(linearAddress(i, 32));
    const bLow = unaligned(i);
    const bHigh = upperSource(i);
    low = evaluate(operation, xmm(first), bLow, immediate);
    high = evaluate(operation, xmmUpper(first), bHigh, upperImmediate(operation, immediate));
  }
  settle();
  if (isNarrowing(operation)) setVector(i.dst, v128.shuffle<i64>(low, high, 0, 2));
  else setWide(i.dst, low, high);
}

/** Bytes of the source that make one lane, where elements get wider; else 0. */
function wideningStep(operation: u32): u32 {
  if (operation == op.CVTPS2PD || operation == op.CVTDQ2PD) return 8;
  if (operation < op.PMOVSXBW || operation > op.PMOVZXBQ) return 0;
  return operation < op.PMOVSXBD ? 8 : operation < op.PMOVSXBQ ? 4 : 2;
}

function widenedSource(i: Insn, step: u32): v128 {
  if (!inMemory(i) || step == 8) return unaligned(i);
  if (step == 4) return lowQword(readMemory<u64>(i));
  return lowDword(readMemory<u32>(i));
}

function isNarrowing(operation: u32): bool {
  return (
    operation >= op.CVTPD2PS &&
    operation <= op.CVTTPD2DQ &&
    operation != op.CVTDQ2PS &&
    operation != op.CVTPS2DQ &&
    operation != op.CVTTPS2DQ
  );
}

/** The part of the immediate that the upper lane has to itself. */
function upperImmediate(operation: u32, immediate: u32): u32 {
  switch (operation) {
    case op.BLENDPS:
    case op.VPBLENDD:
      return immediate >> 4;
    case op.BLENDPD:
    case op.SHUFPD:
    case op.VPERMILPD_IMM:
      return immediate >> 2;
    case op.MPSADBW:
      return immediate >> 3;
    default:
      return immediate;
  }
}

function checkWideAlignment(linear: u64): u64 {
  if (linear & 31) raiseWithError(GP, 0);
  return linear;
}

/** Shifts by an immediate: the destination is VEX.vvvv. */
function shiftRegister(i: Insn, operation: u32): void {
  const count = <u32>i.immediate;
  const low = shiftByImmediate(operation, xmm(i.src), count);
  if (isWide(i)) setWide(vvvv(i), low, shiftByImmediate(operation, xmmUpper(i.src), count));
  else setVector(vvvv(i), low);
}

/** The mask is a vector, the index is not. */
function compareWithVex(i: Insn, operation: u32): void {
  compareStrings(i, operation);
  if (operation == op.PCMPESTRM || operation == op.PCMPISTRM) setXmmUpper(0, i64x2(0, 0));
}

/** Stores 32 bytes, all or none. */
export function writeWide(linear: u64, low: v128, high: v128): void {
  probeWrite(linear, 32);
  write<v128>(linear, low);
  write<v128>(linear + 16, high);
}

/** What is not a lane operation: as its SSE kin, but for the third operand and the upper half. */
function executeWithVex(i: Insn, operation: u32): void {
  switch (operation) {
    case op.LOADU:
      if (isWide(i)) {
        const low = unaligned(i);
        setWide(i.dst, low, upperSource(i));
      } else setVector(i.dst, unaligned(i));
      break;
    case op.STOREU:
    case op.STOREA:
      storeVector(i, operation);
      break;
    case op.MOVSS_LOAD:
    case op.MOVSD_LOAD:
    case op.MOVSS_STORE:
    case op.MOVSD_STORE:
      moveScalar(i, operation);
      break;
    case op.MOVLPS_LOAD: {
      const low = inMemory(i) ? readMemory<u64>(i) : element<u64>(i.src, 1);
      setVector(i.dst, i64x2.replace_lane(xmm(vvvv(i)), 0, low));
      break;
    }
    case op.MOVHPS_LOAD:
      setVector(i.dst, i64x2.replace_lane(xmm(vvvv(i)), 1, scalarSource<u64>(i)));
      break;
    case op.MOVD_LOAD:
    case op.MOVQ_STORE:
      executeMove(i, operation);
      if (operation == op.MOVD_LOAD) setXmmUpper(i.dst, i64x2(0, 0));
      else if (!inMemory(i)) setXmmUpper(i.src, i64x2(0, 0));
      break;
    case op.MOVMSKPS:
      setRegister<u32>(
        i.dst,
        i32x4.bitmask(xmm(i.src)) | (isWide(i) ? i32x4.bitmask(xmmUpper(i.src)) << 4 : 0),
      );
      break;
    case op.MOVMSKPD:
      setRegister<u32>(
        i.dst,
        i64x2.bitmask(xmm(i.src)) | (isWide(i) ? i64x2.bitmask(xmmUpper(i.src)) << 2 : 0),
      );
      break;
    case op.PMOVMSKB:
      setRegister<u32>(
        i.dst,
        i8x16.bitmask(xmm(i.src)) | (isWide(i) ? i8x16.bitmask(xmmUpper(i.src)) << 16 : 0),
      );
      break;
    case op.PINSRB:
      insert<u8>(i, generalSource<u8>(i), 15);
      break;
    case op.PINSRW:
      insert<u16>(i, generalSource<u16>(i), 7);
      break;
    case op.PINSRD:
      if (i.prefix & PREFIX_REX_W) insert<u64>(i, generalSource<u64>(i), 1);
      else insert<u32>(i, generalSource<u32>(i), 3);
      break;
    case op.INSERTPS:
      setVector(i.dst, insertSingle(xmm(vvvv(i)), singleToInsert(i), <u32>i.immediate));
      break;
    case op.CVTSI2SS: {
      const single = fromGeneral<f32>(i);
      setVector(i.dst, i32x4.replace_lane(xmm(vvvv(i)), 0, <u32>single));
      break;
    }
    case op.CVTSI2SD: {
      const double = fromGeneral<f64>(i);
      setVector(i.dst, i64x2.replace_lane(xmm(vvvv(i)), 0, double));
      break;
    }
    case op.PTEST:
      testVector(i);
      break;
    default:
      if (operation < op.CVTSI2SS) executeMove(i, operation);
      else executeConversion(i, operation);
  }
}

function storeVector(i: Insn, operation: u32): void {
  const low = xmm(i.dst);
  const high = xmmUpper(i.dst);
  if (!inMemory(i)) {
    if (isWide(i)) setWide(i.src, low, high);
    else setVector(i.src, low);
  } else if (isWide(i)) {
    const linear = linearAddressForWrite(i, 32);
    writeWide(operation == op.STOREA ? checkWideAlignment(linear) : linear, low, high);
  } else executeMove(i, operation);
}

/** VMOVSS and VMOVSD: between registers the rest comes from VEX.vvvv. */
function moveScalar(i: Insn, operation: u32): void {
  const isLoad = operation == op.MOVSS_LOAD || operation == op.MOVSD_LOAD;
  if (inMemory(i)) {
    executeMove(i, operation);
    if (isLoad) setXmmUpper(i.dst, i64x2(0, 0));
    return;
  }
  const to: u32 = isLoad ? i.dst : i.src;
  const from: u32 = isLoad ? i.src : i.dst;
  const rest = xmm(vvvv(i));
  if (operation == op.MOVSS_LOAD || operation == op.MOVSS_STORE)
    setVector(to, i32x4.replace_lane(rest, 0, element<u32>(from)));
  else setVector(to, i64x2.replace_lane(rest, 0, element<u64>(from)));
}

function insert<T>(i: Insn, value: T, indexMask: u32): void {
  setVector(i.dst, xmm(vvvv(i)));
  setElement<T>(i.dst, (<u32>i.immediate) & indexMask, value);
}

function testVector(i: Insn): void {
  let high: v128 = i64x2(0, 0);
  let highRest: v128 = i64x2(0, 0);
  const b = unaligned(i);
  if (isWide(i)) {
    const bHigh = upperSource(i);
    high = v128.and(xmmUpper(i.dst), bHigh);
    highRest = v128.andnot(bHigh, xmmUpper(i.dst));
  }
  flagTest(v128.or(v128.and(xmm(i.dst), b), high), v128.or(v128.andnot(b, xmm(i.dst)), highRest));
}

/** ZF if no bit is in common, CF if none of the second operand lies outside the first. */
export function flagTest(common: v128, outside: v128): void {
  setArithmeticFlags((v128.any_true(common) ? 0 : ZF) | (v128.any_true(outside) ? 0 : CF));
}
