// img rebase: another backing file for an overlay, its content kept (or with -u, only the name changed).
import { UserError, codeOf, isExpected, reason } from "../../core/errors.ts";
import { FORMATS } from "../../image/format.ts";
import type { DiskImage } from "../../image/image.ts";
import { resolveBacking } from "../../image/open.ts";
import { copyFromBacking } from "../../image/rebase.ts";
import { node } from "../../runtimes/node.ts";
import { getopt, has, last, oneName, type Parsed, UsageError } from "./getopt.ts";
import { interruptible } from "./interrupt.ts";
import { checkCacheModes, openNamed } from "./open.ts";
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
  if (format !== undefined && !FORMATS.some((one) => one.name === format))
    throw new UserError(`Invalid format name: '${format}'`);
  const failed = (why: string): UserError =>
    new UserError(`Could not change the backing file to '${backing ?? ""}': ${why}`);

  const image = await openNamed(parsed, name, { readOnly: false, chain: !unsafe, writesShared: true });
  try {
    if (!image.setBacking) throw failed("Operation not supported");
    const requireFormat = (): void => {
      if (backing && format === undefined) throw failed("backing format must be specified");
    };
    if (unsafe) requireFormat();
    const progress = new Progress(has(parsed, "p") && !has(parsed, "q"));
    if (!unsafe) {
      const target = backing
        ? await openNew(parsed, resolveBacking(name, backing), format, backing)
        : undefined;
      try {
        requireFormat();
        await interruptible((signal) =>
          copyFromBacking(node, image, target, {
            signal,
            onProgress: (done, total) => progress.report(done, total),
          }),
        );
      } finally {
        await target?.close();
      }
    }
    if (new TextEncoder().encode(backing ?? "").length > 1023) throw failed("Invalid argument");
    try {
      await image.setBacking(backing || undefined, backing ? format : undefined);
    } catch (error) {
      if (!isExpected(error)) throw error;
      throw failed(reason(error));
    }
    progress.end();
    return 0;
  } finally {
    await image.close();
  }
}

async function openNew(
  parsed: Parsed,
  path: string,
  format: string | undefined,
  backing: string,
): Promise<DiskImage> {
  try {
    return await openNamed(parsed, path, { format, imageOpts: false });
  } catch (error) {
    if (!isExpected(error)) throw error;
    throw new UserError(
      `Could not open new backing file '${backing}': ${reason(error).replace(/^Could not open '[^']*': (?=Could)/, "")}`,
      codeOf(error),
    );
  }
}
