// A Blob as a BlockSource: a file that the user picked or dropped, read where it lies and never copied as a whole.
import { UserError } from "../core/errors.ts";
import type { ImageFile } from "./source.ts";

export class BlobSource implements ImageFile {
  readonly fileName: string | undefined;

  constructor(private readonly blob: Blob) {
    this.fileName = (blob as Partial<File>).name;
  }

  get size(): number {
    return this.blob.size;
  }

  async allocated(): Promise<undefined> {
    return undefined;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    const end = Math.min(offset + into.length, this.size);
    let count = 0;
    if (offset < end) {
      const bytes = await this.blob.slice(offset, end).arrayBuffer().catch(gone);
      into.set(new Uint8Array(bytes));
      count = bytes.byteLength;
    }
    into.fill(0, count);
  }

  async close(): Promise<void> {}
}

/** A Blob is a snapshot: once its file is changed, browsers refuse to read it (File API §4, "snapshot state"). */
function gone(error: unknown): never {
  throw new UserError(
    `The file can no longer be read: it was changed or removed (${String(error)})`,
    "ESTALE",
  );
}
