// The journal of ext3 and ext4 (jbd2; kernel documentation, filesystems/ext4, "Journal"), replayed in memory.
//
// A file system that was not unmounted has its latest changes only there. Each committed transaction is a row of
// descriptor blocks, which name the home of each block behind them, ended by a commit block; revoke blocks name homes
// that older transactions must not overwrite. Nothing is written: a map from home to journal block stands before the
// device. Numbers are big-endian here, and checksums are not looked at: a commit block is written last.
import type { BlockSource } from "../block/source.ts";
import type { FileNode } from "./file-system.ts";
import type { Reader } from "./reader.ts";

const MAGIC = 0xc03b3998;
const Block = { descriptor: 1, commit: 2, superBlock1: 3, superBlock2: 4, revoke: 5 } as const;
const HEADER = 12;

const WIDE = 0x2;
const CHECKSUM_2 = 0x8;
const CHECKSUM_3 = 0x10;
const FAST_COMMIT = 0x20;

const Tag = { escaped: 1, sameUuid: 2, last: 8 } as const;
const UUID = 16;

export async function replayJournal(
  reader: Reader,
  journal: FileNode,
  blockSize: number,
): Promise<{ source: BlockSource; note?: string }> {
  const { source } = reader;
  const places = await blockPlaces(journal, blockSize);
  if (places.length === 0)
    return { source, note: "its journal is elsewhere: its latest changes are not seen" };
  const log = await Log.open(reader, places, blockSize);
  if (!log) return { source, note: "its journal is damaged: its latest changes are not seen" };
  const note = log.hasFastCommits ? { note: "fast commits in its journal are not seen" } : {};
  const moved = await log.replay();
  return { source: moved.size ? new ReplayedSource(source, moved, blockSize) : source, ...note };
}

/** Where on the device each block of the journal is. */
async function blockPlaces(journal: FileNode, blockSize: number): Promise<number[]> {
  const places: number[] = [];
  if (journal.kind !== "file") return places;
  for await (const { length, at } of journal.runs()) {
    if (at === undefined) break;
    for (let done = 0; done < length; done += blockSize) places.push(at + done);
  }
  return places;
}

/** A home's content: where it is, and whether its first word was replaced because it looked like a journal block. */
interface Moved {
  at: number;
  escaped: boolean;
}

class Log {
  private constructor(
    private readonly reader: Reader,
    private readonly places: readonly number[],
    private readonly blockSize: number,
    private readonly superBlock: DataView,
  ) {}

  static async open(reader: Reader, places: readonly number[], blockSize: number): Promise<Log | undefined> {
    const view = await reader.view(places[0]!, 1024, "the journal");
    const kind = view.getUint32(4);
    const sound =
      view.getUint32(0) === MAGIC &&
      (kind === Block.superBlock1 || kind === Block.superBlock2) &&
      view.getUint32(0xc) === blockSize;
    return sound ? new Log(reader, places, blockSize, view) : undefined;
  }

  get hasFastCommits(): boolean {
    return (this.features & FAST_COMMIT) !== 0;
  }

  private get features(): number {
    return this.superBlock.getUint32(4) === Block.superBlock2 ? this.superBlock.getUint32(0x28) : 0;
  }

  /** Blocks by their home, as the committed transactions left them. */
  async replay(): Promise<Map<number, Moved>> {
    const moved = new Map<number, Moved & { sequence: number }>();
    const revoked = new Map<number, number>();
    let pending: [home: number, Moved & { sequence: number }][] = [];
    let pendingRevoked: number[] = [];
    const end = Math.min(this.superBlock.getUint32(0x10), this.places.length) - this.fastCommitBlocks;
    const first = this.superBlock.getUint32(0x14);
    let sequence = this.superBlock.getUint32(0x18);
    let position = this.superBlock.getUint32(0x1c);
    let left = end;
    const next = (): number => {
      const at = position;
      position = position + 1 >= end ? first : position + 1;
      left--;
      return this.places[at] ?? -1;
    };
    // A start of 0: the journal is empty.
    while (position > 0 && position < end && left > 0) {
      const block = await this.reader.view(next(), this.blockSize, "the journal");
      if (block.getUint32(0) !== MAGIC || block.getUint32(8) !== sequence) break;
      const kind = block.getUint32(4);
      if (kind === Block.descriptor)
        for (const { home, escaped } of this.tags(block))
          pending.push([home, { at: next(), escaped, sequence }]);
      else if (kind === Block.revoke) pendingRevoked.push(...this.revokedIn(block));
      else if (kind === Block.commit) {
        for (const [home, place] of pending) moved.set(home, place);
        for (const home of pendingRevoked) revoked.set(home, sequence);
        [pending, pendingRevoked] = [[], []];
        sequence = (sequence + 1) >>> 0;
      } else break;
    }
    for (const [home, limit] of revoked)
      if ((moved.get(home)?.sequence ?? Infinity) <= limit) moved.delete(home);
    return moved;
  }

  private get fastCommitBlocks(): number {
    return this.hasFastCommits ? this.superBlock.getUint32(0x54) || 256 : 0;
  }

  /** With checksums of version 3: home u32 | flags u32 | home, upper | sum. Else: home u32 | sum u16 | flags u16 | home, upper. */
  private *tags(block: DataView): Generator<{ home: number; escaped: boolean }, void> {
    const features = this.features;
    const third = (features & CHECKSUM_3) !== 0;
    const wide = (features & WIDE) !== 0;
    const size = third ? 16 : 8 + (wide ? 4 : 0) + (features & CHECKSUM_2 ? 2 : 0);
    for (let at = HEADER; at + size <= block.byteLength;) {
      const flags = third ? block.getUint32(at + 4) : block.getUint16(at + 6);
      const high = wide ? block.getUint32(at + 8) : 0;
      yield { home: high * 2 ** 32 + block.getUint32(at), escaped: (flags & Tag.escaped) !== 0 };
      if (flags & Tag.last) return;
      at += size + (flags & Tag.sameUuid ? 0 : UUID);
    }
  }

  /** header | bytes used u32 | block numbers, 4 or 8 bytes each */
  private *revokedIn(block: DataView): Generator<number, void> {
    const end = Math.min(block.getUint32(HEADER), block.byteLength);
    const wide = (this.features & WIDE) !== 0;
    const size = wide ? 8 : 4;
    for (let at = HEADER + 4; at + size <= end; at += size)
      yield wide ? Number(block.getBigUint64(at)) : block.getUint32(at);
  }
}

/** The device as it will be once the journal is written back. */
class ReplayedSource implements BlockSource {
  constructor(
    private readonly device: BlockSource,
    private readonly moved: ReadonlyMap<number, Moved>,
    private readonly blockSize: number,
  ) {}

  get size(): number {
    return this.device.size;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    await this.device.read(into, offset);
    const { blockSize } = this;
    const last = Math.floor((offset + into.length - 1) / blockSize);
    for (let block = Math.floor(offset / blockSize); block <= last; block++) {
      const place = this.moved.get(block);
      if (!place) continue;
      const bytes = new Uint8Array(blockSize);
      await this.device.read(bytes, place.at);
      if (place.escaped) new DataView(bytes.buffer).setUint32(0, MAGIC);
      const from = Math.max(0, offset - block * blockSize);
      const part = bytes.subarray(from, offset + into.length - block * blockSize);
      into.set(part, block * blockSize + from - offset);
    }
  }

  async close(): Promise<void> {}
}
