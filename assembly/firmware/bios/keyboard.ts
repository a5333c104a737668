// INT 16h and IRQ 1: scan codes of set 1 become key codes (scan code in the high byte, character in the low one) in the
// BIOS data area's ring (IBM PS/2 and PC BIOS Interface Technical Reference, "Interrupt 16h").
import { portRead } from "../../devices/bus";
import { bootOptions } from "../../machine/boot-options";
import { EXIT_RESET, leave } from "../../machine/exit";
import {
  BDA_ALT_NUMBER,
  BDA_BREAK,
  BDA_KEYBOARD,
  BDA_KEYBOARD_LEDS,
  BDA_KEYS_END,
  BDA_KEYS_HEAD,
  BDA_KEYS_START,
  BDA_KEYS_TAIL,
  BDA_RESET,
  BDA_SHIFTS,
  BDA_SHIFTS_MORE,
} from "./bios-data";
import { caller, low, setLow } from "./caller";
import {
  ALT,
  CAPS_LOCK,
  CTRL,
  INSERT,
  NUM_LOCK,
  SCROLL_LOCK,
  SHIFTS,
  SHIFT_LEFT,
  SHIFT_RIGHT,
  keyCode,
} from "./key-codes";
import { waitForEvent } from "./transfer";

const BDA: u32 = 0x400;

// Scan codes that are no characters.
const CODE_CTRL: u32 = 0x1d;
const CODE_SHIFT_LEFT: u32 = 0x2a;
const CODE_SHIFT_RIGHT: u32 = 0x36;
const CODE_PRINT: u32 = 0x37;
const CODE_ALT: u32 = 0x38;
const CODE_CAPS: u32 = 0x3a;
const CODE_NUM: u32 = 0x45;
const CODE_SCROLL: u32 = 0x46;
const CODE_INSERT: u32 = 0x52;
const CODE_DELETE: u32 = 0x53;
const RELEASE: u32 = 0x80;
const PREFIX_E0: u32 = 0xe0;
const PREFIX_E1: u32 = 0xe1;

// BDA_KEYBOARD and BDA_SHIFTS_MORE.
const LAST_E1: u32 = 1 << 0;
const LAST_E0: u32 = 1 << 1;
const CTRL_RIGHT: u32 = 1 << 2;
const ALT_RIGHT: u32 = 1 << 3;
const CTRL_LEFT: u32 = 1 << 0;
const ALT_LEFT: u32 = 1 << 1;

/** What IRQ 1's stub is to call, in AL. */
const CALL_NOTHING: u32 = 0;
const CALL_PRINT_SCREEN: u32 = 0x05;
const CALL_BREAK: u32 = 0x1b;

/** BDA 72h: no memory test, please. */
const WARM_BOOT: u32 = 0x1234;

const SERIAL_DATA: u32 = 0x3f8;
const SERIAL_STATUS: u32 = 0x3fd;
const SERIAL_READY: u32 = 1 << 0;
const SERIAL_ABSENT: u32 = 0xff;

function ringAt(field: u32): u32 {
  return low<u16>(field);
}

function following(position: u32): u32 {
  return position + 2 >= ringAt(BDA_KEYS_END) ? ringAt(BDA_KEYS_START) : position + 2;
}

/** Puts a key code behind the others; false: there is no room. */
function storeKey(code: u32): bool {
  const tail = ringAt(BDA_KEYS_TAIL);
  const next = following(tail);
  if (next == ringAt(BDA_KEYS_HEAD)) return false;
  setLow<u16>(BDA + tail, code);
  setLow<u16>(BDA_KEYS_TAIL, next);
  return true;
}

/** Whether a key waits; a byte from the serial console counts as one. */
export function keyWaits(): bool {
  if (bootOptions.serialConsole) takeSerial();
  return ringAt(BDA_KEYS_HEAD) != ringAt(BDA_KEYS_TAIL);
}

/** The key code that waits, left there. */
function peekKey(): u32 {
  return low<u16>(BDA + ringAt(BDA_KEYS_HEAD));
}

export function takeKey(): u32 {
  const code = peekKey();
  setLow<u16>(BDA_KEYS_HEAD, following(ringAt(BDA_KEYS_HEAD)));
  return code;
}

function takeSerial(): void {
  const status = portRead(SERIAL_STATUS, 1);
  if (status == SERIAL_ABSENT || (status & SERIAL_READY) == 0) return;
  const byte = portRead(SERIAL_DATA, 1) & 0xff;
  storeKey(byte == 0x7f ? 0x0e08 : byte);
}

