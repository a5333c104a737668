// INT 10h AH=4Fh: VESA BIOS Extension (VBE) Core Functions Standard 3.0, over Bochs' registers.
import { portRead, portWrite } from "../../devices/bus";
import { cpu } from "../../cpu/state";
import { vgaFunction } from "../../machine/board";
import { VRAM_SIZE } from "../../machine/layout";
import { BDA_PAGE_SIZE, BDA_VIDEO_MODE } from "./bios-data";
import { caller, low, readGuest, setLow, writeGuest } from "./caller";
import { ROM_SEGMENT } from "./layout";
import {
  lineBytes,
  modeAt,
  modeDepth,
  modeHeight,
  modeNumber,
  modeOf,
  modeWidth,
  pictureBytes,
} from "./vbe-modes";
import {
  ENABLE_DAC_8BIT,
  ENABLE_KEEP_MEMORY,
  ENABLE_LINEAR,
  ENABLE_ON,
  VBE_BANK,
  VBE_BPP,
  VBE_ENABLE,
  VBE_HEIGHT,
  VBE_VIRTUAL_WIDTH,
  VBE_WIDTH,
  VBE_X,
  VBE_Y,
  readVbe,
  vbeIsOn,
  writeVbe,
} from "./vbe-registers";
import { setMode, tellMode } from "./video";
import { loadPalette } from "./video-palette";
import { PALETTE_256, PALETTE_EGA, modeRow, programMode } from "./video-modes";
import { pointToFont, romFont } from "./video-fonts";

const SUCCESSFUL: u32 = 0x004f;
const FAILED: u32 = 0x014f;
/** The function exists, but not in the current mode. */
const NOT_IN_THIS_MODE: u32 = 0x034f;

const VERSION: u32 = 0x0300;
const VBE2: u32 = 0x3245_4256; // "VBE2"
const VESA: u32 = 0x4153_4556; // "VESA"
/** The DAC can be switched to eight bits. */
const CAPABILITIES: u32 = 1;
const BANK_SIZE: u32 = 0x1_0000;
const WANTS_LINEAR: u32 = 1 << 14;
const WANTS_MEMORY_KEPT: u32 = 1 << 15;
const NUMBER: u32 = 0x1ff;

// Mode attributes: supported, colour, graphics, text by BIOS, no VGA, linear …
const ATTRIBUTES: u32 = 0x3b;
const ATTRIBUTE_LINEAR: u32 = 0x80;
const MODEL_PLANAR: u32 = 3;
const MODEL_PACKED: u32 = 4;
const MODEL_DIRECT: u32 = 6;
const CHARACTER_HEIGHT: u32 = 16;
const CHARACTER_WIDTH: u32 = 8;
const MODE_12H: u32 = 0x12;
/** No field of IBM's: the VBE mode that is set. */
const BDA_VBE_MODE: u32 = 0x4ba;

export function serveVbe(): void {
  switch (caller.al) {
    case 0x00:
      caller.ax = tellController();
      break;
    case 0x01:
      caller.ax = describeMode();
      break;
    case 0x02:
      caller.ax = setVbeMode(caller.bx);
      break;
    case 0x03:
      caller.bx = vbeIsOn() ? low<u16>(BDA_VBE_MODE) : low<u8>(BDA_VIDEO_MODE);
      caller.ax = SUCCESSFUL;
      break;
    case 0x04:
      caller.ax = saveState();
      break;
    case 0x05:
      caller.ax = window();
      break;
    case 0x06:
      caller.ax = lineLength();
      break;
    case 0x07:
      caller.ax = displayStart();
      break;
    case 0x08:
      caller.ax = dacWidth();
      break;
    case 0x09:
      caller.ax = palette();
      break;
    case 0x10:
      caller.ax = power();
      break;
    case 0x15:
      caller.ax = tellMonitor();
      break;
    default:
      caller.ax = caller.al == 0x0a ? FAILED : 0x0100;
  }
}

function put<T>(offset: u32, value: u32): void {
  writeGuest<T>(cpu.esBase, caller.di + offset, value);
}

