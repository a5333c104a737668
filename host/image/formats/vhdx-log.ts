// The log of a VHDX file ([MS-VHDX] §2.3): changes of its tables are written here first, so that a power cut leaves
// either the old table or the new one.
//
//   entry 64   "loge", crc32c, length, tail, u64 sequence, descriptors at 0x18, log GUID at 0x20, u64 file size
//              that is safe, u64 last file size; then descriptors of 32 bytes, then data sectors of 4 KiB
//   descriptor "desc", last 4 bytes, first 8 bytes, u64 file offset, u64 sequence
//              "zero", 0, u64 length, u64 file offset, u64 sequence
//   sector     "data", high half of the sequence, 4084 bytes, low half
import { UserError } from "../../core/errors.ts";
import { crc32c } from "../../crc32.ts";
import type { ImageFile } from "../driver.ts";
import { type Header, MIB, SIZE_MAX } from "./vhdx-layout.ts";

export const LOG_SECTOR = 4096;
const ENTRY_SIZE = 64;
const DESCRIPTOR = 32;
const CHECKSUM_AT = 4;
/** What of a sector is kept in its descriptor. */
const LEADING = 8;
const TRAILING = 4;

const LOGE = 0x6c6f6765;
const DESC = 0x64657363;
const ZERO = 0x7a65726f;
const DATA = 0x64617461;

/** A longer log is no one's: real ones are of some MiB. */
const LOG_MAX = 64 * MIB;

/** Bytes that belong at a place in the file; undefined bytes: zeros. */
export interface Patch {
  offset: number;
  length: number;
  bytes: Uint8Array | undefined;
}

interface Entry {
  at: number;
  length: number;
  tail: number;
  sequence: bigint;
  fileSize: number;
  patches: Patch[];
}

/** What an unclean file's log holds that may not be in its place yet, in order, and how long the file must be. */
export async function readLog(
  file: ImageFile,
  header: Header,
): Promise<{ patches: Patch[]; fileSize: number }> {
  const { logOffset, logLength, logGuid } = header;
  if (logOffset % MIB || logLength % MIB || logLength > LOG_MAX || logOffset + logLength > file.size)
    throw new UserError("The log of the VHDX file lies outside it", "EINVAL");
  const log = new Uint8Array(logLength);
  await file.read(log, logOffset);
  const entries = new Map<number, Entry>();
  for (let at = 0; at < logLength; at += LOG_SECTOR) {
    const entry = parseEntry(log, at, logGuid);
    if (entry) entries.set(at, entry);
  }
  const sequence = newestSequence(entries, logLength);
  if (sequence.length === 0) throw new UserError("The log of the VHDX file is damaged", "EIO");
  const fileSize = Math.max(...sequence.map((entry) => entry.fileSize));
  const end = Math.max(file.size, fileSize);
  const isOutside = ({ offset, length }: Patch): boolean => offset + length > end;
  // A disk, its tables and not much more: nobody's file is longer.
  if (fileSize > 2 * SIZE_MAX || sequence.some(({ patches }) => patches.some(isOutside)))
    throw new UserError("The log of the VHDX file is damaged", "EIO");
  return { patches: sequence.flatMap(({ patches }) => patches), fileSize };
}

/** The entries from the tail to the head of the newest sequence that is whole (§2.3.3). */
function newestSequence(entries: ReadonlyMap<number, Entry>, logLength: number): Entry[] {
  let newest: Entry[] = [];
  for (const first of entries.values()) {
    const run = [first];
    for (let last = first; ;) {
      const next = entries.get((last.at + last.length) % logLength);
      if (!next || next.sequence !== last.sequence + 1n || run.length > entries.size) break;
      run.push((last = next));
    }
    const head = run.at(-1)!;
    const tail = run.findIndex(({ at }) => at === head.tail);
    if (tail < 0 || head.sequence <= (newest.at(-1)?.sequence ?? -1n)) continue;
    newest = run.slice(tail);
  }
  return newest;
}

