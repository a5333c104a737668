// img measure: how large a file an image will need.
import { UserError } from "../../core/errors.ts";
import { FORMATS } from "../../image/format.ts";
import { type Measure, measureLuks, measureQcow2, measureRaw } from "../../image/measure.ts";
import { getopt, has, last, type Parsed, wantsJson } from "./getopt.ts";
import { toJson } from "./json.ts";
import { parseNewImage } from "./new-image.ts";
import { openNamed, secretsOf } from "./open.ts";
import { luksOptions, passphraseOf } from "../../image/encryption.ts";
import { qcow2Options } from "../../image/qcow2-driver.ts";
import { qcow2Encryption } from "../../image/qcow2-encryption.ts";
import { requireSize } from "../../image/size.ts";
import { chooseSnapshot } from "./snapshot-choice.ts";

export async function measure(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hf:l:o:O:U", {
    output: "output:",
    size: "size:",
    snapshot: "l",
    "force-share": "U",
  });
  const json = wantsJson(parsed);
  if (parsed.names.length > 1) throw new UserError("At most one filename argument is allowed.");
  const [name] = parsed.names;
  const sizeText = last(parsed, "size");
  if (name === undefined && (has(parsed, "f") || has(parsed, "l")))
    throw new UserError("--image-opts, -f, and -l require a filename argument.");
  if (name === undefined && sizeText === undefined)
    throw new UserError("Either --size N or one filename must be specified.");
  if (name !== undefined && sizeText !== undefined)
    throw new UserError("--size N cannot be used together with a filename.");

  const result = await measured(
    parsed,
    name,
    sizeText === undefined ? 0 : requireSize(sizeText, "image size"),
  );
  process.stdout.write(json ? `${toJson(asJson(result))}\n` : summary(result));
  return 0;
}

async function measured(parsed: Parsed, name: string | undefined, size: number): Promise<Measure> {
  const format = last(parsed, "O") ?? "raw";
  if (!["raw", "qcow2", "luks"].includes(format) && FORMATS.some((one) => one.name === format))
    throw new UserError(`Block driver '${format}' does not support size measurement`);
  const { settings } = await parseNewImage(format, parsed.options.get("o") ?? []);
  // A secret that is missing is missed here too, although nothing is encrypted.
  const secrets = await secretsOf(parsed);
  if (format === "luks") passphraseOf(secrets, settings["key-secret"] as string | undefined, "key-secret");
  const encryption = format === "qcow2" ? qcow2Encryption(settings, secrets) : undefined;
  const source = name === undefined ? undefined : await openNamed(parsed, name);
  try {
    const snapshot = last(parsed, "l");
    if (source && snapshot !== undefined) await chooseSnapshot(source, snapshot);
    const bytes = source?.size ?? size;
    if (format === "raw") return measureRaw(bytes);
    if (format === "luks") return measureLuks(bytes, luksOptions(settings));
    const options = qcow2Options({ ...settings, size: bytes });
    if (encryption) options.encryption = encryption;
    const result = await measureQcow2(options, source);
    const filled = options.preallocation === "full" || options.preallocation === "falloc";
    return filled ? { ...result, required: result.fullyAllocated } : result;
  } finally {
    await source?.close();
  }
}

function summary({ required, fullyAllocated, bitmaps }: Measure): string {
  return (
    `required size: ${required}\nfully allocated size: ${fullyAllocated}\n` +
    (bitmaps === undefined ? "" : `bitmaps size: ${bitmaps}\n`)
  );
}

function asJson({ required, fullyAllocated, bitmaps }: Measure): object {
  return { ...(bitmaps === undefined ? {} : { bitmaps }), required, "fully-allocated": fullyAllocated };
}
