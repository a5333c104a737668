// The serial console of `-nographic`: what the BIOS writes on the screen goes to COM1 as well, as text with the escape
// sequences of ECMA-48 (cursor position, colours). Only for the page that is shown.
import { bootOptions } from "../../machine/boot-options";
import { serialOut, SERIAL_OUT_CAPACITY } from "../../rings/bytes";
import { TERMINAL_AT } from "./layout";

const ESCAPE: u32 = 0x1b;
const NORMAL: u32 = 0x07;
const BACKSPACE: u32 = 0x08;
const BOLD: u32 = 8;
/** DOS' colours in ECMA-48's order: black, red, green, brown, blue … */
const COLOURS: usize = memory.data<u8>([0, 4, 2, 6, 1, 5, 3, 7]);
/** Rows are counted from 1; more than any screen has: unknown. */
const NOWHERE: u32 = 0xff;

@final
@unmanaged
class Terminal {
  /** Where its cursor stands, and the attribute it writes with. */
  row: u32;
  column: u32;
  attribute: u32;
}

const terminal = changetype<Terminal>(TERMINAL_AT);

export function resetTerminal(): void {
  terminal.row = 0;
  terminal.column = 0;
  terminal.attribute = NORMAL;
}

/** The bytes go into COM1's ring: as no chip sends them, a guest finds its UART untouched. */
function send(byte: u32): void {
  const ring = serialOut(0);
  if (ring.fill(SERIAL_OUT_CAPACITY) < SERIAL_OUT_CAPACITY) ring.put(byte, SERIAL_OUT_CAPACITY);
}

function sendNumber(value: u32): void {
  if (value >= 10) sendNumber(value / 10);
  send(0x30 + (value % 10));
}

/** ESC [ first ; second letter. */
function sendSequence(first: u32, second: u32, letter: u32): void {
  send(ESCAPE);
  send(0x5b);
  sendNumber(first);
  send(0x3b);
  sendNumber(second);
  send(letter);
}

function moveTo(row: u32, column: u32): void {
  if (terminal.row == row && terminal.column == column) return;
  sendSequence(row + 1, column + 1, 0x48); // CUP
  terminal.row = row;
  terminal.column = column;
}

function setAttribute(attribute: u32): void {
  if (terminal.attribute == attribute) return;
  terminal.attribute = attribute;
  sendSequence(0, attribute & BOLD ? 1 : 22, 0x6d); // SGR: default, then bold or not
  if (attribute != NORMAL) sendSequence(30 + colour(attribute & 7), 40 + colour((attribute >> 4) & 7), 0x6d);
}

function colour(dos: u32): u32 {
  return load<u8>(COLOURS + <usize>dos);
}

/** A character at a place of the screen. What is no ASCII shows as a question mark. */
export function echoCharacter(row: u32, column: u32, character: u32, attribute: u32): void {
  if (!bootOptions.serialConsole) return;
  moveTo(row, column);
  setAttribute(attribute);
  send(character >= 0x20 && character < 0x7f ? character : asciiOf(character));
  terminal.column++;
}

/** Frames and blocks of code page 437 as ASCII can hint at them. */
function asciiOf(character: u32): u32 {
  if (character == 0xb3 || character == 0xba) return 0x7c; // |
  if (character == 0xc4 || character == 0xcd) return 0x2d; // -
  if (character >= 0xb4 && character <= 0xda) return 0x2b; // +
  return character == 0 || character == 0xff ? 0x20 : character >= 0xb0 && character <= 0xdf ? 0x23 : 0x3f;
}

/** Return, line feed, backspace: the cursor is at `row`, `column` now. */
export function echoControl(character: u32, row: u32, column: u32): void {
  if (!bootOptions.serialConsole) return;
  // A screen that scrolled stays on its last row, as the terminal does.
  send(character);
  if (character == BACKSPACE || terminal.row != NOWHERE) {
    terminal.row = row;
    terminal.column = column;
  }
}

/** The whole screen was blanked. */
export function echoClear(attribute: u32): void {
  if (!bootOptions.serialConsole) return;
  setAttribute(attribute);
  send(ESCAPE);
  send(0x5b);
  send(0x32);
  send(0x4a); // ED 2
  terminal.row = NOWHERE;
}
