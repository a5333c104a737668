// ACPI machine language (ACPI 1.0 §16.2): the few terms that a DSDT of tables and small methods needs, each one
// function. What encloses others is opened and closed; its length is filled in at the close.
import { placeOf, position, putByte, putDword, putText, putWord } from "./table";

const ZERO_OP: u32 = 0x00;
const ONE_OP: u32 = 0x01;
const NAME_OP: u32 = 0x08;
const BYTE_PREFIX: u32 = 0x0a;
const WORD_PREFIX: u32 = 0x0b;
const DWORD_PREFIX: u32 = 0x0c;
const STRING_PREFIX: u32 = 0x0d;
const SCOPE_OP: u32 = 0x10;
const BUFFER_OP: u32 = 0x11;
const PACKAGE_OP: u32 = 0x12;
const METHOD_OP: u32 = 0x14;
const EXTENDED: u32 = 0x5b;
const REGION_OP: u32 = 0x80; // extended
const FIELD_OP: u32 = 0x81; // extended
const DEVICE_OP: u32 = 0x82; // extended
const ARG0_OP: u32 = 0x68;
const STORE_OP: u32 = 0x70;
const AND_OP: u32 = 0x7b;
const OR_OP: u32 = 0x7d;
const CREATE_DWORD_FIELD_OP: u32 = 0x8a;
const IF_OP: u32 = 0xa0;
const RETURN_OP: u32 = 0xa4;
const NO_TARGET: u32 = 0x00;

const REGION_PCI_CONFIG: u32 = 2;
/** Field flags: byte access, no lock, preserve. */
const FIELD_BYTE_ACCESS: u32 = 1;

/** A package length of three bytes: 2 in bits 7-6, length bits 3-0, then 11-4 and 19-12. */
function openLength(): u32 {
  const at = position();
  putByte(0);
  putWord(0);
  return at;
}

/** Closes what an `open…` function opened. */
export function close(at: u32): void {
  const length = position() - at;
  const place = placeOf(at);
  store<u8>(place, <u8>(0x80 | (length & 15)));
  store<u16>(place, <u16>(length >> 4), 1);
}

/** A name of four characters, or a path that the text spells out: "\\_SB_", "PCI0". */
export function name(path: string): void {
  putText(path);
}

export function integer(value: u32): void {
  if (value == 0) putByte(ZERO_OP);
  else if (value == 1) putByte(ONE_OP);
  else if (value < 0x100) {
    putByte(BYTE_PREFIX);
    putByte(value);
  } else if (value < 0x1_0000) {
    putByte(WORD_PREFIX);
    putWord(value);
  } else {
    putByte(DWORD_PREFIX);
    putDword(value);
  }
}

/** Name (path, …): the value follows. */
export function define(path: string): void {
  putByte(NAME_OP);
  name(path);
}

export function defineInteger(path: string, value: u32): void {
  define(path);
  integer(value);
}

/** An EISA id: three letters of five bits, four hexadecimal digits, bytes swapped (ACPI 1.0 §6.1.4). */
export function eisaId(text: string): void {
  let id: u32 = 0;
  for (let i = 0; i < 3; i++) id = (id << 5) | (text.charCodeAt(i) - 0x40);
  for (let i = 3; i < 7; i++) {
    const digit = text.charCodeAt(i);
    id = (id << 4) | (digit < 0x40 ? digit - 0x30 : digit - 0x37);
  }
  putByte(DWORD_PREFIX);
  putDword(bswap<u32>(id));
}

export function openScope(path: string): u32 {
  putByte(SCOPE_OP);
  const at = openLength();
  name(path);
  return at;
}

/** Name (_HID, "TEXT"): an id that is no EISA id. */
export function defineText(path: string, text: string): void {
  define(path);
  putByte(STRING_PREFIX);
  putText(text);
  putByte(0);
}

/** Device (path), with its _HID where it has one. */
export function openDevice(path: string, hardwareId: string): u32 {
  putByte(EXTENDED);
  putByte(DEVICE_OP);
  const at = openLength();
  name(path);
  if (hardwareId.length != 0) {
    define("_HID");
    eisaId(hardwareId);
  }
  return at;
}

export function openMethod(path: string, parameters: u32): u32 {
  putByte(METHOD_OP);
  const at = openLength();
  name(path);
  putByte(parameters);
  return at;
}

/** Package of `count` elements, which follow. */
export function openPackage(count: u32): u32 {
  putByte(PACKAGE_OP);
  const at = openLength();
  putByte(count);
  return at;
}

/** If (predicate) {…}: the predicate follows, then the terms. */
export function openIf(): u32 {
  putByte(IF_OP);
  return openLength();
}

