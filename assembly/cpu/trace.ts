// What `-d` asks for: the engine reports, the host writes it down. Where a kind is not wanted a report costs the test of
// a word; no report is on the path of decoded or translated code.
import { trace } from "../host";
import { cpu } from "./state";

let wanted: u32 = 0;

/** Reports of the kinds in `mask` (1 << TRACE_*) from now on. */
export function setTrace(mask: u32): void {
  wanted = mask;
}

export function traces(kind: u32): bool {
  return ((wanted >> kind) & 1) != 0;
}

/** Reports, where it is wanted, with the numbers that go with `kind` (trace-kinds.ts). */
export function report(kind: u32, first: u32 = 0, second: u32 = 0, third: u32 = 0): void {
  if (traces(kind)) trace(kind, cpu.index, first, second, third);
}
