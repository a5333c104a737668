// What was fetched of an HTTP resource, kept in a file of the runtime for the next time: pieces in the order in which
// they came. It serves the one state of the resource that it was filled from, and is emptied when that has changed.
//
//     0       header: what the resource was, as JSON, zeros behind it
//     4096    slot 0: piece number (u32), CRC-32 of what follows (u32), the piece, zeros behind a shorter one
//     …       slot n at 4096 + n * (8 + piece size)
import { crc32 } from "../crc32.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import { FileSource } from "./file.ts";
import type { ResourceState } from "./http-request.ts";

const HEADER = 4096;
const SLOT_HEAD = 8;
/** Counts changes of the layout above. */
const VERSION = 1;

export class HttpCache {
  /** Piece number → slot. */
  private readonly slots = new Map<number, number>();
  private used = 0;

  private constructor(
    private readonly file: FileSource,
    private readonly pieceSize: number,
    /** Slots that may still be added. Storing ends with them or at the first failure; reading goes on. */
    private room: number,
  ) {}

  /**
   * The cache of `url` as far as it serves the resource of this `state`; undefined: there is none to be had, for the
   * server names no state, or somebody else has it open.
   */
  static async open(
    runtime: Runtime,
    url: string,
    state: ResourceState,
    pieceSize: number,
  ): Promise<HttpCache | undefined> {
    if (!runtime.cache || (state.etag ?? state.modified) === undefined) return undefined;
    const header = new TextEncoder().encode(JSON.stringify({ version: VERSION, url, ...state, pieceSize }));
    if (header.length > HEADER) return undefined;
    const path = await pathOf(runtime.cache.folder, url);
    const known = (await runtime.identity(path)) !== undefined;
    let file: FileSource | undefined;
    try {
      file = await FileSource.open(runtime, path, known ? "write" : "create", { unsafe: true });
      const room = Math.floor((await runtime.cache.room()) / (SLOT_HEAD + pieceSize));
      const cache = new HttpCache(file, pieceSize, room);
      if (!(await cache.resume(header))) await cache.start(header);
      return cache;
    } catch {
      await file?.close();
      return undefined;
    }
  }

  has(piece: number): boolean {
    return this.slots.has(piece);
  }

  /** Undefined: what is there is not what was put there. */
  async read(piece: number, length: number): Promise<Uint8Array | undefined> {
    const slot = new Uint8Array(SLOT_HEAD + this.pieceSize);
    await this.file.read(slot, this.offsetOf(this.slots.get(piece)!));
    const head = new DataView(slot.buffer);
    const bytes = slot.subarray(SLOT_HEAD);
    if (head.getUint32(0, true) === piece && head.getUint32(4, true) === crc32(bytes))
      return bytes.subarray(0, length);
    this.slots.delete(piece);
    return undefined;
  }

  async keep(piece: number, bytes: Uint8Array): Promise<void> {
    if (this.room <= 0 || this.slots.has(piece)) return;
    this.room--;
    const slot = new Uint8Array(SLOT_HEAD + this.pieceSize);
    slot.set(bytes, SLOT_HEAD);
    const head = new DataView(slot.buffer);
    head.setUint32(0, piece, true);
    head.setUint32(4, crc32(slot.subarray(SLOT_HEAD)), true);
    const place = this.used++;
    try {
      await this.file.write(slot, this.offsetOf(place));
      this.slots.set(piece, place);
    } catch {
      this.room = 0;
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private offsetOf(slot: number): number {
    return HEADER + slot * (SLOT_HEAD + this.pieceSize);
  }

  /** Goes on with what is there, if it is of the same state. */
  private async resume(header: Uint8Array): Promise<boolean> {
    const found = new Uint8Array(HEADER);
    await this.file.read(found, 0);
    if (!found.every((byte, at) => byte === (header[at] ?? 0))) return false;
    const head = new Uint8Array(SLOT_HEAD);
    // A last slot that is not complete is written anew.
    for (; this.offsetOf(this.used + 1) <= this.file.size; this.used++) {
      await this.file.read(head, this.offsetOf(this.used));
      this.slots.set(new DataView(head.buffer).getUint32(0, true), this.used);
    }
    return true;
  }

  private async start(header: Uint8Array): Promise<void> {
    await this.file.resize(0);
    await this.file.resize(HEADER);
    await this.file.write(header, 0);
  }
}

/** Gives up what is kept of `url`. */
export async function forgetHttp(runtime: Runtime, url: string): Promise<void> {
  if (runtime.cache) await runtime.removeFile(await pathOf(runtime.cache.folder, url)).catch(() => false);
}

async function pathOf(folder: string, url: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(url));
  return `${folder}/${[...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