/** OperationRegion (path, PCI_Config, offset, length). */
export function pciRegion(path: string, offset: u32, length: u32): void {
  putByte(EXTENDED);
  putByte(REGION_OP);
  name(path);
  putByte(REGION_PCI_CONFIG);
  integer(offset);
  integer(length);
}

/** Field (path, ByteAcc, NoLock, Preserve): `fieldUnit`s follow. */
export function openField(path: string): u32 {
  putByte(EXTENDED);
  putByte(FIELD_OP);
  const at = openLength();
  name(path);
  putByte(FIELD_BYTE_ACCESS);
  return at;
}

/** A unit of up to 63 bits. */
export function fieldUnit(path: string, bits: u32): void {
  name(path);
  putByte(bits);
}

/** Return (…): the value follows. */
export function returns(): void {
  putByte(RETURN_OP);
}

export function returnInteger(value: u32): void {
  returns();
  integer(value);
}

/** Store (source, target): both follow. */
export function stores(): void {
  putByte(STORE_OP);
}

/** And (path, mask): a value. */
export function masked(path: string, mask: u32): void {
  putByte(AND_OP);
  name(path);
  integer(mask);
  putByte(NO_TARGET);
}

/** Or (path, bits, path): sets bits of it. */
export function setBits(path: string, bits: u32): void {
  putByte(OR_OP);
  name(path);
  integer(bits);
  name(path);
}

/** CreateDWordField (source, offset, path); the source is Arg0 where it has no name. */
export function createDwordField(source: string, offset: u32, path: string): void {
  putByte(CREATE_DWORD_FIELD_OP);
  if (source.length == 0) putByte(ARG0_OP);
  else name(source);
  integer(offset);
  name(path);
}

// Resource templates (ACPI 1.0 §6.4): a buffer of descriptors with an end tag.

/** Position of a resource template's buffer: where its length and its size constant are. */
export function openResources(): u32 {
  putByte(BUFFER_OP);
  const at = openLength();
  putByte(WORD_PREFIX);
  putWord(0);
  return at;
}

export function closeResources(at: u32): void {
  putByte(0x79); // end tag, checksum 0 = none
  putByte(0);
  // The size constant stands behind length (3 bytes) and prefix.
  const bytes = at + 6;
  store<u16>(placeOf(at + 4), <u16>(position() - bytes));
  close(at);
}

/** I/O ports, 16-bit decoding. */
export function ioPorts(first: u32, count: u32): void {
  putByte(0x47);
  putByte(1);
  putWord(first);
  putWord(first);
  putByte(1);
  putByte(count);
}

/** Memory at a fixed address, 32 bits, read-only. */
export function fixedMemory(first: u32, size: u32): void {
  putByte(0x86);
  putWord(9);
  putByte(0);
  putDword(first);
  putDword(size);
}

/** An ISA DMA channel: 8 bits, compatible timing. */
export function isaDma(channel: u32): void {
  putByte(0x2a);
  putByte(1 << channel);
  putByte(0);
}

/** An ISA interrupt: edge, active high, exclusive. */
export function isaInterrupt(line: u32): void {
  putByte(0x22);
  putWord(1 << line);
}

/** Head of an extended interrupt descriptor: level, active high, shared; `count` numbers follow by `putDword`. */
export function pciInterrupt(count: u32): void {
  putByte(0x89);
  putWord(2 + 4 * count);
  putByte(0x09); // consumer, level, active high, shared
  putByte(count);
}

/** What the host bridge passes on: address space descriptors, fixed range, subtractive or positive decode. */
export function busNumbers(first: u32, last: u32): void {
  wordSpace(2, 0, first, last);
}

export function ioRange(first: u32, last: u32): void {
  wordSpace(1, 3, first, last); // entire range: ISA and non-ISA
}

function wordSpace(kind: u32, specific: u32, first: u32, last: u32): void {
  putByte(0x88);
  putWord(13);
  putByte(kind);
  putByte(0x0c); // minimum and maximum fixed, positive decode, producer
  putByte(specific);
  putWord(0); // granularity
  putWord(first);
  putWord(last);
  putWord(0); // translation
  putWord(last - first + 1);
}

/** `cacheable`: 0 no, 1 yes; ranges are read-write. */
export function memoryRange(first: u32, last: u32, cacheable: u32): void {
  putByte(0x87);
  putWord(23);
  putByte(0); // memory
  putByte(0x0c);
  putByte((cacheable << 1) | 1);
  putDword(0);
  putDword(first);
  putDword(last);
  putDword(0);
  putDword(last - first + 1);
}
