// The VESA modes of the Bochs display: QEMU's numbers, by resolution and depth. A mode that does not fit into video
// memory is not there.
import { VRAM_SIZE } from "../../machine/layout";

/** number, width, height, bits a dot; 16 bits each. */
const MODES: usize = memory.data<u16>([
  0x100, 640, 400, 8, 0x101, 640, 480, 8, 0x102, 800, 600, 4, 0x103, 800, 600, 8, 0x104, 1024, 768, 4, 0x105,
  1024, 768, 8, 0x106, 1280, 1024, 4, 0x107, 1280, 1024, 8, 0x10d, 320, 200, 15, 0x10e, 320, 200, 16, 0x10f,
  320, 200, 24, 0x110, 640, 480, 15, 0x111, 640, 480, 16, 0x112, 640, 480, 24, 0x113, 800, 600, 15, 0x114,
  800, 600, 16, 0x115, 800, 600, 24, 0x116, 1024, 768, 15, 0x117, 1024, 768, 16, 0x118, 1024, 768, 24, 0x119,
  1280, 1024, 15, 0x11a, 1280, 1024, 16, 0x11b, 1280, 1024, 24, 0x11c, 1600, 1200, 8, 0x11d, 1600, 1200, 15,
  0x11e, 1600, 1200, 16, 0x11f, 1600, 1200, 24, 0x140, 320, 200, 32, 0x141, 640, 400, 32, 0x142, 640, 480, 32,
  0x143, 800, 600, 32, 0x144, 1024, 768, 32, 0x145, 1280, 1024, 32, 0x146, 320, 200, 8, 0x147, 1600, 1200, 32,
  0x148, 1152, 864, 8, 0x149, 1152, 864, 15, 0x14a, 1152, 864, 16, 0x14b, 1152, 864, 24, 0x14c, 1152, 864, 32,
  0x175, 1280, 768, 16, 0x176, 1280, 768, 24, 0x177, 1280, 768, 32, 0x178, 1280, 800, 16, 0x179, 1280, 800,
  24, 0x17a, 1280, 800, 32, 0x17b, 1280, 960, 16, 0x17c, 1280, 960, 24, 0x17d, 1280, 960, 32, 0x17e, 1440,
  900, 16, 0x17f, 1440, 900, 24, 0x180, 1440, 900, 32, 0x181, 1400, 1050, 16, 0x182, 1400, 1050, 24, 0x183,
  1400, 1050, 32, 0x184, 1680, 1050, 16, 0x185, 1680, 1050, 24, 0x186, 1680, 1050, 32, 0x187, 1920, 1200, 16,
  0x188, 1920, 1200, 24, 0x189, 1920, 1200, 32, 0x18a, 2560, 1600, 16, 0x18b, 2560, 1600, 24, 0x18c, 2560,
  1600, 32, 0x18d, 1280, 720, 16, 0x18e, 1280, 720, 24, 0x18f, 1280, 720, 32, 0x190, 1920, 1080, 16, 0x191,
  1920, 1080, 24, 0x192, 1920, 1080, 32, 0x193, 1600, 900, 16, 0x194, 1600, 900, 24, 0x195, 1600, 900, 32,
  0x196, 2560, 1440, 16, 0x197, 2560, 1440, 24, 0x198, 2560, 1440, 32, 0x199, 3840, 2160, 16,
]);
const COUNT: u32 = 80;
const ROW: usize = 8;

function row(index: u32): usize {
  return MODES + <usize>index * ROW;
}

export function modeNumber(mode: usize): u32 {
  return load<u16>(mode);
}

export function modeWidth(mode: usize): u32 {
  return load<u16>(mode, 2);
}

export function modeHeight(mode: usize): u32 {
  return load<u16>(mode, 4);
}

export function modeDepth(mode: usize): u32 {
  return load<u16>(mode, 6);
}

/** Bytes from a line to the next; of a plane with four bits a dot. */
export function lineBytes(mode: usize): u32 {
  return modeDepth(mode) == 4 ? modeWidth(mode) >> 3 : modeWidth(mode) * ((modeDepth(mode) + 7) >> 3);
}

/** Video memory that the picture takes. */
export function pictureBytes(mode: usize): u32 {
  return lineBytes(mode) * modeHeight(mode) * (modeDepth(mode) == 4 ? 4 : 1);
}

/** The `index`th mode that fits, 0 behind the last one. */
export function modeAt(index: u32): usize {
  for (let i: u32 = 0; i < COUNT; i++) if (pictureBytes(row(i)) <= VRAM_SIZE && index-- == 0) return row(i);
  return 0;
}

/** The mode of a number, 0 for none. */
export function modeOf(number: u32): usize {
  for (let i: u32 = 0; i < COUNT; i++)
    if (modeNumber(row(i)) == number) return pictureBytes(row(i)) <= VRAM_SIZE ? row(i) : 0;
  return 0;
}
