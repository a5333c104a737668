// POSIX attributes on ISO 9660: the system use field of a directory record (SUSP, IEEE P1281; RRIP, IEEE P1282).
//
// The field is a row of entries: two letters | length u8 | version u8 | data. It may go on elsewhere (CE).
import { kindOfMode, type NodeKind } from "./file-system.ts";
import { recordTime, SECTOR } from "./iso-record.ts";
import type { Reader } from "./reader.ts";

/** A field that goes on more often leads back to itself. */
const CONTINUATIONS_MAX = 64;
const ENTRY_HEADER = 4;

const NameFlag = { continues: 1, current: 2, parent: 4 } as const;
const PartFlag = { continues: 1, current: 2, parent: 4, root: 8 } as const;
const TimeFlag = { creation: 1, modification: 2, longForm: 0x80 } as const;

export interface RockRidge {
  name?: string;
  kind?: NodeKind;
  mode?: number;
  links?: number;
  uid?: number;
  gid?: number;
  modified?: number;
  device?: readonly [number, number];
  target?: string;
  /** Where the directory that this entry stands for has moved to. */
  child?: number;
  /** This directory has moved here. */
  relocated?: boolean;
  compressed?: boolean;
}

/** The system use field of the root's `.` record, if it begins with the mark of the protocol and Rock Ridge is there. */
export async function susp(
  reader: Reader,
  root: number,
): Promise<{ skip: number; field: Uint8Array } | undefined> {
  const sector = await reader.bytes(root, SECTOR, "the root directory");
  const field = sector.subarray(34, sector[0]);
  const marked = field[0] === 0x53 && field[1] === 0x50 && field[4] === 0xbe && field[5] === 0xef;
  if (!marked) return undefined;
  const skip = field[6]!;
  for await (const { letters } of entries(reader, field, 0))
    if (letters === "PX" || letters === "RR") return { skip, field: field.slice() };
  return undefined;
}

async function* entries(
  reader: Reader,
  field: Uint8Array,
  skip: number,
): AsyncGenerator<{ letters: string; data: DataView }, void> {
  let part = field.subarray(skip);
  for (let continuations = 0; ; continuations++) {
    let next: Uint8Array | undefined;
    for (let at = 0; at + ENTRY_HEADER <= part.length;) {
      const length = part[at + 2]!;
      if (length < ENTRY_HEADER || at + length > part.length) break;
      const letters = String.fromCharCode(part[at]!, part[at + 1]!);
      const data = new DataView(part.buffer, part.byteOffset + at + ENTRY_HEADER, length - ENTRY_HEADER);
      if (letters === "ST") break;
      if (letters === "CE" && data.byteLength >= 24) {
        const place = data.getUint32(0, true) * SECTOR + data.getUint32(8, true);
        const size = data.getUint32(16, true);
        if (size > SECTOR) throw reader.damaged("a system use field is too long");
        next = await reader.bytes(place, size, "a system use field");
      } else yield { letters, data };
      at += length;
    }
    if (!next) return;
    if (continuations === CONTINUATIONS_MAX) throw reader.damaged("a system use field leads back to itself");
    part = next;
  }
}

export async function readRockRidge(reader: Reader, field: Uint8Array, skip: number): Promise<RockRidge> {
  const rock: RockRidge = {};
  const target = new LinkText();
  for await (const { letters, data } of entries(reader, field, skip)) {
    const size = data.byteLength;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, size);
    if (letters === "NM" && size > 1) rock.name = (rock.name ?? "") + nameOf(bytes);
    else if (letters === "PX" && size >= 32) {
      const mode = data.getUint32(0, true);
      const kind = kindOfMode(mode);
      if (kind) rock.kind = kind;
      rock.mode = mode & 0o7777;
      rock.links = data.getUint32(8, true);
      rock.uid = data.getUint32(16, true);
      rock.gid = data.getUint32(24, true);
    } else if (letters === "PN" && size >= 16)
      rock.device = deviceNumber(data.getUint32(0, true), data.getUint32(8, true));
    else if (letters === "SL" && size > 1) rock.target = target.add(bytes.subarray(1));
    else if (letters === "TF" && size > 1) Object.assign(rock, modifiedIn(bytes));
    else if (letters === "CL" && size >= 8) rock.child = data.getUint32(0, true) * SECTOR;
    else if (letters === "RE") rock.relocated = true;
    else if (letters === "ZF") rock.compressed = true;
  }
  return rock;
}

/** Some writers put both numbers into the lower word, as Linux knows too. */
function deviceNumber(high: number, low: number): [number, number] {
  return high === 0 && low > 0xff ? [low >> 8, low & 0xff] : [high, low];
}

function nameOf(bytes: Uint8Array): string {
  if (bytes[0]! & NameFlag.current) return ".";
  if (bytes[0]! & NameFlag.parent) return "..";
  return new TextDecoder().decode(bytes.subarray(1));
}

/** A link's target in parts: flags u8 | length u8 | text; a part, and the row itself, may go on in the next one. */
class LinkText {
  private text = "";
  private joined = true;

  add(bytes: Uint8Array): string {
    for (let at = 0; at + 2 <= bytes.length; at += 2 + bytes[at + 1]!) {
      const flags = bytes[at]!;
      const part = new TextDecoder().decode(bytes.subarray(at + 2, at + 2 + bytes[at + 1]!));
      if (!this.joined) this.text += "/";
      this.joined = (flags & PartFlag.continues) !== 0;
      if (flags & PartFlag.root) [this.text, this.joined] = ["/", true];
      else if (flags & PartFlag.current) this.text += ".";
      else if (flags & PartFlag.parent) this.text += "..";
      else this.text += part;
    }
    return this.text;
  }
}

/** Flags, then a time for each that is set: 7 bytes, or 17 as text. */
function modifiedIn(bytes: Uint8Array): { modified: number } | undefined {
  const flags = bytes[0]!;
  if (!(flags & TimeFlag.modification)) return undefined;
  const size = flags & TimeFlag.longForm ? 17 : 7;
  const at = 1 + (flags & TimeFlag.creation ? size : 0);
  if (at + size > bytes.length) return undefined;
  const stamp = bytes.subarray(at, at + size);
  if (size === 7) return { modified: recordTime(stamp) };
  const digits = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(new TextDecoder("latin1").decode(stamp));
  if (!digits) return undefined;
  const [year, month, day, hour, minute, second, hundredth] = digits.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const zone = (stamp[16]! << 24) >> 24;
  return { modified: Date.UTC(year, month - 1, day, hour, minute - zone * 15, second, hundredth * 10) };
}
