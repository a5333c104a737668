// A sparse extent of a VMware disk: grains (64 KiB as a rule) found through a directory of grain tables, most often
// kept twice; or, "stream optimized", grains that are deflated one by one.
//
//   0x00 "KDMV", version, flags, u64 capacity, grain size, descriptor offset, its size       (all in sectors)
//   0x2c entries in a grain table, u64 second directory, directory, overhead, u8 unclean, u16 compression at 0x4d
import { UserError } from "../../core/errors.ts";
import { ClusterImage, type Place, type Run } from "./cluster-image.ts";
import { Deflater, frameZlib } from "../codecs/deflate.ts";
import type { ImageFile, NewFile } from "../driver.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import { Tables } from "./tables.ts";

const SECTOR = 512;
const HEADER_SIZE = 512;
const ENTRY = 4;
export const GRAIN_SECTORS = 128;
const TABLE_ENTRIES = 512;
const TABLE_SECTORS = (TABLE_ENTRIES * ENTRY) / SECTOR;
export const DESCRIPTOR_SECTORS = 20;

export const Flag = {
  newlineTest: 1,
  secondDirectory: 2,
  zeroedGrains: 4,
  compressed: 1 << 16,
  markers: 1 << 17,
} as const;
/** Directory offset of a file whose real header is its footer. */
const AT_END = 0xffff_ffff_ffff_ffffn;
/** From the end of the file: the footer's copy of the header, before the end-of-stream marker. */
const FOOTER_AT = 1024;
const ZEROED = 1;
/** Before a compressed grain: u64 sector on the disk, u32 bytes that follow. */
const MARKER = 12;

const KDMV = 0x4b444d56;
const COWD = 0x434f5744;

export interface SparseHeader {
  version: number;
  flags: number;
  /** Sectors from here on. */
  capacity: number;
  grain: number;
  descriptorAt: number;
  descriptorSize: number;
  tableEntries: number;
  secondDirectory: number;
  directory: number;
}

/** Undefined: the file is no sparse extent. */
export async function readSparseHeader(file: ImageFile): Promise<SparseHeader | undefined> {
  const header = new DataView(new ArrayBuffer(HEADER_SIZE));
  await file.read(new Uint8Array(header.buffer), 0);
  if (header.getUint32(0) === COWD) return parseCowd(header);
  if (header.getUint32(0) !== KDMV) return undefined;
  if (header.getBigUint64(0x38, true) === AT_END)
    await file.read(new Uint8Array(header.buffer), Math.max(0, file.size - FOOTER_AT));
  if (header.getUint32(0) !== KDMV) throw new UserError("The footer of the VMDK is missing", "EINVAL");
  return parseKdmv(header);
}

function parseKdmv(header: DataView): SparseHeader {
  const u32 = (at: number): number => header.getUint32(at, true);
  const u64 = (at: number): number => Number(header.getBigUint64(at, true));
  const flags = u32(8);
  if (u32(4) > 3) throw new UserError(`Unsupported VMDK version ${u32(4)}`, "ENOTSUP");
  if (flags & Flag.compressed && header.getUint16(0x4d, true) !== 1)
    throw new UserError("Unsupported compression of the VMDK's grains", "ENOTSUP");
  const parsed = {
    version: u32(4),
    flags,
    capacity: u64(0x0c),
    grain: u64(0x14),
    descriptorAt: u64(0x1c),
    descriptorSize: u64(0x24),
    tableEntries: u32(0x2c),
    secondDirectory: flags & Flag.secondDirectory ? u64(0x30) : 0,
    directory: u64(0x38),
  };
  requireSound(parsed);
  return parsed;
}

/** The sparse extent of ESX: its directory's tables have 4096 entries. */
function parseCowd(header: DataView): SparseHeader {
  const u32 = (at: number): number => header.getUint32(at, true);
  const parsed = {
    version: u32(4),
    flags: u32(8),
    capacity: u32(12),
    grain: u32(16),
    descriptorAt: 0,
    descriptorSize: 0,
    tableEntries: 4096,
    secondDirectory: 0,
    directory: u32(20),
  };
  parsed.flags &= ~(Flag.compressed | Flag.zeroedGrains);
  requireSound(parsed);
  return parsed;
}

function requireSound({ grain, tableEntries, capacity, directory }: SparseHeader): void {
  if (tableEntries > 4096) throw new UserError("L2 table size too big", "EINVAL");
  // Counted in 32 bits, as others do: a grain size that overflows them is refused in the same words as none.
  if ((tableEntries * grain) % 2 ** 32 === 0) throw new UserError("L1 entry size is invalid", "EINVAL");
  if (grain > 0x200000) throw new UserError("Invalid granularity, image may be corrupt", "EFBIG");
  if (capacity / grain / tableEntries > 2 ** 27) throw new UserError("L1 size too big", "EFBIG");
  if (!Number.isSafeInteger(capacity * SECTOR) || directory > 2 ** 53)
    throw new UserError("VMDK image is too large", "EFBIG");
}

