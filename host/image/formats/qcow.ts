// qcow, version 1: L1 table, L2 tables, clusters, no counts of references. Big-endian.
//
//   0 "QFI\xfb", version 1, u64 backing name's offset, its length, time, u64 size,
//   0x20 u8 cluster bits, u8 L2 bits, u16, encryption method, u64 L1 offset
//
// An L2 entry is an offset; or with bit 63 that of a deflated cluster, its length in the bits above the offset's.
import { UserError } from "../../core/errors.ts";
import { ClusterImage, type Run } from "./cluster-image.ts";
import { Deflater } from "../codecs/deflate.ts";
import type { CreateContext, Driver, OpenContext } from "../driver.ts";
import { SIZE_OPTION } from "../driver.ts";
import type { PackedCluster } from "../codecs/packed-writes.ts";
import { passphraseOf } from "../encryption/encryption.ts";
import { startCryptoEngine } from "../encryption/luks-keys.ts";
import { CRYPT_METHODS, OLD_ENCRYPTION_OPTIONS, oldCipher, qcow2Encryption } from "../qcow2/encryption.ts";
import type { SectorCipher } from "../encryption/sector-cipher.ts";
import { Tables } from "./tables.ts";

const MAGIC = 0x514649fb;
const HEADER_SIZE = 48;
const ENTRY = 8;
const SECTOR = 512;
const NAME_MAX = 1023;
const PACKED = 1n << 63n;
const L1_ENTRIES_MAX = 2 ** 28;

interface Header {
  backingName: string | undefined;
  size: number;
  clusterBits: number;
  l2Bits: number;
  encrypted: boolean;
  l1Offset: number;
}

class QcowImage extends ClusterImage {
  readonly format = "qcow";
  readonly writePacked?: (clusters: readonly PackedCluster[]) => Promise<void>;
  readonly empty?: () => Promise<void>;
  private readonly l1: Tables;
  private readonly l2: Tables;
  private readonly entries: number;
  private deflater: Promise<Deflater> | undefined;
  /** The packed cluster that was read last: small reads of one come in rows. */
  private unpacked: { offset: number; bytes: Uint8Array } | undefined;

  constructor(
    private readonly context: OpenContext,
    private readonly header: Header,
    /** Undefined where nothing is encrypted, or is only looked at from outside. */
    private readonly cipher: SectorCipher | undefined,
  ) {
    super(context.name, context.file, context.readOnly, header.size, 2 ** header.clusterBits);
    this.l1 = new Tables(context.file, () => this.settle());
    this.l2 = new Tables(context.file, () => this.settle());
    this.entries = 2 ** header.l2Bits;
    if (context.readOnly) return;
    this.writePacked = async (clusters) => {
      for (const { packed, offset } of clusters) await this.storePacked(packed, offset);
    };
    this.empty = () => this.dropAll();
  }

  get backingName(): string | undefined {
    return this.header.backingName;
  }

  override get encrypted(): boolean {
    return this.header.encrypted;
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
    const { view, at, count } = await this.l2.entries(table + within * ENTRY, most, ENTRY);
    const entry = (i: number): bigint => view.getBigUint64(at + i * ENTRY);
    const first = entry(0);
    if (first & PACKED) {
      const bits = BigInt(63 - this.header.clusterBits);
      const offset = Number(first & ((1n << bits) - 1n));
      const length = Number((first >> bits) & BigInt(this.unit - 1));
      return { kind: "packed", clusters: 1, offset, length };
    }
    const offset = Number(first);
    if (!Number.isSafeInteger(offset))
      throw new UserError(`'${this.name}' is damaged: cluster ${index} lies past every file's end`, "EIO");
    const step = first === 0n ? 0n : BigInt(this.unit);
    let clusters = 1;
    while (clusters < count && entry(clusters) === first + BigInt(clusters) * step) clusters++;
    return { kind: first === 0n ? "none" : "data", clusters, offset };
  }

  protected override readData(into: Uint8Array, place: number, guest: number): Promise<void> {
    if (!this.encrypted) return super.readData(into, place, guest);
    return this.requireKey().read(this.file, into, place, guest);
  }

  protected override writeData(from: Uint8Array, place: number, guest: number): Promise<void> {
    if (!this.encrypted) return super.writeData(from, place, guest);
    return this.requireKey().write(this.file, from, place, guest);
  }

