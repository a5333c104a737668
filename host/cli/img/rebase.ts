// img rebase: another backing file for an overlay, its content kept (or with -u, only the name changed).
import { UserError } from "../../core/errors.ts";
import { findFormat } from "../../library/create.ts";
import { rebase as rebaseImage } from "../../library/overlays.ts";
import { getopt, has, last, oneName, UsageError } from "./getopt.ts";
import { interruptible } from "./interrupt.ts";
import { checkCacheModes, openingOf, openNamed } from "./open.ts";
import { Progress } from "./progress.ts";

export async function rebase(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hf:F:b:upt:T:qU", { "force-share": "U", format: "f" });
  checkCacheModes(parsed);
  const name = oneName(parsed);
  const backing = last(parsed, "b");
  const format = last(parsed, "F");
  const unsafe = has(parsed, "u");
  if (backing === undefined && !unsafe)
    throw new UsageError("Must specify backing file (-b) or use unsafe mode (-u)");
  if (format !== undefined && !(await findFormat(format)))
    throw new UserError(`Invalid format name: '${format}'`);
  const image = await openNamed(parsed, name, { readOnly: false, headerOnly: unsafe, writesShared: true });
  try {
    const progress = new Progress(has(parsed, "p") && !has(parsed, "q"));
    const opening = await openingOf(parsed);
    await interruptible((signal) =>
      rebaseImage(image, backing, {
        ...opening,
        format,
        unsafe,
        signal,
        onProgress: (done, total) => progress.report(done, total),
      }),
    );
    progress.end();
    return 0;
  } finally {
    await image.close();
  }
}
