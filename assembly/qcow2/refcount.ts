// Reference counts: read and changed in cached blocks, clusters allocated and released.
//
// The refcount table lives in memory whole and may already describe more blocks than the table in the file has room
// for: then flush moves it (flush.ts). So allocation never has to allocate for its own bookkeeping in the middle of
// an allocation, but for refcount blocks: a new one takes the first cluster of the run being looked for.
import { ask, DONE, exchange, fail, FLUSH } from "../block/exchange";
import * as Failure from "../block/failures";
import { REFCOUNT_TABLE_AT, REFCOUNT_TABLE_MAX, RELEASES_AT, RELEASES_CAPACITY } from "../block/layout";
import { read16, read32, read64, write16, write32, write64 } from "./bytes";
import { image } from "./image";
import { fetchTable, forgetTable, newTable, REFCOUNT_BLOCK, touch } from "./table-cache";
import { overlapsMetadata } from "./overlap";

/** Bits 9-63 of a refcount table entry are the block's offset. */
const OFFSET_BITS: u64 = ~(<u64>511);
/** Host offsets are below 2^56: an L2 entry has no room for more. */
const MAX_HOST_OFFSET: u64 = (<u64>1) << 56;

/** Returned in place of a block's address where the table names none: all its counts are 0. */
export const ABSENT: usize = 1;

export function tableEntry(index: u64): u64 {
  return index < <u64>image.refcountEntries ? read64(REFCOUNT_TABLE_AT + ((<usize>index) << 3)) : 0;
}

/** The block that counts `cluster`: its address, ABSENT, or 0 for "not yet". */
export function blockOf(cluster: u64): usize {
  const index = cluster >> image.blockBits;
  const offset = tableEntry(index) & OFFSET_BITS;
  if (offset == 0) return ABSENT;
  if ((offset & image.offsetInCluster) != 0) return fail(Failure.REFBLOCK_UNALIGNED, offset, index);
  return fetchTable(offset, REFCOUNT_BLOCK);
}

/** `blockOf`, for a count that will change: a block past the end of the file would make it grow there. */
function blockToChange(cluster: u64): usize {
  const offset = tableEntry(cluster >> image.blockBits) & OFFSET_BITS;
  if (offset >> image.clusterBits >= image.endCluster) return fail(Failure.PAST_END, offset);
  return blockOf(cluster);
}

function indexInBlock(cluster: u64): u32 {
  return <u32>(cluster & (((<u64>1) << image.blockBits) - 1));
}

/** Entry `index` of a block. Narrow counts fill each byte from its low bits up; wide ones are big-endian. */
export function countIn(block: usize, index: u32): u64 {
  switch (image.refcountOrder) {
    case 3:
      return load<u8>(block + index);
    case 4:
      return read16(block + ((<usize>index) << 1));
    case 5:
      return read32(block + ((<usize>index) << 2));
    case 6:
      return read64(block + ((<usize>index) << 3));
    default: {
      const bit = index << image.refcountOrder;
      return (load<u8>(block + (bit >> 3)) >> (<u8>(bit & 7))) & (<u8>maxCount());
    }
  }
}

export function setCountIn(block: usize, index: u32, count: u64): void {
  touch(block);
  switch (image.refcountOrder) {
    case 3:
      store<u8>(block + index, <u8>count);
      break;
    case 4:
      write16(block + ((<usize>index) << 1), <u32>count);
      break;
    case 5:
      write32(block + ((<usize>index) << 2), <u32>count);
      break;
    case 6:
      write64(block + ((<usize>index) << 3), count);
      break;
    default: {
      const bit = index << image.refcountOrder;
      const at = block + (bit >> 3);
      const mask = (<u32>maxCount()) << (bit & 7);
      store<u8>(at, <u8>(((<u32>load<u8>(at)) & ~mask) | ((<u32>count) << (bit & 7))));
    }
  }
}

export function maxCount(): u64 {
  return image.refcountOrder == 6 ? u64.MAX_VALUE : ((<u64>1) << ((<u64>1) << image.refcountOrder)) - 1;
}

/** The count that the last `readCount` found. */
export let count: u64 = 0;

/** Finds the count of `cluster` for `count`; false: not yet. */
export function readCount(cluster: u64): bool {
  const block = blockOf(cluster);
  if (block == 0) return false;
  count = block == ABSENT ? 0 : countIn(block, indexInBlock(cluster));
  return true;
}

