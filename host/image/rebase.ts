// Moving an overlay between backing files, and its content into one.
import { UserError } from "../core/errors.ts";
import { loadEngine } from "../core/load.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { BlockExports } from "./qcow2/engine.ts";
import { chainExtent, type DiskImage } from "./image.ts";
import { until, type Watch } from "./watch.ts";

const CHUNK = 2 * 2 ** 20;

/**
 * Writes into `image` what it shows through from its old backing file and would not from the new one. `newBacking`
 * undefined: it will stand alone.
 */
export async function copyFromBacking(
  runtime: Runtime,
  image: DiskImage,
  newBacking: DiskImage | undefined,
  watch: Watch = {},
): Promise<void> {
  const core = await loadEngine<BlockExports>(runtime, "block.wasm");
  if (!core.reserve(2 * CHUNK)) throw new UserError("Not enough memory to rebase an image", "ENOMEM");
  const at = core.WORK_AT.value as number;
  const view = (index: number, length: number): Uint8Array =>
    new Uint8Array(core.memory.buffer as ArrayBuffer, at + index * CHUNK, length);
  const clusterSize = image.clusterSize!;
  for (let offset = 0; offset < image.size;) {
    watch.signal?.throwIfAborted();
    const extent = await image.extent(offset, image.size - offset);
    if (extent.present) {
      offset += extent.length;
      watch.onProgress?.(offset, image.size);
      continue;
    }
    const length = Math.min(extent.length, CHUNK);
    const before = view(0, length);
    const after = view(1, length);
    await readPast(image.backing, before, offset);
    await readPast(newBacking, after, offset);
    // Cluster by cluster: what is the same stays shared.
    for (let from = 0; from < length; from += clusterSize) {
      const size = Math.min(clusterSize, length - from);
      if (core.firstDifference(at + from, at + CHUNK + from, size) === size) continue;
      if (core.isZero(at + from, size)) await image.discard!(offset + from, size);
      else await image.write!(before.subarray(from, from + size), offset + from);
    }
    offset += length;
    watch.onProgress?.(offset, image.size);
  }
  // The data must be safe before the header lets go of the file that still has it.
  await image.flush!();
}

async function readPast(source: DiskImage | undefined, into: Uint8Array, offset: number): Promise<void> {
  const inside = source ? Math.max(0, Math.min(into.length, source.size - offset)) : 0;
  if (inside) await source!.read(into.subarray(0, inside), offset);
  into.fill(0, inside);
}

/**
 * Copies everything that lies in `image`, or between it and `base`, into `base`; with a `rate` no more than that many
 * bytes a second.
 */
export async function commitInto(
  image: DiskImage,
  base: DiskImage,
  depth: number,
  watch: Watch & { rate?: number } = {},
): Promise<void> {
  if (base.size < image.size) await base.resize!(image.size);
  const started = performance.now();
  let copied = 0;
  const buffer = new Uint8Array(CHUNK);
  for (let offset = 0; offset < image.size;) {
    watch.signal?.throwIfAborted();
    const extent = await chainExtent(image, offset, image.size - offset);
    let length = extent.length;
    if (extent.depth < depth && extent.present) {
      if (extent.zero) await base.discard!(offset, length);
      else {
        length = Math.min(length, CHUNK);
        const part = buffer.subarray(0, length);
        await image.read(part, offset);
        await base.write!(part, offset);
        copied += length;
        if (watch.rate) await until(started + (copied / watch.rate) * 1000, watch.signal);
      }
    }
    offset += length;
    watch.onProgress?.(offset, image.size);
  }
  await base.flush!();
}
