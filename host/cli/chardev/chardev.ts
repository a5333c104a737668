// A character device's back end: bytes from and to the world outside the machine.
import { closeSync, openSync, writeSync } from "node:fs";
import { reason, UserError } from "../../core/errors.ts";
import type { ChardevSpec } from "./spec.ts";

export interface Chardev {
  /** As `info chardev` names it. */
  readonly label: string;
  write(bytes: Uint8Array): void;
  /** Bytes from outside; returning false asks for no more until `resume`. */
  onData(listener: (bytes: Uint8Array) => boolean): void;
  /** Somebody has connected: at once where that means nothing. */
  onOpen(listener: () => void): void;
  resume(): void;
  close(): void;
}

/** Nothing comes out of it, nothing goes in. */
export function nullDevice(): Chardev {
  return {
    label: "null",
    write: () => {},
    onData: () => {},
    onOpen: (listener) => listener(),
    resume: () => {},
    close: () => {},
  };
}

/** `file:PATH`: takes all that is written. */
export function fileDevice({ path, append }: Extract<ChardevSpec, { kind: "file" }>): Chardev {
  let file: number;
  try {
    file = openSync(path, append ? "a" : "w");
  } catch (error) {
    throw new UserError(`Could not open '${path}': ${reason(error)}`);
  }
  return {
    ...nullDevice(),
    label: "file",
    write: (bytes) => void writeSync(file, bytes),
    close: () => closeSync(file),
  };
}
