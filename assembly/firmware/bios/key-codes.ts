// Scan code and shift keys → key code, on a US keyboard (IBM PS/2 and PC BIOS Interface Technical Reference, "Keyboard
// scan codes"): character in the low byte, scan code in the high one; for what has no character the high byte tells all.

/** BDA 17h. */
export const SHIFT_RIGHT: u32 = 1 << 0;
export const SHIFT_LEFT: u32 = 1 << 1;
export const SHIFTS: u32 = SHIFT_LEFT | SHIFT_RIGHT;
export const CTRL: u32 = 1 << 2;
export const ALT: u32 = 1 << 3;
export const SCROLL_LOCK: u32 = 1 << 4;
export const NUM_LOCK: u32 = 1 << 5;
export const CAPS_LOCK: u32 = 1 << 6;
export const INSERT: u32 = 1 << 7;

const SPACE: u32 = 0x39;
const F1: u32 = 0x3b;
const F10: u32 = 0x44;
const HOME: u32 = 0x47;
const DELETE: u32 = 0x53;
const F11: u32 = 0x57;
const F12: u32 = 0x58;
/** The character of a key that a 101-key keyboard has twice. */
const GREY: u32 = 0xe0;
/** The character of a key that only AH=10h tells of. */
const ENHANCED: u32 = 0xf0;

/** Characters of codes 00h-39h, unshifted and shifted; 0 where there is none. */
const PLAIN = "\0\x1b1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
const SHIFTED = '\0\x1b!@#$%^&*()_+\b\0QWERTYUIOP{}\r\0ASDFGHJKL:"~\0|ZXCVBNM<>?\0*\0 ';

/** Ctrl and Alt with Home … Delete, codes 47h-53h: the high bytes. */
const CTRL_PAD: usize = memory.data<u8>([
  0x77, 0x8d, 0x84, 0x8e, 0x73, 0x8f, 0x74, 0x90, 0x75, 0x91, 0x76, 0x92, 0x93,
]);
const ALT_GREY: usize = memory.data<u8>([
  0x97, 0x98, 0x99, 0x4a, 0x9b, 0x00, 0x9d, 0x4e, 0x9f, 0xa0, 0xa1, 0xa2, 0xa3,
]);
const PAD_CHARACTERS = "789-456+1230.";

/** 0: the key has no code with these shifts. */
export function keyCode(key: u32, extended: bool, shifts: u32): u32 {
  if (extended) return greyCode(key, shifts);
  if (key >= F1 && key <= F10) return functionCode(key - F1, shifts) << 8;
  if (key == F11 || key == F12) return (0x85 + ((shiftLevel(shifts) << 1) | (key - F11))) << 8;
  if (key >= HOME && key <= DELETE) return padCode(key, shifts);
  // Between the shift keys and the space bar of European keyboards.
  if (key == 0x56) return shifts & SHIFTS ? 0x567c : 0x565c;
  if (key > SPACE) return 0;
  if (shifts & ALT) return altCode(key);
  if (shifts & CTRL) return ctrlCode(key);
  return plainCode(key, shifts);
}

/** 0 alone, 1 Shift, 2 Ctrl, 3 Alt. */
function shiftLevel(shifts: u32): u32 {
  return shifts & ALT ? 3 : shifts & CTRL ? 2 : shifts & SHIFTS ? 1 : 0;
}

/** F1-F10: 3Bh, then with Shift, Ctrl, Alt ten further each from 54h on. */
function functionCode(index: u32, shifts: u32): u32 {
  const level = shiftLevel(shifts);
  return level == 0 ? F1 + index : 0x54 + (level - 1) * 10 + index;
}

function plainCode(key: u32, shifts: u32): u32 {
  if (key == 0x0f && shifts & SHIFTS) return 0x0f00; // Shift-Tab
  const plain = <u32>PLAIN.charCodeAt(key);
  const letter = plain >= 0x61 && plain <= 0x7a;
  const upper = ((shifts & SHIFTS) != 0) != (letter && (shifts & CAPS_LOCK) != 0);
  const character = upper ? <u32>SHIFTED.charCodeAt(key) : plain;
  return character ? (key << 8) | character : 0;
}

function ctrlCode(key: u32): u32 {
  const plain = <u32>PLAIN.charCodeAt(key);
  if ((plain >= 0x61 && plain <= 0x7a) || (plain >= 0x5b && plain <= 0x5d))
    return (key << 8) | (plain & 0x1f);
  switch (key) {
    case 0x01:
      return 0x011b;
    case 0x03: // Ctrl-2 is NUL
      return 0x0300;
    case 0x07:
      return 0x071e;
    case 0x0c:
      return 0x0c1f;
    case 0x0e:
      return 0x0e7f;
    case 0x0f:
      return 0x9400;
    case 0x1c:
      return 0x1c0a;
    case 0x37:
      return 0x9600;
    case SPACE:
      return 0x3920;
    default:
      return 0;
  }
}

function altCode(key: u32): u32 {
  if (key >= 0x02 && key <= 0x0d) return (key + 0x76) << 8; // 1 … = : 78h-83h
  if (key == 0x0f) return 0xa500;
  if (key == SPACE) return 0x3920;
  const plain = <u32>PLAIN.charCodeAt(key);
  if (plain >= 0x61 && plain <= 0x7a) return key << 8;
  return plain || key == 0x37 ? (key << 8) | ENHANCED : 0;
}

/** The keypad: digits under Num Lock or Shift, else the cursor keys. */
function padCode(key: u32, shifts: u32): u32 {
  if (shifts & ALT) return key == 0x4a || key == 0x4e ? (key << 8) | ENHANCED : 0;
  if (shifts & CTRL) return (<u32>load<u8>(CTRL_PAD + <usize>(key - HOME))) << 8;
  const character = <u32>PAD_CHARACTERS.charCodeAt(key - HOME);
  const digits = ((shifts & SHIFTS) != 0) != ((shifts & NUM_LOCK) != 0);
  if (digits || key == 0x4a || key == 0x4e) return (key << 8) | character;
  return key == 0x4c ? (key << 8) | ENHANCED : key << 8;
}

/** Keys behind E0h: the cursor block, and Enter and / of the keypad. */
function greyCode(key: u32, shifts: u32): u32 {
  if (key == 0x1c) return shifts & ALT ? 0xa600 : shifts & CTRL ? 0xe00a : 0xe00d;
  if (key == 0x35) return shifts & ALT ? 0xa400 : shifts & CTRL ? 0x9500 : 0xe02f;
  if (key < HOME || key > DELETE) return 0;
  if (shifts & ALT) return (<u32>load<u8>(ALT_GREY + <usize>(key - HOME))) << 8;
  if (shifts & CTRL) return ((<u32>load<u8>(CTRL_PAD + <usize>(key - HOME))) << 8) | GREY;
  return (key << 8) | GREY;
}
