// img resize: a new virtual size, absolute or by a difference.
import { UserError } from "../../core/errors.ts";
import { parseSize, sizeFault } from "../../image/size.ts";
import type { Preallocation } from "../../library.ts";
import { resize as resizeImage } from "../../library/resize.ts";
import { getopt, has, last, UsageError } from "./getopt.ts";
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
  const mode = (last(parsed, "preallocation") ?? "off") as Preallocation;
  if (!["off", "metadata", "falloc", "full"].includes(mode))
    throw new UserError(`Invalid preallocation mode '${mode}'`);
  const sign = /^[+-]/.exec(sizeText)?.[0];
  const amount = parseSize(sign ? sizeText.slice(1) : sizeText);
  if (amount === undefined) throw sizeFault("size");

  const image = await openNamed(parsed, name, { readOnly: false });
  try {
    const size = sign === "+" ? image.size + amount : sign === "-" ? image.size - amount : amount;
    if (size <= 0 || size === Infinity) throw new UserError("New image size must be positive");
    if (size < image.size && !has(parsed, "shrink"))
      throw new UserError(
        "Use the --shrink option to perform a shrink operation.\n" +
          "wasmqemu img: warning: Shrinking an image will delete all data beyond the shrunken image's end. " +
          "Before performing such an operation, make sure there is no important data there.",
      );
    await interruptible((signal) =>
      resizeImage(image, size, { shrink: has(parsed, "shrink"), preallocation: mode, signal }),
    );
    if (!has(parsed, "q")) process.stdout.write("Image resized.\n");
    return 0;
  } finally {
    await image.close();
  }
}