function putText(offset: u32, text: string): u32 {
  for (let i = 0; i < text.length; i++) put<u8>(offset + <u32>i, text.charCodeAt(i));
  put<u8>(offset + <u32>text.length, 0);
  return offset + <u32>text.length + 1;
}

/** A far pointer to `offset` in the caller's buffer. */
function pointTo(field: u32, offset: u32): void {
  put<u16>(field, caller.di + offset);
  put<u16>(field + 2, cpu.esSelector);
}

/** AL=00h: 256 bytes at ES:DI, 512 where the caller says "VBE2"; names and the mode list go into the same buffer. */
function tellController(): u32 {
  const large = readGuest<u32>(cpu.esBase, caller.di) == VBE2;
  const LIST: u32 = 0x22;
  const NAMES: u32 = 0x100;
  const size: u32 = large ? 512 : 256;
  for (let i: u32 = 0; i < size; i += 4) put<u32>(i, 0);
  put<u32>(0, VESA);
  put<u16>(4, VERSION);
  put<u32>(10, CAPABILITIES);
  pointTo(14, LIST);
  put<u16>(18, VRAM_SIZE >> 16);
  if (large) {
    pointTo(6, NAMES);
    const vendor = putText(NAMES, "wasmqemu VBE");
    pointTo(22, vendor);
    const product = putText(vendor, "wasmqemu");
    pointTo(26, product);
    const revision = putText(product, "wasmqemu VBE adapter");
    pointTo(30, revision);
    putText(revision, "1");
  } else pointTo(6, NAMES - 1); // an empty name
  // The 222 bytes behind the fields hold 110 numbers.
  let at = LIST;
  for (let index: u32 = 0; modeAt(index) != 0 && at < NAMES - 4; index++, at += 2)
    put<u16>(at, modeNumber(modeAt(index)));
  put<u16>(at, 0xffff);
  return SUCCESSFUL;
}

/** AL=01h: 256 bytes on mode CX. */
function describeMode(): u32 {
  const mode = modeOf(caller.cx & NUMBER);
  if (mode == 0) return FAILED;
  const depth = modeDepth(mode);
  const planar = depth == 4;
  for (let i: u32 = 0; i < 256; i += 4) put<u32>(i, 0);
  put<u16>(0, planar ? ATTRIBUTES : ATTRIBUTES | ATTRIBUTE_LINEAR);
  put<u8>(2, 7); // window A: there, readable, writable
  put<u16>(4, 64); // its steps and size in KiB
  put<u16>(6, 64);
  put<u16>(8, 0xa000);
  put<u16>(16, lineBytes(mode));
  put<u16>(18, modeWidth(mode));
  put<u16>(20, modeHeight(mode));
  put<u8>(22, CHARACTER_WIDTH);
  put<u8>(23, CHARACTER_HEIGHT);
  put<u8>(24, planar ? 4 : 1);
  put<u8>(25, depth);
  put<u8>(26, 1); // banks: none
  put<u8>(27, planar ? MODEL_PLANAR : depth == 8 ? MODEL_PACKED : MODEL_DIRECT);
  const pages = min<u32>(VRAM_SIZE / pictureBytes(mode) - 1, 255);
  put<u8>(29, pages);
  put<u8>(30, 1);
  putMasks(31, depth);
  if (!planar) put<u32>(40, vgaFunction.memoryBar(0));
  put<u16>(50, lineBytes(mode));
  put<u8>(52, pages);
  put<u8>(53, pages);
  putMasks(54, depth);
  return SUCCESSFUL;
}

/** Size and position of red, green, blue and the rest, in dots of direct colour. */
function putMasks(offset: u32, depth: u32): void {
  if (depth <= 8) return;
  const narrow = depth <= 16;
  const green: u32 = depth == 16 ? 6 : 5;
  const size: u32 = narrow ? 5 : 8;
  put<u8>(offset, size);
  put<u8>(offset + 1, narrow ? 5 + green : 16);
  put<u8>(offset + 2, narrow ? green : 8);
  put<u8>(offset + 3, narrow ? 5 : 8);
  put<u8>(offset + 4, size);
  if (depth == 15 || depth == 32) {
    put<u8>(offset + 6, depth == 15 ? 1 : 8);
    put<u8>(offset + 7, depth == 15 ? 15 : 24);
  }
}

