// A debugger's breakpoints, watchpoints and steps, apart from the guest's debug registers: the guest does not see them.
// While any is set, the run loop goes instruction by instruction, and pages with a watchpoint stay out of the TLB, as it
// does and they do for those.
import { cpu } from "../cpu/state";
import { flushTlb } from "../memory/tlb";
import { clock } from "./clock";
import { INSPECT_AT, INSPECT_SIZE } from "./inspect";
import { EXIT_BREAK, leave } from "./exit";
import { switchTo } from "./vcpus";

/** Most breakpoints at a time. */
export const BREAKPOINTS_MAX: u32 = 64;
/** Most watchpoints at a time. */
export const WATCHPOINTS_MAX: u32 = 16;
/** What a watchpoint waits for, as bits. */
export const WATCH_WRITE: u32 = 1;
export const WATCH_READ: u32 = 2;

@final
@unmanaged
class Debugger {
  /** Breakpoints in use, their addresses behind this record; watchpoints, behind those. */
  breakpoints: u32;
  watchpoints: u32;
  /** STEP_*, and of which vCPU. */
  step: u32;
  stepped: u32;
  /** The next instruction of the vCPU that stopped does not stop again, even if a breakpoint stands there. */
  passing: u32;
  /** The vCPU that stopped last, and the watchpoint that did it, counted from 1; 0 for none. */
  stopped: u32;
  hit: u32;
  /** A watchpoint's access has been seen: stop before the next instruction. */
  pending: u32;
}

@final
@unmanaged
class Watchpoint {
  address: u64;
  size: u64;
  /** WATCH_* */
  kinds: u64;
}

const STEP_NONE: u32 = 0;
/** One instruction is still to run. */
const STEP_AHEAD: u32 = 1;
/** It has run: stop before the next. */
const STEP_BEHIND: u32 = 2;

const DEBUGGER_AT: usize = INSPECT_AT + <usize>INSPECT_SIZE;
const ADDRESSES_AT: usize = DEBUGGER_AT + ((offsetof<Debugger>() + 15) & ~15);
const WATCHPOINTS_AT: usize = ADDRESSES_AT + 8 * <usize>BREAKPOINTS_MAX;
export const DEBUGGER_END: usize = WATCHPOINTS_AT + offsetof<Watchpoint>() * <usize>WATCHPOINTS_MAX;
const debug = changetype<Debugger>(DEBUGGER_AT);

/** The first `count` u64 at INSPECT_AT are the linear addresses to stop at from now on. */
export function setBreakpoints(count: u32): void {
  debug.breakpoints = min(count, BREAKPOINTS_MAX);
  memory.copy(ADDRESSES_AT, INSPECT_AT, (<usize>debug.breakpoints) << 3);
}

/** The first `count` records at INSPECT_AT (linear address, bytes, WATCH_*: u64 each) are what is watched from now on. */
export function setWatchpoints(count: u32): void {
  debug.watchpoints = min(count, WATCHPOINTS_MAX);
  memory.copy(WATCHPOINTS_AT, INSPECT_AT, <usize>debug.watchpoints * offsetof<Watchpoint>());
  const running = cpu.index;
  for (let index: u32 = 0; index < clock.vcpus; index++) {
    switchTo(index);
    flushTlb();
  }
  switchTo(running);
}

/** The guest goes on after a stop: past a breakpoint where it stands, and, `stepping`, for one instruction of `index`. */
export function goOn(stepping: bool, index: u32): void {
  debug.passing = 1;
  debug.pending = 0;
  debug.hit = 0;
  debug.step = stepping ? STEP_AHEAD : STEP_NONE;
  debug.stepped = index;
  if (stepping) switchTo(index);
}

/** The vCPU that stopped last, and in bits 8 and up the watchpoint that did it, counted from 1. */
export function lastStop(): u32 {
  return debug.stopped | (debug.hit << 8);
}

export function isDebugged(): bool {
  return debug.breakpoints != 0 || debug.watchpoints != 0 || debug.step != STEP_NONE;
}

/** A step goes to the next instruction of the code that is stepped: into no interrupt's handler, to no other vCPU. */
export function isStepping(): bool {
  return debug.step != STEP_NONE;
}

/** Before the instruction at `linear`; true: it does not run, the slice ends with EXIT_BREAK. */
export function stopsBefore(linear: u64): bool {
  const passing = debug.passing != 0 && cpu.index == debug.stopped;
  if (passing) debug.passing = 0;
  if (debug.pending) {
    debug.pending = 0;
    return stop(debug.stopped);
  }
  if (debug.step == STEP_BEHIND) return stop(debug.stepped);
  if (!passing && hasBreakpoint(linear)) return stop(cpu.index);
  if (debug.step == STEP_AHEAD && cpu.index == debug.stepped) debug.step = STEP_BEHIND;
  return false;
}

function stop(index: u32): bool {
  debug.step = STEP_NONE;
  debug.stopped = index;
  leave(EXIT_BREAK);
  return true;
}

function hasBreakpoint(linear: u64): bool {
  for (let n: usize = 0; n < <usize>debug.breakpoints; n++)
    if (load<u64>(ADDRESSES_AT + (n << 3)) == linear) return true;
  return false;
}

export function hasWatchpoints(): bool {
  return debug.watchpoints != 0;
}

/** The watchpoint for accesses of `kinds` that touches `size` bytes at `linear`, counted from 1; 0 for none. */
export function watchpointAt(linear: u64, size: u32, kinds: u32): u32 {
  for (let n: u32 = 0; n < debug.watchpoints; n++) {
    const watch = changetype<Watchpoint>(WATCHPOINTS_AT + <usize>n * offsetof<Watchpoint>());
    if (linear < watch.address + watch.size && watch.address < linear + size && (<u32>watch.kinds) & kinds)
      return n + 1;
  }
  return 0;
}

/** Data at `linear` is accessed as `kinds` says. */
export function noteWatched(linear: u64, size: u32, kinds: u32): void {
  const found = watchpointAt(linear, size, kinds);
  if (found == 0) return;
  debug.hit = found;
  debug.stopped = cpu.index;
  debug.pending = 1;
}
