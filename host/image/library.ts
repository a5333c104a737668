// Images for programs: the functions of the library's door, over the runtime that the process is in.
import { BlobSource } from "../block/blob.ts";
import type { BlockSource, ImageFile } from "../block/source.ts";
import { UserError } from "../core/errors.ts";
import { thisRuntime } from "../runtimes/this.ts";
import { compareImages, type CompareOptions, type Difference } from "./compare.ts";
import { copyImage } from "./convert.ts";
import { createImage as create } from "./create.ts";
import type { NewFile, Secrets } from "./driver.ts";
import { chainExtent, type ChainExtent, type CheckResult, type DiskImage, type Repair } from "./image.ts";
import { openImage as open, resolveBacking } from "./open.ts";
import type { Qcow2CreateOptions } from "./qcow2-create.ts";
import { qcow2Settings } from "./qcow2-driver.ts";
import { Qcow2Image } from "./qcow2.ts";
import { commitInto, copyFromBacking } from "./rebase.ts";
import type { Watch } from "./watch.ts";

/** Where an image is: by name, or what it lies in. */
export type ImageOrigin = string | Blob | BlockSource;

/** How an image is opened. */
export interface OpenImageOptions {
  /** One of qemu-img's names of formats; undefined: probed. */
  format?: string;
  /** Of an encrypted image. */
  passphrase?: string | Uint8Array;
  /** Passphrases of its backing files, by the ids that their names give them (`"encrypt.key-secret": "id"`). */
  secrets?: Readonly<Record<string, string | Uint8Array>>;
  /** Default true. */
  readOnly?: boolean;
  /** Files that the image names (its backing files, its data file) may be opened. Default false: then it is refused. */
  followNames?: boolean;
  /** What an overlay lies over, in place of the backing file that it names; closed with it. */
  backing?: DiskImage;
}

/** An image in use; `await using` closes it. */
export type OpenImage = DiskImage & AsyncDisposable;

/**
 * Opens a disk image by its name (a path, a URL, `nbd://`, `json:{…}`), in a `Blob` such as a file that a page's user
 * picked, or in any `BlockSource`, which is closed with the image. It is a `BlockSource` itself: read it, write it, or give it to a `Machine`. Offsets and sizes are in bytes.
 *
 *     await using disk = await openImage("disk.qcow2");
 *     await disk.read(bytes, 0);
 *
 * Rejects with a `UserError`: one sentence, and the system's `code` (ENOENT, EACCES …) where it has one.
 */
export async function openImage(from: ImageOrigin, options: OpenImageOptions = {}): Promise<OpenImage> {
  const image = await openSafely(from, options);
  return Object.assign(image, { [Symbol.asyncDispose]: () => image.close() });
}

