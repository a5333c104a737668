// QED, an early rival of qcow2: a header, one L1 table, L2 tables, all of the same size, and clusters. Little-endian.
//
//   0 "QED\0", cluster size, table size and header size in clusters      0x10 u64 features, compatible, autoclear
//   0x28 u64 L1 offset, u64 disk size, backing name's offset, its length
import { UserError } from "../../core/errors.ts";
import { ClusterImage, type Run } from "./cluster-image.ts";
import type { CreateContext, Driver, OpenContext, Settings } from "../driver.ts";
import { SIZE_OPTION } from "../driver.ts";
import { type CheckResult, type Repair, nothingFound } from "../image.ts";
import { Tables } from "./tables.ts";
import { UsedClusters } from "./used-clusters.ts";

const ENTRY = 8;
const HEADER_SIZE = 64;
const SECTOR = 512;
const NAME_MAX = 1023;
const SIZE_LIMIT = 2 ** 46;
/** An L2 entry of this value: the cluster reads as zeros. */
const ZERO = 1;

const Feature = { backing: 1, needCheck: 2, backingIsRaw: 4 } as const;
const KNOWN_FEATURES = 7n;

interface Header {
  clusterSize: number;
  tableClusters: number;
  headerClusters: number;
  features: number;
  l1Offset: number;
  size: number;
  backingName: string | undefined;
}

class QedImage extends ClusterImage {
  readonly format = "qed";
  readonly resize?: (size: number) => Promise<void>;
  private readonly l1: Tables;
  private readonly l2: Tables;
  /** Entries of a table. */
  private readonly entries: number;

  constructor(
    context: OpenContext,
    private readonly header: Header,
  ) {
    super(context.name, context.file, context.readOnly, header.size, header.clusterSize);
    this.l1 = new Tables(context.file, () => this.settle());
    this.l2 = new Tables(context.file, () => this.settle());
    this.entries = (header.tableClusters * header.clusterSize) / ENTRY;
    if (!context.readOnly) this.resize = (size) => this.grow(size);
  }

  get backingName(): string | undefined {
    return this.header.backingName;
  }

  get backingFormat(): string | undefined {
    return this.header.backingName !== undefined && this.header.features & Feature.backingIsRaw
      ? "raw"
      : undefined;
  }

  protected get tables(): readonly Tables[] {
    return [this.l2, this.l1];
  }

  protected override get mayHaveBacking(): boolean {
    return true;
  }

  protected async find(index: number, limit: number): Promise<Run> {
    const within = index % this.entries;
    const most = Math.min(limit, this.entries - within);
    const table = await this.tableOf(index);
    if (table === 0) return { kind: "none", clusters: most, offset: 0 };
    this.requireValid(table, this.header.tableClusters, "L2 table");
    const { view, at, count } = await this.l2.entries(table + within * ENTRY, most, ENTRY);
    const entry = (i: number): number => Number(view.getBigUint64(at + i * ENTRY, true));
    const first = entry(0);
    const isPlace = first !== 0 && first !== ZERO;
    if (isPlace) this.requireValid(first, 1, "cluster");
    const step = isPlace ? this.unit : 0;
    let clusters = 1;
    while (clusters < count && entry(clusters) === first + clusters * step) clusters++;
    return { kind: isPlace ? "data" : first === ZERO ? "zero" : "none", clusters, offset: first };
  }

  private async tableOf(index: number): Promise<number> {
    const place = this.header.l1Offset + Math.floor(index / this.entries) * ENTRY;
    const { view, at } = await this.l1.entries(place, 1, ENTRY);
    return Number(view.getBigUint64(at, true));
  }

  private isValid(offset: number, clusters: number): boolean {
    const { headerClusters, clusterSize } = this.header;
    return (
      offset % clusterSize === 0 &&
      offset >= headerClusters * clusterSize &&
      offset + clusters * clusterSize <=
        Math.max(this.end, Math.ceil(this.file.size / clusterSize) * clusterSize)
    );
  }

  private requireValid(offset: number, clusters: number, what: string): void {
    if (!this.isValid(offset, clusters))
      throw new UserError(
        `'${this.name}' is damaged: it names a ${what} at 0x${offset.toString(16)}, where none can be`,
        "EINVAL",
      );
  }

  protected async assign(index: number, count: number, offset: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.setEntry(index + i, offset + i * this.unit);
  }

  protected override async assignZero(index: number, count: number): Promise<boolean> {
    for (let i = 0; i < count; i++) await this.setEntry(index + i, ZERO);
    return true;
  }

  private async setEntry(index: number, value: number): Promise<void> {
    const table = (await this.tableOf(index)) || (await this.addTable(index));
    await this.l2.alter(table + (index % this.entries) * ENTRY, ENTRY, (view, at) =>
      view.setBigUint64(at, BigInt(value), true),
    );
  }

