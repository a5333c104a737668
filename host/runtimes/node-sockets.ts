// Sockets of Node, which Deno and Bun have alike.
import type { Duplex } from "node:stream";
import type { Address, Connection, Listener } from "./runtime.ts";

/** A connection over any of Node's streams that go both ways. */
export class NodeConnection implements Connection {
  private failure: Error | undefined;
  private over = false;
  /** Those who wait for bytes, for room, or for the end. */
  private waiting: (() => void)[] = [];

  constructor(private readonly socket: Duplex) {
    const wake = (): void => {
      for (const go of this.waiting.splice(0)) go();
    };
    const end = (): void => {
      this.over = true;
      wake();
    };
    socket.on("readable", wake);
    socket.on("drain", wake);
    socket.on("end", end);
    socket.on("close", end);
    socket.on("error", (error) => {
      this.failure = error;
      end();
    });
  }

  async read(into: Uint8Array): Promise<boolean> {
    for (let done = 0; done < into.length;) {
      const most = Math.min(into.length - done, this.socket.readableLength);
      // A read of nothing asks the socket to fetch more.
      const part = this.socket.read(most) as Uint8Array | null;
      if (part && part.length > 0) {
        into.set(part, done);
        done += part.length;
      } else if (!this.over) await this.news();
      else if (done === 0 && !this.failure) return false;
      else throw this.lost();
    }
    return true;
  }

  async write(...parts: readonly Uint8Array[]): Promise<void> {
    if (this.over) throw this.lost();
    this.socket.cork();
    for (const part of parts) this.socket.write(part);
    this.socket.uncork();
    while (this.socket.writableNeedDrain && !this.over) await this.news();
  }

  async close(): Promise<void> {
    if (!this.over) this.socket.end();
    if (this.socket.writableFinished) this.socket.destroy();
    else this.socket.once("finish", () => this.socket.destroy());
  }

  private news(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private lost(): Error {
    return this.failure ?? Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" });
  }
}

export async function connect(address: Address): Promise<Connection> {
  const net = await import("node:net");
  return new Promise((done, fail) => {
    const socket = net.connect(address);
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.off("error", fail);
      socket.setNoDelay();
      done(new NodeConnection(socket));
    });
  });
}

export async function listen(
  address: Address,
  onConnection: (connection: Connection) => void,
): Promise<Listener> {
  const { createServer } = await import("node:net");
  return new Promise((done, fail) => {
    const server = createServer((socket) => onConnection(new NodeConnection(socket.setNoDelay())));
    server.once("error", fail);
    server.listen(address, () => {
      const bound = server.address();
      const port = typeof bound === "object" && bound ? bound.port : 0;
      done({
        address: "path" in address ? address : { host: address.host, port },
        close: () => new Promise((closed) => void server.close(() => closed())),
      });
    });
  });
}
