// Opening an image by name or by block device options: its file, its format, then its backing files, as deep as the
// chain goes.
import { BlockOptions, unknownNode } from "../block/options.ts";
import { findProtocol, parseFileName, protocolOf } from "../block/protocols.ts";
import type { ImageFile } from "../block/source.ts";
import { UserError, codeOf, reason } from "../core/errors.ts";
import type { OpenMode, Runtime } from "../runtimes/runtime.ts";
import type { Secrets } from "./driver.ts";
import { loadDriver, PROBE_SIZE, probeFormat, requireFormat } from "./format.ts";
import type { DiskImage } from "./image.ts";
import { RawImage } from "./formats/raw.ts";

export interface OpenOptions {
  /** By name; undefined: probed. */
  format?: string | undefined;
  /** What to open, in full: then the name is only what messages call it. */
  blockdev?: BlockOptions | undefined;
  /** What the image itself lies in: then the name is only what messages call it. Closed with the image. */
  file?: ImageFile | undefined;
  readOnly?: boolean;
  /** False: neither backing files nor data files are opened, and the image's own bytes are all there is. */
  chain?: boolean;
  /** Flushes do nothing: for targets that are worthless until complete. */
  unsafe?: boolean;
  /** Others may write the image meanwhile. */
  shared?: boolean;
  /** Opens images that are too damaged to be used, for check. */
  tolerant?: boolean;
  secrets?: Secrets;
  /** Of the image itself; those of its backing files are secrets that their names name. */
  passphrase?: Uint8Array | undefined;
  /** False: an encrypted image is opened without its key, to be looked at from outside. */
  unlock?: boolean;
  /** What a user should know, though the image opens. */
  onWarning?: (sentence: string) => void;
  /** Called when a file opened for writing was guessed to be raw. */
  onGuessedRaw?: (name: string) => void;
}

/** Nobody stacks images this deep on purpose. */
const DEPTH_LIMIT = 200;

/** One opening: what its layers share. */
interface Opening {
  runtime: Runtime;
  options: OpenOptions;
  /** Identities of the files that led here. */
  above: readonly string[];
}

export async function openImage(
  runtime: Runtime,
  name: string,
  options: OpenOptions = {},
): Promise<DiskImage> {
  try {
    const node = options.blockdev?.copy() ?? (options.file ? new BlockOptions([]) : parseImageName(name));
    return await openNode({ runtime, options, above: [] }, node, name);
  } catch (error) {
    if (error instanceof UserError && error.code === "LOOP") throw error;
    if (error instanceof UserError || codeOf(error))
      throw new UserError(`Could not open '${name}': ${reason(error)}`, codeOf(error));
    throw error;
  }
}

/** A name as options: `json:{…}` says all, any other is that of the file, whatever is in it. */
export function parseImageName(name: string): BlockOptions {
  if (name.startsWith("json:")) return BlockOptions.fromJson(name.slice("json:".length));
  return BlockOptions.of({ file: parseFileName(name).toTree() });
}

/** Options of every node that change nothing here: there is no host cache to pass by, and one node to an image. */
const COMMON = ["node-name", "cache.direct", "cache.no-flush", "detect-zeroes", "discard", "auto-read-only"];

async function openNode(given: Opening, node: BlockOptions, name: string): Promise<DiskImage> {
  const opening = node.copy().takeSwitch("force-share") ? sharing(given) : given;
  const { runtime, options, above } = opening;
  const asGiven = node.copy();
  for (const key of [...COMMON, "force-share"]) node.take(key);
  const readOnly = options.readOnly ?? true;
  if (node.takeSwitch("read-only") && !readOnly) throw new UserError("Block node is read-only", "EACCES");
  const driver = node.take("driver") ?? options.format;
  if (driver && findProtocol(driver)) {
    node.setDefault("driver", driver);
    const file = await openFile(opening, node);
    return new RawImage(file.fileName ?? displayName(asGiven, file), file, readOnly, driver);
  }
  if (driver) requireFormat(driver);
  if (!driver && !options.file && !asGiven.has("file") && !asGiven.toTree().file)
    throw new UserError("Must specify either driver or file", "EINVAL");

  const file = options.file ?? (await openChildFile(opening, node.takeChild("file")));
  let image: DiskImage | undefined;
  try {
    const { identity } = file;
    if (identity !== undefined && above.includes(identity))
      throw new UserError(`Backing file '${file.fileName ?? name}' creates an infinite loop.`, "LOOP");
    if (above.length > DEPTH_LIMIT)
      throw new UserError(`more than ${DEPTH_LIMIT} backing files on top of one another`, "ELOOP");
    const format = driver ?? (await guessFormat(file));
    requireFormat(format);
    const backing = node.takeChild("backing");
    if (backing === "")
      options.onWarning?.('Use of "backing": "" is deprecated; use "backing": null instead');
    const dataFile = node.takeChild("data-file");
    const loaded = (await loadDriver(format))!;
    image = await loaded.open({
      runtime,
      name: options.file ? name : displayName(asGiven, file),
      file,
      options: node,
      readOnly,
      tolerant: options.tolerant ?? false,
      chain: options.chain ?? true,
      unlock: options.unlock ?? true,
      warn: options.onWarning ?? ((): void => {}),
      secrets: options.secrets ?? new Map(),
      passphrase: options.passphrase,
      openNamed: (named, mode = readOnly ? "read" : "write") =>
        openFile(opening, parseFileName(resolveBacking(file.fileName ?? "", named)), mode),
      openChild: async (key) => (dataFile === undefined ? undefined : openChildFile(opening, dataFile, key)),
    });
    if (node.leftOver !== undefined)
      throw new UserError(
        `Block format '${format}' does not support the option '${node.leftOver}'`,
        "EINVAL",
      );
    if (!driver && format === "raw" && !readOnly) {
      (image as RawImage).keepRaw();
      options.onGuessedRaw?.(name);
    }
    const below = { runtime, options, above: [...above, identity ?? name] };
    if (options.chain !== false)
      image.backing = await openBacking(below, image, file.fileName ?? "", backing);
    return image;
  } catch (error) {
    await (image ?? file).close();
    throw error;
  }
}

