// The display adapter as a PCI function: 1234:1111, the frame buffer in BAR 0, registers in memory in BAR 2, and an
// expansion ROM with the video BIOS of firmware that is not ours.
//
//   BAR 2:  000h-17Fh EDID (none: zeros)   400h-41Fh ports 3C0h-3DFh   500h-515h VBE registers, 16 bits each
import { VIDEO_ROM_SIZE, VRAM_SIZE } from "../machine/layout";
import { PciFunction } from "./pci";

const PREFETCHABLE: u32 = 1 << 3;
export const VGA_REGISTERS_SIZE: u32 = 0x1000;
export const VGA_PORTS: u32 = 0x400;
export const VBE_REGISTERS: u32 = 0x500;

export function resetVgaFunction(display: PciFunction): void {
  display.identify(0x10, 0x1234, 0x1111, 0x030000, 0x02);
  display.addBar(0, VRAM_SIZE, PREFETCHABLE);
  display.addBar(2, VGA_REGISTERS_SIZE, 0);
  display.addRom(VIDEO_ROM_SIZE);
}
