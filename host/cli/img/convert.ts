// img convert: copies one image, or several after one another, into a new one of any format.
import { UserError } from "../../core/errors.ts";
import { requireSize } from "../../image/size.ts";
import type { DiskImage } from "../../library.ts";
import { copyBitmaps, requireBitmaps } from "../../library/bitmaps.ts";
import { copy, type CopyOptions, isSameFile, prepareToCopy } from "../../library/convert.ts";
import { completeOrRemove, createImage, removeFiles } from "../../library/create.ts";
import { withKey } from "../../library/names.ts";
import { useBackingOptions } from "./create.ts";
import { getopt, has, last, optionList, type Parsed } from "./getopt.ts";
import { interruptible } from "./interrupt.ts";
import { optionHelp, parseNewImage, wantsHelp } from "./new-image.ts";
import { checkCacheModes, openNamed, secretsOf, warn } from "./open.ts";
import { Progress } from "./progress.ts";
import { chooseSnapshot } from "./snapshot-choice.ts";

const SPARSE_MAX = 16 * 2 ** 20;

export async function convert(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hf:O:B:CcF:o:l:S:pt:T:qnm:WUr:", {
    "target-is-zero": "target-is-zero",
    bitmaps: "bitmaps",
    "skip-broken-bitmaps": "skip-broken-bitmaps",
    salvage: "salvage",
    "target-image-opts": "target-image-opts",
    "force-share": "U",
  });
  checkCacheModes(parsed);
  if (wantsHelp(parsed.options.get("o") ?? [])) {
    process.stdout.write(await optionHelp(last(parsed, "O") ?? "raw", parsed.names.length > 0));
    return 0;
  }
  const names = [...parsed.names];
  const targetName = names.pop();
  if (targetName === undefined || names.length === 0) throw new UserError("Must specify image file name");
  const sparse = parseSparse(parsed);
  const rateText = last(parsed, "r");
  const rate = rateText === undefined ? 0 : requireSize(rateText, "rate limit");
  checkFlags(parsed);
  checkCompression(parsed);
  const backing = parseBacking(parsed);
  if (names.length > 1 && has(parsed, "l"))
    throw new UserError("No support for concatenating multiple snapshot");
  if (names.length > 1 && backing.file !== undefined)
    throw new UserError(
      "Having a backing file for the target makes no sense when concatenating multiple input images",
    );

  // Needed in any case: compiled while the images are opened.
  prepareToCopy();
  const sources: DiskImage[] = [];
  try {
    for (const name of names) sources.push(await openNamed(parsed, name));
    // Where the holes of a raw file are, another program finds out: while the target is made.
    for (const source of sources) source.extent(0, source.size).catch(() => {});
    const snapshot = last(parsed, "l");
    if (snapshot !== undefined) await chooseSnapshot(sources[0]!, snapshot);
    const format = last(parsed, "O") ?? "raw";
    if (!has(parsed, "image-opts"))
      await refuseSameFile(names, targetName, `${targetName}: error while converting ${format}`);
    if (has(parsed, "bitmaps")) checkBitmaps(parsed, sources, format);
    await interruptible(async (signal) => {
      const made = has(parsed, "n") ? [] : await makeTarget(parsed, targetName, sources, backing, signal);
      const target = await openTarget(parsed, targetName, made);
      const fill = async (): Promise<void> => {
        await copyAll(parsed, sources, target, {
          ...sparse,
          rate,
          backed: backing.file !== undefined,
          signal,
        });
        if (has(parsed, "bitmaps"))
          await copyBitmaps(sources[0]!, target, (name) => warn(`Skipping inconsistent bitmap '${name}'`));
      };
      await (has(parsed, "n") ? fill().finally(() => target.close()) : completeOrRemove(target, made, fill));
    });
  } finally {
    for (const source of sources) await source.close();
  }
  return 0;
}

function parseSparse(parsed: Parsed): Pick<CopyOptions, "sparse"> {
  const text = last(parsed, "S");
  if (text === undefined) return {};
  const size = requireSize(text, "buffer size for sparse output");
  if (size % 512 !== 0 || size > SPARSE_MAX)
    throw new UserError(
      "Invalid buffer size for sparse output specified. Valid sizes are multiples of 512 up to 16777216. " +
        "Select 0 to disable sparse detection (fully allocates output).",
    );
  return { sparse: size };
}

function checkFlags(parsed: Parsed): void {
  const tasks = last(parsed, "m");
  if (tasks !== undefined && !/^0*([1-9]|1[0-6])$/.test(tasks))
    throw new UserError("Invalid number of coroutines. Allowed number of coroutines is between 1 and 16");
  if (has(parsed, "n") && has(parsed, "o"))
    throw new UserError("-o has no effect when skipping image creation");
  if (has(parsed, "target-is-zero") && !has(parsed, "n"))
    throw new UserError("--target-is-zero requires use of -n flag");
  if (has(parsed, "target-image-opts") && !has(parsed, "n"))
    throw new UserError("--target-image-opts requires use of -n flag");
  if (has(parsed, "target-image-opts") && has(parsed, "O"))
    throw new UserError("--image-opts and --format are mutually exclusive");
  if (has(parsed, "skip-broken-bitmaps") && !has(parsed, "bitmaps"))
    throw new UserError("Use of --skip-broken-bitmaps requires --bitmaps");
  if (has(parsed, "C") && has(parsed, "c"))
    throw new UserError("Cannot enable copy offloading when -c is used");
  if (has(parsed, "C") && has(parsed, "S"))
    throw new UserError("Cannot enable copy offloading when -S is used");
  if (has(parsed, "C") && has(parsed, "salvage"))
    throw new UserError("Cannot use copy offloading in salvaging mode");
}

