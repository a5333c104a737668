// What a user does to bitmaps: adds, removes, clears, switches and merges them. Kept in the image when it is closed.
import { UserError } from "../../core/errors.ts";
import {
  type Bitmap,
  BITMAP_MAX,
  bitsOf,
  bitBytes,
  isBroken,
  isRecording,
  markRange,
  storeBitmaps,
} from "./bitmaps.ts";
import type { Qcow2Image } from "./image.ts";

const NAME_MAX = 1023;
const IN_USE = 1;
const AUTO = 2;
/** What a bit stands for where nobody says: a cluster, within these limits. */
const DEFAULT_GRANULARITY = { least: 4096, most: 65536 } as const;
const GRANULARITY = { least: 512, most: 2 ** 31 } as const;

function find(image: Qcow2Image, name: string): Bitmap {
  const bitmap = image.bitmaps.find((one) => one.name === name);
  if (!bitmap) throw new UserError(`Dirty bitmap '${name}' not found`, "ENOENT");
  return bitmap;
}

function usable(image: Qcow2Image, name: string): Bitmap {
  const bitmap = find(image, name);
  if (isBroken(bitmap))
    throw new UserError(
      `Bitmap '${name}' is inconsistent and cannot be used\n` +
        "Try block-dirty-bitmap-remove to delete this bitmap from disk",
      "EINVAL",
    );
  return bitmap;
}

export function addBitmap(
  image: Qcow2Image,
  name: string,
  granularity: number | undefined,
  recording = true,
): Bitmap {
  const { least, most } = DEFAULT_GRANULARITY;
  const unit = granularity ?? Math.min(most, Math.max(least, image.clusterSize));
  if (name === "") throw new UserError("Bitmap name cannot be empty", "EINVAL");
  if (unit < GRANULARITY.least || unit > GRANULARITY.most || !Number.isInteger(Math.log2(unit)))
    throw new UserError("Granularity must be power of 2 and at least 512", "EINVAL");
  if (image.bitmaps.some((one) => one.name === name))
    throw new UserError(`Bitmap already exists: ${name}`, "EEXIST");
  const cannot = (why: string): UserError =>
    new UserError(`Can't make bitmap '${name}' persistent in '${image.name}': ${why}`, "EINVAL");
  if (image.engine.core.version() < 3) throw cannot("Cannot store dirty bitmaps in qcow2 v2 files");
  if (new TextEncoder().encode(name).length > NAME_MAX)
    throw cannot(`Name length exceeds maximum (${NAME_MAX} characters)`);
  const bytes = bitBytes(image.size, unit);
  if (bytes > BITMAP_MAX)
    throw cannot("Too much space will be occupied by the bitmap. Use larger granularity");
  const bitmap: Bitmap = {
    name,
    granularity: unit,
    flags: recording ? AUTO : 0,
    extra: new Uint8Array(0),
    tableOffset: 0,
    tableEntries: 0,
    entryOffset: 0,
    bits: new Uint8Array(bytes),
    changed: true,
  };
  image.bitmaps.push(bitmap);
  return bitmap;
}

export async function removeBitmap(image: Qcow2Image, name: string): Promise<void> {
  const bitmap = find(image, name);
  image.bitmaps.splice(image.bitmaps.indexOf(bitmap), 1);
  await storeBitmaps(image, [bitmap]);
}

export async function clearBitmap(image: Qcow2Image, name: string): Promise<void> {
  const bitmap = usable(image, name);
  (await bitsOf(image, bitmap)).fill(0);
  bitmap.changed = true;
}

/** Whether the bitmap records writes from now on. */
export async function switchBitmap(image: Qcow2Image, name: string, recording: boolean): Promise<void> {
  const bitmap = usable(image, name);
  await bitsOf(image, bitmap);
  bitmap.flags = (bitmap.flags & ~(AUTO | IN_USE)) | (recording ? AUTO : 0);
  bitmap.changed = true;
}

/** Sets in `name` whatever is set in bitmap `sourceName` of `source`, which may be the same image. */
export async function mergeBitmap(
  image: Qcow2Image,
  name: string,
  source: Qcow2Image,
  sourceName: string,
): Promise<void> {
  const target = usable(image, name);
  const other = usable(source, sourceName);
  if (source.size !== image.size)
    throw new UserError(
      "Bitmaps are of different sizes (destination size is " +
        `${image.size} and source size is ${source.size}) and can't be merged`,
      "EINVAL",
    );
  const from = await bitsOf(source, other);
  const into = await bitsOf(image, target);
  for (const [offset, length] of runs(from, other.granularity, source.size))
    markRange(into, target.granularity, offset, length);
  target.changed = true;
}

/** The ranges of the disk whose bits are set. */
function* runs(
  bits: Uint8Array,
  granularity: number,
  size: number,
): Generator<[offset: number, length: number]> {
  const count = Math.ceil(size / granularity);
  const isSet = (bit: number): boolean => (bits[bit >> 3]! & (1 << (bit & 7))) !== 0;
  for (let bit = 0; bit < count; bit++) {
    if (bits[bit >> 3] === 0) {
      bit |= 7;
      continue;
    }
    if (!isSet(bit)) continue;
    const first = bit;
    while (bit + 1 < count && isSet(bit + 1)) bit++;
    const offset = first * granularity;
    yield [offset, Math.min((bit + 1) * granularity, size) - offset];
  }
}

/** Refuses to lose a bitmap that cannot be trusted. */
export function requireSoundBitmaps(source: Qcow2Image): void {
  const broken = source.bitmaps.find(isBroken);
  if (broken)
    throw new UserError(
      `Cannot copy inconsistent bitmap '${broken.name}'\n` +
        "Try --skip-broken-bitmaps, or use 'wasmqemu img bitmap --remove' to delete it",
      "EINVAL",
    );
}

/** Copies every bitmap of `source` that can be trusted; `onBroken` hears of the others. */
export async function copyBitmaps(
  source: Qcow2Image,
  target: Qcow2Image,
  onBroken: (name: string) => void,
): Promise<void> {
  for (const bitmap of source.bitmaps) {
    if (isBroken(bitmap)) {
      onBroken(bitmap.name);
      continue;
    }
    const copy = addBitmap(target, bitmap.name, bitmap.granularity, isRecording(bitmap));
    const bits = await bitsOf(source, bitmap);
    for (const [offset, length] of runs(bits, bitmap.granularity, source.size))
      markRange(copy.bits!, copy.granularity, offset, length);
  }
}
