// SMBIOS 2.8 (DMTF DSP0134): what the machine is called, and what it is made of. Structures follow one another, each
// with its strings behind it; the entry point tells where they are.
import { clock } from "../machine/clock";
import { physicalMap } from "../memory/physical";
import { LEAF_1_EDX, SIGNATURE } from "../cpu/features";
import {
  position,
  putByte,
  putDword,
  putQword,
  putText,
  putWord,
  putZeros,
  writeChecksum,
  seek,
} from "./acpi/table";

const MANUFACTURER = "QEMU";
const PRODUCT = "Standard PC (i440FX + PIIX, 1996)";
const VERSION = "pc-i440fx-7.2";

export const SMBIOS_ENTRY_SIZE: u32 = 31;
const ENTRY: u32 = 0xf_59f0;
const STRUCTURES: u32 = 0xf_5a10;
/** Most bytes that one structure takes, which the entry point tells. */
let largest: u32 = 0;
let structures: u32 = 0;
let start: u32 = 0;

function open(kind: u32, length: u32, handle: u32): void {
  start = position();
  putByte(kind);
  putByte(length);
  putWord(handle);
}

function putString(text: string): void {
  putText(text);
  putByte(0);
}

/** Ends the structure behind its strings; one without any has two zeros. */
function close(strings: bool): void {
  if (!strings) putByte(0);
  putByte(0);
  structures++;
  largest = max(largest, position() - start);
}

/** Writes the structures at the writer's position; returns their length. */
export function writeSmbiosStructures(): u32 {
  const at = position();
  largest = 0;
  structures = 0;
  system();
  chassis();
  processor();
  memoryDevices();
  open(32, 11, 0x2000); // boot information: no errors
  putZeros(7);
  close(false);
  open(127, 4, 0x7f00);
  close(false);
  return position() - at;
}

/** The entry point (§5.2.1) of `length` bytes of structures at `structuresAt`. */
export function writeSmbiosEntry(structuresAt: u32, length: u32): void {
  const at = position();
  putText("_SM_");
  putByte(0); // checksum
  putByte(SMBIOS_ENTRY_SIZE);
  putWord(0x0802);
  putWord(largest);
  putZeros(6);
  putText("_DMI_");
  putByte(0); // checksum of this half
  putWord(length);
  putDword(structuresAt);
  putWord(structures);
  putByte(0x28);
  writeChecksum(at + 16, 15, 5);
  writeChecksum(at, SMBIOS_ENTRY_SIZE, 4);
}

/** §7.2: names; the UUID is not set; switched on by the power button. */
function system(): void {
  open(1, 27, 0x0100);
  putByte(1);
  putByte(2);
  putByte(3);
  putByte(0); // serial number
  putZeros(16); // UUID
  putByte(6);
  putWord(0); // SKU, family
  putString(MANUFACTURER);
  putString(PRODUCT);
  putString(VERSION);
  close(true);
}

/** §7.4: a chassis of which nothing is known but that it is safe. */
function chassis(): void {
  open(3, 22, 0x0300);
  putByte(1);
  putByte(1); // other
  putByte(2);
  putWord(0);
  putByte(3); // states of boot, power, temperature: safe; security: unknown
  putByte(3);
  putByte(3);
  putByte(2);
  putZeros(4 + 5);
  putString(MANUFACTURER);
  putString(VERSION);
  close(true);
}

/** §7.5: one socket whose cores are the processors. */
function processor(): void {
  open(4, 42, 0x0400);
  putByte(1);
  putByte(3); // central processor
  putByte(1); // family: other
  putByte(2);
  putDword(SIGNATURE);
  putDword(LEAF_1_EDX);
  putByte(3);
  putByte(0); // voltage
  putWord(0); // clock
  putWord(2000); // MHz, at most and now
  putWord(2000);
  putByte(0x41); // populated, enabled
  putByte(1);
  putWord(0xffff); // no caches told
  putWord(0xffff);
  putWord(0xffff);
  putZeros(3);
  putByte(clock.vcpus);
  putByte(clock.vcpus);
  putByte(clock.vcpus);
  putWord(2); // characteristics: unknown
  putWord(1);
  putString("CPU 0");
  putString(MANUFACTURER);
  putString(VERSION);
  close(true);
}

/** §7.17, §7.18, §7.20: an array of one module, and where its memory appears. */
function memoryDevices(): void {
  const kib = physicalMap.ramSize >> 10;
  open(16, 23, 0x1000);
  putByte(1); // other
  putByte(3); // system memory
  putByte(6); // multi-bit ECC
  putDword(kib);
  putWord(0xfffe); // no error information
  putWord(1);
  putQword(0);
  close(false);

  open(17, 40, 0x1100);
  putWord(0x1000);
  putWord(0xfffe);
  putWord(0xffff); // widths: unknown
  putWord(0xffff);
  putWord(kib >> 10);
  putByte(9); // DIMM
  putByte(0);
  putByte(1);
  putByte(0);
  putByte(7); // RAM
  putWord(2);
  putWord(0); // speed
  putByte(2);
  putZeros(16);
  putString("DIMM 0");
  putString(MANUFACTURER);
  close(true);

  open(19, 31, 0x1300);
  putDword(0);
  putDword(kib - 1);
  putWord(0x1000);
  putByte(1);
  putZeros(16);
  close(false);
}

/** In the BIOS segment, where operating systems search for the entry point. */
export function writeSmbios(): void {
  seek(STRUCTURES);
  const length = writeSmbiosStructures();
  seek(ENTRY);
  writeSmbiosEntry(STRUCTURES, length);
}
