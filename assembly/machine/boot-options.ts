// What the command line says about booting: told by the host before power on, read by CMOS, fw_cfg and our firmware.
import { BOARD_AT } from "./layout";

/** Boot devices by number, as CMOS knows them. */
export const BOOT_FLOPPY: u32 = 1;
export const BOOT_DISK: u32 = 2;
export const BOOT_CD: u32 = 3;
export const BOOT_NETWORK: u32 = 4;
/** QEMU's own order: hard disk, floppy, CD. */
export const BOOT_ORDER_DEFAULT: u32 = BOOT_DISK | (BOOT_FLOPPY << 4) | (BOOT_CD << 8);

export const BOOT_NO_RETRY: u32 = 0xffff_ffff;

@final
@unmanaged
export class BootOptions {
  /** Four bits a device, the first in the lowest. */
  order: u32;
  /** Offer a menu before booting. */
  menu: bool;
  /** Firmware's screen and keyboard are the first serial port as well. */
  serialConsole: bool;
  /** Only drives with a boot index are tried, where there are some. */
  strict: bool;
  /** After how many ms a boot that failed is tried again; BOOT_NO_RETRY: never. */
  retryWait: u32;
  /** How long the menu's prompt stands, in ms. */
  menuWait: u32;
}

export const bootOptions = changetype<BootOptions>(BOARD_AT + 0x80);

/** `order` as in BootOptions, 0 for the usual one. */
export function setBootOptions(
  order: u32,
  menu: bool,
  menuWait: u32,
  serialConsole: bool,
  strict: bool,
  retryWait: u32,
): void {
  bootOptions.order = order ? order : BOOT_ORDER_DEFAULT;
  bootOptions.menu = menu;
  bootOptions.menuWait = menuWait;
  bootOptions.serialConsole = serialConsole;
  bootOptions.strict = strict;
  bootOptions.retryWait = retryWait;
}
