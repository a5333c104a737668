// The DAC's colours as modes expect them, and INT 10h AH=10h (IBM VGA XGA Technical Reference).
import { portRead, portWrite } from "../../devices/bus";
import { cpu } from "../../cpu/state";
import { caller, readGuest, writeGuest } from "./caller";
import { readAttribute, writeAttribute, PALETTE_256, PALETTE_CGA, PALETTE_MONO } from "./video-modes";

const BORDER: u32 = 0x11;
const MODE_CONTROL: u32 = 0x10;
const COLOUR_SELECT: u32 = 0x14;
const BLINK: u32 = 1 << 3;
const PAGES_OF_16: u32 = 1 << 7;

function put(red: u32, green: u32, blue: u32): void {
  portWrite(0x3c9, 1, red);
  portWrite(0x3c9, 1, green);
  portWrite(0x3c9, 1, blue);
}

export function loadPalette(palette: u32): void {
  portWrite(0x3c8, 1, 0);
  if (palette == PALETTE_256) {
    for (let colour: u32 = 0; colour < 16; colour++) putCga(colour & 7, (colour & 8) != 0);
    for (let grey: u32 = 0; grey < 16; grey++) putGrey(load<u8>(GREYS + <usize>grey));
    for (let level: u32 = 0; level < 9; level++) putHues(level);
    for (let rest: u32 = 0; rest < 8; rest++) put(0, 0, 0);
    return;
  }
  for (let colour: u32 = 0; colour < 64; colour++) {
    if (palette == PALETTE_CGA) putCga(colour & 7, (colour & 16) != 0);
    else if (palette == PALETTE_MONO)
      putGrey(colour & 8 ? (colour & 16 ? 0x3f : 0x2a) : colour & 16 ? 0x15 : 0);
    else putEga(colour);
  }
  for (let rest: u32 = 64; rest < 256; rest++) put(0, 0, 0);
}

function putGrey(level: u32): void {
  put(level, level, level);
}

/** The EGA's six wires: bits 2-0 are two thirds of red, green, blue, bits 5-3 one third. */
function putEga(colour: u32): void {
  put(
    (colour & 4 ? 0x2a : 0) + (colour & 32 ? 0x15 : 0),
    (colour & 2 ? 0x2a : 0) + (colour & 16 ? 0x15 : 0),
    (colour & 1 ? 0x2a : 0) + (colour & 8 ? 0x15 : 0),
  );
}

/** The CGA's colours: its dark yellow is brown. */
function putCga(colour: u32, bright: bool): void {
  const base: u32 = bright ? 0x15 : 0;
  const green: u32 = colour & 2 ? (colour == 6 && !bright ? 0x15 : 0x2a) : 0;
  put(base + (colour & 4 ? 0x2a : 0), base + green, base + (colour & 1 ? 0x2a : 0));
}

const GREYS: usize = memory.data<u8>([
  0x00, 0x05, 0x08, 0x0b, 0x0e, 0x11, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2d, 0x32, 0x38, 0x3f,
]);

/** Five steps from least to most of a primary, for three brightnesses of three saturations. */
const STEPS: usize = memory.data<u8>([
  0x00, 0x10, 0x1f, 0x2f, 0x3f, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x2d, 0x31, 0x36, 0x3a, 0x3f, 0x00, 0x07, 0x0e,
  0x15, 0x1c, 0x0e, 0x11, 0x15, 0x18, 0x1c, 0x14, 0x16, 0x18, 0x1a, 0x1c, 0x00, 0x04, 0x08, 0x0c, 0x10, 0x08,
  0x0a, 0x0c, 0x0e, 0x10, 0x0b, 0x0c, 0x0d, 0x0f, 0x10,
]);

/** Mode 13h's 24 hues at one level: blue, magenta, red, yellow, green, cyan, four steps each. */
function putHues(level: u32): void {
  for (let hue: u32 = 0; hue < 24; hue++)
    put(step(level, primary(hue + 16)), step(level, primary(hue + 8)), step(level, primary(hue)));
}

