// img map: where in which file of the chain each part of the disk lies.
import { UserError } from "../../core/errors.ts";
import { chainExtent, type ChainExtent, type DiskImage } from "../../image/image.ts";
import { getopt, last, oneName, wantsJson } from "./getopt.ts";
import { requireSize } from "../../image/size.ts";
import { openNamed } from "./open.ts";

type Mapped = ChainExtent & { start: number };

export async function map(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "f:s:l:hU", {
    output: "output:",
    "start-offset": "s",
    "max-length": "l",
    "force-share": "U",
    format: "f",
  });
  const json = wantsJson(parsed);
  const name = oneName(parsed);
  const from = last(parsed, "s");
  const most = last(parsed, "l");
  const start = from === undefined ? 0 : requireSize(from, "start offset");
  const length = most === undefined ? Infinity : requireSize(most, "max length");
  const image = await openNamed(parsed, name);
  try {
    const extents = mergedExtents(image, start, Math.min(start + length, image.size));
    await (json ? printJson(extents, start) : printHuman(extents));
    return 0;
  } finally {
    await image.close();
  }
}

/** Neighbours that say the same, at offsets that go on, are one. */
async function* mergedExtents(
  image: DiskImage,
  start: number,
  end: number,
): AsyncGenerator<Mapped, undefined> {
  let held: Mapped | undefined;
  for (let at = start; at < end;) {
    const next: Mapped = { ...(await chainExtent(image, at, end - at)), start: at };
    at += next.length;
    if (held && continues(held, next)) held.length += next.length;
    else {
      if (held) yield held;
      held = next;
    }
  }
  if (held) yield held;
  return undefined;
}

function continues(a: Mapped, b: Mapped): boolean {
  const offset = a.offset === undefined ? undefined : a.offset + a.length;
  return (
    a.present === b.present &&
    a.zero === b.zero &&
    a.depth === b.depth &&
    a.file === b.file &&
    a.compressed === b.compressed &&
    b.offset === offset
  );
}

async function printJson(extents: AsyncIterable<Mapped>, start: number): Promise<void> {
  let lines = 0;
  const line = (text: string): void => void process.stdout.write((lines++ ? ",\n" : "[") + text);
  for await (const extent of extents) line(jsonLine(extent));
  if (!lines) line(jsonLine({ start, length: 0, depth: 0, present: false, zero: false, file: "" }, false));
  process.stdout.write("]\n");
}

function jsonLine(extent: Mapped, data = !extent.zero): string {
  const { start, length, depth, present, zero, offset } = extent;
  const where = offset === undefined ? "" : `, "offset": ${offset}`;
  return `{ "start": ${start}, "length": ${length}, "depth": ${depth}, "present": ${present}, "zero": ${zero}, "data": ${data}${where}}`;
}

async function printHuman(extents: AsyncIterable<Mapped>): Promise<void> {
  const hex = (value: number): string => (value === 0 ? "0" : `0x${value.toString(16)}`).padEnd(16);
  process.stdout.write(`${"Offset".padEnd(16)}${"Length".padEnd(16)}${"Mapped to".padEnd(16)}File\n`);
  for await (const { start, length, zero, offset, file } of extents) {
    if (zero) continue;
    if (offset === undefined)
      throw new UserError("File contains external, encrypted or compressed clusters.");
    process.stdout.write(`${hex(start)}${hex(length)}${hex(offset)}${file}\n`);
  }
}
