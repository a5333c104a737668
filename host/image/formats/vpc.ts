// Virtual PC disks (VHD). All big-endian. A footer at the end says what the disk is; a dynamic disk has a copy of it at
// the start, then a header, a table of blocks, and the blocks, each behind a bitmap of its sectors.
//
//   footer 512   "conectix", features, version, u64 data offset, seconds since 2000, creator at 0x1c, its version, host
//                u64 first size at 0x28, u64 current size, geometry at 0x38, type, checksum, UUID, saved state
//   header 1024  "cxsparse", u64, u64 table offset at 0x10, version, entries, block size, checksum, parent …
import { UserError } from "../../core/errors.ts";
import { ClusterImage, type Place, type Run } from "./cluster-image.ts";
import type { CreateContext, Driver, ImageFile, OpenContext, Settings } from "../driver.ts";
import { SIZE_OPTION } from "../driver.ts";
import { Tables } from "./tables.ts";

const SECTOR = 512;
const FOOTER_SIZE = 512;
const HEADER_SIZE = 1024;
const HEADER_AT = 512;
const TABLE_AT = 1536;
const BLOCK = 2 ** 21;
const ENTRY = 4;
const UNUSED = 0xffffffff;
const ENTRIES_MAX = 2 ** 31 / ENTRY;
/** 2040 GiB: what the format's 32-bit sector numbers reach. */
const SECTORS_MAX = 0xff000000;
const SIZE_MAX = SECTORS_MAX * SECTOR;

const Type = { fixed: 2, dynamic: 3, differencing: 4 } as const;
/** Seconds from 1970 to 2000. */
const EPOCH = 946_684_800;

const TRUNCATED =
  "block-vpc: free_data_block_offset points after the end of file. The image has been truncated.";

interface Geometry {
  cylinders: number;
  heads: number;
  sectors: number;
}
const GEOMETRY_MAX: Geometry = { cylinders: 65535, heads: 16, sectors: 255 };

/** Creators whose current size is the disk's; with others it is what the geometry spans. */
const EXACT_CREATORS = ["win ", "d2v ", "qem2", "vs  ", "tap\0"];

const spanOf = ({ cylinders, heads, sectors }: Geometry): number => cylinders * heads * sectors;

/** The geometry that the format's description prescribes for a number of sectors (VHD specification, appendix). */
function geometryFor(wanted: number): Geometry {
  const total = Math.min(wanted, spanOf(GEOMETRY_MAX));
  const of = (heads: number, sectors: number): Geometry => ({
    cylinders: Math.floor(Math.floor(total / sectors) / heads),
    heads,
    sectors,
  });
  if (total >= 65535 * 16 * 63) return of(16, 255);
  const tracks = Math.floor(total / 17);
  const heads = Math.max(4, Math.ceil(tracks / 1024));
  if (tracks < 1024 * heads && heads <= 16) return of(heads, 17);
  return Math.floor(total / 31) < 1024 * 16 ? of(16, 31) : of(16, 63);
}

/** The smallest of those geometries that holds the disk; beyond the largest the disk has its exact size. */
function shapeFor(size: number): { geometry: Geometry; size: number } {
  const wanted = Math.ceil(size / SECTOR);
  for (let total = wanted; ; total++) {
    const geometry = geometryFor(total);
    if (spanOf(geometry) >= wanted) return { geometry, size: spanOf(geometry) * SECTOR };
    if (total >= spanOf(GEOMETRY_MAX)) return { geometry, size: wanted * SECTOR };
  }
}

/** Ones' complement of the sum of all bytes but the sum itself. */
function checksum(bytes: Uint8Array, at: number): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) if (i < at || i >= at + 4) sum += bytes[i]!;
  return ~sum >>> 0;
}

const Checksum = { footer: 0x40, header: 0x24 } as const;

function text(view: DataView, at: number, length: number): string {
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));
}

interface Footer {
  bytes: Uint8Array;
  type: number;
  size: number;
}

/** What `force_size_calc` says the disk's size is, whatever made the image. */
type SizeRule = "current_size" | "chs";

function parseFooter(bytes: Uint8Array, rule?: SizeRule): Footer {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (checksum(bytes, Checksum.footer) !== view.getUint32(Checksum.footer))
    throw new UserError("Incorrect header checksum", "EINVAL");
  const geometry = {
    cylinders: view.getUint16(0x38),
    heads: view.getUint8(0x3a),
    sectors: view.getUint8(0x3b),
  };
  const told = rule ? rule === "current_size" : EXACT_CREATORS.includes(text(view, 0x1c, 4));
  // The largest geometry says no more than that the disk is larger.
  const isExact = told || spanOf(geometry) >= spanOf(GEOMETRY_MAX);
  const current = Number(view.getBigUint64(0x30));
  const size = isExact ? Math.floor(current / SECTOR) * SECTOR : spanOf(geometry) * SECTOR;
  if (size > SIZE_MAX) throw new UserError("The VPC image is larger than 2040 GiB", "EFBIG");
  return { bytes, type: view.getUint32(0x3c), size };
}

