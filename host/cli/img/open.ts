// How a command opens what its user names: -f, -U, -t and -T, --image-opts and --object, the same for all of them.
import { BlockOptions } from "../../block/options.ts";
import { UserError } from "../../core/errors.ts";
import type { Secrets } from "../../image/driver.ts";
import type { DiskImage } from "../../image/image.ts";
import { type OpenOptions, openImage, parseImageName } from "../../image/open.ts";
import { node } from "../../runtimes/node.ts";
import { has, last, type Parsed } from "./getopt.ts";
import { parseObjects } from "../objects.ts";

export interface NameOptions extends OpenOptions {
  /** The name is options, key by key. */
  imageOpts?: boolean;
  /** -U lets it be written, too. */
  writesShared?: boolean;
}

/** Opens an image of the command line; `format` is -f unless given here. */
export async function openNamed(parsed: Parsed, name: string, options: NameOptions = {}): Promise<DiskImage> {
  const { imageOpts = has(parsed, "image-opts"), writesShared = false, ...rest } = options;
  const open: OpenOptions = {
    format: last(parsed, "f"),
    ...rest,
    secrets: await secretsOf(parsed),
    onWarning: (sentence) => void process.stderr.write(`wasmqemu img: warning: ${sentence}\n`),
  };
  if (has(parsed, "U")) {
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
    try {
      open.blockdev = BlockOptions.fromList(name);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`Could not open '${name}': ${error.message}`, error.code);
    }
  }
  return openImage(node, name, open);
}

/** What to open once `name` is made with the options `list`: an encrypted image needs its key again. */
export function withKey(name: string, format: string, list: ReadonlyMap<string, string>): BlockOptions {
  const options = parseImageName(name);
  options.setDefault("driver", format);
  for (const key of ["key-secret", "encrypt.key-secret"])
    if (list.has(key)) options.setDefault(key, list.get(key)!);
  return options;
}

const known = new WeakMap<Parsed, Promise<Secrets>>();

/** The secrets of --object, parsed once. */
export function secretsOf(parsed: Parsed): Promise<Secrets> {
  const made = known.get(parsed) ?? parseObjects(parsed.options.get("object") ?? []);
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
