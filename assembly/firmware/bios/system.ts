// INT 11h, 12h and 15h: what the board has, its memory, and what needs protected mode to be done (IBM PS/2 and PC BIOS
// Interface Technical Reference; ACPI 1.0 §14 for E820h).
import { cpu } from "../../cpu/state";
import { a20, setA20 } from "../../devices/system-ports";
import { now } from "../../machine/clock";
import { readPhysical, writePhysical } from "../../memory/physical";
import { memoryRange, range, usableTop } from "../memory-map";
import { serveApm } from "./apm";
import { BDA_EBDA, BDA_EQUIPMENT, BDA_MEMORY } from "./bios-data";
import { caller, low, readGuest, writeGuest } from "./caller";
import { CONFIGURATION_TABLE, ROM_SEGMENT, WAIT_AT } from "./layout";
import { servePointer } from "./mouse";
import { waitForEvent } from "./transfer";

const UNSUPPORTED: u32 = 0x86;
const SMAP: u32 = 0x534d_4150;
const ENTRY_SIZE: u32 = 20;
const MIB: u32 = 0x10_0000;
/** Waits longer than this are slept through, woken by IRQ 0. */
const NAP: u64 = 60_000_000;

export function equipment(): bool {
  caller.ax = low<u16>(BDA_EQUIPMENT);
  return true;
}

export function conventionalMemory(): bool {
  caller.ax = low<u16>(BDA_MEMORY);
  return true;
}

function good(): bool {
  caller.ah = 0;
  caller.carry = false;
  return true;
}

function unsupported(): bool {
  caller.ah = UNSUPPORTED;
  caller.carry = true;
  return true;
}

/** False: ask again. */
export function serveSystem(): bool {
  switch (caller.ah) {
    case 0x24:
      return gateA20();
    case 0x4f: // keyboard intercept: the code stays as it is
      caller.carry = true;
      return true;
    case 0x53:
      return serveApm();
    case 0x83: // the hooks of an operating system that no one has hooked
    case 0x90:
    case 0x91:
      caller.carry = false;
      return true;
    case 0x52: // a medium may be ejected
      return good();
    case 0x86:
      return wait();
    case 0x87:
      return moveBlock();
    case 0x88:
      caller.ax = <u32>min(extendedKiB(), 0xfc00);
      caller.carry = false;
      return true;
    case 0xc0:
      caller.es = ROM_SEGMENT;
      caller.bx = CONFIGURATION_TABLE;
      return good();
    case 0xc1:
      caller.es = low<u16>(BDA_EBDA);
      caller.carry = false;
      return true;
    case 0xc2:
      return servePointer();
    case 0xe8:
      return describeMemory();
    default:
      return unsupported();
  }
}

/** AH=24h: AL 0 off, 1 on, 2 state, 3 what can switch it: the 8042 and port 92h. */
function gateA20(): bool {
  switch (caller.al) {
    case 0:
    case 1:
      setA20(caller.al == 1);
      return good();
    case 2:
      caller.al = a20() ? 1 : 0;
      return good();
    case 3:
      caller.bx = 3;
      return good();
    default:
      return unsupported();
  }
}

/** AH=86h: CX:DX microseconds. */
function wait(): bool {
  const end = load<u64>(WAIT_AT);
  const time = now();
  if (end == 0) {
    store<u64>(WAIT_AT, time + <u64>((caller.cx << 16) | caller.dx) * 1000);
    return false;
  }
  if (time < end) {
    if (end - time > NAP) waitForEvent();
    return false;
  }
  store<u64>(WAIT_AT, 0);
  caller.carry = false;
  return true;
}

/** KiB above 1 MiB that are the caller's. */
function extendedKiB(): u32 {
  return (usableTop() - MIB) >> 10;
}

/** AH=87h: CX words between the segments of descriptors 2 and 3 of the table at ES:SI. */
function moveBlock(): bool {
  const length = caller.cx << 1;
  const from = descriptorBase(0x10);
  const to = descriptorBase(0x18);
  for (let i: u32 = 0; i < length; i++) writePhysical<u8>(to + i, readPhysical<u8>(from + i));
  return good();
}

function descriptorBase(offset: u32): u32 {
  const at = caller.si + offset;
  return (readGuest<u32>(cpu.esBase, at + 2) & 0xff_ffff) | (readGuest<u8>(cpu.esBase, at + 7) << 24);
}

function describeMemory(): bool {
  switch (caller.al) {
    case 0x01:
      return describeTwoRanges();
    case 0x20:
      return describeRange();
    default:
      return unsupported();
  }
}

/** E801h: KiB from 1 to 16 MiB, then units of 64 KiB, each in two registers. */
function describeTwoRanges(): bool {
  caller.ax = min<u32>(extendedKiB(), 15 << 10);
  caller.bx = usableTop() > 16 * MIB ? (usableTop() - 16 * MIB) >> 16 : 0;
  caller.cx = caller.ax;
  caller.dx = caller.bx;
  caller.carry = false;
  return true;
}

/** E820h: entry EBX goes to ES:DI; EBX becomes the next one's number, 0 behind the last. */
function describeRange(): bool {
  const index = caller.ebx;
  if (caller.edx != SMAP || caller.ecx < ENTRY_SIZE || !memoryRange(index)) return unsupported();
  const es = cpu.esBase;
  const at = caller.di;
  writeGuest<u32>(es, at, <u32>range.base);
  writeGuest<u32>(es, at + 4, <u32>(range.base >> 32));
  writeGuest<u32>(es, at + 8, <u32>range.size);
  writeGuest<u32>(es, at + 12, <u32>(range.size >> 32));
  writeGuest<u32>(es, at + 16, range.kind);
  caller.eax = SMAP;
  caller.ecx = ENTRY_SIZE;
  caller.ebx = memoryRange(index + 1) ? index + 1 : 0;
  caller.carry = false;
  return true;
}