  private requireKey(): SectorCipher {
    if (!this.cipher) throw new UserError("The image is open without its key", "EACCES");
    return this.cipher;
  }

  private async tableOf(index: number): Promise<number> {
    const place = this.header.l1Offset + Math.floor(index / this.entries) * ENTRY;
    const { view, at } = await this.l1.entries(place, 1, ENTRY);
    const table = Number(view.getBigUint64(at));
    if (table % ENTRY || !Number.isSafeInteger(table))
      throw new UserError(`'${this.name}' is damaged: no table can be at 0x${table.toString(16)}`, "EIO");
    return table;
  }

  protected async assign(index: number, count: number, offset: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.setEntry(index + i, BigInt(offset + i * this.unit));
  }

  private async setEntry(index: number, value: bigint): Promise<void> {
    const table = (await this.tableOf(index)) || (await this.addTable(index));
    await this.l2.alter(table + (index % this.entries) * ENTRY, ENTRY, (view, at) =>
      view.setBigUint64(at, value),
    );
  }

  private async addTable(index: number): Promise<number> {
    const { offset } = this.reserve(Math.ceil((this.entries * ENTRY) / this.unit));
    await this.file.write!(new Uint8Array(1), offset + this.entries * ENTRY - 1);
    const place = this.header.l1Offset + Math.floor(index / this.entries) * ENTRY;
    await this.l1.alter(place, ENTRY, (view, at) => view.setBigUint64(at, BigInt(offset)));
    return offset;
  }

  private async storePacked(packed: Uint8Array, offset: number): Promise<void> {
    if (this.encrypted)
      throw new UserError("Compression and encryption not supported at the same time", "ENOTSUP");
    await this.exclusively(offset, offset + this.unit, async () => {
      const at = this.end;
      this.end += packed.length;
      await this.file.write!(packed, at);
      const length = BigInt(packed.length) << BigInt(63 - this.header.clusterBits);
      await this.inTurn(() => this.setEntry(offset / this.unit, PACKED | length | BigInt(at)));
    });
  }

  protected override async readPacked(into: Uint8Array, run: Run, within: number): Promise<void> {
    if (this.unpacked?.offset !== run.offset) {
      const packed = new Uint8Array(run.length!);
      await this.file.read(packed, run.offset);
      const deflater = await (this.deflater ??= Deflater.start(this.context.runtime));
      const bytes = deflater.inflate(packed, this.unit);
      if (bytes?.length !== this.unit)
        throw new UserError(
          `Cannot read the cluster at 0x${run.offset.toString(16)}: its compressed data is damaged`,
          "EIO",
        );
      this.unpacked = { offset: run.offset, bytes };
      return into.set(bytes.subarray(within, within + into.length));
    }
    into.set(this.unpacked.bytes.subarray(within, within + into.length));
  }

  private async dropAll(): Promise<void> {
    await this.exclusively(0, this.size, async () => {
      const total = Math.ceil(this.size / this.unit / this.entries);
      for (let entry = 0; entry < total; entry++)
        await this.l1.alter(this.header.l1Offset + entry * ENTRY, ENTRY, (view, at) =>
          view.setBigUint64(at, 0n),
        );
      await this.settle();
      this.end = this.header.l1Offset + total * ENTRY;
      this.l2.forget();
      this.unpacked = undefined;
      await this.file.resize!(this.end);
    });
  }
}

