// A disk of another size, or one emptied: what is no longer seen is freed, and the file ends behind what is in use.
import { UserError } from "../../core/errors.ts";
import { nothing } from "./engine.ts";
import { readAllBits, resizeBitmaps, storeBitmaps } from "./bitmaps.ts";
import { dropVmState } from "./vm-state.ts";
import type { Qcow2Image } from "./image.ts";

const SECTOR = 512;

export async function setSize(image: Qcow2Image, size: number): Promise<void> {
  const { core } = image.engine;
  if (size % SECTOR) throw new UserError("The new size must be a multiple of 512", "EINVAL");
  if (core.version() < 3 && core.snapshotCount())
    throw new UserError("Can't resize a v2 image which has snapshots", "ENOTSUP");
  const before = image.size;
  const shrinks = size < before;
  if (shrinks) {
    const kept = Math.ceil(size / image.clusterSize) * image.clusterSize;
    await image.zeroGuest(kept, before - kept, true);
    await clearTail(image, size);
  }
  await image.alone(async () => {
    await readAllBits(image);
    // VM state would become a part of the disk.
    await dropVmState(image);
    await image.engine.run((core) => core.resize(size), nothing);
    resizeBitmaps(image);
    await image.flush!();
    if (shrinks) await cutEnd(image);
  });
  if (image.dataFile) await image.dataFile.resize!(size);
  // Other programs leave what was behind the end of a disk that they made smaller.
  if (!shrinks) await clearTail(image, before);
  // A longer backing file must not show through where the disk used to end.
  const below = Math.min(size, image.backing?.size ?? 0);
  if (below > before) await image.zeroGuest(before, below - before, false);
  await storeBitmaps(image);
}

/** Zeros from `from` to the end of its cluster, or of the disk, where something lies there. */
async function clearTail(image: Qcow2Image, from: number): Promise<void> {
  const end = Math.ceil(from / image.clusterSize) * image.clusterSize;
  const length = Math.min(end, image.size) - from;
  if (length <= 0) return;
  const { present, zero } = await image.extent(from, length);
  if (present && !zero) await image.zeroGuest(from, length, false);
}

/** Frees everything that lies in this image: the backing file shows through. */
export async function emptyImage(image: Qcow2Image): Promise<void> {
  await image.zeroGuest(0, image.size, true);
  await image.alone(async () => {
    await image.flush!();
    await cutEnd(image);
  });
}

/** Gives back what the file has behind the last cluster in use. Everything is flushed, and nobody allocates. */
async function cutEnd(image: Qcow2Image): Promise<void> {
  const { engine, file } = image;
  const trim = (): number | Promise<number> =>
    engine.run(
      (core) => core.trimEnd(),
      (core) => core.extentOffset(),
    );
  await trim();
  await image.flush!();
  // Once more: what the first call let go is only now free.
  const end = await trim();
  if (!file.resize || end >= file.size) return;
  await file.resize(end);
  await file.flush!();
}
