// A file of the runtime as a BlockSource.
import { UserError } from "../core/errors.ts";
import type { OpenMode, Runtime, RuntimeFile } from "../runtimes/runtime.ts";
import type { BlockSource } from "./source.ts";

export interface FileOptions {
  /** Flushes return at once: for a target that is worthless until complete, as in convert. */
  unsafe?: boolean;
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

export class FileSource implements BlockSource {
  private constructor(
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
    return new FileSource(file, await file.size(), options.unsafe ?? false);
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
