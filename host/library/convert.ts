// Copying what images show into others.
import type { BlockSource } from "../block/source.ts";
import { codeOf, isExpected, reason, UserError } from "../core/errors.ts";
import { compileEngine } from "../core/load.ts";
import { copyImage, type CopyOptions as CopyOneOptions } from "../image/convert.ts";
import type { Settings } from "../image/driver.ts";
import type { DiskImage } from "../image/image.ts";
import type { Watch } from "../image/watch.ts";
import { thisRuntime } from "../runtimes/this.ts";
import { completeOrRemove, createImage } from "./create.ts";
import { type ImageOrigin, openImage, type OpenImageOptions } from "./open.ts";

export interface ConvertOptions
  extends Watch, Pick<OpenImageOptions, "followNames" | "passphrase" | "secrets"> {
  /** Default qcow2. */
  format?: string;
  compress?: boolean;
  /** Of the new image, by the names of `qemu-img create -o`. */
  settings?: Settings;
}

/**
 * Copies an image into a new one: a file, or a source that holds nothing yet, which is closed with the copy. One that
 * fails or is aborted leaves no file behind.
 *
 *     await convert("in.raw", "out.qcow2", { compress: true, signal: AbortSignal.timeout(60_000) });
 */
export async function convert(
  from: ImageOrigin,
  to: string | BlockSource,
  options: ConvertOptions = {},
): Promise<void> {
  const { format = "qcow2", compress = false, settings = {}, signal, onProgress, ...opening } = options;
  const source = await openImage(from, opening);
  try {
    if (typeof to === "string" && (await isSameFile(source.name, to)))
      throw new UserError(`'${to}' cannot be converted into itself`, "EBUSY");
    const made = await createImage(to, { format, size: source.size, settings });
    const target = await openImage(to, { format, readOnly: false, unsafe: true });
    const watch = { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) };
    await completeOrRemove(target, made, () =>
      copy([source], target, { targetIsZero: true, compress, ...watch }),
    );
  } finally {
    await source.close();
  }
}

/** Starts compiling what every copy needs; the images may still have to be opened. */
export function prepareToCopy(): void {
  compileEngine(thisRuntime(), "block.wasm").catch(() => {});
}

/** Whether both names lead to one file. */
export async function isSameFile(a: string, b: string): Promise<boolean> {
  const runtime = thisRuntime();
  const identity = await runtime.identity(a);
  return identity !== undefined && identity === (await runtime.identity(b));
}

/** Where nobody says in what units zeros are looked for. */
const DEFAULT_SPARSE = 4096;

export interface CopyOptions extends Partial<Omit<CopyOneOptions, "targetOffset">> {}

/** Copies images, one after another, into one that is open for writing, and flushes it. */
export async function copy(
  sources: readonly DiskImage[],
  target: DiskImage,
  { onProgress, ...options }: CopyOptions = {},
): Promise<void> {
  const total = sources.reduce((sum, { size }) => sum + size, 0);
  if (total > target.size) throw new UserError("output file is smaller than input file", "EINVAL");
  let before = 0;
  for (const source of sources) {
    await copyImage(thisRuntime(), source, target, {
      sparse: DEFAULT_SPARSE,
      targetIsZero: false,
      ...options,
      targetOffset: before,
      onProgress: (done) => onProgress?.(before + done, total),
    });
    before += source.size;
  }
  await target.flush!();
}

/** A range moves in pieces of this size. */
const CHUNK = 2 * 2 ** 20;

/** Copies the bytes from `start` to `end` to the start of another image, whatever they are, and flushes it. */
export async function copyRange(
  source: DiskImage,
  target: DiskImage,
  start: number,
  end: number,
  { signal, onProgress }: Watch = {},
): Promise<void> {
  const buffer = new Uint8Array(CHUNK);
  for (let at = start; at < end; at += CHUNK) {
    signal?.throwIfAborted();
    const part = buffer.subarray(0, Math.min(CHUNK, end - at));
    await naming("error while reading from input image file", () => source.read(part, at));
    await naming("error while writing to output image file", () => target.write!(part, at - start));
    onProgress?.(at - start + part.length, end - start);
  }
  await target.flush!();
}

async function naming(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isExpected(error)) throw error;
    throw new UserError(`${what}: ${reason(error)}`, codeOf(error));
  }
}
