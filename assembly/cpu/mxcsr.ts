// MXCSR and the six SIMD floating-point exceptions (SDM 1 §10.2.3, §11.5).
//
//  15   14 13  12 11 10 9  8  7   6    5  4  3  2  1  0
//  ├FZ─┼──RC──┼PM─UM─OM─ZM─DM─IM┼DAZ─┼PE─UE─OE─ZE─DE─IE┤
import { UD, XM, raise } from "./exceptions";
import { CR4_OSXMMEXCPT, cpu } from "./state";

export const INVALID: u32 = 1 << 0;
export const DENORMAL: u32 = 1 << 1;
export const ZERO_DIVIDE: u32 = 1 << 2;
export const OVERFLOW: u32 = 1 << 3;
export const UNDERFLOW: u32 = 1 << 4;
export const PRECISION: u32 = 1 << 5;
export const DENORMALS_ARE_ZERO: u32 = 1 << 6;
export const FLUSH_TO_ZERO: u32 = 1 << 15;
/** What MXCSR_MASK of FXSAVE reports: a one elsewhere is #GP. */
export const MXCSR_MASK: u32 = 0xffff;
export const MXCSR_INITIAL: u32 = 0x1f80;

/** Rounding control (SDM 1 table 4-8); also the low bits of ROUNDPS's immediate. */
export const ROUND_NEAREST: u32 = 0;
export const ROUND_DOWN: u32 = 1;
export const ROUND_UP: u32 = 2;
export const ROUND_TO_ZERO: u32 = 3;

const MASKS_SHIFT: u32 = 7;
const ALL_MASKED_AND_NEAREST: u32 = 0x1f80;
const MASKS_AND_ROUNDING: u32 = 0x7f80;
/** Raised before anything is computed: unmasked, they hide what rounding would raise (SDM 1 §11.5.2). */
const BEFORE_COMPUTING: u32 = INVALID | DENORMAL | ZERO_DIVIDE;

/** What the running instruction raises, until `settle` enters it into MXCSR. */
let raised: u32 = 0;

export function note(exceptions: u32): void {
  raised |= exceptions;
}

/** Whether the exception may pass without a trap. */
export function isMasked(exception: u32): bool {
  return (cpu.mxcsr & (exception << MASKS_SHIFT)) != 0;
}

/** Ends an instruction's arithmetic, before its result is stored: flags, and #XM for what is not masked. */
export function settle(): void {
  if (raised) settleRaised();
}

function settleRaised(): void {
  let exceptions = raised;
  raised = 0;
  const unmasked = exceptions & ~(cpu.mxcsr >> MASKS_SHIFT);
  if (unmasked & BEFORE_COMPUTING) exceptions &= BEFORE_COMPUTING;
  cpu.mxcsr |= exceptions;
  if (unmasked) raise(cpu.cr4 & CR4_OSXMMEXCPT ? XM : UD);
}

/** The common case, in which the arithmetic of WebAssembly is the right one for ordinary numbers. */
export function isOrdinary(): bool {
  return (cpu.mxcsr & MASKS_AND_ROUNDING) == ALL_MASKED_AND_NEAREST;
}

/** Whether, besides, an inexact result changes nothing any more. */
export function isOrdinaryAndInexact(): bool {
  return (cpu.mxcsr & (MASKS_AND_ROUNDING | PRECISION)) == (ALL_MASKED_AND_NEAREST | PRECISION);
}

export function roundingControl(): u32 {
  return (cpu.mxcsr >> 13) & 3;
}
