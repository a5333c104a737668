// Copying one image into another: ranges known to be zero are never read, bytes found to be zero never written.
//
// Several requests of 2 MiB are in flight at once. Each is read straight into the copy engine's memory, scanned
// there, and written from there; nothing is copied in between. Writes start in the order of the disk, so that an
// image that allocates as it goes is laid out in that order.
//
// Compression goes through buffers instead, which threads take over and give back packed (codec-pool.ts).
import { isWritable } from "../block/source.ts";
import { UserError, codeOf, reason } from "../core/errors.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { CodecAnswer } from "./codecs/codec-jobs.ts";
import type { CodecPool } from "./codecs/codec-pool.ts";
import { type BlockExports } from "./qcow2/engine.ts";
import { loadEngine } from "../core/load.ts";
import type { PackedCluster } from "./codecs/packed-writes.ts";
import { Qcow2Image } from "./qcow2/image.ts";
import { chainExtent, type ChainExtent, type DiskImage } from "./image.ts";
import { until, type Watch } from "./watch.ts";
import { withCodecs } from "./codecs/with-codecs.ts";

const CHUNK = 2 * 2 ** 20;
/** What is known to be zeros counts in units of so many bytes: more requests would cost more than such a read. */
const WORTHWHILE_GAP = 64 * 1024;
/** Requests at once where nobody asks for another number. */
const IN_FLIGHT = 4;

export interface CopyOptions extends Watch {
  /** Zeros are found in units of this many bytes; 0: everything is written. */
  sparse: number;
  /** The target reads as zeros already. */
  targetIsZero: boolean;
  /** Clusters are stored compressed where that makes them smaller. */
  compress?: boolean;
  /** The target has the source's backing file: what the source itself does not hold is left to it, unread. */
  backed?: boolean;
  /** Requests in flight. */
  parallel?: number;
  /** Writes may start in any order, which is no slower and may scatter what an image allocates. */
  unordered?: boolean;
  /** Bytes per second that may be read and written; 0: any. */
  rate?: number;
  /** Sectors that cannot be read become zeros, and are named here; absent: the copy fails. */
  onUnreadable?: (offset: number, why: string) => void;
  /** Where in the target the source's first byte goes. */
  targetOffset?: number;
}

/** A part of the source, which begins and ends where a unit of the copy does. */
interface Piece {
  offset: number;
  length: number;
  kind: "zero" | "data" | "below";
}

export async function copyImage(
  runtime: Runtime,
  source: DiskImage,
  target: DiskImage,
  options: CopyOptions,
): Promise<void> {
  await withCodecs(runtime, [source, target], (codecs) => copyWith(codecs, runtime, source, target, options));
}

