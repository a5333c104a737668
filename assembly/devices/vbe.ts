// Bochs' VBE registers ("VBE Display Interface", as documented with the Bochs VBE patch): an index at 1CEh, 16-bit
// data at 1CFh. They choose a linear mode of any size beside the VGA's own.
import { VRAM_SIZE } from "../machine/layout";

const ID: u32 = 0;
const WIDTH: u32 = 1;
const HEIGHT: u32 = 2;
const DEPTH: u32 = 3;
const ENABLE: u32 = 4;
const BANK: u32 = 5;
const VIRTUAL_WIDTH: u32 = 6;
const VIRTUAL_HEIGHT: u32 = 7;
const X_OFFSET: u32 = 8;
const Y_OFFSET: u32 = 9;
const MEMORY: u32 = 10;
const COUNT: u32 = 11;

const ID_FIRST: u32 = 0xb0c0;
const ID_LAST: u32 = 0xb0c5;

const ENABLE_ON: u32 = 1 << 0;
const ENABLE_CAPABILITIES: u32 = 1 << 1;
const ENABLE_LINEAR: u32 = 1 << 6;
const ENABLE_KEEP_MEMORY: u32 = 1 << 7;

const WIDTH_MAX: u32 = 16000;
const HEIGHT_MAX: u32 = 12000;
const DEPTH_MAX: u32 = 32;
const BANK_SIZE: u32 = 0x1_0000;

@final
@unmanaged
export class VbeRegisters {
  private index: u32;
  // The registers follow, 16 bits each: see VBE_SIZE.

  private at(index: u32): usize {
    return changetype<usize>(this) + offsetof<VbeRegisters>() + ((<usize>index) << 1);
  }

  private get(index: u32): u32 {
    return load<u16>(this.at(index));
  }

  private set(index: u32, value: u32): void {
    store<u16>(this.at(index), <u16>value);
  }

  reset(): void {
    memory.fill(changetype<usize>(this), 0, VBE_SIZE);
    this.set(ID, ID_LAST);
  }

  get enabled(): bool {
    return (this.get(ENABLE) & ENABLE_ON) != 0;
  }

  /** Whether the window at A0000h shows a bank of the frame buffer. */
  get banked(): bool {
    return this.enabled;
  }

  bankOffset(address: u32): u32 {
    return this.get(BANK) * BANK_SIZE + (address & (BANK_SIZE - 1));
  }

  readIndex(): u32 {
    return this.index;
  }

  writeIndex(index: u32): void {
    this.index = index;
  }

  read(): u32 {
    if (this.index == MEMORY) return VRAM_SIZE >> 16;
    if (this.get(ENABLE) & ENABLE_CAPABILITIES) {
      if (this.index == WIDTH) return WIDTH_MAX;
      if (this.index == HEIGHT) return HEIGHT_MAX;
      if (this.index == DEPTH) return DEPTH_MAX;
    }
    return this.index < COUNT ? this.get(this.index) : 0;
  }

  /** Returns whether the frame buffer is to be cleared. */
  write(value: u32): bool {
    switch (this.index) {
      case ID:
        if (value >= ID_FIRST && value <= ID_LAST) this.set(ID, value);
        break;
      case WIDTH:
        if (value != 0 && value <= WIDTH_MAX) this.set(WIDTH, value & ~7);
        break;
      case HEIGHT:
        if (value != 0 && value <= HEIGHT_MAX) this.set(HEIGHT, value);
        break;
      case DEPTH:
        if (isDepth(value)) this.set(DEPTH, value);
        break;
      case ENABLE:
        return this.enable(value);
      case BANK:
        if (value < VRAM_SIZE / BANK_SIZE) this.set(BANK, value);
        break;
      case VIRTUAL_WIDTH:
        this.setVirtualWidth(value);
        break;
      case X_OFFSET:
        if (value + this.get(WIDTH) <= this.get(VIRTUAL_WIDTH)) this.set(X_OFFSET, value);
        break;
      case Y_OFFSET:
        if (value + this.get(HEIGHT) <= this.get(VIRTUAL_HEIGHT)) this.set(Y_OFFSET, value);
        break;
    }
    return false;
  }

  private enable(value: u32): bool {
    const turnsOn = (value & ENABLE_ON) != 0 && !this.enabled;
    this.set(ENABLE, value & (ENABLE_ON | ENABLE_CAPABILITIES | 0x20 | ENABLE_LINEAR | ENABLE_KEEP_MEMORY));
    this.set(BANK, 0);
    if (!turnsOn) return false;
    this.set(X_OFFSET, 0);
    this.set(Y_OFFSET, 0);
    this.setVirtualWidth(this.get(WIDTH));
    return (value & ENABLE_KEEP_MEMORY) == 0;
  }

  private bytesPerLine(width: u32): u32 {
    const depth = this.get(DEPTH);
    return depth == 4 ? width >> 3 : width * ((depth + 7) >> 3);
  }

  /** A virtual screen is at least as wide as what is shown, and as high as memory allows. */
  private setVirtualWidth(width: u32): void {
    const wide = max(width & ~7, this.get(WIDTH));
    const line = this.bytesPerLine(wide);
    this.set(VIRTUAL_WIDTH, wide);
    this.set(VIRTUAL_HEIGHT, line == 0 ? 0 : min(VRAM_SIZE / line, 0xffff));
  }
}

function isDepth(bits: u32): bool {
  return bits == 4 || bits == 8 || bits == 15 || bits == 16 || bits == 24 || bits == 32;
}

export const VBE_SIZE: usize = offsetof<VbeRegisters>() + ((<usize>COUNT) << 1);
