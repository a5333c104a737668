// A file of the runtime as a BlockSource.
import { codeOf, reason, UserError } from "../core/errors.ts";
import type { OpenMode, Runtime, RuntimeFile } from "../runtimes/runtime.ts";
import type { ProtocolRequest } from "./protocols.ts";
import type { ImageFile } from "./source.ts";

export interface FileOptions {
  /** Flushes return at once: for a target that is worthless until complete, as in convert. */
  unsafe?: boolean;
  /** Others may have it open. */
  shared?: boolean;
}

/** The byte that every QEMU program keeps locked while nobody else may write the image. */
const NO_OTHER_WRITER = 201;

/** Refuses to write what a running QEMU has open. We hold no locks ourselves: no runtime of ours can take them. */
async function refuseHeld(runtime: Runtime, path: string): Promise<void> {
  const ranges = (await runtime.lockedRanges?.(path)) ?? [];
  if (ranges.some(([first, last]) => first <= NO_OTHER_WRITER && NO_OTHER_WRITER <= last))
    throw new UserError(
      `Failed to get "write" lock\nIs another process using the image [${path}]?`,
      "EAGAIN",
    );
}

export class FileSource implements ImageFile {
  private constructor(
    readonly fileName: string,
    readonly identity: string | undefined,
    private readonly file: RuntimeFile,
    private length: number,
    private readonly unsafe: boolean,
  ) {}

  static async open(
    runtime: Runtime,
    path: string,
    mode: OpenMode,
    options: FileOptions = {},
  ): Promise<FileSource> {
    if (mode !== "read") await refuseHeld(runtime, path);
    const file = await runtime.openFile(path, mode);
    const identity = await runtime.identity(path);
    return new FileSource(path, identity, file, await file.size(), options.unsafe ?? false);
  }

  /** The driver `file`: its options, and what opening a file can say. */
  static async openWith(request: ProtocolRequest): Promise<FileSource> {
    const { options, runtime, mode, ...how } = request;
    const path = options.take("filename") ?? "";
    // Accepted: there is one way to reach a file, and its locks are `refuseHeld`.
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

  async read(into: Uint8Array, offset: number): Promise<void> {
    const count = offset < this.length ? await this.file.read(into, offset) : 0;
    if (count < into.length) into.fill(0, count);
  }

  async write(from: Uint8Array, offset: number): Promise<void> {
    await this.file.write(from, offset);
    this.length = Math.max(this.length, offset + from.length);
  }

  async flush(): Promise<void> {
    if (!this.unsafe) await this.file.sync();
  }

  async resize(size: number): Promise<void> {
    await this.file.truncate(size);
    this.length = size;
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
