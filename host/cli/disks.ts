// Opens the images that the command line names, as drives of the machine.
import { mkdtemp, rmdir, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { BlockSource } from "../block/source.ts";
import { isExpected, reason, UserError } from "../core/errors.ts";
import { createImage } from "../image/create.ts";
import { PROBE_SIZE, probeFormat } from "../image/format.ts";
import type { DiskImage } from "../image/image.ts";
import { localPath, openImage } from "../image/open.ts";
import { QCOW2_DEFAULTS } from "../image/qcow2-create.ts";
import { node } from "../runtimes/node.ts";
import { type Drive, placeDrives } from "./drives.ts";
import type { PcOptions } from "./pc-options.ts";

/** The disks by place on the controller. What has been opened is closed again if one cannot be. */
export async function openDisks(
  options: PcOptions,
  say: (sentence: string) => void,
): Promise<(BlockSource | undefined)[]> {
  const disks: (BlockSource | undefined)[] = [];
  try {
    for (const drive of placeDrives(options.drives))
      disks.push(drive && (await openDrive(drive, drive.snapshot || options.snapshot, say)));
    return disks;
  } catch (error) {
    await closeDisks(disks);
    throw error;
  }
}

export async function closeDisks(disks: readonly (BlockSource | undefined)[]): Promise<void> {
  for (const disk of disks) await disk?.close();
}

async function openDrive(
  drive: Drive,
  snapshot: boolean,
  say: (sentence: string) => void,
): Promise<BlockSource> {
  try {
    if (snapshot) return await openSnapshot(drive);
    let guessed = false;
    const image = await openImage(node, drive.file, {
      format: drive.format,
      readOnly: false,
      onGuessedRaw: () => (guessed = true),
    });
    const disk = drive.cache === "writethrough" ? writeThrough(image) : image;
    if (!guessed) return disk;
    if (!/\.(raw|img)$/i.test(drive.file))
      say(`${drive.option}: guessed to be raw; say -drive file=${drive.file},format=raw if it is`);
    return guardFirstBlock(disk);
  } catch (error) {
    if (!isExpected(error)) throw error;
    // qemu-img names a missing file twice, QEMU itself once.
    throw new UserError(`${drive.option}: ${reason(error).replace(/^(Could not open '.*?': )\1/, "$1")}`);
  }
}

/** A temporary overlay takes the writes; its file has no name any more, so it goes with the process. */
async function openSnapshot(drive: Drive): Promise<DiskImage> {
  const base = await openImage(node, drive.file, { format: drive.format });
  const { size, format } = base;
  await base.close();
  const folder = await mkdtemp(join(tmpdir(), "wasmqemu-snapshot-"));
  const overlay = join(folder, "overlay.qcow2");
  try {
    const backingFile = resolve(localPath(drive.file));
    await createImage(node, overlay, "qcow2", {
      ...QCOW2_DEFAULTS,
      size,
      backingFile,
      backingFormat: format,
    });
    return await openImage(node, overlay, { format: "qcow2", readOnly: false });
  } finally {
    await unlink(overlay).catch(() => {});
    await rmdir(folder);
  }
}

/** cache=writethrough: a write is complete when it is on stable storage. */
function writeThrough(image: BlockSource): BlockSource {
  return {
    size: image.size,
    read: (into, offset) => image.read(into, offset),
    write: async (from, offset) => {
      await image.write?.(from, offset);
      await image.flush?.();
    },
    flush: async () => image.flush?.(),
    close: () => image.close(),
  };
}

/**
 * A guest that writes another format's first bytes to a disk guessed to be raw could make the next guess open files of
 * its choice: such writes fail.
 */
function guardFirstBlock(disk: BlockSource): BlockSource {
  return {
    size: disk.size,
    read: (into, offset) => disk.read(into, offset),
    write: async (from, offset) => {
      if (offset < PROBE_SIZE) await requireRaw(disk, from, offset);
      await disk.write?.(from, offset);
    },
    flush: async () => disk.flush?.(),
    discard: async (offset, length) => disk.discard?.(offset, length),
    close: () => disk.close(),
  };
}

async function requireRaw(disk: BlockSource, from: Uint8Array, offset: number): Promise<void> {
  const head = new Uint8Array(PROBE_SIZE);
  await disk.read(head, 0);
  head.set(from.subarray(0, PROBE_SIZE - offset), offset);
  const format = probeFormat(head);
  if (format !== "raw")
    throw new UserError(`its first bytes would be those of a ${format} image; give format=raw to allow it`);
}
