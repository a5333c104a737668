// The screen for VNC clients: listens, and serves each by a session of its own.
import { unlinkSync } from "node:fs";
import { codeOf, isExpected, reason, UserError } from "../../core/errors.ts";
import type { LocalMachine } from "../../machine.ts";
import type { VncStatus } from "../../monitor/host.ts";
import { node } from "../../runtimes/node.ts";
import type { Address, Connection, Listener } from "../../runtimes/runtime.ts";
import { Gone, VncSession } from "./session.ts";
import type { VncSpec } from "./spec.ts";

export class VncServer implements VncStatus {
  private listener: Listener | undefined;
  private webListener: Listener | undefined;
  private readonly sessions = new Set<VncSession>();
  private password: string | null = null;

  private constructor(
    private readonly machine: LocalMachine,
    private readonly spec: VncSpec,
    private readonly title: string,
  ) {}

  /** `name`: the guest's. */
  static async open(machine: LocalMachine, spec: VncSpec, name: string | undefined): Promise<VncServer> {
    const server = new VncServer(machine, spec, name === undefined ? "wasmqemu" : `wasmqemu (${name})`);
    server.listener = await server.listen();
    try {
      server.webListener = await server.listenForBrowsers();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  private async listenForBrowsers(): Promise<Listener | undefined> {
    const { address, webSocketPort: port } = this.spec;
    if (port === undefined || "path" in address) return undefined;
    const { listenWebSocket } = await import("../../runtimes/node-websockets.ts");
    const place = { host: address.host, port };
    return await listenWebSocket(place, (connection) => void this.serve(connection)).catch((error: unknown) =>
      refuse(place, error),
    );
  }

  private async listen(): Promise<Listener> {
    const { address, lastPort } = this.spec;
    const serve = (connection: Connection): void => void this.serve(connection);
    if ("path" in address) {
      removeSocketFile(address.path);
      return await node.listen!(address, serve).catch((error: unknown) => refuse(address, error));
    }
    for (let { port } = address; ; port++) {
      try {
        return await node.listen!({ ...address, port }, serve);
      } catch (error) {
        if (codeOf(error) !== "EADDRINUSE" || port >= (lastPort ?? port)) refuse({ ...address, port }, error);
      }
    }
  }

  private async serve(connection: Connection): Promise<void> {
    const session: VncSession = new VncSession(connection, {
      machine: this.machine,
      title: this.title,
      password: this.spec.password ? this.password : undefined,
      onExclusive: () => this.closeOthers(session),
    });
    this.sessions.add(session);
    try {
      await session.serve();
    } catch (error) {
      if (!(error instanceof Gone) && !isExpected(error)) throw error;
    } finally {
      this.sessions.delete(session);
      await session.close();
    }
  }

  private closeOthers(session: VncSession): void {
    for (const other of this.sessions) if (other !== session) void other.close();
  }

  get place(): string {
    return nameOf(this.listener!.address);
  }

  get auth(): "none" | "vnc" {
    return this.spec.password ? "vnc" : "none";
  }

  get clients(): number {
    return this.sessions.size;
  }

  setPassword(password: string): void {
    if (!this.spec.password) throw new UserError("Could not set password");
    this.password = password;
  }

  async close(): Promise<void> {
    const closed = [this.listener?.close(), this.webListener?.close()];
    for (const session of this.sessions) void session.close();
    await Promise.all(closed);
    if ("path" in this.spec.address) removeSocketFile(this.spec.address.path);
  }
}

function nameOf(address: Address): string {
  return "path" in address ? address.path : `${address.host || "0.0.0.0"}:${address.port}`;
}

function refuse(address: Address, error: unknown): never {
  throw new UserError(`-vnc: Failed to bind socket to ${nameOf(address)}: ${reason(error)}`);
}

function removeSocketFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was not there.
  }
}
