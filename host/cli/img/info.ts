// img info: what an image is, without opening what it names.
import { UserError } from "../../core/errors.ts";
import type { DiskImage } from "../../image/image.ts";
import { resolveBacking } from "../../image/open.ts";
import { Qcow2Image } from "../../image/qcow2.ts";
import { readSnapshots, type Snapshot } from "../../image/qcow2-snapshots.ts";
import { node } from "../../runtimes/node.ts";
import { getopt, has, last, oneName, type Parsed, wantsJson } from "./getopt.ts";
import { toJson } from "./json.ts";
import { openNamed } from "./open.ts";
import { humanSize } from "../../image/size.ts";
import { snapshotList } from "../../image/snapshot-list.ts";

/** The facts in the order that the JSON prints them. */
interface Info {
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
  if (json) process.stdout.write(`${toJson(chain ? infos.map(({ facts }) => facts) : infos[0]!.facts)}\n`);
  else process.stdout.write(infos.map(human).join("\n"));
  return 0;
}

interface Described {
  facts: Info;
  snapshots: Snapshot[];
}

async function snapshotsOf(image: DiskImage): Promise<Snapshot[]> {
  return image instanceof Qcow2Image ? (await readSnapshots(image)).list : [];
}

async function collect(parsed: Parsed, chain: boolean): Promise<Described[]> {
  const infos: Described[] = [];
  const seen = new Set<string>();
  let next: { name: string; format: string | undefined } | undefined = {
    name: oneName(parsed),
    format: last(parsed, "f"),
  };
  while (next) {
    const image = await openNamed(parsed, next.name, {
      format: next.format,
      chain: false,
      unlock: false,
      imageOpts: infos.length === 0 && has(parsed, "image-opts"),
    });
    try {
      const identity = (await node.identity(image.name)) ?? image.name;
      if (seen.has(identity)) throw new UserError(`Backing file '${next.name}' creates an infinite loop.`);
      seen.add(identity);
      const snapshots = await snapshotsOf(image);
      const facts = await describe(image, snapshots);
      infos.push({ facts, snapshots });
      const backing = facts["full-backing-filename"];
      next = chain && backing ? { name: backing, format: facts["backing-filename-format"] } : undefined;
    } finally {
      await image.close();
    }
  }
  return infos;
}

async function describe(image: DiskImage, snapshots: readonly Snapshot[]): Promise<Info> {
  const actual = await image.allocated();
  const data = image.details?.();
  const { name, backingName: backing, backingFormat } = image;
  return {
    ...(snapshots.length ? { snapshots: snapshots.map(snapshotFacts) } : {}),
    ...(backing && backingFormat ? { "backing-filename-format": backingFormat } : {}),
    "virtual-size": image.size,
    filename: name,
    ...(image.clusterSize ? { "cluster-size": image.clusterSize } : {}),
    format: image.format,
    ...(actual === undefined ? {} : { "actual-size": actual }),
    ...(data ? { "format-specific": { type: image.format, data } } : {}),
    ...(backing
      ? { "full-backing-filename": resolveBacking(name, backing), "backing-filename": backing }
      : {}),
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

function human({ facts: info, snapshots }: Described): string {
  const lines = [
    `image: ${info.filename}`,
    `file format: ${info.format}`,
    `virtual size: ${humanSize(info["virtual-size"])} (${info["virtual-size"]} bytes)`,
    `disk size: ${info["actual-size"] === undefined ? "unavailable" : humanSize(info["actual-size"])}`,
  ];
  if (info.encrypted) lines.push("encrypted: yes");
  if (info["cluster-size"]) lines.push(`cluster_size: ${info["cluster-size"]}`);
  if (info["dirty-flag"]) lines.push("cleanly shut down: no");
  const backing = info["backing-filename"];
  const full = info["full-backing-filename"];
  if (backing) lines.push(`backing file: ${backing}${full === backing ? "" : ` (actual path: ${full})`}`);
  if (info["backing-filename-format"]) lines.push(`backing file format: ${info["backing-filename-format"]}`);
  if (snapshots.length) lines.push(snapshotList(snapshots).trimEnd());
  const details = info["format-specific"];
  if (details) lines.push("Format specific information:", ...nested(details.data, "    "));
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
