// The display adapter in memory space: the VGA window, the frame buffer (BAR 0), the expansion ROM, the registers
// of BAR 2 (devices/vga-pci.ts). The frame buffer is plain memory to the processor as well: paging maps its pages, and
// `noteDirectWrites` tells the display what it could not see.
import { report } from "../cpu/trace";
import { TRACE_UNASSIGNED } from "../cpu/trace-kinds";
import { vbe, vga, vgaFunction } from "../machine/board";
import { now } from "../machine/clock";
import { VIDEO_ROM_AT, VIDEO_ROM_SIZE, VRAM_AT, VRAM_SIZE } from "../machine/layout";
import { VGA_WINDOW, VGA_WINDOW_SIZE } from "../machine/wiring";
import { writeProtectRange } from "../memory/tlb";
import { EDID_SIZE, edidByte } from "./edid";
import { VBE_REGISTERS, VGA_PORTS, VGA_REGISTERS_SIZE } from "./vga-pci";

const VBE_REGISTERS_SIZE: u32 = 0x16;

/** Where the byte of the frame buffer at `address` lies in linear memory; 0: it is no such byte. */
export function frameBufferPlace(address: u32): usize {
  const base = vga.frameBuffer;
  return base != 0 && address - base < VRAM_SIZE ? VRAM_AT + <usize>(address - base) : 0;
}

/** A page of the frame buffer may be written without our notice from now on. */
export function mapForWriting(): void {
  vga.writtenDirectly = true;
}

/** Counts what may have been written past us, and makes the next write of each page come by again. */
export function noteDirectWrites(): void {
  if (!vga.writtenDirectly) return;
  vga.writtenDirectly = false;
  vga.generation++;
  writeProtectRange(vga.frameBuffer, VRAM_SIZE);
}

export function readDisplay(address: u32, size: u32): u64 {
  let value: u64 = 0;
  for (let i: u32 = 0; i < size; i++) value |= (<u64>readByte(address + i)) << (i << 3);
  return value;
}

/** Ones where nothing of the display's decodes. */
function readByte(address: u32): u32 {
  if (address - VGA_WINDOW < VGA_WINDOW_SIZE) return vga.readMemory(address - VGA_WINDOW, vbe);
  const place = frameBufferPlace(address);
  if (place != 0) return load<u8>(place);
  const rom = vgaFunction.romBar;
  if (rom != 0 && address - rom < VIDEO_ROM_SIZE) return load<u8>(VIDEO_ROM_AT + <usize>(address - rom));
  const registers = vgaFunction.memoryBar(2);
  const offset = address - registers;
  if (registers == 0 || offset >= VGA_REGISTERS_SIZE) {
    report(TRACE_UNASSIGNED, address, 1, 0);
    return 0xff;
  }
  if (offset < EDID_SIZE) return edidByte(offset);
  if (offset - VGA_PORTS < 0x20) return vga.read(offset - VGA_PORTS, now());
  if (offset - VBE_REGISTERS >= VBE_REGISTERS_SIZE) return 0;
  vbe.writeIndex((offset - VBE_REGISTERS) >> 1);
  return (vbe.read() >> ((offset & 1) << 3)) & 0xff;
}

export function writeDisplay(address: u32, size: u32, value: u64): void {
  const registers = vgaFunction.memoryBar(2);
  const offset = address - registers;
  if (registers != 0 && offset - VBE_REGISTERS < VBE_REGISTERS_SIZE) {
    vbe.writeIndex((offset - VBE_REGISTERS) >> 1);
    writeVbe((<u32>value) & 0xffff);
    return;
  }
  for (let i: u32 = 0; i < size; i++) writeByte(address + i, (<u32>(value >> (i << 3))) & 0xff);
}

function writeByte(address: u32, value: u32): void {
  if (address - VGA_WINDOW < VGA_WINDOW_SIZE) {
    vga.writeMemory(address - VGA_WINDOW, value, vbe);
    return;
  }
  const place = frameBufferPlace(address);
  if (place != 0) {
    store<u8>(place, <u8>value);
    vga.generation++;
    return;
  }
  const registers = vgaFunction.memoryBar(2);
  const port = address - registers - VGA_PORTS;
  if (registers != 0 && port < 0x20) vga.write(port, value);
  else report(TRACE_UNASSIGNED, address, 1, 1);
}

/** Writes the VBE register that the index names. */
export function writeVbe(value: u32): void {
  if (vbe.write(value)) memory.fill(VRAM_AT, 0, VRAM_SIZE);
  vga.generation++;
}
