// Dots of the graphics modes, straight in video memory (devices/vga.ts draws how the planes lie there).
import { vga } from "../../machine/board";
import { VRAM_AT, VRAM_SIZE } from "../../machine/layout";
import { BDA_COLUMNS, BDA_PAGE_SIZE, BDA_VIDEO_MODE } from "./bios-data";
import { low } from "./caller";
import { VBE_BPP, VBE_VIRTUAL_WIDTH, VBE_X, VBE_Y, readVbe, vbeIsOn } from "./vbe-registers";
import {
  KIND_BYTES,
  KIND_CGA_2,
  KIND_CGA_4,
  KIND_LINEAR,
  KIND_PLANAR,
  KIND_TEXT,
  kindOf,
  modeRow,
} from "./video-modes";

const CGA_LINE: u32 = 80;
const CGA_ODD_LINES: u32 = 0x2000;

/** How memory becomes dots now (KIND_*). */
export function currentKind(): u32 {
  if (vbeIsOn()) return readVbe(VBE_BPP) == 4 ? KIND_PLANAR : KIND_LINEAR;
  const row = modeRow(low<u8>(BDA_VIDEO_MODE));
  return row ? kindOf(row) : KIND_TEXT;
}

/** Bytes of a plane from a line to the next. */
function planarPitch(): u32 {
  return vbeIsOn() ? readVbe(VBE_VIRTUAL_WIDTH) >> 3 : low<u16>(BDA_COLUMNS);
}

/** Where a dot's first byte lies in video memory. */
function placeOf(kind: u32, page: u32, x: u32, y: u32): usize {
  switch (kind) {
    case KIND_CGA_4: {
      const offset = (y >> 1) * CGA_LINE + (y & 1) * CGA_ODD_LINES + (x >> 2);
      return VRAM_AT + ((<usize>(offset & ~1)) << 2) + <usize>(offset & 1);
    }
    case KIND_CGA_2:
      return VRAM_AT + ((<usize>((y >> 1) * CGA_LINE + (y & 1) * CGA_ODD_LINES + (x >> 3))) << 2);
    case KIND_PLANAR:
      return VRAM_AT + ((<usize>(page * low<u16>(BDA_PAGE_SIZE) + y * planarPitch() + (x >> 3))) << 2);
    case KIND_BYTES:
      return VRAM_AT + <usize>(y * 320 + x);
    default: {
      const at = ((y + readVbe(VBE_Y)) * readVbe(VBE_VIRTUAL_WIDTH) + x + readVbe(VBE_X)) * bytesPerDot();
      return VRAM_AT + <usize>min<u32>(at, VRAM_SIZE - 4);
    }
  }
}

function bytesPerDot(): u32 {
  return (readVbe(VBE_BPP) + 7) >> 3;
}

/** Draws a dot; bit 7 of `colour` means exclusive or, but where colours have eight bits. */
export function putDot(kind: u32, page: u32, x: u32, y: u32, colour: u32): void {
  const place = placeOf(kind, page, x, y);
  const exclusive = (colour & 0x80) != 0;
  switch (kind) {
    case KIND_CGA_4:
      putBits(place, 3, 6 - ((x & 3) << 1), colour & 3, exclusive);
      break;
    case KIND_CGA_2:
      putBits(place, 1, 7 - (x & 7), colour & 1, exclusive);
      break;
    case KIND_PLANAR:
      for (let plane: u32 = 0; plane < 4; plane++)
        putBits(place + <usize>plane, 1, 7 - (x & 7), (colour >> plane) & 1, exclusive);
      break;
    case KIND_BYTES:
      store<u8>(place, <u8>colour);
      break;
    default:
      putLinear(place, colour);
  }
  vga.generation++;
}

function putBits(place: usize, mask: u32, shift: u32, bits: u32, exclusive: bool): void {
  const old = <u32>load<u8>(place);
  const kept = old & ~(mask << shift);
  store<u8>(place, <u8>(exclusive ? old ^ (bits << shift) : kept | (bits << shift)));
}

/** VBE: a palette index, or one of the sixteen colours as red, green and blue. */
function putLinear(place: usize, colour: u32): void {
  const rgb = directColour(colour);
  switch (readVbe(VBE_BPP)) {
    case 8:
      store<u8>(place, <u8>colour);
      break;
    case 15:
      store<u16>(place, <u16>(((rgb >> 9) & 0x7c00) | ((rgb >> 6) & 0x3e0) | ((rgb >> 3) & 0x1f)));
      break;
    case 16:
      store<u16>(place, <u16>(((rgb >> 8) & 0xf800) | ((rgb >> 5) & 0x7e0) | ((rgb >> 3) & 0x1f)));
      break;
    case 24:
      store<u16>(place, <u16>rgb);
      store<u8>(place, <u8>(rgb >> 16), 2);
      break;
    default:
      store<u32>(place, rgb);
  }
}

function directColour(colour: u32): u32 {
  const base: u32 = colour & 8 ? 0x55 : 0;
  const green: u32 = (colour & 15) == 6 ? 0x55 : colour & 2 ? 0xaa : 0; // dark yellow is brown
  return ((base + (colour & 4 ? 0xaa : 0)) << 16) | ((base + green) << 8) | (base + (colour & 1 ? 0xaa : 0));
}

export function dotAt(kind: u32, page: u32, x: u32, y: u32): u32 {
  const place = placeOf(kind, page, x, y);
  switch (kind) {
    case KIND_CGA_4:
      return (load<u8>(place) >> (<u8>(6 - ((x & 3) << 1)))) & 3;
    case KIND_CGA_2:
      return (load<u8>(place) >> (<u8>(7 - (x & 7)))) & 1;
    case KIND_PLANAR: {
      let colour: u32 = 0;
      for (let plane: u32 = 0; plane < 4; plane++)
        colour |= (((<u32>load<u8>(place + <usize>plane)) >> (7 - (x & 7))) & 1) << plane;
      return colour;
    }
    default:
      return load<u8>(place);
  }
}

/** Copies `width` × `height` dots; lines of whole bytes go as they are. */
export function copyDots(kind: u32, page: u32, x: u32, fromY: u32, toY: u32, width: u32, height: u32): void {
  const up = toY < fromY;
  const length = lineBytes(kind, width);
  for (let n: u32 = 0; n < height; n++) {
    const line = up ? n : height - 1 - n;
    memory.copy(placeOf(kind, page, x, toY + line), placeOf(kind, page, x, fromY + line), length);
  }
  vga.generation++;
}

export function fillDots(kind: u32, page: u32, x: u32, y: u32, width: u32, height: u32, colour: u32): void {
  for (let line: u32 = 0; line < height; line++)
    for (let dot: u32 = 0; dot < width; dot++) putDot(kind, page, x + dot, y + line, colour & 0x7f);
}

/** Bytes of video memory that `width` dots take, x and width being multiples of 8. */
function lineBytes(kind: u32, width: u32): usize {
  switch (kind) {
    // Planes lie interleaved: two of four bytes are used, four bytes a character of eight dots.
    case KIND_CGA_4:
      return <usize>width;
    case KIND_CGA_2:
    case KIND_PLANAR:
      return <usize>(width >> 1);
    case KIND_BYTES:
      return <usize>width;
    default:
      return <usize>(width * bytesPerDot());
  }
}
