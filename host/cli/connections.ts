// Connects what the machine has to say and hear, its serial ports and the monitor, with where the command line leads
// them: this terminal, shared by Ctrl-A keys where several are on it; files; sockets; nowhere.
import process from "node:process";
import type { Monitor } from "../monitor/monitor.ts";
import type { MonitorHost } from "../monitor/host.ts";
import type { LocalMachine } from "../machine.ts";
import type { SerialPort } from "../serial.ts";
import { UserError } from "../core/errors.ts";
import { type Chardev, fileDevice, nullDevice } from "./chardev/chardev.ts";
import type { ChardevSpec } from "./chardev/spec.ts";
import { stdioDevice } from "./chardev/stdio.ts";
import type { PcOptions } from "./pc-options.ts";
import { share, shareByConsole } from "./shared-terminal.ts";

/** Who writes to a character device and reads from it. */
export interface FrontEnd {
  name: string;
  /** Bytes from outside; false asks for a pause. */
  input(bytes: Uint8Array): boolean;
  /** What it wants to say goes to `write`. */
  attach(write: (bytes: Uint8Array) => void): void;
  /** It can take more again. */
  onRoom?(listener: () => void): void;
  /** Somebody is there now, or has come back to it. */
  focused?(): void;
  /** It draws on the whole terminal while it has the focus, until this is called. */
  leave?(): void;
  /** The user wants another console, counted from 1. */
  onConsole?(listener: (number: number) => void): void;
}

export interface Connections {
  /** Character devices by name, and where each leads. */
  chardevs(): readonly (readonly [name: string, label: string])[];
  close(): void;
}

export interface ConnectionActions {
  /** The user wants the machine to end. */
  quit(): void;
  /** A sentence for standard error. */
  say(sentence: string): void;
  /** What the monitor needs; asked for only when there is one. */
  monitorHost(): MonitorHost;
}

/** Typed ahead of the guest's reading by more than this, the rest waits in the pipe. */
const TYPE_AHEAD = 65536;

const NOWHERE: ChardevSpec = { kind: "null" };
const OWN_TERMINAL: ChardevSpec = { kind: "stdio", multiplexed: false };
const SHARED_TERMINAL: ChardevSpec = { kind: "stdio", multiplexed: true };

export interface Targets {
  serial: ChardevSpec;
  monitor: ChardevSpec;
  /** The guest's screen is on this terminal, which the serial port and the monitor then share with it. */
  screen: boolean;
}

/** Where things lead: what was asked for, or QEMU's default; `isTerminal`: standard input and output are one. */
export function targets(options: PcOptions, isTerminal: boolean): Targets {
  const { serial, monitor, nographic, quietConsole, display } = options;
  const onTerminal = (spec: ChardevSpec | undefined): boolean => spec?.kind === "stdio";
  // Programs that speak QMP on the terminal do not share it.
  const controlled = options.controls.some(({ target }) => onTerminal(target));
  const taken =
    onTerminal(serial) ||
    options.moreSerials.some(onTerminal) ||
    onTerminal(monitor) ||
    controlled ||
    onTerminal(options.debugConsole?.target);
  if (display === "curses" && (taken || !isTerminal)) throw new UserError("We need a terminal output");
  if (display === "curses" || (isTerminal && !taken && !nographic && !quietConsole))
    return { serial: serial ?? SHARED_TERMINAL, monitor: monitor ?? SHARED_TERMINAL, screen: true };
  if (controlled) return { serial: serial ?? NOWHERE, monitor: monitor ?? NOWHERE, screen: false };
  return { ...withoutScreen(options), screen: false };
}

function withoutScreen({ serial, monitor, nographic, quietConsole }: PcOptions): Omit<Targets, "screen"> {
  if (serial && monitor) return { serial, monitor };
  if (serial)
    return { serial, monitor: nographic && serial.kind !== "stdio" ? OWN_TERMINAL : sharedWith(serial) };
  const free = monitor?.kind !== "stdio" || monitor.multiplexed;
  // A machine that would open a window gets the terminal instead.
  if (!free || (!nographic && quietConsole)) return { serial: NOWHERE, monitor: monitor ?? NOWHERE };
  // Also without a monitor on it the terminal needs its keys: Ctrl-A x has to end the machine.
  return { serial: SHARED_TERMINAL, monitor: monitor ?? SHARED_TERMINAL };
}

/** `mon:stdio` has the monitor on the same terminal. */
function sharedWith(serial: ChardevSpec): ChardevSpec {
  return serial.kind === "stdio" && serial.multiplexed ? serial : NOWHERE;
}

