// How large a file will a new image need: counted by the rules of the format, without making it.
import { UserError } from "../core/errors.ts";
import { chainExtent, type DiskImage } from "./image.ts";
import { layLuks } from "./encryption/luks-header.ts";
import type { LuksOptions } from "./encryption/luks-keys.ts";
import { checkQcow2Options, type Qcow2CreateOptions } from "./qcow2/create.ts";
import { Qcow2Image } from "./qcow2/image.ts";

const SECTOR = 512;

export interface Measure {
  /** Bytes that copying what the source holds will take. */
  required: number;
  /** Bytes once every cluster of the disk is written. */
  fullyAllocated: number;
  /** Bytes that copying the source's bitmaps takes on top; absent where source or target has no bitmaps. */
  bitmaps?: number;
}

/** A raw file is as long as its disk, whatever lies in it. */
export function measureRaw(size: number): Measure {
  const length = Math.ceil(size / SECTOR) * SECTOR;
  return { required: length, fullyAllocated: length };
}

/** So is a LUKS file, behind its header. */
export function measureLuks(size: number, { spec }: LuksOptions): Measure {
  const length = layLuks(spec).payloadOffset + Math.ceil(size / SECTOR) * SECTOR;
  return { required: length, fullyAllocated: length };
}

/** A qcow2 image for `source`, or for an empty disk; `options.size` is the disk's. */
export async function measureQcow2(
  options: Qcow2CreateOptions,
  source: DiskImage | undefined,
): Promise<Measure> {
  try {
    checkQcow2Options(options);
  } catch (error) {
    if (error instanceof UserError && error.code === "EFBIG")
      throw new UserError("The image size is too large (try using a larger cluster size)", "EFBIG");
    throw error;
  }
  const { clusterSize } = options;
  const all = Math.ceil(options.size / clusterSize);
  const { encryption } = options;
  const keys =
    encryption?.format === "luks"
      ? Math.ceil(layLuks(encryption.options.spec).payloadOffset / clusterSize)
      : 0;
  const fullyAllocated = (all + tableClusters(options, all) + keys) * clusterSize;
  const used = source ? await clustersWithData(source, clusterSize) : 0;
  const measure = { required: fullyAllocated - (all - used) * clusterSize, fullyAllocated };
  if (!(source instanceof Qcow2Image) || source.engine.core.version() < 3 || options.version < 3)
    return measure;
  return { ...measure, bitmaps: bitmapBytes(source, clusterSize) };
}

/**
 * Clusters for the header, L1, L2 and the refcounts when `data` clusters are in use. Refcount blocks count
 * themselves and the table above them, so their number is approached until it no longer grows.
 */
function tableClusters({ clusterSize, refcountBits, extendedL2 }: Qcow2CreateOptions, data: number): number {
  const pointers = clusterSize / 8;
  const l2 = Math.ceil(data / (extendedL2 ? pointers / 2 : pointers));
  const counted = 1 + l2 + Math.ceil(l2 / pointers);
  const perBlock = (clusterSize * 8) / refcountBits;
  for (let refcounts = 0; ;) {
    const blocks = Math.ceil((data + counted + refcounts) / perBlock);
    const needed = blocks + Math.ceil(blocks / pointers);
    if (needed === refcounts) return counted + refcounts;
    refcounts = needed;
  }
}

/** How many clusters of that size hold anything but known zeros, the whole chain looked through. */
async function clustersWithData(source: DiskImage, clusterSize: number): Promise<number> {
  let clusters = 0;
  /** The first cluster that is not yet counted. */
  let next = 0;
  for (let offset = 0; offset < source.size;) {
    const { length, zero } = await chainExtent(source, offset, source.size - offset);
    const end = Math.ceil((offset + length) / clusterSize);
    if (!zero) {
      clusters += end - Math.max(next, Math.floor(offset / clusterSize));
      next = end;
    }
    offset += length;
  }
  return clusters;
}

/** Every bitmap full: its bits, the table over them, and the directory of all. */
function bitmapBytes(source: Qcow2Image, clusterSize: number): number {
  const encoder = new TextEncoder();
  const whole = (bytes: number): number => Math.ceil(bytes / clusterSize) * clusterSize;
  let directory = 0;
  let sum = 0;
  for (const { name, granularity } of source.bitmaps) {
    const bits = whole(Math.ceil(source.size / granularity / 8));
    sum += bits + whole((bits / clusterSize) * 8);
    directory += (24 + encoder.encode(name).length + 7) & ~7;
  }
  return sum + whole(directory);
}
