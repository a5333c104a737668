// FAT12, FAT16 and FAT32 with long names (Microsoft's FAT specification 1.03; long names: its chapter on them).
//
// A file is a chain of clusters through the allocation table; the root of FAT12 and FAT16 is a place of its own. A
// chain that is longer than there are clusters leads into itself.
import type { BlockSource } from "../block/source.ts";
import { type Entry, type FileNode, type FileSystem, isName, type Run } from "./file-system.ts";
import { Reader } from "./reader.ts";

const ENTRY = 32;
const END_OF_DIRECTORY = 0;
const FREE = 0xe5;
/** A first byte of 0xe5 is written so. */
const KANJI_E5 = 0x05;
/** A directory holds at most 65536 entries. */
const DIRECTORY_MAX = 65536 * ENTRY;

const Attribute = { readOnly: 0x01, volume: 0x08, directory: 0x10, longName: 0x0f } as const;
const LowerCase = { base: 0x08, extension: 0x10 } as const;

const LONG_LAST = 0x40;
/** Where in a long-name entry its 13 characters are. */
const LONG_CHARS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const;

/** Code page 437 from 0x80 on: what DOS and Linux take short names for. */
const CP437 =
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";

interface Geometry {
  /** Of an entry of the table, in bits; which of the three it is follows from the number of clusters alone. */
  bits: 12 | 16 | 32;
  tableAt: number;
  rootAt: number;
  rootSize: number;
  rootCluster: number;
  dataAt: number;
  clusterSize: number;
  clusters: number;
  label: string;
}

/** Undefined: no boot sector of FAT. */
function parseBoot(head: Uint8Array, size: number): Geometry | undefined {
  if (head.length < 512) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, 512);
  const u16 = (at: number): number => view.getUint16(at, true);
  const u32 = (at: number): number => view.getUint32(at, true);
  const [sector, perCluster, reserved, tables] = [u16(11), head[13]!, u16(14), head[16]!];
  const plausible =
    (head[0] === 0xeb || head[0] === 0xe9) &&
    [512, 1024, 2048, 4096].includes(sector) &&
    perCluster > 0 &&
    (perCluster & (perCluster - 1)) === 0 &&
    reserved > 0 &&
    (tables === 1 || tables === 2) &&
    head[21]! >= 0xf0;
  if (!plausible) return undefined;
  const tableSectors = u16(22) || u32(36);
  const rootSectors = Math.ceil((u16(17) * ENTRY) / sector);
  const total = u16(19) || u32(32);
  const dataSector = reserved + tables * tableSectors + rootSectors;
  if (tableSectors === 0 || dataSector >= total || dataSector * sector > size) return undefined;
  const clusters = Math.floor((total - dataSector) / perCluster);
  const bits = u16(22) === 0 ? 32 : clusters < 4085 ? 12 : 16;
  return {
    bits,
    tableAt: reserved * sector,
    rootAt: (reserved + tables * tableSectors) * sector,
    rootSize: rootSectors * sector,
    rootCluster: bits === 32 ? u32(44) : 0,
    dataAt: dataSector * sector,
    clusterSize: perCluster * sector,
    clusters: Math.min(clusters, Math.floor((tableSectors * sector * 8) / bits) - 2),
    label: shortText(head.subarray(bits === 32 ? 71 : 43, bits === 32 ? 82 : 54)),
  };
}

export function isFat(head: Uint8Array, size: number): boolean {
  return parseBoot(head, size) !== undefined;
}

const shortText = (bytes: Uint8Array): string =>
  [...bytes]
    .map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : CP437[byte - 0x80]))
    .join("")
    .replace(/ +$/, "");

export class FatFileSystem implements FileSystem {
  readonly type = "vfat";
  readonly caseless = true;
  readonly root: FileNode;
  label: string;

  private constructor(
    readonly reader: Reader,
    readonly geometry: Geometry,
  ) {
    this.label = geometry.label === "NO NAME" ? "" : geometry.label;
    this.root = new FatDirectory(this, geometry.rootCluster, 0);
  }

