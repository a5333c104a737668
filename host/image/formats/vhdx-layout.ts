// VHDX on disk ([MS-VHDX] §2.2, §2.6): two headers, two tables of regions, the items of the metadata region.
//
//   0      "vhdxfile", creator          192 KiB, 256 KiB   region tables, the same twice
//   64 KiB, 128 KiB   headers: the valid one with the higher sequence number counts
import { UserError } from "../../core/errors.ts";
import { crc32c } from "../../crc32.ts";
import type { ImageFile, NewFile } from "../driver.ts";
import { VERSION } from "../../version.ts";

const KIB = 1024;
export const MIB = 1024 * KIB;

const HEADERS_AT = [64 * KIB, 128 * KIB] as const;
const HEADER_SIZE = 4 * KIB;
const REGION_TABLES_AT = [192 * KIB, 256 * KIB] as const;
const TABLE_SIZE = 64 * KIB;
const REGION_ENTRY = 32;
const ITEM_ENTRY = 32;
const ENTRIES_MAX = 2047;
const CHECKSUM_AT = 4;

const SIGNATURE_HEADER = 0x68656164; // head
const SIGNATURE_REGIONS = 0x72656769; // regi

/** A GUID's 16 bytes as they lie in a file, in hexadecimal: its first three groups are little-endian. */
function guid(text: string): string {
  const groups = text.toLowerCase().split("-");
  const swapped = groups.slice(0, 3).map((group) => group.match(/../g)!.reverse().join(""));
  return [...swapped, ...groups.slice(3)].join("");
}

function readGuid(view: DataView, at: number): string {
  let text = "";
  for (let i = 0; i < 16; i++)
    text += view
      .getUint8(at + i)
      .toString(16)
      .padStart(2, "0");
  return text;
}

function writeGuid(view: DataView, at: number, text: string): void {
  for (let i = 0; i < 16; i++) view.setUint8(at + i, parseInt(text.slice(i * 2, i * 2 + 2), 16));
}

export function randomGuid(): string {
  return readGuid(new DataView(crypto.getRandomValues(new Uint8Array(16)).buffer), 0);
}

export const NO_GUID = "0".repeat(32);

const Region = {
  table: guid("2DC27766-F623-4200-9D64-115E9BFD4A08"),
  metadata: guid("8B7CA206-4790-4B9A-B8FE-575F050F886E"),
} as const;

const Item = {
  parameters: guid("CAA16737-FA36-4D43-B3B6-33F0AA44E76B"),
  size: guid("2FA54224-CD1B-4876-B211-5DBED83BF4B8"),
  page83: guid("BECA12AB-B2E6-4523-93EF-C309E000C746"),
  logicalSector: guid("8141BF1D-A96F-4709-BA47-F233A8FAAB5F"),
  physicalSector: guid("CDA348C7-445D-4471-9CC9-E9885251C556"),
} as const;

export interface Header {
  /** Which of the two places it is in. */
  place: 0 | 1;
  sequence: bigint;
  fileWriteGuid: string;
  dataWriteGuid: string;
  /** All zeros: nothing to replay. */
  logGuid: string;
  logLength: number;
  logOffset: number;
}

export async function readHeader(file: ImageFile): Promise<Header> {
  let best: Header | undefined;
  for (const place of [0, 1] as const) {
    const bytes = new Uint8Array(HEADER_SIZE);
    await file.read(bytes, HEADERS_AT[place]);
    const view = new DataView(bytes.buffer);
    const isValid =
      view.getUint32(0) === SIGNATURE_HEADER &&
      view.getUint32(CHECKSUM_AT, true) === crc32c(bytes, CHECKSUM_AT) &&
      view.getUint16(0x42, true) === 1;
    const sequence = view.getBigUint64(8, true);
    if (!isValid || (best && best.sequence >= sequence)) continue;
    best = {
      place,
      sequence,
      fileWriteGuid: readGuid(view, 0x10),
      dataWriteGuid: readGuid(view, 0x20),
      logGuid: readGuid(view, 0x30),
      logLength: view.getUint32(0x44, true),
      logOffset: Number(view.getBigUint64(0x48, true)),
    };
  }
  if (!best) throw new UserError("No valid VHDX header found", "EINVAL");
  return best;
}

