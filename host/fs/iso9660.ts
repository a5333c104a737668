// ISO 9660 (ECMA-119) with Rock Ridge (IEEE P1282 on SUSP, IEEE P1281) or Joliet names, whichever the disc has.
import type { BlockSource } from "../block/source.ts";
import { UserError } from "../core/errors.ts";
import {
  type Entry,
  type FileNode,
  type FileSystem,
  isName,
  type NodeKind,
  type Run,
  TARGET_MAX,
} from "./file-system.ts";
import { type IsoRecord, parseRecord, SECTOR } from "./iso-record.ts";
import { Reader } from "./reader.ts";
import { readRockRidge, type RockRidge, susp } from "./rock-ridge.ts";

const DESCRIPTORS_AT = 16 * SECTOR;
/** More volume descriptors than any disc has. */
const DESCRIPTORS_MAX = 32;
const Descriptor = { primary: 1, supplementary: 2, end: 255 } as const;
const ROOT_RECORD = 156;

const Flag = { directory: 0x02, continues: 0x80 } as const;

export function isIso(head: Uint8Array): boolean {
  const mark = head.subarray(DESCRIPTORS_AT + 1, DESCRIPTORS_AT + 6);
  return new TextDecoder("latin1").decode(mark) === "CD001";
}

/** Escape sequences that say "UCS-2" (Joliet specification §3.1). */
const isJoliet = (descriptor: DataView): boolean =>
  ["%/@", "%/C", "%/E"].includes(text(descriptor, 88, 3, "latin1"));

function text(view: DataView, at: number, length: number, encoding: string): string {
  return new TextDecoder(encoding).decode(new Uint8Array(view.buffer, view.byteOffset + at, length));
}

export class IsoFileSystem implements FileSystem {
  readonly type = "iso9660";
  label = "";
  root!: FileNode;
  names: "plain" | "joliet" | "rock ridge" = "plain";
  /** Bytes to skip in each system use field, as its first one says. */
  skip = 0;

  private constructor(readonly reader: Reader) {}

  static async open(source: BlockSource): Promise<IsoFileSystem> {
    const reader = new Reader(source, "iso9660");
    const files = new IsoFileSystem(reader);
    let primary: DataView | undefined;
    let joliet: DataView | undefined;
    for (let index = 0; index < DESCRIPTORS_MAX; index++) {
      const view = await reader.view(DESCRIPTORS_AT + index * SECTOR, SECTOR, "a volume descriptor");
      const kind = view.getUint8(0);
      if (text(view, 1, 5, "latin1") !== "CD001" || kind === Descriptor.end) break;
      if (kind === Descriptor.primary) primary ??= view;
      if (kind === Descriptor.supplementary && isJoliet(view)) joliet ??= view;
    }
    if (!primary) throw reader.damaged("it has no primary volume descriptor");
    files.label = text(primary, 40, 32, "latin1").trimEnd();
    const root = parseRecord(primary, ROOT_RECORD, reader);
    const found = await susp(reader, root.at);
    if (found) [files.names, files.skip] = ["rock ridge", found.skip];
    else if (joliet) files.names = "joliet";
    const chosen = files.names === "joliet" ? parseRecord(joliet!, ROOT_RECORD, reader) : root;
    // The root's own attributes are those of its `.` entry.
    const facts = found && (await readRockRidge(reader, found.field, files.skip));
    files.root = new IsoNode(files, [chosen], facts);
    return files;
  }

  get caseless(): boolean {
    return this.names !== "rock ridge";
  }

  get source(): BlockSource {
    return this.reader.source;
  }
}

class IsoNode implements FileNode {
  readonly kind: NodeKind;
  readonly mode: number;