  static async open(source: BlockSource): Promise<FatFileSystem> {
    const reader = new Reader(source, "vfat");
    const geometry = parseBoot(await reader.bytes(0, 512, "the boot sector"), source.size);
    if (!geometry) throw reader.damaged("its boot sector makes no sense");
    const files = new FatFileSystem(reader, geometry);
    // The root's entry of that kind is what `fatlabel` and Windows show.
    files.label = (await (files.root as FatDirectory).volumeLabel()) ?? files.label;
    return files;
  }

  get source(): BlockSource {
    return this.reader.source;
  }

  /** The clusters from `first` on, neighbours as one run. */
  async *chain(first: number, what: string): AsyncGenerator<Required<Omit<Run, "bytes">>, void> {
    const { dataAt, clusterSize, clusters, bits } = this.geometry;
    const end = 2 ** Math.min(bits, 28) - 8;
    let start = first;
    let count = 0;
    let seen = 0;
    for (let cluster = first; cluster < end;) {
      if (cluster < 2 || cluster >= clusters + 2)
        throw this.reader.damaged(`${what} has clusters outside of it`);
      if (++seen > clusters) throw this.reader.damaged(`the clusters of ${what} lead back to themselves`);
      count++;
      const next = await this.next(cluster);
      if (next !== cluster + 1) {
        yield { at: dataAt + (start - 2) * clusterSize, length: count * clusterSize };
        [start, count] = [next, 0];
      }
      cluster = next;
    }
  }

  private async next(cluster: number): Promise<number> {
    const { tableAt, bits } = this.geometry;
    const what = "the allocation table";
    if (bits === 32)
      return (await this.reader.view(tableAt + cluster * 4, 4, what)).getUint32(0, true) & 0x0fffffff;
    const at = tableAt + Math.floor((cluster * bits) / 8);
    const word = (await this.reader.view(at, 2, what)).getUint16(0, true);
    if (bits === 16) return word;
    return cluster & 1 ? word >> 4 : word & 0xfff;
  }
}

/** What both kinds have; FAT knows no owners, and of permissions only "read only". */
abstract class FatNode {
  readonly links = 1;
  readonly uid = 0;
  readonly gid = 0;

  constructor(
    protected readonly files: FatFileSystem,
    readonly cluster: number,
    readonly modified: number,
  ) {}

  async target(): Promise<string> {
    throw new Error("FAT has no symbolic links");
  }
}

class FatFile extends FatNode implements FileNode {
  readonly kind = "file";
  readonly mode: number;

  constructor(
    files: FatFileSystem,
    cluster: number,
    modified: number,
    readonly size: number,
    readOnly: boolean,
    /** Where its entry is: an empty file has no cluster to be known by. */
    readonly id: number,
  ) {
    super(files, cluster, modified);
    this.mode = readOnly ? 0o444 : 0o644;
  }

  async *entries(): AsyncGenerator<Entry, void> {}

  async *runs(): AsyncGenerator<Run, void> {
    let left = this.size;
    if (left > 0)
      for await (const { at, length } of this.files.chain(this.cluster, "a file")) {
        const part = Math.min(length, left);
        yield { at, length: part };
        left -= part;
        if (left === 0) return;
      }
    if (left > 0) throw this.files.reader.damaged("a file has fewer clusters than its size needs");
  }
}

/** Cluster 0: the root of FAT12 and FAT16, which lies outside of the clusters. */
class FatDirectory extends FatNode implements FileNode {
  readonly kind = "directory";
  readonly mode = 0o755;
  readonly size = 0;

  get id(): number {
    return -1 - this.cluster;
  }

  async *runs(): AsyncGenerator<Run, void> {}

  async *entries(): AsyncGenerator<Entry, void> {
    let long: LongName | undefined;
    for await (const { raw, at } of this.slots()) {
      if (raw.getUint8(11) === Attribute.longName) {
        long = LongName.add(long, raw);
        continue;
      }
      const isVolume = (raw.getUint8(11) & Attribute.volume) !== 0;
      const name = long?.nameFor(raw) ?? shortName(raw);
      long = undefined;
      if (isVolume || name === "." || name === "..") continue;
      if (!isName(name)) throw this.files.reader.damaged("a directory has an impossible name in it");
      yield { name, node: async () => this.node(raw, at) };
    }
  }

