// An NBD server: images for whatever speaks the protocol, kernels and QEMU among them.
//
// Requests of a connection run side by side, up to a bound in number and bytes; beyond it the client's data waits in
// its socket. Several connections to one export share one image, whose flush covers them all.
import { codeOf, isExpected, reason } from "../core/errors.ts";
import { chainExtent, type DiskImage } from "../image/image.ts";
import type { Connection } from "../runtimes/runtime.ts";
import { agree, type Dialect, type Export } from "./handshake.ts";
import {
  Chunk,
  CHUNK_DONE,
  Command,
  CommandFlag,
  encode,
  errorNumber,
  pack,
  PAYLOAD_MAX,
  REQUEST_MAGIC,
  REQUEST_SIZE,
  SIMPLE_REPLY,
  State,
  STRUCTURED_REPLY,
  viewOf,
} from "./protocol.ts";

export type { Export };

const REQUESTS_MAX = 32;
const BYTES_MAX = 2 * PAYLOAD_MAX;
/** Extents in one answer to block status. */
const EXTENTS_MAX = 1024;

interface Request {
  flags: number;
  command: number;
  cookie: bigint;
  offset: number;
  length: number;
  data?: Uint8Array;
}

/** Serves one client to its end; the connection is closed in any case. */
export async function serveClient(connection: Connection, exports: readonly Export[]): Promise<void> {
  try {
    const agreed = await agree(connection, exports);
    if (agreed) await new Session(connection, agreed.chosen, agreed.dialect).run();
  } catch (error) {
    // A client that goes in the middle of a sentence is nothing to report; a bug of ours is.
    if (!isExpected(error)) throw error;
  } finally {
    await connection.close();
  }
}

class Session {
  private readonly image: DiskImage;
  private readonly size: number;
  private readonly running = new Set<Promise<void>>();
  private bytes = 0;
  private broken: unknown;

  constructor(
    private readonly connection: Connection,
    private readonly what: Export,
    private readonly dialect: Dialect,
  ) {
    this.image = what.image;
    this.size = what.image.size;
  }

  async run(): Promise<void> {
    try {
      for (;;) {
        const request = await this.next();
        if (!request || request.command === Command.disconnect) break;
        const cost =
          request.command === Command.read
            ? Math.min(request.length, PAYLOAD_MAX)
            : (request.data?.length ?? 0);
        while (this.running.size >= REQUESTS_MAX || (this.running.size > 0 && this.bytes + cost > BYTES_MAX))
          await Promise.race(this.running);
        if (this.broken !== undefined) throw this.broken;
        this.bytes += cost;
        const work = this.serve(request)
          .catch((error: unknown) => {
            this.broken ??= error;
            // The next read of a request fails too, and ends the loop.
            return this.connection.close();
          })
          .finally(() => {
            this.bytes -= cost;
            this.running.delete(work);
          });
        this.running.add(work);
      }
    } finally {
      await Promise.all(this.running);
    }
    if (this.broken !== undefined) throw this.broken;
  }

  /** Undefined: the client is gone, or has said what nobody can follow. */
  private async next(): Promise<Request | undefined> {
    const header = new Uint8Array(REQUEST_SIZE);
    if (!(await this.connection.read(header))) return undefined;
    const view = viewOf(header);
    if (view.getUint32(0) !== REQUEST_MAGIC) return undefined;
    const request: Request = {
      flags: view.getUint16(4),
      command: view.getUint16(6),
      cookie: view.getBigUint64(8),
      offset: Number(view.getBigUint64(16)),
      length: view.getUint32(24),
    };
    if (request.command !== Command.write) return request;
    if (request.length > PAYLOAD_MAX) return undefined;
    request.data = new Uint8Array(request.length);
    return (await this.connection.read(request.data)) || request.length === 0 ? request : undefined;
  }

