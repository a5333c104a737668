// img amend: changes the options that an image was created with, as far as they can be changed in place.
import { UserError } from "../../core/errors.ts";
import { amendQcow2 } from "../../image/amend.ts";
import { Qcow2Image } from "../../image/qcow2.ts";
import { parseNumber, parseSwitch, QCOW2_KEYS } from "./create.ts";
import { getopt, has, oneName, optionList, UsageError } from "./getopt.ts";
import { openNamed } from "./open.ts";
import { Progress } from "./progress.ts";

const AMENDABLE = ["backing_file", "backing_fmt", "compat", "lazy_refcounts", "refcount_bits", "size"];

export async function amend(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "ho:f:t:pq", { force: "force" });
  if (!has(parsed, "o")) throw new UsageError("Must specify options (-o)");
  const name = oneName(parsed);
  const list = optionList(parsed.options.get("o")!);
  const image = await openNamed(parsed, name, { readOnly: false });
  try {
    if (!(image instanceof Qcow2Image))
      throw new UserError(`Format driver '${image.format}' does not support option amendment`);
    requireAmendable(list);
    const progress = new Progress(has(parsed, "p") && !has(parsed, "q"));
    await amendQcow2(image, {
      version: parseLevel(list.get("compat")),
      lazyRefcounts: list.has("lazy_refcounts") ? parseSwitch(list, "lazy_refcounts") : undefined,
      refcountBits: list.has("refcount_bits") ? parseNumber(list, "refcount_bits", 0) : undefined,
      size: list.has("size") ? parseNumber(list, "size", 0) : undefined,
    });
    await image.flush!();
    progress.end();
    return 0;
  } finally {
    await image.close();
  }
}

function requireAmendable(list: ReadonlyMap<string, string>): void {
  for (const key of list.keys()) {
    if (/^(encrypt\.|data_file)/.test(key)) throw new UserError(`Option '${key}' is not supported yet`);
    if (AMENDABLE.includes(key)) continue;
    const reason = QCOW2_KEYS.includes(key) ? "\nThis option is only supported for image creation" : "";
    throw new UserError(`Invalid parameter '${key}'${reason}`);
  }
  if (list.has("backing_file") || list.has("backing_fmt"))
    throw new UserError("Cannot amend the backing file\nYou can use 'wasmqemu img rebase' instead.");
}

function parseLevel(compat: string | undefined): 2 | 3 | undefined {
  if (compat === undefined) return undefined;
  if (compat === "1.1" || compat === "v3") return 3;
  if (compat === "0.10" || compat === "v2") return 2;
  throw new UserError(`Unknown compatibility level ${compat}`);
}
