// The partition table of a master boot record: four entries, and a chain of further ones inside an extended partition.
//
//   446  4 x 16 bytes: active (0x80) | CHS | type | CHS | first sector u32 | sectors u32       510  55 aa
import type { BlockSource } from "../block/source.ts";
import type { Partition } from "./partitions.ts";

const SECTOR = 512;
const TABLE = 446;
const ENTRY = 16;

const GPT_PROTECTIVE = 0xee;
const EXTENDED: readonly number[] = [0x05, 0x0f, 0x85];
/** Logical partitions count from here. */
const FIRST_LOGICAL = 5;
/** Linux reads no more of them either. */
const LOGICAL_MAX = 128;

const TYPES: Readonly<Record<number, string>> = {
  0x01: "FAT12",
  0x04: "FAT16",
  0x06: "FAT16",
  0x07: "NTFS/exFAT",
  0x0b: "FAT32",
  0x0c: "FAT32 LBA",
  0x0e: "FAT16 LBA",
  0x17: "hidden NTFS",
  0x82: "Linux swap",
  0x83: "Linux",
  0x8e: "Linux LVM",
  0xa5: "FreeBSD",
  0xcd: "ISO hybrid",
  0xef: "EFI system",
  0xfd: "Linux RAID",
};

interface Slot {
  active: number;
  type: number;
  first: number;
  sectors: number;
}

export interface Mbr {
  partitions: Partition[];
  /** The real table is a GPT. */
  protective: boolean;
}

/** Undefined: there is no such table. */
export async function readMbr(disk: BlockSource): Promise<Mbr | undefined> {
  const slots = await readSlots(disk, 0);
  // A boot sector of another kind has the signature too, but other bytes where the entries would be.
  if (!slots || slots.some(({ active }) => active !== 0 && active !== 0x80)) return undefined;
  const partitions: Partition[] = [];
  for (const [index, slot] of slots.entries()) {
    if (slot.type === 0 || slot.sectors === 0 || EXTENDED.includes(slot.type)) continue;
    partitions.push(partition(index + 1, slot, 0));
  }
  for (const slot of slots)
    if (EXTENDED.includes(slot.type)) partitions.push(...(await readLogical(disk, slot.first)));
  return { partitions, protective: slots.some(({ type }) => type === GPT_PROTECTIVE) };
}

/** Each link of the chain holds one partition, counted from the link, and the next link, counted from the first. */
async function readLogical(disk: BlockSource, extended: number): Promise<Partition[]> {
  const partitions: Partition[] = [];
  const seen = new Set<number>();
  for (let link = extended; !seen.has(link) && seen.size < LOGICAL_MAX;) {
    seen.add(link);
    const slots = await readSlots(disk, link);
    if (!slots) break;
    const [data, next] = slots as [Slot, Slot];
    if (data.type !== 0 && data.sectors !== 0)
      partitions.push(partition(FIRST_LOGICAL + partitions.length, data, link));
    if (!EXTENDED.includes(next.type)) break;
    link = extended + next.first;
  }
  return partitions;
}

async function readSlots(disk: BlockSource, sector: number): Promise<Slot[] | undefined> {
  if ((sector + 1) * SECTOR > disk.size) return undefined;
  const bytes = new Uint8Array(SECTOR);
  await disk.read(bytes, sector * SECTOR);
  const view = new DataView(bytes.buffer);
  if (view.getUint16(510) !== 0x55aa) return undefined;
  return [0, 1, 2, 3].map((index) => {
    const at = TABLE + index * ENTRY;
    return {
      active: view.getUint8(at),
      type: view.getUint8(at + 4),
      first: view.getUint32(at + 8, true),
      sectors: view.getUint32(at + 12, true),
    };
  });
}

function partition(number: number, slot: Slot, base: number): Partition {
  return {
    number,
    start: (base + slot.first) * SECTOR,
    size: slot.sectors * SECTOR,
    type: TYPES[slot.type] ?? `type 0x${slot.type.toString(16).padStart(2, "0")}`,
    name: "",
  };
}
