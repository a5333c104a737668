// A part of another source: a partition of a disk. Closing it leaves the whole open.
import type { BlockSource } from "./source.ts";

export class SliceSource implements BlockSource {
  readonly size: number;

  /** What lies past the whole's end is not there: the slice ends with it. */
  constructor(
    private readonly whole: BlockSource,
    readonly start: number,
    size: number,
  ) {
    this.size = Math.max(0, Math.min(size, whole.size - start));
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    const inside = Math.max(0, Math.min(into.length, this.size - offset));
    if (inside > 0) await this.whole.read(into.subarray(0, inside), this.start + offset);
    into.fill(0, inside);
  }

  async close(): Promise<void> {}
}
