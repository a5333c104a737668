// Ctrl-C and SIGTERM during work that must not be left half done: the work is told, cleans up, and says so.
import process from "node:process";
import { isExpected, reason, UserError } from "../../core/errors.ts";

const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;

/** Work that a signal has ended. */
export class Interrupted extends UserError {
  /** As a shell tells of a program that the signal itself has ended. */
  readonly exitCode: number;

  constructor(message: string, number: number) {
    super(message, "EINTR");
    this.exitCode = 128 + number;
  }
}

/** A second Ctrl-C ends the process at once. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  let caught = 0;
  const handlers = Object.entries(SIGNALS).map(
    ([name, number]) =>
      [
        name,
        (): void => {
          caught = number;
          abort.abort(new UserError("interrupted"));
        },
      ] as const,
  );
  for (const [name, onSignal] of handlers) process.once(name, onSignal);
  try {
    return await work(abort.signal);
  } catch (error) {
    throw caught && isExpected(error) ? new Interrupted(reason(error), caught) : error;
  } finally {
    for (const [name, onSignal] of handlers) process.off(name, onSignal);
  }
}
