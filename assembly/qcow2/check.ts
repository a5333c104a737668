// Checking an image: every reference that can be found is counted, then the counts in the file are held against them.
//
// The host asks in this order: `startCheck`, `countTree` for the active L1 table and each snapshot's, `countRange` for
// what only it knows, `countTables`, `compareCounts`, `compareCopied`. Each returns FOUND for one finding at a time.
import { DONE, exchange, fail, FOUND, found } from "../block/exchange";
import * as Failure from "../block/failures";
import { ensureMemory, L1_AT, REFCOUNT_TABLE_AT, WORK_AT } from "../block/layout";
import { read64, write64 } from "./bytes";
import { image } from "./image";
import {
  ALL_ALLOCATED,
  COMPRESSED,
  COPIED,
  L1_RESERVED,
  L2_RESERVED,
  OFFSET,
  packedLength,
  packedOffset,
  ZERO,
} from "./l2-entry";
import { clearTableEntry, count, readCount, repairCount, tableEntry } from "./refcount";
import { fetchTable, L2_TABLE, OTHER, touch } from "./table-cache";
import { setL1 } from "./write";

// Findings, in the order of the sentences in host/image/check-findings.ts.
const LEAK: u32 = 1;
const MISSING: u32 = 2;
const COPIED_DATA: u32 = 3;
const COPIED_L2: u32 = 4;
const L1_RESERVED_BITS: u32 = 5;
const L1_UNALIGNED: u32 = 6;
const L2_RESERVED_BITS: u32 = 7;
const L2_UNALIGNED: u32 = 8;
const PREALLOCATED_UNALIGNED: u32 = 9;
const COPIED_PACKED: u32 = 10;
const PAST_END: u32 = 11;
const BLOCK_RESERVED_BITS: u32 = 12;
const BLOCK_UNALIGNED: u32 = 13;
const BLOCK_OUTSIDE: u32 = 14;
const BLOCK_SHARED: u32 = 15;
const SUBCLUSTERS: u32 = 16;
const SUBCLUSTERS_UNALLOCATED: u32 = 17;

/** How much is repaired. */
const LEAKS: u32 = 1;
const ALL: u32 = 2;

const BLOCK_OFFSET: u64 = ~(<u64>511);
const BLOCK_RESERVED: u64 = 511;

/** Clusters of the file: the references to each are counted, 32 bits each, from WORK_AT on. */
let clusters: u64 = 0;

export let allocatedClusters: u64 = 0;
export let packedClusters: u64 = 0;
export let fragmentedClusters: u64 = 0;
/** End of the last cluster that is in use. */
export let endOffset: u64 = 0;

// Where the walk under way stands.
let i: u64 = 0;
let j: u32 = 0;
/** End of the last plain cluster of this L2 table; 0: there was none. */
let mark: u64 = 0;

export function resetCheck(): void {
  i = j = looked = 0;
}

export function startCheck(size: u64): u32 {
  exchange.step = DONE;
  clusters = image.clustersOf(size);
  allocatedClusters = packedClusters = fragmentedClusters = endOffset = 0;
  i = j = looked = 0;
  if (clusters > 1 << 28 || !ensureMemory(WORK_AT + ((<usize>clusters) << 2))) {
    fail(Failure.NO_MEMORY);
    return exchange.step;
  }
  memory.fill(WORK_AT, 0, (<usize>clusters) << 2);
  return DONE;
}

function counterAt(cluster: u64): usize {
  return WORK_AT + ((<usize>cluster) << 2);
}

/** Counts one reference to each cluster of a range; false: it lies past the end of the file. */
function countReferences(offset: u64, length: u64): bool {
  if (length == 0) return true;
  const last = (offset + length - 1) >> image.clusterBits;
  for (let cluster = offset >> image.clusterBits; cluster <= last && cluster < clusters; cluster++)
    store<u32>(counterAt(cluster), load<u32>(counterAt(cluster)) + 1);
  return last < clusters;
}

export function countRange(offset: u64, length: u64): u32 {
  return countReferences(offset, length) ? DONE : found(PAST_END, offset, length);
}

/** Header, refcount table and blocks. Last of all that is counted, so that a block which something else uses shows. */
export function countTables(): u32 {
  exchange.step = DONE;
  if (j == 0) {
    j = 1;
    countReferences(0, image.clusterSize);
    const size = (<u64>image.refcountTableClusters) << image.clusterBits;
    if (!countReferences(image.refcountTableOffset, size))
      return found(PAST_END, image.refcountTableOffset, size);
  }
  while (i < <u64>image.refcountEntries) {
    const index = i++;
    const entry = tableEntry(index);
    const block = entry & BLOCK_OFFSET;
    if ((entry & BLOCK_RESERVED) != 0) return found(BLOCK_RESERVED_BITS, index);
    if (block == 0) continue;
    if ((block & image.offsetInCluster) != 0) return found(BLOCK_UNALIGNED, index);
    if (block >> image.clusterBits >= clusters) return found(BLOCK_OUTSIDE, index);
    countReferences(block, image.clusterSize);
    const references = load<u32>(counterAt(block >> image.clusterBits));
    if (references != 1) return found(BLOCK_SHARED, index, references);
  }
  i = j = 0;
  return DONE;
}

