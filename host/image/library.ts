// Images for programs: the functions of the library's door, over the runtime that the process is in.
import { UserError } from "../core/errors.ts";
import { thisRuntime } from "../runtimes/this.ts";
import { compareImages, type CompareOptions, type Difference } from "./compare.ts";
import { copyImage } from "./convert.ts";
import { createImage as create } from "./create.ts";
import { chainExtent, type ChainExtent, type CheckResult, type DiskImage, type Repair } from "./image.ts";
import { openImage as open } from "./open.ts";
import type { Qcow2CreateOptions } from "./qcow2-create.ts";
import { qcow2Settings } from "./qcow2-driver.ts";
import * as snapshots from "./qcow2-snapshots.ts";
import { Qcow2Image } from "./qcow2.ts";

export interface OpenImageOptions {
  /** By name; undefined: probed. */
  format?: "raw" | "qcow2" | "luks";
  /** Of an encrypted image. */
  passphrase?: string | Uint8Array;
  /** Default true. */
  readOnly?: boolean;
  /** Files that the image names (its backing files, its data file) may be opened. Default false: then it is refused. */
  followNames?: boolean;
}

/** Opens a disk image. It is a `BlockSource`: read it, write it, or give it to a `Machine`. */
export async function openImage(name: string, options: OpenImageOptions = {}): Promise<DiskImage> {
  const { followNames = false, passphrase, ...rest } = options;
  const image = await open(thisRuntime(), name, {
    ...rest,
    chain: followNames,
    passphrase: passphrase === undefined ? undefined : bytesOf(passphrase),
  });
  if (followNames) return image;
  const external = image instanceof Qcow2Image && image.hasExternalData;
  const named = external ? image.extensions.dataFile : image.backingName;
  try {
    if (named !== undefined)
      throw new UserError(
        `'${name}' names '${named}': pass { followNames: true } to let it be opened`,
        "EPERM",
      );
    if (image instanceof Qcow2Image) image.requireReadable();
    return image;
  } catch (error) {
    await image.close();
    throw error;
  }
}

function bytesOf(passphrase: string | Uint8Array): Uint8Array {
  return typeof passphrase === "string" ? new TextEncoder().encode(passphrase) : passphrase;
}

export interface ImageEncryption {
  /** Default luks; `aes` is qcow2's older and weaker one. */
  format?: "luks" | "aes";
  passphrase: string | Uint8Array;
  /** Of luks: milliseconds that each unlocking may take here; default 2000. */
  iterTime?: number;
}

export interface CreateImageOptions extends Partial<Omit<Qcow2CreateOptions, "size" | "encryption">> {
  /** Of the disk, in bytes; rounded up to a multiple of 512. */
  size: number;
  /** Default qcow2. */
  format?: "raw" | "qcow2";
  /** Guest data, of qcow2 images, is encrypted. */
  encryption?: ImageEncryption;
}

/** Makes a new image; an existing file of that name is replaced. */
export async function createImage(name: string, options: CreateImageOptions): Promise<void> {
  const { format = "qcow2", encryption, ...rest } = options;
  if (encryption && format !== "qcow2")
    throw new UserError(`Format '${format}' has no encryption`, "ENOTSUP");
  const settings = format === "raw" ? { size: rest.size } : qcow2Settings(rest);
  if (!encryption) return create(thisRuntime(), name, format, settings);
  const { format: method = "luks", passphrase, iterTime } = encryption;
  const slow = method === "luks" && iterTime !== undefined;
  const keys = {
    "encrypt.format": method,
    "encrypt.key-secret": "passphrase",
    ...(slow ? { "encrypt.iter-time": iterTime } : {}),
  };
  const secrets = new Map([["passphrase", bytesOf(passphrase)]]);
  await create(thisRuntime(), name, format, { ...settings, ...keys }, secrets);
}

export interface ConvertOptions {
  /** Default qcow2. */
  format?: "raw" | "qcow2";
  compress?: boolean;
  /** Of the source: see `OpenImageOptions`. */
  followNames?: boolean;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** Copies an image into a new one. A copy that fails or is aborted leaves no target behind. */
export async function convert(from: string, to: string, options: ConvertOptions = {}): Promise<void> {
  const { format = "qcow2", compress = false, followNames = false, ...watch } = options;
  const runtime = thisRuntime();
  const source = await openImage(from, { followNames });
  try {
    const [a, b] = [await runtime.identity(from), await runtime.identity(to)];
    if (a !== undefined && a === b) throw new UserError(`'${from}' cannot be converted into itself`, "EBUSY");
    await createImage(to, { format, size: source.size });
    const target = await open(runtime, to, { format, readOnly: false, unsafe: true });
    let complete = false;
    try {
      await copyImage(runtime, source, target, { sparse: 4096, targetIsZero: true, compress, ...watch });
      await target.flush!();
      complete = true;
    } finally {
      await target.close();
      if (!complete) await runtime.removeFile(to);
    }
  } finally {
    await source.close();
  }
}

function qcow2(image: DiskImage, what: string): Qcow2Image {
  if (image instanceof Qcow2Image) return image;
  throw new UserError(`Format '${image.format}' has no ${what}`, "ENOTSUP");
}

/** Checks an image, and with `repair` sets right what can be. */
export async function check(image: DiskImage, repair: Repair = "none"): Promise<CheckResult> {
  if (!image.check) throw new UserError(`Format '${image.format}' has no check`, "ENOTSUP");
  return image.check(repair, () => {});
}

/** Undefined: the same bytes. */
export async function compare(
  a: DiskImage,
  b: DiskImage,
  options: CompareOptions = {},
): Promise<Difference | undefined> {
  return compareImages(thisRuntime(), a, b, options);
}

/** Where the bytes of an image are, part by part. */
export async function* map(image: DiskImage): AsyncGenerator<ChainExtent & { start: number }, void> {
  for (let start = 0; start < image.size;) {
    const extent = await chainExtent(image, start, image.size - start);
    yield { ...extent, start };
    start += extent.length;
  }
}

export async function listSnapshots(image: DiskImage): Promise<snapshots.Snapshot[]> {
  return (await snapshots.readSnapshots(qcow2(image, "snapshots"))).list;
}

export async function createSnapshot(image: DiskImage, name: string): Promise<void> {
  await snapshots.createSnapshot(qcow2(image, "snapshots"), name, new Date());
}

/** Goes back to a snapshot, by id or name. */
export async function applySnapshot(image: DiskImage, wanted: string): Promise<void> {
  await snapshots.applySnapshot(qcow2(image, "snapshots"), wanted);
}

export async function deleteSnapshot(image: DiskImage, name: string): Promise<void> {
  await snapshots.deleteSnapshot(qcow2(image, "snapshots"), name);
}
