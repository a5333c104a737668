// INT 1Ah AH=B1h: PCI BIOS Specification 2.1. One bus, configuration mechanism 1.
import { cpu } from "../../cpu/state";
import { portRead, portWrite } from "../../devices/bus";
import { caller, readGuest, writeGuest } from "./caller";
import { ROUTING_SLOTS, writeRoutingSlots } from "../pci-routing";

const SIGNATURE: u32 = 0x2049_4350; // "PCI "
const VERSION: u32 = 0x0210;
const MECHANISM_1: u32 = 0x01;

const SUCCESSFUL: u32 = 0x00;
const UNSUPPORTED: u32 = 0x81;
const NOT_FOUND: u32 = 0x86;
const BAD_REGISTER: u32 = 0x87;
const BUFFER_TOO_SMALL: u32 = 0x89;
/** IRQs that PCI has for itself: none. */
const EXCLUSIVE_IRQS: u32 = 0;
const ROUTING_BYTES: u32 = ROUTING_SLOTS * 16;

function end(status: u32): bool {
  caller.ah = status;
  caller.carry = status != SUCCESSFUL;
  return true;
}

/** Points the data window at `register` of device << 3 | function `address` of a bus. */
function select(bus: u32, address: u32, register: u32): void {
  portWrite(0xcf8, 4, 0x8000_0000 | (bus << 16) | (address << 8) | (register & 0xfc));
}

export function servePci(): bool {
  switch (caller.al) {
    case 0x01:
      caller.edx = SIGNATURE;
      caller.al = MECHANISM_1;
      caller.bx = VERSION;
      caller.cl = 0; // the last bus
      return end(SUCCESSFUL);
    case 0x02:
      return find(0x00, 0xffff_ffff, caller.dx | (caller.cx << 16));
    case 0x03:
      return find(0x08, 0xffff_ff00, caller.ecx << 8);
    case 0x08:
    case 0x09:
    case 0x0a:
      return read(1 << (caller.al - 0x08));
    case 0x0b:
    case 0x0c:
    case 0x0d:
      return write(1 << (caller.al - 0x0b));
    case 0x0e:
      return tellRouting();
    default:
      return end(UNSUPPORTED);
  }
}

/** The SI-th function whose dword at `register` is `wanted` in the bits of `mask`. */
function find(register: u32, mask: u32, wanted: u32): bool {
  let left = caller.si;
  for (let address: u32 = 0; address < 256; address++) {
    select(0, address, register);
    const value = portRead(0xcfc, 4);
    if (value == 0xffff_ffff || (value & mask) != (wanted & mask)) continue;
    if (left-- != 0) continue;
    caller.bx = address;
    return end(SUCCESSFUL);
  }
  return end(NOT_FOUND);
}

function read(size: u32): bool {
  const register = caller.di;
  if (register > 0xff || register & (size - 1)) return end(BAD_REGISTER);
  select(caller.bh, caller.bl, register);
  const value = portRead(0xcfc + (register & 3), size);
  if (size == 1) caller.cl = value;
  else if (size == 2) caller.cx = value;
  else caller.ecx = value;
  return end(SUCCESSFUL);
}

function write(size: u32): bool {
  const register = caller.di;
  if (register > 0xff || register & (size - 1)) return end(BAD_REGISTER);
  select(caller.bh, caller.bl, register);
  portWrite(0xcfc + (register & 3), size, caller.ecx);
  return end(SUCCESSFUL);
}

/** AL=0Eh: ES:DI → buffer size u16, its far address; the routing table's slots go there. */
function tellRouting(): bool {
  const es = cpu.esBase;
  const at = caller.di;
  const room = readGuest<u16>(es, at);
  writeGuest<u16>(es, at, ROUTING_BYTES);
  if (room < ROUTING_BYTES) return end(BUFFER_TOO_SMALL);
  writeRoutingSlots((<u64>readGuest<u16>(es, at + 4)) << 4, readGuest<u16>(es, at + 2));
  caller.bx = EXCLUSIVE_IRQS;
  return end(SUCCESSFUL);
}
