// Vector registers in translated code: locals, as the general registers are, where a region uses them; and vector
// operands in memory. A region that uses vectors is entered only while none of them can raise #UD or #NM, and one with
// floating point only while MXCSR masks all exceptions and rounds to nearest: that is checked at its entry
// (`offered`), and again behind instructions that may change it, which end their blocks.
import { Insn, SRC_MEMORY } from "../cpu/decode/insn";
import { CR0_EM, CR0_TS, CR4_OSFXSR, CR4_OSXSAVE, CpuState, cpu } from "../cpu/state";
import { PRECISION, isOrdinary } from "../cpu/mxcsr";
import { CPU_AT, VECTORS_AT } from "../machine/layout";
import { FLOAT_LIMIT, PLACE, SOURCE, SOURCE_UPPER, UPPER, VECTOR } from "./locals";
import { pushReachable, setAddress } from "./operand";
import { isUnitQuiet, loadTop } from "./x87";
import {
  LOAD32_ZERO,
  LOAD64_ZERO,
  V128_LOAD,
  V128_STORE,
  loadVectorAt,
  storeVectorAt,
  vectorAccess,
  zeroVector,
} from "./simd";
import { AND, I32_LOAD, SHL, SHR_S, const32, get, loadAt, opConstant, set, tee } from "./wasm";

// What a region asks for at its entry.
export const DEMANDS_SSE: u32 = 1 << 0;
export const DEMANDS_AVX: u32 = 1 << 1;
export const DEMANDS_FLOAT: u32 = 1 << 2;
export const DEMANDS_X87: u32 = 1 << 3;
const XCR0_SSE_AND_AVX: u64 = 6;

/** Registers in locals: bit n is XMMn, bit 16 + n the upper half of YMMn. Complete after the first of two passes. */
let touched: u32 = 0;
let written: u32 = 0;
let demands: u32 = 0;
/** VZEROUPPER is in the region: it writes the upper halves that the region has in locals. */
let clearsUppers: bool = false;
// The same as the second pass may rely on; 0 in the first.
let loaded: u32 = 0;
let spilled: u32 = 0;
let demanded: u32 = 0;

export function beginVectorPass(first: bool): void {
  if (clearsUppers) written |= touched & 0xffff_0000;
  loaded = first ? 0 : touched;
  spilled = first ? 0 : written;
  demanded = first ? 0 : demands;
  touched = 0;
  written = 0;
  demands = 0;
  clearsUppers = false;
}

export function touchedVectors(): u32 {
  return touched;
}

export function writtenVectors(): u32 {
  return written;
}

/** Those that a slow path puts into memory. */
export function spilledVectors(): u32 {
  return spilled;
}

export function demandsOfRegion(): u32 {
  return demands;
}

export function demand(what: u32): void {
  demands |= what;
}

/** Demands that hold now. */
export function offered(): u32 {
  const enabled = (cpu.cr0 & (CR0_EM | CR0_TS)) == 0;
  const sse = enabled && cpu.cr4 & CR4_OSFXSR;
  const avx = enabled && cpu.cr4 & CR4_OSXSAVE && (cpu.xcr0 & XCR0_SSE_AND_AVX) == XCR0_SSE_AND_AVX;
  return (
    (sse ? DEMANDS_SSE : 0) |
    (avx ? DEMANDS_AVX : 0) |
    (isOrdinary() ? DEMANDS_FLOAT : 0) |
    (enabled && isUnitQuiet() ? DEMANDS_X87 : 0)
  );
}

/** What the region under translation demands, known in the second pass. */
export function regionDemands(): u32 {
  return demanded;
}

/** Local number `bit` of the masks. */
function vectorLocal(bit: u32): u32 {
  return VECTOR + bit;
}

function placeOf(bit: u32): usize {
  return VECTORS_AT + ((<usize>(bit & 15)) << 5) + (bit & 16);
}

/** The local of XMM register `number`, to be read. */
export function xmm(number: u32): u32 {
  touched |= 1 << number;
  return VECTOR + number;
}

/** The local of the upper half of YMM register `number`, to be read. */
export function upper(number: u32): u32 {
  touched |= 0x10000 << number;
  return UPPER + number;
}

export function popXmm(number: u32): void {
  written |= 1 << number;
  set(xmm(number));
}

export function popUpper(number: u32): void {
  written |= 0x10000 << number;
  set(upper(number));
}

