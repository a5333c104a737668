// Packed integers: the same names as cpu/exec/sse-int.ts, in wasm.
import * as sse from "../../cpu/decode/operations-sse";
import { beginShuffle, shuffleElements, simd, zeroVector } from "../simd";
import { DROP, byte, const32, get } from "../wasm";

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
  /* PMULUDQ DQ PMADDWD */ NONE, NONE, 0xba,
]);

const EXTMUL_LOW_WORDS_S: u32 = 0xbc; // then high signed, low unsigned, high unsigned
const EXTMUL_LOW_DWORDS_S: u32 = 0xdc;
const EXTMUL_LOW_DWORDS_U: u32 = 0xde;
const ABS: usize = memory.data<u8>([0x60, 0x80, 0xa0]);

/** Pushes what `operation` makes of `a` and `b`; false, with nothing emitted, where it is not worth its wasm. */
export function pushIntegerLane(operation: u32, a: u32, b: u32): bool {
  if (operation == sse.MOVA) {
    get(b);
    return true;
  }
  if (operation == sse.PMULUDQ || operation == sse.PMULDQ) {
    pushEvenDwords(a);
    pushEvenDwords(b);
    simd(operation == sse.PMULDQ ? EXTMUL_LOW_DWORDS_S : EXTMUL_LOW_DWORDS_U);
    return true;
  }
  if (operation == sse.PMULHW || operation == sse.PMULHUW) {
    multiplyHigh(a, b, operation == sse.PMULHW ? EXTMUL_LOW_WORDS_S : EXTMUL_LOW_WORDS_S + 2);
    return true;
  }
  if (operation >= sse.PABSB && operation <= sse.PABSD) {
    get(b);
    simd(load<u8>(ABS + operation - sse.PABSB));
    return true;
  }
  if (operation > sse.PMADDWD) return false;
  const code = load<u8>(LANES + operation - sse.PAND);
  if (code == NONE) return false;
  // PANDN inverts the first operand, wasm's andnot the second.
  get(operation == sse.PANDN ? b : a);
  get(operation == sse.PANDN ? a : b);
  simd(code);
  return true;
}

/** Dwords 0 and 2 of the register, in its lower half. */
function pushEvenDwords(local: u32): void {
  get(local);
  get(local);
  shuffleElements(4, 0x0200_0200);
}

/** The high words of the products: `code` multiplies the low halves, the next the high ones. */
function multiplyHigh(a: u32, b: u32, code: u32): void {
  get(a);
  get(b);
  simd(code);
  get(a);
  get(b);
  simd(code + 1);
  shuffleElements(2, 0x0f0d_0b09_0705_0301);
}

/** Shifts by an immediate, from PSRLW_IMM on: the wasm operation, then the width in bits; 0 for whole-register ones. */
// prettier-ignore
const SHIFTS: usize = memory.data<u8>([
  /* PSRLW PSRAW PSLLW */ 0x8d, 16, 0x8c, 16, 0x8b, 16,
  /* PSRLD PSRAD PSLLD */ 0xad, 32, 0xac, 32, 0xab, 32,
  /* PSRLQ PSRLDQ PSLLQ PSLLDQ */ 0xcd, 64, NONE, 0, 0xcb, 64, NONE, 0,
]);

export function isImmediateShift(operation: u32): bool {
  return operation >= sse.PSRLW_IMM && operation <= sse.PSLLDQ_IMM;
}

/** Shifts the vector on the stack. Counts past the width leave nothing, or the sign (SDM 2B PSRAW). */
export function pushImmediateShift(operation: u32, count: u32): void {
  const row = SHIFTS + 2 * (operation - sse.PSRLW_IMM);
  const width = <u32>load<u8>(row + 1);
  if (width == 0) {
    shiftBytes(operation == sse.PSRLDQ_IMM, min<u32>(count, 16));
    return;
  }
  const arithmetic = operation == sse.PSRAW_IMM || operation == sse.PSRAD_IMM;
  if (count >= width && !arithmetic) {
    byte(DROP);
    zeroVector();
    return;
  }
  const32(<i32>min<u32>(count, width - 1));
  simd(load<u8>(row));
}

/** PSRLDQ and PSLLDQ: zeros come in from a second vector. */
function shiftBytes(right: bool, count: u32): void {
  zeroVector();
  beginShuffle();
  for (let n: u32 = 0; n < 16; n++) byte(right ? min<u32>(n + count, 16) : n < count ? 16 : n - count);
}
