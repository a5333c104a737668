// The guest's screen as characters of a terminal: text mode cell by cell, graphics as half blocks, two pixels a cell.
// A frame is drawn as what differs from the one before.
import { character } from "./characters.ts";
import type { Picture, TextScreen } from "./vga.ts";

/** A cell: its character and the escape codes that colour it. */
interface Cell {
  character: string;
  /** Parameters of SGR (ECMA-48 8.3.117). */
  style: string;
}

export interface Frame {
  columns: number;
  rows: number;
  /** Row by row. */
  cells: readonly Cell[];
  cursor: { column: number; row: number } | undefined;
}

const BLANK: Cell = { character: " ", style: "0" };
const UPPER_HALF = "▀";
/** VGA's colours count blue first, a terminal's red first. */
const TERMINAL_COLOUR = [0, 4, 2, 6, 1, 5, 3, 7] as const;

function style(attribute: number, blinks: boolean): string {
  const fore = (attribute & 8 ? 90 : 30) + TERMINAL_COLOUR[attribute & 7]!;
  const bright = (attribute & 0x80) !== 0;
  const back = (bright && !blinks ? 100 : 40) + TERMINAL_COLOUR[(attribute >> 4) & 7]!;
  return `0;${fore};${back}${bright && blinks ? ";5" : ""}`;
}

/** A text screen, cut to the terminal's size; where it is higher, the rows around the cursor. */
export function textFrame(screen: TextScreen, columns: number, rows: number): Frame {
  const height = Math.min(rows, screen.rows);
  const width = Math.min(columns, screen.columns);
  const bottom = (screen.cursor?.row ?? height - 1) + 1;
  const first = Math.max(0, Math.min(screen.rows - height, bottom - height));
  const cells: Cell[] = [];
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const at = (first + row) * screen.columns + column;
      cells.push({
        character: character(screen.codes[at]!),
        style: style(screen.attributes[at]!, screen.blinks),
      });
    }
  const { cursor } = screen;
  const shown = cursor && cursor.column < width && cursor.row >= first && cursor.row < first + height;
  return {
    columns: width,
    rows: height,
    cells,
    cursor: shown ? { column: cursor.column, row: cursor.row - first } : undefined,
  };
}

/** A picture made to fit: each cell shows the nearest pixel of its upper and its lower half. */
export function pictureFrame({ width, height, rgba }: Picture, columns: number, rows: number): Frame {
  const scale = Math.max(width / columns, height / (rows * 2), 1);
  const wide = Math.max(1, Math.floor(width / scale));
  const high = Math.max(1, Math.floor(height / scale / 2));
  const colour = (column: number, halfRow: number): string => {
    const x = Math.min(width - 1, Math.floor((column + 0.5) * scale));
    const y = Math.min(height - 1, Math.floor((halfRow + 0.5) * scale));
    const at = (y * width + x) * 4;
    return `2;${rgba[at]};${rgba[at + 1]};${rgba[at + 2]}`;
  };
  const cells: Cell[] = [];
  for (let row = 0; row < high; row++)
    for (let column = 0; column < wide; column++)
      cells.push({
        character: UPPER_HALF,
        style: `38;${colour(column, row * 2)};48;${colour(column, row * 2 + 1)}`,
      });
  return { columns: wide, rows: high, cells, cursor: undefined };
}

/** Words in the middle of an empty screen. */
export function messageFrame(words: string, columns: number, rows: number): Frame {
  const cells = Array.from({ length: columns * rows }, () => BLANK);
  const start = Math.floor(rows / 2) * columns + Math.max(0, Math.floor((columns - words.length) / 2));
  for (let n = 0; n < Math.min(words.length, columns); n++)
    cells[start + n] = { ...BLANK, character: words[n]! };
  return { columns, rows, cells, cursor: undefined };
}

const CLEAR = "\x1b[0m\x1b[2J";
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";

/** What to send to a terminal that shows `before` (undefined: anything), so that it shows `frame`. */
export function difference(before: Frame | undefined, frame: Frame): string {
  const keeps = before && before.columns === frame.columns && before.rows === frame.rows;
  let text = keeps ? "" : CLEAR;
  let currentStyle = "";
  for (let row = 0; row < frame.rows; row++) {
    let follows = false;
    for (let column = 0; column < frame.columns; column++) {
      const at = row * frame.columns + column;
      const cell = frame.cells[at]!;
      const old = keeps ? before.cells[at]! : BLANK;
      if (old.character === cell.character && old.style === cell.style) {
        follows = false;
        continue;
      }
      if (!follows) text += `\x1b[${row + 1};${column + 1}H`;
      if (cell.style !== currentStyle) text += `\x1b[${cell.style}m`;
      currentStyle = cell.style;
      text += cell.character;
      follows = true;
    }
  }
  return text + moveCursor(keeps ? before : undefined, frame, text !== "");
}

function moveCursor(before: Frame | undefined, { cursor }: Frame, drawn: boolean): string {
  const old = before?.cursor;
  if (before && !drawn && old?.column === cursor?.column && old?.row === cursor?.row) return "";
  return cursor ? `\x1b[${cursor.row + 1};${cursor.column + 1}H${SHOW_CURSOR}` : HIDE_CURSOR;
}
