// Persistent dirty bitmaps (qcow2 specification, "Bitmaps extension"): which parts of the disk have been written since
// somebody last asked, kept in the image by name.
//
//   directory: entries of { u64 table, u32 its entries, u32 flags, u8 type, u8 granularity bits, u16 name length,
//                           u32 extra length, extra, name, padding to 8 }
//   table:     u64 an entry: offset of a cluster of bits; without one, bit 0 says whether all of them are set
//
// A bitmap that records says so in the file ("in use") before the first write that it must not miss, and is stored when
// the image is closed. So one whose writer died is known to be incomplete, and nobody trusts it.
import { setBitmapDirectory } from "./header-edit.ts";
import { UserError } from "../../core/errors.ts";
import { nothing } from "./engine.ts";
import { type Extensions } from "./header.ts";
import type { Qcow2Image } from "./image.ts";

const FIXED = 24;
const DIRECTORY_MAX = 64 * 2 ** 20;
const BITMAPS_MAX = 65535;
const TABLE_MAX = 2 ** 23;
const NAME_MAX = 1023;
const GRANULARITY_BITS = { least: 9, most: 31 } as const;
const DIRTY_TRACKING = 1;
/** Where an entry keeps its flags. */
const FLAGS_FIELD = 12;
const Flag = { inUse: 1, auto: 2, all: 7 } as const;
const FLAG_NAMES = ["in-use", "auto"] as const;
const TABLE_OFFSET = 0x00ff_ffff_ffff_fe00n;
const ALL_ONES = 1n;
/** Autoclear bit: whoever wrote the image last has kept its bitmaps. */
export const CONSISTENT = 1;

export interface Bitmap {
  name: string;
  /** Bytes of the disk that one bit stands for. */
  granularity: number;
  flags: number;
  extra: Uint8Array;
  /** Its table in the file, and how many entries that has; 0: it is not stored yet. */
  tableOffset: number;
  tableEntries: number;
  /** Where its directory entry lies in the file; 0: nowhere yet. */
  entryOffset: number;
  /** Bit n of byte m stands for granule 8m + n; undefined: not read yet. */
  bits?: Uint8Array<ArrayBuffer>;
  /** Differs from what the file holds. */
  changed?: boolean;
  /** Under way: reading the bits and saying in the file that they are in use. */
  opening?: Promise<void>;
}

/** The names that info gives a bitmap's flags. */
export function flagNames({ flags }: Bitmap): string[] {
  return FLAG_NAMES.filter((_, bit) => flags & (1 << bit));
}

/** In use by a writer that never came back, so nobody knows what it misses. */
export function isBroken({ flags, changed }: Bitmap): boolean {
  return (flags & Flag.inUse) !== 0 && !changed;
}

export function isRecording({ flags }: Bitmap): boolean {
  return (flags & Flag.auto) !== 0;
}

/** The bitmaps that the image vouches for; `warn` hears of those that it does not. */
export async function readBitmaps(
  image: Qcow2Image,
  warn: (sentence: string) => void = nothing,
): Promise<Bitmap[]> {
  const { bitmaps: directory } = image.extensions;
  if (!directory) return [];
  if (directory.count === 0) throw new UserError("found bitmaps extension with zero bitmaps", "EINVAL");
  const { core } = image.engine;
  if (!(core.autoclear() & CONSISTENT)) {
    warn(
      (core.version() < 3
        ? "This qcow2 v2 image contains bitmaps, but they may have been modified by a program without persistent " +
          "bitmap support; so now they must all be considered inconsistent\n"
        : "a program lacking bitmap support modified this file, so all bitmaps are now considered inconsistent\n") +
        "Some clusters may be leaked, run 'wasmqemu img check -r' on the image file to fix.",
    );
    return [];
  }
  if (directory.size > DIRECTORY_MAX || directory.count > BITMAPS_MAX)
    throw new UserError("Bitmap directory too large", "EFBIG");
  const bytes = new Uint8Array(directory.size);
  await image.file.read(bytes, directory.offset);
  const view = new DataView(bytes.buffer);
  const list: Bitmap[] = [];
  for (let at = 0, index = 0; index < directory.count; index++) {
    if (at + FIXED > bytes.length) throw invalid("");
    const extraAt = at + FIXED;
    const nameAt = extraAt + view.getUint32(at + 20);
    const nameLength = view.getUint16(at + 18);
    const name = new TextDecoder().decode(bytes.subarray(nameAt, nameAt + nameLength));
    const bits = view.getUint8(at + 17);
    const bitmap: Bitmap = {
      name,
      flags: view.getUint32(at + FLAGS_FIELD),
      granularity: 2 ** bits,
      extra: bytes.slice(extraAt, nameAt),
      tableOffset: Number(view.getBigUint64(at)),
      tableEntries: view.getUint32(at + 8),
      entryOffset: directory.offset + at,
    };
    const sound =
      nameAt + nameLength <= bytes.length &&
      nameLength >= 1 &&
      nameLength <= NAME_MAX &&
      bitmap.tableOffset !== 0 &&
      bitmap.tableOffset % image.clusterSize === 0 &&
      bitmap.tableEntries <= TABLE_MAX &&
      (bitmap.flags & ~Flag.all) === 0 &&
      view.getUint8(at + 16) === DIRTY_TRACKING &&
      bits >= GRANULARITY_BITS.least &&
      bits <= GRANULARITY_BITS.most &&
      bitBytes(image.size, 2 ** bits) <= BITMAP_MAX;
    if (!sound) throw invalid(name);
    list.push(bitmap);
    at += entrySize(bitmap);
  }
  return list;
}

