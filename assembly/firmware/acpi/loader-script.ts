// The script by which firmware places tables that someone else has written (QEMU's docs/specs/acpi_table_loader):
// commands of 128 bytes, file names of 56. While a script is written, the tables' own code leaves its marks in it:
// each pointer and each checksum that depends on the place.
//
//   1  allocate   file | alignment u32 | zone u8        3  checksum   file | offset | start | length, u32 each
//   2  pointer    file | target file | offset u32 | size u8

export const ZONE_HIGH: u32 = 1;
export const ZONE_BIOS_SEGMENT: u32 = 2;
const COMMAND_SIZE: usize = 128;
const NAME_SIZE: usize = 56;
/** Behind the command's number and a first name. */
const FIELDS: usize = 4 + NAME_SIZE;
const MORE_FIELDS: usize = FIELDS + NAME_SIZE;

const POINTER_SIZE: u32 = 4;
const TABLES = "etc/acpi/tables";

/** Next command to write; 0: no script is written. */
let next: usize = 0;
/** The file that the tables being written are in. */
let file: string = TABLES;

function command(kind: u32, name: string): usize {
  const at = next;
  next += COMMAND_SIZE;
  memory.fill(at, 0, COMMAND_SIZE);
  store<u32>(at, kind);
  putName(at + 4, name);
  return at;
}

export function putName(at: usize, name: string): void {
  for (let i = 0; i < name.length; i++) store<u8>(at + <usize>i, <u8>name.charCodeAt(i));
}

export function beginScript(at: usize): void {
  next = at;
}

export function endScript(): void {
  next = 0;
}

/** What is written from now on is the content of `name`, which firmware shall put into `zone`. */
export function beginFile(name: string, alignment: u32, zone: u32): void {
  file = name;
  const at = command(1, name);
  store<u32>(at + FIELDS, alignment);
  store<u8>(at + FIELDS + 4, <u8>zone);
}

/** At `offset` of the file lies the offset of a table: firmware makes it an address. */
export function notePointer(offset: u32): void {
  if (next == 0) return;
  const at = command(2, file);
  putName(at + FIELDS, TABLES);
  store<u32>(at + MORE_FIELDS, offset);
  store<u8>(at + MORE_FIELDS + 4, <u8>POINTER_SIZE);
}

/** The byte at `offset` makes the sum of `length` bytes from `start` on 0. Whether that is left to firmware. */
export function noteChecksum(offset: u32, start: u32, length: u32): bool {
  if (next == 0) return false;
  const at = command(3, file);
  store<u32>(at + FIELDS, offset);
  store<u32>(at + FIELDS + 4, start);
  store<u32>(at + FIELDS + 8, length);
  return true;
}
