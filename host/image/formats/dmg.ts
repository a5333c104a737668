// Disk images of macOS (UDIF), read only: a trailer names a property list, or a resource fork, whose "blkx" tables say
// chunk by chunk where the disk's sectors are and how they are packed. Big-endian.
//
//   trailer 512  "koly", u64 data fork at 0x18, its length; resource fork at 0x28, 0x30; property list at 0xd8, 0xe0
//   table        "mish", u64 first sector at 8, u64 data offset at 0x18, chunks at 0xc8, from 0xcc on 40 bytes each:
//                type, comment, u64 sector in the table, u64 sectors, u64 offset, u64 length
import { UserError } from "../../core/errors.ts";
import { loadEngine } from "../../core/load.ts";
import { ClusterImage, type Run } from "./cluster-image.ts";
import { Deflater } from "../codecs/deflate.ts";
import type { Driver, ImageFile, OpenContext } from "../driver.ts";
import type { BlockExports } from "../qcow2/engine.ts";
import { bunzip2, unadc, unxz } from "../codecs/foreign-codecs.ts";
import type { Tables } from "./tables.ts";

const SECTOR = 512;
const TRAILER_SIZE = 512;
const CHUNKS_AT = 0xcc;
const CHUNK = 40;
/** Property lists and resource forks beyond this are no one's. */
const TABLES_MAX = 2 ** 24;
const CHUNK_SECTORS_MAX = 2 ** 17;
const CHUNK_LENGTH_MAX = 2 ** 26;

const Type = {
  zero: 0,
  raw: 1,
  ignored: 2,
  adc: 0x80000004,
  zlib: 0x80000005,
  bzip2: 0x80000006,
  lzfse: 0x80000007,
  lzma: 0x80000008,
  comment: 0x7ffffffe,
  end: 0xffffffff,
} as const;

type Unpack = (core: BlockExports, packed: Uint8Array, size: number) => Uint8Array | undefined;

/** By type; undefined: damage. */
const UNPACKERS: Readonly<Record<number, Unpack>> = {
  [Type.adc]: unadc,
  [Type.zlib]: (core, packed, size) => new Deflater(core).inflateZlib(packed, size),
  [Type.bzip2]: bunzip2,
  [Type.lzma]: unxz,
};

interface Chunk {
  type: number;
  /** On the disk. */
  sector: number;
  sectors: number;
  /** In the file. */
  offset: number;
  length: number;
}

class DmgImage extends ClusterImage {
  readonly format = "dmg";
  override readonly dirty = undefined;
  private unpacked: { offset: number; bytes: Uint8Array } | undefined;

  constructor(
    context: OpenContext,
    /** In order, none on another. */
    private readonly chunks: readonly Chunk[],
    private readonly core: BlockExports,
  ) {
    const last = chunks.at(-1);
    super(context.name, context.file, true, last ? (last.sector + last.sectors) * SECTOR : 0, SECTOR);
  }

  override get clusterSize(): undefined {
    return undefined;
  }

  protected get tables(): readonly Tables[] {
    return [];
  }

