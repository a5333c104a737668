// img commit: an overlay's content into its backing file, or into one further down.
import { UserError } from "../../core/errors.ts";
import type { DiskImage } from "../../image/image.ts";
import { resolveBacking } from "../../image/open.ts";
import { requireSize } from "../../image/size.ts";
import { commitInto } from "../../image/rebase.ts";
import { getopt, has, last, oneName } from "./getopt.ts";
import { interruptible } from "./interrupt.ts";
import { checkCacheModes, openNamed } from "./open.ts";
import { Progress } from "./progress.ts";

export async function commit(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hf:t:b:dpqr:", { format: "f" });
  checkCacheModes(parsed);
  const name = oneName(parsed);
  const wanted = last(parsed, "b");
  const rateText = last(parsed, "r");
  const rate = rateText === undefined ? 0 : requireSize(rateText, "rate limit");
  const image = await openNamed(parsed, name, { readOnly: false });
  try {
    if (!image.backing) throw new UserError("Image does not have a backing file");
    const { layer, depth } = findBase(image, wanted);
    // A second, writable door to the file that the chain reads: what is written here is above nothing it reads.
    const base = await openNamed(parsed, layer.name, {
      format: layer.format,
      readOnly: false,
      imageOpts: false,
    });
    try {
      const progress = new Progress(has(parsed, "p") && !has(parsed, "q"));
      await interruptible(async (signal) => {
        await commitInto(image, base, depth, {
          signal,
          rate,
          onProgress: (done, total) => progress.report(done, total),
        });
        // -b leaves the overlay as it is, since files between may hold what it needs.
        if (!has(parsed, "d") && wanted === undefined) await image.empty?.();
      });
      progress.end();
    } finally {
      await base.close();
    }
    if (!has(parsed, "q")) process.stdout.write("Image committed.\n");
    return 0;
  } finally {
    await image.close();
  }
}

/** The layer that -b names by its stored or full name; the next one down without -b. */
function findBase(image: DiskImage, wanted: string | undefined): { layer: DiskImage; depth: number } {
  let depth = 1;
  let above: DiskImage = image;
  for (let layer = image.backing; layer; layer = layer.backing, depth++) {
    const known = [undefined, layer.name, above.backingName];
    if (known.includes(wanted)) return { layer, depth };
    if (resolveBacking(image.name, wanted!) === layer.name) return { layer, depth };
    above = layer;
  }
  throw new UserError(`Did not find '${wanted}' in the backing chain of '${image.name}'`);
}
