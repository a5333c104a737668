// Opens the images that the command line names.
import type { BlockSource } from "../block/source.ts";
import { FileSource } from "../block/file.ts";
import { reason, UserError } from "../core/errors.ts";
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
      disks.push(drive && (await openDrive(drive, options, say)));
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
  _options: PcOptions,
  _say: (sentence: string) => void,
): Promise<BlockSource> {
  try {
    return await FileSource.open(node, drive.file, "write");
  } catch (error) {
    throw new UserError(`${drive.option}: Could not open '${drive.file}': ${reason(error)}`);
  }
}