/** AL=02h: below 100h the VGA's own modes. */
function setVbeMode(wanted: u32): u32 {
  const keep = (wanted & WANTS_MEMORY_KEPT) != 0;
  const number = wanted & NUMBER;
  if (number < 0x100) {
    if (modeRow(number) == 0) return FAILED;
    setMode(number, keep);
    return SUCCESSFUL;
  }
  const mode = modeOf(number);
  if (mode == 0) return FAILED;
  const depth = modeDepth(mode);
  programMode(modeRow(MODE_12H));
  loadPalette(depth == 4 ? PALETTE_EGA : PALETTE_256);
  writeVbe(VBE_ENABLE, 0);
  writeVbe(VBE_BPP, depth);
  writeVbe(VBE_WIDTH, modeWidth(mode));
  writeVbe(VBE_HEIGHT, modeHeight(mode));
  const linear = wanted & WANTS_LINEAR ? ENABLE_LINEAR : 0;
  writeVbe(VBE_ENABLE, ENABLE_ON | linear | (keep ? ENABLE_KEEP_MEMORY : 0));
  writeVbe(VBE_BANK, 0);
  const rows = modeHeight(mode) / CHARACTER_HEIGHT;
  tellMode(0x6f, modeWidth(mode) / CHARACTER_WIDTH, rows - 1, 0, keep);
  setLow<u16>(BDA_PAGE_SIZE, 0);
  setLow<u16>(BDA_VBE_MODE, wanted & (NUMBER | WANTS_LINEAR));
  pointToFont(ROM_SEGMENT, romFont(CHARACTER_HEIGHT), CHARACTER_HEIGHT);
  return SUCCESSFUL;
}

/** AL=04h: DL 0 size in BX, 1 save, 2 restore at ES:BX. What is kept: the VBE registers. */
function saveState(): u32 {
  const FIELDS: u32 = 9;
  switch (caller.dl) {
    case 0:
      caller.bx = 1; // of 64 bytes
      return SUCCESSFUL;
    case 1:
      for (let i: u32 = 1; i <= FIELDS; i++) writeGuest<u16>(cpu.esBase, caller.bx + (i << 1), readVbe(i));
      writeGuest<u16>(cpu.esBase, caller.bx, low<u8>(BDA_VIDEO_MODE));
      return SUCCESSFUL;
    case 2: {
      const enable = readGuest<u16>(cpu.esBase, caller.bx + (VBE_ENABLE << 1));
      writeVbe(VBE_ENABLE, 0);
      for (let i: u32 = 1; i <= 3; i++) writeVbe(i, readGuest<u16>(cpu.esBase, caller.bx + (i << 1)));
      if (enable & ENABLE_ON) writeVbe(VBE_ENABLE, enable | ENABLE_KEEP_MEMORY);
      for (let i: u32 = VBE_BANK; i <= FIELDS; i++)
        writeVbe(i, readGuest<u16>(cpu.esBase, caller.bx + (i << 1)));
      return SUCCESSFUL;
    }
    default:
      return FAILED;
  }
}

/** AL=05h: BH 0 sets, 1 tells, the 64 KiB that window A shows. */
function window(): u32 {
  if (!vbeIsOn() || caller.bl != 0) return FAILED;
  if (caller.bh == 1) {
    caller.dx = readVbe(VBE_BANK);
    return SUCCESSFUL;
  }
  if (caller.dx >= VRAM_SIZE / BANK_SIZE) return FAILED;
  writeVbe(VBE_BANK, caller.dx);
  return SUCCESSFUL;
}

function bytesPerDot(): u32 {
  return (readVbe(VBE_BPP) + 7) >> 3;
}

function bytesPerLine(): u32 {
  return readVbe(VBE_BPP) == 4 ? readVbe(VBE_VIRTUAL_WIDTH) >> 3 : readVbe(VBE_VIRTUAL_WIDTH) * bytesPerDot();
}

