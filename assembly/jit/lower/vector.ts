// 16-byte integer operations and moves on XMM registers, which stay in memory: a v128 there costs a load, and most
// code that uses them is bound by them. What needs MXCSR is left to the interpreter.
import { Insn, PREFIX_REX_W, SRC_MEMORY } from "../../cpu/decode/insn";
import { W32, W64 } from "../../cpu/decode/operations";
import * as sse from "../../cpu/decode/operations-sse";
import { CR0_EM, CR0_TS, CR4_OSFXSR, CpuState } from "../../cpu/state";
import { CPU_AT, VECTORS_AT } from "../../machine/layout";
import { TlbEntry } from "../../memory/tlb";
import { interpretVector } from "../leave";
import { ADDRESS } from "../locals";
import { pushMemory, pushPlace, pushRegister, pushTlbHit, setAddress } from "../operand";
import {
  AND,
  EQZ,
  I32_LOAD,
  I32_WRAP,
  I64_EXTEND_U,
  I64_STORE,
  IF,
  NO_RESULT,
  OR,
  XOR,
  access,
  byte,
  const32,
  const64,
  end,
  enter,
  loadAt,
  get,
  op,
  opConstant,
  otherwise,
  unsigned,
} from "../wasm";

const V128_LOAD: u32 = 0x00;
const V128_STORE: u32 = 0x0b;
const SHUFFLE: u32 = 0x0d;
const EXTMUL_LOW_U: u32 = 0xde;
const NONE: u8 = 0;

/** The wasm operation that does the same as each of the rows from PAND on (SIMD opcodes, behind FDh). */
// prettier-ignore
const LANES: usize = memory.data<u8>([
  /* PAND PANDN POR PXOR */ 0x4e, 0x4f, 0x50, 0x51,
  /* PADDB W D Q */ 0x6e, 0x8e, 0xae, 0xce,
  /* PSUBB W D Q */ 0x71, 0x91, 0xb1, 0xd1,
  /* PADDSB SW USB USW */ 0x6f, 0x8f, 0x70, 0x90,
  /* PSUBSB SW USB USW */ 0x72, 0x92, 0x73, 0x93,
  /* PMINUB SB UW SW UD SD */ 0x77, 0x76, 0x97, 0x96, 0xb7, 0xb6,
  /* PMAXUB SB UW SW UD SD */ 0x79, 0x78, 0x99, 0x98, 0xb9, 0xb8,
  /* PAVGB W */ 0x7b, 0x9b,
  /* PCMPEQB W D Q */ 0x23, 0x2d, 0x37, 0xd6,
  /* PCMPGTB W D Q */ 0x27, 0x31, 0x3b, 0xd9,
  /* PMULLW HW HUW HRSW LD */ 0x95, NONE, NONE, NONE, 0xb5,
]);

/** Shifts by an immediate, from PSRLW_IMM on: the wasm operation, then the width in bits; 0 for whole-register ones. */
// prettier-ignore
const SHIFTS: usize = memory.data<u8>([
  /* PSRLW PSRAW PSLLW */ 0x8d, 16, 0x8c, 16, 0x8b, 16,
  /* PSRLD PSRAD PSLLD */ 0xad, 32, 0xac, 32, 0xab, 32,
  /* PSRLQ PSRLDQ PSLLQ PSLLDQ */ 0xcd, 64, NONE, 0, 0xcb, 64, NONE, 0,
]);

/** Whether #UD and #NM are out of the question since the start of the block. */
let checked: bool = false;

export function forgetVectorCheck(): void {
  checked = false;
}

/** Emits `i`; false where the interpreter must run it. */
export function lowerVector(i: Insn): bool {
  const operation = <u32>i.op;
  if (operation == sse.MOVD_LOAD) return moveGeneral(i);
  if (!isCovered(i, operation)) return false;
  const stores = (operation == sse.STOREA || operation == sse.STOREU) && (i.form & SRC_MEMORY) != 0;
  if (i.form & SRC_MEMORY) setAddress(i);
  pushMayRun(i, stores, operation != sse.LOADU && operation != sse.STOREU);
  enter(IF, NO_RESULT);
  if (stores) {
    pushPlace();
    loadVector(i.dst);
    simd(V128_STORE);
    memoryImmediate(0);
  } else compute(i, operation);
  otherwise();
  interpretVector();
  end();
  checked = true;
  return true;
}

function isCovered(i: Insn, operation: u32): bool {
  if (operation >= sse.PAND && operation <= sse.PMULLD) return load<u8>(LANES + operation - sse.PAND) != 0;
  if (operation >= sse.PSRLW_IMM && operation <= sse.PSLLDQ_IMM)
    return <u32>i.immediate < <u32>load<u8>(SHIFTS + 2 * (operation - sse.PSRLW_IMM) + 1);
  return (
    operation == sse.MOVA ||
    operation == sse.PMULUDQ ||
    operation == sse.PSHUFD ||
    operation == sse.LOADU ||
    operation == sse.STOREA ||
    operation == sse.STOREU ||
    (operation >= sse.PUNPCKLBW && operation <= sse.PUNPCKHQDQ)
  );
}

