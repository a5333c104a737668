// Parallels disks: a header, one table of clusters, the clusters. Little-endian.
//
//   0 magic (16), version 2, heads, cylinders, 0x1c sectors of a cluster, table entries, u64 sectors of the disk,
//   0x2c in use, 0x30 sector where data begins, flags, u64 extension
//
// The older magic's table counts sectors, the newer one's clusters.
import { UserError } from "../../core/errors.ts";
import { ClusterImage, type Run } from "./cluster-image.ts";
import type { CreateContext, Driver, OpenContext, Settings } from "../driver.ts";
import { SIZE_OPTION } from "../driver.ts";
import { type CheckResult, type Repair, nothingFound } from "../image.ts";
import { Tables } from "./tables.ts";

const OLD_MAGIC = "WithoutFreeSpace";
const NEW_MAGIC = "WithouFreSpacExt";
const HEADER_SIZE = 64;
const TABLE_AT = 64;
const ENTRY = 4;
const SECTOR = 512;
const IN_USE = 0x746f6e59;
const IN_USE_AT = 0x2c;
const CLUSTER_LIMIT = 2 ** 31;
/** Clusters of a disk, at most. */
const CLUSTERS_LIMIT = 2 ** 32;

interface Header {
  clusterSectors: number;
  entries: number;
  sectors: number;
  inUse: boolean;
  dataSector: number;
  /** Sectors that one step of a table's entry means. */
  step: number;
}

class ParallelsImage extends ClusterImage {
  readonly format = "parallels";
  /** Info says nothing of it. */
  override readonly dirty = undefined;
  private readonly table: Tables;

  constructor(
    context: OpenContext,
    private readonly header: Header,
  ) {
    super(
      context.name,
      context.file,
      context.readOnly,
      header.sectors * SECTOR,
      header.clusterSectors * SECTOR,
    );
    this.table = new Tables(context.file, () => this.settle());
  }

  override get clusterSize(): undefined {
    return undefined;
  }

  protected get tables(): readonly Tables[] {
    return [this.table];
  }

  protected override get mayHaveBacking(): boolean {
    return true;
  }

  protected async find(index: number, limit: number): Promise<Run> {
    const { view, at, count } = await this.table.entries(TABLE_AT + index * ENTRY, limit, ENTRY);
    const { step, clusterSectors } = this.header;
    const first = view.getUint32(at, true);
    const stride = first === 0 ? 0 : clusterSectors / step;
    let clusters = 1;
    while (clusters < count && view.getUint32(at + clusters * ENTRY, true) === first + clusters * stride)
      clusters++;
    return { kind: first === 0 ? "none" : "data", clusters, offset: first * step * SECTOR };
  }

  protected async assign(index: number, count: number, offset: number): Promise<void> {
    for (let i = 0; i < count; i++)
      await this.setEntry(index + i, (offset + i * this.unit) / SECTOR / this.header.step);
  }

  private async setEntry(index: number, value: number): Promise<void> {
    if (value > 0xffffffff) throw new UserError("The Parallels image would be too large", "EFBIG");
    await this.table.alter(TABLE_AT + index * ENTRY, ENTRY, (view, at) => view.setUint32(at, value, true));
  }

  /** From the first change on until it is closed, the image is marked as in use. */
  protected override async begin(): Promise<void> {
    await this.mark(true);
  }

  protected override async finish(): Promise<void> {
    await super.finish();
    if (this.header.inUse) await this.mark(false);
  }

  private async mark(inUse: boolean): Promise<void> {
    const bytes = new Uint8Array(4);
    if (inUse) new DataView(bytes.buffer).setUint32(0, IN_USE, true);
    this.header.inUse = inUse;
    await this.file.write!(bytes, IN_USE_AT);
    await this.file.flush!();
  }