/** Writes a header to the place that does not count, so that one is valid at any time; twice, so that both are new. */
export async function storeHeader(file: ImageFile, header: Header): Promise<void> {
  for (let round = 0; round < 2; round++) {
    header.place = header.place === 0 ? 1 : 0;
    header.sequence++;
    const bytes = new Uint8Array(HEADER_SIZE);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, SIGNATURE_HEADER);
    view.setBigUint64(8, header.sequence, true);
    writeGuid(view, 0x10, header.fileWriteGuid);
    writeGuid(view, 0x20, header.dataWriteGuid);
    writeGuid(view, 0x30, header.logGuid);
    view.setUint16(0x42, 1, true);
    view.setUint32(0x44, header.logLength, true);
    view.setBigUint64(0x48, BigInt(header.logOffset), true);
    view.setUint32(CHECKSUM_AT, crc32c(bytes, CHECKSUM_AT), true);
    await file.write!(bytes, HEADERS_AT[header.place]);
    await file.flush!();
  }
}

interface Place {
  offset: number;
  length: number;
}

export interface Layout {
  table: Place;
  size: number;
  blockSize: number;
  sectorSize: number;
}

/** Finds the regions, then what the metadata say of the disk. */
export async function readLayout(file: ImageFile): Promise<Layout> {
  const regions = await readRegions(file);
  const table = regions.get(Region.table);
  const metadata = regions.get(Region.metadata);
  if (!table || !metadata) throw new UserError("The VHDX file lacks a region that it must have", "EINVAL");
  return { table, ...(await readMetadata(file, metadata)) };
}

async function readRegions(file: ImageFile): Promise<Map<string, Place>> {
  const bytes = new Uint8Array(TABLE_SIZE);
  const view = new DataView(bytes.buffer);
  for (const at of REGION_TABLES_AT) {
    await file.read(bytes, at);
    if (view.getUint32(0) !== SIGNATURE_REGIONS) continue;
    if (view.getUint32(CHECKSUM_AT, true) !== crc32c(bytes, CHECKSUM_AT)) continue;
    const count = view.getUint32(8, true);
    if (count > ENTRIES_MAX) continue;
    const regions = new Map<string, Place>();
    for (let entry = 16; entry < 16 + count * REGION_ENTRY; entry += REGION_ENTRY) {
      const id = readGuid(view, entry);
      const offset = Number(view.getBigUint64(entry + 16, true));
      const length = view.getUint32(entry + 24, true);
      if (offset < MIB || offset % MIB || offset + length > file.size)
        throw new UserError("A region of the VHDX file lies outside it", "EINVAL");
      const isKnown = id === Region.table || id === Region.metadata;
      if (!isKnown && view.getUint32(entry + 28, true) & 1)
        throw new UserError("The VHDX file needs a region of unknown kind to be understood", "ENOTSUP");
      regions.set(id, { offset, length });
    }
    return regions;
  }
  throw new UserError(`Could not open '${file.fileName}': Invalid argument`, "EINVAL");
}

async function readMetadata(file: ImageFile, region: Place): Promise<Omit<Layout, "table">> {
  const bytes = new Uint8Array(TABLE_SIZE);
  await file.read(bytes, region.offset);
  const view = new DataView(bytes.buffer);
  const count = view.getUint16(10, true);
  if (String.fromCharCode(...bytes.subarray(0, 8)) !== "metadata" || count > ENTRIES_MAX)
    throw new UserError("The metadata of the VHDX file are damaged", "EINVAL");
  const items = new Map<string, DataView>();
  for (let entry = 32; entry < 32 + count * ITEM_ENTRY; entry += ITEM_ENTRY) {
    const id = readGuid(view, entry);
    const isKnown = (Object.values(Item) as string[]).includes(id);
    if (!isKnown && view.getUint32(entry + 24, true) & 4)
      throw new UserError("The VHDX file needs a metadata item of unknown kind to be understood", "ENOTSUP");
    if (!isKnown) continue;
    const offset = view.getUint32(entry + 16, true);
    const item = new Uint8Array(16);
    if (offset < TABLE_SIZE || offset > region.length - item.length)
      throw new UserError("An item of the VHDX file's metadata lies outside them", "EINVAL");
    await file.read(item, region.offset + offset);
    items.set(id, new DataView(item.buffer));
  }
  const get = (id: string): DataView => {
    const item = items.get(id);
    if (!item) throw new UserError("The VHDX file lacks a metadata item that it must have", "EINVAL");
    return item;
  };
  const size = Number(get(Item.size).getBigUint64(0, true));
  const blockSize = get(Item.parameters).getUint32(0, true);
  const sectorSize = get(Item.logicalSector).getUint32(0, true);
  if (get(Item.parameters).getUint32(4, true) & 2)
    throw new UserError("VHDX files that have a parent are not supported", "ENOTSUP");
  if (blockSize < MIB || blockSize > 256 * MIB || (blockSize & (blockSize - 1)) !== 0)
    throw new UserError(`Invalid VHDX block size ${blockSize}`, "EINVAL");
  if (sectorSize !== 512 && sectorSize !== 4096)
    throw new UserError(`Invalid VHDX sector size ${sectorSize}`, "EINVAL");
  if (size > SIZE_MAX || size % 512) throw new UserError(`Invalid VHDX disk size ${size}`, "EINVAL");
  return { size, blockSize, sectorSize };
}

