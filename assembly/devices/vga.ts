// VGA (IBM VGA XGA Technical Reference 1992, chapter 2) with Bochs' VBE extensions: registers in, memory behind a
// window at A0000h and a linear frame buffer. What is shown is for the host to read: registers and memory by name.
//
// The four planes lie interleaved, plane p of offset o at byte 4 * o + p. So chain-4 modes and the frame buffer
// are linear, and a planar access is one 32-bit word.
import { VRAM_AT, VRAM_SIZE } from "../machine/layout";
import { VbeRegisters } from "./vbe";

const SEQUENCER_PLANE_MASK: u32 = 2;
const SEQUENCER_MEMORY_MODE: u32 = 4;
const MEMORY_ODD_EVEN_OFF: u32 = 1 << 2;
const MEMORY_CHAIN_4: u32 = 1 << 3;

const GRAPHICS_SET_RESET: u32 = 0;
const GRAPHICS_SET_RESET_ENABLE: u32 = 1;
const GRAPHICS_COMPARE: u32 = 2;
const GRAPHICS_ROTATE: u32 = 3;
const GRAPHICS_READ_PLANE: u32 = 4;
const GRAPHICS_MODE: u32 = 5;
const GRAPHICS_MISC: u32 = 6;
const GRAPHICS_DONT_CARE: u32 = 7;
const GRAPHICS_BIT_MASK: u32 = 8;

const CRTC_PROTECT: u32 = 0x11;
const CRTC_OVERFLOW: u32 = 0x07;

const MISC_COLOUR: u32 = 1 << 0;

const ATTRIBUTE_ENABLE: u32 = 1 << 5;

const SEQUENCER_COUNT: u32 = 5;
const GRAPHICS_COUNT: u32 = 9;
const ATTRIBUTE_COUNT: u32 = 21;
const CRTC_COUNT: u32 = 25;

/** A frame of text mode lasts 14.27 ms (70 Hz), of which the beam spends this much in vertical retrace. */
const FRAME: u64 = 14_268_000;
const RETRACE: u64 = 1_060_000;
const LINE: u64 = 31_778;
const BLANK: u64 = 6_356;

/** The four window settings of graphics register 6 bits 3-2: start within A0000-BFFFF, and length. */
function windowStart(setting: u32): u32 {
  return setting == 2 ? 0x1_0000 : setting == 3 ? 0x1_8000 : 0;
}

function windowLength(setting: u32): u32 {
  return setting == 0 ? 0x2_0000 : setting == 1 ? 0x1_0000 : 0x8000;
}

@final
@unmanaged
export class Vga {
  /** What the last read left: one byte of each plane. */
  private latches: u32;
  private misc: u32;
  private sequencerIndex: u32;
  private graphicsIndex: u32;
  private crtcIndex: u32;
  private attributeIndex: u32;
  /** 3C0h takes data next, not an index. */
  private attributeData: bool;
  private featureControl: u32;
  private dacMask: u32;
  private dacReadIndex: u32;
  private dacWriteIndex: u32;
  /** 0-2: which colour of the entry comes next. */
  private dacReadPart: u32;
  private dacWritePart: u32;
  private dacReading: bool;
  /** Counts changes of registers and memory, so that the host need not compare pictures. */
  generation: u32;
  /** The frame buffer may be written without passing by (devices/vga-memory.ts). */
  writtenDirectly: bool;
  /** Where the frame buffer decodes, 0 for nowhere. */
  frameBuffer: u32;
  // Behind the struct: sequencer, graphics, attribute, CRTC registers, the DAC's 768 bytes. See VGA_SIZE.

  private get base(): usize {
    return changetype<usize>(this) + offsetof<Vga>();
  }

  reset(): void {
    memory.fill(changetype<usize>(this), 0, VGA_SIZE);
    memory.fill(VRAM_AT, 0, 0x4_0000);
    this.misc = MISC_COLOUR;
  }

  private get graphics(): usize {
    return this.base + GRAPHICS_AT;
  }

