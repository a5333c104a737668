// Why the machine engine returns to its host: one list, served by one switch in host/machine.ts.
import { EVENT_RESCHEDULE, signal } from "../cpu/state";
import { clock } from "./clock";

/** The slice is used up: look after the rings, then run on. */
export const EXIT_SLICE: u32 = 0;
/** Every vCPU waits for an interrupt: sleep until `clock.deadline` or until a ring brings news. */
export const EXIT_HALTED: u32 = 1;
/** The guest switched the machine off (ACPI S5). */
export const EXIT_POWER_OFF: u32 = 2;
/** The guest asked for a reset (port 92h, CF9h, 8042, triple fault). */
export const EXIT_RESET: u32 = 3;
/** isa-debug-exit: the process ends with the code in `debugExitCode`. */
export const EXIT_DEBUG: u32 = 4;
/** A ring holds requests that should not wait for the end of the slice. */
export const EXIT_DOORBELL: u32 = 5;
/** A debugger's breakpoint or step: the vCPU stands before the instruction. */
export const EXIT_BREAK: u32 = 6;

/** Ends the slice after the running block; the first reason stands until the host has served it. */
export function leave(reason: u32): void {
  if (clock.exit == EXIT_SLICE) clock.exit = reason;
  signal(EVENT_RESCHEDULE);
}
