// GUID partition tables (UEFI 2.10 §5.3): a header in the second sector, a copy of it in the last one.
//
//   0 "EFI PART" | 12 header size | 16 CRC-32 | 72 first sector of the entries u64 | 80 entries | 84 size of one
//   entry: 0 type GUID | 16 own GUID | 32 first sector u64 | 40 last sector u64 | 56 name, 36 x UTF-16
import { crc32 } from "../crc32.ts";
import type { BlockSource } from "../block/source.ts";
import type { Partition } from "./partitions.ts";

const SIGNATURE = "EFI PART";
const HEADER = 92;
const ENTRY_MIN = 128;
const ENTRY_MAX = 4096;
/** Common tables have 128; more than this is no table. */
const ENTRIES_MAX = 1024;
const SECTOR_SIZES = [512, 4096] as const;

const TYPES: Readonly<Record<string, string>> = {
  "C12A7328-F81F-11D2-BA4B-00A0C93EC93B": "EFI system",
  "21686148-6449-6E6F-744E-656564454649": "BIOS boot",
  "0FC63DAF-8483-4772-8E79-3D69D8477DE4": "Linux",
  "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709": "Linux root x86-64",
  "44479540-F297-41B2-9AF7-D131D5F0458A": "Linux root x86",
  "B921B045-1DF0-41C3-AF44-4C6F280D3FAE": "Linux root ARM-64",
  "BC13C2FF-59E6-4262-A352-B275FD6F7172": "Linux boot",
  "933AC7E1-2EB4-4F13-B844-0E14E2AEF915": "Linux home",
  "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F": "Linux swap",
  "E6D6D379-F507-44C2-A23C-238F2A3DF928": "Linux LVM",
  "A19D880F-05FC-4D3B-A006-743F0F84911E": "Linux RAID",
  "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7": "Microsoft basic data",
  "E3C9E316-0B5C-4DB8-817D-F92DF00215AE": "Microsoft reserved",
  "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC": "Windows recovery",
};

/** Undefined: there is no such table, or neither of its copies is whole. */
export async function readGpt(disk: BlockSource): Promise<Partition[] | undefined> {
  for (const sector of SECTOR_SIZES)
    for (const at of [sector, disk.size - (disk.size % sector) - sector]) {
      const partitions = await readCopy(disk, at, sector);
      if (partitions) return partitions;
    }
  return undefined;
}

async function readCopy(disk: BlockSource, at: number, sector: number): Promise<Partition[] | undefined> {
  if (at < sector || at + sector > disk.size) return undefined;
  const header = new Uint8Array(sector);
  await disk.read(header, at);
  if (new TextDecoder("latin1").decode(header.subarray(0, 8)) !== SIGNATURE) return undefined;
  const view = new DataView(header.buffer);
  const length = view.getUint32(12, true);
  const sum = view.getUint32(16, true);
  view.setUint32(16, 0);
  if (length < HEADER || length > sector || crc32(header.subarray(0, length)) !== sum) return undefined;
  const [count, size] = [view.getUint32(80, true), view.getUint32(84, true)];
  if (count > ENTRIES_MAX || size < ENTRY_MIN || size > ENTRY_MAX) return undefined;
  const table = new Uint8Array(count * size);
  await disk.read(table, Number(view.getBigUint64(72, true)) * sector);
  if (crc32(table) !== view.getUint32(88, true)) return undefined;
  const partitions: Partition[] = [];
  for (let index = 0; index < count; index++) {
    const entry = new DataView(table.buffer, index * size, size);
    const type = guid(entry);
    const first = Number(entry.getBigUint64(32, true));
    const last = Number(entry.getBigUint64(40, true));
    if (/^[0-]+$/.test(type) || last < first) continue;
    const name = new TextDecoder("utf-16le").decode(table.subarray(index * size + 56, index * size + 128));
    partitions.push({
      number: index + 1,
      start: first * sector,
      size: (last - first + 1) * sector,
      type: TYPES[type] ?? type,
      name: name.replace(/\0.*$/s, ""),
    });
  }
  return partitions;
}

/** The first three groups are little-endian (UEFI 2.10, appendix A). */
function guid(view: DataView): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  const rest = Array.from({ length: 8 }, (_, index) => hex(view.getUint8(8 + index), 2)).join("");
  return [
    hex(view.getUint32(0, true), 8),
    hex(view.getUint16(4, true), 4),
    hex(view.getUint16(6, true), 4),
    rest.slice(0, 4),
    rest.slice(4),
  ]
    .join("-")
    .toUpperCase();
}
