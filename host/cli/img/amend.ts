// img amend: changes the options that an image was created with, as far as they can be changed in place.
import { UserError } from "../../core/errors.ts";
import { FORMATS, loadDriver } from "../../image/format.ts";
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
    const driver = await loadDriver(image.format);
    if (!driver?.amend || !driver.amendOptions) throw unsupported(image.format);
    const list = optionList(texts);
    for (const key of list.keys()) {
      if (driver.amendOptions.some(({ name }) => name === key)) continue;
      const known = driver.options?.some(({ name }) => name === key);
      throw new UserError(
        `Invalid parameter '${key}'${known ? "\nThis option is only supported for image creation" : ""}`,
      );
    }
    const progress = new Progress(has(parsed, "p") && !has(parsed, "q"));
    const settings = parseSettings(driver.amendOptions, list);
    const secrets = await secretsOf(parsed);
    await interruptible((signal) =>
      driver.amend!(image, settings, {
        secrets,
        force: has(parsed, "force"),
        signal,
        onProgress: (done, total) => progress.report(done, total),
      }),
    );
    await image.flush?.();
    progress.end();
    return 0;
  } finally {
    await image.close();
  }
}

function unsupported(format: string): UserError {
  return new UserError(`Format driver '${format}' does not support option amendment`);
}

async function help(format: string): Promise<number> {
  if (!FORMATS.some(({ name }) => name === format)) throw new UserError(`Unknown file format '${format}'`);
  const driver = await loadDriver(format);
  if (!driver?.amendOptions) throw unsupported(format);
  process.stdout.write(`Amend options for '${format}':\n${listOptions(driver.amendOptions)}`);
  return 0;
}
