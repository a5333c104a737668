// Bytes at offsets: what an image is stored on, and what an image itself is to a machine or to a copy.

/** Bytes at offsets: a disk, an image, a file, or an object of a program's own. */
export interface BlockSource {
  /** Length in bytes. An image's is a multiple of 512; a file's need not be. */
  readonly size: number;
  /** Fills `into` from `offset` on; what lies past the end reads as zeros. Calls may overlap in time. */
  read(into: Uint8Array, offset: number): Promise<void>;
  /** Absent on a source that cannot be written. `from` must not change until the promise settles. */
  write?(from: Uint8Array, offset: number): Promise<void>;
  /** Makes `length` bytes read as zeros, giving space back where it can. */
  discard?(offset: number, length: number): Promise<void>;
  /** Returns once every write that was complete before the call is on stable storage. */
  flush?(): Promise<void>;
  /** A new length; what is added reads as zeros. */
  resize?(size: number): Promise<void>;
  /** Gives back what it holds; nothing else may be called afterwards. */
  close(): Promise<void>;
}

/** What an image lies in: a file, a connection, another image. */
export interface ImageFile extends BlockSource {
  /** How a user names it; undefined where no plain name can. */
  readonly fileName?: string | undefined;
  /** By which two openings of one file are told to be the same; undefined where that cannot be told. */
  readonly identity?: string | undefined;
  /** Bytes that it takes on its disk; undefined where that cannot be told. */
  allocated(): Promise<number | undefined>;
  /** How far from `offset` on, `length` bytes at most, all reads as zeros, or nothing is known. */
  extent?(offset: number, length: number): Promise<{ length: number; zero: boolean }>;
}

/** A source that can be written. */
export type WritableSource = BlockSource & Required<Pick<BlockSource, "write" | "flush">>;

export function isWritable(source: BlockSource): source is WritableSource {
  return source.write !== undefined && source.flush !== undefined;
}

/** Writes zeros, in pieces of a bounded size. */
export async function fillWithZeros(
  target: Required<Pick<BlockSource, "write">>,
  offset: number,
  length: number,
  signal?: AbortSignal,
): Promise<void> {
  const zeros = new Uint8Array(Math.min(length, 2 ** 20));
  for (let at = 0; at < length; at += zeros.length) {
    signal?.throwIfAborted();
    await target.write(zeros.subarray(0, Math.min(zeros.length, length - at)), offset + at);
  }
}
