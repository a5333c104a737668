// `-bios` and `-L`: where firmware files are found, and the video BIOS that goes with one.
import { access, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { reason, UserError } from "../core/errors.ts";
import type { FirmwareImage } from "../core/firmware.ts";
import type { PcOptions } from "./pc-options.ts";

/** Where distributions put them. */
const FOLDERS = ["/usr/share/seabios", "/usr/share/qemu", "/usr/local/share/qemu"];
/** For the display adapter 1234:1111. */
const VIDEO_ROM = "vgabios-stdvga.bin";
const UNIT = 0x1_0000;

/** The firmware that the command line asks for; undefined: our own. */
export async function readFirmware(
  { bios, firmwareFolders }: PcOptions,
  say: (sentence: string) => void,
): Promise<FirmwareImage | undefined> {
  if (bios === undefined) return undefined;
  const path = await find([bios, ...[...firmwareFolders, ...FOLDERS].map((folder) => join(folder, bios))]);
  if (!path) throw new UserError(`could not load PC BIOS '${bios}': No such file or directory`);
  const image = await read(path);
  if (image.length === 0 || image.length % UNIT !== 0)
    throw new UserError(`could not load PC BIOS '${bios}': its size is not a multiple of 64 KiB`);
  const folders = [...firmwareFolders, dirname(path), ...FOLDERS];
  const videoPath = await find(folders.map((folder) => join(folder, VIDEO_ROM)));
  if (!videoPath)
    say(`warning: ${VIDEO_ROM} is not found: the firmware has no display (name its folder with -L)`);
  return { bios: image, videoRom: videoPath ? await read(videoPath) : undefined };
}

async function find(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UserError(`could not load PC BIOS '${path}': ${reason(error)}`);
  }
}
