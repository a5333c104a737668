// SMBIOS 2.8 (DMTF DSP0134): what the machine is called, and what it is made of. Structures follow one another, each
// with its strings behind it; the entry point tells where they are.
import { clock } from "../machine/clock";
import { usableTop } from "./memory-map";
import { TOLD_UUID, Told, isTold, told, toldAfter } from "./told";
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
/** In the RAM that firmware keeps, from here on (firmware/memory-map.ts): the BIOS segment has no room for many words. */
const STRUCTURES: u32 = 0x1_8000;
/** Most bytes that one structure takes, which the entry point tells. */
let largest: u32 = 0;
let structures: u32 = 0;
let start: u32 = 0;
/** The structure's type, where its next string goes, and how many it has. */
let type: u32 = 0;
let textAt: u32 = 0;
let texts: u32 = 0;

function open(kind: u32, length: u32, handle: u32): void {
  start = position();
  type = kind;
  textAt = start + length;
  texts = 0;
  putByte(kind);
  putByte(length);
  putWord(handle);
}

/** The structure's next string: what the user says in `record`, or where nothing, `text`. */
function addString(record: Told, text: string): void {
  seek(textAt);
  if (record.key == 0) putText(text);
  else for (let n: u32 = 0; n < record.length; n++) putByte(load<u8>(record.bytes + <usize>n));
  putByte(0);
  textAt = position();
  texts++;
}

/** A field that names a string: what the user says goes here, or else `text`; the number of none is 0. */
function name(text: string = ""): void {
  const field = position();
  const record = told((type << 8) | (field - start));
  if (record.key == 0 && text.length == 0) {
    putByte(0);
    return;
  }
  addString(record, text);
  seek(field);
  putByte(texts);
}

/** Ends the structure behind its strings; one without any has two zeros. */
function close(): void {
  seek(textAt);
  if (texts == 0) putByte(0);
  putByte(0);
  structures++;
  largest = max(largest, position() - start);
}

/** Writes the structures at the writer's position; returns their length. */
export function writeSmbiosStructures(): u32 {
  const at = position();
  largest = 0;
  structures = 0;
  if (isTold(0)) bios();
  system();
  if (isTold(2)) baseboard();
  chassis();
  processor();
  if (isTold(11)) oemStrings();
  memoryDevices();
  open(32, 11, 0x2000); // boot information: no errors
  putZeros(7);
  close();
  open(127, 4, 0x7f00);
  close();
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

/** §7.1: what the user says of the firmware. */
function bios(): void {
  open(0, 24, 0);
  name(); // vendor
  name(); // version
  putWord(0xe800);
  name(); // date
  putByte(0); // 64 KiB
  putQword(1 << 3); // characteristics are not told
  putWord(1 << 12); // a virtual machine
  putWord(0); // release
  putWord(0xffff); // embedded controller: none
  close();
}

/** §7.2: names, the UUID; switched on by the power button. */
function system(): void {
  open(1, 27, 0x0100);
  name(MANUFACTURER);
  name(PRODUCT);
  name(VERSION);
  name(); // serial number
  putUuid();
  putByte(6);
  name(); // SKU
  name(); // family
  close();
}

/** Its first three fields are little-endian here (§7.2.1). */
function putUuid(): void {
  const uuid = told(TOLD_UUID);
  if (uuid.key == 0) {
    putZeros(16);
    return;
  }
  putDword(bswap<u32>(load<u32>(uuid.bytes)));
  putWord(bswap<u16>(load<u16>(uuid.bytes, 4)));
  putWord(bswap<u16>(load<u16>(uuid.bytes, 6)));
  putQword(load<u64>(uuid.bytes, 8));
}

/** §7.3: what the user says of the board, which is the motherboard. */
function baseboard(): void {
  open(2, 15, 0x0200);
  name(MANUFACTURER);
  name(PRODUCT);
  name(VERSION);
  name(); // serial number
  name(); // asset tag
  putByte(1); // hosting
  name(); // location
  putWord(0x0300); // its chassis
  putByte(10); // motherboard
  putByte(0);
  close();
}

/** §7.12: strings of the user's, all of the field at offset 4, where their count is. */
function oemStrings(): void {
  open(11, 5, 0x0b00);
  for (let record = told((11 << 8) | 4); record.key != 0; record = toldAfter(record)) addString(record, "");
  seek(start + 4);
  putByte(texts);
  close();
}

/** §7.4: a chassis of which nothing is known but that it is safe. */
function chassis(): void {
  open(3, 22, 0x0300);
  name(MANUFACTURER);
  putByte(1); // other
  name(VERSION);
  name(); // serial number
  name(); // asset tag
  putByte(3); // states of boot, power, temperature: safe; security: unknown
  putByte(3);
  putByte(3);
  putByte(2);
  putZeros(4 + 4);
  name(); // SKU
  close();
}

/** §7.5: one socket whose cores are the processors. */
function processor(): void {
  open(4, 42, 0x0400);
  name("CPU 0");
  putByte(3); // central processor
  putByte(1); // family: other
  name(MANUFACTURER);
  putDword(SIGNATURE);
  putDword(LEAF_1_EDX);
  name(VERSION);
  putByte(0); // voltage
  putWord(0); // clock
  putWord(2000); // MHz, at most and now
  putWord(2000);
  putByte(0x41); // populated, enabled
  putByte(1);
  putWord(0xffff); // no caches told
  putWord(0xffff);
  putWord(0xffff);
  name(); // serial number
  name(); // asset tag
  name(); // part number
  putByte(clock.vcpus);
  putByte(clock.vcpus);
  putByte(clock.vcpus);
  putWord(2); // characteristics: unknown
  putWord(1);
  close();
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
  close();

  open(17, 40, 0x1100);
  putWord(0x1000);
  putWord(0xfffe);
  putWord(0xffff); // widths: unknown
  putWord(0xffff);
  putWord(kib >> 10);
  putByte(9); // DIMM
  putByte(0);
  name("DIMM 0");
  putByte(0);
  putByte(7); // RAM
  putWord(2);
  putWord(0); // speed
  name(MANUFACTURER);
  name(); // serial number
  name(); // asset tag
  name(); // part number
  putZeros(13);
  close();

  open(19, 31, 0x1300);
  putDword(0);
  putDword(kib - 1);
  putWord(0x1000);
  putByte(1);
  putZeros(16);
  close();
}

/** The entry point in the BIOS segment, where operating systems search for it, the structures at the end of RAM. */
export function writeSmbios(): void {
  const structuresAt = usableTop() + STRUCTURES;
  seek(structuresAt);
  const length = writeSmbiosStructures();
  seek(ENTRY);
  writeSmbiosEntry(structuresAt, length);
}