/** Whether the table and its blocks lie in the file and nothing else lies there: only then can counts be set right in place. */
export function countsStandAlone(): bool {
  const first = image.refcountTableOffset >> image.clusterBits;
  for (let cluster = first; cluster < first + image.refcountTableClusters; cluster++)
    if (cluster >= clusters || load<u32>(counterAt(cluster)) != 1) return false;
  for (let index: u64 = 0; index < <u64>image.refcountEntries; index++)
    if (isBlock(index) && load<u32>(counterAt(tableEntry(index) >> image.clusterBits)) != 1) return false;
  return true;
}

/** Whether a table entry names what `countTables` takes for a block. */
function isBlock(index: u64): bool {
  const entry = tableEntry(index);
  const bad = (entry & (BLOCK_RESERVED | image.offsetInCluster)) != 0;
  return entry != 0 && !bad && entry >> image.clusterBits < clusters;
}

/** Takes back what `countTables` has counted, but for the header: table and blocks will be others. */
export function uncountTables(): void {
  const first = image.refcountTableOffset >> image.clusterBits;
  for (let cluster = first; cluster < first + image.refcountTableClusters && cluster < clusters; cluster++)
    store<u32>(counterAt(cluster), load<u32>(counterAt(cluster)) - 1);
  for (let index: u64 = 0; index < <u64>image.refcountEntries; index++) {
    if (!isBlock(index)) continue;
    const counter = counterAt(tableEntry(index) >> image.clusterBits);
    store<u32>(counter, load<u32>(counter) - 1);
  }
}

/** How many references to a cluster were counted. */
export function referencesTo(cluster: u64): u32 {
  return cluster < clusters ? load<u32>(counterAt(cluster)) : 0;
}

/** Removes refcount table entries that name no usable block, so that repair makes new ones. */
export function dropBadBlocks(): void {
  for (let index: u32 = 0; index < image.refcountEntries; index++) {
    const entry = read64(REFCOUNT_TABLE_AT + ((<usize>index) << 3));
    const block = entry & BLOCK_OFFSET;
    const bad =
      (entry & (BLOCK_RESERVED | image.offsetInCluster)) != 0 || block >> image.clusterBits >= clusters;
    if (entry != 0 && bad) clearTableEntry(index);
  }
}

/** Entry `index` of the L1 table at `offset`, or of the active one in memory; false: not yet. */
let l1Entry: u64 = 0;
function readL1(active: bool, offset: u64, index: u64): bool {
  if (active) {
    l1Entry = read64(L1_AT + ((<usize>index) << 3));
    return true;
  }
  const at = offset + (index << 3);
  const table = fetchTable(at & ~image.offsetInCluster, OTHER);
  if (table == 0) return false;
  l1Entry = read64(table + <usize>(at & image.offsetInCluster));
  return true;
}

/** All that hangs on one L1 table of `entries` entries. */
export function countTree(active: bool, offset: u64, entries: u32): u32 {
  exchange.step = DONE;
  while (i < <u64>entries) {
    if (!readL1(active, offset, i)) return exchange.step;
    const l2 = l1Entry & OFFSET;
    if (j == 0) {
      mark = 0;
      const bad = (l1Entry & L1_RESERVED) != 0 ? L1_RESERVED_BITS : 0;
      if (l2 == 0 || (l2 & image.offsetInCluster) != 0) {
        i++;
        if (bad != 0) return found(bad, l1Entry);
        if (l2 != 0) return found(L1_UNALIGNED, l2);
        continue;
      }
      if (!countReferences(l2, image.clusterSize)) {
        i++;
        return found(PAST_END, l2, image.clusterSize);
      }
      j = 1; // entries are numbered from 1 here: 0 is "the table itself"
      if (bad != 0) return found(bad, l1Entry);
    }
    const table = fetchTable(l2, L2_TABLE);
    if (table == 0) return exchange.step;
    while (j <= (<u32>1) << image.l2Bits) {
      const step = countEntry(table + ((<usize>(j - 1)) << image.entryBits), active);
      if (looked == 0) j++;
      if (step == FOUND) return FOUND;
    }
    i++;
    j = 0;
  }
  i = j = 0;
  return DONE;
}

/** Which of an entry's possible faults have been looked for: one entry may have several. */
let looked: u32 = 0;