class FixedVpc extends ClusterImage {
  readonly format = "vpc";

  constructor(context: OpenContext, { size }: Footer) {
    super(context.name, context.file, context.readOnly, size, SECTOR);
  }

  override get clusterSize(): undefined {
    return undefined;
  }

  protected get tables(): readonly Tables[] {
    return [];
  }

  protected async find(index: number, limit: number): Promise<Run> {
    return { kind: "data", clusters: limit, offset: index * SECTOR };
  }

  protected async assign(): Promise<void> {}
}

class DynamicVpc extends ClusterImage {
  readonly format = "vpc";
  private readonly table: Tables;
  private readonly bitmapSize: number;

  constructor(
    context: OpenContext,
    private readonly footer: Footer,
    private readonly tableAt: number,
    blockSize: number,
  ) {
    super(context.name, context.file, context.readOnly, footer.size, blockSize);
    this.table = new Tables(context.file, () => this.settle());
    this.bitmapSize = Math.ceil(blockSize / SECTOR / 8 / SECTOR) * SECTOR;
  }

  protected get tables(): readonly Tables[] {
    return [this.table];
  }

  /** Learns where the last block ends: a footer is behind it, which the next block takes the place of. */
  async measure(entries: number): Promise<void> {
    const { file } = this;
    let end = this.tableAt + Math.ceil((entries * ENTRY) / SECTOR) * SECTOR;
    for (let index = 0; index < entries;) {
      const { view, at, count } = await this.table.entries(
        this.tableAt + index * ENTRY,
        entries - index,
        ENTRY,
      );
      for (let i = 0; i < count; i++) {
        const sector = view.getUint32(at + i * ENTRY);
        if (sector !== UNUSED) end = Math.max(end, sector * SECTOR + this.bitmapSize + this.unit);
      }
      index += count;
    }
    if (end > file.size) throw new UserError(TRUNCATED, "EINVAL");
    const last = new Uint8Array(FOOTER_SIZE);
    await file.read(last, file.size - FOOTER_SIZE);
    const hasFooter = file.size - FOOTER_SIZE >= end && isFooter(last);
    this.end = hasFooter ? file.size - FOOTER_SIZE : Math.ceil(file.size / SECTOR) * SECTOR;
  }

  protected async find(index: number, limit: number): Promise<Run> {
    const { view, at, count } = await this.table.entries(this.tableAt + index * ENTRY, limit, ENTRY);
    const sector = view.getUint32(at);
    if (sector !== UNUSED) return { kind: "data", clusters: 1, offset: sector * SECTOR + this.bitmapSize };
    let clusters = 1;
    while (clusters < count && view.getUint32(at + clusters * ENTRY) === UNUSED) clusters++;
    return { kind: "zero", clusters, offset: 0 };
  }

  /** One block at a time: each has its bitmap before it. */
  protected override reserve(): Place {
    const offset = this.end + this.bitmapSize;
    this.end = offset + this.unit;
    return { offset, count: 1 };
  }

  /** Every sector counts as written: where a bit is clear, others would not read what lies there. */
  protected async assign(index: number, _count: number, offset: number): Promise<void> {
    const start = offset - this.bitmapSize;
    await this.file.write!(new Uint8Array(this.bitmapSize).fill(0xff), start);
    await this.table.alter(this.tableAt + index * ENTRY, ENTRY, (view, at) =>
      view.setUint32(at, start / SECTOR),
    );
  }

  protected override async storeTables(): Promise<void> {
    await this.file.write!(this.footer.bytes, this.end);
    await super.storeTables();
  }
}

function isFooter(bytes: Uint8Array): boolean {
  return text(new DataView(bytes.buffer, bytes.byteOffset), 0, 8) === "conectix";
}

async function readFooter(file: ImageFile, rule?: SizeRule): Promise<Footer> {
  const bytes = new Uint8Array(FOOTER_SIZE);
  await file.read(bytes, 0);
  if (isFooter(bytes)) return parseFooter(bytes, rule);
  if (file.size >= FOOTER_SIZE) await file.read(bytes, file.size - FOOTER_SIZE);
  if (!isFooter(bytes)) throw new UserError("invalid VPC image", "EINVAL");
  const footer = parseFooter(bytes, rule);
  if (footer.type !== Type.fixed) throw new UserError("invalid VPC image", "EINVAL");
  return footer;
}