async function copyWith(
  codecs: CodecPool,
  runtime: Runtime,
  source: DiskImage,
  target: DiskImage,
  options: CopyOptions,
): Promise<void> {
  if (!isWritable(target)) throw new UserError(`'${target.name}' cannot be written`, "EACCES");
  const targetIsZero = options.targetIsZero && target.blankIsZero !== false;
  const pack = options.compress ? packer(codecs, target, targetIsZero) : undefined;
  const core = await loadEngine<BlockExports>(runtime, "block.wasm");
  // One in every thread, one being read, one being written; a few threads find their next one waiting.
  const parallel = options.parallel ?? (pack ? Math.max(codecs.width + 2, 6) : IN_FLIGHT);
  if (!core.reserve(pack ? 0 : CHUNK * parallel))
    throw new UserError("Not enough memory to copy an image", "ENOMEM");
  const workAt = core.WORK_AT.value as number;
  const shift = options.targetOffset ?? 0;
  // A target with clusters allocates them whole: a smaller hole in one saves nothing.
  const unit = Math.max(options.sparse, options.sparse ? (target.clusterSize ?? 0) : 0);
  // Likewise a cluster that is partly known to be zeros is read and written whole, in one request.
  const { clusterSize = WORTHWHILE_GAP } = target;
  const align = CHUNK % clusterSize === 0 ? clusterSize : WORTHWHILE_GAP;
  const pieces = walk(source, align, options.backed ?? false);
  const started = performance.now();
  let copied = 0;
  let done = 0;
  let failed = false;
  let order = Promise.resolve();

  const worker = async (slot: number): Promise<void> => {
    const spare = { buffer: new ArrayBuffer(pack ? 2 * CHUNK : 0) };
    while (!failed) {
      options.signal?.throwIfAborted();
      // A piece is taken and its place in the order with it, before anything is awaited.
      const before = options.unordered ? Promise.resolve() : order;
      let pass!: () => void;
      order = new Promise((resolve) => (pass = resolve));
      try {
        const next = await pieces.next();
        if (next.done) return;
        const piece = next.value;
        if (piece.kind !== "below") {
          const writes =
            piece.kind === "zero"
              ? await copyZeros(piece, before)
              : pack
                ? await copyPacked(pack, piece, spare, before)
                : await copyData(piece, workAt + slot * CHUNK, before);
          pass();
          await Promise.all(writes);
          if (piece.kind === "data") copied += piece.length;
          if (options.rate) await until(started + (copied / options.rate) * 1000, options.signal);
        }
        done += piece.length;
        options.onProgress?.(done, source.size);
      } catch (error) {
        failed = true;
        throw error;
      } finally {
        pass();
      }
    }
  };

  const copyZeros = async ({ offset, length }: Piece, before: Promise<void>): Promise<Promise<void>[]> => {
    await before;
    if (options.sparse !== 0 && targetIsZero) return [];
    if (options.sparse !== 0 && target.discard)
      return [writing(offset, target.discard(offset + shift, length))];
    const zeros = new Uint8Array(Math.min(length, CHUNK));
    for (let at = 0; at < length; at += zeros.length)
      await writing(
        offset,
        target.write(zeros.subarray(0, Math.min(zeros.length, length - at)), offset + at + shift),
      );
    return [];
  };

  const fetch = async (into: Uint8Array, offset: number): Promise<void> => {
    try {
      await source.read(into, offset);
    } catch (error) {
      if (!options.onUnreadable) throw await readError(source, into, offset, error);
      await salvage(source, into, offset, options.onUnreadable);
    }
  };

  const copyPacked = async (
    store: Packer,
    { offset, length }: Piece,
    spare: { buffer: ArrayBuffer },
    before: Promise<void>,
  ): Promise<Promise<void>[]> => {
    const { buffer } = spare;
    await fetch(new Uint8Array(buffer, 0, length), offset);
    const packed = await store.pack(buffer, length);
    spare.buffer = packed.buffer;
    await before;
    return [writing(offset, store.write(packed, length, offset + shift))];
  };

  const copyData = async (
    { offset, length }: Piece,
    at: number,
    before: Promise<void>,
  ): Promise<Promise<void>[]> => {
    const buffer = new Uint8Array(core.memory.buffer as ArrayBuffer, at, length);
    await fetch(buffer, offset);
    await before;
    if (unit === 0) return [writing(offset, target.write(buffer, offset + shift))];
    const writes: Promise<void>[] = [];
    for (let from = 0; from < length;) {
      const run = core.runLength(at + from, length - from, unit);
      if (!core.isZero(at + from, Math.min(unit, run)))
        writes.push(
          writing(offset + from, target.write(buffer.subarray(from, from + run), offset + from + shift)),
        );
      else if (!targetIsZero)
        writes.push(writing(offset + from, target.discard!(offset + from + shift, run)));
      from += run;
    }
    return writes;
  };

  // All of them, so that nothing goes on behind the caller's back once one has failed.
  const ends = await Promise.allSettled(Array.from({ length: parallel }, (_, slot) => worker(slot)));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

interface Packer {
  /** Packs the clusters of a buffer; a disk's last one is padded with zeros. */
  pack(buffer: ArrayBuffer, length: number): Promise<CodecAnswer>;
  /** Writes what became of them from `guest` on. */
  write(packed: CodecAnswer, length: number, guest: number): Promise<void>;
}

function packer(codecs: CodecPool, target: DiskImage, targetIsZero: boolean): Packer {
  if (!target.writePacked || (target instanceof Qcow2Image && target.hasExternalData))
    throw new UserError("Compression not supported for this file format", "ENOTSUP");
  const compression = target instanceof Qcow2Image ? target.compression : "zlib";
  const clusterSize = target.clusterSize!;
  return {
    pack(buffer, length) {
      const clusters = Math.ceil(length / clusterSize);
      new Uint8Array(buffer, length, clusters * clusterSize - length).fill(0);
      return codecs.run({ kind: "pack", buffer, compression, clusterSize, clusters });
    },
    async write({ buffer, lengths }, length, guest) {
      const writes: Promise<void>[] = [];
      const clusters: PackedCluster[] = [];
      let packedAt = lengths.length * clusterSize;
      for (const [n, packedLength] of lengths.entries()) {
        const at = n * clusterSize;
        const offset = guest + at;
        const plain = new Uint8Array(buffer, at, clusterSize);
        const inside = Math.min(clusterSize, length - at);
        if (packedLength === clusterSize) writes.push(target.write!(plain.subarray(0, inside), offset));
        else if (packedLength > 0) {
          clusters.push({ packed: new Uint8Array(buffer, packedAt, packedLength), offset, plain });
          packedAt += packedLength;
        } else if (!targetIsZero) writes.push(target.discard!(offset, inside));
      }
      if (clusters.length > 0) writes.push(target.writePacked!(clusters));
      await Promise.all(writes);
    },
  };
}

async function writing(offset: number, write: Promise<void>): Promise<void> {
  try {
    await write;
  } catch (error) {
    throw new UserError(`error while writing at byte ${offset}: ${reason(error)}`, codeOf(error));
  }
}

async function statusAt(source: DiskImage, offset: number, length: number): Promise<ChainExtent> {
  try {
    return await chainExtent(source, offset, length);
  } catch (error) {
    throw new UserError(
      `error while reading block status at offset ${offset}: ${reason(error)}`,
      codeOf(error),
    );
  }
}

/** A read spans many extents: the sentence names the one that fails, read by itself; if none does, where all began. */
async function readError(
  source: DiskImage,
  into: Uint8Array,
  offset: number,
  failure: unknown,
): Promise<UserError> {
  const at = (byte: number, error: unknown): UserError =>
    new UserError(`error while reading at byte ${byte}: ${reason(error)}`, codeOf(error));
  for (let from = 0; from < into.length;) {
    const { length } = await statusAt(source, offset + from, into.length - from);
    try {
      await source.read(into.subarray(from, from + length), offset + from);
    } catch (error) {
      return at(offset + from, error);
    }
    from += length;
  }
  return at(offset, failure);
}

const SECTOR = 512;

/** Reads what can be read, sector by sector; the rest becomes zeros, and `onUnreadable` hears of each sector. */
async function salvage(
  source: DiskImage,
  into: Uint8Array,
  offset: number,
  onUnreadable: (offset: number, why: string) => void,
): Promise<void> {
  for (let at = 0; at < into.length; at += SECTOR) {
    const sector = into.subarray(at, at + SECTOR);
    try {
      await source.read(sector, offset + at);
    } catch (error) {
      sector.fill(0);
      onUnreadable(offset + at, reason(error));
    }
  }
}

/**
 * The source in pieces: wholly known to be zero, or with `backed` not the source's own, or at most a chunk of what must
 * be read. Pieces begin at multiples of `align`, which divides a chunk.
 */
async function* walk(source: DiskImage, align: number, backed: boolean): AsyncGenerator<Piece, undefined> {
  const kindOf = ({ depth, present, zero }: ChainExtent): Piece["kind"] =>
    backed && (depth > 0 || !present) ? "below" : zero ? "zero" : "data";
  for (let offset = 0; offset < source.size;) {
    const extent = await statusAt(source, offset, source.size - offset);
    const kind = kindOf(extent);
    const last = offset + extent.length === source.size;
    const known = last ? extent.length : extent.length - ((offset + extent.length) % align);
    if (kind !== "data" && known > 0) {
      yield { offset, length: known, kind };
      offset += known;
    } else {
      // Small extents together: a read may span many of them.
      let end = offset + Math.min(extent.length, CHUNK);
      while (end < source.size && end - offset < CHUNK) {
        const next = await statusAt(source, end, offset + CHUNK - end);
        if (kindOf(next) !== "data" && end % align === 0) break;
        end = Math.min(end + next.length, offset + CHUNK, source.size);
      }
      yield { offset, length: end - offset, kind: "data" };
      offset = end;
    }
  }
  return undefined;
}
