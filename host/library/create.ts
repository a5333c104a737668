// Making images for programs: of any format, in a file or in a source.
import type { BlockSource } from "../block/source.ts";
import { codeOf, isExpected, reason, UserError } from "../core/errors.ts";
import { createImage as create } from "../image/create.ts";
import type { CreateOption, Settings } from "../image/driver.ts";
import { FORMATS, loadDriver } from "../image/format.ts";
import type { DiskImage } from "../image/image.ts";
import type { Qcow2CreateOptions } from "../image/qcow2/create.ts";
import { qcow2Settings } from "../image/qcow2/driver.ts";
import { thisRuntime } from "../runtimes/this.ts";
import { bytesOf, nameOf, newFile, type OpenImageOptions, secretsOf } from "./open.ts";

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
  format?: string;
  /** Guest data, of qcow2 images, is encrypted. */
  encryption?: ImageEncryption;
  /** Of other formats, and for all that has no word of its own here: options by the names of `qemu-img create -o`. */
  settings?: Settings;
  /** What `settings` name by id, as `key-secret`. */
  secrets?: OpenImageOptions["secrets"];
  signal?: AbortSignal;
}

/** Makes a new image, in a file that replaces one of that name or in a source that holds nothing yet. The files made. */
export async function createImage(
  to: string | BlockSource,
  { format = "qcow2", encryption, settings, secrets, signal, ...rest }: CreateImageOptions,
): Promise<string[]> {
  if (encryption && format !== "qcow2")
    throw new UserError(`Format '${format}' has no encryption of guest data`, "ENOTSUP");
  const typed = format === "qcow2" ? qcow2Settings(rest) : { size: rest.size };
  const keys = encryption && encryptionSettings(encryption);
  const passphrase = encryption && { passphrase: bytesOf(encryption.passphrase) };
  return create(
    thisRuntime(),
    nameOf(to),
    format,
    { ...typed, ...settings, ...keys },
    {
      secrets: secretsOf({ ...secrets, ...passphrase }),
      signal,
      file: typeof to === "string" ? undefined : newFile(to),
    },
  );
}

function encryptionSettings({ format = "luks", iterTime }: ImageEncryption): Settings {
  return {
    "encrypt.format": format,
    "encrypt.key-secret": "passphrase",
    ...(format === "luks" && iterTime !== undefined ? { "encrypt.iter-time": iterTime } : {}),
  };
}

/** What a format can do, and the options that it takes. */
export interface ImageFormat {
  name: string;
  /** Of new images; undefined: images of this format are only read. */
  createOptions: readonly CreateOption[] | undefined;
  /** Of `amend`; undefined: nothing of such an image can be changed. */
  amendOptions: readonly CreateOption[] | undefined;
}

/** Undefined: no such format is known. */
export async function findFormat(name: string): Promise<ImageFormat | undefined> {
  if (!FORMATS.some((one) => one.name === name)) return undefined;
  const driver = await loadDriver(name);
  return {
    name,
    createOptions: driver?.create && driver.options,
    amendOptions: driver?.amend && driver.amendOptions,
  };
}

/**
 * Fills and closes an image that was made, as `files`, for this. One that cannot be completed is removed, and the error
 * says so.
 */
export async function completeOrRemove(
  target: DiskImage,
  files: readonly string[],
  fill: () => Promise<void>,
): Promise<void> {
  const { name } = target;
  try {
    await fill();
    await target.close();
  } catch (error) {
    await target.close().catch(() => {});
    const removed = await removeFiles(files);
    if (!isExpected(error)) throw error;
    const state = removed ? `the incomplete '${name}' is removed` : `'${name}' is incomplete`;
    throw new UserError(`${reason(error)}; ${state}`, codeOf(error));
  }
}

/** Whether there were any, and all are gone. */
export async function removeFiles(files: readonly string[]): Promise<boolean> {
  let removed = files.length > 0;
  for (const file of files) removed = (await thisRuntime().removeFile(file)) && removed;
  return removed;
}
