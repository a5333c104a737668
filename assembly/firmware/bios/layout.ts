// Where our BIOS keeps what lasts longer than one of its services, and the places in its ROM that the engine knows
// (firmware/bios.asm).
import { FIRMWARE_AT } from "../../machine/layout";

export const TRANSFER_AT: usize = FIRMWARE_AT;
export const TARGET_AT: usize = FIRMWARE_AT + 0x100;
export const EMULATION_AT: usize = FIRMWARE_AT + 0x180;
export const BOOT_AT: usize = FIRMWARE_AT + 0x200;
export const TERMINAL_AT: usize = FIRMWARE_AT + 0x300;
export const MOUSE_AT: usize = FIRMWARE_AT + 0x380;
export const WAIT_AT: usize = FIRMWARE_AT + 0x3c0;
export const MEMORY_RANGE_AT: usize = FIRMWARE_AT + 0x3d0;
/** Sectors on their way between a drive and the guest. */
export const BUFFER_AT: usize = FIRMWARE_AT + 0x1000;
export const BUFFER_SIZE: u32 = 0x1_0000;

export const ROM_SEGMENT: u32 = 0xf000;
export const CONFIGURATION_TABLE: u32 = 0xe6f5;
export const FLOPPY_PARAMETERS: u32 = 0xefc7;
export const INT_02: u32 = 0xe2c3;
export const INT_40: u32 = 0xec59;
export const FONT_8X8_LOW: u32 = 0xfa6e;
export const INT_05: u32 = 0xff54;
/** Offsets for interrupts 08h-1Fh, then 70h-77h. */
export const VECTORS: u32 = 0xfef3;
export const VECTORS_SECONDARY: u32 = 0xff23;
export const DUMMY_VECTOR: u32 = 0xff53;
/** 256 glyphs each. */
export const FONT_8X16: u32 = 0xb000;
export const FONT_8X14: u32 = 0xc000;
export const FONT_8X8: u32 = 0xce00;
