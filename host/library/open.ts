// Opening images for programs, over the runtime that the process is in: whatever an image names stays closed unless the
// caller lets it be opened.
import { BlobSource } from "../block/blob.ts";
import { BlockOptions } from "../block/options.ts";
import type { BlockSource, ImageFile } from "../block/source.ts";
import { UserError } from "../core/errors.ts";
import type { NewFile, Secrets } from "../image/driver.ts";
import type { DiskImage } from "../image/image.ts";
import { openImage as open } from "../image/open.ts";
import { Qcow2Image } from "../image/qcow2/image.ts";
import { thisRuntime } from "../runtimes/this.ts";

/** Where an image is: by name, or what it lies in. */
export type ImageOrigin = string | Blob | BlockSource;

/** How an image is opened. */
export interface OpenImageOptions {
  /** One of qemu-img's names of formats; undefined: probed. */
  format?: string | undefined;
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
  /** What to open in full, as QEMU's block device options: then the name is only what messages call it. */
  blockdev?: Readonly<Record<string, unknown>> | undefined;
  /** Others may write the image meanwhile, and no lock is asked for. */
  shared?: boolean;
  /** Flushes do nothing: for a target that is worthless until it is complete. */
  unsafe?: boolean;
  /** False: an encrypted image is opened without its key, to be looked at from outside. */
  unlock?: boolean;
  /** Nothing that the image names is opened, nor missed: for `rebase` with `unsafe`, which changes a header. */
  headerOnly?: boolean;
  /** Opens images that are too damaged to be used, for `check`. */
  damaged?: boolean;
  /** What a user should know, though the image opens. */
  onWarning?: (sentence: string) => void;
  /** Called where a file that is open for writing was guessed to be raw: its first bytes cannot be made another format's. */
  onGuessedRaw?: (name: string) => void;
  /** Names a file that cannot be opened twice, once as the image. @internal */
  asQemuImg?: boolean;
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
async function openSafely(from: ImageOrigin, options: OpenImageOptions): Promise<DiskImage> {
  const { followNames = false, headerOnly = false, asQemuImg = false, backing } = options;
  const { passphrase, secrets, blockdev, damaged = false, ...rest } = options;
  const name = nameOf(from);
  const image = await open(thisRuntime(), name, {
    ...rest,
    file: fileOf(from),
    blockdev: blockdev && BlockOptions.of(blockdev),
    tolerant: damaged,
    chain: followNames && !headerOnly && !backing,
    passphrase: passphrase === undefined ? undefined : bytesOf(passphrase),
    secrets: secretsOf(secrets),
  }).catch(asQemuImg ? undefined : sayOnce);
  image.backing ??= backing;
  if (followNames || headerOnly) return image;
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

export function nameOf(from: ImageOrigin): string {
  return typeof from === "string" ? from : ((from as Partial<File>).name ?? "(source)");
}

/** What an image that has no name lies in; of a source's file, if it has one, nothing is known. */
export function fileOf(from: ImageOrigin): ImageFile | undefined {
  if (typeof from === "string") return undefined;
  return from instanceof Blob ? new BlobSource(from) : asFile(from);
}

/** qemu-img names a file that cannot be opened twice; once is enough. */
export function sayOnce(error: unknown): never {
  if (!(error instanceof UserError)) throw error;
  throw new UserError(error.message.replace(/^(Could not open '.*?': )\1/, "$1"), error.code);
}

/** A source that an image is to be made in. */
export function newFile(source: BlockSource): NewFile {
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

export function secretsOf(secrets: OpenImageOptions["secrets"] = {}): Secrets {
  return new Map(Object.entries(secrets).map(([id, secret]) => [id, bytesOf(secret)]));
}

export function bytesOf(passphrase: string | Uint8Array): Uint8Array {
  return typeof passphrase === "string" ? new TextEncoder().encode(passphrase) : passphrase;
}
