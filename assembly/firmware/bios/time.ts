// INT 1Ah below B1h: the tick counter and the real-time clock (IBM PS/2 and PC BIOS Interface Technical Reference).
import { portRead, portWrite } from "../../devices/bus";
import { BDA_MIDNIGHT, BDA_TICKS } from "./bios-data";
import { caller, low, setLow } from "./caller";
import { servePci } from "./pci";

const SECONDS: u32 = 0x00;
const SECONDS_ALARM: u32 = 0x01;
const MINUTES: u32 = 0x02;
const MINUTES_ALARM: u32 = 0x03;
const HOURS: u32 = 0x04;
const HOURS_ALARM: u32 = 0x05;
const DAY: u32 = 0x07;
const MONTH: u32 = 0x08;
const YEAR: u32 = 0x09;
const STATUS_A: u32 = 0x0a;
const STATUS_B: u32 = 0x0b;
const CENTURY: u32 = 0x32;
const UPDATING: u32 = 1 << 7;
const ALARM: u32 = 1 << 5;
const DAYLIGHT: u32 = 1 << 0;
const HOLD: u32 = 1 << 7;

/** The PIT's ticks in an hour, and so on: 1193182 / 65536 a second. */
const TICKS_NUMERATOR: u64 = 1_193_182;

export function readClock(index: u32): u32 {
  portWrite(0x70, 1, index);
  return portRead(0x71, 1);
}

function writeClock(index: u32, value: u32): void {
  portWrite(0x70, 1, index);
  portWrite(0x71, 1, value);
}

function decimal(bcd: u32): u32 {
  return (bcd >> 4) * 10 + (bcd & 15);
}

/** Ticks since midnight, from the clock: what POST sets the counter to. */
export function ticksOfDay(): u32 {
  const seconds =
    (decimal(readClock(HOURS)) * 60 + decimal(readClock(MINUTES))) * 60 + decimal(readClock(SECONDS));
  return <u32>((<u64>seconds * TICKS_NUMERATOR) >> 16);
}

export function serveTime(): bool {
  if (caller.ah == 0xb1) return servePci();
  // The clock's fields hold still outside an update.
  if (caller.ah >= 2 && caller.ah <= 7 && readClock(STATUS_A) & UPDATING) return false;
  switch (caller.ah) {
    case 0x00:
      caller.al = low<u8>(BDA_MIDNIGHT);
      caller.cx = low<u16>(BDA_TICKS + 2);
      caller.dx = low<u16>(BDA_TICKS);
      setLow<u8>(BDA_MIDNIGHT, 0);
      break;
    case 0x01:
      setLow<u16>(BDA_TICKS + 2, caller.cx);
      setLow<u16>(BDA_TICKS, caller.dx);
      setLow<u8>(BDA_MIDNIGHT, 0);
      break;
    case 0x02:
      caller.ch = readClock(HOURS);
      caller.cl = readClock(MINUTES);
      caller.dh = readClock(SECONDS);
      caller.dl = readClock(STATUS_B) & DAYLIGHT;
      caller.ah = 0;
      caller.al = caller.ch;
      break;
    case 0x03:
      writeClock(HOURS, caller.ch);
      writeClock(MINUTES, caller.cl);
      writeClock(SECONDS, caller.dh);
      writeClock(STATUS_B, (readClock(STATUS_B) & ~(HOLD | DAYLIGHT)) | (caller.dl & DAYLIGHT));
      caller.ah = 0;
      break;
    case 0x04:
      caller.ch = readClock(CENTURY);
      caller.cl = readClock(YEAR);
      caller.dh = readClock(MONTH);
      caller.dl = readClock(DAY);
      caller.ah = 0;
      caller.al = caller.ch;
      break;
    case 0x05:
      writeClock(CENTURY, caller.ch);
      writeClock(YEAR, caller.cl);
      writeClock(MONTH, caller.dh);
      writeClock(DAY, caller.dl);
      caller.ah = 0;
      break;
    case 0x06:
      return setAlarm();
    case 0x07:
      writeClock(STATUS_B, readClock(STATUS_B) & ~ALARM);
      caller.ah = 0;
      break;
    default:
      caller.carry = true;
      return true;
  }
  caller.carry = false;
  return true;
}

/** Fails when an alarm is set already. */
function setAlarm(): bool {
  const control = readClock(STATUS_B);
  caller.carry = (control & ALARM) != 0;
  if (control & ALARM) return true;
  writeClock(HOURS_ALARM, caller.ch);
  writeClock(MINUTES_ALARM, caller.cl);
  writeClock(SECONDS_ALARM, caller.dh);
  portWrite(0xa1, 1, portRead(0xa1, 1) & 0xfe); // IRQ 8
  writeClock(STATUS_B, control | ALARM);
  caller.ah = 0;
  return true;
}