/** Opens the devices; those that wait for their client have it when this returns. */
export async function connect(
  machine: LocalMachine,
  options: PcOptions,
  actions: ConnectionActions,
): Promise<Connections> {
  const wanted = targets(options, process.stdin.isTTY === true && process.stdout.isTTY === true);
  const ends: [ChardevSpec, FrontEnd][] = [];
  for (const [port, spec] of [wanted.serial, ...options.moreSerials].entries())
    if (spec.kind !== "none") ends.push([spec, serialEnd(machine.serials[port]!, port)]);
  if (wanted.monitor.kind !== "none" && wanted.monitor.kind !== "null")
    ends.push([wanted.monitor, await monitorEnd(actions.monitorHost())]);
  for (const { target, pretty } of options.controls)
    ends.push([target, await qmpEnd(actions.monitorHost(), pretty)]);
  if (options.gdb) ends.push([options.gdb, await gdbEnd(actions.monitorHost())]);
  if (options.debugConsole) ends.push([options.debugConsole.target, debugEnd(machine.debugConsole)]);
  const open: { names: string[]; device: Chardev }[] = [];
  const onTerminal = ends.filter(([spec]) => spec.kind === "stdio");
  if (wanted.screen || onTerminal.length > 0) {
    const shared = wanted.screen || onTerminal.some(([spec]) => spec.kind === "stdio" && spec.multiplexed);
    if (!shared && onTerminal.length > 1)
      throw new UserError("cannot use stdio by multiple character devices");
    const device = stdioDevice(!shared);
    const frontEnds = onTerminal.map(([, end]) => end);
    if (wanted.screen) {
      // In the order of QEMU's consoles: the screen, the monitor, the serial port.
      const { screenEnd } = await import("./screen.ts");
      const consoles = [screenEnd(machine), ...frontEnds.toReversed()];
      open.push({
        names: frontEnds.map(({ name }) => name),
        device: shareByConsole(device, consoles, actions, options),
      });
    } else {
      if (shared) share(device, frontEnds, actions, options);
      else join(device, frontEnds[0]!);
      open.push({ names: frontEnds.map(({ name }) => name), device });
    }
  }
  for (const [spec, end] of ends) {
    if (spec.kind === "stdio") continue;
    const device = await openDevice(spec);
    join(device, end);
    open.push({ names: [end.name], device });
  }
  return {
    chardevs: () => open.flatMap(({ names, device }) => names.map((name) => [name, device.label] as const)),
    close: () => open.forEach(({ device }) => device.close()),
  };
}

async function openDevice(spec: ChardevSpec): Promise<Chardev> {
  switch (spec.kind) {
    case "file":
      return fileDevice(spec);
    case "socket":
      return await (await import("./chardev/socket.ts")).openSocket(spec);
    default:
      return nullDevice();
  }
}

function serialEnd(serial: SerialPort, port: number): FrontEnd {
  return {
    name: `serial${port}`,
    input(bytes) {
      serial.write(bytes);
      return serial.waiting < TYPE_AHEAD;
    },
    attach: (write) => void serial.onData(write),
    onRoom: (listener) => serial.onRoom(listener),
  };
}

/** It only speaks: what comes in is nobody's. */
function debugEnd(output: LocalMachine["debugConsole"]): FrontEnd {
  return { name: "debugcon", input: () => true, attach: (write) => void output.onData(write) };
}

async function monitorEnd(host: MonitorHost): Promise<FrontEnd> {
  const { Monitor: MonitorOf } = await import("../monitor/monitor.ts");
  const encoder = new TextEncoder();
  let write: (bytes: Uint8Array) => void = () => {};
  const monitor: Monitor = new MonitorOf(host, (text) => write(encoder.encode(text)));
  return {
    name: "compat_monitor0",
    input(bytes) {
      monitor.input(bytes);
      return true;
    },
    attach: (next) => (write = next),
    focused: () => monitor.greet(),
  };
}

async function qmpEnd(host: MonitorHost, pretty: boolean): Promise<FrontEnd> {
  const { QmpSession } = await import("../monitor/qmp/session.ts");
  const encoder = new TextEncoder();
  let write: (bytes: Uint8Array) => void = () => {};
  const session = new QmpSession(host, (text) => write(encoder.encode(text)), pretty);
  return {
    name: "qmp",
    input(bytes) {
      session.input(bytes);
      return true;
    },
    attach: (next) => (write = next),
    focused: () => session.open(),
  };
}

async function gdbEnd(host: MonitorHost): Promise<FrontEnd> {
  const { GdbStub } = await import("./gdb/stub.ts");
  let write: (bytes: Uint8Array) => void = () => {};
  const stub = new GdbStub(host, (text) => write(Buffer.from(text, "latin1")));
  return {
    name: "gdb",
    input(bytes) {
      stub.input(bytes);
      return true;
    },
    attach: (next) => (write = next),
    focused: () => stub.open(),
  };
}

/** One front end on one device. */
function join(device: Chardev, end: FrontEnd): void {
  end.attach((bytes) => device.write(bytes));
  device.onData((bytes) => end.input(bytes));
  end.onRoom?.(() => device.resume());
  device.onOpen(() => end.focused?.());
}
