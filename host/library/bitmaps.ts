// Persistent bitmaps of a qcow2 image that is open for writing: which parts of its disk were written since.
import { UserError } from "../core/errors.ts";
import type { DiskImage } from "../image/image.ts";
import * as edit from "../image/qcow2/bitmap-edit.ts";
import { isBroken, isRecording, storeBitmaps } from "../image/qcow2/bitmaps.ts";
import { Qcow2Image } from "../image/qcow2/image.ts";
import { requireQcow2 } from "./qcow2-only.ts";

/** A persistent bitmap: which parts of the disk were written since it was made. */
export interface BitmapInfo {
  name: string;
  /** Bytes that one bit stands for. */
  granularity: number;
  /** Writes are recorded. */
  recording: boolean;
  /** Its last writer never came back, so nobody knows what it misses. */
  broken: boolean;
}

/** The persistent bitmaps of a qcow2 image. */
export function listBitmaps(image: DiskImage): BitmapInfo[] {
  return requireQcow2(image, "bitmaps").bitmaps.map((bitmap) => ({
    name: bitmap.name,
    granularity: bitmap.granularity,
    recording: isRecording(bitmap),
    broken: isBroken(bitmap),
  }));
}

/** `granularity`: bytes to a bit, a power of two from 512 on; undefined: by the cluster size, as in qemu-img. */
export async function addBitmap(image: DiskImage, name: string, granularity?: number): Promise<void> {
  const target = requireQcow2(image, "bitmaps");
  edit.addBitmap(target, name, granularity);
  await storeBitmaps(target);
}

/** Removes a bitmap, by its name. */
export async function removeBitmap(image: DiskImage, name: string): Promise<void> {
  await edit.removeBitmap(requireQcow2(image, "bitmaps"), name);
}

/** Forgets what the bitmap has recorded. */
export async function clearBitmap(image: DiskImage, name: string): Promise<void> {
  await changed(image, (target) => edit.clearBitmap(target, name));
}

/** Whether writes are recorded from now on. */
export async function switchBitmap(image: DiskImage, name: string, recording: boolean): Promise<void> {
  await changed(image, (target) => edit.switchBitmap(target, name, recording));
}

/** Adds to the bitmap what another one holds: of the same image, or of `from`, whose disk is of the same size. */
export async function mergeBitmap(
  image: DiskImage,
  name: string,
  other: string,
  from: DiskImage = image,
): Promise<void> {
  await changed(image, (target) => edit.mergeBitmap(target, name, requireQcow2(from, "bitmaps"), other));
}

/** Bitmaps are in the file once they are changed, not only once it is closed. */
async function changed(image: DiskImage, change: (target: Qcow2Image) => Promise<void>): Promise<void> {
  const target = requireQcow2(image, "bitmaps");
  await change(target);
  await storeBitmaps(target);
}

/**
 * Copies the bitmaps of an image into another one. Those that cannot be trusted are named to `onBroken`; without it
 * they are refused by `requireBitmaps`, which is called before the target is made.
 */
export async function copyBitmaps(
  from: DiskImage,
  to: DiskImage,
  onBroken: (name: string) => void = () => {},
): Promise<void> {
  if (!(to instanceof Qcow2Image) || to.engine.core.version() < 3)
    throw new UserError(`Format driver '${to.format}' does not support bitmaps`, "ENOTSUP");
  await edit.copyBitmaps(requireQcow2(from, "bitmaps"), to, onBroken);
}

/** Refuses an image without bitmaps and, unless those that are broken are to be left out, one with such. */
export function requireBitmaps(from: DiskImage, withoutBroken: boolean): void {
  if (!(from instanceof Qcow2Image)) throw new UserError("Source lacks bitmap support", "ENOTSUP");
  if (!withoutBroken) edit.requireSoundBitmaps(from);
}
