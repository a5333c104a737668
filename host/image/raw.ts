// Raw: the file is the disk. A length that is no multiple of 512 is rounded up, the rest reads as zeros.
import type { FileSource } from "../block/file.ts";
import type { DiskImage, Extent } from "./image.ts";

const SECTOR = 512;

export class RawImage implements DiskImage {
  readonly format = "raw";
  readonly dirty = false;
  readonly dataName: string;
  readonly write?: (from: Uint8Array, offset: number) => Promise<void>;
  readonly flush?: () => Promise<void>;
  readonly resize?: (size: number) => Promise<void>;
  readonly discard?: (offset: number, length: number) => Promise<void>;

  constructor(
    readonly name: string,
    private readonly file: FileSource,
    readOnly: boolean,
  ) {
    this.dataName = name;
    if (readOnly) return;
    this.write = (from, offset) => file.write(from, offset);
    this.flush = () => file.flush();
    this.resize = (size) => file.resize(size);
    this.discard = async (offset, length) => {
      // A runtime cannot punch holes: zeros are written, in pieces of a bounded size.
      const zeros = new Uint8Array(Math.min(length, 2 ** 20));
      for (let at = 0; at < length; at += zeros.length)
        await file.write(zeros.subarray(0, Math.min(zeros.length, length - at)), offset + at);
    };
  }

  get size(): number {
    return Math.ceil(this.file.size / SECTOR) * SECTOR;
  }

  read(into: Uint8Array, offset: number): Promise<void> {
    return this.file.read(into, offset);
  }

  async extent(offset: number, length: number): Promise<Extent> {
    return { length, present: true, zero: false, offset };
  }

  allocated(): Promise<number | undefined> {
    return this.file.allocated();
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