  async volumeLabel(): Promise<string | undefined> {
    for await (const { raw } of this.slots()) {
      const attribute = raw.getUint8(11);
      if (attribute !== Attribute.longName && attribute & Attribute.volume)
        return shortText(new Uint8Array(raw.buffer, raw.byteOffset, 11));
    }
    return undefined;
  }

  private node(raw: DataView, at: number): FileNode {
    const { bits } = this.files.geometry;
    const high = bits === 32 ? raw.getUint16(20, true) : 0;
    const cluster = high * 65536 + raw.getUint16(26, true);
    const modified = dosTime(raw.getUint16(24, true), raw.getUint16(22, true));
    const attribute = raw.getUint8(11);
    if (!(attribute & Attribute.directory))
      return new FatFile(
        this.files,
        cluster,
        modified,
        raw.getUint32(28, true),
        (attribute & Attribute.readOnly) !== 0,
        at,
      );
    // Only `..` may name the root so, and it is no entry of ours.
    if (cluster === 0) throw this.files.reader.damaged("a directory has no clusters");
    return new FatDirectory(this.files, cluster, modified);
  }

  /** The entries in use, up to the end mark. */
  private async *slots(): AsyncGenerator<{ raw: DataView; at: number }, void> {
    const { reader, geometry } = this.files;
    let seen = 0;
    for await (const { at, length } of this.places())
      for (let from = 0; from < length; from += geometry.clusterSize) {
        const part = Math.min(geometry.clusterSize, length - from);
        const block = await reader.bytes(at + from, part, "a directory");
        for (let slot = 0; slot + ENTRY <= part; slot += ENTRY) {
          if (block[slot] === END_OF_DIRECTORY || seen >= DIRECTORY_MAX) return;
          seen += ENTRY;
          if (block[slot] !== FREE)
            yield { raw: new DataView(block.buffer, slot, ENTRY), at: at + from + slot };
        }
      }
  }

  private async *places(): AsyncGenerator<{ at: number; length: number }, void> {
    const { rootAt, rootSize } = this.files.geometry;
    if (this.cluster === 0) yield { at: rootAt, length: rootSize };
    else yield* this.files.chain(this.cluster, "a directory");
  }
}

/** A long name as it gathers: its entries stand before the short one, the last part first. */
class LongName {
  private constructor(
    private readonly sum: number,
    private readonly left: number,
    private readonly text: string,
  ) {}

  /** Undefined again where the row is broken. */
  static add(before: LongName | undefined, raw: DataView): LongName | undefined {
    const order = raw.getUint8(0);
    const sum = raw.getUint8(13);
    const part = LONG_CHARS.map((at) => String.fromCharCode(raw.getUint16(at, true))).join("");
    if (order & LONG_LAST) return new LongName(sum, (order & 0x3f) - 1, part.replace(/\0.*$/s, ""));
    if (!before || before.left !== order || before.sum !== sum) return undefined;
    return new LongName(sum, order - 1, part + before.text);
  }

  /** Undefined: it belongs to another entry, which a system without long names has replaced. */
  nameFor(raw: DataView): string | undefined {
    let sum = 0;
    for (let at = 0; at < 11; at++) sum = (((sum & 1) << 7) + (sum >> 1) + raw.getUint8(at)) & 0xff;
    return this.left === 0 && sum === this.sum ? this.text : undefined;
  }
}

function shortName(raw: DataView): string {
  const bytes = new Uint8Array(raw.buffer, raw.byteOffset, 11).slice();
  if (bytes[0] === KANJI_E5) bytes[0] = FREE;
  const lower = raw.getUint8(12);
  const base = shortText(bytes.subarray(0, 8));
  const extension = shortText(bytes.subarray(8));
  const left = lower & LowerCase.base ? base.toLowerCase() : base;
  const right = lower & LowerCase.extension ? extension.toLowerCase() : extension;
  return right ? `${left}.${right}` : left;
}

/** DOS counts in local time, from 1980, in steps of two seconds. */
function dosTime(date: number, time: number): number {
  if (date === 0) return 0;
  const [year, month, day] = [1980 + (date >> 9), (date >> 5) & 15, date & 31];
  return new Date(year, month - 1, day, time >> 11, (time >> 5) & 63, (time & 31) * 2).getTime();
}