/** No program writes, or reads, a larger bitmap. */
export const BITMAP_MAX = 2 ** 29;

function invalid(name: string): UserError {
  return new UserError(`Bitmap '${name}' doesn't satisfy the constraints`, "EINVAL");
}

function entrySize({ name, extra }: Bitmap): number {
  return (FIXED + extra.length + new TextEncoder().encode(name).length + 7) & ~7;
}

/** Bytes that the bits of a disk of `size` bytes take. */
export function bitBytes(size: number, granularity: number): number {
  return Math.ceil(Math.ceil(size / granularity) / 8);
}

/** The bits of a bitmap, read when they are first wanted. */
export async function bitsOf(image: Qcow2Image, bitmap: Bitmap): Promise<Uint8Array<ArrayBuffer>> {
  if (bitmap.bits) return bitmap.bits;
  const bits = new Uint8Array(bitBytes(image.size, bitmap.granularity));
  const { clusterSize } = image;
  const entries = Math.ceil(bits.length / clusterSize);
  if (entries > bitmap.tableEntries) throw invalid(bitmap.name);
  const table = new DataView(new ArrayBuffer(entries * 8));
  await image.file.read(new Uint8Array(table.buffer), bitmap.tableOffset);
  for (let index = 0; index < entries; index++) {
    const part = bits.subarray(index * clusterSize, (index + 1) * clusterSize);
    const entry = table.getBigUint64(index * 8);
    if (entry & TABLE_OFFSET) await image.file.read(part, Number(entry & TABLE_OFFSET));
    else if (entry & ALL_ONES) part.fill(0xff);
  }
  clearTail(bits, image.size, bitmap.granularity);
  bitmap.bits = bits;
  return bits;
}

/** Bits beyond the disk's last granule are 0. */
function clearTail(bits: Uint8Array, size: number, granularity: number): void {
  const used = Math.ceil(size / granularity) % 8;
  if (used && bits.length) bits[bits.length - 1]! &= (1 << used) - 1;
}

/** Sets the bits of granules `first` to `last`. */
function setBits(bits: Uint8Array, first: number, last: number): void {
  const [from, to] = [first >> 3, last >> 3];
  const [head, tail] = [0xff << (first & 7), 0xff >> (7 - (last & 7))];
  if (from === to) bits[from]! |= head & tail;
  else {
    bits[from]! |= head;
    bits.fill(0xff, from + 1, to);
    bits[to]! |= tail;
  }
}

/** Sets the bits of a range of the disk. */
export function markRange(bits: Uint8Array, granularity: number, offset: number, length: number): void {
  if (length > 0)
    setBits(bits, Math.floor(offset / granularity), Math.floor((offset + length - 1) / granularity));
}

/** Records a write to come in every bitmap that records: from the first one on they say in the file that they do. */
export async function recordWrite(image: Qcow2Image, offset: number, length: number): Promise<void> {
  for (const bitmap of image.bitmaps) {
    if (!isRecording(bitmap) || isBroken(bitmap)) continue;
    if (!bitmap.changed) await (bitmap.opening ??= openBitmap(image, bitmap));
    markRange(bitmap.bits!, bitmap.granularity, offset, length);
  }
}

/** Reads a bitmap's bits and says in the file that it is in use. */
async function openBitmap(image: Qcow2Image, bitmap: Bitmap): Promise<void> {
  await bitsOf(image, bitmap);
  bitmap.changed = true;
  bitmap.flags |= Flag.inUse;
  const flags = new DataView(new ArrayBuffer(4));
  flags.setUint32(0, bitmap.flags);
  await image.file.write!(new Uint8Array(flags.buffer), bitmap.entryOffset + FLAGS_FIELD);
  await image.file.flush!();
}

/** Reads all bits that can be trusted: before the disk gets another size, after which the tables no longer fit it. */
export async function readAllBits(image: Qcow2Image): Promise<void> {
  for (const bitmap of image.bitmaps) if (!isBroken(bitmap)) await bitsOf(image, bitmap);
}

/** A changed disk size: bits of what is left are kept, what is new counts as clean. */
export function resizeBitmaps(image: Qcow2Image): void {
  for (const bitmap of image.bitmaps) {
    if (!bitmap.bits || isBroken(bitmap)) continue;
    const resized = new Uint8Array(bitBytes(image.size, bitmap.granularity));
    resized.set(bitmap.bits.subarray(0, resized.length));
    clearTail(resized, image.size, bitmap.granularity);
    bitmap.bits = resized;
    bitmap.changed = true;
  }
}

