// What `-jit-stats` tells: how much runs translated, why regions are left, and what they still leave to the
// interpreter. One array of u64 counters; the host reads it. Regions count their exits only where they were translated
// while counting was on, so that nobody pays for figures that nobody reads.
import { JIT_STATS_AT } from "../machine/layout";
import { ADD, I64_LOAD, I64_STORE, access, const32, loadAt, opConstant } from "./wasm";

// Counters.
export const STAT_REGIONS: u32 = 0;
/** Of their wasm modules. */
export const STAT_BYTES: u32 = 1;
/** Times that the run loop called a region. */
export const STAT_ENTRIES: u32 = 2;
/** Instructions run in regions; where a fault ends one, what it ran is not counted. */
export const STAT_INSTRUCTIONS: u32 = 3;
// Why regions were left.
export const LEFT_BUDGET: u32 = 8;
export const LEFT_JUMP: u32 = 9;
export const LEFT_INDIRECT: u32 = 10;
export const LEFT_RETURN: u32 = 11;
export const LEFT_STOPPED: u32 = 12;
/** The last instruction of a block is the interpreter's; which one, the counters of handlers say. */
export const LEFT_HANDLER: u32 = 13;
/** The next page of the region leads elsewhere now, or it is not known where. */
export const LEFT_PAGE: u32 = 14;
/** Handlers that regions called, by operation. */
export const STAT_HANDLERS: u32 = 16;

let counting: bool = false;

export function countJit(on: bool): void {
  counting = on;
}

export function isCounting(): bool {
  return counting;
}

export function addTo(counter: u32, amount: u64): void {
  const at = JIT_STATS_AT + ((<usize>counter) << 3);
  store<u64>(at, load<u64>(at) + amount);
}

/** Emits the counting of one exit. */
export function emitCount(counter: u32): void {
  if (!counting) return;
  const at = JIT_STATS_AT + ((<usize>counter) << 3);
  const32(0);
  loadAt(I64_LOAD, at);
  opConstant(ADD, 1, true);
  access(I64_STORE, at);
}
