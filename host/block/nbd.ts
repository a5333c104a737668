// An export of an NBD server as a BlockSource.
import { codeOf, reason, UserError } from "../core/errors.ts";
import { NbdClient, type StatusExtent } from "../nbd/client.ts";
import { DEFAULT_PORT, ExportFlag, State } from "../nbd/protocol.ts";
import type { Address } from "../runtimes/runtime.ts";
import type { ProtocolRequest } from "./protocols.ts";
import type { ImageFile } from "./source.ts";

/** Lengths on the wire have 32 bits; this is the longest that is a multiple of every block size. */
const SPAN_MAX = 2 ** 32 - 65536;

export async function openNbd({ runtime, options, mode, unsafe }: ProtocolRequest): Promise<NbdSource> {
  const exportName = options.take("export") ?? "";
  const type = options.take("server.type");
  const path = options.take("server.path") ?? options.take("path");
  const host = options.take("server.host") ?? options.take("host");
  const port = Number(options.take("server.port") ?? options.take("port") ?? DEFAULT_PORT);
  for (const key of ["reconnect-delay", "open-timeout"]) options.take(key);
  if (path === undefined && host === undefined) throw new UserError("NBD server address missing", "EINVAL");
  if (type !== undefined && type !== (path === undefined ? "inet" : "unix"))
    throw new UserError(`NBD servers of type '${type}' are not supported`, "ENOTSUP");
  const address: Address = path === undefined ? { host: host!, port } : { path };
  const where = path ?? `${host}:${port}`;
  if (!runtime.connect) throw new UserError("There are no sockets here: NBD cannot be reached", "ENOTSUP");
  const connection = await runtime.connect(address).catch((error: unknown) => {
    throw new UserError(`Failed to connect to '${where}': ${reason(error)}`, codeOf(error));
  });
  const client = await NbdClient.start(connection, exportName);
  if (mode !== "read" && client.facts.flags & ExportFlag.readOnly) {
    await client.close();
    throw new UserError("The NBD server's export is read-only", "EACCES");
  }
  return new NbdSource(client, uriOf(address, exportName), mode !== "read", unsafe ?? false);
}

function uriOf(address: Address, name: string): string {
  const path = encodeURI(name);
  if ("path" in address) return `nbd+unix://${name ? `/${path}` : ""}?socket=${address.path}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `nbd://${host}:${address.port}${name ? `/${path}` : ""}`;
}

export class NbdSource implements ImageFile {
  readonly identity: string;
  readonly write?: (from: Uint8Array, offset: number) => Promise<void>;
  readonly flush?: () => Promise<void>;
  readonly discard?: (offset: number, length: number) => Promise<void>;
  readonly extent?: (offset: number, length: number) => Promise<{ length: number; zero: boolean }>;
  /** The last answer about what is where, until something is written: whoever asks goes on from there. */
  private known: { start: number; extents: StatusExtent[] } | undefined;
  /** Writes of parts of the server's blocks take turns. */
  private partial: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly client: NbdClient,
    readonly fileName: string,
    writable: boolean,
    unsafe: boolean,
  ) {
    this.identity = fileName;
    const { flags, allocation } = client.facts;
    if (allocation) this.extent = (offset, length) => this.status(offset, length);
    if (!writable) return;
    this.write = (from, offset) => this.writeAll(from, offset);
    this.flush = async () => {
      if (!unsafe && flags & ExportFlag.flush) await client.flush();
    };
    if (flags & ExportFlag.writeZeroes) this.discard = (offset, length) => this.zero(offset, length);
  }

  get size(): number {
    return this.client.facts.size;
  }

  async allocated(): Promise<undefined> {
    return undefined;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    const inside = Math.max(0, Math.min(into.length, this.size - offset));
    into.fill(0, inside);
    const part = into.subarray(0, inside);
    const start = this.blockStart(offset);
    const end = this.blockStart(offset + inside + this.client.facts.minimumBlock - 1);
    if (start === offset && end === offset + inside) return this.readBlocks(part, offset);
    const whole = new Uint8Array(end - start);
    await this.readBlocks(whole, start);
    part.set(whole.subarray(offset - start, offset - start + inside));
  }

  close(): Promise<void> {
    return this.client.close();
  }

  private blockStart(offset: number): number {
    return offset - (offset % this.client.facts.minimumBlock);
  }

  /** Cut to what the server takes, the parts side by side. */
  private async readBlocks(into: Uint8Array, offset: number): Promise<void> {
    await this.inParts(into.length, (done, length) =>
      this.client.read(into.subarray(done, done + length), offset + done),
    );
  }

  private async inParts(
    length: number,
    part: (done: number, length: number) => Promise<void>,
    most = this.blockStart(this.client.facts.maximumPayload),
  ): Promise<void> {
    const jobs: Promise<void>[] = [];
    for (let done = 0; done < length; done += most) jobs.push(part(done, Math.min(most, length - done)));
    await Promise.all(jobs);
  }

  private async writeAll(from: Uint8Array, offset: number): Promise<void> {
    this.known = undefined;
    const end = offset + from.length;
    if (end > this.size) throw new UserError("the NBD server's export cannot grow", "ENOSPC");
    const [start, stop] = [
      this.blockStart(offset),
      this.blockStart(end + this.client.facts.minimumBlock - 1),
    ];
    if (start === offset && stop === end)
      return this.inParts(from.length, (done, length) =>
        this.client.write(from.subarray(done, done + length), offset + done),
      );
    const work = this.partial.then(async () => {
      const whole = new Uint8Array(stop - start);
      await this.readBlocks(whole, start);
      whole.set(from, offset - start);
      await this.writeAll(whole, start);
    });
    this.partial = work.catch(() => {});
    return work;
  }

  private async zero(offset: number, length: number): Promise<void> {
    this.known = undefined;
    const end = offset + length;
    const first = this.blockStart(offset + this.client.facts.minimumBlock - 1);
    const last = this.blockStart(end);
    if (first >= last) return this.writeAll(new Uint8Array(length), offset);
    await this.inParts(last - first, (done, part) => this.client.writeZeroes(first + done, part), SPAN_MAX);
    if (first > offset) await this.writeAll(new Uint8Array(first - offset), offset);
    if (end > last) await this.writeAll(new Uint8Array(end - last), last);
  }

  private async status(offset: number, length: number): Promise<{ length: number; zero: boolean }> {
    const known = this.known && find(this.known, offset);
    if (known) return { length: Math.min(length, known.length), zero: (known.state & State.zero) !== 0 };
    const start = this.blockStart(offset);
    const span = Math.min(SPAN_MAX, this.size - start);
    const extents = await this.client.blockStatus(start, span);
    const sound = extents.length > 0 && extents.every((extent) => extent.length > 0);
    if (!sound) return { length, zero: false };
    this.known = { start, extents };
    return this.status(offset, length);
  }
}

/** What is left of the extent that `offset` lies in. */
function find(
  known: { start: number; extents: readonly StatusExtent[] },
  offset: number,
): StatusExtent | undefined {
  let at = known.start;
  if (offset < at) return undefined;
  for (const { length, state } of known.extents) {
    if (offset < at + length) return { length: at + length - offset, state };
    at += length;
  }
  return undefined;
}
