// INT 10h (IBM PS/2 and PC BIOS Interface Technical Reference; VBE in bios/vbe.ts).
import { portWrite } from "../../devices/bus";
import { cpu } from "../../cpu/state";
import { vga } from "../../machine/board";
import {
  BDA_CHARACTER_HEIGHT,
  BDA_COLUMNS,
  BDA_CRTC,
  BDA_CURSORS,
  BDA_CURSOR_SHAPE,
  BDA_DISPLAY_CODE,
  BDA_EQUIPMENT,
  BDA_MODE_SELECT,
  BDA_PAGE,
  BDA_PAGE_SIZE,
  BDA_PAGE_START,
  BDA_PALETTE,
  BDA_ROWS,
  BDA_VIDEO_CONTROL,
  BDA_VIDEO_FLAGS,
  BDA_VIDEO_MODE,
  BDA_VIDEO_SWITCHES,
} from "./bios-data";
import { caller, low, readGuest, setLow, writeGuest } from "./caller";
import { FONT_8X8, ROM_SEGMENT } from "./layout";
import { serveVbe } from "./vbe";
import { VBE_ENABLE, vbeIsOn, writeVbe } from "./vbe-registers";
import { loadRomFont, pointToCgaHigh, pointToFont, romFont, serveFonts } from "./video-fonts";
import {
  KIND_TEXT,
  clearPicture,
  columnsOf,
  crtcOf,
  heightOf,
  kindOf,
  modeRow,
  pageSizeOf,
  paletteOf,
  programMode,
  readAttribute,
  rowsOf,
  writeAttribute,
  writeIndexed,
} from "./video-modes";
import { loadPalette, servePalette } from "./video-palette";
import { currentKind, dotAt, putDot } from "./video-pixels";
import {
  activePage,
  columns,
  cursorOf,
  readCell,
  rows,
  scroll,
  setCursor,
  showPage,
  writeCell,
  writeTeletype,
} from "./video-text";

const KEEP_MEMORY: u32 = 0x80;
const CURSOR_START: u32 = 0x0a;
const COLOUR_80: u32 = 0x20;
const MONOCHROME_80: u32 = 0x30;
/** Bits 5-4 of the equipment word: the display at power on. */
const DISPLAY_BITS: u32 = 0x30;
const DISPLAY_VGA_COLOUR: u32 = 0x08;
const DISPLAY_VGA_MONOCHROME: u32 = 0x07;

/** AH=00h: mode AL, the picture cleared unless bit 7 is set. */
export function setMode(mode: u32, keep: bool): void {
  const row = modeRow(mode);
  if (row == 0) return;
  if (vbeIsOn()) writeVbe(VBE_ENABLE, 0);
  const kind = kindOf(row);
  programMode(row);
  loadPalette(paletteOf(row));
  if (!keep) clearPicture(kind);
  const height = heightOf(row);
  if (kind == KIND_TEXT) loadRomFont(0, romFont(height), height);
  tellMode(mode, columnsOf(row), rowsOf(row), pageSizeOf(row), keep);
  setLow<u16>(BDA_CRTC, crtcOf(row));
  setLow<u16>(
    BDA_EQUIPMENT,
    (low<u16>(BDA_EQUIPMENT) & ~DISPLAY_BITS) | (mode == 7 ? MONOCHROME_80 : COLOUR_80),
  );
  pointToFont(ROM_SEGMENT, romFont(height), height);
  pointToCgaHigh(ROM_SEGMENT, FONT_8X8 + 0x80 * 8);
  if (kind == KIND_TEXT) setCursorShape(0x0607);
  showPage(0);
}

/** What programs read of the mode in the BIOS data area. */
export function tellMode(mode: u32, columnCount: u32, lastRow: u32, pageSize: u32, keep: bool): void {
  setLow<u8>(BDA_VIDEO_MODE, mode);
  setLow<u16>(BDA_COLUMNS, columnCount);
  setLow<u16>(BDA_PAGE_SIZE, pageSize);
  setLow<u16>(BDA_PAGE_START, 0);
  setLow<u8>(BDA_PAGE, 0);
  for (let page: u32 = 0; page < 8; page++) setLow<u16>(BDA_CURSORS + (page << 1), 0);
  setLow<u8>(BDA_ROWS, lastRow);
  setLow<u8>(BDA_MODE_SELECT, 0);
  setLow<u8>(BDA_PALETTE, 0);
  setLow<u8>(BDA_VIDEO_CONTROL, 0x60 | (keep ? KEEP_MEMORY : 0)); // 256 KiB
  setLow<u8>(BDA_VIDEO_SWITCHES, 0xf9);
  setLow<u8>(BDA_VIDEO_FLAGS, 0x51); // 400 lines, VGA
  setLow<u8>(BDA_DISPLAY_CODE, mode == 7 ? DISPLAY_VGA_MONOCHROME : DISPLAY_VGA_COLOUR);
}