  private async serve(request: Request): Promise<void> {
    const refusal = this.refuse(request);
    if (refusal) return this.fail(request, ...refusal);
    const { command, offset, length, flags } = request;
    try {
      switch (command) {
        case Command.read:
          return await this.read(request);
        case Command.blockStatus:
          return await this.blockStatus(request);
        case Command.write:
          await this.image.write!(request.data!, offset);
          break;
        case Command.trim:
        case Command.writeZeroes:
          await this.image.discard!(offset, length);
          break;
        case Command.flush:
          await this.image.flush?.();
          break;
        case Command.cache:
          // Advice to read ahead: the system's cache takes care of that.
          break;
      }
      if (flags & CommandFlag.fua && command !== Command.flush) await this.image.flush?.();
    } catch (error) {
      if (!isExpected(error)) throw error;
      return this.fail(request, codeOf(error) ?? "EIO", reason(error));
    }
    await this.connection.write(pack([32, SIMPLE_REPLY], [32, 0], [64, request.cookie]));
  }

  /** Why a request is not even tried. */
  private refuse({ command, offset, length }: Request): [code: string, words: string] | undefined {
    const writes = command === Command.write || command === Command.trim || command === Command.writeZeroes;
    if (!(Object.values(Command) as number[]).includes(command)) return ["EINVAL", "unknown command"];
    if (writes && (this.what.readOnly || !this.image.write)) return ["EPERM", "the export is read-only"];
    if (writes && command !== Command.write && !this.image.discard) return ["ENOTSUP", "this format cannot"];
    if (command === Command.flush) return undefined;
    if (offset + length > this.size)
      return [writes ? "ENOSPC" : "EINVAL", "the request goes past the end of the disk"];
    if (command === Command.read && length > PAYLOAD_MAX) return ["EOVERFLOW", "the read is too long"];
    if (command === Command.blockStatus && (this.dialect.allocation === undefined || length === 0))
      return ["EINVAL", "no context was agreed on"];
    return undefined;
  }

  private async read(request: Request): Promise<void> {
    const { offset, length, cookie, flags } = request;
    if (!this.dialect.structured) {
      const bytes = new Uint8Array(length);
      await this.image.read(bytes, offset);
      return this.connection.write(pack([32, SIMPLE_REPLY], [32, 0], [64, cookie]), bytes);
    }
    if (length === 0) return this.chunk(request, Chunk.none, true);
    for (let done = 0; done < length;) {
      const at = offset + done;
      const whole = (flags & CommandFlag.dontFragment) !== 0;
      const extent = whole ? { length, zero: false } : await chainExtent(this.image, at, length - done);
      done += extent.length;
      const place = pack([64, at]);
      if (extent.zero)
        await this.chunk(request, Chunk.offsetHole, done === length, place, pack([32, extent.length]));
      else {
        const bytes = new Uint8Array(extent.length);
        await this.image.read(bytes, at);
        await this.chunk(request, Chunk.offsetData, done === length, place, bytes);
      }
    }
    return undefined;
  }

  private async blockStatus(request: Request): Promise<void> {
    const { offset, length, flags } = request;
    const most = flags & CommandFlag.requestOne ? 1 : EXTENTS_MAX;
    const extents: { length: number; state: number }[] = [];
    for (let done = 0; done < length;) {
      const extent = await chainExtent(this.image, offset + done, length - done);
      const hole = extent.zero && extent.offset === undefined;
      const state = (hole ? State.hole : 0) | (extent.zero ? State.zero : 0);
      const last = extents.at(-1);
      if (last?.state === state) last.length += extent.length;
      else if (extents.length === most) break;
      else extents.push({ length: extent.length, state });
      done += extent.length;
    }
    const parts = extents.map((extent) => pack([32, extent.length], [32, extent.state]));
    await this.chunk(request, Chunk.blockStatus, true, pack([32, this.dialect.allocation!]), ...parts);
  }

  private chunk({ cookie }: Request, type: number, last: boolean, ...parts: Uint8Array[]): Promise<void> {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const header = pack(
      [32, STRUCTURED_REPLY],
      [16, last ? CHUNK_DONE : 0],
      [16, type],
      [64, cookie],
      [32, length],
    );
    return this.connection.write(header, ...parts);
  }

  private fail(request: Request, code: string, words: string): Promise<void> {
    const number = errorNumber(code);
    if (!this.dialect.structured)
      return this.connection.write(pack([32, SIMPLE_REPLY], [32, number], [64, request.cookie]));
    const text = encode(words).subarray(0, 4096);
    return this.chunk(request, Chunk.error, true, pack([32, number], [16, text.length]), text);
  }
}