/**
 * Stores what has changed: bits, tables and a new directory beside the old ones, then the header that names them, then
 * the old ones are given up. `removed`: bitmaps that are no longer in the image's list.
 */
export async function storeBitmaps(image: Qcow2Image, removed: readonly Bitmap[] = []): Promise<void> {
  const changed = image.bitmaps.filter((bitmap) => bitmap.changed);
  if (changed.length === 0 && removed.length === 0) return;
  await image.alone(async () => {
    const { bitmaps: oldDirectory } = image.extensions;
    const old: [offset: number, clusters: number][] = [];
    for (const bitmap of [...removed, ...changed]) old.push(...(await clustersOf(image, bitmap)));
    if (oldDirectory) old.push([oldDirectory.offset, clusterCount(image, oldDirectory.size)]);

    for (const bitmap of changed) await storeBits(image, bitmap);
    const directory = image.bitmaps.length ? await storeDirectory(image) : undefined;
    await image.engine.flush();
    await image.file.flush!();
    await setBitmapDirectory(image, directory);
    for (const [offset, clusters] of old)
      await image.engine.run((core) => core.dropRange(offset, clusters), nothing);
    await image.engine.flush();
    await image.file.flush!();
  });
}

function clusterCount(image: Qcow2Image, bytes: number): number {
  return Math.ceil(bytes / image.clusterSize);
}

/** The clusters of a bitmap's table and bits as the file has them. */
async function clustersOf(image: Qcow2Image, bitmap: Bitmap): Promise<[number, number][]> {
  if (bitmap.tableOffset === 0) return [];
  const table = new DataView(new ArrayBuffer(bitmap.tableEntries * 8));
  await image.file.read(new Uint8Array(table.buffer), bitmap.tableOffset);
  const list: [number, number][] = [[bitmap.tableOffset, clusterCount(image, table.byteLength)]];
  for (let index = 0; index < bitmap.tableEntries; index++) {
    const offset = Number(table.getBigUint64(index * 8) & TABLE_OFFSET);
    if (offset) list.push([offset, 1]);
  }
  return list;
}

async function allocate(image: Qcow2Image, bytes: number): Promise<number> {
  const clusters = Math.max(1, clusterCount(image, bytes));
  return image.engine.run(
    (core) => core.allocateRange(clusters),
    (core) => core.extentOffset(),
  );
}

/** Writes bytes in clusters of their own. Returns where. */
async function storeWhole(image: Qcow2Image, bytes: Uint8Array): Promise<number> {
  const whole = new Uint8Array(Math.max(1, clusterCount(image, bytes.length)) * image.clusterSize);
  whole.set(bytes);
  const place = await allocate(image, whole.length);
  await image.file.write!(whole, place);
  return place;
}

/** Writes the bits that are not all zero, and the table that names them. */
async function storeBits(image: Qcow2Image, bitmap: Bitmap): Promise<void> {
  const { clusterSize } = image;
  const bits = bitmap.bits!;
  const table = new DataView(new ArrayBuffer(clusterCount(image, bits.length) * 8));
  for (let index = 0; index * clusterSize < bits.length; index++) {
    const part = bits.subarray(index * clusterSize, (index + 1) * clusterSize);
    if (part.some((byte) => byte !== 0)) table.setBigUint64(index * 8, BigInt(await storeWhole(image, part)));
  }
  bitmap.tableOffset = await storeWhole(image, new Uint8Array(table.buffer));
  bitmap.tableEntries = table.byteLength / 8;
  bitmap.flags &= ~Flag.inUse;
  bitmap.changed = false;
  delete bitmap.opening;
}

async function storeDirectory(image: Qcow2Image): Promise<NonNullable<Extensions["bitmaps"]>> {
  const size = image.bitmaps.reduce((sum, bitmap) => sum + entrySize(bitmap), 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const places: number[] = [];
  let at = 0;
  for (const bitmap of image.bitmaps) {
    const name = new TextEncoder().encode(bitmap.name);
    view.setBigUint64(at, BigInt(bitmap.tableOffset));
    view.setUint32(at + 8, bitmap.tableEntries);
    view.setUint32(at + FLAGS_FIELD, bitmap.flags);
    view.setUint8(at + 16, DIRTY_TRACKING);
    view.setUint8(at + 17, Math.log2(bitmap.granularity));
    view.setUint16(at + 18, name.length);
    view.setUint32(at + 20, bitmap.extra.length);
    bytes.set(bitmap.extra, at + FIXED);
    bytes.set(name, at + FIXED + bitmap.extra.length);
    places.push(at);
    at += entrySize(bitmap);
  }
  const offset = await storeWhole(image, bytes);
  for (const [index, bitmap] of image.bitmaps.entries()) bitmap.entryOffset = offset + places[index]!;
  return { count: image.bitmaps.length, size, offset };
}
