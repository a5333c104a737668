// img dd: part of an image, by blocks, into a new one.
import { codeOf, isExpected, reason, UserError } from "../../core/errors.ts";
import { requireSize } from "../../image/size.ts";
import { copyRange } from "../../library/convert.ts";
import { completeOrRemove, createImage, findFormat } from "../../library/create.ts";
import { refuseSameFile } from "./convert.ts";
import { getopt, last } from "./getopt.ts";
import { interruptible } from "./interrupt.ts";
import { parseNewImage } from "./new-image.ts";
import { openNamed } from "./open.ts";

const BLOCK_MAX = 2 ** 31 - 1;

const OPERANDS = ["bs", "count", "if", "of", "skip"];

export async function dd(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hf:O:U", { "force-share": "U" });
  const operands = new Map<string, string>();
  for (const word of parsed.names) {
    const [key, ...value] = word.split("=");
    if (!OPERANDS.includes(key!) || value.length === 0) throw new UserError(`unrecognized operand ${key!}`);
    operands.set(key!, value.join("="));
  }
  const number = (key: string): number | undefined => {
    const text = operands.get(key);
    return text === undefined ? undefined : requireSize(text, key);
  };
  const block = number("bs") ?? 512;
  if (block < 1 || block > BLOCK_MAX)
    throw new UserError(`Invalid bs specified. Must be between 1 and ${BLOCK_MAX}.`);
  const count = number("count") ?? Infinity;
  const skip = number("skip") ?? 0;
  const from = operands.get("if");
  const to = operands.get("of");
  if (from === undefined || to === undefined) throw new UserError("Must specify both input and output files");

  const source = await openNamed(parsed, from);
  try {
    // As in qemu-img, the count is from the start of the input, not from where skip leads.
    const end = Math.min(source.size, count * block);
    const start = skip * block;
    if (start > source.size) process.stderr.write(`wasmqemu img: ${from}: cannot skip to specified offset\n`);
    await refuseSameFile([from], to, `${to}: error while creating output image`);
    await interruptible(async (signal) => {
      const format = last(parsed, "O") ?? "raw";
      const files = await makeTarget(to, format, Math.max(0, end - start), signal);
      const target = await openNamed(parsed, to, {
        format,
        readOnly: false,
        imageOpts: false,
        isTarget: true,
      });
      await completeOrRemove(target, files, () => copyRange(source, target, start, end, { signal }));
    });
    return 0;
  } finally {
    await source.close();
  }
}

async function makeTarget(
  name: string,
  format: string,
  size: number,
  signal: AbortSignal,
): Promise<string[]> {
  if (!(await findFormat(format))) throw new UserError("Unknown file format");
  const { settings } = await parseNewImage(format, []);
  try {
    return await createImage(name, { format, size, settings, signal });
  } catch (error) {
    if (!isExpected(error)) throw error;
    throw new UserError(`${name}: error while creating output image: ${reason(error)}`, codeOf(error));
  }
}
