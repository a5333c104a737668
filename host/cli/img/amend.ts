// img amend: changes the options that an image was created with, as far as they can be changed in place.
import { UserError } from "../../core/errors.ts";
import { amend as amendImage, cannotAmend } from "../../library/amend.ts";
import { findFormat } from "../../library/create.ts";
import { getopt, has, last, oneName, optionList, UsageError } from "./getopt.ts";
import { interruptible } from "./interrupt.ts";
import { listOptions, parseSettings, wantsHelp } from "./new-image.ts";
import { checkCacheModes, openNamed, secretsOf } from "./open.ts";
import { Progress } from "./progress.ts";

export async function amend(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "ho:f:t:pq", { force: "force" });
  checkCacheModes(parsed);
  const texts = parsed.options.get("o");
  if (!texts) throw new UsageError("Must specify options (-o)");
  const format = last(parsed, "f");
  if (wantsHelp(texts) && format !== undefined) return help(format);
  if (parsed.names.length !== 1) throw new UserError("Expecting one image file name");
  const image = await openNamed(parsed, oneName(parsed), { readOnly: false });
  try {
    if (wantsHelp(texts)) return await help(image.format);
    const settings = await parseChanges(image.format, texts);
    const progress = new Progress(has(parsed, "p") && !has(parsed, "q"));
    const secrets = await secretsOf(parsed);
    await interruptible((signal) =>
      amendImage(image, settings, {
        secrets,
        force: has(parsed, "force"),
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

async function parseChanges(
  format: string,
  texts: readonly string[],
): Promise<ReturnType<typeof parseSettings>> {
  const { amendOptions, createOptions } = (await findFormat(format))!;
  if (!amendOptions) throw cannotAmend(format);
  const list = optionList(texts);
  for (const key of list.keys()) {
    if (amendOptions.some(({ name }) => name === key)) continue;
    const known = createOptions?.some(({ name }) => name === key);
    throw new UserError(
      `Invalid parameter '${key}'${known ? "\nThis option is only supported for image creation" : ""}`,
    );
  }
  return parseSettings(amendOptions, list);
}

async function help(format: string): Promise<number> {
  const found = await findFormat(format);
  if (!found) throw new UserError(`Unknown file format '${format}'`);
  if (!found.amendOptions) throw cannotAmend(format);
  process.stdout.write(`Amend options for '${format}':\n${listOptions(found.amendOptions)}`);
  return 0;
}
