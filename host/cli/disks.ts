// Opens the images that the command line names, as drives of the machine.
import { mkdtemp, rmdir, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlockOptions } from "../block/options.ts";
import type { BlockSource } from "../block/source.ts";
import type { DriveOptions } from "../core/drives.ts";
import { isExpected, reason, UserError } from "../core/errors.ts";
import { createImage } from "../image/create.ts";
import type { Secrets } from "../image/driver.ts";
import type { DiskImage } from "../image/image.ts";
import { openImage, type OpenOptions, parseImageName } from "../image/open.ts";
import { node } from "../runtimes/node.ts";
import { plugDrives } from "./devices.ts";
import { type Drive, placeDrives, withDefaultDrives } from "./drives.ts";
import { parseObjects } from "./objects.ts";
import type { PcOptions } from "./pc-options.ts";

/** What is in a drive: the image, and what the guest may do with it. */
interface Medium {
  source: BlockSource;
  image: DiskImage;
}

/** A drive of the machine and the image in it, which is ours to close. */
export interface OpenDrive extends DriveOptions {
  /** `id=` of the command line. */
  id?: string | undefined;
  image?: DiskImage | undefined;
}

/** An image to put into a drive of the running machine. */
export async function openMedium(
  file: string,
  format: string | undefined,
  readOnly: boolean,
): Promise<Medium> {
  const image = await openImage(node, file, { format, readOnly });
  return { image, source: image };
}

/** What `-snapshot` and the secrets of `-object` are to every drive. */
interface Shared {
  snapshot: boolean;
  secrets: Secrets;
  say: (sentence: string) => void;
}

/** The machine's drives with their media. What has been opened is closed again if one cannot be. */
export async function openDrives(options: PcOptions, say: (sentence: string) => void): Promise<OpenDrive[]> {
  const drives: OpenDrive[] = [];
  const placed = placeDrives(plugDrives(options.drives, options.driveDevices));
  const plugged = new Set(options.driveDevices.map(({ bus }) => bus));
  const { snapshot } = options;
  const secrets = await parseObjects(options.objects);
  try {
    for (const drive of options.noDefaults ? placed : withDefaultDrives(placed, plugged)) {
      const { bus, index, media, readOnly, file, id, bootIndex } = drive;
      const medium =
        file === undefined ? undefined : await openDrive({ ...drive, file }, { snapshot, secrets, say });
      drives.push({ bus, index, media, readOnly, id, bootIndex, ...medium });
    }
    return drives;
  } catch (error) {
    await closeDrives(drives);
    throw error;
  }
}

export async function closeDrives(drives: readonly DriveOptions[]): Promise<void> {
  for (const { source } of drives) await source?.close();
}

/** A drive that names an image. */
type FullDrive = Drive & { file: string };

async function openDrive(drive: FullDrive, { snapshot, secrets, say }: Shared): Promise<Medium> {
  try {
    if (drive.readOnly) {
      const image = await openNamed(drive, { secrets });
      return { image, source: image };
    }
    if (drive.snapshot || (snapshot && !drive.isNode) || isRemote(drive.file)) {
      const image = await openSnapshot(drive, secrets);
      return { image, source: image };
    }
    let guessed = false;
    const image = await openNamed(drive, {
      secrets,
      readOnly: false,
      onGuessedRaw: () => (guessed = true),
    });
    const disk = drive.cache === "writethrough" ? writeThrough(image) : image;
    if (guessed && !/\.(raw|img)$/i.test(drive.file))
      say(`${drive.option}: guessed to be raw; say -drive file=${drive.file},format=raw if it is`);
    return { image, source: disk };
  } catch (error) {
    if (!isExpected(error)) throw error;
    // qemu-img names a missing file twice, QEMU itself once.
    throw new UserError(`${drive.option}: ${reason(error).replace(/^(Could not open '.*?': )\1/, "$1")}`);
  }
}

/** The image of a drive, by its name and the options beside it. */
function openNamed(drive: FullDrive, options: OpenOptions): Promise<DiskImage> {
  const { file, format, formatOptions } = drive;
  const blockdev = formatOptions && nodeOf(drive);
  return openImage(node, file, { format, blockdev, ...options });
}

function nodeOf({ file, formatOptions }: FullDrive): BlockOptions {
  const options = parseImageName(file);
  for (const [key, value] of Object.entries(formatOptions ?? {})) options.setDefault(key, value);
  return options;
}

/** A temporary overlay takes the writes; its file has no name any more, so it goes with the process. */
async function openSnapshot(drive: FullDrive, secrets: Secrets): Promise<DiskImage> {
  const base = await openNamed(drive, { secrets });
  const { size, format } = base;
  await base.close();
  const folder = await mkdtemp(join(tmpdir(), "wasmqemu-snapshot-"));
  const overlay = join(folder, "overlay.qcow2");
  try {
    await createImage(node, overlay, "qcow2", { size });
    const backing = { ...nodeOf(drive).toTree(), driver: format };
    const file = { driver: "file", filename: overlay };
    const blockdev = BlockOptions.of({ driver: "qcow2", file, backing });
    return await openImage(node, overlay, { blockdev, readOnly: false, secrets });
  } finally {
    await unlink(overlay).catch(() => {});
    await rmdir(folder);
  }
}

/** A disk on the web cannot be written: what the guest writes stays here, and is forgotten. */
function isRemote(file: string): boolean {
  return /^https?:/.test(file);
}

/** cache=writethrough: a write is complete when it is on stable storage. */
function writeThrough(image: BlockSource): BlockSource {
  return {
    get size() {
      return image.size;
    },
    read: (into, offset) => image.read(into, offset),
    write: async (from, offset) => {
      await image.write?.(from, offset);
      await image.flush?.();
    },
    flush: async () => image.flush?.(),
    close: () => image.close(),
  };
}
