// ext2, ext3 and ext4 (kernel documentation, filesystems/ext4): super block, groups, inodes, directories.
//
// Directories are read block after block: the tree of a hashed directory hides in entries that name no inode, as do
// the checksums at the blocks' ends. Numbers are little-endian.
import type { BlockSource } from "../block/source.ts";
import { UserError } from "../core/errors.ts";
import { blockRuns, BLOCK_MAP_SIZE } from "./ext-blocks.ts";
import { replayJournal } from "./ext-journal.ts";
import {
  type Entry,
  type FileNode,
  type FileSystem,
  isName,
  kindOfMode,
  type NodeKind,
  type Run,
  TARGET_MAX,
} from "./file-system.ts";
import { Reader } from "./reader.ts";

const SUPER_AT = 1024;
const SUPER_SIZE = 1024;
const MAGIC = 0xef53;
const ROOT_INODE = 2;
const JOURNAL_INODE = 8;

const HAS_JOURNAL = 0x4;
const Incompat = {
  compression: 0x1,
  filetype: 0x2,
  recover: 0x4,
  journalDevice: 0x8,
  metaGroups: 0x10,
  extents: 0x40,
  wide: 0x80,
  multiMount: 0x100,
  flexGroups: 0x200,
  valuesInInodes: 0x400,
  dataInEntries: 0x1000,
  checksumSeed: 0x2000,
  largeDirectories: 0x4000,
  inlineData: 0x8000,
  encryption: 0x10000,
  casefold: 0x20000,
} as const;

/** Features without which nothing can be understood; every other bit that we know changes nothing for a reader. */
const REFUSED: Readonly<Record<number, string>> = {
  [Incompat.compression]: "compression",
  [Incompat.journalDevice]: "being a journal for another file system",
  [Incompat.dataInEntries]: "data in directory entries",
};
const KNOWN = Object.values(Incompat).reduce((sum, bit) => sum | bit, 0);
/** What ext4 brought: with one of these it is no ext3 any more (libblkid's rule). */
const EXT4_ONLY = Incompat.metaGroups | Incompat.extents | Incompat.wide | Incompat.flexGroups;

const InodeFlag = { encrypted: 0x800, extents: 0x80000, inline: 0x10000000 } as const;

/** The fixed part of an inode; what is behind it has a length of its own. */
const INODE_FIXED = 128;
const BLOCK_MAP_AT = 0x28;
const INODE_MAX = 4096;
const ENTRY_HEADER = 8;

/** Undefined: not one of the family. */
export function extType(head: Uint8Array): string | undefined {
  if (head.length < SUPER_AT + SUPER_SIZE) return undefined;
  const view = new DataView(head.buffer, head.byteOffset + SUPER_AT, SUPER_SIZE);
  if (view.getUint16(0x38, true) !== MAGIC) return undefined;
  if (view.getUint32(0x60, true) & EXT4_ONLY || view.getUint32(0x64, true) & ~0x7) return "ext4";
  return view.getUint32(0x5c, true) & HAS_JOURNAL ? "ext3" : "ext2";
}

/** What the super block says about the layout. */
export interface Geometry {
  blockSize: number;
  blocks: number;
  firstDataBlock: number;
  blocksPerGroup: number;
  inodes: number;
  inodesPerGroup: number;
  inodeSize: number;
  descriptorSize: number;
  incompat: number;
  /** Groups from this meta group on keep their descriptors with them. */
  firstMetaGroup: number;
  label: string;
}

