// Compressed loop images (KNOPPIX), read only: zlib streams of one size unpacked, found through a table of offsets.
//
//   0 a shell script, 0x80 block size, 0x84 blocks, 0x88 u64 offsets, one more than blocks. Big-endian.
import { UserError } from "../../core/errors.ts";
import { ClusterImage, type Run } from "./cluster-image.ts";
import { Deflater } from "../codecs/deflate.ts";
import type { Driver, OpenContext } from "../driver.ts";
import { Tables } from "./tables.ts";

const SECTOR = 512;
const BLOCK_MAX = 2 ** 26;
const OFFSETS_AT = 0x88;
const ENTRY = 8;
/** 64 MiB of offsets. */
const BLOCKS_MAX = 2 ** 29 / ENTRY;

class CloopImage extends ClusterImage {
  readonly format = "cloop";
  override readonly dirty = undefined;
  private readonly offsets: Tables;
  private unpacked: { offset: number; bytes: Uint8Array } | undefined;

  constructor(
    context: OpenContext,
    blockSize: number,
    blocks: number,
    private readonly deflater: Deflater,
  ) {
    super(context.name, context.file, true, blockSize * blocks, blockSize);
    this.offsets = new Tables(context.file, async () => {});
  }

  override get clusterSize(): undefined {
    return undefined;
  }

  protected get tables(): readonly Tables[] {
    return [];
  }

  protected async find(index: number): Promise<Run> {
    const start = await this.offsetOf(index);
    const length = (await this.offsetOf(index + 1)) - start;
    // A stream of bytes that do not shrink is a little longer than they are.
    if (length < 0 || length > 2 * BLOCK_MAX || start > this.file.size)
      throw new UserError(
        `offsets not monotonically increasing at index ${index + 1}, image file is corrupt`,
        "EINVAL",
      );
    return { kind: "packed", clusters: 1, offset: start, length };
  }

  private async offsetOf(index: number): Promise<number> {
    const { view, at } = await this.offsets.entries(OFFSETS_AT + index * ENTRY, 1, ENTRY);
    return Number(view.getBigUint64(at));
  }

  protected override async readPacked(into: Uint8Array, run: Run, within: number): Promise<void> {
    let known = this.unpacked;
    if (known?.offset !== run.offset) {
      const packed = new Uint8Array(Math.min(run.length!, this.file.size - run.offset));
      await this.file.read(packed, run.offset);
      const bytes = this.deflater.inflateZlib(packed, this.unit);
      if (bytes?.length !== this.unit)
        throw new UserError(
          `Cannot read the block at 0x${run.offset.toString(16)}: its compressed data is damaged`,
          "EIO",
        );
      this.unpacked = known = { offset: run.offset, bytes };
    }
    into.set(known.bytes.subarray(within, within + into.length));
  }

  protected async assign(): Promise<void> {}
}

async function open(context: OpenContext): Promise<CloopImage> {
  if (!context.readOnly) throw new UserError("Image is read-only", "EACCES");
  const { file } = context;
  const bytes = new Uint8Array(OFFSETS_AT);
  await file.read(bytes, 0);
  const view = new DataView(bytes.buffer);
  const [blockSize, blocks] = [view.getUint32(0x80), view.getUint32(0x84)];
  if (blockSize === 0) throw new UserError("block_size cannot be zero", "EINVAL");
  if (blockSize % SECTOR) throw new UserError(`block_size ${blockSize} must be a multiple of 512`, "EINVAL");
  if (blockSize > BLOCK_MAX) throw new UserError(`block_size ${blockSize} must be 64 MB or less`, "EINVAL");
  if (blocks > BLOCKS_MAX)
    throw new UserError("image requires too many offsets, try increasing block size", "EINVAL");
  if (OFFSETS_AT + (blocks + 1) * ENTRY > file.size)
    throw new UserError("The cloop image's table of offsets lies past the end of the file", "EINVAL");
  return new CloopImage(context, blockSize, blocks, await Deflater.start(context.runtime));
}

export const cloop: Driver = { open };
