// Comparing images.
import { compareImages, type CompareOptions, type Difference } from "../image/compare.ts";
import type { DiskImage } from "../image/image.ts";
import { thisRuntime } from "../runtimes/this.ts";

export type { CompareOptions, Difference };

/** Undefined: the same bytes. */
export async function compare(
  a: DiskImage,
  b: DiskImage,
  options: CompareOptions = {},
): Promise<Difference | undefined> {
  return compareImages(thisRuntime(), a, b, options);
}