export class SparseExtent extends ClusterImage {
  readonly format = "vmdk";
  /** Grain tables before directories: the order in which they may be written. */
  private readonly grains: Tables;
  private readonly directories: Tables;
  private deflater: Promise<Deflater> | undefined;
  /** What the disk shows where this extent has nothing, at an offset in the extent. */
  below: ((into: Uint8Array, offset: number) => Promise<void>) | undefined;

  constructor(
    name: string,
    file: ImageFile,
    readOnly: boolean,
    private readonly header: SparseHeader,
    private readonly runtime: Runtime,
  ) {
    super(name, file, readOnly, header.capacity * SECTOR, header.grain * SECTOR);
    this.grains = new Tables(file, () => this.settle());
    this.directories = new Tables(file, () => this.settle());
    if (!readOnly && header.directory * SECTOR >= file.size)
      throw new UserError("The VMDK's grain directory lies past the end of the file", "EINVAL");
  }

  get compressed(): boolean {
    return (this.header.flags & Flag.compressed) !== 0;
  }

  protected get tables(): readonly Tables[] {
    return [this.grains, this.directories];
  }

  protected override get mayHaveBacking(): boolean {
    return true;
  }

  protected async find(index: number, limit: number): Promise<Run> {
    const { tableEntries, grain } = this.header;
    const within = index % tableEntries;
    const most = Math.min(limit, tableEntries - within);
    const table = await this.tableAt(this.header.directory, index);
    if (table === 0) return { kind: "none", clusters: most, offset: 0 };
    const place = table * SECTOR + within * ENTRY;
    const { view, at, count } = await this.grains.entries(place, most, ENTRY);
    const first = view.getUint32(at, true);
    const isZero = first === ZEROED && (this.header.flags & Flag.zeroedGrains) !== 0;
    const step = first === 0 || isZero ? 0 : grain;
    let clusters = 1;
    if (!this.compressed || step === 0)
      for (; clusters < count; clusters++)
        if (view.getUint32(at + clusters * ENTRY, true) !== first + clusters * step) break;
    const kind = first === 0 ? "none" : isZero ? "zero" : this.compressed ? "packed" : "data";
    return { kind, clusters, offset: first * SECTOR };
  }

  /** A sector number; 0: there is no such table. */
  private async tableAt(directory: number, index: number): Promise<number> {
    const place = directory * SECTOR + Math.floor(index / this.header.tableEntries) * ENTRY;
    const { view, at } = await this.directories.entries(place, 1, ENTRY);
    return view.getUint32(at, true);
  }

  protected async assign(index: number, count: number, offset: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.setGrain(index + i, offset / SECTOR + i * this.header.grain);
  }

  protected override async assignZero(index: number, count: number): Promise<boolean> {
    if (!(this.header.flags & Flag.zeroedGrains) || this.compressed) return false;
    for (let i = 0; i < count; i++) await this.setGrain(index + i, ZEROED);
    return true;
  }

  private async setGrain(index: number, sector: number): Promise<void> {
    if (sector > 0xffffffff) throw new UserError("The VMDK extent would be longer than 2 TiB", "EFBIG");
    const { directory, secondDirectory, tableEntries } = this.header;
    for (const one of secondDirectory ? [directory, secondDirectory] : [directory]) {
      const table = (await this.tableAt(one, index)) || (await this.addTable(one, index));
      const place = table * SECTOR + (index % tableEntries) * ENTRY;
      await this.grains.alter(place, ENTRY, (view, at) => view.setUint32(at, sector, true));
    }
  }

  /** Others leave tables of holes away. */
  private async addTable(directory: number, index: number): Promise<number> {
    const offset = Math.ceil(this.end / SECTOR) * SECTOR;
    this.end = offset + this.header.tableEntries * ENTRY;
    await this.file.write!(new Uint8Array(this.header.tableEntries * ENTRY), offset);
    const place = directory * SECTOR + Math.floor(index / this.header.tableEntries) * ENTRY;
    await this.directories.alter(place, ENTRY, (view, at) => view.setUint32(at, offset / SECTOR, true));
    return offset / SECTOR;
  }

  /** Grains lie at any sector. */
  protected override reserve(count: number): Place {
    const offset = Math.ceil(this.end / SECTOR) * SECTOR;
    this.end = offset + count * this.unit;
    return { offset, count };
  }

  protected override async readBelow(into: Uint8Array, offset: number): Promise<void> {
    if (this.below) await this.below(into, offset);
    else into.fill(0);
  }

  protected override get showsBelow(): boolean {
    return this.below !== undefined;
  }

