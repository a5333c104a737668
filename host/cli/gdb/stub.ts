// What a debugger asks of the machine over the GDB remote protocol (GDB manual, "Packets"). One process; each vCPU
// is a thread, numbered from 1.
import type { MonitorHost } from "../../monitor/host.ts";
import { execute, newSession } from "../../monitor/monitor.ts";
import { ACTIVE, type Inspector, type Watchpoint } from "../../core/inspector.ts";
import { fromHex, INTERRUPT, packet, PacketReader, toHex } from "./packets.ts";
import { REGISTERS, TARGET_XML } from "./target.ts";

const [SIGINT, SIGTRAP] = ["02", "05"];
const PACKET_SIZE = 0x1000;
/** Milliseconds for gdb to acknowledge that it has killed us: a connection closed earlier is an error to it. */
const FAREWELL = 100;
/** Types of `Z` packets that watch data. */
const WATCHES: Readonly<Record<string, Watchpoint["on"]>> = { 2: "write", 3: "read", 4: "access" };
/** What a stop calls them. */
const WATCH_WORDS: Readonly<Record<Watchpoint["on"], string>> = {
  write: "watch",
  read: "rwatch",
  access: "awatch",
};
/** EFAULT and ENOENT as the protocol counts them. */
const [NO_MEMORY, NOT_THERE] = ["E14", "E22"];

export class GdbStub {
  private reader = new PacketReader((sign) => this.write(sign));
  private readonly breakpoints = new Set<bigint>();
  private watchpoints: Watchpoint[] = [];
  /** The vCPU that registers and memory are asked of (`Hg`), and the one that stopped. */
  private selected = 0;
  private stopped = 0;
  /** Memory is physical (`maintenance packet Qqemu.PhyMemMode:1`). */
  private physical = false;
  /** The debugger waits for the guest to stop. */
  private waiting = false;
  private attached = false;
  private killed = false;
  /** Requests are answered one after the other. */
  private work: Promise<void> = Promise.resolve();

  constructor(
    private readonly host: MonitorHost,
    private readonly write: (text: string) => void,
  ) {
    host.machine.events.on(({ name }) => {
      if (name === "STOP" && this.waiting) this.tellStop();
    });
  }

  /** A debugger is there: the guest stops for it. */
  open(): void {
    this.reader = new PacketReader((sign) => this.write(sign));
    this.attached = true;
    this.waiting = false;
    this.host.machine.pause();
  }

  input(bytes: Uint8Array): void {
    for (const request of this.reader.push(Buffer.from(bytes).toString("latin1")))
      this.work = this.work.then(() => this.obey(request));
  }

  private async obey(request: string): Promise<void> {
    if (!this.attached) return;
    if (request === INTERRUPT) {
      this.host.machine.pause();
      return;
    }
    const answer = await this.answer(request);
    if (answer !== undefined) this.write(packet(answer));
    if (this.killed) setTimeout(() => this.host.quit(), FAREWELL);
  }

  private tellStop(): void {
    this.waiting = false;
    if (this.host.machine.state !== "debug") return this.write(packet(this.stopReply(SIGINT)));
    const { cpu, watchpoint } = this.inspector.lastStop();
    this.stopped = this.selected = cpu;
    const watched = watchpoint === undefined ? undefined : this.watchpoints[watchpoint];
    const why = watched ? `${WATCH_WORDS[watched.on]}:${watched.address.toString(16)};` : "";
    this.write(packet(this.stopReply(SIGTRAP, why)));
  }

  private stopReply(signal: string | undefined, why = ""): string {
    return `T${signal}thread:${threadOf(this.stopped)};${why}`;
  }

  private get inspector(): Inspector {
    return this.host.machine.inspector;
  }

