// INT 10h AH=11h: fonts into the VGA's plane 2, or as the pointers that graphics modes draw from.
import { portRead, portWrite } from "../../devices/bus";
import { cpu } from "../../cpu/state";
import { vga } from "../../machine/board";
import { RAM_AT, VRAM_AT } from "../../machine/layout";
import { BDA_CHARACTER_HEIGHT, BDA_COLUMNS, BDA_CRTC, BDA_PAGE_SIZE, BDA_ROWS } from "./bios-data";
import { caller, low, readGuest, setLow } from "./caller";
import { FONT_8X14, FONT_8X16, FONT_8X8, FONT_8X8_LOW, ROM_SEGMENT } from "./layout";
import { writeIndexed } from "./video-modes";

const GLYPHS: u32 = 256;
/** Plane 2 gives each glyph 32 lines. */
const GLYPH_LINES: u32 = 32;
const CGA_HIGH_VECTOR: u32 = 0x1f * 4;
const FONT_VECTOR: u32 = 0x43 * 4;
const MAXIMUM_SCAN_LINE: u32 = 0x09;
const CURSOR_START: u32 = 0x0a;
const VERTICAL_END: u32 = 0x12;
const CELL_BYTES: u32 = 2;

/** Eight fonts of 8 KiB in plane 2: 0-3 at every 16 KiB, 4-7 between them. */
function blockOffset(block: u32): u32 {
  return ((block & 3) << 14) | ((block & 4) << 11);
}

function loadGlyph(block: u32, character: u32, line: u32, bits: u32): void {
  const offset = blockOffset(block) + character * GLYPH_LINES + line;
  store<u8>(VRAM_AT + ((<usize>(offset & 0xffff)) << 2) + 2, <u8>bits);
}

/** Loads one of ours, by its offset in ROM. */
export function loadRomFont(block: u32, font: u32, height: u32): void {
  const from = RAM_AT + <usize>((ROM_SEGMENT << 4) + font);
  for (let character: u32 = 0; character < GLYPHS; character++)
    for (let line: u32 = 0; line < height; line++)
      loadGlyph(block, character, line, load<u8>(from + <usize>(character * height + line)));
  vga.generation++;
}

/** The font of ours that has characters so high. */
export function romFont(height: u32): u32 {
  return height == 16 ? FONT_8X16 : height == 14 ? FONT_8X14 : FONT_8X8;
}

/** What graphics modes draw with. */
export function pointToFont(segment: u32, offset: u32, height: u32): void {
  setLow<u16>(FONT_VECTOR, offset);
  setLow<u16>(FONT_VECTOR + 2, segment);
  setLow<u16>(BDA_CHARACTER_HEIGHT, height);
}

export function pointToCgaHigh(segment: u32, offset: u32): void {
  setLow<u16>(CGA_HIGH_VECTOR, offset);
  setLow<u16>(CGA_HIGH_VECTOR + 2, segment);
}

export function serveFonts(): void {
  const service = caller.al;
  switch (service & 0x2f) {
    case 0x00:
      loadGuestFont();
      break;
    case 0x01:
      loadRomFont(caller.bl & 7, FONT_8X14, 14);
      break;
    case 0x02:
      loadRomFont(caller.bl & 7, FONT_8X8, 8);
      break;
    case 0x03:
      writeIndexed(0x3c4, 3, caller.bl);
      break;
    case 0x04:
      loadRomFont(caller.bl & 7, FONT_8X16, 16);
      break;
    case 0x20:
      // 30h falls here as well.
      if (service == 0x30) tellFonts();
      else pointToCgaHigh(cpu.esSelector, caller.bp);
      return;
    case 0x21:
      pointToFont(cpu.esSelector, caller.bp, caller.cx);
      setGraphicsRows();
      return;
    case 0x22:
    case 0x23:
    case 0x24: {
      const height: u32 = service == 0x22 ? 14 : service == 0x23 ? 8 : 16;
      pointToFont(ROM_SEGMENT, romFont(height), height);
      setGraphicsRows();
      return;
    }
    default:
      return;
  }
  // 1xh: the screen's rows follow the font's height.
  if ((service & 0x10) == 0) return;
  const font = service & 0x0f;
  if (font == 0) fitRows(caller.bh);
  else if (font != 3) fitRows(font == 1 ? 14 : font == 2 ? 8 : 16);
}

/** ES:BP, BH lines each, CX of them from character DX on, to block BL. */
function loadGuestFont(): void {
  const height = caller.bh;
  for (let n: u32 = 0; n < caller.cx; n++)
    for (let line: u32 = 0; line < min(height, GLYPH_LINES); line++)
      loadGlyph(
        caller.bl & 7,
        (caller.dx + n) & 0xff,
        line,
        readGuest<u8>(cpu.esBase, caller.bp + n * height + line),
      );
  vga.generation++;
}

/** As many rows as the picture's lines have room for. */
function fitRows(height: u32): void {
  if (height == 0 || height > GLYPH_LINES) return;
  const crtc = low<u16>(BDA_CRTC);
  writeIndexed(crtc, MAXIMUM_SCAN_LINE, (readIndexed(crtc, MAXIMUM_SCAN_LINE) & 0xe0) | (height - 1));
  writeIndexed(crtc, CURSOR_START, height - 2);
  writeIndexed(crtc, CURSOR_START + 1, height - 1);
  const overflow = readIndexed(crtc, 0x07);
  const lines = (readIndexed(crtc, VERTICAL_END) | ((overflow & 0x02) << 7) | ((overflow & 0x40) << 3)) + 1;
  const rows = max<u32>(lines / height, 1);
  setLow<u8>(BDA_ROWS, rows - 1);
  setLow<u16>(BDA_CHARACTER_HEIGHT, height);
  const cells = rows * low<u16>(BDA_COLUMNS) * CELL_BYTES;
  setLow<u16>(BDA_PAGE_SIZE, (cells + 0x1ff) & ~0xff);
}

function readIndexed(port: u32, index: u32): u32 {
  portWrite(port, 1, index);
  return portRead(port + 1, 1);
}

/** BL: 0 = rows in DL, 1-3 = 14, 25, 43 rows. */
function setGraphicsRows(): void {
  const rows: u32 = caller.bl == 0 ? caller.dl : caller.bl == 1 ? 14 : caller.bl == 2 ? 25 : 43;
  setLow<u8>(BDA_ROWS, rows - 1);
}

/** AL=30h: ES:BP the font that BH names, CX lines a character, DL rows less one. */
function tellFonts(): void {
  caller.cx = low<u16>(BDA_CHARACTER_HEIGHT);
  caller.dl = low<u8>(BDA_ROWS);
  if (caller.bh <= 1) {
    const vector = caller.bh == 0 ? CGA_HIGH_VECTOR : FONT_VECTOR;
    caller.bp = low<u16>(vector);
    caller.es = low<u16>(vector + 2);
    return;
  }
  caller.es = ROM_SEGMENT;
  switch (caller.bh) {
    case 2:
    case 5: // 9 × 14 differs in no glyph
      caller.bp = FONT_8X14;
      break;
    case 3:
      caller.bp = FONT_8X8_LOW;
      break;
    case 4:
      caller.bp = FONT_8X8 + 0x80 * 8;
      break;
    default:
      caller.bp = FONT_8X16;
  }
}
