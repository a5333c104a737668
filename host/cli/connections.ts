// Connects what the machine has to say and hear, its serial ports and the monitor, with where the command line leads
// them: this terminal, shared by Ctrl-A keys where several are on it; files; sockets; nowhere.
import process from "node:process";
import type { Monitor } from "../monitor/monitor.ts";
import type { MonitorHost } from "../monitor/host.ts";
import type { Machine } from "../machine.ts";
import type { SerialPort } from "../serial.ts";
import { type Chardev, fileDevice, nullDevice } from "./chardev/chardev.ts";
import { type Command, keysHelp, Multiplexer, Timestamps } from "./chardev/mux.ts";
import type { ChardevSpec } from "./chardev/spec.ts";
import { stdioDevice } from "./chardev/stdio.ts";
import type { PcOptions } from "./pc-options.ts";

/** Who writes to a character device and reads from it. */
interface FrontEnd {
  name: string;
  /** Bytes from outside; false asks for a pause. */
  input(bytes: Uint8Array): boolean;
  /** What it wants to say goes to `write`. */
  attach(write: (bytes: Uint8Array) => void): void;
  /** It can take more again. */
  onRoom?(listener: () => void): void;
  /** Somebody is there now, or has come back to it. */
  focused?(): void;
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
const SHARED_TERMINAL: ChardevSpec = { kind: "stdio", multiplexed: true };

/** Where the serial port and the monitor lead: what was asked for, or QEMU's default. */
export function targets(options: PcOptions): { serial: ChardevSpec; monitor: ChardevSpec } {
  const { serial, monitor, nographic, quietConsole } = options;
  const onTerminal = (spec: ChardevSpec | undefined): boolean => spec?.kind === "stdio";
  if (serial && monitor) return { serial, monitor };
  if (serial)
    return {
      serial,
      monitor: !nographic || onTerminal(serial) ? sharedWith(serial) : { kind: "stdio", multiplexed: false },
    };
  const free = !onTerminal(monitor) || (monitor?.kind === "stdio" && monitor.multiplexed);
  // There is no window: a machine that would open one gets the terminal instead.
  const wantsTerminal = free && (nographic || !quietConsole);
  if (!wantsTerminal) return { serial: NOWHERE, monitor: monitor ?? NOWHERE };
  if (monitor === undefined) return { serial: SHARED_TERMINAL, monitor: SHARED_TERMINAL };
  // Without a monitor on it there is nothing to share the terminal with, but Ctrl-A x still has to end the machine.
  return { serial: SHARED_TERMINAL, monitor };
}

/** `mon:stdio` has the monitor on the same terminal. */
function sharedWith(serial: ChardevSpec): ChardevSpec {
  return serial.kind === "stdio" && serial.multiplexed ? serial : NOWHERE;
}

/** Opens the devices; those that wait for their client have it when this returns. */
export async function connect(
  machine: Pick<Machine, "serial" | "debugConsole">,
  options: PcOptions,
  actions: ConnectionActions,
): Promise<Connections> {
  const wanted = targets(options);
  const ends: [ChardevSpec, FrontEnd][] = [];
  if (wanted.serial.kind !== "none") ends.push([wanted.serial, serialEnd(machine.serial)]);
  if (wanted.monitor.kind !== "none" && wanted.monitor.kind !== "null")
    ends.push([wanted.monitor, await monitorEnd(actions.monitorHost())]);
  if (options.debugConsole) ends.push([options.debugConsole.target, debugEnd(machine.debugConsole)]);
  const open: { names: string[]; device: Chardev }[] = [];
  const onTerminal = ends.filter(([spec]) => spec.kind === "stdio");
  if (onTerminal.length > 0) {
    const shared = onTerminal.some(([spec]) => spec.kind === "stdio" && spec.multiplexed);
    const device = stdioDevice(!shared);
    const frontEnds = onTerminal.map(([, end]) => end);
    if (shared) share(device, frontEnds, actions, options.escapeKey);
    else join(device, frontEnds[0]!);
    open.push({ names: frontEnds.map(({ name }) => name), device });
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

function serialEnd(serial: SerialPort): FrontEnd {
  return {
    name: "serial0",
    input(bytes) {
      serial.write(bytes);
      return serial.waiting < TYPE_AHEAD;
    },
    attach: (write) => void serial.onData(write),
    onRoom: (listener) => serial.onRoom(listener),
  };
}

/** It only speaks: what comes in is nobody's. */
function debugEnd(output: Machine["debugConsole"]): FrontEnd {
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

/** One front end on one device. */
function join(device: Chardev, end: FrontEnd): void {
  end.attach((bytes) => device.write(bytes));
  device.onData((bytes) => end.input(bytes));
  end.onRoom?.(() => device.resume());
  device.onOpen(() => end.focused?.());
}

/** Several front ends on the terminal: all may print, one gets the keys, Ctrl-A c goes round. */
function share(
  device: Chardev,
  ends: readonly FrontEnd[],
  { quit, say }: ConnectionActions,
  escape: number | undefined,
): void {
  const keys = new Multiplexer(escape);
  const stamps = new Timestamps();
  const encoder = new TextEncoder();
  let focus = 0;
  let room = true;

  function perform(command: Command): void {
    switch (command) {
      case "quit":
        device.write(encoder.encode("\r\n"));
        say("terminated");
        quit();
        break;
      case "help":
        device.write(
          encoder.encode(
            keysHelp(escape)
              .map((line) => `\n\r${line}`)
              .join("") + "\n\r",
          ),
        );
        break;
      case "timestamps":
        stamps.toggle();
        break;
      case "monitor":
        focus = (focus + 1) % ends.length;
        if (ends[focus]!.focused) ends[focus]!.focused!();
        else device.write(encoder.encode("\r\n"));
        break;
      case "commit":
      case "break":
        say(`no ${command} yet; Ctrl-A h lists the keys`);
    }
  }

  for (const end of ends) {
    end.attach((bytes) => device.write(stamps.stamp(bytes, performance.now())));
    end.onRoom?.(() => device.resume());
  }
  device.onData((bytes) => {
    room = true;
    keys.type(bytes, (input) => (room = ends[focus]!.input(input)), perform);
    return room;
  });
  if (process.stdin.isTTY && process.stderr.isTTY) say("Ctrl-A x quits, Ctrl-A h lists the keys");
}
