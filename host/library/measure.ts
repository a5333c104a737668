// How large a file an image will need.
import { UserError } from "../core/errors.ts";
import type { Settings } from "../image/driver.ts";
import { luksOptions, passphraseOf } from "../image/encryption/encryption.ts";
import { FORMATS } from "../image/format.ts";
import type { DiskImage } from "../image/image.ts";
import { type Measure, measureLuks, measureQcow2, measureRaw } from "../image/measure.ts";
import { qcow2Options } from "../image/qcow2/driver.ts";
import { qcow2Encryption } from "../image/qcow2/encryption.ts";
import { type OpenImageOptions, secretsOf } from "./open.ts";

export type { Measure };

export interface MeasureOptions {
  /** Of the image to be: raw, qcow2 or luks; default qcow2. */
  format?: string;
  /** Its options, by the names of `qemu-img create -o`. */
  settings?: Settings;
  secrets?: OpenImageOptions["secrets"];
}

/** What a new image takes: for what `from` shows, an image that is open, or for an empty disk of so many bytes. */
export async function measure(from: DiskImage | number, options: MeasureOptions = {}): Promise<Measure> {
  const { format = "qcow2", settings = {} } = options;
  const secrets = secretsOf(options.secrets);
  const [source, size] = typeof from === "number" ? [undefined, from] : [from, from.size];
  if (format === "raw") return measureRaw(size);
  if (format === "luks") {
    // A secret that is missing is missed here too, although nothing is encrypted.
    passphraseOf(secrets, settings["key-secret"] as string | undefined, "key-secret");
    return measureLuks(size, luksOptions(settings));
  }
  if (format !== "qcow2") throw cannotMeasure(format);
  const encryption = qcow2Encryption(settings, secrets);
  const wanted = { ...qcow2Options({ ...settings, size }), ...(encryption ? { encryption } : {}) };
  const result = await measureQcow2(wanted, source);
  // How much of a backing file shows through nobody knows beforehand.
  const filled =
    ["full", "falloc"].includes(wanted.preallocation) || (source && wanted.backingFile !== undefined);
  return filled ? { ...result, required: result.fullyAllocated } : result;
}

export function cannotMeasure(format: string): UserError {
  const known = FORMATS.some((one) => one.name === format);
  return known
    ? new UserError(`Block driver '${format}' does not support size measurement`, "ENOTSUP")
    : new UserError(`Unknown file format '${format}'`, "EINVAL");
}
