// img measure: how large a file an image will need.
import { isExpected, reason, UserError } from "../../core/errors.ts";
import type { Settings } from "../../library.ts";
import { requireSize } from "../../image/size.ts";
import { cannotMeasure, measure as measureImage, type Measure } from "../../library/measure.ts";
import { getopt, has, last, type Parsed, wantsJson } from "./getopt.ts";
import { toJson } from "./json.ts";
import { parseNewImage } from "./new-image.ts";
import { openNamed, secretsOf } from "./open.ts";
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
  if (!["raw", "qcow2", "luks"].includes(format)) throw cannotMeasure(format);
  const settings = await parseOptions(format, parsed.options.get("o") ?? []);
  const secrets = await secretsOf(parsed);
  const target = { format, settings, secrets };
  if (name === undefined) return measureImage(size, target);
  const source = await openNamed(parsed, name);
  try {
    const snapshot = last(parsed, "l");
    if (snapshot !== undefined) await chooseSnapshot(source, snapshot);
    return await measureImage(source, target);
  } finally {
    await source.close();
  }
}

async function parseOptions(format: string, texts: readonly string[]): Promise<Settings> {
  try {
    return (await parseNewImage(format, texts)).settings;
  } catch (error) {
    if (!isExpected(error) || reason(error).startsWith("Invalid option list")) throw error;
    throw new UserError(`${reason(error)}\nwasmqemu img: Invalid options for file format '${format}'`);
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