/** --bitmaps wants formats that have some, and bitmaps that can be trusted. */
function checkBitmaps(parsed: Parsed, [source, ...others]: readonly DiskImage[], format: string): void {
  if (others.length) throw new UserError("Copying bitmaps only possible with single source");
  const withoutBroken = has(parsed, "skip-broken-bitmaps");
  requireBitmaps(source!, true);
  if (format !== "qcow2") throw new UserError(`Format driver '${format}' does not support bitmaps`);
  requireBitmaps(source!, withoutBroken);
}

interface Backing {
  file: string | undefined;
  format: string | undefined;
}

/** -B and -F, or their names in -o. */
function parseBacking(parsed: Parsed): Backing {
  const list = optionList(parsed.options.get("o") ?? []);
  const file = last(parsed, "B") ?? list.get("backing_file");
  const format = last(parsed, "F") ?? list.get("backing_fmt");
  if (file === undefined) return { file, format };
  if (!has(parsed, "n") && format === undefined)
    throw new UserError("Use of backing file requires explicit backing format");
  if (has(parsed, "target-is-zero"))
    throw new UserError("Cannot use --target-is-zero when the destination image has a backing file");
  return { file, format };
}

/** Formats with compressed clusters. */
const COMPRESSIBLE: readonly string[] = ["qcow2", "qcow", "vmdk"];

/** What -c cannot be combined with is refused before the target is made. */
function checkCompression(parsed: Parsed): void {
  if (has(parsed, "c") && !COMPRESSIBLE.includes(last(parsed, "O") ?? "raw"))
    throw new UserError("Compression not supported for this file format");
}

/** `what` was to be done, in the sentence that refuses it. */
export async function refuseSameFile(names: readonly string[], target: string, what: string): Promise<void> {
  for (const name of names)
    if (await isSameFile(name, target))
      throw new UserError(
        `${what}: Failed to get "write" lock\nIs another process using the image [${target}]?`,
      );
}

/** The files of the new image. */
async function makeTarget(
  parsed: Parsed,
  name: string,
  sources: readonly DiskImage[],
  backing: Backing,
  signal: AbortSignal,
): Promise<string[]> {
  const format = last(parsed, "O") ?? "raw";
  const total = sources.reduce((sum, { size }) => sum + size, 0);
  const image = await parseNewImage(format, parsed.options.get("o") ?? []);
  useBackingOptions(image, backing.file, backing.format);
  const { settings } = image;
  if (has(parsed, "c") && (settings.preallocation ?? "off") !== "off")
    throw new UserError("Compression and preallocation not supported at the same time");
  if (has(parsed, "c") && (settings["encrypt.format"] !== undefined || settings.encryption === true))
    throw new UserError("Compression and encryption not supported at the same time");
  settings.size = Math.max(total, Number(settings.size ?? 0));
  try {
    if (backing.format !== undefined && backing.file === undefined)
      throw new UserError("Backing format cannot be used without backing file");
    const secrets = await secretsOf(parsed);
    return await createImage(name, { format, size: Number(settings.size), settings, secrets, signal });
  } catch (error) {
    if (error instanceof UserError)
      throw new UserError(`${name}: error while converting ${format}: ${error.message}`, error.code);
    throw error;
  }
}

/** `made`: the files that were made for it, which go again where it cannot be opened. */
async function openTarget(parsed: Parsed, name: string, made: readonly string[]): Promise<DiskImage> {
  const format = last(parsed, "O") ?? "raw";
  const isOptions = has(parsed, "target-image-opts");
  try {
    return await openNamed(parsed, name, {
      format: undefined,
      ...(isOptions ? {} : { blockdev: withKey(name, format, optionList(parsed.options.get("o") ?? [])) }),
      imageOpts: isOptions,
      isTarget: true,
      readOnly: false,
      // Worthless until complete: order of writes does not matter, and the last flush is the file's own.
      unsafe: last(parsed, "t") === undefined,
    });
  } catch (error) {
    // Its backing file cannot be opened, so what was just made is of no use.
    await removeFiles(made);
    throw error;
  }
}

function tellUnreadable(parsed: Parsed): (offset: number, why: string) => void {
  return (offset, why) => {
    if (!has(parsed, "q")) warn(`error while reading offset ${offset}: ${why}`);
  };
}

async function copyAll(
  parsed: Parsed,
  sources: readonly DiskImage[],
  target: DiskImage,
  limits: Pick<CopyOptions, "sparse" | "rate" | "backed" | "signal">,
): Promise<void> {
  const progress = new Progress(has(parsed, "p") && !has(parsed, "q"));
  await copy(sources, target, {
    ...limits,
    compress: has(parsed, "c"),
    targetIsZero: !limits.backed && (!has(parsed, "n") || has(parsed, "target-is-zero")),
    unordered: has(parsed, "W"),
    ...(has(parsed, "m") ? { parallel: Number(last(parsed, "m")) } : {}),
    ...(has(parsed, "salvage") ? { onUnreadable: tellUnreadable(parsed) } : {}),
    onProgress: (done, total) => progress.report(done, total),
  });
  progress.end();
}
