// Hyper-V disks (VHDX): blocks of 1 to 256 MiB found through one table, whose changes go through a log.
import { UserError } from "../../core/errors.ts";
import { ClusterImage, type Place, type Run } from "./cluster-image.ts";
import type { CreateContext, Driver, ImageFile, OpenContext, Settings } from "../driver.ts";
import { SIZE_OPTION } from "../driver.ts";
import { type CheckResult, nothingFound } from "../image.ts";
import { Tables } from "./tables.ts";
import {
  chunkRatio,
  createLayout,
  type Header,
  type Layout,
  MIB,
  NO_GUID,
  randomGuid,
  readHeader,
  readLayout,
  SIZE_MAX,
  storeHeader,
} from "./vhdx-layout.ts";
import { layEntry, LOG_SECTOR, patched, readLog, replay, SECTORS_PER_ENTRY } from "./vhdx-log.ts";

const ENTRY = 8;
/** State of a block, the low three bits of its entry ([MS-VHDX] §2.5.1.1). */
const State = { zero: 2, present: 6, partlyPresent: 7 } as const;
const STATE_MASK = 7;

class VhdxImage extends ClusterImage {
  readonly format = "vhdx";
  private readonly table: Tables;
  private readonly ratio: number;
  private sequence = 0n;

  constructor(
    context: OpenContext,
    file: ImageFile,
    private readonly header: Header,
    private readonly layout: Layout,
  ) {
    super(context.name, file, context.readOnly, layout.size, layout.blockSize);
    this.table = new Tables(file, () => this.settle());
    this.ratio = chunkRatio(layout.blockSize, layout.sectorSize);
  }

  protected get tables(): readonly Tables[] {
    return [this.table];
  }

  /** After every chunk of blocks comes an entry for the bitmap of their sectors. */
  private entryAt(block: number): number {
    return this.layout.table.offset + (block + Math.floor(block / this.ratio)) * ENTRY;
  }

  protected async find(index: number, limit: number): Promise<Run> {
    const most = Math.min(limit, this.ratio - (index % this.ratio));
    const { view, at, count } = await this.table.entries(this.entryAt(index), most, ENTRY);
    const stateOf = (entry: number): number => view.getUint32(at + entry * ENTRY, true) & STATE_MASK;
    const offsetOf = (entry: number): number =>
      Number(view.getBigUint64(at + entry * ENTRY, true) >> 20n) * MIB;
    const state = stateOf(0);
    if (state === State.partlyPresent)
      throw new UserError(
        `Block ${index} of '${this.name}' needs a parent, which is not supported`,
        "ENOTSUP",
      );
    let clusters = 1;
    if (state !== State.present) {
      while (clusters < count && stateOf(clusters) < State.present) clusters++;
      return { kind: "zero", clusters, offset: 0 };
    }
    const offset = offsetOf(0);
    if (!Number.isSafeInteger(offset + this.unit))
      throw new UserError(`Block ${index} of '${this.name}' lies past every file's end`, "EIO");
    while (
      clusters < count &&
      stateOf(clusters) === State.present &&
      offsetOf(clusters) === offset + clusters * this.unit
    )
      clusters++;
    return { kind: "data", clusters, offset };
  }

  protected override reserve(count: number): Place {
    const offset = Math.ceil(this.end / MIB) * MIB;
    this.end = offset + count * this.unit;
    return { offset, count };
  }

  protected async assign(index: number, count: number, offset: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const value = (BigInt((offset + i * this.unit) / MIB) << 20n) | BigInt(State.present);
      await this.table.alter(this.entryAt(index + i), ENTRY, (view, at) =>
        view.setBigUint64(at, value, true),
      );
    }
  }

  /** Others see by these that the file is not what it was. */
  protected override async begin(): Promise<void> {
    this.header.fileWriteGuid = randomGuid();
    this.header.dataWriteGuid = randomGuid();
    await storeHeader(this.file, this.header);
  }

  protected override async storeTables(): Promise<void> {
    const taken = this.table.takeDirty();
    try {
      const sectors = new Map<number, Uint8Array>();
      for (const { offset, bytes } of taken)
        for (let at = 0; at < bytes.length; at += 512) {
          const start = offset + at - ((offset + at) % LOG_SECTOR);
          let sector = sectors.get(start);
          if (!sector) {
            sectors.set(start, (sector = new Uint8Array(LOG_SECTOR)));
            await this.file.read(sector, start);
          }
          sector.set(bytes.subarray(at, at + 512), offset + at - start);
        }
      await this.file.flush!();
      const all = [...sectors].map(([offset, bytes]) => ({ offset, bytes }));
      for (let first = 0; first < all.length; first += SECTORS_PER_ENTRY)
        await this.storeLogged(all.slice(first, first + SECTORS_PER_ENTRY));
    } catch (error) {
      await this.table.putBack(taken);
      throw error;
    }
  }

  /** Entries take turns in the two halves of the log. */
  private async storeLogged(sectors: readonly { offset: number; bytes: Uint8Array }[]): Promise<void> {
    const { header, file } = this;
    const isFirst = header.logGuid === NO_GUID;
    const logGuid = isFirst ? randomGuid() : header.logGuid;
    const at = (Number(this.sequence % 2n) * header.logLength) / 2;
    this.sequence++;
    const entry = layEntry(at, this.sequence, logGuid, file.size, sectors);
    await file.write!(entry, header.logOffset + at);
    await file.flush!();
    if (isFirst) {
      header.logGuid = logGuid;
      await storeHeader(file, header);
    }
    for (const { offset, bytes } of sectors) await file.write!(bytes, offset);
    await file.flush!();
  }

  protected override async finish(): Promise<void> {
    await super.finish();
    if (this.header.logGuid === NO_GUID) return;
    this.header.logGuid = NO_GUID;
    await storeHeader(this.file, this.header);
  }

  /** Opening has looked at everything that guards itself by a sum. */
  async check(): Promise<CheckResult> {
    return nothingFound();
  }
}

