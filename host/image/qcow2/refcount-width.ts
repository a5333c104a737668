// All reference counts anew: of another width, or as a check has counted them. They are written behind the end of the
// file, where the old ones count nothing and nothing refers to; then one write of the header puts table, size and width in
// force together. Whenever the power is cut, the image has either all of the old counts or all of the new. What the old
// ones took is free after.
import { UserError } from "../../core/errors.ts";
import { nothing } from "./engine.ts";
import type { Qcow2Image } from "./image.ts";
import type { Watch } from "../watch.ts";

/** The header's table offset and clusters, and its refcount order; up to there all of it is written at once. */
const TABLE_OFFSET = 48;
const TABLE_CLUSTERS = 56;
const ORDER = 96;
const HEADER_LENGTH = 104;
const V2_LENGTH = 72;

/** No program reads a larger table. */
const TABLE_MAX = 8 * 2 ** 20;

/** What the new counts are to say: of clusters that are not for table and blocks, old or new. */
interface Counts {
  /** Every cluster that is in use, in order, and its count. */
  all(): AsyncIterable<[cluster: number, count: bigint]>;
  count(cluster: number): Promise<bigint>;
}

/** Counts as one block holds them (qcow2 specification, "Host cluster reference counts"). */
class Block {
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    private readonly bits: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get(index: number): bigint {
    const { view, bits } = this;
    if (bits === 64) return view.getBigUint64(index * 8);
    if (bits === 32) return BigInt(view.getUint32(index * 4));
    if (bits === 16) return BigInt(view.getUint16(index * 2));
    // Narrow counts fill each byte from its low bits up.
    const bit = index * bits;
    return BigInt((view.getUint8(bit >> 3) >> (bit & 7)) & (2 ** bits - 1));
  }

  /** Sets a count that was 0. */
  set(index: number, count: bigint): void {
    const { view, bits } = this;
    const bit = index * bits;
    if (bits === 64) view.setBigUint64(index * 8, count);
    else if (bits === 32) view.setUint32(index * 4, Number(count));
    else if (bits === 16) view.setUint16(index * 2, Number(count));
    else view.setUint8(bit >> 3, view.getUint8(bit >> 3) | (Number(count) << (bit & 7)));
  }
}

/** The counts that the file has, without those of the clusters that hold them. */
class OldCounts implements Counts {
  private readonly own = new Set<number>();
  private block: Block | undefined;
  private loaded = -1;
  private readonly perBlock: number;

  private constructor(
    private readonly image: Qcow2Image,
    private readonly bits: number,
    readonly blocks: readonly number[],
    table: { first: number; clusters: number },
  ) {
    this.perBlock = (image.clusterSize * 8) / bits;
    for (let n = 0; n < table.clusters; n++) this.own.add(table.first + n);
    for (const offset of blocks) if (offset) this.own.add(offset / image.clusterSize);
  }

  static async read(image: Qcow2Image): Promise<OldCounts> {
    const { core } = image.engine;
    const header = new DataView(headerOf(image).slice(0, HEADER_LENGTH).buffer);
    const offset = Number(header.getBigUint64(TABLE_OFFSET));
    const clusters = header.getUint32(TABLE_CLUSTERS);
    const bytes = new Uint8Array(clusters * image.clusterSize);
    await image.file.read(bytes, offset);
    const view = new DataView(bytes.buffer);
    const blocks = Array.from({ length: bytes.length / 8 }, (_, index) =>
      Number(view.getBigUint64(index * 8) & ~511n),
    );
    const table = { first: offset / image.clusterSize, clusters };
    return new OldCounts(image, 2 ** core.refcountOrder(), blocks, table);
  }

  async count(cluster: number): Promise<bigint> {
    const index = Math.floor(cluster / this.perBlock);
    if (index !== this.loaded) {
      this.loaded = index;
      const offset = this.blocks[index] ?? 0;
      const bytes = new Uint8Array(this.image.clusterSize);
      if (offset) await this.image.file.read(bytes, offset);
      this.block = offset ? new Block(bytes, this.bits) : undefined;
    }
    if (!this.block || this.own.has(cluster)) return 0n;
    return this.block.get(cluster % this.perBlock);
  }

  async *all(): AsyncGenerator<[cluster: number, count: bigint]> {
    for (const [index, offset] of this.blocks.entries()) {
      if (!offset) continue;
      for (let cluster = index * this.perBlock; cluster < (index + 1) * this.perBlock; cluster++) {
        const count = await this.count(cluster);
        if (count) yield [cluster, count];
      }
    }
  }
}

