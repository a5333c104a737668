// Disks of another size.
import { fillWithZeros } from "../block/source.ts";
import { UserError } from "../core/errors.ts";
import type { DiskImage } from "../image/image.ts";
import type { Preallocation } from "../image/qcow2/create.ts";
import { preallocate } from "../image/qcow2/preallocate.ts";
import { Qcow2Image } from "../image/qcow2/image.ts";

/** What `resize` may do. */
export interface ResizeOptions {
  /** Allows a smaller size, which loses what lies behind it. */
  shrink?: boolean;
  /** What is added gets its space at once. */
  preallocation?: Preallocation;
  signal?: AbortSignal;
}

/** Gives the disk another size in bytes; what is added reads as zeros. */
export async function resize(image: DiskImage, size: number, options: ResizeOptions = {}): Promise<void> {
  const { shrink = false, preallocation = "off", signal } = options;
  const before = image.size;
  if (!(size > 0)) throw new UserError("New image size must be positive", "EINVAL");
  if (!Number.isSafeInteger(size)) throw new UserError(`${size} is no size of a disk`, "EINVAL");
  if (size < before && !shrink)
    throw new UserError(
      `${size} is less than the disk's ${before} bytes: pass { shrink: true } to lose the rest`,
      "EINVAL",
    );
  if (!image.resize) throw new UserError("Image format driver does not support resize", "ENOTSUP");
  if (preallocation !== "off") requirePreallocation(image, preallocation, size < before);
  await image.resize(size);
  if (preallocation !== "off") await fill(image, before, preallocation, signal);
}

type Preallocated = Exclude<Preallocation, "off">;

function requirePreallocation(image: DiskImage, mode: Preallocated, shrinks: boolean): void {
  if (shrinks) throw new UserError("Preallocation can only be used for growing images", "EINVAL");
  const can = image instanceof Qcow2Image || (image.format === "raw" && mode !== "metadata");
  if (!can) throw new UserError(`Unsupported preallocation mode: ${mode}`, "ENOTSUP");
}

/** Gives what was added its space. A runtime cannot reserve any without writing to it. */
async function fill(
  image: DiskImage,
  before: number,
  mode: Preallocated,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!(image instanceof Qcow2Image))
    return fillWithZeros({ write: image.write! }, before, image.size - before, signal);
  const start = Math.ceil(before / image.clusterSize) * image.clusterSize;
  await preallocate(image, start, mode, signal);
  await image.flush!();
}
