// img map: where in which file of the chain each part of the disk lies.
import { UserError } from "../../core/errors.ts";
import { digits, requireSize } from "../../image/size.ts";
import { map as mapImage, type MappedExtent } from "../../library/map.ts";
import { getopt, last, oneName, wantsJson } from "./getopt.ts";
import { openNamed } from "./open.ts";

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
    const extents = mapImage(image, { start, length });
    await (json ? printJson(extents, start) : printHuman(extents));
    return 0;
  } finally {
    await image.close();
  }
}

async function printJson(extents: AsyncIterable<MappedExtent>, start: number): Promise<void> {
  let lines = 0;
  const line = (text: string): void => void process.stdout.write((lines++ ? ",\n" : "[") + text);
  for await (const extent of extents) line(jsonLine(extent));
  if (!lines) line(jsonLine({ start, length: 0, depth: 0, present: false, zero: false, file: "" }, false));
  process.stdout.write("]\n");
}

function jsonLine(extent: MappedExtent, data = !extent.zero): string {
  const { start, length, depth, present, zero, offset } = extent;
  const where = offset === undefined ? "" : `, "offset": ${digits(offset)}`;
  return `{ "start": ${digits(start)}, "length": ${digits(length)}, "depth": ${depth}, "present": ${present}, "zero": ${zero}, "data": ${data}${where}}`;
}

async function printHuman(extents: AsyncIterable<MappedExtent>): Promise<void> {
  const hex = (value: number): string => (value === 0 ? "0" : `0x${value.toString(16)}`).padEnd(16);
  process.stdout.write(`${"Offset".padEnd(16)}${"Length".padEnd(16)}${"Mapped to".padEnd(16)}File\n`);
  for await (const { start, length, zero, offset, file } of extents) {
    if (zero) continue;
    if (offset === undefined)
      throw new UserError("File contains external, encrypted or compressed clusters.");
    process.stdout.write(`${hex(start)}${hex(length)}${hex(offset)}${file}\n`);
  }
}