async function parseHeader({ file }: OpenContext): Promise<Header> {
  const bytes = new Uint8Array(HEADER_SIZE);
  await file.read(bytes, 0);
  const view = new DataView(bytes.buffer);
  if (view.getUint32(0) !== MAGIC) throw new UserError("Image not in qcow format", "EINVAL");
  if (view.getUint32(4) !== 1)
    throw new UserError(`qcow (v${view.getUint32(4)}) does not support qcow version`, "ENOTSUP");
  const [clusterBits, l2Bits] = [view.getUint8(0x20), view.getUint8(0x21)];
  const size = view.getBigUint64(0x18);
  if (size <= 1n) throw new UserError("Image size is too small (must be at least 2 bytes)", "EINVAL");
  if (clusterBits < 9 || clusterBits > 16)
    throw new UserError("Cluster size must be between 512 and 64k", "EINVAL");
  if (l2Bits < 6 || l2Bits > 13) throw new UserError("L2 table size must be between 512 and 64k", "EINVAL");
  const method = view.getUint32(0x24);
  if (method > CRYPT_METHODS.aes) throw new UserError(`Unsupported encryption method ${method}`, "ENOTSUP");
  const l1Entries = size >> BigInt(clusterBits + l2Bits);
  if (size >= 1n << 62n || l1Entries >= BigInt(L1_ENTRIES_MAX) || size > Number.MAX_SAFE_INTEGER)
    throw new UserError("Image too large", "EINVAL");
  const l1Offset = Number(view.getBigUint64(0x28));
  if (l1Offset % ENTRY || !Number.isSafeInteger(l1Offset))
    throw new UserError("The qcow image's L1 table is not where one can be", "EINVAL");
  const [nameAt, nameLength] = [Number(view.getBigUint64(8)), view.getUint32(0x10)];
  let backingName: string | undefined;
  if (nameAt) {
    if (nameLength > NAME_MAX || nameLength > 2 ** clusterBits || !Number.isSafeInteger(nameAt))
      throw new UserError("Backing file name too long", "EINVAL");
    const name = new Uint8Array(nameLength);
    await file.read(name, nameAt);
    backingName = new TextDecoder().decode(name);
  }
  const rounded = Math.ceil(Number(size) / SECTOR) * SECTOR;
  return {
    backingName,
    size: rounded,
    clusterBits,
    l2Bits,
    encrypted: method === CRYPT_METHODS.aes,
    l1Offset,
  };
}

async function open(context: OpenContext): Promise<QcowImage> {
  const header = await parseHeader(context);
  const format = context.options.take("encrypt.format");
  const secret = context.options.take("encrypt.key-secret");
  if (format !== undefined && format !== "aes")
    throw new UserError(`Header reported 'aes' encryption format but options specify '${format}'`, "EINVAL");
  if (!header.encrypted || !context.unlock) return new QcowImage(context, header, undefined);
  const passphrase = passphraseOf(context.secrets, secret, "encrypt.key-secret", context.passphrase);
  return new QcowImage(context, header, oldCipher(await startCryptoEngine(context.runtime), passphrase));
}

async function create({ file, size, backingFile, settings, secrets }: CreateContext): Promise<void> {
  if (settings["encrypt.format"] === "luks") throw new UserError("Unsupported encryption format", "EINVAL");
  const encryption = qcow2Encryption(settings, secrets);
  if (size === 0) throw new UserError("Image size is too small, cannot be zero length", "EINVAL");
  const name = new TextEncoder().encode(backingFile ?? "");
  if (name.length > NAME_MAX) throw new UserError("Backing file name too long", "EINVAL");
  // An overlay copies little at a time: small clusters, and as many of them in a table as make up for it.
  const [clusterBits, l2Bits] = backingFile === undefined ? [12, 9] : [9, 12];
  const l1Offset = Math.ceil((HEADER_SIZE + name.length) / ENTRY) * ENTRY;
  const bytes = new Uint8Array(l1Offset);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint32(4, 1);
  if (name.length) {
    view.setBigUint64(8, BigInt(HEADER_SIZE));
    view.setUint32(0x10, name.length);
    view.setUint32(0x14, Math.floor(Date.now() / 1000));
    bytes.set(name, HEADER_SIZE);
  }
  view.setBigUint64(0x18, BigInt(size));
  view.setUint8(0x20, clusterBits);
  view.setUint8(0x21, l2Bits);
  if (encryption) view.setUint32(0x24, CRYPT_METHODS[encryption.format]);
  view.setBigUint64(0x28, BigInt(l1Offset));
  await file.write(bytes, 0);
  await file.resize(l1Offset + Math.ceil(size / 2 ** (clusterBits + l2Bits)) * ENTRY);
}

export const qcow: Driver = {
  open,
  create,
  options: [
    SIZE_OPTION,
    { name: "backing_file", type: "str", help: "File name of a base image" },
    { name: "backing_fmt", type: "str", help: "Format of the backing image" },
    ...OLD_ENCRYPTION_OPTIONS,
  ],
};
