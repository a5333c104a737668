// Dirty tables to disk, in the order that leaves, wherever the power is cut, at worst counts above the references:
//
//   refcount blocks | refcount table | (barrier) L2 tables | (barrier) L1 table | (barrier) released counts
//
// A count is on disk before the table that makes use of it, a table before the one that names it, and a count falls
// only when no table on disk names the cluster any more.
import { ask, BARRIER, DONE, exchange, FAIL, FLUSH, STORE } from "../block/exchange";
import { HEADER_AT, L1_AT, REFCOUNT_TABLE_AT, RELEASES_AT } from "../block/layout";
import { storeHeader } from "./header";
import { image } from "./image";
import { allocate, dropReference } from "./refcount";
import { hasDirty, L2_TABLE, REFCOUNT_BLOCK, storeNext } from "./table-cache";

const BLOCKS: u32 = 0;
const MOVE: u32 = 1;
const TABLE: u32 = 2;
const MOVED: u32 = 3;
const L2: u32 = 4;
const L2_STORE: u32 = 5;
const L1: u32 = 6;
const L1_STORE: u32 = 7;
const RELEASE: u32 = 8;
const RELEASING: u32 = 9;
const LAST_BLOCKS: u32 = 10;

let phase: u32 = BLOCKS;
/** The refcount table's new place while it moves, its clusters, and the place it leaves. */
let newOffset: u64 = 0;
let newClusters: u64 = 0;
let oldOffset: u64 = 0;
let oldClusters: u64 = 0;
let barrierPassed: bool = false;

export function resetFlush(): void {
  phase = BLOCKS;
  newOffset = oldOffset = oldClusters = 0;
  barrierPassed = false;
  clearRanges();
}

function clearRanges(): void {
  image.l1DirtyFrom = image.refcountDirtyFrom = u32.MAX_VALUE;
  image.l1DirtyTo = image.refcountDirtyTo = 0;
}

export function needsFlush(): bool {
  return (
    hasDirty(REFCOUNT_BLOCK) ||
    hasDirty(L2_TABLE) ||
    image.l1DirtyTo != 0 ||
    image.refcountDirtyTo != 0 ||
    image.releases != 0
  );
}

function entriesPerCluster(): u64 {
  return image.clusterSize >> 3;
}

function tableIsFull(): bool {
  return <u64>image.refcountEntries > <u64>image.refcountTableClusters * entriesPerCluster();
}

/** One barrier before the phase that follows; true: the host has to do it now. */
function barrier(): bool {
  barrierPassed = !barrierPassed;
  if (barrierPassed) ask(BARRIER, 0, 0, 0);
  return barrierPassed;
}

/** Runs until DONE; a FAIL starts the next flush from the beginning. */
export function flushTables(): u32 {
  exchange.step = DONE;
  while (exchange.step == DONE) {
    if (phase == BLOCKS) {
      if (storeNext(REFCOUNT_BLOCK, STORE)) break;
      phase = tableIsFull() && newOffset == 0 ? MOVE : TABLE;
    } else if (phase == MOVE) {
      const needed = <u64>image.refcountEntries / entriesPerCluster() + 1;
      newClusters = needed + needed / 2 + 1;
      newOffset = allocate(newClusters, true);
      if (newOffset == 0) break;
      phase = BLOCKS; // the counts of the new place
    } else if (phase == TABLE) {
      if (image.refcountDirtyTo == 0) phase = L2;
      else if (barrier()) break;
      else if (newOffset != 0) {
        const size = <usize>(newClusters << image.clusterBits);
        const used = (<usize>image.refcountEntries) << 3;
        memory.fill(REFCOUNT_TABLE_AT + used, 0, size - used);
        ask(STORE, newOffset, REFCOUNT_TABLE_AT, <u32>size);
        phase = MOVED;
      } else {
        storeRange(
          image.refcountTableOffset,
          REFCOUNT_TABLE_AT,
          image.refcountDirtyFrom,
          image.refcountDirtyTo,
        );
        phase = L2;
      }
      image.refcountDirtyFrom = u32.MAX_VALUE;
      image.refcountDirtyTo = 0;
    } else if (phase == MOVED) {
      if (barrier()) break;
      oldOffset = image.refcountTableOffset;
      oldClusters = image.refcountTableClusters;
      image.refcountTableOffset = newOffset;
      image.refcountTableClusters = <u32>newClusters;
      image.refcountEntries = <u32>(newClusters * entriesPerCluster());
      newOffset = 0;
      storeHeader();
      ask(STORE, 48, HEADER_AT + 48, 12); // offset and clusters of the table, in one write
      phase = L2;
    } else if (phase == L2) {
      if (!hasDirty(L2_TABLE)) phase = L1;
      else if (barrier()) break;
      else phase = L2_STORE;
    } else if (phase == L2_STORE) {
      if (storeNext(L2_TABLE, STORE)) break;
      phase = L1;
    } else if (phase == L1) {
      if (image.l1DirtyTo == 0) phase = RELEASE;
      else if (barrier()) break;
      else phase = L1_STORE;
    } else if (phase == L1_STORE) {
      storeRange(image.l1Offset, L1_AT, image.l1DirtyFrom, image.l1DirtyTo);
      image.l1DirtyFrom = u32.MAX_VALUE;
      image.l1DirtyTo = 0;
      phase = RELEASE;
    } else if (phase == RELEASE) {
      if (image.releases == 0 && oldClusters == 0) phase = LAST_BLOCKS;
      else if (barrier()) break;
      else phase = RELEASING;
    } else if (phase == RELEASING) {
      if (!release()) break;
      phase = LAST_BLOCKS;
    } else {
      if (storeNext(REFCOUNT_BLOCK, STORE)) break;
      phase = BLOCKS;
      break;
    }
  }
  if (exchange.step == FAIL) {
    phase = BLOCKS;
    barrierPassed = false;
  }
  return exchange.step;
}

function storeRange(table: u64, at: usize, from: u32, to: u32): void {
  ask(STORE, table + ((<u64>from) << 3), at + ((<usize>from) << 3), (to - from) << 3);
}

/** Lowers the counts that wait for it; false: not yet. */
function release(): bool {
  while (oldClusters != 0) {
    if (!drop((oldOffset >> image.clusterBits) + oldClusters - 1)) return false;
    oldClusters--;
  }
  while (image.releases != 0) {
    if (!drop(load<u64>(RELEASES_AT + ((<usize>(image.releases - 1)) << 3)))) return false;
    image.releases -= 1;
  }
  return true;
}

function drop(cluster: u64): bool {
  if (dropReference(cluster)) return true;
  // No clean slot for the block: every table but the blocks is clean here, so one of them goes first.
  if (exchange.step == FLUSH) storeNext(REFCOUNT_BLOCK, STORE);
  return false;
}
