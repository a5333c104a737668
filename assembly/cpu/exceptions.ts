// Exceptions: a guest fault is architecture. A handler reads, computes, then commits; what cannot be done
// raises here, unwinds through the host to the run loop, and the run loop delivers it (cpu/interrupts.ts).
import { unwind } from "../host";
import { EVENT_RESCHEDULE, HALTED, cpu, signal } from "./state";

/** Vectors (SDM 3A table 6-1). */
export const DE: u32 = 0; // divide error
export const DB: u32 = 1; // debug
export const NMI: u32 = 2;
export const BP: u32 = 3; // breakpoint
export const OF_TRAP: u32 = 4; // INTO
export const BR: u32 = 5; // BOUND range
export const UD: u32 = 6; // invalid opcode
export const NM: u32 = 7; // device not available
export const DF_FAULT: u32 = 8; // double fault
export const TS: u32 = 10; // invalid TSS
export const NP: u32 = 11; // segment not present
export const SS_FAULT: u32 = 12; // stack fault
export const GP: u32 = 13; // general protection
export const PF_FAULT: u32 = 14; // page fault
export const MF: u32 = 16; // x87 floating point
export const AC_FAULT: u32 = 17; // alignment check
export const MC: u32 = 18;
export const XM: u32 = 19; // SIMD floating point

/** #vector without error code. Does not return. */
export function raise(vector: u32): void {
  cpu.faultPending = 1;
  cpu.faultVector = vector;
  cpu.faultHasError = 0;
  unwind();
}

/** #vector(error). Does not return. */
export function raiseWithError(vector: u32, error: u32): void {
  noteWithError(vector, error);
  unwind();
}

/** The same for callers that can stop by themselves, which costs far less than unwinding; the run loop delivers it. */
export function noteWithError(vector: u32, error: u32): void {
  cpu.faultPending = 1;
  cpu.faultVector = vector;
  cpu.faultError = error;
  cpu.faultHasError = 1;
}

/** The running instruction is not done but tried again after the next interrupt. Does not return. */
export function waitForInterrupt(): void {
  cpu.activity = HALTED;
  signal(EVENT_RESCHEDULE);
  unwind();
}

/** #PF at `linear`, noted: CR2 and the error code of SDM 3A §4.7. */
export function notePageFault(linear: u64, error: u32): void {
  cpu.cr2 = linear;
  noteWithError(PF_FAULT, error);
}
