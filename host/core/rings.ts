// The host's half of the rings (assembly/rings/ring.ts draws them). Each side writes only its own index.

const READ = 0;
const WRITTEN = 1;
const HEADER_BYTES = 8;

/** Bytes between the machine and the host, one direction. */
export class ByteRing {
  private readonly indices: Uint32Array;
  private readonly bytes: Uint8Array;

  /** `capacity` is a power of two; the memory must not grow any more. */
  constructor(
    memory: ArrayBuffer,
    at: number,
    private readonly capacity: number,
  ) {
    this.indices = new Uint32Array(memory, at, 2);
    this.bytes = new Uint8Array(memory, at + HEADER_BYTES, capacity);
  }

  private get fill(): number {
    return (this.indices[WRITTEN]! - this.indices[READ]!) >>> 0;
  }

  /** Takes out all that waits. */
  drain(): Uint8Array {
    const drained = new Uint8Array(this.fill);
    const start = this.indices[READ]! & (this.capacity - 1);
    const first = this.bytes.subarray(start, start + drained.length);
    drained.set(first);
    drained.set(this.bytes.subarray(0, drained.length - first.length), first.length);
    this.indices[READ]! += drained.length;
    return drained;
  }

  /** Puts in as many of `bytes` as there is room for; returns how many. */
  put(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.capacity - this.fill);
    const start = this.indices[WRITTEN]! & (this.capacity - 1);
    const first = bytes.subarray(0, Math.min(count, this.capacity - start));
    this.bytes.set(first, start);
    this.bytes.set(bytes.subarray(first.length, count), 0);
    this.indices[WRITTEN]! += count;
    return count;
  }
}
