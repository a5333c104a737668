// img dd: part of an image, by blocks, into a new one.
import { codeOf, isExpected, reason, UserError } from "../../core/errors.ts";
import { createImage } from "../../image/create.ts";
import { FORMATS } from "../../image/format.ts";
import type { DiskImage } from "../../image/image.ts";
import { node } from "../../runtimes/node.ts";
import { refuseSameFile } from "./convert.ts";
import { getopt, last } from "./getopt.ts";
import { completeOrRemove } from "./incomplete.ts";
import { interruptible } from "./interrupt.ts";
import { parseNewImage } from "./new-image.ts";
import { openNamed } from "./open.ts";
import { requireSize } from "../../image/size.ts";

const BLOCK_MAX = 2 ** 31 - 1;
/** Blocks are a way to name a range: it moves in pieces of this size, whatever `bs` is. */
const CHUNK = 2 * 2 ** 20;

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
      const target = await openNamed(parsed, to, { format, readOnly: false, imageOpts: false });
      await completeOrRemove(target, files, async () => {
        await copyRange(source, target, start, end, signal);
        await target.flush!();
      });
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
  if (!FORMATS.some((one) => one.name === format)) throw new UserError("Unknown file format");
  const { settings } = await parseNewImage(format, []);
  try {
    return await createImage(node, name, format, { ...settings, size }, { signal });
  } catch (error) {
    if (!isExpected(error)) throw error;
    throw new UserError(`${name}: error while creating output image: ${reason(error)}`, codeOf(error));
  }
}

async function copyRange(
  source: DiskImage,
  target: DiskImage,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<void> {
  const buffer = new Uint8Array(CHUNK);
  for (let at = start; at < end; at += CHUNK) {
    signal.throwIfAborted();
    const part = buffer.subarray(0, Math.min(CHUNK, end - at));
    try {
      await source.read(part, at);
    } catch (error) {
      if (!isExpected(error)) throw error;
      throw new UserError(`error while reading from input image file: ${reason(error)}`, codeOf(error));
    }
    try {
      await target.write!(part, at - start);
    } catch (error) {
      if (!isExpected(error)) throw error;
      throw new UserError(`error while writing to output image file: ${reason(error)}`, codeOf(error));
    }
  }
}
