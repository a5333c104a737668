// Bochs' VBE registers as our firmware uses them (devices/vbe.ts).
import { portRead, portWrite } from "../../devices/bus";

export const VBE_WIDTH: u32 = 1;
export const VBE_HEIGHT: u32 = 2;
export const VBE_BPP: u32 = 3;
export const VBE_ENABLE: u32 = 4;
export const VBE_BANK: u32 = 5;
export const VBE_VIRTUAL_WIDTH: u32 = 6;
export const VBE_X: u32 = 8;
export const VBE_Y: u32 = 9;

export const ENABLE_ON: u32 = 0x01;
export const ENABLE_DAC_8BIT: u32 = 0x20;
export const ENABLE_LINEAR: u32 = 0x40;
export const ENABLE_KEEP_MEMORY: u32 = 0x80;

export function readVbe(register: u32): u32 {
  portWrite(0x1ce, 2, register);
  return portRead(0x1cf, 2);
}

export function writeVbe(register: u32, value: u32): void {
  portWrite(0x1ce, 2, register);
  portWrite(0x1cf, 2, value);
}

export function vbeIsOn(): bool {
  return (readVbe(VBE_ENABLE) & ENABLE_ON) != 0;
}
