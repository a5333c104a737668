// Deflate streams for the formats that pack clusters, by the block engine; with RFC 1950's frame where they want one.
import { UserError } from "../../core/errors.ts";
import { loadEngine } from "../../core/load.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import type { BlockExports } from "../qcow2/engine.ts";

const STORED_MAX = 65535;
/** CM 8, window 32 KiB, check bits (RFC 1950 §2.2). */
const ZLIB_HEADER = [0x78, 0x9c] as const;
const ADLER_SIZE = 4;

export class Deflater {
  /** `core`: an engine whose work area is used while a method runs. */
  constructor(private readonly core: BlockExports) {}

  static async start(runtime: Runtime): Promise<Deflater> {
    return new Deflater(await loadEngine<BlockExports>(runtime, "block.wasm"));
  }

  /** At most `capacity` bytes of what a raw stream holds; undefined: it is damaged. */
  inflate(packed: Uint8Array, capacity: number): Uint8Array | undefined {
    const from = this.reserve(packed.length + capacity);
    const to = from + packed.length;
    this.view(from, packed.length).set(packed);
    const got = this.core.unpackDeflate(from, packed.length, to, capacity);
    return got < 0 ? undefined : this.view(to, got).slice();
  }

  /** The same of a zlib stream, its checksum compared. */
  inflateZlib(packed: Uint8Array, capacity: number): Uint8Array | undefined {
    const [method, flags] = packed;
    const valid = method !== undefined && flags !== undefined && (method & 15) === 8 && !(flags & 0x20);
    if (!valid || ((method << 8) | flags) % 31 !== 0) return undefined;
    return this.inflate(packed.subarray(ZLIB_HEADER.length), capacity);
  }

  /** A raw stream; undefined: it would be longer than `capacity`. */
  deflate(plain: Uint8Array, capacity: number): Uint8Array | undefined {
    const from = this.reserve(plain.length + capacity);
    const to = from + plain.length;
    this.view(from, plain.length).set(plain);
    const got = this.core.packDeflate(from, plain.length, to, capacity);
    return got ? this.view(to, got).slice() : undefined;
  }

  /** A zlib stream of any bytes: those that do not shrink are stored. */
  deflateZlib(plain: Uint8Array): Uint8Array {
    return frameZlib(this.deflate(plain, plain.length) ?? storedBlocks(plain), plain);
  }

  private reserve(length: number): number {
    if (!this.core.reserve(length)) throw new UserError("Not enough memory to compress", "ENOMEM");
    return this.core.WORK_AT.value as number;
  }

  private view(at: number, length: number): Uint8Array {
    return new Uint8Array(this.core.memory.buffer as ArrayBuffer, at, length);
  }
}

/** Puts a raw stream into RFC 1950's frame; `plain` is what it inflates to. */
export function frameZlib(packed: Uint8Array, plain: Uint8Array): Uint8Array {
  const framed = new Uint8Array(ZLIB_HEADER.length + packed.length + ADLER_SIZE);
  framed.set(ZLIB_HEADER);
  framed.set(packed, ZLIB_HEADER.length);
  new DataView(framed.buffer).setUint32(framed.length - ADLER_SIZE, adler32(plain));
  return framed;
}

/** RFC 1950 §8.2. Sums stay below 2^53 for thousands of bytes, so the remainder is taken once for many. */
function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let at = 0; at < bytes.length;) {
    for (const end = Math.min(at + 4096, bytes.length); at < end; at++) b += a += bytes[at]!;
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}

/** RFC 1951 §3.2.4: blocks that are not compressed. */
function storedBlocks(plain: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(plain.length / STORED_MAX));
  const stream = new Uint8Array(plain.length + blocks * 5);
  const view = new DataView(stream.buffer);
  for (let block = 0, at = 0; block < blocks; block++) {
    const part = plain.subarray(block * STORED_MAX, (block + 1) * STORED_MAX);
    stream[at] = block === blocks - 1 ? 1 : 0;
    view.setUint16(at + 1, part.length, true);
    view.setUint16(at + 3, ~part.length, true);
    stream.set(part, at + 5);
    at += 5 + part.length;
  }
  return stream;
}