  /** The last chunk that begins at or before `sector`. */
  private indexAt(sector: number): number {
    let [low, high] = [0, this.chunks.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.chunks[middle]!.sector <= sector) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  protected async find(index: number, limit: number): Promise<Run> {
    const number = this.indexAt(index);
    const chunk = this.chunks[number];
    if (!chunk || index >= chunk.sector + chunk.sectors) {
      const next = this.chunks[number + 1]?.sector ?? Infinity;
      return { kind: "zero", clusters: Math.min(limit, next - index), offset: 0 };
    }
    const within = index - chunk.sector;
    const clusters = Math.min(limit, chunk.sectors - within);
    if (chunk.type === Type.zero || chunk.type === Type.ignored) return { kind: "zero", clusters, offset: 0 };
    if (chunk.type === Type.raw) return { kind: "data", clusters, offset: chunk.offset + within * SECTOR };
    return { kind: "packed", clusters, offset: index, length: number };
  }

  /** `run.offset` is the sector that is asked for, `run.length` the number of its chunk. */
  protected override async readPacked(into: Uint8Array, run: Run, within: number): Promise<void> {
    const chunk = this.chunks[run.length!]!;
    const at = (run.offset - chunk.sector) * SECTOR + within;
    let known = this.unpacked;
    if (known?.offset !== chunk.offset) {
      const packed = new Uint8Array(chunk.length);
      await this.file.read(packed, chunk.offset);
      known = { offset: chunk.offset, bytes: this.unpack(chunk, packed) };
      this.unpacked = known;
    }
    into.set(known.bytes.subarray(at, at + into.length));
  }

  private unpack(chunk: Chunk, packed: Uint8Array): Uint8Array {
    const unpack = UNPACKERS[chunk.type];
    if (!unpack)
      throw new UserError(`'${this.name}' has chunks packed by LZFSE, which is not supported`, "ENOTSUP");
    const size = chunk.sectors * SECTOR;
    const bytes = unpack(this.core, packed, size);
    if (bytes?.length !== size)
      throw new UserError(
        `Cannot read the chunk at 0x${chunk.offset.toString(16)}: its compressed data is damaged`,
        "EIO",
      );
    return bytes;
  }

  protected async assign(): Promise<void> {}
}

/** The tables of a property list: the `Data` of each entry of `blkx`. */
function tablesOfPropertyList(text: string): Uint8Array[] {
  const list = /<key>blkx<\/key>\s*<array>([\s\S]*?)<\/array>/.exec(text)?.[1] ?? "";
  return [...list.matchAll(/<key>Data<\/key>\s*<data>([^<]*)<\/data>/g)].map(([, data]) => {
    try {
      return Uint8Array.from(atob(data!.replace(/\s+/g, "")), (char) => char.charCodeAt(0));
    } catch {
      throw new UserError("The DMG image's property list is damaged", "EINVAL");
    }
  });
}

/** Of a resource fork: every resource that is such a table; the fork's first words say where resources begin and end. */
function tablesOfResources(fork: Uint8Array): Uint8Array[] {
  const view = new DataView(fork.buffer, fork.byteOffset, fork.byteLength);
  if (fork.length < 16) return [];
  const tables: Uint8Array[] = [];
  const end = Math.min(fork.length, view.getUint32(0) + view.getUint32(8));
  for (let at = view.getUint32(0); at + 8 <= end;) {
    const length = view.getUint32(at);
    const resource = fork.slice(at + 4, at + 4 + length);
    if (isTable(resource)) tables.push(resource);
    at += 4 + length;
  }
  return tables;
}

function isTable(bytes: Uint8Array): boolean {
  return bytes.length >= CHUNKS_AT && String.fromCharCode(...bytes.subarray(0, 4)) === "mish";
}

function parseTable(table: Uint8Array, dataFork: number): Chunk[] {
  if (!isTable(table)) return [];
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const u64 = (at: number): number => Number(view.getBigUint64(at));
  const first = u64(8);
  const base = dataFork + u64(0x18);
  const count = Math.min(view.getUint32(0xc8), Math.floor((table.length - CHUNKS_AT) / CHUNK));
  const chunks: Chunk[] = [];
  for (let index = 0; index < count; index++) {
    const at = CHUNKS_AT + index * CHUNK;
    const type = view.getUint32(at);
    if (type === Type.comment || type === Type.end || type === 0xfffffffe) continue;
    const chunk = {
      type,
      sector: first + u64(at + 8),
      sectors: u64(at + 16),
      offset: base + u64(at + 24),
      length: u64(at + 32),
    };
    if (chunk.sectors > 0) chunks.push(chunk);
  }
  return chunks;
}

function requireSound(chunks: readonly Chunk[], file: ImageFile): void {
  let end = 0;
  for (const { type, sector, sectors, offset, length } of chunks) {
    const isPacked = type !== Type.zero && type !== Type.ignored && type !== Type.raw;
    const damaged = (what: string): UserError =>
      new UserError(`The DMG image is damaged: the chunk at sector ${sector} ${what}`, "EINVAL");
    if (!Number.isSafeInteger((sector + sectors) * SECTOR)) throw damaged("lies past every disk's end");
    if (sector < end) throw damaged("lies on another");
    if (isPacked && type !== Type.lzfse && !UNPACKERS[type])
      throw damaged(`is packed in the unknown way 0x${type.toString(16)}`);
    if (isPacked && (sectors > CHUNK_SECTORS_MAX || length > CHUNK_LENGTH_MAX)) throw damaged("is too large");
    if (isPacked && offset + length > file.size) throw damaged("lies past the end of the file");
    end = sector + sectors;
  }
}

async function open(context: OpenContext): Promise<DmgImage> {
  if (!context.readOnly) throw new UserError("Image is read-only", "EACCES");
  const { file } = context;
  const bytes = new Uint8Array(TRAILER_SIZE);
  await file.read(bytes, Math.max(0, file.size - TRAILER_SIZE));
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== "koly")
    throw new UserError("Image not in DMG format: its trailer is missing", "EINVAL");
  const view = new DataView(bytes.buffer);
  const u64 = (at: number): number => Number(view.getBigUint64(at));
  const part = async (offset: number, length: number): Promise<Uint8Array> => {
    if (length > TABLES_MAX || offset + length > file.size)
      throw new UserError("The DMG image's tables lie outside of it", "EINVAL");
    const read = new Uint8Array(length);
    await file.read(read, offset);
    return read;
  };
  const tables = u64(0xe0)
    ? tablesOfPropertyList(new TextDecoder().decode(await part(u64(0xd8), u64(0xe0))))
    : tablesOfResources(await part(u64(0x28), u64(0x30)));
  const chunks = tables.flatMap((table) => parseTable(table, u64(0x18))).sort((a, b) => a.sector - b.sector);
  requireSound(chunks, file);
  return new DmgImage(context, chunks, await loadEngine<BlockExports>(context.runtime, "block.wasm"));
}

export const dmg: Driver = { open };