/** Opens nothing that the image names unless that is allowed. */
async function openSafely(
  from: ImageOrigin,
  { followNames = false, passphrase, secrets, backing, ...rest }: OpenImageOptions,
): Promise<DiskImage> {
  const name = nameOf(from);
  const image = await open(thisRuntime(), name, {
    ...rest,
    file: fileOf(from),
    chain: followNames && !backing,
    passphrase: passphrase === undefined ? undefined : bytesOf(passphrase),
    secrets: secretsOf(secrets),
  }).catch(sayOnce);
  image.backing ??= backing;
  if (followNames) return image;
  const external = image instanceof Qcow2Image && image.hasExternalData;
  const named = external ? image.extensions.dataFile : backing ? undefined : image.backingName;
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

function nameOf(from: ImageOrigin): string {
  return typeof from === "string" ? from : ((from as Partial<File>).name ?? "(source)");
}

/** What an image that has no name lies in; of a source's file, if it has one, nothing is known. */
function fileOf(from: ImageOrigin): ImageFile | undefined {
  if (typeof from === "string") return undefined;
  return from instanceof Blob ? new BlobSource(from) : asFile(from);
}

/** qemu-img names a file that cannot be opened twice; once is enough. */
function sayOnce(error: unknown): never {
  if (!(error instanceof UserError)) throw error;
  throw new UserError(error.message.replace(/^(Could not open '.*?': )\1/, "$1"), error.code);
}

/** A source that an image is to be made in. */
function newFile(source: BlockSource): NewFile {
  if (!source.write || !source.flush || !source.resize)
    throw new UserError("An image is made in a source that can be written, flushed and resized", "EINVAL");
  return asFile(source) as NewFile;
}

function asFile(source: BlockSource): ImageFile {
  const file: ImageFile = {
    get size() {
      return source.size;
    },
    read: (into, offset) => source.read(into, offset),
    close: () => source.close(),
    allocated: async () => undefined,
  };
  for (const verb of ["write", "discard", "flush", "resize"] as const)
    if (source[verb]) Object.assign(file, { [verb]: source[verb].bind(source) });
  return file;
}

function secretsOf(secrets: OpenImageOptions["secrets"] = {}): Secrets {
  return new Map(Object.entries(secrets).map(([id, secret]) => [id, bytesOf(secret)]));
}

function bytesOf(passphrase: string | Uint8Array): Uint8Array {
  return typeof passphrase === "string" ? new TextEncoder().encode(passphrase) : passphrase;
}

/** How an image is encrypted. */
export interface ImageEncryption {
  /** Default luks; `aes` is qcow2's older and weaker one. */
  format?: "luks" | "aes";
  passphrase: string | Uint8Array;
  /** Of luks: milliseconds that each unlocking may take here; default 2000. */
  iterTime?: number;
}

/** What a new image is like; what is not said is as in `qemu-img create`. */
export interface CreateImageOptions extends Partial<Omit<Qcow2CreateOptions, "size" | "encryption">> {
  /** Of the disk, in bytes; rounded up to a multiple of 512. */
  size: number;
  /** Default qcow2. */
  format?: "raw" | "qcow2";
  /** Guest data, of qcow2 images, is encrypted. */
  encryption?: ImageEncryption;
}

/** Makes a new image, in a file that replaces one of that name or in a source that holds nothing yet. */
export async function createImage(to: string | BlockSource, options: CreateImageOptions): Promise<void> {
  await makeImage(to, options);
}

/** The files that were made. */
async function makeImage(to: string | BlockSource, options: CreateImageOptions): Promise<string[]> {
  const { format = "qcow2", encryption, ...rest } = options;
  const name = nameOf(to);
  const file = typeof to === "string" ? undefined : newFile(to);
  if (encryption && format !== "qcow2")
    throw new UserError(`Format '${format}' has no encryption`, "ENOTSUP");
  const settings = format === "raw" ? { size: rest.size } : qcow2Settings(rest);
  if (!encryption) return create(thisRuntime(), name, format, settings, { file });
  const { format: method = "luks", passphrase, iterTime } = encryption;
  const slow = method === "luks" && iterTime !== undefined;
  const keys = {
    "encrypt.format": method,
    "encrypt.key-secret": "passphrase",
    ...(slow ? { "encrypt.iter-time": iterTime } : {}),
  };
  const secrets = new Map([["passphrase", bytesOf(passphrase)]]);
  return create(thisRuntime(), name, format, { ...settings, ...keys }, { secrets, file });
}

export interface ConvertOptions
  extends Watch, Pick<OpenImageOptions, "followNames" | "passphrase" | "secrets"> {
  /** Default qcow2. */
  format?: "raw" | "qcow2";
  compress?: boolean;
}

/**
 * Copies an image into a new one: a file, or a source that holds nothing yet, which is closed with the copy. One that
 * fails or is aborted leaves no file behind.
 *
 *     await convert("in.raw", "out.qcow2", { compress: true, signal: AbortSignal.timeout(60_000) });
 */
export async function convert(
  from: ImageOrigin,
  to: string | BlockSource,
  options: ConvertOptions = {},
): Promise<void> {
  const { format = "qcow2", compress = false, signal, onProgress, ...opening } = options;
  const runtime = thisRuntime();
  const source = await openSafely(from, opening);
  try {
    if (typeof to === "string") {
      const [a, b] = [await runtime.identity(source.name), await runtime.identity(to)];
      if (a !== undefined && a === b) throw new UserError(`'${to}' cannot be converted into itself`, "EBUSY");
    }
    const made = await makeImage(to, { format, size: source.size });
    const file = typeof to === "string" ? undefined : newFile(to);
    const target = await open(runtime, nameOf(to), { format, file, readOnly: false, unsafe: true });
    const watch = { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) };
    let complete = false;
    try {
      await copyImage(runtime, source, target, { sparse: 4096, targetIsZero: true, compress, ...watch });
      await target.flush!();
      complete = true;
    } finally {
      await target.close();
      if (!complete) for (const name of made) await runtime.removeFile(name);
    }
  } finally {
    await source.close();
  }
}