  private async addTable(index: number): Promise<number> {
    const { offset } = this.reserve(this.header.tableClusters);
    const length = this.header.tableClusters * this.unit;
    await this.file.write!(new Uint8Array(1), offset + length - 1);
    const place = this.header.l1Offset + Math.floor(index / this.entries) * ENTRY;
    await this.l1.alter(place, ENTRY, (view, at) => view.setBigUint64(at, BigInt(offset), true));
    return offset;
  }

  /** From the first change on until it is closed, the image asks to be checked. */
  protected override async begin(): Promise<void> {
    await this.setFeatures(this.header.features | Feature.needCheck);
  }

  protected override async finish(): Promise<void> {
    await super.finish();
    if (this.header.features & Feature.needCheck)
      await this.setFeatures(this.header.features & ~Feature.needCheck);
  }

  /** What the first writer of an image that was not closed owes. */
  async recover(): Promise<void> {
    if (!(this.header.features & Feature.needCheck)) return;
    await this.check("all");
    await this.setFeatures(this.header.features & ~Feature.needCheck);
  }

  private async setFeatures(features: number): Promise<void> {
    this.header.features = features;
    await this.storeHeader();
  }

  private async storeHeader(): Promise<void> {
    await this.file.write!(layHeader(this.header), 0);
    await this.file.flush!();
  }

  private async grow(size: number): Promise<void> {
    if (size < this.size) throw new UserError("Shrinking images is currently not supported", "ENOTSUP");
    if (size % SECTOR || size > this.entries ** 2 * this.unit)
      throw new UserError("Invalid image size specified", "EINVAL");
    await this.settle();
    this.header.size = size;
    this.setSize(size);
    await this.storeHeader();
  }

  async setBacking(name: string | undefined, format: string | undefined): Promise<void> {
    const length = new TextEncoder().encode(name ?? "").length;
    if (length > NAME_MAX || HEADER_SIZE + length > this.header.headerClusters * this.unit)
      throw new UserError("Invalid argument", "EINVAL");
    await this.settle();
    this.header.backingName = name;
    this.header.features &= ~(Feature.backing | Feature.backingIsRaw);
    if (name !== undefined) this.header.features |= Feature.backing;
    if (name !== undefined && format === "raw") this.header.features |= Feature.backingIsRaw;
    await this.storeHeader();
  }

  async check(repair: Repair): Promise<CheckResult> {
    const { headerClusters, tableClusters, l1Offset } = this.header;
    const used = new UsedClusters(Math.ceil(this.file.size / this.unit));
    const result = nothingFound(Math.ceil(this.size / this.unit));
    /** False: the entry is not one. */
    const count = async (offset: number, clusters: number, clear: () => Promise<void>): Promise<boolean> => {
      if (this.isValid(offset, clusters)) {
        result.corruptions += used.add(offset / this.unit, clusters);
        return true;
      }
      if (repair === "all") {
        await clear();
        result.corruptionsFixed++;
      } else result.corruptions++;
      return false;
    };
    const clearing = (table: Tables, place: number) => (): Promise<void> =>
      table.alter(place, ENTRY, (view, at) => view.setBigUint64(at, 0n, true));

    used.add(0, headerClusters);
    result.corruptions += used.add(l1Offset / this.unit, tableClusters);
    let last = 0;
    const total = result.totalClusters;
    for (let first = 0; first < total; first += this.entries) {
      const table = await this.tableOf(first);
      const l1Place = l1Offset + (first / this.entries) * ENTRY;
      if (table === 0 || !(await count(table, tableClusters, clearing(this.l1, l1Place)))) continue;
      for (let index = 0; index < this.entries;) {
        const place = table + index * ENTRY;
        const entries = await this.l2.entries(place, this.entries - index, ENTRY);
        // The page may be gone once something is cleared.
        const offsets = Array.from({ length: Math.min(entries.count, 512) }, (_, i) =>
          Number(entries.view.getBigUint64(entries.at + i * ENTRY, true)),
        );
        for (const [i, offset] of offsets.entries()) {
          if (offset === 0 || offset === ZERO) continue;
          result.allocatedClusters++;
          if (last && last + this.unit !== offset) result.fragmentedClusters++;
          last = offset;
          await count(offset, 1, clearing(this.l2, place + i * ENTRY));
        }
        index += offsets.length;
      }
    }
    result.leaks = used.unused;
    if (repair !== "none") await this.settle();
    return result;
  }
}

function layHeader(header: Header): Uint8Array {
  const name = new TextEncoder().encode(header.backingName ?? "");
  const bytes = new Uint8Array(Math.ceil((HEADER_SIZE + NAME_MAX) / SECTOR) * SECTOR);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode("QED\0"));
  view.setUint32(0x04, header.clusterSize, true);
  view.setUint32(0x08, header.tableClusters, true);
  view.setUint32(0x0c, header.headerClusters, true);
  view.setBigUint64(0x10, BigInt(header.features), true);
  view.setBigUint64(0x28, BigInt(header.l1Offset), true);
  view.setBigUint64(0x30, BigInt(header.size), true);
  if (name.length) {
    view.setUint32(0x38, HEADER_SIZE, true);
    view.setUint32(0x3c, name.length, true);
    bytes.set(name, HEADER_SIZE);
  }
  return bytes.subarray(0, name.length ? bytes.length : HEADER_SIZE);
}

