// The host's half of the rings (assembly/rings/ draws them). Each side writes only its own index.

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

/** What the machine asks of a drive (assembly/rings/block.ts: BLOCK_READ and so on, in their order). */
const OPERATIONS = ["read", "write", "flush", "discard", "zero"] as const;

export interface BlockRequest {
  slot: number;
  operation: (typeof OPERATIONS)[number];
  drive: number;
  /** Offset on the drive, in bytes. */
  offset: number;
  length: number;
  /** The machine's memory to read into or write from, piece by piece. */
  segments: readonly Uint8Array[];
}

/** Where the engine keeps its block ring; names as in assembly/rings/block.ts. */
export interface BlockRingPlace {
  BLOCK_RING_AT: number;
  BLOCK_SLOTS: number;
  BLOCK_SLOTS_AT: number;
  BLOCK_SLOT_SIZE: number;
}

const SECTOR = 512;
/** Fields of a slot's BlockRequest, in bytes from its start; the segments follow. */
const SECTOR_AT = 0;
const LENGTH_AT = 8;
const OPERATION_AT = 12;
const DRIVE_AT = 16;
const SEGMENTS_AT = 20;
const REQUEST_BYTES = 32;
const SEGMENT_BYTES = 8;

/** New disk requests, in the order in which the machine made them. */
export class BlockRing {
  private readonly indices: Uint32Array;
  private readonly slots: Uint32Array;
  private readonly view: DataView;

  constructor(
    private readonly memory: ArrayBuffer,
    private readonly place: BlockRingPlace,
  ) {
    this.indices = new Uint32Array(memory, place.BLOCK_RING_AT, 2);
    this.slots = new Uint32Array(memory, place.BLOCK_RING_AT + HEADER_BYTES, place.BLOCK_SLOTS);
    this.view = new DataView(memory);
  }

  /** Takes the next request; undefined: there is none. */
  take(): BlockRequest | undefined {
    if (this.indices[READ] === this.indices[WRITTEN]) return undefined;
    const slot = this.slots[this.indices[READ]! & (this.place.BLOCK_SLOTS - 1)]!;
    this.indices[READ]!++;
    const at = this.place.BLOCK_SLOTS_AT + slot * this.place.BLOCK_SLOT_SIZE;
    const field = (offset: number): number => this.view.getUint32(at + offset, true);
    return {
      slot,
      operation: OPERATIONS[field(OPERATION_AT)]!,
      drive: field(DRIVE_AT),
      offset: Number(this.view.getBigUint64(at + SECTOR_AT, true)) * SECTOR,
      length: field(LENGTH_AT),
      segments: Array.from({ length: field(SEGMENTS_AT) }, (_, index) => {
        const segment = REQUEST_BYTES + index * SEGMENT_BYTES;
        return new Uint8Array(this.memory, field(segment), field(segment + 4));
      }),
    };
  }
}
