// Virtual time: nanoseconds since power on. It runs with the instructions of the slice and is set right by the
// host between slices, so it never stands still in a loop, never goes back, and follows the wall clock. A host
// that sets it by counting instructions itself gets the same run every time.
import { cpu } from "../cpu/state";
import { BOARD_AT } from "./layout";

@final
@unmanaged
export class Clock {
  /** Virtual time at the start of the slice, in ns. */
  sliceStart: u64;
  /** Time zero as Unix time in ns: what the RTC counts from. Written by the host before power on. */
  epoch: u64;
  /** Nanoseconds per 1024 instructions, as the host measured the last slices. */
  pace: u32;
  /** Instructions granted to the current slice. */
  granted: u32;
  /** Virtual time that the host may sleep to when the machine halts: the chips' next deadline. */
  deadline: u64;
  /** Why `runMachine` returned: EXIT_* (machine/exit.ts); 0 while nothing is wanted. */
  exit: u32;
  vcpus: u32;
  /** Instructions that the host asked for. */
  slice: u32;
  /** Runs of a block in the interpreter before it is translated (jit/translate.ts); 0: never. The host's choice. */
  warm: u32;
}

export const CLOCK_AT: usize = BOARD_AT + 0x40;
export const clock = changetype<Clock>(CLOCK_AT);

/** The fields that the host reads and writes, by address. */
export const CLOCK_SLICE_START: usize = CLOCK_AT + offsetof<Clock>("sliceStart");
export const CLOCK_EPOCH: usize = CLOCK_AT + offsetof<Clock>("epoch");
export const CLOCK_PACE: usize = CLOCK_AT + offsetof<Clock>("pace");
export const CLOCK_DEADLINE: usize = CLOCK_AT + offsetof<Clock>("deadline");

/** What every timer counts in. */
export const NANOSECONDS: u64 = 1_000_000_000;
/** Frequency of the time-stamp counter in Hz: one tick a virtual nanosecond. */
export const TSC_FREQUENCY: u64 = NANOSECONDS;
export const NEVER: u64 = 0xffff_ffff_ffff_ffff;

/** Instructions run in this slice so far; a block counts when it is entered. */
export function executed(): u32 {
  return clock.granted - <u32>(cpu.budget + cpu.withheld);
}

/** The running vCPU wants no more of its turn: the run loop finds it used up. */
export function endTurn(): void {
  clock.granted -= <u32>max(cpu.budget, 0);
  cpu.budget = 0;
}

/** Virtual time now, in ns. */
export function now(): u64 {
  return clock.sliceStart + ((<u64>executed() * <u64>clock.pace) >> 10);
}