const isPowerOfTwo = (value: number): boolean => value > 0 && Number.isInteger(Math.log2(value));

async function parseHeader({ file }: OpenContext): Promise<Header> {
  const bytes = new Uint8Array(HEADER_SIZE);
  await file.read(bytes, 0);
  const view = new DataView(bytes.buffer);
  const u32 = (at: number): number => view.getUint32(at, true);
  const features = view.getBigUint64(0x10, true);
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== "QED\0")
    throw new UserError("Image not in QED format", "EINVAL");
  if (features & ~KNOWN_FEATURES)
    throw new UserError(`Unsupported QED features: ${(features & ~KNOWN_FEATURES).toString(16)}`, "ENOTSUP");
  const [clusterSize, tableClusters, headerClusters] = [u32(0x04), u32(0x08), u32(0x0c)];
  if (!isPowerOfTwo(clusterSize) || clusterSize < 4096 || clusterSize > 2 ** 26)
    throw new UserError("QED cluster size is invalid", "EINVAL");
  if (!isPowerOfTwo(tableClusters) || tableClusters > 16)
    throw new UserError("QED table size is invalid", "EINVAL");
  const l1Offset = Number(view.getBigUint64(0x28, true));
  const headerEnd = headerClusters * clusterSize;
  const fileEnd = Math.ceil(file.size / clusterSize) * clusterSize;
  if (l1Offset % clusterSize || l1Offset < headerEnd || l1Offset + tableClusters * clusterSize > fileEnd)
    throw new UserError("QED table offset is invalid", "EINVAL");
  const size = Number(view.getBigUint64(0x30, true));
  const entries = (tableClusters * clusterSize) / ENTRY;
  if (size % SECTOR || size > Math.min(SIZE_LIMIT, entries ** 2 * clusterSize))
    throw new UserError("QED image size is invalid", "EINVAL");
  let backingName: string | undefined;
  if (features & 1n) {
    const [at, length] = [u32(0x38), u32(0x3c)];
    if (length > NAME_MAX || at + length > headerEnd)
      throw new UserError("QED backing filename is invalid", "EINVAL");
    const name = new Uint8Array(length);
    await file.read(name, at);
    backingName = new TextDecoder().decode(name);
  }
  return {
    clusterSize,
    tableClusters,
    headerClusters,
    features: Number(features),
    l1Offset,
    size,
    backingName,
  };
}

async function open(context: OpenContext): Promise<QedImage> {
  const image = new QedImage(context, await parseHeader(context));
  if (!context.readOnly && !context.tolerant) await image.recover();
  return image;
}

function shapeOf(size: number, settings: Settings): { clusterSize: number; tableClusters: number } {
  const clusterSize = Number(settings["cluster_size"] ?? 65536);
  const tableClusters = Number(settings["table_size"] ?? 0) || 4;
  if (!isPowerOfTwo(clusterSize) || clusterSize < 4096 || clusterSize > 2 ** 26)
    throw new UserError("QED cluster size must be within range [4096, 67108864] and power of 2", "EINVAL");
  if (!isPowerOfTwo(tableClusters) || tableClusters > 16)
    throw new UserError("QED table size must be within range [1, 16] and power of 2", "EINVAL");
  const most = ((tableClusters * clusterSize) / ENTRY) ** 2 * clusterSize;
  if (size > Math.min(SIZE_LIMIT, most))
    throw new UserError(
      `QED image size must be a non-zero multiple of cluster size and less than ${most} bytes`,
      "EINVAL",
    );
  return { clusterSize, tableClusters };
}

async function create({ file, size, settings, backingFile, backingFormat }: CreateContext): Promise<void> {
  const { clusterSize, tableClusters } = shapeOf(size, settings);
  const isRaw = backingFile !== undefined && backingFormat === "raw";
  const features = (backingFile === undefined ? 0 : Feature.backing) | (isRaw ? Feature.backingIsRaw : 0);
  const l1Offset = clusterSize;
  const header = { clusterSize, tableClusters, headerClusters: 1, features, l1Offset, size };
  await file.write(layHeader({ ...header, backingName: backingFile }), 0);
  await file.resize(l1Offset + tableClusters * clusterSize);
}

export const qed: Driver = {
  open,
  create,
  checkOptions: (size, settings) => void shapeOf(size, settings),
  options: [
    SIZE_OPTION,
    { name: "backing_file", type: "str", help: "File name of a base image" },
    { name: "backing_fmt", type: "str", help: "Image format of the base image" },
    { name: "cluster_size", type: "size", help: "Cluster size (in bytes)", otherwise: "65536" },
    { name: "table_size", type: "size", help: "L1/L2 table size (in clusters)" },
  ],
};