/** How much, 0-4, of the primary that is strongest around hue 0. */
function primary(hue: u32): u32 {
  const position = hue % 24;
  if (position <= 4 || position >= 20) return 4;
  if (position < 8) return 8 - position;
  return position <= 16 ? 0 : position - 16;
}

function step(level: u32, amount: u32): u32 {
  return load<u8>(STEPS + <usize>(level * 5 + amount));
}

/** INT 10h AH=10h. */
export function servePalette(): void {
  switch (caller.al) {
    case 0x00:
      writeAttribute(caller.bl & 31, caller.bh);
      break;
    case 0x01:
      writeAttribute(BORDER, caller.bh);
      break;
    case 0x02:
      for (let i: u32 = 0; i < 16; i++) writeAttribute(i, readGuest<u8>(cpu.esBase, caller.dx + i));
      writeAttribute(BORDER, readGuest<u8>(cpu.esBase, caller.dx + 16));
      break;
    case 0x03: {
      const control = readAttribute(MODE_CONTROL);
      writeAttribute(MODE_CONTROL, caller.bl & 1 ? control | BLINK : control & ~BLINK);
      break;
    }
    case 0x07:
      caller.bh = readAttribute(caller.bl & 31);
      break;
    case 0x08:
      caller.bh = readAttribute(BORDER);
      break;
    case 0x09:
      for (let i: u32 = 0; i < 16; i++) writeGuest<u8>(cpu.esBase, caller.dx + i, readAttribute(i));
      writeGuest<u8>(cpu.esBase, caller.dx + 16, readAttribute(BORDER));
      break;
    case 0x10:
      portWrite(0x3c8, 1, caller.bl);
      put(caller.dh, caller.ch, caller.cl);
      break;
    case 0x12:
      portWrite(0x3c8, 1, caller.bl);
      for (let i: u32 = 0; i < caller.cx * 3; i++)
        portWrite(0x3c9, 1, readGuest<u8>(cpu.esBase, caller.dx + i));
      break;
    case 0x13:
      selectPages();
      break;
    case 0x15:
      portWrite(0x3c7, 1, caller.bl);
      caller.dh = portRead(0x3c9, 1);
      caller.ch = portRead(0x3c9, 1);
      caller.cl = portRead(0x3c9, 1);
      break;
    case 0x17:
      portWrite(0x3c7, 1, caller.bl);
      for (let i: u32 = 0; i < caller.cx * 3; i++)
        writeGuest<u8>(cpu.esBase, caller.dx + i, portRead(0x3c9, 1));
      break;
    case 0x18:
      portWrite(0x3c6, 1, caller.bl);
      break;
    case 0x19:
      caller.bl = portRead(0x3c6, 1);
      break;
    case 0x1a: {
      const sixteens = (readAttribute(MODE_CONTROL) & PAGES_OF_16) != 0;
      const select = readAttribute(COLOUR_SELECT);
      caller.bl = sixteens ? 1 : 0;
      caller.bh = sixteens ? select & 15 : (select >> 2) & 3;
      break;
    }
    case 0x1b:
      sumToGrey(caller.bx, caller.cx);
      break;
  }
}

/** Pages of 64 or of 16 colours, and which of them is shown. */
function selectPages(): void {
  const control = readAttribute(MODE_CONTROL);
  if (caller.bl == 0) {
    writeAttribute(MODE_CONTROL, caller.bh & 1 ? control | PAGES_OF_16 : control & ~PAGES_OF_16);
    return;
  }
  const page = control & PAGES_OF_16 ? caller.bh & 15 : (caller.bh & 3) << 2;
  writeAttribute(COLOUR_SELECT, page);
}

/** 30% red, 59% green, 11% blue. */
function sumToGrey(first: u32, count: u32): void {
  for (let colour = first; colour < min<u32>(first + count, 256); colour++) {
    portWrite(0x3c7, 1, colour);
    const red = portRead(0x3c9, 1);
    const green = portRead(0x3c9, 1);
    const grey = (red * 77 + green * 151 + portRead(0x3c9, 1) * 28) >> 8;
    portWrite(0x3c8, 1, colour);
    putGrey(min<u32>(grey, 63));
  }
}
