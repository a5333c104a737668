// Ctrl-C and SIGTERM during work that must not be left half done: the work is told, cleans up, and says so.
import process from "node:process";
import { UserError } from "../../core/errors.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** A second Ctrl-C ends the process at once. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const onSignal = (): void => abort.abort(new UserError("interrupted"));
  for (const signal of SIGNALS) process.once(signal, onSignal);
  try {
    return await work(abort.signal);
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}