export function serveVideo(): bool {
  switch (caller.ah) {
    case 0x00:
      setMode(caller.al & 0x7f, (caller.al & KEEP_MEMORY) != 0);
      // What stands in AL is a convention of old: the kind of mode.
      caller.al = (caller.al & 0x7f) > 7 ? 0x20 : (caller.al & 0x7f) == 6 ? 0x3f : 0x30;
      break;
    case 0x01:
      setCursorShape(caller.cx);
      break;
    case 0x02:
      setCursor(caller.bh, caller.dh, caller.dl);
      break;
    case 0x03:
      caller.dx = cursorOf(caller.bh);
      caller.cx = low<u16>(BDA_CURSOR_SHAPE);
      break;
    case 0x04: // no light pen
      caller.ax = 0;
      break;
    case 0x05:
      showPage(caller.al);
      break;
    case 0x06:
    case 0x07:
      scroll(
        activePage(),
        caller.ch,
        caller.cl,
        caller.dh,
        caller.dl,
        caller.al,
        caller.bh,
        caller.ah == 0x06,
      );
      break;
    case 0x08:
      caller.ax = readCell(caller.bh);
      break;
    case 0x09:
    case 0x0a:
      repeatCell(caller.ah == 0x0a);
      break;
    case 0x0b:
      setBackground();
      break;
    case 0x0c:
      putDot(currentKind(), caller.bh, caller.cx, caller.dx, caller.al);
      break;
    case 0x0d:
      caller.al = dotAt(currentKind(), caller.bh, caller.cx, caller.dx);
      break;
    case 0x0e:
      writeTeletype(caller.al, caller.bl);
      break;
    case 0x0f:
      caller.al = low<u8>(BDA_VIDEO_MODE) | (low<u8>(BDA_VIDEO_CONTROL) & KEEP_MEMORY);
      caller.ah = low<u16>(BDA_COLUMNS);
      caller.bh = activePage();
      break;
    case 0x10:
      servePalette();
      break;
    case 0x11:
      serveFonts();
      break;
    case 0x12:
      serveAlternate();
      break;
    case 0x13:
      writeString();
      break;
    case 0x1a:
      serveDisplayCode();
      break;
    case 0x1b:
      tellState();
      break;
    case 0x4f:
      serveVbe();
      break;
  }
  return true;
}

/** CH, CL: first and last line of the cursor, as if characters were eight lines high; CH bit 5 hides it. */
function setCursorShape(shape: u32): void {
  setLow<u16>(BDA_CURSOR_SHAPE, shape);
  let start = (shape >> 8) & 0x3f;
  let end = shape & 0x1f;
  const height = low<u16>(BDA_CHARACTER_HEIGHT);
  // Programs of the CGA ask for lines 6-7: the underline, where characters are higher.
  if (height > 8 && end < 8 && start < 0x20) {
    start = end == start + 1 ? ((end + 1) * height) / 8 - 2 : ((start + 1) * height) / 8 - 1;
    end = ((end + 1) * height) / 8 - 1;
    if (end == height - 1 && height == 16) {
      start--;
      end--;
    }
  }
  writeIndexed(low<u16>(BDA_CRTC), CURSOR_START, start);
  writeIndexed(low<u16>(BDA_CRTC), CURSOR_START + 1, end);
}

/** AH=09h, 0Ah: AL from the cursor on, CX times; `keep`: the attributes that are there. */
function repeatCell(keep: bool): void {
  const cursor = cursorOf(caller.bh);
  let row = cursor >> 8;
  let column = cursor & 0xff;
  const count = min(caller.cx, columns() * rows());
  for (let n: u32 = 0; n < count; n++) {
    writeCell(caller.bh, row, column, caller.al, caller.bl, keep);
    if (++column == columns()) {
      column = 0;
      row++;
    }
  }
}

