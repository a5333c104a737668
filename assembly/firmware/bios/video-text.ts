// Characters on the screen, in text modes and drawn in graphics modes: cursor, teletype, scrolling. What is written also
// goes to the serial console, where there is one (bios/terminal.ts).
import { vga } from "../../machine/board";
import { VRAM_AT } from "../../machine/layout";
import { readPhysical } from "../../memory/physical";
import {
  BDA_CHARACTER_HEIGHT,
  BDA_COLUMNS,
  BDA_CRTC,
  BDA_CURSORS,
  BDA_PAGE,
  BDA_PAGE_SIZE,
  BDA_PAGE_START,
  BDA_ROWS,
} from "./bios-data";
import { low, setLow } from "./caller";
import { echoCharacter, echoClear, echoControl } from "./terminal";
import { KIND_BYTES, KIND_CGA_2, KIND_CGA_4, KIND_TEXT, writeIndexed } from "./video-modes";
import { copyDots, currentKind, dotAt, fillDots, putDot } from "./video-pixels";

const BELL: u32 = 0x07;
const BACKSPACE: u32 = 0x08;
const LINE_FEED: u32 = 0x0a;
const RETURN: u32 = 0x0d;
const SPACE: u32 = 0x20;
const WIDTH: u32 = 8;
const CELLS: u32 = 0x4000;
const NORMAL: u32 = 0x07;

const CURSOR_HIGH: u32 = 0x0e;
const START_HIGH: u32 = 0x0c;

/** Interrupt vectors that are pointers to fonts: the upper half of CGA's, and the one in use. */
const FONT_CGA_HIGH: u32 = 0x1f * 4;
const FONT: u32 = 0x43 * 4;

export function columns(): u32 {
  return max<u32>(low<u16>(BDA_COLUMNS), 1);
}

export function rows(): u32 {
  return low<u8>(BDA_ROWS) + 1;
}

function height(): u32 {
  return max<u32>(low<u16>(BDA_CHARACTER_HEIGHT), 1);
}

export function activePage(): u32 {
  return low<u8>(BDA_PAGE);
}

/** Row << 8 | column. */
export function cursorOf(page: u32): u32 {
  return low<u16>(BDA_CURSORS + ((page & 7) << 1));
}

export function setCursor(page: u32, row: u32, column: u32): void {
  setLow<u16>(BDA_CURSORS + ((page & 7) << 1), (row << 8) | column);
  if (page == activePage()) showCursor();
}

/** Tells the CRTC, which counts cells from the start of video memory. */
function showCursor(): void {
  const cursor = cursorOf(activePage());
  const cell = (low<u16>(BDA_PAGE_START) >> 1) + (cursor >> 8) * columns() + (cursor & 0xff);
  writeIndexed(low<u16>(BDA_CRTC), CURSOR_HIGH, cell >> 8);
  writeIndexed(low<u16>(BDA_CRTC), CURSOR_HIGH + 1, cell & 0xff);
}

/** INT 10h AH=05h. */
export function showPage(page: u32): void {
  const start = (page & 7) * low<u16>(BDA_PAGE_SIZE);
  setLow<u16>(BDA_PAGE_START, start);
  setLow<u8>(BDA_PAGE, page & 7);
  const address = currentKind() == KIND_TEXT ? start >> 1 : start;
  writeIndexed(low<u16>(BDA_CRTC), START_HIGH, address >> 8);
  writeIndexed(low<u16>(BDA_CRTC), START_HIGH + 1, address & 0xff);
  showCursor();
}

/** A text cell: character in the low byte, attribute in the high one. */
function cellPlace(page: u32, row: u32, column: u32): usize {
  const cell = ((page * low<u16>(BDA_PAGE_SIZE)) >> 1) + row * columns() + column;
  return VRAM_AT + ((<usize>(cell & (CELLS - 1))) << 3);
}

export function readCell(page: u32): u32 {
  const cursor = cursorOf(page);
  const kind = currentKind();
  if (kind == KIND_TEXT) return load<u16>(cellPlace(page, cursor >> 8, cursor & 0xff));
  return recognise(kind, page, cursor >> 8, cursor & 0xff);
}

/** Writes character and attribute; `keep`: the attribute that is there stays. */
export function writeCell(
  page: u32,
  row: u32,
  column: u32,
  character: u32,
  attribute: u32,
  keep: bool,
): void {
  const kind = currentKind();
  if (kind == KIND_TEXT) {
    const place = cellPlace(page, row, column);
    if (keep) store<u8>(place, <u8>character);
    else store<u16>(place, <u16>(character | (attribute << 8)));
    vga.generation++;
    echoCharacter(row, column, character, load<u8>(place, 1));
  } else {
    draw(kind, page, row, column, character, attribute);
    echoCharacter(row, column, character, attribute & 0x0f);
  }
}