  async check(repair: Repair, onFinding: (sentence: string) => void): Promise<CheckResult> {
    const result = { ...nothingFound(Math.ceil(this.size / this.unit)), imageEndOffset: 0 };
    const found = async (what: string, leaks: number, mend: () => Promise<void>): Promise<void> => {
      const mends = leaks ? repair !== "none" : repair === "all";
      onFinding(`${mends ? "Repairing" : "ERROR"} ${what}`);
      if (mends) await mend();
      if (leaks) result[mends ? "leaksFixed" : "leaks"] += leaks;
      else result[mends ? "corruptionsFixed" : "corruptions"]++;
    };
    if (this.header.inUse) await found("image was not closed correctly", 0, () => this.mark(false));
    let end = this.header.dataSector * SECTOR;
    let last = 0;
    for (let index = 0; index < result.totalClusters;) {
      const { kind, offset, clusters } = await this.find(index, result.totalClusters - index);
      for (let i = 0; kind === "data" && i < clusters; i++) {
        const place = offset + i * this.unit;
        const isOutside = place >= this.file.size;
        if (isOutside) {
          await found(`cluster ${index + i} is outside image`, 0, () => this.setEntry(index + i, 0));
          if (repair === "all") continue;
        }
        result.allocatedClusters++;
        end = Math.max(end, place + this.unit);
        if (last && last + this.unit !== place) result.fragmentedClusters++;
        last = isOutside ? 0 : place;
      }
      index += clusters;
    }
    if (repair === "all") await this.settle();
    result.imageEndOffset = end;
    const beyond = this.file.size - end;
    if (beyond > 0)
      await found(`space leaked at the end of the image ${beyond}`, Math.ceil(beyond / this.unit), () =>
        this.file.resize!(end),
      );
    this.end = this.file.size;
    return result;
  }
}

async function parseHeader({ file }: OpenContext): Promise<Header> {
  const bytes = new Uint8Array(HEADER_SIZE);
  await file.read(bytes, 0);
  const view = new DataView(bytes.buffer);
  const u32 = (at: number): number => view.getUint32(at, true);
  const magic = String.fromCharCode(...bytes.subarray(0, 16));
  if ((magic !== OLD_MAGIC && magic !== NEW_MAGIC) || u32(0x10) !== 2)
    throw new UserError("Image not in Parallels format", "EINVAL");
  const clusterSectors = u32(0x1c);
  if (clusterSectors === 0) throw new UserError("Invalid image: Zero sectors per track", "EINVAL");
  if (clusterSectors > Math.floor((2 ** 31 - 1) / 513))
    throw new UserError("Invalid image: Too big cluster", "EFBIG");
  const entries = u32(0x20);
  if (entries > (2 ** 31 - 1) / ENTRY) throw new UserError("Catalog too large", "EFBIG");
  if (TABLE_AT + entries * ENTRY > file.size)
    throw new UserError("The Parallels image's table lies past the end of the file", "EINVAL");
  const isOld = magic === OLD_MAGIC;
  const sectors = isOld ? u32(0x24) : Number(view.getBigUint64(0x24, true));
  if (sectors > entries * clusterSectors)
    throw new UserError("The Parallels image's disk is larger than its table", "EINVAL");
  const inUse = u32(IN_USE_AT) === IN_USE;
  const dataSector = u32(0x30) || Math.ceil((TABLE_AT + entries * ENTRY) / SECTOR);
  return { clusterSectors, entries, sectors, inUse, dataSector, step: isOld ? 1 : clusterSectors };
}

async function open(context: OpenContext): Promise<ParallelsImage> {
  const header = await parseHeader(context);
  if (header.inUse && !context.readOnly && !context.tolerant)
    throw new UserError("parallels: Image was not closed correctly; cannot be opened read/write", "EACCES");
  return new ParallelsImage(context, header);
}

function clusterSizeOf(size: number, settings: Settings): number {
  const clusterSize = Math.ceil(Number(settings["cluster_size"] ?? 2 ** 20) / SECTOR) * SECTOR;
  if (clusterSize >= CLUSTER_LIMIT) throw new UserError("Cluster size is too large", "EFBIG");
  if (size >= CLUSTERS_LIMIT * clusterSize)
    throw new UserError("Image size is too large for this cluster size", "E2BIG");
  return clusterSize;
}

async function create({ file, size, settings }: CreateContext): Promise<void> {
  const clusterSize = clusterSizeOf(size, settings);
  const entries = Math.ceil(size / clusterSize);
  const dataAt = Math.ceil((TABLE_AT + entries * ENTRY) / clusterSize) * clusterSize;
  const heads = 16;
  const bytes = new Uint8Array(HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(NEW_MAGIC));
  view.setUint32(0x10, 2, true);
  view.setUint32(0x14, heads, true);
  view.setUint32(0x18, Math.floor(size / SECTOR / heads / 32), true);
  view.setUint32(0x1c, clusterSize / SECTOR, true);
  view.setUint32(0x20, entries, true);
  view.setBigUint64(0x24, BigInt(size / SECTOR), true);
  view.setUint32(0x30, dataAt / SECTOR, true);
  await file.write(bytes, 0);
  await file.resize(dataAt);
}

export const parallels: Driver = {
  open,
  create,
  checkOptions: (size, settings) => void clusterSizeOf(size, settings),
  options: [
    SIZE_OPTION,
    { name: "cluster_size", type: "size", help: "Parallels image cluster size", otherwise: "1048576" },
  ],
};
