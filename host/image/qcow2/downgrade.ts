// Down to version 2, which has no feature bits, one width of counts, and no cluster that reads as zeros without being one.
import { UserError } from "../../core/errors.ts";
import { nothing } from "./engine.ts";
import { setVersion } from "./header-edit.ts";
import { readSnapshots, type Snapshot } from "./snapshots.ts";
import type { Qcow2Image } from "./image.ts";

const DIRTY = 1;
/** Compressed clusters are not packed by deflate. */
const COMPRESSION = 8;
/** Table entries (qcow2 specification, "Cluster mapping"): bit 62 compressed, bit 0 zeros, 9-55 the offset. */
const COMPRESSED = 1n << 62n;
const ZERO = 1n;
/** Counts are 16 bits wide. */
const V2_REFERENCES_MAX = 0xffff;
const OFFSET = 0x00ff_ffff_ffff_fe00n;

/** A table of level 2 that only snapshots refer to, `trees` of them. */
interface SharedTable {
  offset: number;
  trees: number;
}

/** What version 2 cannot say is refused before anything changes. */
export async function requireVersion2(image: Qcow2Image): Promise<void> {
  const { core } = image.engine;
  if (image.hasExternalData) throw new UserError("Cannot downgrade an image with a data file", "ENOTSUP");
  const { list } = await readSnapshots(image);
  if (core.incompatible() & COMPRESSION && (await hasPacked(image, list)))
    throw new UserError(
      "Cannot downgrade an image with zstd compression type and existing compressed clusters",
      "ENOTSUP",
    );
  const features = core.incompatible() & ~(DIRTY | COMPRESSION);
  if (features)
    throw new UserError(
      `Cannot downgrade an image with incompatible features 0x${features.toString(16)} set`,
      "ENOTSUP",
    );
  // Both are told in fields that only version 3 demands.
  if (list.some(({ vmStateSize, diskSize }) => vmStateSize !== 0 || diskSize !== image.size))
    throw new UserError("Internal snapshots prevent downgrade of image", "ENOTSUP");
  // Zeros look alike in every cluster only where they are not encrypted.
  if (image.backing && list.length && image.encrypted)
    throw new UserError(
      "Downgrading an encrypted image that has both snapshots and a backing file is not supported: " +
        "rebase it onto no file, or delete its snapshots",
      "ENOTSUP",
    );
}

export async function downgrade(image: Qcow2Image, signal?: AbortSignal): Promise<void> {
  await dropZeroClusters(image, signal);
  await image.alone(() => dropSnapshotZeros(image, signal));
  await setVersion(image, 2);
}

/** Whether any cluster of the disk, or of a snapshot of it, is compressed. */
async function hasPacked(image: Qcow2Image, list: readonly Snapshot[]): Promise<boolean> {
  for (let offset = 0; offset < image.size;) {
    const { length, compressed } = await image.extent(offset, image.size - offset);
    if (compressed) return true;
    offset += length;
  }
  for (const { offset } of await snapshotTables(image, list)) {
    const table = new DataView(new ArrayBuffer(image.clusterSize));
    await image.file.read(new Uint8Array(table.buffer), offset);
    for (let at = 0; at < table.byteLength; at += 8) if (table.getBigUint64(at) & COMPRESSED) return true;
  }
  return false;
}

/** Without a backing file an absent cluster reads as zeros too; with one, real zeros have to be written. */
async function dropZeroClusters(image: Qcow2Image, signal?: AbortSignal): Promise<void> {
  for (let offset = 0; offset < image.size;) {
    signal?.throwIfAborted();
    const { length, present, zero } = await image.extent(offset, image.size - offset);
    if (present && zero) await (image.backing ? writeZeros : unmap)(image, offset, length);
    offset += length;
  }
}

function unmap(image: Qcow2Image, offset: number, length: number): Promise<void> {
  return image.zeroGuest(offset, length, true);
}

async function writeZeros(image: Qcow2Image, offset: number, length: number): Promise<void> {
  const zeros = new Uint8Array(Math.min(length, 2 ** 20));
  for (let at = 0; at < length; at += zeros.length)
    await image.write!(zeros.subarray(0, Math.min(zeros.length, length - at)), offset + at);
}

/**
 * The same in the trees of snapshots. Their tables read alike before and after, so they change where they are, shared or
 * not; what they referred to is given up only once they are on the disk.
 */
async function dropSnapshotZeros(image: Qcow2Image, signal?: AbortSignal): Promise<void> {
  await image.flush!();
  const zeros = image.backing ? new SharedZeros(image) : undefined;
  const released: { host: number; trees: number }[] = [];
  for (const { offset, trees } of await snapshotTables(image, (await readSnapshots(image)).list)) {
    if (signal?.aborted) break;
    const table = new Uint8Array(image.clusterSize);
    await image.file.read(table, offset);
    const view = new DataView(table.buffer);
    let changed = false;
    for (let at = 0; at < table.length; at += 8) {
      const entry = view.getBigUint64(at);
      if (entry & COMPRESSED || !(entry & ZERO)) continue;
      const host = Number(entry & OFFSET);
      if (host) released.push({ host, trees });
      view.setBigUint64(at, zeros ? BigInt(await zeros.take(trees)) : 0n);
      changed = true;
    }
    if (!changed) continue;
    // Counts of the zeros first: a power cut leaves them too high, never too low.
    if (zeros) await image.flush!();
    await image.file.write!(table, offset);
  }
  await image.file.flush!();
  // The engine may hold tables as they were.
  await image.engine.run((core) => core.openTables(image.file.size), nothing);
  for (const { host, trees } of released)
    for (let n = 0; n < trees; n++) await image.engine.run((core) => core.dropRange(host, 1), nothing);
  signal?.throwIfAborted();
}

/** One cluster of zeros for every entry that a backing file would shine through; its count says how many there are. */
class SharedZeros {
  private host = 0;
  private references = 0;

  constructor(private readonly image: Qcow2Image) {}

  /** The host offset, for an entry in a table that `trees` snapshots share. */
  async take(trees: number): Promise<number> {
    const { engine, file, clusterSize } = this.image;
    if (this.host === 0 || this.references + trees > V2_REFERENCES_MAX) {
      this.host = await engine.run(
        (core) => core.allocateRange(1),
        (core) => core.extentOffset(),
      );
      await file.write!(new Uint8Array(clusterSize), this.host);
      this.references = 0;
    }
    // Its allocation was the first of them.
    for (let n = this.references === 0 ? 1 : 0; n < trees; n++)
      await engine.run((core) => core.shareCluster(this.host), nothing);
    this.references += trees;
    return this.host;
  }
}

async function snapshotTables(image: Qcow2Image, list: readonly Snapshot[]): Promise<SharedTable[]> {
  const trees = new Map<number, number>();
  for (const { l1Offset, l1Size } of list) {
    const table = new Uint8Array(l1Size * 8);
    await image.file.read(table, l1Offset);
    const view = new DataView(table.buffer);
    for (let at = 0; at < table.length; at += 8) {
      const offset = Number(view.getBigUint64(at) & OFFSET);
      if (offset) trees.set(offset, (trees.get(offset) ?? 0) + 1);
    }
  }
  return [...trees].map(([offset, count]) => ({ offset, trees: count }));
}
