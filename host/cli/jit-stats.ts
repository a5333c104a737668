// `-jit-stats`: the translator's counters in words, on standard error when the machine has ended.
import * as operations from "../../assembly/cpu/decode/operations.ts";
import * as vectorOperations from "../../assembly/cpu/decode/operations-sse.ts";
import type { JitStats, LeaveReason } from "../core/jit-stats.ts";

const WORDS: Record<LeaveReason, string> = {
  LEFT_JUMP: "a branch out of the region",
  LEFT_INDIRECT: "an indirect jump or call",
  LEFT_RETURN: "a return",
  LEFT_HANDLER: "an instruction that the interpreter must end the block with",
  LEFT_BUDGET: "time to look around",
  LEFT_STOPPED: "a memory access that the interpreter must do",
  LEFT_PAGE: "the next page leads elsewhere",
};

/** The most called handlers that are listed. */
const LISTED = 24;

export function describeJitStats(stats: JitStats): string {
  const share = (part: number, whole: number): string =>
    `${((100 * part) / Math.max(whole, 1)).toFixed(1)} %`;
  const perEntry = (stats.translated / Math.max(stats.entries, 1)).toFixed(1);
  const lines = [
    `${stats.regions} regions, ${stats.bytes} bytes, compiled in ${stats.compileMs.toFixed(0)} ms`,
    `${stats.instructions} instructions, ${share(stats.translated, stats.instructions)} of them in regions`,
    `${stats.entries} entries, ${perEntry} instructions each; left for`,
  ];
  for (const [reason, count] of sorted(Object.entries(stats.left) as [LeaveReason, number][]))
    if (count > 0) lines.push(`  ${share(count, stats.entries).padStart(7)}  ${WORDS[reason]}`);
  const calls = [...stats.handlers.values()].reduce((sum, count) => sum + count, 0);
  lines.push(`${calls} calls of the interpreter, ${share(calls, stats.translated)} of those instructions`);
  for (const [operation, count] of sorted([...stats.handlers]).slice(0, LISTED))
    lines.push(`  ${share(count, calls).padStart(7)}  ${nameOf(operation)}`);
  return `${lines.join("\n")}\n`;
}

function sorted<Key>(counts: [Key, number][]): [Key, number][] {
  return counts.sort(([, a], [, b]) => b - a);
}

/** Numbers that are no operations: widths, and what stands between the families. */
const NOT_OPERATIONS = /^W\d+$|^SSE_FIRST$|_FORM$/;

function table(module: object): [string, number][] {
  return (Object.entries(module) as [string, number][]).filter(([name]) => !NOT_OPERATIONS.test(name));
}

const NAMES = new Map(
  [...table(operations), ...table(vectorOperations)].map(([name, number]) => [number, name] as const),
);

/** The name of an operation; a sized one with the width of its operands. */
function nameOf(operation: number): string {
  const { SSE_FIRST, MMX_FORM, VEX_FORM } = vectorOperations;
  if (operation >= SSE_FIRST + VEX_FORM) return `${nameOf(operation - VEX_FORM)} (VEX)`;
  if (operation >= SSE_FIRST + MMX_FORM) return `${nameOf(operation - MMX_FORM)} (MMX)`;
  if (operation >= operations.JCC) return NAMES.get(operation) ?? `operation ${operation}`;
  return `${NAMES.get(operation & ~3)}, ${8 << (operation & 3)} bits`;
}
