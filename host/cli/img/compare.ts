// img compare: whether two images hold the same bytes.
import { UserError } from "../../core/errors.ts";
import { compare as compareImages, type Difference } from "../../library/compare.ts";
import { getopt, has, last, UsageError } from "./getopt.ts";
import { checkCacheModes, openNamed } from "./open.ts";
import { Progress } from "./progress.ts";

const Exit = { same: 0, differ: 1, unreadable: 4 } as const;

const SENTENCES: Readonly<Record<Difference["kind"], (offset: number) => string>> = {
  content: (offset) => `Content mismatch at offset ${offset}!`,
  size: () => "Strict mode: Image size mismatch!",
  allocation: (offset) => `Strict mode: Offset ${offset} block status mismatch!`,
};

export async function compare(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hf:F:T:pqsU", { "force-share": "U", strict: "s" });
  checkCacheModes(parsed);
  const [first, second] = parsed.names;
  if (first === undefined || second === undefined || parsed.names.length > 2)
    throw new UsageError("Expecting two image file names");
  const quiet = has(parsed, "q");
  const a = await openNamed(parsed, first);
  try {
    const b = await openNamed(parsed, second, { format: last(parsed, "F") });
    try {
      const progress = new Progress(has(parsed, "p") && !quiet);
      const say = (text: string): void => void (quiet || process.stdout.write(`${text}\n`));
      const result = await compareImages(a, b, {
        strict: has(parsed, "s"),
        onProgress: (done, total) => progress.report(done, total),
        onSizeMismatch: () => say("Warning: Image size mismatch!"),
      });
      say(result ? SENTENCES[result.kind](result.offset) : "Images are identical.");
      if (has(parsed, "p") && !quiet) process.stdout.write("\n");
      return result ? Exit.differ : Exit.same;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      process.stderr.write(`wasmqemu img: ${error.message}\n`);
      return Exit.unreadable;
    } finally {
      await b.close();
    }
  } finally {
    await a.close();
  }
}
