// img resize: a new virtual size, absolute or by a difference.
import { fillWithZeros } from "../../block/source.ts";
import { UserError } from "../../core/errors.ts";
import type { DiskImage } from "../../image/image.ts";
import { preallocate } from "../../image/qcow2-preallocate.ts";
import { Qcow2Image } from "../../image/qcow2.ts";
import { getopt, has, last, UsageError } from "./getopt.ts";
import { parseSize, sizeFault } from "../../image/size.ts";
import { interruptible } from "./interrupt.ts";
import { openNamed } from "./open.ts";

export async function resize(argv: string[]): Promise<number> {
  // The size is the last word always, so that -1M is no option.
  const sizeText = argv.at(-1);
  const parsed = getopt(argv.slice(0, -1), "hf:q", {
    preallocation: "preallocation:",
    shrink: "shrink",
    format: "f",
  });
  const [name] = parsed.names;
  if (sizeText === undefined || name === undefined || parsed.names.length > 1)
    throw new UsageError(
      sizeText === undefined || argv.length < 2
        ? "Not enough arguments"
        : "Expecting image file name and size",
    );
  const mode = last(parsed, "preallocation") ?? "off";
  if (!["off", "metadata", "falloc", "full"].includes(mode))
    throw new UserError(`Invalid preallocation mode '${mode}'`);
  const sign = /^[+-]/.exec(sizeText)?.[0];
  const amount = parseSize(sign ? sizeText.slice(1) : sizeText);
  if (amount === undefined || amount === Infinity) throw sizeFault("size");

  const image = await openNamed(parsed, name, { readOnly: false });
  try {
    const size = sign === "+" ? image.size + amount : sign === "-" ? image.size - amount : amount;
    if (size <= 0) throw new UserError("New image size must be positive");
    if (size < image.size && !has(parsed, "shrink"))
      throw new UserError(
        "Use the --shrink option to perform a shrink operation.\n" +
          "wasmqemu img: warning: Shrinking an image will delete all data beyond the shrunken image's end. " +
          "Before performing such an operation, make sure there is no important data there.",
      );
    if (size % 512 !== 0) throw new UserError("The new size must be a multiple of 512");
    if (image instanceof Qcow2Image && image.engine.core.version() < 3 && image.engine.core.snapshotCount())
      throw new UserError("Can't resize a v2 image which has snapshots");
    if (!image.resize) throw new UserError("Image format driver does not support resize");
    const before = image.size;
    if (mode !== "off") requirePreallocation(image, mode, size < before);
    const { resize: setSize } = image;
    await interruptible(async (signal) => {
      await setSize.call(image, size);
      if (mode !== "off") await fill(image, before, mode as Preallocated, signal);
    });
    if (!has(parsed, "q")) process.stdout.write("Image resized.\n");
    return 0;
  } finally {
    await image.close();
  }
}

type Preallocated = "metadata" | "falloc" | "full";

function requirePreallocation(image: DiskImage, mode: string, shrinks: boolean): void {
  if (shrinks) throw new UserError("Preallocation can only be used for growing images");
  const can = image instanceof Qcow2Image || (image.format === "raw" && mode !== "metadata");
  if (!can) throw new UserError(`Unsupported preallocation mode: ${mode}`);
}

/** Gives what was added its space. A runtime cannot reserve any without writing to it. */
async function fill(
  image: DiskImage,
  before: number,
  mode: Preallocated,
  signal: AbortSignal,
): Promise<void> {
  if (!(image instanceof Qcow2Image))
    return fillWithZeros({ write: image.write! }, before, image.size - before, signal);
  const start = Math.ceil(before / image.clusterSize) * image.clusterSize;
  await preallocate(image, start, mode, signal);
  await image.flush!();
}
