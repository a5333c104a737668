// Writing ACPI tables (ACPI 1.0 §5.2): a header, fields in order, a checksum at the end.
import { RAM_AT } from "../../machine/layout";
import { noteChecksum, notePointer } from "./loader-script";

/** Where address 0 of what is written lies in linear memory: guest memory, unless `writeInto` says otherwise. */
let origin: usize = RAM_AT;
/** Next byte to write. */
let cursor: u32 = 0;

/** Writes from now on into a file at `at` in linear memory, whose addresses count from its start. */
export function writeInto(at: usize): void {
  origin = at;
  cursor = 0;
}

/** Back to guest memory. */
export function endWriting(): void {
  origin = RAM_AT;
}

export function seek(address: u32): void {
  cursor = address;
}

/** Where the byte at `address` lies in linear memory, to fill in what is known later. */
export function placeOf(address: u32): usize {
  return origin + <usize>address;
}

export function position(): u32 {
  return cursor;
}

export function putByte(value: u32): void {
  store<u8>(origin + <usize>cursor, <u8>value);
  cursor += 1;
}

export function putWord(value: u32): void {
  store<u16>(origin + <usize>cursor, <u16>value);
  cursor += 2;
}

export function putDword(value: u32): void {
  store<u32>(origin + <usize>cursor, value);
  cursor += 4;
}

/** The address of a table. */
export function putPointer(target: u32): void {
  notePointer(cursor);
  putDword(target);
}

export function putQword(value: u64): void {
  store<u64>(origin + <usize>cursor, value);
  cursor += 8;
}

export function putText(text: string): void {
  for (let i = 0; i < text.length; i++) putByte(text.charCodeAt(i));
}

export function putZeros(count: u32): void {
  for (let i: u32 = 0; i < count; i++) putByte(0);
}

/** The header that all tables but RSDP and FACS share; returns the table's address for `endTable`. */
export function beginTable(signature: string, revision: u32): u32 {
  const at = cursor;
  putText(signature);
  putDword(0); // length, at the end
  putByte(revision);
  putByte(0); // checksum, at the end
  putText("BOCHS ");
  putText("BXPC    ");
  putDword(1);
  putText("BXPC");
  putDword(1);
  return at;
}

export function endTable(at: u32): void {
  store<u32>(origin + <usize>at, cursor - at, 4);
  writeChecksum(at, cursor - at, 9);
}

/**
 * Makes the bytes' sum 0 by the one at `offset`. Where firmware will do that it finds 0 there: SeaBIOS takes the sum from
 * what there is, OVMF puts its complement in its place.
 */
export function writeChecksum(at: u32, length: u32, offset: u32): void {
  const table = origin + <usize>at;
  store<u8>(table + <usize>offset, 0);
  if (noteChecksum(at + offset, at, length)) return;
  let sum: u32 = 0;
  for (let i: usize = 0; i < <usize>length; i++) sum += load<u8>(table + i);
  store<u8>(table + <usize>offset, <u8>(0 - sum));
}
