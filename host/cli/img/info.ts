// img info: what an image is, without opening what it names.
import { UserError } from "../../core/errors.ts";
import { digits, humanSize } from "../../image/size.ts";
import { snapshotList } from "../../image/snapshot-list.ts";
import { backingChain, info as imageInfo, type ImageInfo } from "../../library/info.ts";
import type { Snapshot } from "../../library.ts";
import { getopt, has, last, oneName, type Parsed, wantsJson } from "./getopt.ts";
import { toJson } from "./json.ts";
import { openingOf, parseImageOpts } from "./open.ts";

/** The facts in the order that the JSON prints them. */
interface Facts {
  snapshots?: object[];
  "virtual-size": number;
  filename: string;
  "cluster-size"?: number;
  format: string;
  "actual-size"?: number;
  "format-specific"?: { type: string; data: Record<string, unknown> };
  "full-backing-filename"?: string;
  "backing-filename"?: string;
  "backing-filename-format"?: string;
  encrypted?: boolean;
  "dirty-flag"?: boolean;
}

export async function info(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hf:U", {
    output: "output:",
    "backing-chain": "backing-chain",
    "force-share": "U",
    format: "f",
  });
  const json = wantsJson(parsed);
  const chain = has(parsed, "backing-chain");
  const infos = await collect(parsed, chain);
  const facts = infos.map(factsOf);
  if (json) process.stdout.write(`${toJson(chain ? facts : facts[0])}\n`);
  else process.stdout.write(infos.map(human).join("\n"));
  return 0;
}

/** `--backing-chain`: the image and all below it. */
async function collect(parsed: Parsed, chain: boolean): Promise<ImageInfo[]> {
  const name = oneName(parsed);
  const options = {
    format: last(parsed, "f"),
    shared: has(parsed, "U"),
    ...(await openingOf(parsed)),
    ...(has(parsed, "image-opts") ? { blockdev: parseImageOpts(name) } : {}),
  };
  if (options.blockdev && options.format !== undefined)
    throw new UserError("--image-opts and --format are mutually exclusive", "EINVAL");
  if (!chain) return [await imageInfo(name, options)];
  const infos: ImageInfo[] = [];
  for await (const one of backingChain(name, options)) infos.push(one);
  return infos;
}

function factsOf(image: ImageInfo): Facts {
  const { name, backingFile, backingFormat, backingPath, details } = image;
  return {
    ...(image.snapshots.length ? { snapshots: image.snapshots.map(snapshotFacts) } : {}),
    ...(backingFile && backingFormat ? { "backing-filename-format": backingFormat } : {}),
    "virtual-size": image.size,
    filename: name,
    ...(image.clusterSize ? { "cluster-size": image.clusterSize } : {}),
    format: image.format,
    ...(image.allocated === undefined ? {} : { "actual-size": image.allocated }),
    ...(details ? { "format-specific": { type: image.format, data: details } } : {}),
    ...(backingFile ? { "full-backing-filename": backingPath!, "backing-filename": backingFile } : {}),
    ...(image.encrypted ? { encrypted: true } : {}),
    ...(image.dirty === undefined ? {} : { "dirty-flag": image.dirty }),
  };
}

function snapshotFacts(snapshot: Snapshot): object {
  const second = 1_000_000_000n;
  return {
    ...(snapshot.icount === undefined ? {} : { icount: Number(snapshot.icount) }),
    "vm-clock-nsec": Number(snapshot.clockNanoseconds % second),
    name: snapshot.name,
    "date-sec": snapshot.seconds,
    "date-nsec": snapshot.nanoseconds,
    "vm-clock-sec": Number(snapshot.clockNanoseconds / second),
    id: snapshot.id,
    "vm-state-size": snapshot.vmStateSize,
  };
}

function human(image: ImageInfo): string {
  const { allocated, backingFile, backingPath } = image;
  const lines = [
    `image: ${image.name}`,
    `file format: ${image.format}`,
    `virtual size: ${humanSize(image.size)} (${digits(image.size)} bytes)`,
    `disk size: ${allocated === undefined ? "unavailable" : humanSize(allocated)}`,
  ];
  if (image.encrypted) lines.push("encrypted: yes");
  if (image.clusterSize) lines.push(`cluster_size: ${image.clusterSize}`);
  if (image.dirty) lines.push("cleanly shut down: no");
  if (backingFile)
    lines.push(
      `backing file: ${backingFile}${backingPath === backingFile ? "" : ` (actual path: ${backingPath})`}`,
    );
  if (backingFile && image.backingFormat) lines.push(`backing file format: ${image.backingFormat}`);
  if (image.snapshots.length) lines.push(snapshotList(image.snapshots).trimEnd());
  if (image.details) lines.push("Format specific information:", ...nested(image.details, "    "));
  return lines.join("\n") + "\n";
}

/** `key: value` lines, four blanks a level; list items are `[n]:`; dashes in keys become blanks. */
function nested(value: object, indent: string): string[] {
  return Object.entries(value).flatMap(([key, item]) => {
    const label = Array.isArray(value) ? `[${key}]` : key.replaceAll("-", " ");
    if (typeof item === "object" && item !== null)
      return [`${indent}${label}:`, ...nested(item, `${indent}    `)];
    return [`${indent}${label}: ${String(item)}`];
  });
}