/** Adds one reference to `cluster`, which has some already; false: not yet, or failed. */
export function addReference(cluster: u64): bool {
  const block = blockToChange(cluster);
  if (block == 0) return false;
  if (block == ABSENT) return fail(Failure.REFCOUNT_UNDERFLOW, cluster << image.clusterBits) != 0;
  const index = indexInBlock(cluster);
  const old = countIn(block, index);
  if (old >= maxCount()) return fail(Failure.REFCOUNT_FULL, cluster << image.clusterBits) != 0;
  setCountIn(block, index, old + 1);
  return true;
}

/** Takes one reference from `cluster` at once: only for clusters that no table on disk names any more. */
export function dropReference(cluster: u64): bool {
  const block = blockToChange(cluster);
  if (block == 0) return false;
  const index = indexInBlock(cluster);
  const old = block == ABSENT ? 0 : countIn(block, index);
  if (old == 0) return fail(Failure.REFCOUNT_UNDERFLOW, cluster << image.clusterBits) != 0;
  setCountIn(block, index, old - 1);
  if (old == 1) {
    forgetTable(cluster << image.clusterBits);
    if (cluster < image.freeFrom) image.freeFrom = cluster;
    // Whoever gets the cluster next must not find compressed data behind his own.
    if (cluster == image.packedNext >> image.clusterBits) image.packedNext = 0;
  }
  return true;
}

/** Room for `clusters` releases; false: flush first (`exchange.step`). Ask before changing what they depend on. */
export function roomForReleases(clusters: u32): bool {
  if (image.releases + clusters <= RELEASES_CAPACITY) return true;
  return ask(FLUSH, 0, 0, 0) != 0;
}

/** Drops one reference of `cluster` once the tables as they are now are on disk. */
export function releaseLater(cluster: u64): void {
  store<u64>(RELEASES_AT + ((<usize>image.releases) << 3), cluster);
  image.releases += 1;
}

/** Sets refcount table entry `index`. */
function setTableEntry(index: u32, offset: u64): void {
  while (image.refcountEntries <= index) {
    write64(REFCOUNT_TABLE_AT + ((<usize>image.refcountEntries) << 3), 0);
    image.refcountEntries += 1;
  }
  write64(REFCOUNT_TABLE_AT + ((<usize>index) << 3), offset);
  image.refcountDirtyFrom = min(image.refcountDirtyFrom, index);
  image.refcountDirtyTo = max(image.refcountDirtyTo, index + 1);
}

/** A new block for `range` at `cluster`, which is free; false: not yet. */
function createBlock(range: u64, cluster: u64): bool {
  if (range >= REFCOUNT_TABLE_MAX / 8) return fail(Failure.FILE_FULL) != 0;
  // The count of the block's own cluster: in the block itself, or in one that exists.
  const home = cluster >> image.blockBits == range ? ABSENT : blockToChange(cluster);
  if (home == 0) return false;
  const block = newTable(cluster << image.clusterBits, REFCOUNT_BLOCK);
  if (block == 0) return false;
  // Fetched anew: making room for the block may have taken its slot.
  const counted = home == ABSENT ? block : blockToChange(cluster);
  if (counted == 0) return false;
  setCountIn(counted, indexInBlock(cluster), 1);
  setTableEntry(<u32>range, cluster << image.clusterBits);
  image.endCluster = max(image.endCluster, cluster + 1);
  return true;
}

/** Forgets the block that entry `index` names: it cannot be one. */
export function clearTableEntry(index: u32): void {
  setTableEntry(index, 0);
}

/** Sets the count of `cluster` to what was found to be right, with a new block at the file's end if there is none. */
export function repairCount(cluster: u64, right: u64): bool {
  if (right > maxCount()) return fail(Failure.REFCOUNT_FULL, cluster << image.clusterBits) != 0;
  let block = blockToChange(cluster);
  if (block == 0) return false;
  if (block == ABSENT) {
    // Counts are not to be trusted yet, so "free" is what lies past everything.
    const range = cluster >> image.blockBits;
    const place = image.endCluster;
    const placeBlock = place >> image.blockBits;
    if (
      !createBlock(
        range,
        placeBlock == range || tableEntry(placeBlock) != 0 ? place : placeBlock << image.blockBits,
      )
    )
      return false;
    block = blockToChange(cluster);
    if (block == 0) return false;
  }
  setCountIn(block, indexInBlock(cluster), right);
  return true;
}

