// Opening an image by name: probe, open, then its backing files, as deep as the chain goes.
import { FileSource } from "../block/file.ts";
import { UserError, codeOf, reason } from "../core/errors.ts";
import type { OpenMode, Runtime } from "../runtimes/runtime.ts";
import { loadDriver, PROBE_SIZE, probeFormat, requireFormat } from "./format.ts";
import type { DiskImage } from "./image.ts";
import { Qcow2Image } from "./qcow2.ts";
import { RawImage } from "./raw.ts";

export interface OpenOptions {
  /** By name; undefined: probed. */
  format?: string | undefined;
  readOnly?: boolean;
  /** False: neither backing files nor data files are opened, and the image's own bytes are all there is. */
  chain?: boolean;
  /** Flushes do nothing: for targets that are worthless until complete. */
  unsafe?: boolean;
  /** Opens images that are too damaged to be used, for check. */
  tolerant?: boolean;
  /** Called when a file opened for writing was guessed to be raw. */
  onGuessedRaw?: (name: string) => void;
}

/** Nobody stacks images this deep on purpose. */
const DEPTH_LIMIT = 200;

export async function openImage(
  runtime: Runtime,
  name: string,
  options: OpenOptions = {},
): Promise<DiskImage> {
  return openLayer(runtime, name, options, []);
}

/** `above`: identities of the files that led here. */
async function openLayer(
  runtime: Runtime,
  name: string,
  options: OpenOptions,
  above: readonly string[],
): Promise<DiskImage> {
  try {
    return await openOne(runtime, name, options, above);
  } catch (error) {
    if (error instanceof UserError && error.code === "LOOP") throw error;
    if (error instanceof UserError || codeOf(error))
      throw new UserError(`Could not open '${name}': ${reason(error)}`, codeOf(error));
    throw error;
  }
}

async function openOne(
  runtime: Runtime,
  name: string,
  options: OpenOptions,
  above: readonly string[],
): Promise<DiskImage> {
  const readOnly = options.readOnly ?? true;
  if (options.format) requireFormat(options.format);
  const path = localPath(name);
  const identity = await runtime.identity(path);
  if (identity !== undefined && above.includes(identity))
    throw new UserError(`Backing file '${name}' creates an infinite loop.`, "LOOP");
  if (above.length > DEPTH_LIMIT)
    throw new UserError(`more than ${DEPTH_LIMIT} backing files on top of one another`, "ELOOP");

  const file = await openFile(runtime, path, readOnly ? "read" : "write", options.unsafe ?? false);
  try {
    const head = new Uint8Array(Math.min(PROBE_SIZE, file.size));
    await file.read(head, 0);
    const format = options.format ?? probeFormat(head, name);
    requireFormat(format);
    if (format === "raw") {
      if (!options.format && !readOnly) options.onGuessedRaw?.(name);
      return new RawImage(name, file, readOnly);
    }
    const openNamed = (other: string): Promise<FileSource> =>
      openFile(runtime, resolveBacking(name, other), readOnly ? "read" : "write", options.unsafe ?? false);
    const tolerant = options.tolerant ?? false;
    const driver = await loadDriver(format);
    const image = driver
      ? await driver.open({ runtime, name, file, readOnly, tolerant, openNamed })
      : await Qcow2Image.open(runtime, name, file, { readOnly, tolerant });
    if (options.chain === false) return image;
    if (image instanceof Qcow2Image) {
      const { dataFile } = image.extensions;
      if (image.hasExternalData && dataFile) image.dataFile = await openNamed(dataFile);
      image.requireReadable();
    }
    const backing = image.backingName;
    if (backing)
      image.backing = await openBacking(runtime, name, backing, image.backingFormat, [
        ...above,
        identity ?? name,
      ]);
    return image;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openFile(
  runtime: Runtime,
  path: string,
  mode: OpenMode,
  unsafe: boolean,
): Promise<FileSource> {
  if (path === "") throw new UserError("The 'file' block driver requires a file name", "EINVAL");
  try {
    return await FileSource.open(runtime, path, mode, { unsafe });
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (codeOf(error) === "EISDIR")
      throw new UserError(`'file' driver requires '${path}' to be a regular file`, "EISDIR");
    throw new UserError(`Could not open '${path}': ${reason(error)}`, codeOf(error));
  }
}

async function openBacking(
  runtime: Runtime,
  overlay: string,
  backing: string,
  format: string | undefined,
  above: readonly string[],
): Promise<DiskImage> {
  try {
    return await openLayerQuietly(runtime, resolveBacking(overlay, backing), format, above);
  } catch (error) {
    if (error instanceof UserError && error.code !== "LOOP")
      throw new UserError(`Could not open backing file: ${error.message}`, error.code);
    throw error;
  }
}

/** A missing backing file is named once, not twice as the image itself is. */
async function openLayerQuietly(
  runtime: Runtime,
  path: string,
  format: string | undefined,
  above: readonly string[],
): Promise<DiskImage> {
  try {
    return await openOne(runtime, path, { format, readOnly: true }, above);
  } catch (error) {
    if (!(error instanceof UserError) || error.code === "LOOP") throw error;
    const prefix = `Could not open '${path}': `;
    throw new UserError(
      error.message.startsWith(prefix) ? error.message : prefix + error.message,
      error.code,
    );
  }
}

/** A relative backing name is relative to the folder of the image that names it. */
export function resolveBacking(overlay: string, backing: string): string {
  const name = localPath(backing);
  if (name.startsWith("/") || backing !== name) return name;
  const folder = overlay.slice(0, overlay.lastIndexOf("/") + 1);
  return folder + name;
}

/** `file:NAME` is NAME; another protocol before the first slash is none of ours. */
export function localPath(name: string): string {
  const protocol = /^([^:/]+):/.exec(name)?.[1];
  if (protocol === undefined) return name;
  if (protocol === "file") return name.slice("file:".length);
  throw new UserError(
    protocol === "json" ? "json: names are not supported yet" : `Unknown protocol '${protocol}'`,
    "EINVAL",
  );
}
