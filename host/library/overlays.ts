// Overlays and the images they lie over: their content moved down, or put onto another.
import { codeOf, isExpected, reason, UserError } from "../core/errors.ts";
import { FORMATS } from "../image/format.ts";
import type { DiskImage } from "../image/image.ts";
import { resolveBacking } from "../image/open.ts";
import { commitInto, copyFromBacking } from "../image/rebase.ts";
import type { Watch } from "../image/watch.ts";
import { thisRuntime } from "../runtimes/this.ts";
import { openImage, type OpenImageOptions } from "./open.ts";

/** How the other image is opened. */
type Opening = Pick<OpenImageOptions, "secrets" | "onWarning" | "asQemuImg">;

export interface CommitOptions extends Watch, Opening {
  /** Where the content goes, by its full name or as the chain names it. Default: the image right below. */
  base?: string | undefined;
  /** The overlay is not emptied. With a `base` further down it never is: images between may need what it holds. */
  keep?: boolean;
  /** Bytes a second that may be copied; 0: any. */
  rate?: number;
}

/**
 * Writes what lies in an overlay, opened with `followNames`, into its backing file, and empties it. Broken off, both
 * are sound and the overlay shows what it did.
 */
export async function commit(image: DiskImage, options: CommitOptions = {}): Promise<void> {
  const { base: wanted, keep = false, secrets, onWarning, asQemuImg, ...watch } = options;
  if (!image.backing) throw new UserError(`'${image.name}' has no backing file that is open`, "EINVAL");
  const { layer, depth } = findBase(image, wanted);
  // A second, writable door to the file that the chain reads: what is written here is above nothing it reads.
  const base = await openImage(layer.name, {
    format: layer.format,
    readOnly: false,
    followNames: true,
    ...withoutUndefined({ secrets, onWarning, asQemuImg }),
  });
  try {
    await commitInto(image, base, depth, watch);
    if (!keep && wanted === undefined) await image.empty?.();
  } finally {
    await base.close();
  }
}

/** The layer of that name; without one, the next one down. */
function findBase(image: DiskImage, wanted: string | undefined): { layer: DiskImage; depth: number } {
  let depth = 1;
  let above: DiskImage = image;
  for (let layer = image.backing; layer; layer = layer.backing, depth++) {
    const known = [undefined, layer.name, above.backingName];
    if (known.includes(wanted)) return { layer, depth };
    if (resolveBacking(image.name, wanted!) === layer.name) return { layer, depth };
    above = layer;
  }
  throw new UserError(`Did not find '${wanted}' in the backing chain of '${image.name}'`, "ENOENT");
}

export interface RebaseOptions extends Watch, Opening {
  /** Format of the new backing file. */
  format?: string | undefined;
  /** Only the name changes, and no file is looked at: for files that were moved, or as good as the old ones. */
  unsafe?: boolean;
}

const NAME_MAX = 1023;

/**
 * Puts an overlay, opened with `followNames`, onto another backing file, relative to its own folder, with its content
 * kept; undefined: onto none. Broken off, it still has the old one. Open it anew to see the new one.
 */
export async function rebase(
  image: DiskImage,
  backing: string | undefined,
  options: RebaseOptions = {},
): Promise<void> {
  const { format, unsafe = false, secrets, onWarning, asQemuImg, ...watch } = options;
  const failed = (why: string, code: string): UserError =>
    new UserError(`Could not change the backing file to '${backing ?? ""}': ${why}`, code);
  if (format !== undefined && !FORMATS.some((one) => one.name === format))
    throw new UserError(`Invalid format name: '${format}'`, "EINVAL");
  if (!image.setBacking) throw failed("Operation not supported", "ENOTSUP");
  const requireFormat = (): void => {
    if (backing && format === undefined) throw failed("backing format must be specified", "EINVAL");
  };
  if (unsafe) requireFormat();
  else {
    const opening = { format, ...withoutUndefined({ secrets, onWarning, asQemuImg }) };
    const target = backing ? await openNew(resolveBacking(image.name, backing), backing, opening) : undefined;
    try {
      requireFormat();
      await copyFromBacking(thisRuntime(), image, target, watch);
    } finally {
      await target?.close();
    }
  }
  if (new TextEncoder().encode(backing ?? "").length > NAME_MAX) throw failed("Invalid argument", "EINVAL");
  try {
    await image.setBacking(backing || undefined, backing ? format : undefined);
  } catch (error) {
    if (!isExpected(error)) throw error;
    throw failed(reason(error), codeOf(error) ?? "EIO");
  }
}

async function openNew(path: string, backing: string, options: OpenImageOptions): Promise<DiskImage> {
  try {
    return await openImage(path, { ...options, followNames: true });
  } catch (error) {
    if (!isExpected(error)) throw error;
    throw new UserError(
      `Could not open new backing file '${backing}': ${reason(error).replace(/^Could not open '[^']*': (?=Could)/, "")}`,
      codeOf(error),
    );
  }
}

/** Options that are absent instead of undefined. */
function withoutUndefined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
