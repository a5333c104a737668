// A directory record of ISO 9660 (ECMA-119 §9.1). Every number is stored in both byte orders; the little-endian one is
// read.
//
//   0 length u8 | 2 extent u32 | 10 size u32 | 18 date, 7 bytes | 25 flags | 32 name length u8 | name, padded | system use
import { UserError } from "../core/errors.ts";
import type { Reader } from "./reader.ts";

/** What extents count in. */
export const SECTOR = 2048;
const RECORD_FIXED = 33;

export interface IsoRecord {
  at: number;
  size: number;
  modified: number;
  flags: number;
  identifier: Uint8Array;
  systemUse: Uint8Array;
}

export function parseRecord(view: DataView, at: number, reader: Reader): IsoRecord {
  const length = view.getUint8(at);
  const nameLength = length > RECORD_FIXED ? view.getUint8(at + 32) : 0;
  if (length < RECORD_FIXED || at + length > view.byteLength || RECORD_FIXED + nameLength > length)
    throw reader.damaged("a directory record is out of bounds");
  if (view.getUint8(at + 26) !== 0) throw new UserError("interleaved files are not read", "ENOTSUP");
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
  return {
    // An extended attribute record stands before the data.
    at: (view.getUint32(at + 2, true) + view.getUint8(at + 1)) * SECTOR,
    size: view.getUint32(at + 10, true),
    modified: recordTime(bytes.subarray(18, 25)),
    flags: view.getUint8(at + 25),
    identifier: bytes.subarray(RECORD_FIXED, RECORD_FIXED + nameLength),
    // Padded to an even place.
    systemUse: bytes.subarray(RECORD_FIXED + nameLength + ((nameLength + 1) % 2)),
  };
}

/** Years since 1900, month, day, hour, minute, second, and quarters of an hour east of Greenwich (ECMA-119 §9.1.5). */
export function recordTime(bytes: Uint8Array): number {
  const [year, month, day, hour, minute, second] = bytes as unknown as number[];
  if (!month) return 0;
  const zone = (bytes[6]! << 24) >> 24;
  return Date.UTC(1900 + year!, month - 1, day, hour, minute! - zone * 15, second);
}
