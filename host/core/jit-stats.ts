// The translator's counters (assembly/jit/stats.ts) as a record.

const REASONS = [
  "LEFT_JUMP",
  "LEFT_INDIRECT",
  "LEFT_RETURN",
  "LEFT_HANDLER",
  "LEFT_BUDGET",
  "LEFT_STOPPED",
  "LEFT_PAGE",
] as const;
const TOTALS = ["STAT_REGIONS", "STAT_BYTES", "STAT_ENTRIES", "STAT_INSTRUCTIONS"] as const;

/** What the engine exports by name for this file. */
export const STAT_CONSTANTS = [
  ...REASONS,
  ...TOTALS,
  "STAT_HANDLERS",
  "JIT_STATS_AT",
  "JIT_STATS_COUNTERS",
] as const;

export type LeaveReason = (typeof REASONS)[number];

/** What translated code did since power on. */
export interface JitStats {
  /** Regions translated, the bytes of their wasm modules, and the host's time to compile them. */
  regions: number;
  bytes: number;
  compileMs: number;
  /** The regions among them that have not been dropped, and their bytes. */
  live: number;
  liveBytes: number;
  /** Times that the run loop called a region. */
  entries: number;
  /** Instructions run in regions, and in all. */
  translated: number;
  instructions: number;
  /** How often regions were left, by reason. */
  left: Record<LeaveReason, number>;
  /** How often regions called the interpreter, by number of the operation (assembly/cpu/decode/operations.ts). */
  handlers: ReadonlyMap<number, number>;
}

/** Reads the counters out of the engine's memory. */
export function readJitStats(
  memory: DataView,
  at: Record<(typeof STAT_CONSTANTS)[number], number>,
  host: Pick<JitStats, "compileMs" | "instructions" | "live" | "liveBytes">,
): JitStats {
  const counter = (number: number): number => Number(memory.getBigUint64(at.JIT_STATS_AT + 8 * number, true));
  const handlers = new Map<number, number>();
  for (let number = at.STAT_HANDLERS; number < at.JIT_STATS_COUNTERS; number++)
    if (counter(number) > 0) handlers.set(number - at.STAT_HANDLERS, counter(number));
  const left = Object.fromEntries(REASONS.map((reason) => [reason, counter(at[reason])]));
  return {
    ...host,
    regions: counter(at.STAT_REGIONS),
    bytes: counter(at.STAT_BYTES),
    entries: counter(at.STAT_ENTRIES),
    translated: counter(at.STAT_INSTRUCTIONS),
    left: left as Record<LeaveReason, number>,
    handlers,
  };
}