/** Checks an image, and with `repair` sets right what can be. */
export async function check(
  image: DiskImage,
  repair: Repair = "none",
  onFinding: (sentence: string) => void = () => {},
): Promise<CheckResult> {
  if (!image.check) throw new UserError(`Format '${image.format}' has no check`, "ENOTSUP");
  return image.check(repair, onFinding);
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

/** What `resize` may do. */
export interface ResizeOptions {
  /** Allows a smaller size, which loses what lies behind it. */
  shrink?: boolean;
}

/** Gives the disk another size, a multiple of 512 bytes; what is added reads as zeros. */
export async function resize(image: DiskImage, size: number, options: ResizeOptions = {}): Promise<void> {
  if (!image.resize) throw new UserError(`'${image.name}' cannot be resized`, "ENOTSUP");
  if (!Number.isSafeInteger(size) || size <= 0 || size % 512 !== 0)
    throw new UserError(`${size} is no size of a disk: it takes a multiple of 512 bytes`, "EINVAL");
  if (size < image.size && !options.shrink)
    throw new UserError(
      `${size} is less than the disk's ${image.size} bytes: pass { shrink: true } to lose the rest`,
      "EINVAL",
    );
  await image.resize(size);
}

/** What an image says of itself. */
export interface ImageInfo {
  format: string;
  /** Of the disk, in bytes. */
  size: number;
  /** Bytes that the image takes on its disk; undefined: unknown. */
  allocated: number | undefined;
  clusterSize: number | undefined;
  /** As the image names it. */
  backingFile: string | undefined;
  backingFormat: string | undefined;
  encrypted: boolean;
  /** Its last writer did not close it. */
  dirty: boolean;
  /** What else the format has to say, by the names of `qemu-img info --output=json`. */
  details: Record<string, unknown>;
}

/** What an image says of itself. Nothing that it names is opened, and no key is asked for. */
export async function info(
  from: ImageOrigin,
  options: Pick<OpenImageOptions, "format"> = {},
): Promise<ImageInfo> {
  const how = { ...options, file: fileOf(from), chain: false, unlock: false };
  const image = await open(thisRuntime(), nameOf(from), how);
  try {
    return {
      format: image.format,
      size: image.size,
      allocated: await image.allocated(),
      clusterSize: image.clusterSize,
      backingFile: image.backingName,
      backingFormat: image.backingFormat,
      encrypted: image.encrypted ?? false,
      dirty: image.dirty ?? false,
      details: image.details?.() ?? {},
    };
  } finally {
    await image.close();
  }
}

export type CommitOptions = Watch & Pick<OpenImageOptions, "secrets">;

/**
 * Writes what lies in an overlay, opened with `followNames`, into its backing file, and empties it. Broken off, both
 * are sound and the overlay shows what it did.
 */
export async function commit(image: DiskImage, options: CommitOptions = {}): Promise<void> {
  const { secrets, ...watch } = options;
  const { backing } = image;
  if (!backing) throw new UserError(`'${image.name}' has no backing file that is open`, "EINVAL");
  const base = await open(thisRuntime(), backing.name, {
    format: backing.format,
    readOnly: false,
    secrets: secretsOf(secrets),
  });
  try {
    await commitInto(image, base, 1, watch);
  } finally {
    await base.close();
  }
  await image.empty?.();
}

export interface RebaseOptions extends CommitOptions {
  /** Format of the new backing file. */
  format: string;
}

/**
 * Puts an overlay, opened with `followNames`, onto another backing file, relative to its own folder, with its content
 * kept. Broken off, it still has the old one. Open it anew to see the new one.
 */
export async function rebase(image: DiskImage, backing: string, options: RebaseOptions): Promise<void> {
  const { format, secrets, ...watch } = options;
  if (!image.setBacking) throw new UserError(`Format '${image.format}' has no backing files`, "ENOTSUP");
  const runtime = thisRuntime();
  const target = await open(runtime, resolveBacking(image.name, backing), {
    format,
    secrets: secretsOf(secrets),
  });
  try {
    await copyFromBacking(runtime, image, target, watch);
  } finally {
    await target.close();
  }
  await image.setBacking(backing, format);
}
