// Who follows the guest for a log: the engine reports to it, in the midst of running.
import type { Inspector } from "./inspector.ts";

export interface Tracer {
  /** Kinds that it wants to hear of: 1 << TRACE_* (assembly/cpu/trace-kinds.ts). */
  readonly kinds: number;
  /** Before the first report: the machine, whose registers and memory may be read during one. */
  attach(inspector: Inspector): void;
  /** vCPU `cpu` is about to do what `kind` says, or has done it; the numbers are those of that kind. */
  report(kind: number, cpu: number, first: number, second: number, third: number): void;
}
