// img commit: an overlay's content into its backing file, or into one further down.
import { UserError } from "../../core/errors.ts";
import { requireSize } from "../../image/size.ts";
import { commit as commitImage } from "../../library/overlays.ts";
import { getopt, has, last, oneName } from "./getopt.ts";
import { interruptible } from "./interrupt.ts";
import { checkCacheModes, openingOf, openNamed } from "./open.ts";
import { Progress } from "./progress.ts";

export async function commit(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hf:t:b:dpqr:", { format: "f" });
  checkCacheModes(parsed);
  const name = oneName(parsed);
  const rateText = last(parsed, "r");
  const rate = rateText === undefined ? 0 : requireSize(rateText, "rate limit");
  const image = await openNamed(parsed, name, { readOnly: false });
  try {
    if (!image.backing) throw new UserError("Image does not have a backing file");
    const progress = new Progress(has(parsed, "p") && !has(parsed, "q"));
    const opening = await openingOf(parsed);
    await interruptible((signal) =>
      commitImage(image, {
        ...opening,
        base: last(parsed, "b"),
        keep: has(parsed, "d"),
        rate,
        signal,
        onProgress: (done, total) => progress.report(done, total),
      }),
    );
    progress.end();
    if (!has(parsed, "q")) process.stdout.write("Image committed.\n");
    return 0;
  } finally {
    await image.close();
  }
}
