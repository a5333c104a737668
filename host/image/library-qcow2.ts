// Images for programs: what only qcow2 has, snapshots and bitmaps. All of it takes an image that is open for writing.
import { UserError } from "../core/errors.ts";
import type { DiskImage } from "./image.ts";
import * as edit from "./qcow2-bitmap-edit.ts";
import { isBroken, isRecording, storeBitmaps } from "./qcow2-bitmaps.ts";
import * as snapshots from "./qcow2-snapshots.ts";
import { Qcow2Image } from "./qcow2.ts";

function qcow2(image: DiskImage, what: string): Qcow2Image {
  if (image instanceof Qcow2Image) return image;
  throw new UserError(`Format '${image.format}' has no ${what}`, "ENOTSUP");
}

/** The snapshots within a qcow2 image, oldest first. */
export async function listSnapshots(image: DiskImage): Promise<snapshots.Snapshot[]> {
  return (await snapshots.readSnapshots(qcow2(image, "snapshots"))).list;
}

/** Keeps the disk as it is now under a name. */
export async function createSnapshot(image: DiskImage, name: string): Promise<void> {
  await snapshots.createSnapshot(qcow2(image, "snapshots"), name, new Date());
}

/** Goes back to a snapshot, by id or name. */
export async function applySnapshot(image: DiskImage, wanted: string): Promise<void> {
  await snapshots.applySnapshot(qcow2(image, "snapshots"), wanted);
}

/** Removes a snapshot, by id or name, and frees what only it held. */
export async function deleteSnapshot(image: DiskImage, name: string): Promise<void> {
  await snapshots.deleteSnapshot(qcow2(image, "snapshots"), name);
}

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
  return qcow2(image, "bitmaps").bitmaps.map((bitmap) => ({
    name: bitmap.name,
    granularity: bitmap.granularity,
    recording: isRecording(bitmap),
    broken: isBroken(bitmap),
  }));
}

/** `granularity`: bytes to a bit, a power of two from 512 on; undefined: by the cluster size, as in qemu-img. */
export async function addBitmap(image: DiskImage, name: string, granularity?: number): Promise<void> {
  const target = qcow2(image, "bitmaps");
  edit.addBitmap(target, name, granularity);
  await storeBitmaps(target);
}

/** Removes a bitmap, by its name. */
export async function removeBitmap(image: DiskImage, name: string): Promise<void> {
  await edit.removeBitmap(qcow2(image, "bitmaps"), name);
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
  await changed(image, (target) => edit.mergeBitmap(target, name, qcow2(from, "bitmaps"), other));
}

/** Bitmaps are in the file once they are changed, not only once it is closed. */
async function changed(image: DiskImage, change: (target: Qcow2Image) => Promise<void>): Promise<void> {
  const target = qcow2(image, "bitmaps");
  await change(target);
  await storeBitmaps(target);
}