/** AH=0Bh: the CGA's border and palette, as attribute registers. */
function setBackground(): void {
  if (caller.bh == 0) {
    writeAttribute(0x11, caller.bl & 0x1f);
    if (currentKind() != KIND_TEXT) writeAttribute(0, (caller.bl & 7) | ((caller.bl & 8) << 1));
    return;
  }
  const cyan = caller.bl & 1;
  const bright = readAttribute(1) & 0x10;
  for (let i: u32 = 1; i < 4; i++) writeAttribute(i, bright | (i << 1) | cyan);
}

function serveAlternate(): void {
  switch (caller.bl) {
    case 0x10: // colour, 256 KiB, feature bits, switches
      caller.bh = low<u16>(BDA_CRTC) == 0x3b4 ? 1 : 0;
      caller.bl = 3;
      caller.cx = low<u8>(BDA_VIDEO_SWITCHES) & 15;
      break;
    case 0x30: // lines of text modes; switching is not offered, 400 they are
    case 0x31: // palette loading
    case 0x32: // the adapter on or off
    case 0x33: // grey
    case 0x34: // cursor emulation
    case 0x36: // screen off
      if (caller.bl == 0x36) setScreen(caller.al == 0);
      caller.al = 0x12;
      break;
  }
}

/** Sequencer register 1, bit 5: the screen is off. */
function setScreen(on: bool): void {
  portWrite(0x3c4, 1, 1);
  const row = modeRow(low<u8>(BDA_VIDEO_MODE));
  const clocking = row ? vga.read(5, 0) & ~0x20 : 1;
  portWrite(0x3c5, 1, on ? clocking : clocking | 0x20);
}

/** AH=13h: the string at ES:BP; AL bit 0: the cursor moves, bit 1: attributes stand between the characters. */
function writeString(): void {
  const page = caller.bh;
  const before = cursorOf(page);
  const mixed = (caller.al & 2) != 0;
  let at = caller.bp;
  let row = caller.dh;
  let column = caller.dl;
  for (let n: u32 = 0; n < caller.cx; n++) {
    const character = readGuest<u8>(cpu.esBase, at++);
    const control = character == 7 || character == 8 || character == 10 || character == 13;
    const attribute = mixed && !control ? readGuest<u8>(cpu.esBase, at++) : caller.bl;
    setCursor(page, row, column);
    if (!control) writeCell(page, row, column, character, attribute, false);
    // The teletype knows where the cursor goes; the cell is there already.
    advance(page, character, control);
    row = cursorOf(page) >> 8;
    column = cursorOf(page) & 0xff;
  }
  if ((caller.al & 1) == 0) setCursor(page, before >> 8, before & 0xff);
}

function advance(page: u32, character: u32, control: bool): void {
  if (control) {
    writeTeletype(character, 0);
    return;
  }
  const cursor = cursorOf(page);
  if ((cursor & 0xff) + 1 < columns()) {
    setCursor(page, cursor >> 8, (cursor & 0xff) + 1);
    return;
  }
  setCursor(page, cursor >> 8, 0);
  writeTeletype(10, 0);
}

function serveDisplayCode(): void {
  if (caller.al > 1) return;
  if (caller.al == 0) {
    caller.bl = low<u8>(BDA_DISPLAY_CODE);
    caller.bh = 0;
  } else setLow<u8>(BDA_DISPLAY_CODE, caller.bl);
  caller.al = 0x1a;
}

/** AH=1Bh: 64 bytes of state at ES:DI; the static table it points to is left out. */
function tellState(): void {
  if (caller.bx != 0) return;
  const es = cpu.esBase;
  const to = caller.di;
  for (let i: u32 = 0; i < 64; i++) writeGuest<u8>(es, to + i, 0);
  // BDA 49h-66h and 84h-86h, as they stand there.
  for (let i: u32 = 0; i < 0x1e; i++) writeGuest<u8>(es, to + 4 + i, low<u8>(BDA_VIDEO_MODE + i));
  for (let i: u32 = 0; i < 3; i++) writeGuest<u8>(es, to + 0x22 + i, low<u8>(BDA_ROWS + i));
  writeGuest<u8>(es, to + 0x25, low<u8>(BDA_DISPLAY_CODE));
  writeGuest<u16>(es, to + 0x27, 16); // colours
  writeGuest<u8>(es, to + 0x29, 8); // pages
  writeGuest<u8>(es, to + 0x2a, 2); // 400 lines
  writeGuest<u8>(es, to + 0x31, 3); // 256 KiB
  caller.al = 0x1b;
}
