// INT 14h, serial ports, and INT 17h, printers (IBM PS/2 and PC BIOS Interface Technical Reference).
import { portRead, portWrite } from "../../devices/bus";
import { BDA_PARALLEL_PORTS, BDA_SERIAL_PORTS } from "./bios-data";
import { caller, low } from "./caller";

const PORTS: u32 = 4;
const DATA: u32 = 0;
const INTERRUPTS: u32 = 1;
const LINE_CONTROL: u32 = 3;
const MODEM_CONTROL: u32 = 4;
const LINE_STATUS: u32 = 5;
const MODEM_STATUS: u32 = 6;
const DIVISOR_ACCESS: u32 = 0x80;
const DTR_RTS: u32 = 3;
const RECEIVED: u32 = 0x01;
const SENDABLE: u32 = 0x20;
const TIMED_OUT: u32 = 0x80;
/** Divisors of 110, 150, 300 … 9600 bits a second. */
const DIVISORS: usize = memory.data<u16>([1047, 768, 384, 192, 96, 48, 24, 12]);

/** INT 14h on port DX. False: ask again. */
export function serveSerial(): bool {
  const port = caller.dx < PORTS ? low<u16>(BDA_SERIAL_PORTS + (caller.dx << 1)) : 0;
  caller.carry = port == 0 || caller.ah > 3;
  if (port == 0) return true;
  switch (caller.ah) {
    case 0x00:
      initialise(port, caller.al);
      break;
    case 0x01: {
      const status = portRead(port + LINE_STATUS, 1);
      if (status & SENDABLE) portWrite(port + DATA, 1, caller.al);
      caller.ah = portRead(port + LINE_STATUS, 1) | (status & SENDABLE ? 0 : TIMED_OUT);
      return true;
    }
    case 0x02: {
      const status = portRead(port + LINE_STATUS, 1);
      if (status & RECEIVED) caller.al = portRead(port + DATA, 1);
      caller.ah = status & RECEIVED ? status & 0x1e : TIMED_OUT;
      return true;
    }
    case 0x03:
      break;
    default:
      return true;
  }
  caller.ah = portRead(port + LINE_STATUS, 1);
  caller.al = portRead(port + MODEM_STATUS, 1);
  return true;
}

/** `settings`: speed 7-5, parity 4-3, stop bits 2, word length 1-0. */
function initialise(port: u32, settings: u32): void {
  const divisor = <u32>load<u16>(DIVISORS + ((<usize>(settings >> 5)) << 1));
  portWrite(port + LINE_CONTROL, 1, DIVISOR_ACCESS);
  portWrite(port + DATA, 1, divisor & 0xff);
  portWrite(port + INTERRUPTS, 1, divisor >> 8);
  portWrite(port + LINE_CONTROL, 1, settings & 0x1f);
  portWrite(port + MODEM_CONTROL, 1, DTR_RTS);
  portWrite(port + INTERRUPTS, 1, 0);
}

/** INT 17h: no printer is attached to a port that is there. */
export function servePrinter(): bool {
  const port = caller.dx < PORTS - 1 ? low<u16>(BDA_PARALLEL_PORTS + (caller.dx << 1)) : 0;
  caller.carry = port == 0 || caller.ah > 2;
  if (port != 0 && caller.ah <= 2) caller.ah = 0x91 & ~(caller.ah == 0 ? 0x80 : 0);
  return true;
}
