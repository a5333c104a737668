// Threads for what images hold compressed or encrypted, for as long as a whole image is read or written.
import type { Runtime } from "../../runtimes/runtime.ts";
import { CodecPool } from "./codec-pool.ts";
import type { DiskImage } from "../image.ts";

/** Runs `work` with a pool that the images and their backing files use. */
export async function withCodecs<T>(
  runtime: Runtime,
  images: readonly DiskImage[],
  work: (codecs: CodecPool) => Promise<T>,
): Promise<T> {
  const codecs = new CodecPool(runtime);
  const layers = images.flatMap(layersOf);
  for (const layer of layers) layer.codecs = codecs;
  try {
    return await work(codecs);
  } finally {
    for (const layer of layers) layer.codecs = undefined;
    await codecs.stop();
  }
}

function layersOf(image: DiskImage): DiskImage[] {
  const layers = [];
  for (let layer: DiskImage | undefined = image; layer; layer = layer.backing) layers.push(layer);
  return layers;
}
