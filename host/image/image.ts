// What every disk image can do, whatever its format: a BlockSource that also says where its bytes come from.
import type { BlockSource } from "../block/source.ts";

/** The longest part of a range, from its start, that has one answer to "what is here?". */
export interface Extent {
  length: number;
  /** False: unallocated in this image, so the backing file decides. */
  present: boolean;
  /** Reads as zeros without looking. */
  zero: boolean;
  /** Where in `file` the bytes are, when they are there as they are. */
  offset?: number;
  /** Stored compressed. */
  compressed?: boolean;
}

export interface DiskImage extends BlockSource {
  readonly format: string;
  /** The name it was opened by. */
  readonly name: string;
  /** The file that its data offsets count in. */
  readonly dataName: string;
  readonly clusterSize?: number;
  readonly backing?: DiskImage | undefined;
  extent(offset: number, length: number): Promise<Extent>;
  /** Bytes that the image takes on its disk. */
  allocated(): Promise<number | undefined>;
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
    if (extent.present) return { ...extent, depth, file: layer.dataName };
    const below = layer.backing;
    if (!below || offset >= below.size) return { ...extent, zero: true, depth, file: layer.dataName };
    span = Math.min(span, below.size - offset);
    layer = below;
    depth++;
  }
}
