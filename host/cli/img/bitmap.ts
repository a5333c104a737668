// img bitmap: adds, removes, clears, switches and merges persistent bitmaps, in the order of the flags.
import { codeOf, isExpected, reason, UserError } from "../../core/errors.ts";
import { requireSize } from "../../image/size.ts";
import { addBitmap, clearBitmap, mergeBitmap, removeBitmap, switchBitmap } from "../../library/bitmaps.ts";
import { getopt, has, last, type Parsed } from "./getopt.ts";
import { openNamed } from "./open.ts";

const ACTS = ["add", "remove", "clear", "enable", "disable", "merge"] as const;
type Act = (typeof ACTS)[number];

export async function bitmap(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hb:f:F:g:", {
    add: "add",
    remove: "remove",
    clear: "clear",
    enable: "enable",
    disable: "disable",
    merge: "merge:",
    granularity: "g",
    "source-file": "b",
    "source-format": "F",
    format: "f",
  });
  const acts = parsed.order.filter(([key]) => (ACTS as readonly string[]).includes(key)) as [Act, string][];
  requireSense(parsed, acts);
  const granularity = has(parsed, "g") ? requireSize(last(parsed, "g")!, "granularity") : undefined;
  const [file, name, surplus] = parsed.names;
  if (file === undefined || name === undefined || surplus !== undefined)
    throw new UserError("Expecting filename and bitmap name");

  const image = await openNamed(parsed, file, { readOnly: false });
  const sourceName = last(parsed, "b");
  let source: Awaited<ReturnType<typeof openNamed>> | undefined;
  try {
    if (sourceName !== undefined)
      source = await openNamed(parsed, sourceName, { format: last(parsed, "F"), imageOpts: false });
    for (const [act, argument] of acts) {
      try {
        if (image.format !== "qcow2")
          throw new UserError(
            `Can't store persistent bitmaps to ${image.name}: Operation not supported`,
            "ENOTSUP",
          );
        const from = source ?? image;
        if (from.format !== "qcow2") throw new UserError(`Dirty bitmap '${argument}' not found`, "ENOENT");
        if (act === "add") await addBitmap(image, name, granularity);
        else if (act === "remove") await removeBitmap(image, name);
        else if (act === "clear") await clearBitmap(image, name);
        else if (act === "merge") await mergeBitmap(image, name, argument, from);
        else await switchBitmap(image, name, act === "enable");
      } catch (error) {
        if (!isExpected(error)) throw error;
        throw new UserError(`Operation ${act} on bitmap ${name} failed: ${reason(error)}`, codeOf(error));
      }
    }
    return 0;
  } finally {
    await source?.close();
    await image.close();
  }
}

function requireSense(parsed: Parsed, acts: readonly [Act, string][]): void {
  const does = (act: Act): boolean => acts.some(([one]) => one === act);
  if (acts.length === 0)
    throw new UserError("Need at least one of --add, --remove, --clear, --enable, --disable, or --merge");
  if (has(parsed, "g") && !does("add")) throw new UserError("granularity only supported with --add");
  if (has(parsed, "b") && !does("merge"))
    throw new UserError("Merge bitmap source file only supported with --merge");
  if (has(parsed, "F") && !has(parsed, "b")) throw new UserError("-F only supported with -b");
}