/** Counts what one entry refers to, `looked` being 0 again when all is said about it. */
function countEntry(at: usize, active: bool): u32 {
  const entry = read64(at);
  if ((entry & COMPRESSED) != 0) return countPacked(entry, active);
  const host = entry & OFFSET;
  const unaligned = (host & image.offsetInCluster) != 0;
  // Offset 0 is a cluster's own only in an external file, whose first cluster it is; COPIED tells.
  const owned = host != 0 || (image.hasExternalData && (entry & COPIED) != 0);
  if (looked == 0) {
    looked = 1;
    if ((entry & L2_RESERVED) != 0) return found(L2_RESERVED_BITS, entry);
  }
  if (looked == 1) {
    looked = 2;
    const bitmap = image.hasSubclusters ? read64(at + 8) : 0;
    if (owned && (bitmap & (bitmap >> 32) & ALL_ALLOCATED) != 0) return found(SUBCLUSTERS, host);
    if (!owned && (bitmap & ALL_ALLOCATED) != 0) return found(SUBCLUSTERS_UNALLOCATED, host);
  }
  if (looked == 2) {
    looked = 3;
    if (unaligned) return found((entry & ZERO) != 0 ? PREALLOCATED_UNALIGNED : L2_UNALIGNED, host);
  }
  looked = 0;
  if (!owned) return DONE;
  if (active) {
    allocatedClusters++;
    if (mark != 0 && host != mark) fragmentedClusters++;
    mark = host + image.clusterSize;
  }
  if (image.hasExternalData || countReferences(host, image.clusterSize)) return DONE;
  return found(PAST_END, host, image.clusterSize);
}

function countPacked(entry: u64, active: bool): u32 {
  if (looked == 0) {
    looked = 1;
    if ((entry & COPIED) != 0) return found(COPIED_PACKED, packedOffset(entry));
  }
  looked = 0;
  if (active) {
    packedClusters++;
    allocatedClusters++;
    fragmentedClusters++;
  }
  const first = packedOffset(entry);
  // Its last sector is padding to the file's end: native counts whole sectors.
  if (countReferences(first & ~(<u64>511), (first & 511) + packedLength(entry))) return DONE;
  return found(PAST_END, first, packedLength(entry));
}

/** The counts in the file against those found; `repair` says which of them to set right. */
export function compareCounts(repair: u32): u32 {
  exchange.step = DONE;
  while (i < clusters) {
    // A block that cannot be used counts nothing.
    if (!readCount(i)) return exchange.step;
    const stored = count;
    const references = <u64>load<u32>(counterAt(i));
    if (stored != 0 || references != 0) endOffset = (i + 1) << image.clusterBits;
    if (stored == references) {
      i++;
      continue;
    }
    const isLeak = stored > references;
    if (repair == ALL || (repair == LEAKS && isLeak)) if (!repairCount(i, references)) return exchange.step;
    return found(isLeak ? LEAK : MISSING, i++, stored, references);
  }
  i = 0;
  return DONE;
}

/** COPIED must say "count is 1" throughout the active tables. */
export function compareCopied(repair: bool): u32 {
  exchange.step = DONE;
  while (i < <u64>image.l1Size) {
    const index = <u32>i;
    const entry = read64(L1_AT + ((<usize>index) << 3));
    const l2 = entry & OFFSET;
    if (l2 == 0 || (l2 & image.offsetInCluster) != 0) {
      i++;
      continue;
    }
    if (j == 0) {
      if (!readCount(l2 >> image.clusterBits)) return exchange.step;
      j = 1;
      if (((entry & COPIED) != 0) != (count == 1)) {
        if (repair) setL1(index, entry ^ COPIED);
        return found(COPIED_L2, index, entry, count);
      }
    }
    while (j <= (<u32>1) << image.l2Bits) {
      const table = fetchTable(l2, L2_TABLE);
      if (table == 0) return exchange.step;
      const step = compareEntry(table, table + ((<usize>(j - 1)) << image.entryBits), l2, repair);
      if (step == DONE || step == FOUND) j++;
      if (step != DONE) return step;
    }
    i++;
    j = 0;
  }
  i = j = 0;
  return DONE;
}

function compareEntry(table: usize, at: usize, l2: u64, repair: bool): u32 {
  const entry = read64(at);
  const host = entry & OFFSET;
  if ((entry & COMPRESSED) != 0 || host == 0) return DONE;
  if (image.hasExternalData) return DONE;
  if (!readCount(host >> image.clusterBits)) return exchange.step;
  if (((entry & COPIED) != 0) == (count == 1)) return DONE;
  if (repair) {
    // Reading the count may have taken the table's slot.
    const again = fetchTable(l2, L2_TABLE);
    if (again == 0) return exchange.step;
    write64(again + (at - table), entry ^ COPIED);
    touch(again);
  }
  return found(COPIED_DATA, entry, count);
}
