// img create: a new image of any format that can be made.
import { UserError } from "../../core/errors.ts";
import { requireSize } from "../../image/size.ts";
import { createImage } from "../../library/create.ts";
import { localPath, resolveBacking } from "../../library/names.ts";
import { getopt, has, last, optionList, type Parsed, UsageError } from "./getopt.ts";
import { interruptible } from "./interrupt.ts";
import { describe, type NewImage, optionHelp, parseNewImage, takesBacking, wantsHelp } from "./new-image.ts";
import { openNamed, secretsOf } from "./open.ts";

export async function create(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "f:b:F:uqo:h");
  const [name, sizeText, surplus] = parsed.names;
  if (has(parsed, "image-opts")) throw new UsageError("unrecognized option '--image-opts'");
  const format = last(parsed, "f") ?? "raw";
  const texts = parsed.options.get("o") ?? [];
  if (wantsHelp(texts)) {
    process.stdout.write(await optionHelp(format, name !== undefined));
    return 0;
  }
  if (name === undefined) throw new UsageError("Expecting image file name");
  if (surplus !== undefined) throw new UsageError(`Unexpected argument: ${surplus}`);
  optionList(texts);
  const sizeGiven = sizeText === undefined ? undefined : requireSize(sizeText, "image size");

  const secrets = await secretsOf(parsed);
  const make = async (signal: AbortSignal): Promise<number> => {
    const image = await parseNewImage(format, texts);
    const { settings } = image;
    if (sizeGiven !== undefined && settings.size !== undefined)
      throw new UserError("The image size must be specified only once");
    if (sizeGiven !== undefined) settings.size = sizeGiven;
    useBackingOptions(image, last(parsed, "b"), last(parsed, "F"));
    if (settings.backing_file !== undefined) await useBacking(parsed, name, image);
    if (settings.size === undefined) throw new UserError("Image creation needs a size parameter");
    // A name that can be none is refused before anything is said to be made.
    localPath(name);
    if (!has(parsed, "q")) process.stdout.write(`${describe(name, image)}\n`);
    if (settings.backing_fmt !== undefined && settings.backing_file === undefined)
      throw new UserError("Backing format cannot be used without backing file");
    await createImage(name, { format, size: Number(settings.size), settings, secrets, signal });
    return 0;
  };
  return interruptible((signal) => named(name, () => make(signal)));
}

/** -b and -F, which say the same as their names in -o. */
export function useBackingOptions(
  image: NewImage,
  file: string | undefined,
  format: string | undefined,
): void {
  if (file !== undefined) image.settings.backing_file = file;
  if (format !== undefined) image.settings.backing_fmt = format;
  if (takesBacking(image)) return;
  if (file !== undefined) throw new UserError(`Backing file not supported for file format '${image.format}'`);
  if (format !== undefined)
    throw new UserError(`Backing file format not supported for file format '${image.format}'`);
}

/** Failures of `action` with the image's name in front. */
export async function named<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof UserError && !(error instanceof UsageError))
      throw new UserError(`${name}: ${error.message}`, error.code);
    throw error;
  }
}

/** Checks the backing file as far as -u lets us, and takes its size if none was given. */
async function useBacking(parsed: Parsed, name: string, { settings }: NewImage): Promise<void> {
  const backing = String(settings.backing_file);
  const format = settings.backing_fmt === undefined ? undefined : String(settings.backing_fmt);
  if (backing === "") throw new UserError("Expected backing file name, got empty string");
  if (backing === name)
    throw new UserError("Error: Trying to create an image with the same filename as the backing file");
  if (has(parsed, "u")) return;
  const path = resolveBacking(name, backing);
  let image;
  try {
    image = await openNamed(parsed, path, { format, imageOpts: false, unlock: false, shared: true });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // The name once, not once for the image and once for its file.
    const twice = `Could not open '${path}': Could not open '${path}': `;
    const text = error.message.startsWith(twice)
      ? error.message.slice(`Could not open '${path}': `.length)
      : format && error.message.includes("Unknown driver")
        ? `Unknown driver '${format}'`
        : error.message;
    throw new UserError(`${text}\nCould not open backing image.`, error.code);
  }
  try {
    if (format === undefined)
      throw new UserError(
        `Backing file specified without backing format\nDetected format of ${image.format}.`,
        "EINVAL",
      );
    settings.size ??= image.size;
  } finally {
    await image.close();
  }
}
