// Connects the guest's serial port with where the command line leads it: this terminal, a file, or nowhere.
import { closeSync, openSync, writeSync } from "node:fs";
import process from "node:process";
import { reason, UserError } from "../core/errors.ts";
import type { SerialPort } from "../serial.ts";
import { type Command, KEYS_HELP, Multiplexer, Timestamps } from "./mux.ts";
import type { PcOptions, SerialTarget } from "./pc-options.ts";
import { Terminal } from "./terminal.ts";

export interface Console {
  close(): void;
}

export interface ConsoleActions {
  /** The user wants the machine to end. */
  quit(): void;
  /** A sentence for standard error. */
  say(sentence: string): void;
}

/** Typed ahead of the guest's reading by more than this, the rest waits in the pipe. */
const TYPE_AHEAD = 65536;

export function openConsole(serial: SerialPort, options: PcOptions, actions: ConsoleActions): Console {
  const target = serialTarget(options);
  switch (target.kind) {
    case "none":
      return { close: () => {} };
    case "file":
      return fileConsole(serial, target.path);
    case "stdio":
      return target.multiplexed ? multiplexedConsole(serial, actions) : plainConsole(serial);
  }
}

/** There is no display yet: a machine that would open a window gets the terminal instead. */
function serialTarget({ serial, nographic, quietConsole }: PcOptions): SerialTarget {
  if (serial) return serial;
  return !nographic && quietConsole ? { kind: "none" } : { kind: "stdio", multiplexed: true };
}

function fileConsole(serial: SerialPort, path: string): Console {
  let file: number;
  try {
    file = openSync(path, "w");
  } catch (error) {
    throw new UserError(`-serial file:${path}: Could not open '${path}': ${reason(error)}`);
  }
  serial.onData((bytes) => writeSync(file, bytes));
  return { close: () => closeSync(file) };
}

/** `-serial stdio`: plain bytes; the terminal's own keys (Ctrl-C) act on the emulator. */
function plainConsole(serial: SerialPort): Console {
  const terminal = new Terminal({ signalKeys: true, onInput: (bytes) => typeTo(serial, bytes) });
  return connect(serial, terminal, (bytes) => terminal.write(bytes));
}

/** `-nographic`, `-serial mon:stdio`: every key is the guest's, save those after Ctrl-A. */
function multiplexedConsole(serial: SerialPort, { quit, say }: ConsoleActions): Console {
  const keys = new Multiplexer();
  const stamps = new Timestamps();
  const terminal = new Terminal({
    signalKeys: false,
    onInput: (bytes) => typeTo(serial, keys.type(bytes, perform)),
  });

  function perform(command: Command): void {
    switch (command) {
      case "quit":
        terminal.write(new TextEncoder().encode("\r\n"));
        say("terminated");
        quit();
        break;
      case "help":
        terminal.write(new TextEncoder().encode(KEYS_HELP.map((line) => `\n\r${line}`).join("") + "\n\r"));
        break;
      case "timestamps":
        stamps.toggle();
        break;
      case "monitor":
      case "commit":
      case "break":
        say(`no ${command} yet; Ctrl-A h lists the keys`);
    }
  }

  if (process.stdin.isTTY && process.stderr.isTTY) say("Ctrl-A x quits, Ctrl-A h lists the keys");
  return connect(serial, terminal, (bytes) => terminal.write(stamps.stamp(bytes, performance.now())));
}

/** Types `bytes`; false when the guest has fallen behind. */
function typeTo(serial: SerialPort, bytes: Uint8Array): boolean {
  serial.write(bytes);
  return serial.waiting < TYPE_AHEAD;
}

function connect(serial: SerialPort, terminal: Terminal, print: (bytes: Uint8Array) => void): Console {
  serial.onData(print);
  serial.onRoom(() => terminal.resume());
  return { close: terminal.close };
}