/** INT 16h. False: ask again. */
export function serveKeyboard(): bool {
  switch (caller.ah) {
    case 0x00:
    case 0x10:
      return read(caller.ah == 0x10);
    case 0x01:
    case 0x11:
      return look(caller.ah == 0x11);
    case 0x02:
      caller.al = low<u8>(BDA_SHIFTS);
      return true;
    case 0x05:
      caller.al = storeKey(caller.cx) ? 0 : 1;
      return true;
    case 0x09: // what AH=0Ah and AH=10h-12h can do
      caller.al = 0x30;
      return true;
    case 0x0a: // the keyboard's identity
      caller.bx = 0x41ab;
      return true;
    case 0x12:
      caller.al = low<u8>(BDA_SHIFTS);
      caller.ah = shiftsMore();
      return true;
    case 0x92: // how programs ask whether AH=10h, and AH=20h, is there
      caller.ah = 0x80;
      return true;
    default:
      return true;
  }
}

/** AH of AH=12h: left Ctrl, left Alt, right Ctrl, right Alt, then Scroll, Num, Caps and SysRq held down. */
function shiftsMore(): u32 {
  const more = low<u8>(BDA_SHIFTS_MORE);
  return (more & 0x73) | (low<u8>(BDA_KEYBOARD) & (CTRL_RIGHT | ALT_RIGHT)) | (more & 4 ? 0x80 : 0);
}

function read(enhanced: bool): bool {
  while (keyWaits()) {
    const code = asAsked(takeKey(), enhanced);
    if (code == 0) continue;
    caller.ax = code;
    return true;
  }
  waitForEvent();
  return false;
}

/** Zero flag clear: a key waits, and is in AX. */
function look(enhanced: bool): bool {
  while (keyWaits()) {
    const code = asAsked(peekKey(), enhanced);
    if (code != 0) {
      caller.ax = code;
      caller.zero = false;
      return true;
    }
    takeKey();
  }
  caller.zero = true;
  return true;
}

/** A key code as the 84-key functions tell it; 0 for keys that those keyboards lack. */
function asAsked(code: u32, enhanced: bool): u32 {
  const character = code & 0xff;
  const scan = code >> 8;
  if (enhanced) return character == 0xf0 && scan != 0 ? scan << 8 : code;
  if (scan == PREFIX_E0) return (character == 0x2f ? 0x3500 : 0x1c00) | character;
  if (character == PREFIX_E0 && scan != 0) return scan << 8;
  if (character == 0xf0 && scan != 0) return 0;
  return scan > 0x84 && character == 0 ? 0 : code;
}

/** IRQ 1 with scan code AL: sets AL to the interrupt that the key calls for, 0 for none. */
export function takeScanCode(): bool {
  const code = caller.al;
  caller.al = CALL_NOTHING;
  const prefixes = low<u8>(BDA_KEYBOARD);
  if (code == PREFIX_E0 || code == PREFIX_E1) {
    setLow<u8>(BDA_KEYBOARD, prefixes | (code == PREFIX_E0 ? LAST_E0 : LAST_E1));
    return true;
  }
  const extended = (prefixes & LAST_E0) != 0;
  // E1 1D 45 is Pause: two codes that are no Ctrl and no Num Lock.
  if (prefixes & LAST_E1) {
    if ((code & ~RELEASE) != CODE_CTRL) setLow<u8>(BDA_KEYBOARD, prefixes & ~LAST_E1);
    return true;
  }
  setLow<u8>(BDA_KEYBOARD, prefixes & ~LAST_E0);
  const key = code & ~RELEASE;
  // E0 2A, E0 36: shifts that the keyboard makes up around its grey keys.
  if (extended && (key == CODE_SHIFT_LEFT || key == CODE_SHIFT_RIGHT)) return true;
  if (!takeShift(key, extended, (code & RELEASE) != 0) && (code & RELEASE) == 0) press(key, extended);
  return true;
}

function toggleBits(address: u32, bits: u32, on: bool): void {
  setLow<u8>(address, on ? low<u8>(address) | bits : low<u8>(address) & ~bits);
}