export const SIZE_MAX = 64 * 2 ** 40;

/** Blocks of the disk that lie between two entries of the table that are for bitmaps of sectors (§2.5.1). */
export function chunkRatio(blockSize: number, sectorSize: number): number {
  return (2 ** 23 * sectorSize) / blockSize;
}

export interface NewLayout {
  size: number;
  blockSize: number;
  logLength: number;
  /** Entries of the table, those for bitmaps included. */
  entries: number;
}

/** Writes everything but the table's entries; returns where the table and the first block go. */
export async function createLayout(
  file: NewFile,
  { size, blockSize, logLength, entries }: NewLayout,
): Promise<{ tableAt: number; blocksAt: number }> {
  const tableAt = MIB + logLength;
  const tableLength = Math.max(1, Math.ceil((entries * 8) / MIB)) * MIB;
  const metadataAt = tableAt + tableLength;
  const name = new Uint8Array(520);
  name.set(new TextEncoder().encode("vhdxfile"));
  // The creator in UTF-16.
  for (const [index, char] of [...`wasmqemu ${VERSION}`].entries()) name[8 + index * 2] = char.charCodeAt(0);
  await file.write(name, 0);
  const regions = new DataView(new ArrayBuffer(TABLE_SIZE));
  regions.setUint32(0, SIGNATURE_REGIONS);
  regions.setUint32(8, 2, true);
  const places = [
    [Region.table, tableAt, tableLength],
    [Region.metadata, metadataAt, MIB],
  ] as const;
  for (const [index, [id, offset, length]] of places.entries()) {
    const entry = 16 + index * REGION_ENTRY;
    writeGuid(regions, entry, id);
    regions.setBigUint64(entry + 16, BigInt(offset), true);
    regions.setUint32(entry + 24, length, true);
    regions.setUint32(entry + 28, 1, true);
  }
  const table = new Uint8Array(regions.buffer);
  regions.setUint32(CHECKSUM_AT, crc32c(table, CHECKSUM_AT), true);
  for (const at of REGION_TABLES_AT) await file.write(table, at);
  await file.write(layMetadata(size, blockSize), metadataAt);
  const blocksAt = metadataAt + MIB;
  await file.resize(blocksAt);
  await storeHeader(file as ImageFile, {
    place: 1,
    sequence: 0n,
    fileWriteGuid: randomGuid(),
    dataWriteGuid: randomGuid(),
    logGuid: NO_GUID,
    logLength,
    logOffset: MIB,
  });
  return { tableAt, blocksAt };
}

function layMetadata(size: number, blockSize: number): Uint8Array {
  const bytes = new Uint8Array(TABLE_SIZE + 64);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode("metadata"));
  // Flags of an item (§2.6.1.2).
  const disk = 2;
  const required = 4;
  const items: readonly [id: string, length: number, flags: number, put: (at: number) => void][] = [
    [Item.parameters, 8, required, (at) => view.setUint32(at, blockSize, true)],
    [Item.size, 8, disk | required, (at) => view.setBigUint64(at, BigInt(size), true)],
    [Item.page83, 16, disk | required, (at) => writeGuid(view, at, randomGuid())],
    [Item.logicalSector, 4, disk | required, (at) => view.setUint32(at, 512, true)],
    [Item.physicalSector, 4, disk | required, (at) => view.setUint32(at, 512, true)],
  ];
  view.setUint16(10, items.length, true);
  let offset = TABLE_SIZE;
  for (const [index, [id, length, flags, put]] of items.entries()) {
    const entry = 32 + index * ITEM_ENTRY;
    writeGuid(view, entry, id);
    view.setUint32(entry + 16, offset, true);
    view.setUint32(entry + 20, length, true);
    view.setUint32(entry + 24, flags, true);
    put(offset);
    offset += length;
  }
  return bytes;
}