  constructor(
    private readonly files: IsoFileSystem,
    /** A large file has several, in a row. */
    private readonly records: readonly IsoRecord[],
    private readonly rock: RockRidge | undefined,
  ) {
    const isDirectory = (records[0]!.flags & Flag.directory) !== 0 || rock?.child !== undefined;
    this.kind = isDirectory ? "directory" : (rock?.kind ?? "file");
    this.mode = rock?.mode ?? (isDirectory ? 0o555 : 0o444);
  }

  /** Empty files share a place, so that is no name for them; only directories are told apart. */
  get id(): number {
    return this.rock?.child ?? this.records[0]!.at;
  }

  get size(): number {
    return this.kind === "symlink" ? new TextEncoder().encode(this.rock?.target).length : this.length;
  }

  get links(): number {
    return this.rock?.links ?? 1;
  }

  get uid(): number {
    return this.rock?.uid ?? 0;
  }

  get gid(): number {
    return this.rock?.gid ?? 0;
  }

  get modified(): number {
    return this.rock?.modified ?? this.records[0]!.modified;
  }

  get device(): readonly [number, number] | undefined {
    return this.rock?.device;
  }

  async *entries(): AsyncGenerator<Entry, void> {
    const { reader } = this.files;
    const [at, size] = await this.extent();
    if (size > reader.source.size) throw reader.damaged("a directory is longer than the disc");
    let parts: IsoRecord[] = [];
    for (let sector = 0; sector < size; sector += SECTOR) {
      const view = await reader.view(at + sector, SECTOR, "a directory");
      // Records do not cross sectors; a length of 0 ends one.
      for (let from = 0; from < SECTOR && view.getUint8(from) !== 0; from += view.getUint8(from)) {
        const record = parseRecord(view, from, reader);
        // The first two are the directory itself and its parent.
        if (record.identifier.length === 1 && record.identifier[0]! <= 1) continue;
        parts.push(record);
        if (record.flags & Flag.continues) continue;
        const entry = await this.entry(parts);
        if (entry) yield entry;
        parts = [];
      }
    }
  }

  async *runs(): AsyncGenerator<Run, void> {
    if (this.rock?.compressed) throw new UserError("it is compressed (zisofs), which is not read", "ENOTSUP");
    const { reader } = this.files;
    for (const { at, size } of this.records) {
      if (at + size > reader.source.size) throw reader.damaged("a file has data outside of it");
      if (size > 0) yield { at, length: size };
    }
  }

  async target(): Promise<string> {
    const target = this.rock?.target ?? "";
    if (target.length > TARGET_MAX) throw this.files.reader.damaged("a symbolic link is too long");
    return target;
  }

  private get length(): number {
    return this.records.reduce((sum, { size }) => sum + size, 0);
  }

  /** Of a directory; a deep one may have moved elsewhere, and is found by its own first record there. */
  private async extent(): Promise<[at: number, size: number]> {
    const moved = this.rock?.child;
    if (moved === undefined) return [this.records[0]!.at, this.length];
    const { reader } = this.files;
    const self = parseRecord(await reader.view(moved, SECTOR, "a directory"), 0, reader);
    return [moved, self.size];
  }

  private async entry(records: readonly IsoRecord[]): Promise<Entry | undefined> {
    const { files } = this;
    const first = records[0]!;
    const rock =
      files.names === "rock ridge"
        ? await readRockRidge(files.reader, first.systemUse, files.skip)
        : undefined;
    // Directories that moved here because they lay too deep are shown where they belong.
    if (rock?.relocated) return undefined;
    const name = rock?.name ?? plainName(first.identifier, files.names === "joliet");
    if (!isName(name)) throw files.reader.damaged("a directory has an impossible name in it");
    return { name, node: async () => new IsoNode(files, records, rock) };
  }
}

/** Without the version; plain names in small letters and without the dot that ends them, as Linux shows them. */
function plainName(identifier: Uint8Array, joliet: boolean): string {
  const name = new TextDecoder(joliet ? "utf-16be" : "latin1").decode(identifier).replace(/;\d*$/, "");
  return joliet ? name : name.toLowerCase().replace(/\.$/, "");
}
