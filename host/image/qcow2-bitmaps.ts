// Persistent dirty bitmaps: the directory, read and checked. Writing an image leaves them behind: the autoclear bit
// that vouches for them goes, as the specification asks of a program that does not maintain them.
import { UserError } from "../core/errors.ts";
import type { Qcow2Image } from "./qcow2.ts";

const FIXED = 24;
const DIRECTORY_MAX = 64 * 2 ** 20;
/** Bits of one bitmap's flags, with the names that info gives them. */
const FLAGS = ["in-use", "auto"] as const;
const KNOWN_FLAGS = 7;
const DIRTY_TRACKING = 1;
const NAME_MAX = 1023;
/** Autoclear bit: the extension is consistent. */
const CONSISTENT = 1;

export interface Bitmap {
  name: string;
  flags: string[];
  /** Bytes of the disk that one bit stands for. */
  granularity: number;
  /** Its table in the file, and how many entries that has. */
  tableOffset: number;
  tableEntries: number;
}

export async function readBitmaps(image: Qcow2Image): Promise<Bitmap[]> {
  const { bitmaps: directory } = image.extensions;
  if (!directory) return [];
  if (directory.count === 0) throw new UserError("found bitmaps extension with zero bitmaps", "EINVAL");
  if (!(image.engine.core.autoclear() & CONSISTENT)) return [];
  if (directory.size > DIRECTORY_MAX) throw new UserError("Bitmap directory too large", "EFBIG");
  const bytes = new Uint8Array(directory.size);
  await image.file.read(bytes, directory.offset);
  const view = new DataView(bytes.buffer);
  const list: Bitmap[] = [];
  for (let at = 0, index = 0; index < directory.count; index++) {
    if (at + FIXED > bytes.length) throw invalid("");
    const extra = view.getUint32(at + 20);
    const nameAt = at + FIXED + extra;
    const nameLength = view.getUint16(at + 18);
    const name = new TextDecoder().decode(bytes.subarray(nameAt, nameAt + nameLength));
    const flags = view.getUint32(at + 12);
    const bits = view.getUint8(at + 17);
    const tableOffset = Number(view.getBigUint64(at));
    const sound =
      nameAt + nameLength <= bytes.length &&
      nameLength >= 1 &&
      nameLength <= NAME_MAX &&
      tableOffset !== 0 &&
      tableOffset % image.clusterSize === 0 &&
      (flags & ~KNOWN_FLAGS) === 0 &&
      view.getUint8(at + 16) === DIRTY_TRACKING &&
      bits >= 9 &&
      bits <= 31;
    if (!sound) throw invalid(name);
    list.push({
      name,
      flags: FLAGS.filter((_, bit) => flags & (1 << bit)),
      granularity: 2 ** bits,
      tableOffset,
      tableEntries: view.getUint32(at + 8),
    });
    at += (FIXED + extra + nameLength + 7) & ~7;
  }
  return list;
}

function invalid(name: string): UserError {
  return new UserError(`Bitmap '${name}' doesn't satisfy the constraints`, "EINVAL");
}