function parseEntry(log: Uint8Array, at: number, logGuid: string): Entry | undefined {
  const view = new DataView(log.buffer, log.byteOffset + at);
  if (view.getUint32(0) !== LOGE) return undefined;
  const length = view.getUint32(8, true);
  const descriptors = view.getUint32(0x18, true);
  const sequence = view.getBigUint64(0x10, true);
  if (length === 0 || length % LOG_SECTOR || length > log.length || sequence === 0n) return undefined;
  if (ENTRY_SIZE + descriptors * DESCRIPTOR > length) return undefined;
  // Entries go on at the start of the log when they reach its end.
  const bytes = new Uint8Array(length);
  const straight = log.subarray(at, at + length);
  bytes.set(straight);
  bytes.set(log.subarray(0, length - straight.length), straight.length);
  const entry = new DataView(bytes.buffer);
  if (entry.getUint32(CHECKSUM_AT, true) !== crc32c(bytes, CHECKSUM_AT)) return undefined;
  const guid = Array.from(bytes.subarray(0x20, 0x30), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (guid !== logGuid) return undefined;
  const patches = parsePatches(bytes, descriptors, sequence);
  const fileSize = Number(entry.getBigUint64(0x38, true));
  return patches && { at, length, tail: entry.getUint32(12, true), sequence, fileSize, patches };
}

function parsePatches(bytes: Uint8Array, count: number, sequence: bigint): Patch[] | undefined {
  const view = new DataView(bytes.buffer);
  const patches: Patch[] = [];
  let sector = Math.ceil((ENTRY_SIZE + count * DESCRIPTOR) / LOG_SECTOR) * LOG_SECTOR;
  for (let index = 0; index < count; index++) {
    const at = ENTRY_SIZE + index * DESCRIPTOR;
    const offset = Number(view.getBigUint64(at + 16, true));
    if (offset % LOG_SECTOR || view.getBigUint64(at + 24, true) !== sequence) return undefined;
    if (view.getUint32(at) === ZERO) {
      patches.push({ offset, length: Number(view.getBigUint64(at + 8, true)), bytes: undefined });
      continue;
    }
    if (view.getUint32(at) !== DESC || sector + LOG_SECTOR > bytes.length) return undefined;
    const low = view.getUint32(sector + LOG_SECTOR - TRAILING, true);
    const high = view.getUint32(sector + 4, true);
    if (view.getUint32(sector) !== DATA || ((BigInt(high) << 32n) | BigInt(low)) !== sequence)
      return undefined;
    const whole = bytes.slice(sector, sector + LOG_SECTOR);
    whole.set(bytes.subarray(at + 8, at + 8 + LEADING));
    whole.set(bytes.subarray(at + 4, at + 4 + TRAILING), LOG_SECTOR - TRAILING);
    patches.push({ offset, length: LOG_SECTOR, bytes: whole });
    sector += LOG_SECTOR;
  }
  return patches;
}

/** Zeros that a log asks for beyond this are no table's. */
const ZERO_MAX = 2 ** 30;

/** Puts everything in its place. */
export async function replay(file: ImageFile, patches: readonly Patch[], fileSize: number): Promise<void> {
  if (fileSize > file.size) await file.resize!(fileSize);
  for (const { offset, length, bytes } of patches) {
    if (bytes) await file.write!(bytes, offset);
    else {
      if (length > ZERO_MAX) throw new UserError("The log of the VHDX file asks for too many zeros", "EFBIG");
      const zeros = new Uint8Array(Math.min(length, MIB));
      for (let at = 0; at < length; at += zeros.length)
        await file.write!(zeros.subarray(0, Math.min(zeros.length, length - at)), offset + at);
    }
  }
  await file.flush!();
}

/** A file as it will be once its log is replayed; for those who may not write it. */
export function patched(file: ImageFile, patches: readonly Patch[], fileSize: number): ImageFile {
  const size = Math.max(file.size, fileSize);
  return {
    size,
    allocated: () => file.allocated(),
    close: () => file.close(),
    async read(into, offset) {
      await file.read(into, offset);
      for (const patch of patches) {
        const from = Math.max(offset, patch.offset);
        const to = Math.min(offset + into.length, patch.offset + patch.length);
        if (from >= to) continue;
        const part = into.subarray(from - offset, to - offset);
        if (patch.bytes) part.set(patch.bytes.subarray(from - patch.offset, to - patch.offset));
        else part.fill(0);
      }
    },
  };
}

/** Sectors of one entry: two such entries fit into the smallest log, and the older one stays valid meanwhile. */
export const SECTORS_PER_ENTRY = 120;

/** One entry that stands alone: everything before it is in its place already. */
export function layEntry(
  at: number,
  sequence: bigint,
  logGuid: string,
  fileSize: number,
  sectors: readonly { offset: number; bytes: Uint8Array }[],
): Uint8Array {
  const head = Math.ceil((ENTRY_SIZE + sectors.length * DESCRIPTOR) / LOG_SECTOR) * LOG_SECTOR;
  const entry = new Uint8Array(head + sectors.length * LOG_SECTOR);
  const view = new DataView(entry.buffer);
  view.setUint32(0, LOGE);
  view.setUint32(8, entry.length, true);
  view.setUint32(12, at, true);
  view.setBigUint64(0x10, sequence, true);
  view.setUint32(0x18, sectors.length, true);
  for (let i = 0; i < 16; i++) entry[0x20 + i] = parseInt(logGuid.slice(i * 2, i * 2 + 2), 16);
  view.setBigUint64(0x30, BigInt(fileSize), true);
  view.setBigUint64(0x38, BigInt(fileSize), true);
  for (const [index, { offset, bytes }] of sectors.entries()) {
    const descriptor = ENTRY_SIZE + index * DESCRIPTOR;
    const sector = head + index * LOG_SECTOR;
    view.setUint32(descriptor, DESC);
    entry.set(bytes.subarray(LOG_SECTOR - TRAILING), descriptor + 4);
    entry.set(bytes.subarray(0, LEADING), descriptor + 8);
    view.setBigUint64(descriptor + 16, BigInt(offset), true);
    view.setBigUint64(descriptor + 24, sequence, true);
    entry.set(bytes, sector);
    view.setUint32(sector, DATA);
    view.setUint32(sector + 4, Number(sequence >> 32n), true);
    view.setUint32(sector + LOG_SECTOR - TRAILING, Number(sequence & 0xffff_ffffn), true);
  }
  view.setUint32(CHECKSUM_AT, crc32c(entry, CHECKSUM_AT), true);
  return entry;
}
