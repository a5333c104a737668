// Bits and command numbers of the 82078 (data sheet 290468): i82078.ts is the controller that speaks them.

export const DOR_SELECT: u32 = 3;
export const DOR_NOT_RESET: u32 = 1 << 2;
/** Lets the interrupt and the DMA request out. */
export const DOR_GATE: u32 = 1 << 3;
export const DSR_RESET: u32 = 1 << 7;

export const MSR_BUSY: u32 = 1 << 4;
export const MSR_NO_DMA: u32 = 1 << 5;
export const MSR_OUT: u32 = 1 << 6; // the next byte goes to the processor
export const MSR_READY: u32 = 1 << 7;

export const DIR_CHANGED: u32 = 1 << 7;

// Status registers 0-3 (data sheet §6).
export const ST0_ABNORMAL: u32 = 1 << 6;
export const ST0_INVALID: u32 = 2 << 6;
export const ST0_POLLING: u32 = 3 << 6;
export const ST0_EQUIPMENT: u32 = 1 << 4;
export const ST0_SEEK_END: u32 = 1 << 5;
export const ST1_NO_ADDRESS: u32 = 1 << 0;
export const ST1_NOT_WRITABLE: u32 = 1 << 1;
export const ST1_NO_DATA: u32 = 1 << 2;
export const ST1_OVERRUN: u32 = 1 << 4;
export const ST1_CRC: u32 = 1 << 5;
export const ST1_END_OF_CYLINDER: u32 = 1 << 7;
export const ST2_WRONG_CYLINDER: u32 = 1 << 4;
export const ST2_CRC: u32 = 1 << 5;
export const ST3_TWO_SIDES: u32 = 1 << 3;
export const ST3_TRACK_0: u32 = 1 << 4;
export const ST3_READY: u32 = 1 << 5;
export const ST3_PROTECTED: u32 = 1 << 6;

/** Command bits beside the number: several tracks, double density, skip deleted. */
export const MULTI_TRACK: u32 = 1 << 7;
export const COMMAND_NUMBER: u32 = 0x1f;

export const READ_TRACK: u32 = 0x02;
export const WRITE_DATA: u32 = 0x05;
export const READ_DATA: u32 = 0x06;
export const WRITE_DELETED: u32 = 0x09;
export const READ_DELETED: u32 = 0x0c;
export const FORMAT_TRACK: u32 = 0x0d;
export const VERIFY: u32 = 0x16;

export const IMPLIED_SEEK: u32 = 1 << 6; // CONFIGURE
export const POLLING_OFF: u32 = 1 << 4;

/** Bytes of a command, its parameters included; 1 for those that do not exist. */
export function commandLength(command: u32): u32 {
  if (isTransfer(command)) return (command & COMMAND_NUMBER) == FORMAT_TRACK ? 6 : 9;
  switch (command) {
    case 0x03:
    case 0x0f:
    case 0x8f:
    case 0xcf:
      return 3;
    case 0x13:
      return 4;
    case 0x04:
    case 0x07:
    case 0x0a:
    case 0x4a:
    case 0x12:
    case 0x17:
    case 0x33:
      return 2;
    case 0x8e:
      return 6;
    default:
      return 1;
  }
}

export function isTransfer(command: u32): bool {
  switch (command & COMMAND_NUMBER) {
    case READ_TRACK:
    case WRITE_DATA:
    case READ_DATA:
    case WRITE_DELETED:
    case READ_DELETED:
    case VERIFY:
      return true;
    case FORMAT_TRACK:
      return (command & ~(1 << 6)) == FORMAT_TRACK;
    default:
      return false;
  }
}