function parseSuper(view: DataView, reader: Reader): Geometry {
  const u16 = (at: number): number => view.getUint16(at, true);
  const u32 = (at: number): number => view.getUint32(at, true);
  const incompat = u32(0x60);
  for (const [bit, words] of Object.entries(REFUSED))
    if (incompat & Number(bit)) throw new UserError(`ext4 with ${words} is not read`, "ENOTSUP");
  if (incompat & ~KNOWN)
    throw new UserError(
      `${reader.type} with features unknown here (0x${(incompat & ~KNOWN).toString(16)}) is not read`,
      "ENOTSUP",
    );
  const wide = (incompat & Incompat.wide) !== 0;
  const dynamic = u32(0x4c) >= 1;
  const label = new Uint8Array(view.buffer, view.byteOffset + 0x78, 16);
  const geometry: Geometry = {
    blockSize: 1024 * 2 ** u32(0x18),
    blocks: u32(0x4) + (wide ? u32(0x150) * 2 ** 32 : 0),
    firstDataBlock: u32(0x14),
    blocksPerGroup: u32(0x20),
    inodes: u32(0x0),
    inodesPerGroup: u32(0x28),
    inodeSize: dynamic ? u16(0x58) : INODE_FIXED,
    descriptorSize: wide ? u16(0xfe) : 32,
    incompat,
    firstMetaGroup: u32(0x104),
    label: new TextDecoder().decode(label).replace(/\0.*$/s, ""),
  };
  const { inodeSize, descriptorSize } = geometry;
  const sound =
    geometry.blockSize <= 65536 &&
    geometry.blocksPerGroup > 0 &&
    geometry.inodesPerGroup > 0 &&
    inodeSize >= INODE_FIXED &&
    inodeSize <= INODE_MAX &&
    descriptorSize >= 32 &&
    descriptorSize <= 1024;
  if (!sound) throw reader.damaged("its super block makes no sense");
  return geometry;
}

export class ExtFileSystem implements FileSystem {
  readonly caseless = false;
  root!: FileNode;
  note?: string;

  private constructor(
    readonly reader: Reader,
    readonly geometry: Geometry,
  ) {}

  static async open(device: BlockSource, type: string): Promise<ExtFileSystem> {
    const files = await ExtFileSystem.openAsIs(device, type);
    const journal = await files.journal();
    if (!journal) return files;
    // Not unmounted cleanly: what its journal holds counts, as the kernel would write it back before anything else.
    const { source, note } = await replayJournal(files.reader, journal, files.geometry.blockSize);
    const replayed = await ExtFileSystem.openAsIs(source, type);
    if (note) replayed.note = note;
    return replayed;
  }

  private static async openAsIs(source: BlockSource, type: string): Promise<ExtFileSystem> {
    const reader = new Reader(source, type);
    const geometry = parseSuper(await reader.view(SUPER_AT, SUPER_SIZE, "the super block"), reader);
    const files = new ExtFileSystem(reader, geometry);
    files.root = await files.node(ROOT_INODE);
    if (files.root.kind !== "directory") throw reader.damaged("its root is no directory");
    return files;
  }

  get type(): string {
    return this.reader.type;
  }

  get label(): string {
    return this.geometry.label;
  }

  get source(): BlockSource {
    return this.reader.source;
  }

  async node(inode: number): Promise<ExtNode> {
    const { inodes, inodesPerGroup, inodeSize, blockSize } = this.geometry;
    if (inode < 1 || inode > inodes) throw this.reader.damaged(`there is no inode ${inode}`);
    const group = Math.floor((inode - 1) / inodesPerGroup);
    const table = await this.inodeTable(group);
    const at = table * blockSize + ((inode - 1) % inodesPerGroup) * inodeSize;
    const raw = await this.reader.view(at, inodeSize, `inode ${inode}`);
    const kind = kindOfMode(raw.getUint16(0, true));
    if (!kind) throw this.reader.damaged(`inode ${inode} is of no known kind`);
    return new ExtNode(this, inode, kind, raw);
  }

  private async journal(): Promise<FileNode | undefined> {
    if (!(this.geometry.incompat & Incompat.recover)) return undefined;
    return this.node(JOURNAL_INODE);
  }

  /** The block where a group's inodes begin. */
  private async inodeTable(group: number): Promise<number> {
    const { blockSize, descriptorSize } = this.geometry;
    const perBlock = Math.floor(blockSize / descriptorSize);
    const at = this.descriptorBlock(Math.floor(group / perBlock), perBlock) * blockSize;
    const descriptor = await this.reader.view(
      at + (group % perBlock) * descriptorSize,
      descriptorSize,
      `the descriptor of group ${group}`,
    );
    const high = descriptorSize >= 64 ? descriptor.getUint32(0x28, true) : 0;
    return high * 2 ** 32 + descriptor.getUint32(0x8, true);
  }

  /** Behind the super block, all in a row; or in the first group of their meta group, behind its copy of the super block. */
  private descriptorBlock(index: number, perBlock: number): number {
    const { incompat, firstMetaGroup, firstDataBlock, blocksPerGroup } = this.geometry;
    if (!(incompat & Incompat.metaGroups) || index < firstMetaGroup) return firstDataBlock + 1 + index;
    const group = index * perBlock;
    return firstDataBlock + group * blocksPerGroup + (hasSuperCopy(group) ? 1 : 0);
  }
}

