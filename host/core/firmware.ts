// Firmware and what it is told: the image that goes into ROM, the devices to boot from.
import { UserError } from "./errors.ts";
import type { MachineEngine } from "./machine-engine.ts";
import { Once } from "./once.ts";
import type { Runtime } from "../runtimes/runtime.ts";

/** Firmware other than the one in the package, such as SeaBIOS. */
export interface FirmwareImage {
  /** Ends at 4 GiB, its last 128 KiB at 1 MiB too. */
  bios: Uint8Array;
  /** The display adapter's expansion ROM. */
  videoRom?: Uint8Array | undefined;
}

export interface BootSettings {
  /** Devices to try, as QEMU's letters: a floppy, c hard disk, d CD, n network; default "cad". */
  order?: string | undefined;
  /** The same for the first boot only; a reset goes back to `order`. */
  once?: string | undefined;
  /** Offer a menu before booting. */
  menu?: boolean | undefined;
  /** How long its prompt stands, in ms. */
  menuWait?: number | undefined;
  /** Only drives with a `bootIndex` are tried, where there are some. */
  strict?: boolean | undefined;
  /** After how many ms a boot that failed is tried again; default: never. */
  retryWait?: number | undefined;
  /** The firmware's screen and keyboard are COM1 too. */
  serialConsole?: boolean | undefined;
}

/** assembly/machine/boot-options.ts: BOOT_*; the board holds three devices, as CMOS does. */
const DEVICES = new Map([
  ["a", 1],
  ["b", 1],
  ["c", 2],
  ["d", 3],
  ["n", 4],
]);
const DEVICES_MAX = 3;
const MENU_WAIT = 2500;
/** assembly/machine/boot-options.ts: BOOT_NO_RETRY. */
const NO_RETRY = 0xffffffff;

/** Our own, in the package. */
const OWN_BIOS = "bios.bin";

const own = new Once<Uint8Array>();

/** The package's own BIOS. */
export function ownFirmware(runtime: Runtime): Promise<Uint8Array> {
  return own.get(OWN_BIOS, () => runtime.readAsset(OWN_BIOS));
}

export async function loadFirmware(
  runtime: Runtime,
  engine: MachineEngine,
  image?: FirmwareImage,
): Promise<void> {
  const { bios, videoRom } = image ?? { bios: await ownFirmware(runtime) };
  if (!engine.attachFirmware(bios, videoRom))
    throw new UserError("the firmware is too large: a BIOS has at most 4 MiB, a video BIOS 64 KiB");
}

/** Tells the board how to boot; `first`: for the first time since power on. */
export function tellBoot(engine: MachineEngine, settings: BootSettings, first: boolean): void {
  const letters = (first && settings.once) || settings.order || "";
  const order = [...letters]
    .slice(0, DEVICES_MAX)
    .reduce((sum, letter, n) => sum | (deviceOf(letter) << (4 * n)), 0);
  const { menu = false, menuWait = MENU_WAIT, serialConsole = false } = settings;
  const { strict = false, retryWait = NO_RETRY } = settings;
  engine.exports.setBootOptions(order, menu, menuWait, serialConsole, strict, retryWait);
}

function deviceOf(letter: string): number {
  const device = DEVICES.get(letter);
  if (device === undefined) throw new UserError(`Invalid boot device for PC: '${letter}'`);
  return device;
}
