// A debugger's breakpoints and steps, apart from the guest's debug registers: the guest does not see them. While any is
// set, the run loop goes instruction by instruction, as it does for those.
import { INSPECT_AT, INSPECT_SIZE } from "./inspect";
import { EXIT_BREAK, leave } from "./exit";

/** Most breakpoints at a time. */
export const BREAKPOINTS_MAX: u32 = 64;

@final
@unmanaged
class Debugger {
  /** Breakpoints in use, their addresses behind this record. */
  count: u32;
  /** STEP_*. */
  step: u32;
  /** The instruction to go on with does not stop, even if a breakpoint stands there. */
  passing: u32;
}

const STEP_NONE: u32 = 0;
/** One instruction is still to run. */
const STEP_AHEAD: u32 = 1;
/** It has run: stop before the next. */
const STEP_BEHIND: u32 = 2;

const DEBUGGER_AT: usize = INSPECT_AT + <usize>INSPECT_SIZE;
const ADDRESSES_AT: usize = DEBUGGER_AT + 16;
export const DEBUGGER_END: usize = ADDRESSES_AT + 8 * <usize>BREAKPOINTS_MAX;
const debug = changetype<Debugger>(DEBUGGER_AT);

/** The first `count` u64 at INSPECT_AT are the linear addresses to stop at from now on. */
export function setBreakpoints(count: u32): void {
  debug.count = min(count, BREAKPOINTS_MAX);
  memory.copy(ADDRESSES_AT, INSPECT_AT, (<usize>debug.count) << 3);
}

/** The guest goes on after a stop: past a breakpoint where it stands, and, `stepping`, for one instruction. */
export function goOn(stepping: bool): void {
  debug.passing = 1;
  debug.step = stepping ? STEP_AHEAD : STEP_NONE;
}

export function isDebugged(): bool {
  return debug.count != 0 || debug.step != STEP_NONE;
}

/** A step goes to the next instruction of the code that is stepped, not into the handler of an interrupt. */
export function holdsInterrupts(): bool {
  return debug.step != STEP_NONE;
}

/** Before the instruction at `linear`; true: it does not run, the slice ends with EXIT_BREAK. */
export function stopsBefore(linear: u64): bool {
  const passing = debug.passing != 0;
  debug.passing = 0;
  if (debug.step == STEP_BEHIND || (!passing && hasBreakpoint(linear))) {
    debug.step = STEP_NONE;
    leave(EXIT_BREAK);
    return true;
  }
  if (debug.step == STEP_AHEAD) debug.step = STEP_BEHIND;
  return false;
}

function hasBreakpoint(linear: u64): bool {
  for (let n: usize = 0; n < <usize>debug.count; n++)
    if (load<u64>(ADDRESSES_AT + (n << 3)) == linear) return true;
  return false;
}