/** sparse_super: groups 0, 1 and the powers of 3, 5 and 7. Meta groups came later than it, so it holds with them. */
function hasSuperCopy(group: number): boolean {
  if (group <= 1) return true;
  return [3, 5, 7].some((base) => {
    let power = base;
    while (power < group) power *= base;
    return power === group;
  });
}

class ExtNode implements FileNode {
  readonly size: number;
  private readonly flags: number;

  constructor(
    private readonly files: ExtFileSystem,
    readonly id: number,
    readonly kind: NodeKind,
    private readonly raw: DataView,
  ) {
    this.flags = this.u32(0x20);
    const sized = kind === "file" || kind === "directory" || kind === "symlink";
    this.size = sized ? this.u32(0x4) + this.u32(0x6c) * 2 ** 32 : 0;
  }

  get mode(): number {
    return this.u16(0) & 0o7777;
  }

  get links(): number {
    return this.u16(0x1a);
  }

  get uid(): number {
    return this.u16(0x2) + this.u16(0x78) * 65536;
  }

  get gid(): number {
    return this.u16(0x18) + this.u16(0x7a) * 65536;
  }

  /** 32 signed bits of seconds; two more above them and the nanoseconds where the inode has room (ext4, "Inode Timestamps"). */
  get modified(): number {
    const extra = this.extraSize >= 0xc ? this.u32(0x88) : 0;
    const seconds = this.raw.getInt32(0x10, true) + (extra & 3) * 2 ** 32;
    return seconds * 1000 + Math.floor((extra >>> 2) / 1e6);
  }

  /** The old form in the first word of the block map, or the new one in the second. */
  get device(): readonly [number, number] | undefined {
    if (this.kind !== "block device" && this.kind !== "character device") return undefined;
    const [old, wide] = [this.u32(BLOCK_MAP_AT), this.u32(BLOCK_MAP_AT + 4)];
    if (old) return [(old >> 8) & 0xff, old & 0xff];
    return [(wide >> 8) & 0xfff, (wide & 0xff) | ((wide >>> 12) & 0xfff00)];
  }

  async *entries(): AsyncGenerator<Entry, void> {
    const { reader, geometry } = this.files;
    this.requirePlain("its names cannot be read");
    if (this.flags & InodeFlag.inline) {
      const bytes = await this.inlineData();
      // The parent's number, then entries up to the end of the block map, then entries in the attribute.
      for (const part of [bytes.subarray(4, BLOCK_MAP_SIZE), bytes.subarray(BLOCK_MAP_SIZE)])
        yield* this.entriesIn(part);
      return;
    }
    if (this.size > reader.source.size) throw this.damaged("is longer than the file system");
    for await (const { length, at } of this.runs()) {
      if (at === undefined) continue;
      for (let done = 0; done < length; done += geometry.blockSize) {
        const part = Math.min(geometry.blockSize, length - done);
        yield* this.entriesIn(await reader.bytes(at + done, part, `directory ${this.id}`));
      }
    }
  }

  async *runs(): AsyncGenerator<Run, void> {
    this.requirePlain("its content cannot be read");
    if (this.flags & InodeFlag.inline) {
      const bytes = (await this.inlineData()).subarray(0, this.size);
      if (bytes.length < this.size) throw this.damaged("has less data than its size says");
      yield { length: bytes.length, bytes };
      return;
    }
    const { reader, geometry } = this.files;
    const extents = (this.flags & InodeFlag.extents) !== 0;
    yield* blockRuns(reader, geometry, this.blockMap, this.size, extents, `inode ${this.id}`);
  }

  async target(): Promise<string> {
    this.requirePlain("its target cannot be read");
    if (this.size > TARGET_MAX) throw this.damaged("is a symbolic link that is too long");
    const bytes = new Uint8Array(this.size);
    // Short ones lie where the block map would.
    if (this.size < BLOCK_MAP_SIZE && !(this.flags & (InodeFlag.extents | InodeFlag.inline)))
      bytes.set(new Uint8Array(this.blockMap.buffer, this.blockMap.byteOffset, this.size));
    else {
      let done = 0;
      for await (const { length, at, bytes: held } of this.runs()) {
        if (held) bytes.set(held, done);
        else if (at !== undefined)
          bytes.set(await this.files.reader.bytes(at, length, `inode ${this.id}`), done);
        done += length;
      }
    }
    return new TextDecoder().decode(bytes);
  }