  private graphicsRegister(index: u32): u32 {
    return load<u8>(this.graphics + <usize>index);
  }

  private sequencerRegister(index: u32): u32 {
    return load<u8>(this.base + <usize>index);
  }

  // Ports: `port` is 0-1Fh, the offset from 3C0h; 3B4h-3BAh come as their twins 3D4h-3DAh.

  /** Whether 3Dxh (colour) or 3Bxh (monochrome) decodes. */
  get colour(): bool {
    return (this.misc & MISC_COLOUR) != 0;
  }

  read(port: u32, now: u64): u32 {
    switch (port) {
      case 0x00:
        return this.attributeIndex;
      case 0x01:
        return this.attributeIndex < 0x20 + ATTRIBUTE_COUNT ? this.attributeRegister() : 0;
      case 0x02: // input status 0: the monitor's switch
        return 0x10;
      case 0x04:
        return this.sequencerIndex;
      case 0x05:
        return this.sequencerIndex < SEQUENCER_COUNT ? this.sequencerRegister(this.sequencerIndex) : 0;
      case 0x06:
        return this.dacMask;
      case 0x07:
        return this.dacReading ? 3 : 0;
      case 0x08:
        return this.dacWriteIndex;
      case 0x09:
        return this.readDac();
      case 0x0a:
        return this.featureControl;
      case 0x0c:
        return this.misc;
      case 0x0e:
        return this.graphicsIndex;
      case 0x0f:
        return this.graphicsIndex < GRAPHICS_COUNT ? this.graphicsRegister(this.graphicsIndex) : 0;
      case 0x14:
        return this.crtcIndex;
      case 0x15:
        return this.crtcIndex < CRTC_COUNT ? load<u8>(this.base + CRTC_AT + <usize>this.crtcIndex) : 0;
      case 0x1a:
        this.attributeData = false;
        return inputStatus1(now);
      default:
        return 0xff;
    }
  }

  write(port: u32, value: u32): void {
    this.generation++;
    switch (port) {
      case 0x00:
        this.writeAttribute(value);
        break;
      case 0x02:
        this.misc = value;
        break;
      case 0x04:
        this.sequencerIndex = value & 7;
        break;
      case 0x05:
        if (this.sequencerIndex < SEQUENCER_COUNT)
          store<u8>(this.base + <usize>this.sequencerIndex, <u8>value);
        break;
      case 0x06:
        this.dacMask = value;
        break;
      case 0x07:
        this.dacReadIndex = value;
        this.dacReadPart = 0;
        this.dacReading = true;
        break;
      case 0x08:
        this.dacWriteIndex = value;
        this.dacWritePart = 0;
        this.dacReading = false;
        break;
      case 0x09:
        this.writeDac(value);
        break;
      case 0x0e:
        this.graphicsIndex = value & 15;
        break;
      case 0x0f:
        if (this.graphicsIndex < GRAPHICS_COUNT)
          store<u8>(this.graphics + <usize>this.graphicsIndex, <u8>value);
        break;
      case 0x14:
        this.crtcIndex = value & 0x3f;
        break;
      case 0x15:
        this.writeCrtc(value);
        break;
      case 0x1a:
        this.featureControl = value;
        break;
    }
  }

  private attributeRegister(): u32 {
    const index = this.attributeIndex & 31;
    return index < ATTRIBUTE_COUNT ? load<u8>(this.base + ATTRIBUTES_AT + <usize>index) : 0;
  }

  /** Index and data share port 3C0h; reading 3DAh makes the next write an index. */
  private writeAttribute(value: u32): void {
    if (!this.attributeData) this.attributeIndex = value & (31 | ATTRIBUTE_ENABLE);
    else {
      const index = this.attributeIndex & 31;
      if (index < ATTRIBUTE_COUNT) store<u8>(this.base + ATTRIBUTES_AT + <usize>index, <u8>value);
    }
    this.attributeData = !this.attributeData;
  }

