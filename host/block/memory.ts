// A BlockSource in memory: tests, small disks, and the demo.
import type { ImageFile } from "./source.ts";

export class MemorySource implements ImageFile {
  /** The content is `bytes` itself until a write makes it grow. */
  constructor(private bytes: Uint8Array = new Uint8Array(0)) {
    this.length = bytes.length;
  }

  private length: number;

  get size(): number {
    return this.length;
  }

  /** The content now. */
  get content(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  async allocated(): Promise<number> {
    return this.length;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    const part = this.content.subarray(offset, offset + into.length);
    into.set(part);
    into.fill(0, part.length);
  }

  async write(from: Uint8Array, offset: number): Promise<void> {
    const end = offset + from.length;
    if (end > this.length) this.reserve(end);
    this.bytes.set(from, offset);
  }

  async discard(offset: number, length: number): Promise<void> {
    this.content.fill(0, offset, offset + length);
  }

  async flush(): Promise<void> {}

  async resize(size: number): Promise<void> {
    if (size > this.length) this.reserve(size);
    else this.content.fill(0, size);
    this.length = size;
  }

  async close(): Promise<void> {}

  private reserve(size: number): void {
    if (size > this.bytes.length) {
      const grown = new Uint8Array(Math.max(size, this.bytes.length * 2));
      grown.set(this.content);
      this.bytes = grown;
    }
    this.length = size;
  }
}
