// INT 15h AH=C2h and IRQ 12: the pointing device (IBM PS/2 and PC BIOS Interface Technical Reference). Bytes become
// packets here; the stub in ROM hands each to the program's own handler.
import { portRead, portWrite } from "../../devices/bus";
import { cpu } from "../../cpu/state";
import { EBDA } from "../memory-map";
import { EBDA_MOUSE_CALL } from "./bios-data";
import { caller, setLow } from "./caller";
import { MOUSE_AT } from "./layout";

// The 8042's commands and command byte.
const READ_COMMAND_BYTE: u32 = 0x20;
const WRITE_COMMAND_BYTE: u32 = 0x60;
const TO_MOUSE: u32 = 0xd4;
const OUTPUT_FULL: u32 = 1 << 0;
const FROM_MOUSE: u32 = 1 << 5;
const MOUSE_INTERRUPT: u32 = 1 << 1;
const MOUSE_OFF: u32 = 1 << 5;

const ACKNOWLEDGED: u32 = 0xfa;
/** Packets begin with a byte that has this bit set. */
const ALWAYS_SET: u32 = 1 << 3;

const BAD_FUNCTION: u32 = 1;
const BAD_INPUT: u32 = 2;
const INTERFACE_FAILED: u32 = 3;
const NO_HANDLER: u32 = 5;

const RATES: usize = memory.data<u8>([10, 20, 40, 60, 80, 100, 200]);

@final
@unmanaged
class Pointer {
  hasHandler: bool;
  size: u32;
  /** Bytes of the packet so far. */
  filled: u32;
  packet: u32;
}

const pointer = changetype<Pointer>(MOUSE_AT);

export function resetPointer(): void {
  memory.fill(MOUSE_AT, 0, offsetof<Pointer>());
  pointer.size = 3;
}

function end(status: u32): bool {
  caller.ah = status;
  caller.carry = status != 0;
  return true;
}

export function servePointer(): bool {
  const argument = caller.bh;
  switch (caller.al) {
    case 0x00:
      if (argument > 1) return end(BAD_INPUT);
      if (argument == 1 && !pointer.hasHandler) return end(NO_HANDLER);
      return switchOn(argument == 1);
    case 0x05:
      if (argument != 3 && argument != 4) return end(BAD_INPUT);
      pointer.size = argument;
      return reset();
    case 0x01:
      return reset();
    case 0x02:
      if (argument > 6) return end(BAD_INPUT);
      return command(0xf3, load<u8>(RATES + <usize>argument));
    case 0x03:
      return argument > 3 ? end(BAD_INPUT) : command(0xe8, argument);
    case 0x04:
      caller.bh = 0;
      return end(0);
    case 0x06:
      if (argument == 0) return tellStatus();
      return argument > 2 ? end(BAD_INPUT) : command(argument == 1 ? 0xe6 : 0xe7, NO_ARGUMENT);
    case 0x07:
      pointer.hasHandler = cpu.esSelector != 0 || caller.bx != 0;
      setLow<u16>(EBDA + EBDA_MOUSE_CALL, caller.bx);
      setLow<u16>(EBDA + EBDA_MOUSE_CALL + 2, cpu.esSelector);
      return end(0);
    default:
      return end(BAD_FUNCTION);
  }
}

const NO_ARGUMENT: u32 = 0xffff_ffff;

function controller(byte: u32): void {
  portWrite(0x64, 1, byte);
}

/** Lets the mouse speak, with or without its interrupt. */
function setMouse(interrupts: bool): void {
  controller(READ_COMMAND_BYTE);
  const byte = portRead(0x60, 1) & ~(MOUSE_OFF | MOUSE_INTERRUPT);
  controller(WRITE_COMMAND_BYTE);
  portWrite(0x60, 1, interrupts ? byte | MOUSE_INTERRUPT : byte);
}

function drain(): void {
  for (let i = 0; i < 16 && portRead(0x64, 1) & OUTPUT_FULL; i++) portRead(0x60, 1);
}

/** The mouse's next byte, ones where none comes. */
function answer(): u32 {
  return (portRead(0x64, 1) & (OUTPUT_FULL | FROM_MOUSE)) == (OUTPUT_FULL | FROM_MOUSE)
    ? portRead(0x60, 1)
    : 0xff;
}

function tell(byte: u32): bool {
  controller(TO_MOUSE);
  portWrite(0x60, 1, byte);
  return answer() == ACKNOWLEDGED;
}

function command(byte: u32, argument: u32): bool {
  drain();
  setMouse(false);
  const good = tell(byte) && (argument == NO_ARGUMENT || tell(argument));
  setMouse(true);
  return end(good ? 0 : INTERFACE_FAILED);
}

function switchOn(on: bool): bool {
  pointer.filled = 0;
  pointer.packet = 0;
  return command(on ? 0xf4 : 0xf5, NO_ARGUMENT);
}

function reset(): bool {
  drain();
  setMouse(false);
  const good = tell(0xff);
  caller.bl = answer(); // AAh: tested good
  caller.bh = answer(); // 00h: a mouse
  setMouse(true);
  pointer.filled = 0;
  pointer.packet = 0;
  return end(good ? 0 : INTERFACE_FAILED);
}

/** BL status, CL resolution, DL sample rate. */
function tellStatus(): bool {
  drain();
  setMouse(false);
  const good = tell(0xe9);
  caller.bl = answer();
  caller.cl = answer();
  caller.dl = answer();
  setMouse(true);
  return end(good ? 0 : INTERFACE_FAILED);
}

/** IRQ 12. True with a whole packet for the handler: AX status, BX and CX movement. */
export function takeMouseByte(): bool {
  const byte = portRead(0x60, 1) & 0xff;
  if (!pointer.hasHandler || (pointer.filled == 0 && (byte & ALWAYS_SET) == 0)) return false;
  pointer.packet |= byte << (pointer.filled << 3);
  if (++pointer.filled < pointer.size) return false;
  caller.ax = pointer.packet & 0xff;
  caller.bx = (pointer.packet >> 8) & 0xff;
  caller.cx = (pointer.packet >> 16) & 0xff;
  pointer.filled = 0;
  pointer.packet = 0;
  return true;
}
