// Giving a disk its clusters before anything is written to them.
import { fillWithZeros } from "../../block/source.ts";
import type { Preallocation } from "./create.ts";
import type { Qcow2Image } from "./image.ts";

/**
 * Allocates what is unallocated from `start`, a cluster's border, to the end of the disk. With subclusters the space is
 * only kept: the guest still sees what is below. `falloc` writes zeros too, since no runtime can reserve space without.
 */
export async function preallocate(
  image: Qcow2Image,
  start: number,
  mode: Exclude<Preallocation, "off">,
  signal?: AbortSignal,
): Promise<void> {
  const file = image.data as Required<typeof image.data>;
  // What lies past the file's end reads as zeros; a cluster that was in use before holds something else.
  const used = file.size;
  let end = used;
  for (let at = start; at < image.size;)
    at += await image.reserve(at, image.size - at, async (host, length) => {
      const stale = mode === "metadata" ? Math.max(0, Math.min(used - host, length)) : length;
      if (!image.dataFile || mode !== "metadata") await fillWithZeros(file, host, stale, signal);
      end = Math.max(end, host + length);
    });
  if (!image.dataFile && end > file.size) await file.resize(end);
}
