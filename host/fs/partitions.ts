// What a disk is divided into, and what is in each part.
import { SliceSource } from "../block/slice.ts";
import type { BlockSource } from "../block/source.ts";
import { readGpt } from "./gpt.ts";
import { readMbr } from "./mbr.ts";
import { probeContent } from "./probe.ts";

export interface Partition {
  /** As Linux numbers it: the 2 of sda2. 0: the whole disk. */
  number: number;
  /** In bytes, like `size`. */
  start: number;
  size: number;
  /** What the table says that it is for. */
  type: string;
  name: string;
}

/** Empty: the disk has no partition table. */
export async function readPartitions(disk: BlockSource): Promise<Partition[]> {
  const mbr = await readMbr(disk);
  if (!mbr) return [];
  return (mbr.protective ? await readGpt(disk) : undefined) ?? mbr.partitions;
}

export interface Volume {
  partition: Partition;
  source: BlockSource;
  /** What is in it, as blkid calls it; undefined: nothing that we know. */
  content: string | undefined;
}

/** The whole disk where it is one file system (a boot disk's ISO is that, whatever its table says), then its parts. */
export async function readVolumes(disk: BlockSource): Promise<Volume[]> {
  const volumes: Volume[] = [];
  const content = await probeContent(disk);
  if (content) {
    const partition = { number: 0, start: 0, size: disk.size, type: "whole disk", name: "" };
    volumes.push({ partition, source: disk, content });
    if (content !== "iso9660") return volumes;
  }
  for (const partition of await readPartitions(disk)) {
    const source = new SliceSource(disk, partition.start, partition.size);
    volumes.push({ partition, source, content: await probeContent(source) });
  }
  return volumes;
}