/** Makes cluster `at` the first block of a blank image, counting itself and all clusters before `end` as used. */
export function adoptBlock(at: u64, end: u32): void {
  const block = newTable(at << image.clusterBits, REFCOUNT_BLOCK);
  for (let i: u32 = 0; i < end; i++) setCountIn(block, i, 1);
  setTableEntry(0, at << image.clusterBits);
  image.freeFrom = image.endCluster = end;
}

/**
 * Drops the blocks at the end that count nothing but themselves. The extent's offset is where the last cluster in use
 * ends, once that is flushed: what the file has behind it is of no use.
 */
export function trimEnd(): u32 {
  exchange.step = DONE;
  for (let range = <u64>image.refcountEntries; range > 0; range--) {
    const offset = tableEntry(range - 1) & OFFSET_BITS;
    if (offset == 0) continue;
    if (!roomForReleases(1)) return exchange.step;
    const first = (range - 1) << image.blockBits;
    const block = blockToChange(first);
    if (block == 0) return exchange.step;
    const own = offset >> image.clusterBits;
    let last: u64 = 0;
    let others = false;
    for (let n = (<u64>1) << image.blockBits; n > 0 && !others; n--) {
      if (countIn(block, <u32>(n - 1)) == 0) continue;
      last = max(last, first + n);
      others = first + n - 1 != own;
    }
    if (others) {
      image.endCluster = last;
      exchange.extentOffset = last << image.clusterBits;
      break;
    }
    setTableEntry(<u32>(range - 1), 0);
    if (last == 0) releaseLater(own);
    else forgetTable(offset);
    image.freeFrom = min(image.freeFrom, first);
  }
  exchange.step = DONE;
  return DONE;
}

/** A run found but not yet wholly counted: marking may have to wait for blocks. */
let runStart: u64 = 0;
let runLength: u64 = 0;
let marked: u64 = 0;
/** Clusters that the last `allocate` got. */
export let allocated: u64 = 0;

/** Forgets a half-made allocation after a failure. */
export function resetAllocation(): void {
  runLength = 0;
}

/**
 * Allocates up to `wanted` adjacent clusters, or exactly that many: offset of the first, 0 for "not yet".
 * `allocated` says how many there are.
 */
export function allocate(wanted: u64, exact: bool): u64 {
  if (runLength == 0 && !findRun(wanted, exact)) return 0;
  while (marked < runLength) {
    const cluster = runStart + marked;
    const block = blockToChange(cluster);
    if (block == 0) return 0;
    setCountIn(block, indexInBlock(cluster), 1);
    marked++;
  }
  allocated = runLength;
  runLength = 0;
  image.endCluster = max(image.endCluster, runStart + allocated);
  if (runStart == image.freeFrom) image.freeFrom = runStart + allocated;
  return runStart << image.clusterBits;
}

function findRun(wanted: u64, exact: bool): bool {
  let start = image.freeFrom;
  let length: u64 = 0;
  let sawFree = false;
  while (length < wanted) {
    const cluster = start + length;
    if (cluster << image.clusterBits >= MAX_HOST_OFFSET) return fail(Failure.FILE_FULL) != 0;
    const block = blockToChange(cluster);
    if (block == 0) return false;
    if (block == ABSENT) {
      if (length > 0 && !exact) break;
      if (!createBlock(cluster >> image.blockBits, start)) return false;
      start++;
      if (length > 0) length--;
      continue;
    }
    // Within this block without asking for it again.
    const inBlock = indexInBlock(cluster);
    const stop = min(((<u64>1) << image.blockBits) - inBlock, wanted - length);
    let n: u64 = 0;
    while (n < stop && countIn(block, inBlock + <u32>n) == 0) n++;
    length += n;
    if (n == stop) continue;
    if (length > 0 && !exact) break;
    if (length > 0) sawFree = true;
    start = cluster + n + 1;
    length = 0;
    if (!sawFree) image.freeFrom = start;
  }
  if (overlapsMetadata(start, length)) return false;
  runStart = start;
  runLength = length;
  marked = 0;
  return true;
}