  /** Registers 0-7 are locked by bit 7 of register 11h, but for the line compare bit in 7. */
  private writeCrtc(value: u32): void {
    const index = this.crtcIndex;
    if (index >= CRTC_COUNT) return;
    const at = this.base + CRTC_AT + <usize>index;
    const locked = (load<u8>(this.base + CRTC_AT + <usize>CRTC_PROTECT) & 0x80) != 0;
    if (!locked || index > CRTC_OVERFLOW) store<u8>(at, <u8>value);
    else if (index == CRTC_OVERFLOW) store<u8>(at, <u8>((load<u8>(at) & ~0x10) | (value & 0x10)));
  }

  private readDac(): u32 {
    const value = load<u8>(this.base + DAC_AT + <usize>(this.dacReadIndex * 3 + this.dacReadPart));
    if (++this.dacReadPart == 3) {
      this.dacReadPart = 0;
      this.dacReadIndex = (this.dacReadIndex + 1) & 0xff;
    }
    return value;
  }

  private writeDac(value: u32): void {
    store<u8>(this.base + DAC_AT + <usize>(this.dacWriteIndex * 3 + this.dacWritePart), <u8>(value & 63));
    if (++this.dacWritePart == 3) {
      this.dacWritePart = 0;
      this.dacWriteIndex = (this.dacWriteIndex + 1) & 0xff;
    }
  }

  // Memory: `address` is the offset from A0000h.

  /**
   * Offset into the window that is mapped now, or -1 outside it. Bit 1 of the miscellaneous output register should close
   * it; QEMU's adapter never does, and GRUB's own firmware relies on that.
   */
  private windowOffset(address: u32): i32 {
    const setting = (this.graphicsRegister(GRAPHICS_MISC) >> 2) & 3;
    const offset = address - windowStart(setting);
    return offset < windowLength(setting) ? <i32>offset : -1;
  }

  readMemory(address: u32, vbe: VbeRegisters): u32 {
    if (vbe.banked) return load<u8>(VRAM_AT + <usize>(vbe.bankOffset(address) & (VRAM_SIZE - 1)));
    const offset = this.windowOffset(address);
    if (offset < 0) return 0xff;
    const memoryMode = this.sequencerRegister(SEQUENCER_MEMORY_MODE);
    if (memoryMode & MEMORY_CHAIN_4) return load<u8>(VRAM_AT + <usize>offset);
    const odd = (memoryMode & MEMORY_ODD_EVEN_OFF) == 0;
    const word = load<u32>(VRAM_AT + ((<usize>(odd ? offset & 0xfffe : offset & 0xffff)) << 2));
    this.latches = word;
    if (this.graphicsRegister(GRAPHICS_MODE) & 8) return this.compareColours(word);
    const plane = odd
      ? (this.graphicsRegister(GRAPHICS_READ_PLANE) & 2) | (offset & 1)
      : this.graphicsRegister(GRAPHICS_READ_PLANE) & 3;
    return (word >> (plane << 3)) & 0xff;
  }

  /** What a read would give, without its effect on the latches: for debuggers. */
  peek(address: u32, vbe: VbeRegisters): u32 {
    const latches = this.latches;
    const value = this.readMemory(address, vbe);
    this.latches = latches;
    return value;
  }

  /** Read mode 1: a bit for each pixel whose colour equals the compare register, where it is not "don't care". */
  private compareColours(word: u32): u32 {
    const wanted = spread(this.graphicsRegister(GRAPHICS_COMPARE));
    const cared = spread(this.graphicsRegister(GRAPHICS_DONT_CARE));
    const differs = (word ^ wanted) & cared;
    return ~(differs | (differs >> 8) | (differs >> 16) | (differs >> 24)) & 0xff;
  }