async function open(context: OpenContext): Promise<VhdxImage> {
  const { readOnly } = context;
  const header = await readHeader(context.file);
  let { file } = context;
  if (header.logGuid !== NO_GUID) {
    const { patches, fileSize } = await readLog(file, header);
    if (readOnly) file = patched(file, patches, fileSize);
    else {
      await replay(file, patches, fileSize);
      header.logGuid = NO_GUID;
      await storeHeader(file, header);
    }
  }
  const layout = await readLayout(file);
  const blocks = Math.ceil(layout.size / layout.blockSize);
  const entries =
    blocks + Math.floor(Math.max(0, blocks - 1) / chunkRatio(layout.blockSize, layout.sectorSize));
  if (entries * ENTRY > layout.table.length)
    throw new UserError("The VHDX file's table of blocks is too short for its disk", "EINVAL");
  if (!readOnly && (header.logLength < MIB || header.logOffset % MIB || header.logOffset < MIB))
    throw new UserError("The VHDX file has no log", "EINVAL");
  return new VhdxImage(context, file, header, layout);
}

function blockSizeFor(size: number, settings: Settings): number {
  const wanted = Number(settings["block_size"] ?? 0);
  if (wanted === 0)
    return size > 32 * 2 ** 40
      ? 64 * MIB
      : size > 100 * 2 ** 30
        ? 32 * MIB
        : size > 2 ** 30
          ? 16 * MIB
          : 8 * MIB;
  const blockSize = Math.min(256 * MIB, Math.max(MIB, wanted));
  if ((blockSize & (blockSize - 1)) !== 0) throw new UserError("Block size must be a power of two", "EINVAL");
  return blockSize;
}

function checkOptions(size: number, settings: Settings): void {
  const subformat = String(settings["subformat"] ?? "dynamic");
  if (subformat !== "dynamic" && subformat !== "fixed")
    throw new UserError(`Parameter 'subformat' does not accept value '${subformat}'`, "EINVAL");
  if (size > SIZE_MAX) throw new UserError("Image size too large; max of 64TB", "EINVAL");
  if (Number(settings["log_size"] ?? 0) > 2 ** 32 - MIB)
    throw new UserError("Log size must be smaller than 4 GB", "EINVAL");
  blockSizeFor(size, settings);
}

async function create({ file, size, settings }: CreateContext): Promise<void> {
  checkOptions(size, settings);
  const blockSize = blockSizeFor(size, settings);
  const logLength = Math.max(1, Math.ceil(Number(settings["log_size"] ?? MIB) / MIB)) * MIB;
  const ratio = chunkRatio(blockSize, 512);
  const blocks = Math.ceil(size / blockSize);
  // A table ends with the last chunk's bitmap entry in a disk with a parent; without one it may end with its blocks.
  const entries = blocks + Math.floor(Math.max(0, blocks - 1) / ratio);
  const { tableAt, blocksAt } = await createLayout(file, { size, blockSize, logLength, entries });
  const fixed = settings["subformat"] === "fixed";
  const isZero = settings["block_state_zero"] !== false;
  const step = MIB / ENTRY;
  for (let first = 0; first < entries; first += step) {
    const view = new DataView(new ArrayBuffer(Math.min(step, entries - first) * ENTRY));
    for (let at = 0; at < view.byteLength; at += ENTRY) {
      const entry = first + at / ENTRY;
      if (entry % (ratio + 1) === ratio) continue;
      const block = entry - Math.floor(entry / (ratio + 1));
      const place = BigInt((blocksAt + block * blockSize) / MIB) << 20n;
      const value = fixed ? place | BigInt(State.present) : isZero ? BigInt(State.zero) : 0n;
      view.setBigUint64(at, value, true);
    }
    await file.write(new Uint8Array(view.buffer), tableAt + first * ENTRY);
  }
  if (fixed) await file.resize(blocksAt + blocks * blockSize);
}

export const vhdx: Driver = {
  open,
  create,
  checkOptions,
  options: [
    { ...SIZE_OPTION, help: "Virtual disk size; max of 64TB." },
    { name: "log_size", type: "size", help: "Log size; min 1MB.", otherwise: "1048576" },
    {
      name: "block_size",
      type: "size",
      help: "Block Size; min 1MB, max 256MB. 0 means auto-calculate based on image size.",
      otherwise: "0",
    },
    {
      name: "subformat",
      type: "str",
      help: "VHDX format type, can be either 'dynamic' or 'fixed'. Default is 'dynamic'.",
    },
    {
      name: "block_state_zero",
      type: "bool",
      help: "Force use of payload blocks of type 'ZERO'. Non-standard, but default.  Do not set to 'off' when using 'qemu-img convert' with subformat=dynamic.",
    },
  ],
};
