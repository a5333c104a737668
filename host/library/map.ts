// Where in which file of its chain each part of a disk lies.
import { chainExtent, type ChainExtent, type DiskImage } from "../image/image.ts";

/** A part of a disk, all of which lies in one place. */
export type MappedExtent = ChainExtent & { start: number };

export interface MapOptions {
  /** Default 0. */
  start?: number;
  /** Default: to the end of the disk. */
  length?: number;
}

/** Where the bytes of an image are, part by part: neighbours that say the same, at offsets that go on, are one. */
export async function* map(
  image: DiskImage,
  { start = 0, length = Infinity }: MapOptions = {},
): AsyncGenerator<MappedExtent, void> {
  const end = Math.min(start + length, image.size);
  let held: MappedExtent | undefined;
  for (let at = start; at < end;) {
    const next: MappedExtent = { ...(await chainExtent(image, at, end - at)), start: at };
    at += next.length;
    if (held && continues(held, next)) held.length += next.length;
    else {
      if (held) yield held;
      held = next;
    }
  }
  if (held) yield held;
}

function continues(a: MappedExtent, b: MappedExtent): boolean {
  const offset = a.offset === undefined ? undefined : a.offset + a.length;
  return (
    a.present === b.present &&
    a.zero === b.zero &&
    a.depth === b.depth &&
    a.file === b.file &&
    a.compressed === b.compressed &&
    b.offset === offset
  );
}