  writeMemory(address: u32, value: u32, vbe: VbeRegisters): void {
    this.generation++;
    if (vbe.banked) {
      store<u8>(VRAM_AT + <usize>(vbe.bankOffset(address) & (VRAM_SIZE - 1)), <u8>value);
      return;
    }
    const offset = this.windowOffset(address);
    if (offset < 0) return;
    let planes = this.sequencerRegister(SEQUENCER_PLANE_MASK) & 15;
    const memoryMode = this.sequencerRegister(SEQUENCER_MEMORY_MODE);
    if (memoryMode & MEMORY_CHAIN_4) {
      if (planes & (1 << (offset & 3))) store<u8>(VRAM_AT + <usize>offset, <u8>value);
      return;
    }
    const odd = (memoryMode & MEMORY_ODD_EVEN_OFF) == 0;
    // Odd addresses lead to planes 1 and 3, even ones to 0 and 2.
    if (odd) planes &= offset & 1 ? 0b1010 : 0b0101;
    const at = VRAM_AT + ((<usize>(odd ? offset & 0xfffe : offset & 0xffff)) << 2);
    const mask = spread(planes);
    store<u32>(at, (load<u32>(at) & ~mask) | (this.compose(value) & mask));
  }

  /** The four bytes that a CPU write of `value` makes (write modes 0-3). */
  private compose(value: u32): u32 {
    const mode = this.graphicsRegister(GRAPHICS_MODE) & 3;
    if (mode == 1) return this.latches;
    const rotate = this.graphicsRegister(GRAPHICS_ROTATE) & 7;
    const rotated = ((value >> rotate) | (value << (8 - rotate))) & 0xff;
    let bits = this.graphicsRegister(GRAPHICS_BIT_MASK);
    let colour: u32;
    if (mode == 0) {
      const enabled = spread(this.graphicsRegister(GRAPHICS_SET_RESET_ENABLE));
      colour = (spread(this.graphicsRegister(GRAPHICS_SET_RESET)) & enabled) | (repeat(rotated) & ~enabled);
    } else if (mode == 2) colour = spread(value);
    else {
      colour = spread(this.graphicsRegister(GRAPHICS_SET_RESET));
      bits &= rotated;
    }
    switch ((this.graphicsRegister(GRAPHICS_ROTATE) >> 3) & 3) {
      case 1:
        colour &= this.latches;
        break;
      case 2:
        colour |= this.latches;
        break;
      case 3:
        colour ^= this.latches;
        break;
    }
    const mask = repeat(bits);
    return (colour & mask) | (this.latches & ~mask);
  }
}

/** Bit 0 displays nothing, bit 3 vertical retrace (input status 1). */
function inputStatus1(now: u64): u32 {
  const inFrame = now % FRAME;
  if (inFrame >= FRAME - RETRACE) return 0x09;
  return inFrame % LINE >= LINE - BLANK ? 0x01 : 0x00;
}

/** One bit a plane to one byte a plane. */
function spread(planes: u32): u32 {
  return (
    (planes & 1 ? 0xff : 0) |
    (planes & 2 ? 0xff00 : 0) |
    (planes & 4 ? 0xff_0000 : 0) |
    (planes & 8 ? 0xff00_0000 : 0)
  );
}

/** The same byte in every plane. */
function repeat(byte: u32): u32 {
  return byte * 0x0101_0101;
}

const GRAPHICS_AT: usize = <usize>SEQUENCER_COUNT;
const ATTRIBUTES_AT: usize = GRAPHICS_AT + <usize>GRAPHICS_COUNT;
const CRTC_AT: usize = ATTRIBUTES_AT + <usize>ATTRIBUTE_COUNT;
const DAC_AT: usize = CRTC_AT + <usize>CRTC_COUNT;
/** Where the host finds the registers, from the chip's address on. */
export const VGA_GENERATION: usize = offsetof<Vga>("generation");
export const VGA_SEQUENCER: usize = offsetof<Vga>();
export const VGA_GRAPHICS: usize = VGA_SEQUENCER + GRAPHICS_AT;
export const VGA_ATTRIBUTES: usize = VGA_SEQUENCER + ATTRIBUTES_AT;
export const VGA_CRTC: usize = VGA_SEQUENCER + CRTC_AT;
export const VGA_DAC: usize = VGA_SEQUENCER + DAC_AT;
export const VGA_SIZE: usize = VGA_DAC + 768;