  /** inode u32 | length of the entry u16 | length of the name u8 | kind u8 | name */
  private *entriesIn(block: Uint8Array): Generator<Entry, void> {
    const view = new DataView(block.buffer, block.byteOffset, block.length);
    for (let at = 0; at + ENTRY_HEADER <= block.length;) {
      const inode = view.getUint32(at, true);
      const stored = view.getUint16(at + 4, true);
      // 64 KiB do not fit into 16 bits: there they are written as 0 or 0xffff.
      const length = stored === 0 || stored === 0xffff ? block.length - at : stored;
      const nameLength = view.getUint8(at + 6);
      if (length < ENTRY_HEADER || at + length > block.length || ENTRY_HEADER + nameLength > length)
        throw this.damaged("is a directory with an entry out of bounds");
      const name = new TextDecoder().decode(
        block.subarray(at + ENTRY_HEADER, at + ENTRY_HEADER + nameLength),
      );
      if (inode !== 0 && name !== "." && name !== "..") {
        if (!isName(name)) throw this.damaged("is a directory with an impossible name in it");
        yield { name, node: () => this.files.node(inode) };
      }
      at += length;
    }
  }

  /** The block map's bytes, and what the attribute "system.data" holds behind them (ext4, "Inline Data"). */
  private async inlineData(): Promise<Uint8Array> {
    const map = new Uint8Array(this.blockMap.buffer, this.blockMap.byteOffset, BLOCK_MAP_SIZE);
    const more = this.attribute(SYSTEM_PREFIX, "data");
    const all = new Uint8Array(map.length + more.length);
    all.set(map);
    all.set(more, map.length);
    return all;
  }

  /**
   * An extended attribute from behind the inode's fields: a magic number, entries, and values at offsets that count
   * from the first entry. An entry: name length u8 | prefix u8 | value offset u16 | inode u32 | size u32 | hash u32.
   */
  private attribute(prefix: number, name: string): Uint8Array {
    const none = new Uint8Array(0);
    const start = INODE_FIXED + this.extraSize + 4;
    if (start + 16 > this.raw.byteLength || this.u32(start - 4) !== ATTRIBUTES_MAGIC) return none;
    for (let at = start; at + 16 <= this.raw.byteLength && this.u32(at) !== 0;) {
      const nameLength = this.raw.getUint8(at);
      const found = new TextDecoder().decode(
        new Uint8Array(this.raw.buffer, this.raw.byteOffset).subarray(at + 16, at + 16 + nameLength),
      );
      if (this.raw.getUint8(at + 1) === prefix && found === name) {
        const from = start + this.u16(at + 2);
        const size = this.u32(at + 8);
        if (from + size > this.raw.byteLength) throw this.damaged("has an attribute out of bounds");
        return new Uint8Array(this.raw.buffer, this.raw.byteOffset + from, size);
      }
      at += (16 + nameLength + 3) & ~3;
    }
    return none;
  }

  private get blockMap(): DataView {
    return new DataView(this.raw.buffer, this.raw.byteOffset + BLOCK_MAP_AT, BLOCK_MAP_SIZE);
  }

  /** How far beyond its fixed part the inode's fields go. */
  private get extraSize(): number {
    if (this.raw.byteLength <= INODE_FIXED + 2) return 0;
    return Math.min(this.u16(0x80), this.raw.byteLength - INODE_FIXED);
  }

  private requirePlain(what: string): void {
    if (this.flags & InodeFlag.encrypted)
      throw new UserError(`inode ${this.id} is encrypted: ${what}`, "ENOTSUP");
  }

  private damaged(why: string): UserError {
    return this.files.reader.damaged(`inode ${this.id} ${why}`);
  }

  private u16(at: number): number {
    return this.raw.getUint16(at, true);
  }

  private u32(at: number): number {
    return this.raw.getUint32(at, true);
  }
}

const ATTRIBUTES_MAGIC = 0xea020000;
/** The prefix "system." by its number. */
const SYSTEM_PREFIX = 7;
