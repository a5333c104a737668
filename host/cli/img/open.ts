// How a command opens what its user names: -f, -U, -t and -T, --image-opts and --object, the same for all of them.
import { BlockOptions } from "../../block/options.ts";
import { UserError } from "../../core/errors.ts";
import { type OpenImage, openImage, type OpenImageOptions } from "../../library/open.ts";
import { parseObjects } from "../objects.ts";
import { has, last, type Parsed } from "./getopt.ts";

export interface NameOptions extends OpenImageOptions {
  /** The name is options, key by key. */
  imageOpts?: boolean;
  /** -U lets it be written, too. */
  writesShared?: boolean;
  /** -U speaks of what is read: this is what is made of it. */
  isTarget?: boolean;
}

/** Opens an image of the command line, and all that it names, as qemu-img does; `format` is -f unless given here. */
export async function openNamed(parsed: Parsed, name: string, options: NameOptions = {}): Promise<OpenImage> {
  const { imageOpts = has(parsed, "image-opts"), writesShared = false, isTarget = false, ...rest } = options;
  const open: OpenImageOptions = {
    format: last(parsed, "f"),
    followNames: true,
    onGuessedRaw: warnOfGuess,
    ...(await openingOf(parsed)),
    ...rest,
  };
  if (has(parsed, "U") && !isTarget) {
    open.shared = true;
    if (open.readOnly === false && !writesShared)
      throw new UserError(
        `Could not open '${name}': force-share=on can only be used with read-only images`,
        "EINVAL",
      );
  }
  if (imageOpts) {
    if (open.format !== undefined)
      throw new UserError("--image-opts and --format are mutually exclusive", "EINVAL");
    open.blockdev = parseImageOpts(name);
  }
  return openImage(name, open);
}

/** What every image of a command is opened with. */
export async function openingOf(
  parsed: Parsed,
): Promise<Required<Pick<OpenImageOptions, "secrets" | "onWarning" | "asQemuImg">>> {
  return { secrets: await secretsOf(parsed), onWarning: warn, asQemuImg: true };
}

export function parseImageOpts(text: string): Readonly<Record<string, unknown>> {
  try {
    return BlockOptions.fromList(text).toFlat();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`Could not open '${text}': ${error.message}`, error.code);
  }
}

export function warn(sentence: string): void {
  process.stderr.write(`wasmqemu img: warning: ${sentence}\n`);
}

function warnOfGuess(name: string): void {
  process.stderr.write(
    `WARNING: Image format was not specified for '${name}' and probing guessed raw.\n` +
      "         Automatically detecting the format is dangerous for raw images, write operations on block 0 will be restricted.\n" +
      "         Specify the 'raw' format explicitly to remove the restrictions.\n",
  );
}

const known = new WeakMap<Parsed, Promise<Readonly<Record<string, Uint8Array>>>>();

/** The secrets of --object by their ids, parsed once. */
export function secretsOf(parsed: Parsed): Promise<Readonly<Record<string, Uint8Array>>> {
  const made = known.get(parsed) ?? parseObjects(parsed.options.get("object") ?? []).then(Object.fromEntries);
  known.set(parsed, made);
  return made;
}

/** -t and -T take QEMU's cache modes. Ours keep no cache but the system's, so only the words are checked. */
export const CACHE_MODES = ["none", "off", "writeback", "writethrough", "directsync", "unsafe"];

export function checkCacheModes(parsed: Parsed): void {
  const check = (key: string, what: string): void => {
    const mode = last(parsed, key);
    if (mode !== undefined && !CACHE_MODES.includes(mode)) throw new UserError(`Invalid ${what}: ${mode}`);
  };
  check("t", "cache option");
  check("T", "source cache option");
}
