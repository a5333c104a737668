// VirtualBox disk images: a header, one map of 1 MiB blocks, the blocks in the order in which they came.
//
//   0x000 text (64)   0x040 signature, version, header size, type, flags, description (256)
//   0x154 map offset, data offset, geometry, sector size
//   0x170 u64 disk size, block size, extra, blocks, blocks allocated, UUIDs: image, last snapshot, link, parent
import { UserError } from "../../core/errors.ts";
import { ClusterImage, type Place, type Run } from "./cluster-image.ts";
import { type CreateContext, type Driver, type OpenContext, SIZE_OPTION } from "../driver.ts";
import { type CheckResult, nothingFound, type Repair } from "../image.ts";
import { Tables } from "./tables.ts";

const TEXT = "<<< QEMU VM Virtual Disk Image >>>\n";
const SIGNATURE = 0xbeda107f;
const VERSION = 0x00010001;
const HEADER_SIZE = 512;
const SECTOR = 512;
const BLOCK = 2 ** 20;
const BLOCKS_MAX = 0x1fffff80;
const SIZE_MAX = BLOCKS_MAX * BLOCK;

const Type = { dynamic: 1, fixed: 2 } as const;

/** Map entries from here on are no places: unallocated, or given back by the guest. */
const DISCARDED = 0xfffffffe;
const UNALLOCATED = 0xffffffff;
const ENTRY = 4;

const Field = {
  signature: 0x40,
  version: 0x44,
  headerSize: 0x48,
  type: 0x4c,
  mapOffset: 0x154,
  dataOffset: 0x158,
  sectorSize: 0x168,
  diskSize: 0x170,
  blockSize: 0x178,
  blocks: 0x180,
  allocated: 0x184,
  uuid: 0x188,
  snapshotUuid: 0x198,
  linkUuid: 0x1a8,
  parentUuid: 0x1b8,
} as const;

const unsupported = (why: string): UserError => new UserError(`unsupported VDI image (${why})`, "ENOTSUP");
const hex = (value: number | bigint): string => value.toString(16);

class VdiImage extends ClusterImage {
  readonly format = "vdi";
  private readonly map: Tables;
  private readonly mapOffset: number;
  private readonly dataOffset: number;
  private readonly blocks: number;
  private allocatedBlocks: number;

  constructor(context: OpenContext, header: DataView) {
    const size = Number(header.getBigUint64(Field.diskSize, true));
    super(context.name, context.file, context.readOnly, Math.ceil(size / SECTOR) * SECTOR, BLOCK);
    this.mapOffset = header.getUint32(Field.mapOffset, true);
    this.dataOffset = header.getUint32(Field.dataOffset, true);
    this.blocks = header.getUint32(Field.blocks, true);
    this.allocatedBlocks = header.getUint32(Field.allocated, true);
    this.map = new Tables(context.file, () => this.settle());
    const used = Math.ceil((context.file.size - this.dataOffset) / BLOCK);
    if (used < 0 && !context.readOnly)
      throw new UserError("The VDI image's blocks begin past the end of the file", "EINVAL");
    // Counted in the file, not as the header says: a damaged one must not lead the next block astray.
    this.end = this.dataOffset + used * BLOCK;
  }

  protected get tables(): readonly Tables[] {
    return [this.map];
  }

  protected async find(index: number, limit: number): Promise<Run> {
    const { view, at, count } = await this.map.entries(this.mapOffset + index * ENTRY, limit, ENTRY);
    const first = view.getUint32(at, true);
    const isPlace = first < DISCARDED;
    let clusters = 1;
    for (; clusters < count; clusters++) {
      const entry = view.getUint32(at + clusters * ENTRY, true);
      if (isPlace ? entry !== first + clusters : entry < DISCARDED) break;
    }
    if (!isPlace) return { kind: "zero", clusters, offset: 0 };
    return { kind: "data", clusters, offset: this.dataOffset + first * BLOCK };
  }

  /** Blocks are counted from where data begins, which need not be a multiple of their size. */
  protected override reserve(count: number): Place {
    const offset = this.end;
    this.end += count * BLOCK;
    return { offset, count };
  }

  protected async assign(index: number, count: number, offset: number): Promise<void> {
    const block = (offset - this.dataOffset) / BLOCK;
    for (let i = 0; i < count; i++)
      await this.map.alter(this.mapOffset + (index + i) * ENTRY, ENTRY, (view, at) =>
        view.setUint32(at, block + i, true),
      );
    this.allocatedBlocks += count;
  }

  protected override async storeTables(): Promise<void> {
    const count = new Uint8Array(4);
    new DataView(count.buffer).setUint32(0, this.allocatedBlocks, true);
    await super.storeTables();
    await this.file.write!(count, Field.allocated);
    await this.file.flush!();
  }