function sharing(opening: Opening): Opening {
  return { ...opening, options: { ...opening.options, shared: true } };
}

async function guessFormat(file: ImageFile): Promise<string> {
  const head = new Uint8Array(Math.min(PROBE_SIZE, file.size));
  await file.read(head, 0);
  return probeFormat(head, file.fileName ?? "");
}

/** The child `file`, or another that takes its place. */
async function openChildFile(
  opening: Opening,
  child: BlockOptions | string | null | undefined,
  key = "file",
): Promise<ImageFile> {
  if (typeof child === "string") throw unknownNode(child);
  if (!child) throw new UserError(`A block device must be specified for "${key}"`, "EINVAL");
  return openFile(opening, child);
}

/** A node that bytes are read from: a protocol's, or an image within an image. */
async function openFile(
  { runtime, options, above }: Opening,
  node: BlockOptions,
  mode: OpenMode = (options.readOnly ?? true) ? "read" : "write",
): Promise<ImageFile> {
  node.setDefault("driver", "file");
  const driver = node.copy().take("driver")!;
  const protocol = findProtocol(driver);
  if (!protocol) {
    const { format: _, blockdev: __, file: ___, ...inherited } = options;
    return openNode({ runtime, options: { ...inherited, readOnly: mode === "read" }, above }, node, driver);
  }
  for (const key of ["driver", "read-only", ...COMMON]) node.take(key);
  const shared = node.takeSwitch("force-share");
  const file = await protocol.open({
    runtime,
    options: node,
    mode,
    unsafe: options.unsafe ?? false,
    shared: shared || (options.shared ?? false),
  });
  if (node.leftOver === undefined) return file;
  await file.close();
  throw new UserError(`Block protocol '${driver}' doesn't support the option '${node.leftOver}'`, "EINVAL");
}

/** Options that decide what an image's bytes are, beside its file: such an image has no plain name. */
const DECISIVE = /^(offset|size|force_size_calc|backing($|\.)|data-file($|\.))/;

/** The file's name if that says enough, else all that was said as `json:{…}`. */
function displayName(given: BlockOptions, file: ImageFile): string {
  const tree = given.toTree();
  const { driver: _, ...inner } = (tree.file ?? {}) as Record<string, unknown>;
  const plain = file.fileName !== undefined && inner.file === undefined;
  if (plain && !Object.keys(tree).some((key) => DECISIVE.test(key) && tree[key] !== null && tree[key] !== ""))
    return file.fileName!;
  return `json:${spaced(ordered(tree))}`;
}

/** QEMU's order of the keys that make a name unusual; every file says its driver. */
function ordered(tree: Record<string, unknown>): Record<string, unknown> {
  const { offset, force_size_calc, driver, size, file, ...others } = tree;
  const child = file as Record<string, unknown> | undefined;
  const given = {
    offset,
    force_size_calc,
    driver,
    size,
    ...others,
    file: child && ordered({ driver: "file", ...child }),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** JSON as QEMU writes it into names: a blank after each colon and comma. */
function spaced(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}: ${spaced(part)}`);
  return `{${members.join(", ")}}`;
}

/** `given`: what the options say of the backing file, before what the image says. */
async function openBacking(
  opening: Opening,
  image: DiskImage,
  path: string,
  given: BlockOptions | string | null | undefined,
): Promise<DiskImage | undefined> {
  const stored = image.backingName;
  if (given instanceof BlockOptions && !("backingName" in image))
    throw new UserError("Driver doesn't support backing files", "EINVAL");
  if (given === null || given === "" || (!given && !stored)) return undefined;
  const { format: _, blockdev: __, file: ___, passphrase: ____, ...inherited } = opening.options;
  const options: OpenOptions = { ...inherited, readOnly: true, unsafe: false, tolerant: false };
  const name = stored ? resolveBacking(path, stored) : path;
  try {
    if (typeof given === "string") throw unknownNode(given);
    const node = given ?? new BlockOptions([]);
    if (!node.toTree().file && stored)
      for (const [key, value] of Object.entries(parseImageName(name).toFlat())) node.setDefault(key, value);
    if (image.backingFormat) node.setDefault("driver", image.backingFormat);
    return await openNode({ ...opening, options }, node, name);
  } catch (error) {
    if (error instanceof UserError && error.code !== "LOOP")
      throw new UserError(`Could not open backing file: ${error.message}`, error.code);
    throw error;
  }
}

/** A relative backing name is relative to the folder of the image that names it; one with a protocol is not. */
export function resolveBacking(overlay: string, backing: string): string {
  if (backing.startsWith("/") || protocolOf(backing) !== undefined) return backing;
  return overlay.slice(0, overlay.lastIndexOf("/") + 1) + backing;
}

/** The file that a name stands for, where it is a plain file's. */
export function localPath(name: string): string {
  const options = parseFileName(name);
  const driver = options.take("driver");
  if (driver !== "file") throw new UserError(`'${name}' is no file: a new image needs one`, "EINVAL");
  return options.take("filename")!;
}
