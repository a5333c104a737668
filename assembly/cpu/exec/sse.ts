// MMX and SSE instructions: checks, then the handler. A lane operation (decode/operations-sse.ts) is read here,
// computed by the switch of its family, and written here; the others have a handler each.
import { Insn } from "../decode/insn";
import * as op from "../decode/operations-sse";
import { GP, NM, UD, raise, raiseWithError } from "../exceptions";
import { MXCSR_MASK, settle } from "../mxcsr";
import { CR0_EM, CR0_TS, CR4_OSFXSR, cpu } from "../state";
import { executeMmx } from "./mmx";
import { linearAddress, linearAddressForWrite } from "./operand";
import { sha256Rounds } from "./sha";
import { executeConversion } from "./sse-convert";
import { floatLane } from "./sse-float";
import { executeGeneral } from "./sse-general";
import { integerLane, shift } from "./sse-int";
import { executeMove } from "./sse-move";
import { blendBySign, shiftBytesLeft, shiftBytesRight, shuffleLane } from "./sse-shuffle";
import { compareStrings } from "./sse-string";
import { executeVex } from "./vex";
import { laneSource, setXmm, xmm } from "./xmm";
import { read, write } from "../../memory/access";

export function executeSse(i: Insn): void {
  const operation: u32 = i.op;
  if (operation < op.LOADU) executeLane(i, operation);
  else if (operation < op.CRC32_BYTE) executeOther(i, operation);
  else if (operation < op.SSE_FIRST + op.MMX_FORM) executeGeneral(i, operation);
  else if (operation < op.SSE_FIRST + op.VEX_FORM) executeMmx(i, operation - op.MMX_FORM);
  else executeVex(i);
}

/** #UD and #NM of every instruction on vector registers (SDM 3A §13.1). */
function checkSse(): void {
  if (cpu.cr0 & (CR0_EM | CR0_TS) || !(cpu.cr4 & CR4_OSFXSR)) {
    if (cpu.cr0 & CR0_EM || !(cpu.cr4 & CR4_OSFXSR)) raise(UD);
    raise(NM);
  }
}

function executeLane(i: Insn, operation: u32): void {
  checkSse();
  const b = laneSource(i, operation);
  // The legacy encodings of CMPPS and its kin have eight predicates (SDM 2A CMPPS).
  const isCompare =
    operation == op.CMPPS || operation == op.CMPPD || operation == op.CMPSS || operation == op.CMPSD;
  const result = lane(operation, xmm(i.dst), b, (<u32>i.immediate) & (isCompare ? 7 : 0xff));
  settle();
  setXmm(i.dst, result);
}

/** What a lane operation makes of `a`, `b` and the immediate; exceptions are noted, and the caller settles them. */
export function lane(operation: u32, a: v128, b: v128, immediate: u32): v128 {
  if (operation < op.MOVA) return floatLane(operation, a, b, immediate);
  return operation < op.PACKSSWB
    ? integerLane(operation, a, b, immediate)
    : shuffleLane(operation, a, b, immediate);
}

function executeOther(i: Insn, operation: u32): void {
  // MOVNTI stores a general register: kernels use it without CR4.OSFXSR, too (SDM 2B, its exceptions).
  if (operation != op.MOVNTI) checkSse();
  if (operation < op.PBLENDVB) executeMove(i, operation);
  else if (operation < op.CVTSI2SS)
    setXmm(i.dst, blendBySign(operation, xmm(i.dst), laneSource(i, op.PAND), xmm(0)));
  else if (operation < op.PSRLW_IMM) executeConversion(i, operation);
  else if (operation < op.PCMPESTRM) setXmm(i.src, shiftByImmediate(operation, xmm(i.src), <u32>i.immediate));
  else if (operation < op.SHA256RNDS2) compareStrings(i, operation);
  else setXmm(i.dst, sha256Rounds(xmm(i.dst), laneSource(i, op.PAND), xmm(0)));
}

/** PSRLW_IMM …: the shifts of the groups 12 to 14. */
export function shiftByImmediate(operation: u32, x: v128, count: u32): v128 {
  switch (operation) {
    case op.PSRLW_IMM:
      return shift(op.PSRLW, x, count);
    case op.PSRAW_IMM:
      return shift(op.PSRAW, x, count);
    case op.PSLLW_IMM:
      return shift(op.PSLLW, x, count);
    case op.PSRLD_IMM:
      return shift(op.PSRLD, x, count);
    case op.PSRAD_IMM:
      return shift(op.PSRAD, x, count);
    case op.PSLLD_IMM:
      return shift(op.PSLLD, x, count);
    case op.PSRLQ_IMM:
      return shift(op.PSRLQ, x, count);
    case op.PSLLQ_IMM:
      return shift(op.PSLLQ, x, count);
    case op.PSRLDQ_IMM:
      return shiftBytesRight(x, count);
    default:
      return shiftBytesLeft(x, count);
  }
}

export function ldmxcsr(i: Insn): void {
  checkSse();
  const value = read<u32>(linearAddress(i, 4));
  if (value & ~MXCSR_MASK) raiseWithError(GP, 0);
  cpu.mxcsr = value;
}

export function stmxcsr(i: Insn): void {
  checkSse();
  write<u32>(linearAddressForWrite(i, 4), cpu.mxcsr);
}