  /** Undefined: the answer comes when the guest stops. */
  private async answer(request: string): Promise<string | undefined> {
    const rest = request.slice(1);
    switch (request[0]) {
      case "?":
        return this.stopReply(SIGTRAP);
      case "g":
        return REGISTERS.map((_, n) => this.register(n)).join("");
      case "p": {
        const number = Number.parseInt(rest, 16);
        return number < REGISTERS.length ? this.register(number) : NO_MEMORY;
      }
      case "G":
        return this.setRegisters(fromHex(rest));
      case "P": {
        const [number, value] = rest.split("=") as [string, string];
        return this.setRegister(Number.parseInt(number, 16), fromHex(value));
      }
      case "m":
        return this.readMemory(rest);
      case "M":
        return this.writeMemory(rest);
      case "c":
      case "s":
        return this.goOn(request[0] === "s", rest);
      case "v":
        return this.verbose(request);
      case "q":
        return await this.query(request);
      case "Z":
      case "z":
        return this.setBreakpoint(request[0] === "Z", rest);
      case "H":
        return this.select(rest);
      case "T":
        return this.cpuOf(rest) === undefined ? NOT_THERE : "OK";
      case "Q":
        return this.set(request);
      case "D":
        this.detach();
        return "OK";
      case "k":
        this.killed = true;
        return "W00";
    }
    return "";
  }

  private register(number: number): string {
    const { bits, read } = REGISTERS[number]!;
    let value = BigInt.asUintN(bits, read(this.inspector.registers(this.selected)));
    const bytes = new Uint8Array(bits / 8);
    for (let n = 0; n < bytes.length; n++, value >>= 8n) bytes[n] = Number(value & 0xffn);
    return toHex(bytes);
  }

  private setRegister(number: number, bytes: Uint8Array): string {
    const name = REGISTERS[number]?.settable;
    if (name === undefined) return NOT_THERE;
    this.inspector.setRegisters(this.selected, new Map([[name, littleEndian(bytes)]]));
    return "OK";
  }

  /** All registers at once; those that cannot be set stay. */
  private setRegisters(bytes: Uint8Array): string {
    const changes = new Map<string, bigint>();
    let at = 0;
    for (const { bits, settable } of REGISTERS) {
      if (settable !== undefined && at + bits / 8 <= bytes.length)
        changes.set(settable, littleEndian(bytes.subarray(at, at + bits / 8)));
      at += bits / 8;
    }
    this.inspector.setRegisters(this.selected, changes);
    return "OK";
  }

  private readMemory(place: string): string {
    const { address, length } = range(place);
    if (length > PACKET_SIZE / 2) return NOT_THERE;
    const bytes = this.physical
      ? this.inspector.readPhysical(Number(BigInt.asUintN(32, address)), length)
      : this.inspector.readLinear(this.selected, address, length);
    return bytes.length === 0 && length > 0 ? NO_MEMORY : toHex(bytes);
  }

  private writeMemory(words: string): string {
    const [place, data] = words.split(":") as [string, string];
    const { address } = range(place);
    if (this.physical) this.inspector.writePhysical(Number(BigInt.asUintN(32, address)), fromHex(data));
    else if (!this.inspector.writeLinear(this.selected, address, fromHex(data))) return NO_MEMORY;
    return "OK";
  }

  private goOn(stepping: boolean, address: string, cpu = this.selected): undefined {
    const { machine } = this.host;
    if (address !== "") this.inspector.setRegisters(cpu, new Map([["rip", BigInt(`0x${address}`)]]));
    this.waiting = true;
    if (stepping) machine.step(cpu);
    else machine.resume();
  }

  /** `vCont`: the first action that steps counts; while one vCPU steps, the others stand. */
  private continue(actions: string): string | undefined {
    const steps = /;[sS][0-9a-f]*(?::p1)?[:.]?([0-9a-f]*)/.exec(actions);
    if (!steps) return this.goOn(false, "");
    const cpu = steps[1] === "" ? this.selected : this.cpuOf(steps[1]!);
    return cpu === undefined ? NOT_THERE : this.goOn(true, "", cpu);
  }

  /** The vCPU of a thread number; 0 and -1 mean any. */
  private cpuOf(thread: string): number | undefined {
    if (thread === "0" || thread === "-1") return this.selected;
    const cpu = Number.parseInt(thread, 16) - 1;
    return cpu >= 0 && cpu < this.inspector.cpus ? cpu : undefined;
  }

  /** `Hg`: whose registers and memory; `Hc`: who steps, which we take from there as well. */
  private select(words: string): string {
    const cpu = this.cpuOf(words.slice(1));
    if (cpu === undefined) return NOT_THERE;
    this.selected = cpu;
    return "OK";
  }

  /** Settings of the stub. */
  private set(request: string): string {
    const [, on] = /^Qqemu\.PhyMemMode:([01])$/.exec(request) ?? [];
    if (on === undefined) return "";
    this.physical = on === "1";
    return "OK";
  }