/** VEX clears what a register has above its result (SDM 1 §14.1.1). */
export function clearUpper(number: u32): void {
  zeroVector();
  popUpper(number);
}

/** VZEROUPPER: registers that the region has in locals there, the others in memory. */
export function clearUppers(): void {
  clearsUppers = true;
  for (let bit: u32 = 16; bit < 32; bit++) {
    if (loaded & (1 << bit)) clearUpper(bit - 16);
    else clearInMemory(placeOf(bit));
  }
}

function clearInMemory(address: usize): void {
  const32(0);
  zeroVector();
  vectorAccess(V128_STORE, address);
}

/** Pushes XMM register `number` as the interpreter left it in memory. */
export function pushStoredXmm(number: u32): void {
  loadVectorAt(placeOf(number));
}

/** At entry, and after the interpreter ran an instruction: vector registers and FLOAT_LIMIT from memory. */
export function loadVectors(vectors: u32): void {
  for (let bit: u32 = 0; bit < 32; bit++)
    if (vectors & (1 << bit)) {
      loadVectorAt(placeOf(bit));
      set(vectorLocal(bit));
    }
}

export function reloadVectors(): void {
  loadVectors(loaded);
  if (demanded & DEMANDS_FLOAT) loadFloatLimit();
  if (demanded & DEMANDS_X87) loadTop();
}

export function storeVectors(vectors: u32): void {
  for (let bit: u32 = 0; bit < 32; bit++)
    if (vectors & (1 << bit)) storeVectorAt(placeOf(bit), vectorLocal(bit));
}

/** `spill` takes them behind its other parameters. */
export function pushSpilledVectors(): void {
  for (let bit: u32 = 0; bit < 32; bit++) if (spilled & (1 << bit)) get(vectorLocal(bit));
}

/** In `spill`: stores its parameters from `parameter` on. */
export function storeSpilledVectors(vectors: u32, parameter: u32): void {
  for (let bit: u32 = 0; bit < 32; bit++) if (vectors & (1 << bit)) storeVectorAt(placeOf(bit), parameter++);
}

/**
 * FLOAT_LIMIT = FLOAT_RANGE, or 0 while the sticky precision flag is clear, when each result must be looked at
 * (jit/lower/sse-float.ts).
 */
export const FLOAT_RANGE: u32 = 0xfe00_0000;

export function loadFloatLimit(): void {
  loadAt(I32_LOAD, CPU_AT + offsetof<CpuState>("mxcsr"));
  opConstant(SHL, 31 - ctz<i32>(PRECISION), false);
  opConstant(SHR_S, 31, false);
  opConstant(AND, <i64>(<i32>FLOAT_RANGE), false);
  set(FLOAT_LIMIT);
}

// Memory operands.

/** SOURCE, and SOURCE_UPPER for 32 bytes = the memory operand; `aligned`: or #GP. */
export function readSource(i: Insn, bytes: u32, aligned: bool): void {
  setAddress(i, bytes, false);
  pushReachable(bytes, false, aligned ? bytes - 1 : 0);
  if (bytes == 32) tee(PLACE);
  vectorAccess(V128_LOAD, 0);
  set(SOURCE);
  if (bytes != 32) return;
  get(PLACE);
  vectorAccess(V128_LOAD, 16);
  set(SOURCE_UPPER);
}

/** SOURCE = a memory operand of 4 or 8 bytes, then zeros. */
export function readPart(i: Insn, log2: u32): void {
  setAddress(i, 1 << log2, false);
  pushReachable(1 << log2, false);
  vectorAccess(log2 == 3 ? LOAD64_ZERO : LOAD32_ZERO, 0);
  set(SOURCE);
}

/** Writes `low`, and `high` behind it for 32 bytes, to the memory operand. */
export function writeVector(i: Insn, low: u32, high: u32, bytes: u32, aligned: bool): void {
  setAddress(i, bytes, true);
  pushReachable(bytes, true, aligned ? bytes - 1 : 0);
  if (bytes == 32) tee(PLACE);
  get(low);
  vectorAccess(V128_STORE, 0);
  if (bytes != 32) return;
  get(PLACE);
  get(high);
  vectorAccess(V128_STORE, 16);
}

export function inMemory(i: Insn): bool {
  return (i.form & SRC_MEMORY) != 0;
}
