// Checks a qcow2 image, and repairs what can be: counts from what refers to what, COPIED from the counts.
import { UserError } from "../core/errors.ts";
import { FINDINGS } from "./check-findings.ts";
import { type BlockExports, reasonOf, Step } from "./qcow2/engine.ts";
import type { CheckResult, Repair } from "./image.ts";
import type { Qcow2Image } from "./qcow2/image.ts";
import { rebuildRefcounts } from "./qcow2/refcount-width.ts";
import { readSnapshots, rewriteSnapshots } from "./qcow2/snapshots.ts";

const LEVEL: Readonly<Record<Repair, number>> = { none: 0, leaks: 1, all: 2 };

/** A finding's number in check-findings.ts. */
const BLOCK_SHARED = 15;
const DIRTY = 1;
const CORRUPT = 2;
/** Limits of the snapshot table, in entries and in where it may lie. */
const SNAPSHOTS_MAX = 65536;
const OFFSET_MAX = 2 ** 62;
/** Tables of bitmaps: directory entries, whose own tables name their data. */
const BITMAP_ENTRY = 24;

/** `onFinding` gets each sentence as it is found. */
export async function checkImage(
  image: Qcow2Image,
  repair: Repair = "none",
  onFinding: (sentence: string) => void = () => {},
): Promise<CheckResult> {
  return image.alone(async () => {
    const result = await checkOnce(image, repair, onFinding);
    if (repair === "none") return result;
    await image.engine.flush();
    if (repair === "all") await rewriteSnapshots(image);
    const { core } = image.engine;
    const flags = core.incompatible() & (DIRTY | CORRUPT);
    if (flags && result.corruptions === 0) {
      core.setFeatures(core.incompatible() & ~(DIRTY | CORRUPT), core.compatible(), core.autoclear());
      await image.file.flush!();
      await image.storeFields(72, 8);
    }
    await image.file.flush!();
    return result;
  });
}

async function checkOnce(
  image: Qcow2Image,
  repair: Repair,
  onFinding: (sentence: string) => void,
): Promise<CheckResult> {
  const { engine } = image;
  const { core } = engine;
  let level = LEVEL[repair];
  const found = { corruptions: 0, leaks: 0, corruptionsFixed: 0, leaksFixed: 0 };
  /** Of what `found` says: blocks that something else uses, too. */
  let sharedBlocks = 0;
  /** What the walk that only names things has named. */
  const named = { leaks: 0, missing: 0, uncounted: 0 };

  /** `announced`: what the level repairs is only named here; the walk that is `repairing` sets it right. */
  const walk = async (
    verb: (core: BlockExports) => number,
    announced = false,
    repairing = false,
  ): Promise<void> => {
    for (let step: number = Step.found; step === Step.found;) {
      const finding = await engine.run(
        (exports) => (step = verb(exports)),
        (exports) => reasonOf(exports),
      );
      if (step !== Step.found) return;
      const [code, first, second, third] = finding;
      const kind = FINDINGS[code]!;
      const repaired = kind.repairedBy !== undefined && kind.repairedBy <= level;
      onFinding(kind.text(first, second, third, repaired && !announced));
      if (repairing && !repaired) continue;
      if (announced) named[kind.leak ? "leaks" : "missing"]++;
      if (announced && !kind.leak && second === 0n) named.uncounted++;
      if (code === BLOCK_SHARED) sharedBlocks++;
      if (repaired && announced) continue;
      if (kind.leak) found[repaired ? "leaksFixed" : "leaks"]++;
      else found[repaired ? "corruptionsFixed" : "corruptions"]++;
    }
  };

  const snapshots = await snapshotsToCheck(image, repair === "all", (sentence) => {
    onFinding(sentence);
    found.corruptionsFixed++;
  });
  await walk((exports) => exports.startCheck(image.file.size));
  if (core.l1Size()) await walkRange(walk, core.l1Offset(), core.l1Size() * 8);
  await walk((exports) => exports.countTree(true, 0, exports.l1Size()));
  for (const [index, { l1Offset, l1Size, id, name, complete }] of snapshots.list.entries()) {
    if (!complete && core.version() >= 3) {
      const say = repair === "all" ? "Repairing" : "ERROR";
      onFinding(`${say} snapshot table entry ${index} is incomplete`);
      found[repair === "all" ? "corruptionsFixed" : "corruptions"]++;
    }
    if (l1Offset % image.clusterSize || l1Size > 2 ** 22) {
      onFinding(
        l1Size > 2 ** 22
          ? `ERROR snapshot ${id} (${name}) l1_size=0x${l1Size.toString(16)}: L1 table is too large; snapshot table entry corrupted`
          : `ERROR snapshot ${id} (${name}) l1_offset=0x${l1Offset.toString(16)}: L1 table is not cluster aligned; snapshot table entry corrupted`,
      );
      found.corruptions++;
      continue;
    }
    await walkRange(walk, l1Offset, l1Size * 8);
    await walk((exports) => exports.countTree(false, l1Offset, l1Size));
  }
  if (snapshots.length) await walkRange(walk, core.snapshotsOffset(), snapshots.length);
  const { encryption } = image.extensions;
  if (encryption) await walkRange(walk, encryption.offset, encryption.length);
  await countBitmaps(image, walk);
  await walk((exports) => exports.countTables());

  const standAlone = core.countsStandAlone() !== 0;
  if (repair === "all") core.dropBadBlocks();
  // As qemu-img does: everything that is wrong first, then what is set right.
  await walk((exports) => exports.compareCounts(0), level > 0);
  if (repair === "leaks" && named.uncounted) {
    // Whoever trusted such counts to tell what leaks could free what is in use.
    onFinding("ERROR need to rebuild refcount structures");
    throw new UserError("Input/output error", "EIO");
  }
  if (repair === "all" && !standAlone) {
    onFinding("Rebuilding refcount structure");
    core.uncountTables();
    await rebuildRefcounts(image);
    found.corruptions -= sharedBlocks;
    found.corruptionsFixed += named.missing + sharedBlocks;
    found.leaksFixed += named.leaks;
  } else if (level > 0) await walk((exports) => exports.compareCounts(level), false, true);
  // Flags follow from the counts: where those are right, even "leaks" sets them.
  if (repair === "leaks" && found.corruptions === 0 && found.leaks === 0) level = LEVEL.all;
  await walk((exports) => exports.compareCopied(level === LEVEL.all));
  return {
    ...found,
    totalClusters: Math.ceil(image.size / image.clusterSize),
    allocatedClusters: core.allocatedClusters(),
    fragmentedClusters: core.fragmentedClusters(),
    compressedClusters: core.packedClusters(),
    imageEndOffset: core.endOffset(),
  };
}

