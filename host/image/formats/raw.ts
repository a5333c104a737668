// Raw: the file is the disk, or a window of it (`offset`, `size`). A length that is no multiple of 512 is rounded up,
// the rest reads as zeros.
import { fillWithZeros, type ImageFile, isWritable } from "../../block/source.ts";
import { UserError } from "../../core/errors.ts";
import { type CreateContext, type Driver, type OpenContext, type Settings, SIZE_OPTION } from "../driver.ts";
import { PROBE_SIZE, probeFormat } from "../format.ts";
import type { DiskImage, Extent } from "../image.ts";
import { parseSize, sizeFault } from "../size.ts";

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

/** Preallocated space is written: no runtime can reserve it in another way. */
async function createRaw({ file, size, settings }: CreateContext): Promise<void> {
  await file.resize(size);
  const { preallocation = "off" } = settings;
  if (preallocation === "falloc" || preallocation === "full") await fillWithZeros(file, 0, size);
}

/** What a plain file can be given beforehand, alone or below a format that has no preallocation of its own. */
export function checkFilePreallocation({ preallocation = "off" }: Settings): void {
  if (preallocation === "metadata")
    throw new UserError("Unsupported preallocation mode: metadata", "ENOTSUP");
  if (!["off", "falloc", "full"].includes(String(preallocation)))
    throw new UserError(`invalid parameter value: ${preallocation}`, "EINVAL");
}

export const raw: Driver = {
  open: openRaw,
  create: createRaw,
  options: [SIZE_OPTION],
  checkOptions(size, settings) {
    if (!Number.isSafeInteger(size))
      throw new UserError("The image size is too large for file format 'raw'", "EFBIG");
    checkFilePreallocation(settings);
  },
};

export class RawImage implements DiskImage {
  readonly dataName: string;
  write?: (from: Uint8Array, offset: number) => Promise<void>;
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
    // A runtime cannot punch holes; a server may.
    this.discard = (offset, length) =>
      file.discard ? file.discard(start + offset, length) : fillWithZeros(file, start + offset, length);
  }

  /**
   * For what was only guessed to be raw: whoever could make its first bytes those of another format, a guest say, would
   * have the next guess open files of his choice.
   */
  keepRaw(): void {
    const { write } = this;
    if (!write) return;
    this.write = async (from, offset) => {
      if (offset < PROBE_SIZE) await this.requireRaw(from, offset);
      await write(from, offset);
    };
  }

  private async requireRaw(from: Uint8Array, offset: number): Promise<void> {
    const head = new Uint8Array(PROBE_SIZE);
    await this.read(head, 0);
    head.set(from.subarray(0, PROBE_SIZE - offset), offset);
    const format = probeFormat(head, this.name);
    if (format !== "raw")
      throw new UserError(
        `its first bytes would be those of a ${format} image; give format=raw to allow it`,
        "EPERM",
      );
  }

  /** Never told; of what lies on a server or nowhere, not even that. */
  get dirty(): false | undefined {
    return this.file.identity === undefined ? undefined : false;
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
    if (inFile <= 0) return { length, present: true, zero: true, offset: place };
    const known = Math.min(length, inFile);
    const answer = await this.file.extent?.(place, known);
    return { length: answer?.length ?? known, present: true, zero: answer?.zero ?? false, offset: place };
  }

  allocated(): Promise<number | undefined> {
    return this.file.allocated();
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