/** AL=06h: BL 0 set in dots, 1 tell, 2 set in bytes, 3 tell the longest. */
function lineLength(): u32 {
  if (!vbeIsOn()) return NOT_IN_THIS_MODE;
  const planar = readVbe(VBE_BPP) == 4;
  switch (caller.bl) {
    case 0:
      writeVbe(VBE_VIRTUAL_WIDTH, caller.cx);
      break;
    case 1:
      break;
    case 2:
      writeVbe(VBE_VIRTUAL_WIDTH, planar ? caller.cx << 3 : caller.cx / bytesPerDot());
      break;
    case 3: {
      const longest = VRAM_SIZE / readVbe(VBE_HEIGHT);
      caller.bx = min<u32>(longest, 0xffff);
      caller.cx = min<u32>(planar ? longest << 1 : longest / bytesPerDot(), 0xffff);
      caller.dx = readVbe(VBE_HEIGHT);
      return SUCCESSFUL;
    }
    default:
      return FAILED;
  }
  caller.bx = bytesPerLine();
  caller.cx = readVbe(VBE_VIRTUAL_WIDTH);
  caller.dx = min<u32>(VRAM_SIZE / (bytesPerLine() * (planar ? 4 : 1)), 0xffff);
  return SUCCESSFUL;
}

/** AL=07h: BL 0, 80h set, 1 tell, the first dot shown: CX, DX. */
function displayStart(): u32 {
  if (!vbeIsOn()) return NOT_IN_THIS_MODE;
  switch (caller.bl) {
    case 0x00:
    case 0x80:
      writeVbe(VBE_X, caller.cx);
      writeVbe(VBE_Y, caller.dx);
      return readVbe(VBE_X) == caller.cx && readVbe(VBE_Y) == caller.dx ? SUCCESSFUL : FAILED;
    case 0x01:
      caller.bh = 0;
      caller.cx = readVbe(VBE_X);
      caller.dx = readVbe(VBE_Y);
      return SUCCESSFUL;
    default:
      return FAILED;
  }
}

/** AL=08h: BL 0 sets, 1 tells in BH, the bits of a palette colour: 6 or 8. */
function dacWidth(): u32 {
  if (!vbeIsOn()) return FAILED;
  if (readVbe(VBE_BPP) > 8) return NOT_IN_THIS_MODE;
  const enable = readVbe(VBE_ENABLE);
  if (caller.bl == 0)
    writeVbe(
      VBE_ENABLE,
      (caller.bh >= 8 ? enable | ENABLE_DAC_8BIT : enable & ~ENABLE_DAC_8BIT) | ENABLE_KEEP_MEMORY,
    );
  else if (caller.bl != 1) return FAILED;
  caller.bh = readVbe(VBE_ENABLE) & ENABLE_DAC_8BIT ? 8 : 6;
  return SUCCESSFUL;
}

/** AL=09h: BL 0, 80h set, 1 tell, CX colours from DX on: blue, green, red, 0 at ES:DI. */
function palette(): u32 {
  if (vbeIsOn() && readVbe(VBE_BPP) > 8) return NOT_IN_THIS_MODE;
  if (caller.bl != 0 && caller.bl != 1 && caller.bl != 0x80) return FAILED;
  portWrite(caller.bl == 1 ? 0x3c7 : 0x3c8, 1, caller.dl);
  for (let i: u32 = 0; i < min<u32>(caller.cx, 256); i++)
    for (let part: u32 = 0; part < 3; part++) {
      const at = (i << 2) + 2 - part;
      if (caller.bl == 1) put<u8>(at, portRead(0x3c9, 1));
      else portWrite(0x3c9, 1, readGuest<u8>(cpu.esBase, caller.di + at));
    }
  return SUCCESSFUL;
}

/** AL=10h: display power (VBE/PM 1.0): BL 0 what there is, 1 set, 2 tell. */
function power(): u32 {
  if (caller.bl == 0) caller.bx = 0x0f30;
  else if (caller.bl == 2) caller.bh = 0;
  else if (caller.bl != 1) return FAILED;
  return SUCCESSFUL;
}

/** AL=15h: no monitor answers for its data. */
function tellMonitor(): u32 {
  return FAILED;
}
