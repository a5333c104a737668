// Raw: the file is the disk, or a window of it (`offset`, `size`). A length that is no multiple of 512 is rounded up,
// the rest reads as zeros.
import { type ImageFile, isWritable } from "../block/source.ts";
import { UserError } from "../core/errors.ts";
import type { Driver, OpenContext } from "./driver.ts";
import type { DiskImage, Extent } from "./image.ts";
import { parseSize, sizeFault } from "./size.ts";

const SECTOR = 512;
const roundUp = (bytes: number): number => Math.ceil(bytes / SECTOR) * SECTOR;

export interface RawWindow {
  offset: number;
  /** Undefined: to the end of the file. */
  size: number | undefined;
}

async function openRaw({ name, file, options, readOnly }: OpenContext): Promise<RawImage> {
  const number = (key: string): number | undefined => {
    const text = options.take(key);
    if (text === undefined) return undefined;
    const value = parseSize(text);
    if (value === undefined || value === Infinity) throw sizeFault(key);
    return value;
  };
  const offset = number("offset") ?? 0;
  const size = number("size");
  if (offset > roundUp(file.size))
    throw new UserError(
      `Offset (${offset}) cannot be greater than size of the containing file (${roundUp(file.size)})`,
      "EINVAL",
    );
  if (size !== undefined && size % SECTOR)
    throw new UserError("Specified size is not multiple of 512", "EINVAL");
  if (size !== undefined && offset + size > roundUp(file.size))
    throw new UserError(
      `The sum of offset (${offset}) and size (${size}) has to be smaller or equal to the  actual size of the ` +
        `containing file (${roundUp(file.size)})`,
      "EINVAL",
    );
  return new RawImage(name, file, readOnly, "raw", { offset, size });
}

export const raw: Driver = { open: openRaw };

export class RawImage implements DiskImage {
  readonly dataName: string;
  readonly dirty = false;
  readonly write?: (from: Uint8Array, offset: number) => Promise<void>;
  readonly flush?: () => Promise<void>;
  readonly resize?: (size: number) => Promise<void>;
  readonly discard?: (offset: number, length: number) => Promise<void>;

  constructor(
    readonly name: string,
    private readonly file: ImageFile,
    readOnly: boolean,
    /** "raw", or the protocol's name where one was asked for without a format. */
    readonly format = "raw",
    private readonly window: RawWindow = { offset: 0, size: undefined },
  ) {
    this.dataName = file.fileName ?? name;
    if (readOnly || !isWritable(file)) return;
    const { offset: start } = window;
    this.write = (from, offset) => file.write(from, start + offset);
    this.flush = () => file.flush();
    if (window.size === undefined && file.resize) this.resize = (size) => file.resize!(start + size);
    this.discard = async (offset, length) => {
      // A runtime cannot punch holes: zeros are written, in pieces of a bounded size.
      const zeros = new Uint8Array(Math.min(length, 2 ** 20));
      for (let at = 0; at < length; at += zeros.length)
        await file.write(zeros.subarray(0, Math.min(zeros.length, length - at)), start + offset + at);
    };
  }

  get size(): number {
    return this.window.size ?? roundUp(roundUp(this.file.size) - this.window.offset);
  }

  read(into: Uint8Array, offset: number): Promise<void> {
    return this.file.read(into, this.window.offset + offset);
  }

  async extent(offset: number, length: number): Promise<Extent> {
    const place = this.window.offset + offset;
    const inFile = this.file.size - place;
    return inFile > 0
      ? { length: Math.min(length, inFile), present: true, zero: false, offset: place }
      : { length, present: true, zero: true, offset: place };
  }

  allocated(): Promise<number | undefined> {
    return this.file.allocated();
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