/** Where a character's glyph is read: by INT 43h, in CGA's modes by INT 1Fh from 80h on. */
function glyph(kind: u32, character: u32): u32 {
  const upper = (kind == KIND_CGA_4 || kind == KIND_CGA_2) && character >= 0x80;
  const vector = upper ? FONT_CGA_HIGH : FONT;
  const font = (low<u16>(vector + 2) << 4) + low<u16>(vector);
  return font + (upper ? character - 0x80 : character) * height();
}

/** Draws a character's dots; with bit 7 of the colour as exclusive or, which leaves the background. */
function draw(kind: u32, page: u32, row: u32, column: u32, character: u32, colour: u32): void {
  const from = glyph(kind, character);
  const exclusive = (colour & 0x80) != 0 && kind != KIND_BYTES;
  for (let y: u32 = 0; y < height(); y++) {
    const line: u32 = readPhysical<u8>(from + y);
    for (let x: u32 = 0; x < WIDTH; x++) {
      const set = (line & (0x80 >> x)) != 0;
      if (set || !exclusive) putDot(kind, page, column * WIDTH + x, row * height() + y, set ? colour : 0);
    }
  }
}

/** The character whose dots are there, 0 for none: what is not background counts as set. */
function recognise(kind: u32, page: u32, row: u32, column: u32): u32 {
  for (let character: u32 = 1; character < 256; character++)
    if (looksLike(kind, page, row, column, character)) return character;
  return 0;
}

function looksLike(kind: u32, page: u32, row: u32, column: u32, character: u32): bool {
  const from = glyph(kind, character);
  for (let y: u32 = 0; y < height(); y++) {
    let line: u32 = 0;
    for (let x: u32 = 0; x < WIDTH; x++)
      if (dotAt(kind, page, column * WIDTH + x, row * height() + y) != 0) line |= 0x80 >> x;
    if (line != readPhysical<u8>(from + y)) return false;
  }
  return true;
}

/** INT 10h AH=0Eh: a character where the cursor is, and the cursor on; `colour` counts in graphics modes. */
export function writeTeletype(character: u32, colour: u32): void {
  const page = activePage();
  const cursor = cursorOf(page);
  let row = cursor >> 8;
  let column = cursor & 0xff;
  switch (character) {
    case BELL:
      return;
    case BACKSPACE:
      if (column > 0) column--;
      break;
    case LINE_FEED:
      row++;
      break;
    case RETURN:
      column = 0;
      break;
    default:
      writeCell(page, row, column, character, colour, true);
      column++;
  }
  if (column >= columns()) {
    column = 0;
    row++;
  }
  if (row >= rows()) {
    row = rows() - 1;
    const blank = currentKind() == KIND_TEXT ? <u32>load<u8>(cellPlace(page, row, column), 1) : 0;
    scroll(page, 0, 0, row, columns() - 1, 1, blank, true);
  }
  setCursor(page, row, column);
  if (character < SPACE) echoControl(character, row, column);
}

/** Moves a window's lines up or down and blanks what becomes free; 0 lines blank it all. */
export function scroll(
  page: u32,
  top: u32,
  left: u32,
  bottom: u32,
  right: u32,
  lines: u32,
  attribute: u32,
  up: bool,
): void {
  const lastRow = min(bottom, rows() - 1);
  const lastColumn = min(right, columns() - 1);
  if (top > lastRow || left > lastColumn) return;
  const all = lastRow - top + 1;
  const free = lines == 0 || lines > all ? all : lines;
  const kind = currentKind();
  const width = lastColumn - left + 1;
  if (kind == KIND_TEXT) {
    for (let n = free; n < all; n++) {
      const to = up ? top + n - free : lastRow - (n - free);
      const from = up ? top + n : lastRow - n;
      memory.copy(cellPlace(page, to, left), cellPlace(page, from, left), (<usize>width) << 3);
    }
    for (let n: u32 = 0; n < free; n++) blankCells(page, up ? lastRow - n : top + n, left, width, attribute);
    vga.generation++;
  } else {
    const cell = height();
    const kept = (all - free) * cell;
    const moved = free * cell;
    const first = top * cell;
    if (kept)
      copyDots(
        kind,
        page,
        left * WIDTH,
        up ? first + moved : first,
        up ? first : first + moved,
        width * WIDTH,
        kept,
      );
    fillDots(kind, page, left * WIDTH, up ? first + kept : first, width * WIDTH, moved, attribute);
  }
  if (free == all && top == 0 && left == 0 && all == rows())
    echoClear(kind == KIND_TEXT ? attribute : NORMAL);
}

function blankCells(page: u32, row: u32, column: u32, count: u32, attribute: u32): void {
  for (let i: u32 = 0; i < count; i++)
    store<u16>(cellPlace(page, row, column + i), <u16>(SPACE | (attribute << 8)));
}