/** Pushes whether SSE is on, and the memory operand in the TLB and aligned as it must be. */
function pushMayRun(i: Insn, stores: bool, aligned: bool): void {
  if (checked) const32(1);
  else pushEnabled();
  if (!(i.form & SRC_MEMORY)) return;
  pushTlbHit(4, stores ? offsetof<TlbEntry>("writeTag") : offsetof<TlbEntry>("readTag"));
  op(AND, false);
  if (!aligned) return;
  get(ADDRESS);
  byte(I32_WRAP);
  opConstant(AND, 15, false);
  op(EQZ, false);
  op(AND, false);
}

/** Pushes whether no vector instruction raises #UD or #NM (SDM 3A §13.1). */
function pushEnabled(): void {
  loadAt(I32_LOAD, CPU_AT + offsetof<CpuState>("cr0"));
  opConstant(AND, CR0_EM | CR0_TS, false);
  loadAt(I32_LOAD, CPU_AT + offsetof<CpuState>("cr4"));
  opConstant(AND, CR4_OSFXSR, false);
  opConstant(XOR, CR4_OSFXSR, false);
  op(OR, false);
  op(EQZ, false);
}

function compute(i: Insn, operation: u32): void {
  const isShift = operation >= sse.PSRLW_IMM && operation <= sse.PSLLDQ_IMM;
  const target: u32 = isShift || operation == sse.STOREA || operation == sse.STOREU ? i.src : i.dst;
  const32(0);
  if (isShift) {
    loadVector(i.src);
    const32(<i32>i.immediate);
    simd(load<u8>(SHIFTS + 2 * (operation - sse.PSRLW_IMM)));
  } else if (operation == sse.STOREA || operation == sse.STOREU) loadVector(i.dst);
  else if (operation == sse.MOVA || operation == sse.LOADU) pushVectorSource(i);
  else if (operation == sse.PSHUFD) shuffleDwords(i);
  else if (operation == sse.PMULUDQ) {
    loadVector(i.dst);
    loadVector(i.dst);
    evenDwords();
    pushVectorSource(i);
    pushVectorSource(i);
    evenDwords();
    simd(EXTMUL_LOW_U);
  } else if (operation >= sse.PUNPCKLBW && operation <= sse.PUNPCKHQDQ) interleave(i, operation);
  else if (operation == sse.PANDN) {
    pushVectorSource(i);
    loadVector(i.dst);
    simd(load<u8>(LANES + operation - sse.PAND));
  } else {
    loadVector(i.dst);
    pushVectorSource(i);
    simd(load<u8>(LANES + operation - sse.PAND));
  }
  simd(V128_STORE);
  memoryImmediate(vectorAt(target));
}

/** MOVD and MOVQ from a general register or memory: the rest of the register is cleared. */
function moveGeneral(i: Insn): bool {
  const width = i.prefix & PREFIX_REX_W ? W64 : W32;
  if (!checked) {
    pushEnabled();
    op(EQZ, false);
    enter(IF, NO_RESULT);
    interpretVector();
    end();
    checked = true;
  }
  if (i.form & SRC_MEMORY) setAddress(i);
  const32(0);
  if (i.form & SRC_MEMORY) pushMemory(width, true);
  else pushRegister((<u32>i.src) << 3, width);
  if (width == W32) byte(I64_EXTEND_U);
  access(I64_STORE, vectorAt(i.dst));
  const32(0);
  const64(0);
  access(I64_STORE, vectorAt(i.dst) + 8);
  return true;
}

function pushVectorSource(i: Insn): void {
  if (!(i.form & SRC_MEMORY)) {
    loadVector(i.src);
    return;
  }
  pushPlace();
  simd(V128_LOAD);
  memoryImmediate(0);
}

/** Dwords 0 and 2 of the register pushed twice, in its lower half. */
function evenDwords(): void {
  simd(SHUFFLE);
  for (let n: u32 = 0; n < 16; n++) byte(((n & 4) << 1) | (n & 3));
}

function shuffleDwords(i: Insn): void {
  pushVectorSource(i);
  pushVectorSource(i);
  simd(SHUFFLE);
  for (let n: u32 = 0; n < 16; n++) byte(((((<u32>i.immediate) >> (2 * (n >> 2))) & 3) << 2) | (n & 3));
}

/** PUNPCK: elements of both operands by turns, from their lower or upper halves. */
function interleave(i: Insn, operation: u32): void {
  const number = operation - sse.PUNPCKLBW;
  const size: u32 = 1 << (number & 3);
  const first: u32 = number >= 4 ? 8 : 0;
  loadVector(i.dst);
  pushVectorSource(i);
  simd(SHUFFLE);
  for (let n: u32 = 0; n < 16; n++) {
    const element = n / size;
    byte(((element & 1) << 4) + first + (element >> 1) * size + (n & (size - 1)));
  }
}

function simd(code: u32): void {
  byte(0xfd);
  unsigned(code);
}

function memoryImmediate(offset: usize): void {
  byte(0);
  unsigned(<u32>offset);
}

function vectorAt(number: u32): usize {
  return VECTORS_AT + ((<usize>number) << 5);
}

function loadVector(number: u32): void {
  const32(0);
  simd(V128_LOAD);
  memoryImmediate(vectorAt(number));
}
