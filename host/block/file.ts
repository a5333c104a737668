// A file of the runtime as a BlockSource.
import { codeOf, reason, UserError } from "../core/errors.ts";
import type { DataRange, OpenMode, Runtime, RuntimeFile } from "../runtimes/runtime.ts";
import type { ProtocolRequest } from "./protocols.ts";
import type { ImageFile } from "./source.ts";

export interface FileOptions {
  /** Flushes return at once: for a target that is worthless until complete, as in convert. */
  unsafe?: boolean;
  /** Others may have it open. */
  shared?: boolean;
  /** Writes fail once it is aborted, wherever they are: for a target likewise. */
  signal?: AbortSignal | undefined;
}

/** Bytes that a QEMU program keeps locked while it writes an image, and while nobody else may. */
const WRITES = 101;
const NO_OTHER_WRITER = 201;

type Release = () => Promise<void>;

function lockError(what: string, path: string): UserError {
  return new UserError(`Failed to get ${what} lock\nIs another process using the image [${path}]?`, "EAGAIN");
}

/**
 * Makes sure that nobody else uses an image in a way that `mode` cannot stand, and keeps other writers of ours away.
 * Readers only look: whoever starts to write after them is not kept from it.
 */
async function lock(
  runtime: Runtime,
  path: string,
  mode: OpenMode,
  shared: boolean,
): Promise<Release | undefined> {
  const isReader = mode === "read";
  if (isReader && shared) return undefined;
  const byte = isReader ? WRITES : NO_OTHER_WRITER;
  const ranges = (await runtime.lockedRanges?.(path)) ?? [];
  const identity = await runtime.identity(path);
  const what = isReader ? 'shared "write"' : '"write"';
  if (ranges.some(([first, last]) => first <= byte && byte <= last)) throw lockError(what, path);
  if (identity === undefined || !runtime.imageLocks) return undefined;
  if (isReader) {
    if (await runtime.imageLocks.isTaken(identity)) throw lockError(what, path);
    return undefined;
  }
  const release = await runtime.imageLocks.take(identity);
  if (!release) throw lockError(what, path);
  return release;
}

function firstEndingAfter(ranges: readonly DataRange[], offset: number): number {
  let low = 0;
  for (let high = ranges.length; low < high;) {
    const middle = (low + high) >> 1;
    if (ranges[middle]![1] > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

export class FileSource implements ImageFile {
  readonly extent?: (offset: number, length: number) => Promise<{ length: number; zero: boolean }>;
  private ranges: Promise<readonly DataRange[] | undefined> | undefined;

  private constructor(
    readonly fileName: string,
    readonly identity: string | undefined,
    private readonly file: RuntimeFile,
    private length: number,
    private readonly how: FileOptions,
    private readonly release: Release | undefined,
    /** Nobody writes it while it is open: its holes stay where they are. */
    settled: boolean,
  ) {
    if (settled && file.dataRanges) this.extent = (offset, length) => this.extentAt(offset, length);
  }

  static async open(
    runtime: Runtime,
    path: string,
    mode: OpenMode,
    options: FileOptions = {},
  ): Promise<FileSource> {
    const file = await runtime.openFile(path, mode);
    let release: Release | undefined;
    try {
      release = await lock(runtime, path, mode, options.shared ?? false);
      if (mode === "create") await file.truncate(0);
      const identity = await runtime.identity(path);
      const settled = mode === "read" && !options.shared;
      const size = await file.size();
      return new FileSource(path, identity, file, size, options, release, settled);
    } catch (error) {
      await file.close();
      await release?.();
      throw error;
    }
  }

  /** The driver `file`: its options, and what opening a file can say. */
  static async openWith(request: ProtocolRequest): Promise<FileSource> {
    const { options, runtime, mode, ...how } = request;
    const path = options.take("filename") ?? "";
    // Accepted: there is one way to reach a file, and its locks are always looked at.
    for (const key of ["aio", "locking", "pr-manager", "drop-cache", "x-check-cache-dropped"])
      options.take(key);
    if (path === "") throw new UserError("The 'file' block driver requires a file name", "EINVAL");
    try {
      return await FileSource.open(runtime, path, mode, how);
    } catch (error) {
      if (error instanceof UserError) throw error;
      if (codeOf(error) === "EISDIR")
        throw new UserError(`'file' driver requires '${path}' to be a regular file`, "EISDIR");
      throw new UserError(`Could not open '${path}': ${reason(error)}`, codeOf(error));
    }
  }

  get size(): number {
    return this.length;
  }

  allocated(): Promise<number | undefined> {
    return this.file.allocated();
  }

  private async extentAt(offset: number, length: number): Promise<{ length: number; zero: boolean }> {
    const ranges = await (this.ranges ??= this.file.dataRanges!());
    if (!ranges) return { length, zero: false };
    const [start, end] = ranges[firstEndingAfter(ranges, offset)] ?? [Infinity, Infinity];
    const zero = offset < start;
    return { length: Math.min(length, (zero ? start : end) - offset), zero };
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    const count = offset < this.length ? await this.file.read(into, offset) : 0;
    if (count < into.length) into.fill(0, count);
  }

  async write(from: Uint8Array, offset: number): Promise<void> {
    this.how.signal?.throwIfAborted();
    await this.file.write(from, offset);
    this.length = Math.max(this.length, offset + from.length);
  }

  async flush(): Promise<void> {
    if (!this.how.unsafe) await this.file.sync();
  }

  async resize(size: number): Promise<void> {
    if (!Number.isSafeInteger(size)) throw new UserError("File too large", "EFBIG");
    await this.file.truncate(size);
    this.length = size;
  }

  async close(): Promise<void> {
    await this.file.close();
    await this.release?.();
  }
}
