// What a debugger asks of the machine over the GDB remote protocol (GDB manual, "Packets"). One process, one thread.
import type { MonitorHost } from "../../monitor/host.ts";
import { execute, newSession } from "../../monitor/monitor.ts";
import { fromHex, INTERRUPT, packet, PacketReader, toHex } from "./packets.ts";
import { REGISTERS, TARGET_XML } from "./target.ts";

const [SIGINT, SIGTRAP] = ["02", "05"];
const PACKET_SIZE = 0x1000;
/** EFAULT and ENOENT as the protocol counts them. */
const [NO_MEMORY, NOT_THERE] = ["E14", "E22"];

export class GdbStub {
  private reader = new PacketReader((sign) => this.write(sign));
  private readonly breakpoints = new Set<bigint>();
  /** The debugger waits for the guest to stop. */
  private waiting = false;
  private attached = false;
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
  }

  private tellStop(): void {
    this.waiting = false;
    this.write(packet(`T${this.host.machine.state === "debug" ? SIGTRAP : SIGINT}thread:01;`));
  }

  /** Undefined: the answer comes when the guest stops. */
  private async answer(request: string): Promise<string | undefined> {
    const rest = request.slice(1);
    switch (request[0]) {
      case "?":
        return `T${SIGTRAP}thread:01;`;
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
      case "T":
        return "OK";
      case "D":
        this.detach();
        return "OK";
      case "k":
        this.host.quit();
        return "W00";
    }
    return "";
  }

  private register(number: number): string {
    const { bits, read } = REGISTERS[number]!;
    let value = BigInt.asUintN(bits, read(this.host.machine.inspector.registers(0)));
    const bytes = new Uint8Array(bits / 8);
    for (let n = 0; n < bytes.length; n++, value >>= 8n) bytes[n] = Number(value & 0xffn);
    return toHex(bytes);
  }

  private setRegister(number: number, bytes: Uint8Array): string {
    const name = REGISTERS[number]?.settable;
    if (name === undefined) return NOT_THERE;
    this.host.machine.inspector.setRegisters(0, new Map([[name, littleEndian(bytes)]]));
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
    this.host.machine.inspector.setRegisters(0, changes);
    return "OK";
  }

  private readMemory(place: string): string {
    const { address, length } = range(place);
    if (length > PACKET_SIZE / 2) return NOT_THERE;
    const bytes = this.host.machine.inspector.readLinear(0, address, length);
    return bytes.length === 0 && length > 0 ? NO_MEMORY : toHex(bytes);
  }

  private writeMemory(words: string): string {
    const [place, data] = words.split(":") as [string, string];
    return this.host.machine.inspector.writeLinear(0, range(place).address, fromHex(data)) ? "OK" : NO_MEMORY;
  }

  private goOn(stepping: boolean, address: string): undefined {
    const { machine } = this.host;
    if (address !== "") machine.inspector.setRegisters(0, new Map([["rip", BigInt(`0x${address}`)]]));
    this.waiting = true;
    if (stepping) machine.step();
    else machine.resume();
  }

  private verbose(request: string): string | undefined {
    if (request === "vCont?") return "vCont;c;C;s;S";
    const action = /^vCont;([csCS])/.exec(request)?.[1];
    if (action !== undefined) return this.goOn(action.toLowerCase() === "s", "");
    if (!request.startsWith("vKill")) return "";
    this.host.quit();
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
    switch (request) {
      case "qAttached":
        return "1";
      case "qC":
        return "QC01";
      case "qfThreadInfo":
        return "m01";
      case "qsThreadInfo":
        return "l";
    }
    return "";
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
    const [kind, address] = words.split(",") as [string, string];
    if (kind !== "0" && kind !== "1") return "";
    const linear = BigInt(`0x${address}`);
    const known = this.breakpoints.has(linear);
    if (on) this.breakpoints.add(linear);
    else if (!this.breakpoints.delete(linear)) return NOT_THERE;
    if (this.host.machine.inspector.setBreakpoints([...this.breakpoints])) return "OK";
    if (!known) this.breakpoints.delete(linear);
    return NOT_THERE;
  }

  private detach(): void {
    this.breakpoints.clear();
    this.host.machine.inspector.setBreakpoints([]);
    this.attached = false;
    this.host.machine.resume();
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function range(place: string): { address: bigint; length: number } {
  const [address, length = "0"] = place.split(",") as [string, string?];
  return { address: BigInt(`0x${address}`), length: Number.parseInt(length, 16) };
}
