// The snapshots within a qcow2 image. But for reading them, the image is open for writing.
import { UserError } from "../core/errors.ts";
import type { DiskImage } from "../image/image.ts";
import * as snapshots from "../image/qcow2/snapshots.ts";
import { Qcow2Image } from "../image/qcow2/image.ts";
import { requireQcow2 } from "./qcow2-only.ts";

export type Snapshot = snapshots.Snapshot;

/** The snapshots within an image, oldest first; other formats have none. */
export async function listSnapshots(image: DiskImage): Promise<Snapshot[]> {
  return image instanceof Qcow2Image ? (await snapshots.readSnapshots(image)).list : [];
}

/** Keeps the disk as it is now under a name. */
export async function createSnapshot(image: DiskImage, name: string): Promise<void> {
  await snapshots.createSnapshot(requireQcow2(image, "snapshots"), name, new Date());
}

/** Goes back to a snapshot, by id or name. */
export async function applySnapshot(image: DiskImage, wanted: string): Promise<void> {
  await snapshots.applySnapshot(requireQcow2(image, "snapshots"), wanted);
}

/** Removes a snapshot, by name, and frees what only it held. */
export async function deleteSnapshot(image: DiskImage, name: string): Promise<void> {
  await snapshots.deleteSnapshot(requireQcow2(image, "snapshots"), name);
}

/** Which snapshot: by id or name in one word, or by either or both. */
export type SnapshotChoice = string | { id?: string | undefined; name?: string | undefined };

/** Shows an image that is open for reading as it was when the snapshot was taken, its size included. */
export async function viewSnapshot(image: DiskImage, choice: SnapshotChoice): Promise<void> {
  if (!(image instanceof Qcow2Image))
    throw new UserError(
      `Block format '${image.format}' used by device '' does not support temporarily loading internal snapshots`,
      "ENOTSUP",
    );
  await snapshots.viewSnapshot(image, (list) => {
    if (typeof choice === "string") return snapshots.findSnapshot(list, choice);
    const { id, name } = choice;
    return list.find(
      (one) => (id === undefined || one.id === id) && (name === undefined || one.name === name),
    );
  });
}