/** Keys that change how others are read. Returns whether this is one. */
function takeShift(key: u32, extended: bool, released: bool): bool {
  const down = !released;
  switch (key) {
    case CODE_SHIFT_LEFT:
      toggleBits(BDA_SHIFTS, SHIFT_LEFT, down);
      return true;
    case CODE_SHIFT_RIGHT:
      toggleBits(BDA_SHIFTS, SHIFT_RIGHT, down);
      return true;
    case CODE_CTRL:
      if (extended) toggleBits(BDA_KEYBOARD, CTRL_RIGHT, down);
      else toggleBits(BDA_SHIFTS_MORE, CTRL_LEFT, down);
      toggleBits(BDA_SHIFTS, CTRL, ctrlIsDown());
      return true;
    case CODE_ALT:
      if (extended) toggleBits(BDA_KEYBOARD, ALT_RIGHT, down);
      else toggleBits(BDA_SHIFTS_MORE, ALT_LEFT, down);
      toggleBits(BDA_SHIFTS, ALT, altIsDown());
      if (released) endAltNumber();
      return true;
    case CODE_CAPS:
      return lock(CAPS_LOCK, down);
    case CODE_NUM:
      return lock(NUM_LOCK, down);
    case CODE_SCROLL:
      // Ctrl and Scroll Lock, or Ctrl and Pause, is Break.
      if (low<u8>(BDA_SHIFTS) & CTRL) {
        if (down) breakOff();
        return true;
      }
      return lock(SCROLL_LOCK, down);
    case CODE_INSERT:
      if (released) toggleBits(BDA_SHIFTS_MORE, INSERT, false);
      else if (!(low<u8>(BDA_SHIFTS_MORE) & INSERT)) {
        toggleBits(BDA_SHIFTS_MORE, INSERT, true);
        setLow<u8>(BDA_SHIFTS, low<u8>(BDA_SHIFTS) ^ INSERT);
      }
      return false;
    default:
      return false;
  }
}

function ctrlIsDown(): bool {
  return (low<u8>(BDA_SHIFTS_MORE) & CTRL_LEFT) != 0 || (low<u8>(BDA_KEYBOARD) & CTRL_RIGHT) != 0;
}

function altIsDown(): bool {
  return (low<u8>(BDA_SHIFTS_MORE) & ALT_LEFT) != 0 || (low<u8>(BDA_KEYBOARD) & ALT_RIGHT) != 0;
}

/** A lock key toggles when it goes down, not while it repeats. */
function lock(bit: u32, down: bool): bool {
  if (down && !(low<u8>(BDA_SHIFTS_MORE) & bit)) setLow<u8>(BDA_SHIFTS, low<u8>(BDA_SHIFTS) ^ bit);
  toggleBits(BDA_SHIFTS_MORE, bit, down);
  setLow<u8>(BDA_KEYBOARD_LEDS, (low<u8>(BDA_KEYBOARD_LEDS) & ~7) | ((low<u8>(BDA_SHIFTS) >> 4) & 7));
  return true;
}

function breakOff(): void {
  setLow<u8>(BDA_BREAK, 0x80);
  setLow<u16>(BDA_KEYS_HEAD, ringAt(BDA_KEYS_START));
  setLow<u16>(BDA_KEYS_TAIL, ringAt(BDA_KEYS_START));
  storeKey(0);
  caller.al = CALL_BREAK;
}

function press(key: u32, extended: bool): void {
  const shifts = low<u8>(BDA_SHIFTS);
  if (key == CODE_DELETE && shifts & CTRL && shifts & ALT) {
    setLow<u16>(BDA_RESET, WARM_BOOT);
    leave(EXIT_RESET);
    return;
  }
  if (key == CODE_PRINT && (extended || shifts & SHIFTS) && !(shifts & (CTRL | ALT))) {
    caller.al = CALL_PRINT_SCREEN;
    return;
  }
  if (shifts & ALT && !extended && takeAltDigit(key)) return;
  const code = keyCode(key, extended, shifts);
  if (code != 0) storeKey(code);
}

/** Alt with the keypad's digits spells a character's number. */
function takeAltDigit(key: u32): bool {
  const digit = altDigit(key);
  if (digit < 0) return false;
  setLow<u8>(BDA_ALT_NUMBER, low<u8>(BDA_ALT_NUMBER) * 10 + <u32>digit);
  return true;
}

/** 7 8 9, 4 5 6, 1 2 3, 0 on codes 47h-49h, 4Bh-4Dh, 4Fh-51h, 52h. */
function altDigit(key: u32): i32 {
  if (key >= 0x47 && key <= 0x49) return <i32>key - 0x47 + 7;
  if (key >= 0x4b && key <= 0x4d) return <i32>key - 0x4b + 4;
  if (key >= 0x4f && key <= 0x51) return <i32>key - 0x4f + 1;
  return key == CODE_INSERT ? 0 : -1;
}

function endAltNumber(): void {
  const character = low<u8>(BDA_ALT_NUMBER);
  setLow<u8>(BDA_ALT_NUMBER, 0);
  if (character) storeKey(character);
}
