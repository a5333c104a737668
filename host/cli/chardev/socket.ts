// A character device on a TCP or unix socket, one peer at a time, with the telnet protocol where asked (RFC 854).
import { unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import { reason, UserError } from "../../core/errors.ts";
import type { Chardev } from "./chardev.ts";
import type { SocketSpec } from "./spec.ts";

const IAC = 0xff;
const [WILL, DONT, SB, SE] = [0xfb, 0xfe, 0xfa, 0xf0];
const [BINARY, ECHO, SUPPRESS_GO_AHEAD] = [0, 1, 3];
const DO = 0xfd;
/** What a server says first: characters one by one, echoed by us, eight bits wide. */
const TELNET_GREETING = Uint8Array.from(
  [
    [WILL, ECHO],
    [WILL, SUPPRESS_GO_AHEAD],
    [WILL, BINARY],
    [DO, BINARY],
  ].flatMap((request) => [IAC, ...request]),
);

/** Opens the socket; a server that waits returns when its client is there. */
export async function openSocket(spec: SocketSpec): Promise<Chardev> {
  const device = new SocketDevice(spec);
  await device.open();
  return device;
}

function nameOf({ address, telnet, server }: SocketSpec): string {
  const place = "path" in address ? `unix:${address.path}` : `tcp:${address.host}:${address.port}`;
  return (telnet ? place.replace(/^tcp/, "telnet") : place) + (server ? ",server=on" : "");
}

class SocketDevice implements Chardev {
  private server: Server | undefined;
  private peer: Socket | undefined;
  /** Clients that wait until the one before them leaves. */
  private readonly queue: Socket[] = [];
  private telnet = new TelnetReader();
  private listener: (bytes: Uint8Array) => boolean = () => true;
  private opened: () => void = () => {};

  constructor(private readonly spec: SocketSpec) {}

  get label(): string {
    return (this.peer ? "" : "disconnected:") + nameOf(this.spec);
  }

  async open(): Promise<void> {
    const { spec } = this;
    if (!spec.server) {
      const socket = connect(spec.address);
      await new Promise<void>((done, fail) => {
        socket.once("connect", done).once("error", (error) => fail(this.failure("connect to", error)));
      });
      this.accept(socket);
      return;
    }
    await this.listen();
    if (!spec.wait) return;
    process.stderr.write(`wasmqemu: info: waiting for connection on: ${this.label}\n`);
    await new Promise<void>((done) => this.server!.once("connection", () => done()));
  }

  private async listen(): Promise<void> {
    const { address } = this.spec;
    // What an earlier run left behind; a socket that is in use is kept by its owner's open file, as in QEMU.
    if ("path" in address) removeSocketFile(address.path);
    const server = createServer((socket) => {
      // One that leaves while it waits is seen to have gone when its turn comes.
      if (this.peer) this.queue.push(socket.pause().on("error", () => {}));
      else this.accept(socket);
    });
    this.server = server;
    await new Promise<void>((done, fail) => {
      server.once("listening", done).once("error", (error) => fail(this.failure("bind socket to", error)));
      server.listen(address);
    });
    process.once("exit", this.close);
  }

  private failure(verb: string, error: unknown): UserError {
    const { address } = this.spec;
    const place = "path" in address ? address.path : `${address.host}:${address.port}`;
    return new UserError(`Failed to ${verb} ${place}: ${reason(error)}`);
  }

  private accept(socket: Socket): void {
    this.peer = socket;
    this.telnet = new TelnetReader();
    const gone = (): void => {
      if (this.peer !== socket) return;
      this.peer = undefined;
      const waiting = this.queue.splice(0).filter(({ destroyed }) => !destroyed);
      const next = waiting.shift();
      this.queue.push(...waiting);
      if (next) this.accept(next);
    };
    socket.setNoDelay(true).on("error", gone).on("close", gone);
    socket.on("data", (bytes: Uint8Array) => {
      if (!this.listener(this.spec.telnet ? this.telnet.read(bytes) : bytes)) socket.pause();
    });
    socket.resume();
    if (this.spec.telnet && this.spec.server) socket.write(TELNET_GREETING);
    this.opened();
  }

  write(bytes: Uint8Array): void {
    this.peer?.write(this.spec.telnet ? doubleIac(bytes) : Uint8Array.from(bytes));
  }

  onData(listener: (bytes: Uint8Array) => boolean): void {
    this.listener = listener;
  }

  onOpen(listener: () => void): void {
    this.opened = listener;
    if (this.peer) listener();
  }

  resume(): void {
    this.peer?.resume();
  }

  readonly close = (): void => {
    process.off("exit", this.close);
    for (const socket of [...this.queue.splice(0), this.peer]) socket?.destroy();
    this.server?.close();
    this.server = undefined;
    if (this.spec.server && "path" in this.spec.address) removeSocketFile(this.spec.address.path);
  };
}

function removeSocketFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was not there.
  }
}

function doubleIac(bytes: Uint8Array): Uint8Array {
  return bytes.includes(IAC)
    ? Uint8Array.from([...bytes].flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte])))
    : Uint8Array.from(bytes);
}

/** Takes telnet's commands out of what a client sends. */
export class TelnetReader {
  /** Bytes of an unfinished command. */
  private command: number[] = [];

  read(bytes: Uint8Array): Uint8Array {
    const data: number[] = [];
    for (const byte of bytes) {
      if (this.command.length === 0) {
        if (byte === IAC) this.command.push(byte);
        // A client in line mode ends its lines with CR NUL or CR LF.
        else if (byte !== 0) data.push(byte);
        continue;
      }
      this.command.push(byte);
      const [, verb] = this.command;
      if (verb === IAC) data.push(IAC);
      if (this.isFinished(verb!)) this.command = [];
    }
    return Uint8Array.from(data);
  }

  private isFinished(verb: number): boolean {
    if (verb === SB) return this.command.at(-2) === IAC && this.command.at(-1) === SE;
    return verb >= WILL && verb <= DONT ? this.command.length === 3 : true;
  }
}
