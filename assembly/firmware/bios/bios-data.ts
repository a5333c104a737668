// The BIOS data area at 40:0 (IBM PS/2 and PC BIOS Interface Technical Reference, "BIOS Data Area") as physical
// addresses, and the extended one behind it.
export const BDA_SERIAL_PORTS: u32 = 0x400;
export const BDA_PARALLEL_PORTS: u32 = 0x408;
export const BDA_EBDA: u32 = 0x40e;
export const BDA_EQUIPMENT: u32 = 0x410;
export const BDA_MEMORY: u32 = 0x413;
export const BDA_SHIFTS: u32 = 0x417; // INT 16h AH=02h
export const BDA_SHIFTS_MORE: u32 = 0x418;
export const BDA_ALT_NUMBER: u32 = 0x419;
export const BDA_KEYS_HEAD: u32 = 0x41a;
export const BDA_KEYS_TAIL: u32 = 0x41c;
export const BDA_KEYS: u32 = 0x41e;
export const BDA_FLOPPY_DONE: u32 = 0x43e;
export const BDA_FLOPPY_STATUS: u32 = 0x441;
export const BDA_VIDEO_MODE: u32 = 0x449;
export const BDA_COLUMNS: u32 = 0x44a;
export const BDA_PAGE_SIZE: u32 = 0x44c;
export const BDA_PAGE_START: u32 = 0x44e;
export const BDA_CURSORS: u32 = 0x450; // column, row of each of eight pages
export const BDA_CURSOR_SHAPE: u32 = 0x460;
export const BDA_PAGE: u32 = 0x462;
export const BDA_CRTC: u32 = 0x463;
export const BDA_MODE_SELECT: u32 = 0x465;
export const BDA_PALETTE: u32 = 0x466;
export const BDA_TICKS: u32 = 0x46c;
export const BDA_MIDNIGHT: u32 = 0x470;
export const BDA_BREAK: u32 = 0x471;
export const BDA_RESET: u32 = 0x472;
export const BDA_DISK_STATUS: u32 = 0x474;
export const BDA_DISKS: u32 = 0x475;
export const BDA_PARALLEL_TIMEOUTS: u32 = 0x478;
export const BDA_SERIAL_TIMEOUTS: u32 = 0x47c;
export const BDA_KEYS_START: u32 = 0x480;
export const BDA_KEYS_END: u32 = 0x482;
export const BDA_ROWS: u32 = 0x484; // less one
export const BDA_CHARACTER_HEIGHT: u32 = 0x485;
export const BDA_VIDEO_CONTROL: u32 = 0x487;
export const BDA_VIDEO_SWITCHES: u32 = 0x488;
export const BDA_VIDEO_FLAGS: u32 = 0x489;
export const BDA_DISPLAY_CODE: u32 = 0x48a;
export const BDA_DISK_DONE: u32 = 0x48e;
export const BDA_FLOPPY_KINDS: u32 = 0x48f;
export const BDA_FLOPPY_MEDIA: u32 = 0x490;
export const BDA_KEYBOARD: u32 = 0x496; // bit 4: 101 keys; 3, 2: right Alt, Ctrl; 1, 0: last code E0h, E1h
export const BDA_KEYBOARD_LEDS: u32 = 0x497;
export const BDA_VIDEO_SAVE: u32 = 0x4a8;

/** Offsets in the extended BIOS data area. */
export const EBDA_MOUSE_CALL: u32 = 0x22;