async function open(context: OpenContext): Promise<ClusterImage> {
  const { file } = context;
  const rule = context.options.take("force_size_calc");
  if (rule !== undefined && rule !== "current_size" && rule !== "chs")
    throw new UserError(`Invalid size calculation mode: '${rule}'`, "EINVAL");
  const footer = await readFooter(file, rule);
  if (footer.type === Type.differencing)
    throw new UserError("VPC images that have a parent are not supported", "ENOTSUP");
  if (footer.type === Type.fixed) return new FixedVpc(context, footer);
  const headerAt = Number(new DataView(footer.bytes.buffer).getBigUint64(0x10));
  const bytes = new Uint8Array(HEADER_SIZE);
  if (headerAt < file.size) await file.read(bytes, headerAt);
  const header = new DataView(bytes.buffer);
  if (text(header, 0, 8) !== "cxsparse") throw new UserError("Invalid header magic", "EINVAL");
  const blockSize = header.getUint32(0x20);
  const entries = header.getUint32(0x1c);
  if (blockSize < SECTOR || (blockSize & (blockSize - 1)) !== 0)
    throw new UserError(`Invalid block size ${blockSize}`, "EINVAL");
  if (entries > ENTRIES_MAX) throw new UserError(`Max Table Entries too large (${entries | 0})`, "EINVAL");
  if (entries * blockSize < footer.size) throw new UserError("Page table too small", "EINVAL");
  const tableAt = Number(header.getBigUint64(0x10));
  if (tableAt + entries * ENTRY > file.size || tableAt % SECTOR) throw new UserError(TRUNCATED, "EINVAL");
  const image = new DynamicVpc(context, footer, tableAt, blockSize);
  await image.measure(entries);
  return image;
}

function layFooter(type: number, size: number, exact: boolean, geometry: Geometry): Uint8Array {
  const bytes = new Uint8Array(FOOTER_SIZE);
  const view = new DataView(bytes.buffer);
  const put = (at: number, word: string): void => bytes.set(new TextEncoder().encode(word), at);
  put(0, "conectix");
  view.setUint32(0x08, 2);
  view.setUint32(0x0c, 0x00010000);
  view.setBigUint64(0x10, type === Type.fixed ? 0xffff_ffff_ffff_ffffn : BigInt(HEADER_AT));
  view.setUint32(0x18, Math.floor(Date.now() / 1000) - EPOCH);
  put(0x1c, exact ? "qem2" : "qemu");
  view.setUint32(0x20, 0x00050003);
  put(0x24, "Wi2k");
  view.setBigUint64(0x28, BigInt(size));
  view.setBigUint64(0x30, BigInt(size));
  view.setUint16(0x38, geometry.cylinders);
  bytes.set([geometry.heads, geometry.sectors], 0x3a);
  view.setUint32(0x3c, type);
  crypto.getRandomValues(bytes.subarray(0x44, 0x54));
  view.setUint32(Checksum.footer, checksum(bytes, Checksum.footer));
  return bytes;
}

function layHeader(entries: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode("cxsparse"));
  view.setBigUint64(0x08, 0xffff_ffff_ffff_ffffn);
  view.setBigUint64(0x10, BigInt(TABLE_AT));
  view.setUint32(0x18, 0x00010000);
  view.setUint32(0x1c, entries);
  view.setUint32(0x20, BLOCK);
  view.setUint32(Checksum.header, checksum(bytes, Checksum.header));
  return bytes;
}

function checkOptions(size: number, settings: Settings): void {
  const subformat = String(settings["subformat"] ?? "dynamic");
  if (subformat !== "dynamic" && subformat !== "fixed")
    throw new UserError(`Parameter 'subformat' does not accept value '${subformat}'`, "EINVAL");
  if (size > SIZE_MAX) throw new UserError("The image size is too large for file format 'vpc'", "EFBIG");
}

async function create({ file, size: wanted, settings }: CreateContext): Promise<void> {
  checkOptions(wanted, settings);
  const exact = settings["force_size"] === true;
  const { geometry, size } = exact
    ? { geometry: { cylinders: 0xffff, heads: 0x10, sectors: 0xff }, size: wanted }
    : shapeFor(wanted);
  if (settings["subformat"] === "fixed") {
    await file.resize(size + FOOTER_SIZE);
    return file.write(layFooter(Type.fixed, size, exact, geometry), size);
  }
  const footer = layFooter(Type.dynamic, size, exact, geometry);
  const entries = Math.ceil(size / BLOCK);
  const table = new Uint8Array(Math.ceil((entries * ENTRY) / SECTOR) * SECTOR).fill(0xff);
  await file.write(footer, 0);
  await file.write(layHeader(entries), HEADER_AT);
  await file.write(table, TABLE_AT);
  await file.write(footer, TABLE_AT + table.length);
}

export const vpc: Driver = {
  open,
  create,
  checkOptions,
  options: [
    SIZE_OPTION,
    {
      name: "subformat",
      type: "str",
      help: "Type of virtual hard disk format. Supported formats are {dynamic (default) | fixed} ",
    },
    {
      name: "force_size",
      type: "bool",
      help: "Force disk size calculation to use the actual size specified, rather than using the nearest CHS-based calculation",
    },
  ],
};
