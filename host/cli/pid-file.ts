// `-pidfile`: the number of this process, in a file that goes when the machine does.
import { rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { reason, UserError } from "../core/errors.ts";

/** Writes the file; returns what takes it away. */
export function writePidFile(path: string): () => void {
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch (error) {
    throw new UserError(`cannot create PID file: Cannot open pid file: ${reason(error)}`);
  }
  return () => rmSync(path, { force: true });
}