/** The snapshot table, or with `repair` as much of it as can be had: `onRepair` gets what was given up. */
async function snapshotsToCheck(
  image: Qcow2Image,
  repair: boolean,
  onRepair: (sentence: string) => void,
): ReturnType<typeof readSnapshots> {
  const { core } = image.engine;
  const surplus = core.snapshotCount() - SNAPSHOTS_MAX;
  if (core.snapshotsOffset() % image.clusterSize || core.snapshotsOffset() > OFFSET_MAX)
    throw new UserError("ERROR snapshot table offset invalid", "EINVAL");
  if (surplus > 0 && !repair)
    throw new UserError(
      "ERROR snapshot table too large\n" +
        `You can force-remove all ${surplus} overhanging snapshots with wasmqemu img check -r all`,
      "EFBIG",
    );
  if (surplus > 0) onRepair(`Discarding ${surplus} overhanging snapshots`);
  try {
    return await readSnapshots(image, repair ? onRepair : undefined);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`ERROR failed to read the snapshot table: ${error.message}`, error.code);
  }
}

type Walk = (verb: (core: BlockExports) => number) => Promise<void>;

/** One finding at most, so the verb must not be asked again. */
async function walkRange(walk: Walk, offset: number, length: number): Promise<void> {
  let asked = false;
  await walk((exports) => (asked ? Step.done : ((asked = true), exports.countRange(offset, length))));
}

/** Directory, tables and data of persistent bitmaps, if the image vouches for them. */
async function countBitmaps(image: Qcow2Image, walk: Walk): Promise<void> {
  const { bitmaps } = image.extensions;
  if (!bitmaps || !(image.engine.core.autoclear() & 1)) return;
  if (bitmaps.size > 64 * 2 ** 20) throw new UserError("Bitmap directory too large", "EFBIG");
  await walkRange(walk, bitmaps.offset, bitmaps.size);
  const directory = new Uint8Array(bitmaps.size);
  await image.file.read(directory, bitmaps.offset);
  const view = new DataView(directory.buffer);
  for (let at = 0, index = 0; index < bitmaps.count && at + BITMAP_ENTRY <= directory.length; index++) {
    const tableOffset = Number(view.getBigUint64(at));
    const entries = view.getUint32(at + 8);
    if (entries > 2 ** 23)
      throw new UserError(`Bitmap ${index} has a table of ${entries} entries: too large`, "EFBIG");
    await walkRange(walk, tableOffset, entries * 8);
    const table = new Uint8Array(entries * 8);
    await image.file.read(table, tableOffset);
    for (let entry = 0; entry < entries; entry++) {
      const data = Number(new DataView(table.buffer).getBigUint64(entry * 8) & 0x00ff_ffff_ffff_fe00n);
      if (data) await walkRange(walk, data, image.clusterSize);
    }
    const length = BITMAP_ENTRY + view.getUint32(at + 20) + view.getUint16(at + 18);
    at += (length + 7) & ~7;
  }
}