  async check(repair: Repair, onFinding: (sentence: string) => void): Promise<CheckResult> {
    if (repair !== "none") throw new UserError("This image format does not support checks", "ENOTSUP");
    const used = new Set<number>();
    let allocated = 0;
    let corruptions = 0;
    const found = (sentence: string): void => {
      corruptions++;
      onFinding(`ERROR: ${sentence}`);
    };
    for (let index = 0; index < this.blocks;) {
      const { view, at, count } = await this.map.entries(
        this.mapOffset + index * ENTRY,
        this.blocks - index,
        ENTRY,
      );
      for (let i = 0; i < count; i++, index++) {
        const block = view.getUint32(at + i * ENTRY, true);
        if (block >= DISCARDED) continue;
        if (block >= this.blocks) {
          found(`block index ${index} too large, is ${block}`);
          continue;
        }
        if (used.has(block)) found(`block index ${block} also used by ${block}`);
        used.add(block);
        allocated++;
      }
      // What a file of this length cannot hold, its map cannot name truthfully: the list of findings ends.
      if (this.mapOffset + index * ENTRY > this.file.size) break;
    }
    if (allocated !== this.allocatedBlocks)
      found(`allocated blocks mismatch, is ${allocated}, should be ${this.allocatedBlocks}`);
    return { ...nothingFound(), corruptions };
  }
}

function isNull(header: DataView, at: number): boolean {
  return header.getBigUint64(at) === 0n && header.getBigUint64(at + 8) === 0n;
}

function requireReadable(header: DataView): void {
  const u32 = (at: number): number => header.getUint32(at, true);
  const size = header.getBigUint64(Field.diskSize, true);
  if (u32(Field.signature) !== SIGNATURE)
    throw new UserError(`Image not in VDI format (bad signature ${hex(u32(Field.signature))})`, "EINVAL");
  if (size > SIZE_MAX)
    throw new UserError(
      `Unsupported VDI image size (size is 0x${hex(size)}, max supported is 0x${hex(SIZE_MAX)})`,
      "ENOTSUP",
    );
  const version = u32(Field.version);
  if (version !== VERSION) throw unsupported(`version ${version >>> 16}.${version & 0xffff}`);
  if (u32(Field.mapOffset) % SECTOR)
    throw unsupported(`unaligned block map offset 0x${hex(u32(Field.mapOffset))}`);
  if (u32(Field.dataOffset) % SECTOR)
    throw unsupported(`unaligned data offset 0x${hex(u32(Field.dataOffset))}`);
  if (u32(Field.sectorSize) !== SECTOR)
    throw unsupported(`sector size ${u32(Field.sectorSize)} is not ${SECTOR}`);
  if (u32(Field.blockSize) !== BLOCK) throw unsupported(`block size ${u32(Field.blockSize)} is not ${BLOCK}`);
  if (u32(Field.blocks) > BLOCKS_MAX)
    throw unsupported(`too many blocks ${u32(Field.blocks)}, max is ${BLOCKS_MAX}`);
  const room = BigInt(u32(Field.blocks)) * BigInt(BLOCK);
  if (size > room) throw unsupported(`disk size ${size}, image bitmap has room for ${room}`);
  if (!isNull(header, Field.linkUuid)) throw unsupported("non-NULL link UUID");
  if (!isNull(header, Field.parentUuid)) throw unsupported("non-NULL parent UUID");
}

async function open(context: OpenContext): Promise<VdiImage> {
  const header = new DataView(new ArrayBuffer(HEADER_SIZE));
  await context.file.read(new Uint8Array(header.buffer), 0);
  requireReadable(header);
  return new VdiImage(context, header);
}

function checkOptions(size: number): void {
  if (size > SIZE_MAX)
    throw new UserError(
      `Unsupported VDI image size (size is 0x${hex(size)}, max supported is 0x${hex(SIZE_MAX)})`,
      "ENOTSUP",
    );
}

async function create({ file, size, settings }: CreateContext): Promise<void> {
  checkOptions(size);
  const fixed = settings["static"] === true;
  const blocks = Math.ceil(size / BLOCK);
  const mapOffset = HEADER_SIZE;
  const dataOffset = mapOffset + Math.ceil((blocks * ENTRY) / SECTOR) * SECTOR;
  const bytes = new Uint8Array(HEADER_SIZE);
  const header = new DataView(bytes.buffer);
  const u32 = (at: number, value: number): void => header.setUint32(at, value, true);
  bytes.set(new TextEncoder().encode(TEXT));
  u32(Field.signature, SIGNATURE);
  u32(Field.version, VERSION);
  u32(Field.headerSize, 0x180);
  u32(Field.type, fixed ? Type.fixed : Type.dynamic);
  u32(Field.mapOffset, mapOffset);
  u32(Field.dataOffset, dataOffset);
  u32(Field.sectorSize, SECTOR);
  header.setBigUint64(Field.diskSize, BigInt(size), true);
  u32(Field.blockSize, BLOCK);
  u32(Field.blocks, blocks);
  u32(Field.allocated, fixed ? blocks : 0);
  crypto.getRandomValues(bytes.subarray(Field.uuid, Field.linkUuid));
  await file.write(bytes, 0);
  for (let first = 0; first < blocks; first += BLOCK / ENTRY) {
    const entries = new DataView(new ArrayBuffer(Math.min(BLOCK, dataOffset - mapOffset - first * ENTRY)));
    for (let i = 0; i < entries.byteLength / ENTRY && first + i < blocks; i++)
      entries.setUint32(i * ENTRY, fixed ? first + i : UNALLOCATED, true);
    await file.write(new Uint8Array(entries.buffer), mapOffset + first * ENTRY);
  }
  if (fixed) await file.resize(dataOffset + blocks * BLOCK);
}

export const vdi: Driver = {
  open,
  create,
  checkOptions,
  options: [
    SIZE_OPTION,
    { name: "static", type: "bool", help: "VDI static (pre-allocated) image", otherwise: "off" },
  ],
};
