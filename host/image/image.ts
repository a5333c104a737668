// What every disk image can do, whatever its format: a BlockSource that also says where its bytes come from.
import type { BlockSource } from "../block/source.ts";
import type { CodecPool } from "./codecs/codec-pool.ts";
import type { PackedCluster } from "./codecs/packed-writes.ts";

/** The longest part of a range, from its start, that has one answer to "what is here?". */
export interface Extent {
  length: number;
  /** False: unallocated in this image, so the backing file decides. */
  present: boolean;
  /** Reads as zeros without looking. */
  zero: boolean;
  /** Where in `file` the bytes are, when they are there as they are. */
  offset?: number;
  /** The file that `offset` counts in, where it is not the image's `dataName`. */
  file?: string;
  /** Stored compressed. */
  compressed?: boolean;
}

/** An image that is open: the disk in it, and what its format can do besides. Offsets and sizes are in bytes. */
export interface DiskImage extends BlockSource {
  readonly format: string;
  /** The name it was opened by. */
  readonly name: string;
  /** The file that its data offsets count in. */
  readonly dataName: string;
  readonly clusterSize?: number;
  /** What an unallocated range shows; opened after the image itself. */
  backing?: DiskImage | undefined;
  /** The backing file as the image names it. */
  readonly backingName?: string | undefined;
  readonly backingFormat?: string | undefined;
  /** Its last writer did not close it; undefined: the format has no mark for that. */
  readonly dirty?: boolean | undefined;
  readonly encrypted?: boolean;
  /** False: what was never written in a new image does not read as zeros. */
  readonly blankIsZero?: boolean;
  /** Set for as long as much is read or written: unpacks, encrypts and decrypts, where the format has use for it. @internal */
  codecs?: CodecPool | undefined;
  /** How `length` bytes at most, from `offset` on, are stored: a run of one kind. */
  extent(offset: number, length: number): Promise<Extent>;
  /** Bytes that the image takes on its disk. */
  allocated(): Promise<number | undefined>;
  /** What the format has to say of the image beyond all that, as info prints it. */
  details?(): Record<string, unknown>;
  /** Looks for damage; each sentence goes to `onFinding` as it is found. */
  check?(repair: Repair, onFinding: (sentence: string) => void): Promise<CheckResult>;
  /** Takes whole clusters only, each of them once. */
  readonly wholeClusters?: boolean;
  /** Stores whole clusters compressed: one at least, in the order of the disk. */
  writePacked?(clusters: readonly PackedCluster[]): Promise<void>;
  /** Names another backing file, or none. */
  setBacking?(name: string | undefined, format: string | undefined): Promise<void>;
  /** Frees everything that lies in this image: the backing file shows through. */
  empty?(): Promise<void>;
}

/** What `check` sets right. */
export type Repair = "none" | "leaks" | "all";

/** What a check found, in clusters. */
export interface CheckResult {
  corruptions: number;
  leaks: number;
  corruptionsFixed: number;
  leaksFixed: number;
  /** Clusters that could not be looked at. */
  checkErrors?: number;
  /** Clusters of the disk; 0: the format does not count them. */
  totalClusters: number;
  allocatedClusters: number;
  fragmentedClusters: number;
  compressedClusters: number;
  /** Undefined: the format does not say. */
  imageEndOffset?: number;
}

/** What a check of a disk of so many clusters says before it has found anything. */
export function nothingFound(totalClusters = 0): CheckResult {
  return {
    corruptions: 0,
    leaks: 0,
    corruptionsFixed: 0,
    leaksFixed: 0,
    totalClusters,
    allocatedClusters: 0,
    fragmentedClusters: 0,
    compressedClusters: 0,
  };
}

/** What a byte of the whole chain is; `depth` counts the backing files passed. */
export interface ChainExtent extends Extent {
  depth: number;
  file: string;
}

/** Looks through the chain: an unallocated range is the backing file's, and zeros past its end. */
export async function chainExtent(image: DiskImage, offset: number, length: number): Promise<ChainExtent> {
  let depth = 0;
  let layer = image;
  let span = length;
  for (;;) {
    const extent = await layer.extent(offset, span);
    span = extent.length;
    if (extent.present) return { ...extent, depth, file: extent.file ?? layer.dataName };
    const below = layer.backing;
    if (!below || offset >= below.size) return { ...extent, zero: true, depth, file: layer.dataName };
    span = Math.min(span, below.size - offset);
    layer = below;
    depth++;
  }
}