/** The header's bytes in the engine, which is where all of it has its fields. */
function headerOf(image: Qcow2Image): Uint8Array<ArrayBuffer> {
  const { engine } = image;
  return engine.view(engine.core.HEADER_AT.value as number, image.clusterSize);
}

export async function changeRefcountWidth(image: Qcow2Image, bits: number, watch: Watch = {}): Promise<void> {
  await image.alone(async () => {
    await image.flush!();
    await writeCounts(image, await OldCounts.read(image), bits, watch);
  });
}

/**
 * Puts what a check has counted in place of all the counts that the file has: for those `alone`, and only until anything
 * is allocated. The counts of table and blocks themselves are taken out before (`uncountTables`).
 */
export async function rebuildRefcounts(image: Qcow2Image): Promise<void> {
  const { core } = image.engine;
  const clusters = Math.ceil(image.file.size / image.clusterSize);
  const count = async (cluster: number): Promise<bigint> => BigInt(core.referencesTo(cluster));
  const counted: Counts = {
    count,
    async *all() {
      for (let cluster = 0; cluster < clusters; cluster++)
        if (core.referencesTo(cluster)) yield [cluster, await count(cluster)];
    },
  };
  await writeCounts(image, counted, 2 ** core.refcountOrder());
}

async function writeCounts(
  image: Qcow2Image,
  counts: Counts,
  bits: number,
  { signal, onProgress }: Watch = {},
): Promise<void> {
  const { clusterSize, file } = image;
  const perBlock = (clusterSize * 8) / bits;
  const most = 2n ** BigInt(bits) - 1n;
  const used = new Set<number>();
  for await (const [cluster, count] of counts.all()) {
    signal?.throwIfAborted();
    if (count > most)
      throw new UserError(
        `Cannot decrease refcount entry width to ${bits} bits: ` +
          `Cluster at offset 0x${(cluster * clusterSize).toString(16)} has a refcount of ${count}`,
        "EINVAL",
      );
    used.add(Math.floor(cluster / perBlock));
  }
  const { first, end, ranges, tableClusters } = placeCounts(image, used, perBlock);

  const table = new Uint8Array(tableClusters * clusterSize);
  const entries = new DataView(table.buffer);
  for (const [index, range] of ranges.entries()) {
    signal?.throwIfAborted();
    const block = new Block(new Uint8Array(clusterSize), bits);
    for (let n = 0; n < perBlock; n++) {
      const cluster = range * perBlock + n;
      const count = cluster >= first && cluster < end ? 1n : await counts.count(cluster);
      if (count) block.set(n, count);
    }
    const offset = (first + tableClusters + index) * clusterSize;
    await file.write!(block.bytes, offset);
    entries.setBigUint64(range * 8, BigInt(offset));
    onProgress?.(index + 1, ranges.length);
  }
  await file.write!(table, first * clusterSize);
  await file.flush!();

  const header = new DataView(headerOf(image).buffer, headerOf(image).byteOffset, HEADER_LENGTH);
  header.setBigUint64(TABLE_OFFSET, BigInt(first * clusterSize));
  header.setUint32(TABLE_CLUSTERS, tableClusters);
  // Version 2 has one width, and no field for it.
  if (image.engine.core.version() >= 3) header.setUint32(ORDER, Math.log2(bits));
  await image.storeFields(0, image.engine.core.version() >= 3 ? HEADER_LENGTH : V2_LENGTH);
  await file.flush!();
  await image.engine.run((core) => core.openHeader(Math.min(file.size, clusterSize), true), nothing);
  await image.engine.run((core) => core.openTables(file.size), nothing);
}

/**
 * Where the new table and its blocks go: behind all there is, the table first. They are counted themselves, which may
 * take more blocks, and those more again. `ranges`: what each block counts, in units of what one can.
 */
function placeCounts(
  image: Qcow2Image,
  used: ReadonlySet<number>,
  perBlock: number,
): { first: number; end: number; ranges: number[]; tableClusters: number } {
  const first = Math.ceil(image.file.size / image.clusterSize);
  const ranges = new Set(used);
  for (;;) {
    let last = Math.floor(first / perBlock);
    for (const range of ranges) last = Math.max(last, range);
    const tableClusters = Math.ceil(((last + 1) * 8) / image.clusterSize);
    if (tableClusters * image.clusterSize > TABLE_MAX)
      throw new UserError("The refcount table would become larger than 8 MiB", "EFBIG");
    const end = first + tableClusters + ranges.size;
    const before = ranges.size;
    for (let range = Math.floor(first / perBlock); range <= Math.floor((end - 1) / perBlock); range++)
      ranges.add(range);
    if (ranges.size === before)
      return { first, end, ranges: [...ranges].sort((a, b) => a - b), tableClusters };
  }
}