  protected override async readPacked(into: Uint8Array, run: Run, within: number): Promise<void> {
    const marker = new Uint8Array(MARKER);
    await this.file.read(marker, run.offset);
    const length = new DataView(marker.buffer).getUint32(8, true);
    const deflater = await (this.deflater ??= Deflater.start(this.runtime));
    const damaged = new UserError(
      `Cannot read the grain at 0x${run.offset.toString(16)} of '${this.name}': its compressed data is damaged`,
      "EIO",
    );
    // What does not shrink is stored, a little longer than it is.
    if (length > this.unit * 2 + SECTOR) throw damaged;
    const packed = new Uint8Array(length);
    await this.file.read(packed, run.offset + MARKER);
    const plain = deflater.inflateZlib(packed, this.unit);
    if (!plain) throw damaged;
    into.set(plain.subarray(within, within + into.length));
    into.fill(0, Math.max(0, plain.length - within));
  }

  /** Stores a whole grain, which has none yet; `packed`: its raw deflate stream, where it is known. */
  async writeGrain(offset: number, plain: Uint8Array, packed?: Uint8Array): Promise<void> {
    const isWhole =
      offset % this.unit === 0 && (plain.length === this.unit || offset + plain.length === this.size);
    if (!isWhole) throw new UserError("Invalid argument", "EINVAL");
    const whole = plain.length === this.unit ? plain : new Uint8Array(this.unit);
    if (whole !== plain) whole.set(plain);
    const deflater = await (this.deflater ??= Deflater.start(this.runtime));
    const stream = packed ? frameZlib(packed, whole) : deflater.deflateZlib(whole);
    await this.exclusively(offset, offset + plain.length, async () => {
      const index = offset / this.unit;
      const { kind } = await this.find(index, 1);
      if (kind !== "none")
        throw new UserError("Could not write to allocated cluster for streamOptimized", "EIO");
      const at = Math.ceil(this.end / SECTOR) * SECTOR;
      const record = new Uint8Array(Math.ceil((MARKER + stream.length) / SECTOR) * SECTOR);
      this.end = at + record.length;
      const view = new DataView(record.buffer);
      view.setBigUint64(0, BigInt(offset / SECTOR), true);
      view.setUint32(8, stream.length, true);
      record.set(stream, MARKER);
      await this.file.write!(record, at);
      await this.inTurn(() => this.setGrain(index, at / SECTOR));
    });
  }

  /** The first guest sector whose grain lies past the end of the file; undefined: none does. */
  async firstOutside(): Promise<number | undefined> {
    const grains = Math.ceil(this.size / this.unit);
    for (let index = 0; index < grains;) {
      const run = await this.find(index, grains - index);
      const last = run.offset + (run.kind === "data" ? (run.clusters - 1) * this.unit : 0);
      if ((run.kind === "data" || run.kind === "packed") && last >= this.file.size)
        return (
          (index + Math.max(0, Math.ceil((this.file.size - run.offset) / this.unit))) * this.header.grain
        );
      index += run.clusters;
    }
    return undefined;
  }
}

export interface SparseShape {
  size: number;
  version: number;
  flags: number;
}

/** An empty extent, every grain table in place. */
export async function createSparse(
  file: NewFile,
  { size, version, flags }: SparseShape,
  descriptor: string,
): Promise<void> {
  const capacity = size / SECTOR;
  const tables = Math.ceil(capacity / (GRAIN_SECTORS * TABLE_ENTRIES));
  const directorySectors = Math.ceil((tables * ENTRY) / SECTOR);
  const second = 1 + DESCRIPTOR_SECTORS;
  const first = second + directorySectors + tables * TABLE_SECTORS;
  const end = first + directorySectors + tables * TABLE_SECTORS;
  const overhead = Math.ceil(end / GRAIN_SECTORS) * GRAIN_SECTORS;

  const bytes = new Uint8Array(HEADER_SIZE);
  const header = new DataView(bytes.buffer);
  header.setUint32(0, KDMV);
  header.setUint32(4, version, true);
  header.setUint32(8, flags, true);
  const words = [capacity, GRAIN_SECTORS, descriptor ? 1 : 0, descriptor ? DESCRIPTOR_SECTORS : 0];
  for (const [index, value] of words.entries()) header.setBigUint64(0x0c + index * 8, BigInt(value), true);
  header.setUint32(0x2c, TABLE_ENTRIES, true);
  for (const [index, value] of [second, first, overhead].entries())
    header.setBigUint64(0x30 + index * 8, BigInt(value), true);
  // Line ends as they are, to tell a file that was copied as text.
  bytes.set([0x0a, 0x20, 0x0d, 0x0a], 0x49);
  header.setUint16(0x4d, flags & Flag.compressed ? 1 : 0, true);
  await file.write(bytes, 0);
  if (descriptor) await file.write(new TextEncoder().encode(descriptor), SECTOR);
  await file.resize(overhead * SECTOR);
  for (const directory of [second, first]) {
    const entries = new DataView(new ArrayBuffer(directorySectors * SECTOR));
    for (let table = 0; table < tables; table++)
      entries.setUint32(table * ENTRY, directory + directorySectors + table * TABLE_SECTORS, true);
    await file.write(new Uint8Array(entries.buffer), directory * SECTOR);
  }
}
