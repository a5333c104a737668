// INT 15h AH=53h: advanced power management (APM BIOS Interface Specification 1.2), its real-mode interface. There is
// nothing to save power with, but a way to switch off.
import { EXIT_POWER_OFF, leave } from "../../machine/exit";
import { caller } from "./caller";

const VERSION: u32 = 0x0102;
const SIGNATURE: u32 = 0x504d; // "PM"
const ALL_DEVICES: u32 = 1;
const POWER_OFF: u32 = 3;
/** On the mains; no battery, nothing known of one. */
const AC_POWER: u32 = 0x01ff;
const NO_BATTERY: u32 = 0x80ff;
const UNKNOWN: u32 = 0xffff;

/** Error codes (appendix B). */
const NO_16_BIT_INTERFACE: u32 = 0x06;
const NO_32_BIT_INTERFACE: u32 = 0x08;
const UNKNOWN_DEVICE: u32 = 0x09;
const NO_EVENT: u32 = 0x80;
const UNSUPPORTED: u32 = 0x86;

function refuse(error: u32): bool {
  caller.ah = error;
  caller.carry = true;
  return true;
}

function good(): bool {
  caller.carry = false;
  return true;
}

export function serveApm(): bool {
  switch (caller.al) {
    case 0x00:
      caller.ax = VERSION;
      caller.bx = SIGNATURE;
      caller.cx = 0; // neither protected-mode interface
      return good();
    case 0x02:
      return refuse(NO_16_BIT_INTERFACE);
    case 0x03:
      return refuse(NO_32_BIT_INTERFACE);
    case 0x07:
      if (caller.bx != ALL_DEVICES) return refuse(UNKNOWN_DEVICE);
      if (caller.cx == POWER_OFF) leave(EXIT_POWER_OFF);
      caller.ah = 0;
      return good();
    case 0x01: // connect, disconnect; idle, busy; manage, engage
    case 0x04:
    case 0x05:
    case 0x06:
    case 0x08:
    case 0x0d:
    case 0x0f:
      caller.ah = 0;
      return good();
    case 0x0a:
      caller.bx = AC_POWER;
      caller.cx = NO_BATTERY;
      caller.dx = UNKNOWN;
      return good();
    case 0x0b:
      return refuse(NO_EVENT);
    case 0x0e:
      caller.ax = VERSION;
      return good();
    default:
      return refuse(UNSUPPORTED);
  }
}
