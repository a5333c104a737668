// Writes kept apart, in memory: the source below stays as it is.
import type { BlockSource } from "./source.ts";

/** What is copied from below at the first write into it. */
const PIECE = 65536;

export class OverlaySource implements BlockSource {
  private readonly pieces = new Map<number, Promise<Uint8Array>>();

  constructor(private readonly base: BlockSource) {}

  get size(): number {
    return this.base.size;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    const wanted = [...parts(offset, into.length)];
    // All of it from below in one request where nothing was written, as is mostly so.
    if (!wanted.some(({ piece }) => this.pieces.has(piece))) return this.base.read(into, offset);
    await Promise.all(
      wanted.map(async ({ piece, from, at, length }) => {
        const target = into.subarray(at, at + length);
        const written = this.pieces.get(piece);
        if (written) target.set((await written).subarray(from, from + length));
        else await this.base.read(target, piece * PIECE + from);
      }),
    );
  }

  async write(bytes: Uint8Array, offset: number): Promise<void> {
    for (const { piece, from, at, length } of parts(offset, bytes.length))
      (await this.own(piece)).set(bytes.subarray(at, at + length), from);
  }

  async discard(offset: number, length: number): Promise<void> {
    for (const part of parts(offset, length))
      (await this.own(part.piece)).fill(0, part.from, part.from + part.length);
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    this.pieces.clear();
    await this.base.close();
  }

  private own(piece: number): Promise<Uint8Array> {
    let own = this.pieces.get(piece);
    if (!own) {
      const bytes = new Uint8Array(PIECE);
      own = this.base.read(bytes, piece * PIECE).then(() => bytes);
      this.pieces.set(piece, own);
      own.catch(() => this.pieces.delete(piece));
    }
    return own;
  }
}

interface Part {
  piece: number;
  /** Offset within the piece, and within the whole. */
  from: number;
  at: number;
  length: number;
}

function* parts(offset: number, length: number): Generator<Part, void> {
  for (let at = 0; at < length;) {
    const from = (offset + at) % PIECE;
    const count = Math.min(length - at, PIECE - from);
    yield { piece: Math.floor((offset + at) / PIECE), from, at, length: count };
    at += count;
  }
}