  private verbose(request: string): string | undefined {
    if (request === "vCont?") return "vCont;c;C;s;S";
    if (request.startsWith("vCont;")) return this.continue(request.slice("vCont".length));
    if (!request.startsWith("vKill")) return "";
    this.killed = true;
    return "OK";
  }

  private async query(request: string): Promise<string> {
    if (request.startsWith("qSupported"))
      return `PacketSize=${PACKET_SIZE.toString(16)};qXfer:features:read+;vContSupported+`;
    const [, offset, length] =
      /^qXfer:features:read:target\.xml:([0-9a-f]+),([0-9a-f]+)$/.exec(request) ?? [];
    if (offset !== undefined) {
      const start = Number.parseInt(offset, 16);
      const part = TARGET_XML.slice(start, start + Number.parseInt(length!, 16));
      return (start + part.length < TARGET_XML.length ? "m" : "l") + part;
    }
    if (request.startsWith("qRcmd,"))
      return await this.monitor(Buffer.from(fromHex(request.slice(6))).toString());
    const [, thread] = /^qThreadExtraInfo,([0-9a-f]+)$/.exec(request) ?? [];
    if (thread !== undefined) return this.threadInfo(thread);
    switch (request) {
      case "qAttached":
        return "1";
      case "qC":
        return `QC${threadOf(this.selected)}`;
      case "qqemu.PhyMemMode":
        return this.physical ? "1" : "0";
      case "qfThreadInfo":
        return `m${Array.from({ length: this.inspector.cpus }, (_, cpu) => threadOf(cpu)).join(",")}`;
      case "qsThreadInfo":
        return "l";
    }
    return "";
  }

  private threadInfo(thread: string): string {
    const cpu = this.cpuOf(thread);
    if (cpu === undefined) return NOT_THERE;
    const halted = this.inspector.registers(cpu).values.get("activity") !== ACTIVE;
    return toHex(Buffer.from(`CPU#${cpu} [${halted ? "halted " : "running"}]`));
  }

  /** A line for the monitor; its output comes in packets of its own. */
  private async monitor(line: string): Promise<string> {
    const text = await execute(newSession(this.host), line);
    const bytes = Buffer.from(text && text.replace(/\n?$/, "\r\n"));
    const most = PACKET_SIZE / 2 - 4;
    for (let at = 0; at < bytes.length; at += most)
      this.write(packet(`O${toHex(bytes.subarray(at, at + most))}`));
    return "OK";
  }

  /** Software and hardware breakpoints are the same to us: the guest's memory stays as it is. */
  private setBreakpoint(on: boolean, words: string): string {
    const [kind, address, size = "1"] = words.split(",") as [string, string, string?];
    if (WATCHES[kind])
      return this.setWatchpoint(on, WATCHES[kind], BigInt(`0x${address}`), Number.parseInt(size, 16));
    if (kind !== "0" && kind !== "1") return "";
    const linear = BigInt(`0x${address}`);
    const known = this.breakpoints.has(linear);
    if (on) this.breakpoints.add(linear);
    else if (!this.breakpoints.delete(linear)) return NOT_THERE;
    if (this.inspector.setBreakpoints([...this.breakpoints])) return "OK";
    if (!known) this.breakpoints.delete(linear);
    return NOT_THERE;
  }

  private setWatchpoint(on: boolean, how: Watchpoint["on"], address: bigint, size: number): string {
    const others = this.watchpoints.filter(
      (one) => one.address !== address || one.size !== size || one.on !== how,
    );
    if (!on && others.length === this.watchpoints.length) return NOT_THERE;
    const wanted = on ? [...others, { address, size, on: how }] : others;
    if (!this.inspector.setWatchpoints(wanted)) return NOT_THERE;
    this.watchpoints = wanted;
    return "OK";
  }

  private detach(): void {
    this.breakpoints.clear();
    this.watchpoints = [];
    this.inspector.setBreakpoints([]);
    this.inspector.setWatchpoints([]);
    this.attached = false;
    this.host.machine.resume();
  }
}

/** Threads count from 1. */
function threadOf(cpu: number): string {
  return (cpu + 1).toString(16).padStart(2, "0");
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function range(place: string): { address: bigint; length: number } {
  const [address, length = "0"] = place.split(",") as [string, string?];
  return { address: BigInt(`0x${address}`), length: Number.parseInt(length, 16) };
}
