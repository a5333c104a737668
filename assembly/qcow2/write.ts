// Changing guest bytes. A write is three acts: `planWrite` finds or allocates room, the host writes the data (with
// what a partly covered cluster held before), `commitWrite` lets the table name it. The table goes to disk in the
// next flush, after the data: a power cut between them leaves an unnamed cluster, a leak, and the old content.
import { DONE, exchange, fail } from "../block/exchange";
import * as Failure from "../block/failures";
import { L1_AT } from "../block/layout";
import { read64, write64 } from "./bytes";
import { image } from "./image";
import {
  ALL_ALLOCATED,
  ALL_ZERO,
  COMPRESSED,
  COPIED,
  OFFSET,
  packedEntry,
  packedLength,
  packedOffset,
  ZERO,
} from "./l2-entry";
import { overlapsMetadata } from "./overlap";
import { DATA, entryAt, NO_TABLE, tableFor } from "./plan";
import {
  addReference,
  allocate,
  allocated,
  count,
  maxCount,
  readCount,
  releaseLater,
  resetAllocation,
  roomForReleases,
  dropReference,
} from "./refcount";
import { fetchTable, L2_TABLE, newTable, touch } from "./table-cache";

/** Kinds of extent beside plan.ts's: room that no table names yet, to be filled whole and then committed … */
export const FRESH: u32 = 5;
/** … the same, where of each cluster only the subclusters written to need be filled, since the others hold nothing … */
export const FRESH_PARTS: u32 = 6;
/** … and room that its table names already: filled and committed likewise, also in parts, but never given back. */
export const KEPT: u32 = 7;

/** Clusters in one answer: bounds what one commit may release. */
const MAX_RUN: u64 = 2048;

/** An L2 table allocated for the call in progress, which may still wait for its content. */
let freshTable: u64 = 0;

/** Forgets what a failed call had begun; its clusters are leaks that check finds. */
export function abandon(): void {
  freshTable = 0;
  resetAllocation();
}

/** The L2 table for `guest`, made or copied so that it may be changed: its address, 0 for "not yet". */
function writableTable(guest: u64): usize {
  const index = <u32>(guest >> (image.clusterBits + image.l2Bits));
  const at = L1_AT + ((<usize>index) << 3);
  const entry = read64(at);
  const old = entry & OFFSET;
  if ((old & image.offsetInCluster) != 0) return fail(Failure.L2_UNALIGNED, old, index);
  if ((entry & COPIED) != 0) {
    if (overlapsHeader(old) || liesPastEnd(old, 1)) return 0;
    return fetchTable(old, L2_TABLE);
  }
  if (old != 0 && !roomForReleases(1)) return 0;
  if (freshTable == 0) {
    freshTable = allocate(1, true);
    if (freshTable == 0) return 0;
  }
  const table = newTable(freshTable, L2_TABLE);
  if (table == 0) return 0;
  if (old != 0) {
    // Shared with a snapshot: it keeps the old table, we go on with a copy.
    const shared = fetchTable(old, L2_TABLE);
    if (shared == 0) return 0;
    memory.copy(table, shared, <usize>image.clusterSize);
    releaseLater(old >> image.clusterBits);
  }
  setL1(index, freshTable | COPIED);
  freshTable = 0;
  return table;
}

export function setL1(index: u32, entry: u64): void {
  write64(L1_AT + ((<usize>index) << 3), entry);
  image.l1DirtyFrom = min(image.l1DirtyFrom, index);
  image.l1DirtyTo = max(image.l1DirtyTo, index + 1);
}

function overlapsHeader(offset: u64): bool {
  return offset >> image.clusterBits == 0 && fail(Failure.OVERLAP, 0) == 0;
}

/** True, and the failure set, where a write would make the file grow to wherever a damaged entry points. */
function liesPastEnd(offset: u64, clusters: u64): bool {
  return (offset >> image.clusterBits) + clusters > image.endCluster && fail(Failure.PAST_END, offset) == 0;
}

/** May be written where it is: named by this table alone, wholly allocated, plain data. */
function isInPlace(at: usize): bool {
  const entry = read64(at);
  if ((entry & (COMPRESSED | COPIED | ZERO)) != COPIED) return false;
  if ((entry & OFFSET) == 0 && !image.hasExternalData) return false;
  return !image.hasSubclusters || read64(at + 8) == ALL_ALLOCATED;
}

/** Has a cluster of its own that does not count as data yet: preallocated zeros, or some subclusters. */
function isKept(at: usize): bool {
  const entry = read64(at);
  return (entry & (COMPRESSED | COPIED)) == COPIED && (entry & OFFSET) != 0;
}

/** With subclusters: nothing is lost with what the entry names. */
function holdsNothing(at: usize): bool {
  return image.hasSubclusters && (read64(at) & COMPRESSED) == 0 && (read64(at + 8) & ALL_ALLOCATED) == 0;
}

/** Room for the first part of the range: DATA to be written in place, or room to be filled and committed. */
export function planWrite(guest: u64, length: u64): u32 {
  exchange.step = DONE;
  const table = writableTable(guest);
  if (table == 0) return exchange.step;
  const perTable = (<u64>1) << (image.clusterBits + image.l2Bits);
  const end = min(guest + length, (guest & ~(perTable - 1)) + perTable);
  const first = guest & ~image.offsetInCluster;
  const at = entryAt(table, guest);
  const clusters = min(MAX_RUN, ((end - 1) >> image.clusterBits) - (guest >> image.clusterBits) + 1);

  const inPlace = isInPlace(at);
  if (inPlace || isKept(at)) {
    const host = read64(at) & OFFSET;
    let n: u64 = 1;
    while (n < clusters && follows(at, n, host, inPlace)) n++;
    if (!image.hasExternalData && (liesPastEnd(host, n) || overlapsMetadata(host >> image.clusterBits, n)))
      return exchange.step;
    return room(inPlace ? DATA : KEPT, host, first, n, guest, end);
  }
  let n: u64 = 1;
  while (n < clusters && !isInPlace(entryNext(at, n)) && !isKept(entryNext(at, n))) n++;
  // Data in a file of its own lies where the guest sees it, and is not counted.
  if (image.hasExternalData) return room(KEPT, first, first, n, guest, end);
  const host = allocate(n, false);
  if (host == 0) return exchange.step;
  const inParts = holdsNothing(at) && holdsNothing(entryNext(at, allocated - 1));
  return room(inParts ? FRESH_PARTS : FRESH, host, first, allocated, guest, end);
}

function entryNext(at: usize, n: u64): usize {
  return at + ((<usize>n) << image.entryBits);
}

function follows(at: usize, n: u64, host: u64, inPlace: bool): bool {
  const next = entryNext(at, n);
  if ((read64(next) & OFFSET) != host + (n << image.clusterBits)) return false;
  return inPlace ? isInPlace(next) : isKept(next) && !isInPlace(next);
}

function room(kind: u32, host: u64, first: u64, clusters: u64, guest: u64, end: u64): u32 {
  exchange.extentKind = kind;
  exchange.extentOffset = host + (guest - first);
  exchange.extentLength = min(first + (clusters << image.clusterBits), end) - guest;
  exchange.step = DONE;
  return DONE;
}

/** Room for what a table entry held until now among the releases; false: flush first. */
function roomToRelease(clusters: u64): bool {
  // A compressed cluster touches two host clusters, at 512 bytes a cluster three.
  return roomForReleases(<u32>clusters * 3);
}

/** Drops, later, the references that an entry about to be replaced holds. `kept`: a cluster that stays in use. */
function releaseEntry(entry: u64, kept: u64): void {
  if ((entry & COMPRESSED) != 0) {
    const from = packedOffset(entry) >> image.clusterBits;
    const to = (packedOffset(entry) + packedLength(entry) - 1) >> image.clusterBits;
    for (let cluster = from; cluster <= to; cluster++) releaseLater(cluster);
    return;
  }
  const old = entry & OFFSET;
  if (old != 0 && old != kept && !image.hasExternalData) releaseLater(old >> image.clusterBits);
}

/**
 * Names what lies at `host`, now filled, for `length` bytes from `guest` on: whole clusters, or subclusters where room
 * in parts was given. `reserved`: the space is theirs, but where there are subclusters to say so they hold nothing yet.
 */
export function commitWrite(guest: u64, host: u64, length: u64, reserved: bool = false): u32 {
  exchange.step = DONE;
  const end = guest + length;
  const first = guest & ~image.offsetInCluster;
  if (!roomToRelease(((end - first - 1) >> image.clusterBits) + 1)) return exchange.step;
  const table = writableTable(guest);
  if (table == 0) return exchange.step;
  exchange.step = DONE;
  touch(table);
  for (let offset = first; offset < end; offset += image.clusterSize) {
    const at = entryAt(table, offset);
    const cluster = host - guest + offset;
    releaseEntry(read64(at), cluster);
    write64(at, cluster | COPIED);
    if (!image.hasSubclusters) continue;
    const from = max(offset, guest);
    const filled = subclusters(from, min(offset + image.clusterSize, end) - from);
    write64(at + 8, reserved ? 0 : (read64(at + 8) & ~(filled << 32)) | filled);
  }
  return DONE;
}

/** The bits "allocated" of the subclusters of a range within one cluster. */
function subclusters(guest: u64, length: u64): u64 {
  const bits = <u64>(image.clusterBits - 5);
  return (((<u64>1) << (length >> bits)) - 1) << ((guest & image.offsetInCluster) >> bits);
}

/** Gives back fresh room that could not be filled. */
export function cancelWrite(host: u64, clusters: u64): u32 {
  exchange.step = DONE;
  for (let n = cancelled; n < clusters; n++) {
    if (!dropReference((host >> image.clusterBits) + n)) {
      cancelled = n;
      return exchange.step;
    }
  }
  cancelled = 0;
  return DONE;
}
let cancelled: u64 = 0;

/**
 * Makes whole clusters read as zeros (`unmap` false) or as the backing file (true) and frees them. The extent's
 * length says how far this call came.
 */
export function zeroClusters(guest: u64, length: u64, unmap: bool, hasBacking: bool): u32 {
  exchange.step = DONE;
  const perTable = (<u64>1) << (image.clusterBits + image.l2Bits);
  const end = min(
    min(guest + length, guest + (MAX_RUN << image.clusterBits)),
    (guest & ~(perTable - 1)) + perTable,
  );
  exchange.extentLength = end - guest;
  const current = tableFor(guest);
  if (current == 0) return exchange.step;
  if (current == NO_TABLE && (unmap || !hasBacking)) return DONE;
  if (!roomToRelease(((end - guest) >> image.clusterBits) + 1)) return exchange.step;
  const table = writableTable(guest);
  if (table == 0) return exchange.step;
  exchange.step = DONE;
  touch(table);
  // Without a backing file "nothing" reads as zeros already, and v2 has no other way to say so.
  const plain = unmap || (!hasBacking && !image.hasExternalData);
  for (let offset = guest; offset < end; offset += image.clusterSize) {
    const at = entryAt(table, offset);
    releaseEntry(read64(at), 0);
    write64(at, plain || image.hasSubclusters ? 0 : ZERO);
    if (image.hasSubclusters) write64(at + 8, plain ? 0 : ALL_ZERO);
  }
  if (unmap && ((end & (perTable - 1)) == 0 || end >= image.size) && isBlank(table)) dropTable(guest);
  exchange.extentLength = end - guest;
  return DONE;
}

/**
 * Makes whole subclusters of one cluster read as zeros, and frees it with its last allocated one. Extent length 0: only
 * writing can, since the cluster is compressed.
 */
export function zeroSubclusters(guest: u64, length: u64, hasBacking: bool): u32 {
  exchange.step = DONE;
  exchange.extentLength = length;
  const current = tableFor(guest);
  if (current == 0) return exchange.step;
  if (current == NO_TABLE && !hasBacking) return DONE;
  if (!roomToRelease(1)) return exchange.step;
  const table = writableTable(guest);
  if (table == 0) return exchange.step;
  exchange.step = DONE;
  const at = entryAt(table, guest);
  const entry = read64(at);
  if ((entry & COMPRESSED) != 0) {
    exchange.extentLength = 0;
    return DONE;
  }
  touch(table);
  const chosen = subclusters(guest, length);
  const before = read64(at + 8);
  const allocated = before & ALL_ALLOCATED & ~chosen;
  // Space that was kept from the start, with nothing allocated, is kept on.
  if (allocated == 0 && (before & ALL_ALLOCATED) != 0 && !image.hasExternalData) {
    releaseEntry(entry, 0);
    write64(at, 0);
  }
  write64(at + 8, (before & ALL_ZERO) | (chosen << 32) | allocated);
  return DONE;
}

function isBlank(table: usize): bool {
  for (let at = table; at < table + <usize>image.clusterSize; at += 8) if (load<u64>(at) != 0) return false;
  return true;
}

/** A table that names nothing any more goes; `zeroClusters` has made room for its release. */
function dropTable(guest: u64): void {
  const index = <u32>(guest >> (image.clusterBits + image.l2Bits));
  releaseLater((read64(L1_AT + ((<usize>index) << 3)) & OFFSET) >> image.clusterBits);
  setL1(index, 0);
}

/** Room made for the call in progress. */
let packedRoom: u64 = 0;

/** Room for `length` bytes of one compressed cluster, packed behind the one before: extent offset. */
export function planPacked(length: u32): u32 {
  exchange.step = DONE;
  if (image.packedNext != 0 && !canShare(image.packedNext >> image.clusterBits)) {
    if (exchange.step != DONE) return exchange.step;
    image.packedNext = 0;
  }
  const left = image.packedNext == 0 ? 0 : image.clusterSize - (image.packedNext & image.offsetInCluster);
  if (<u64>length <= left) {
    if (!addReference(image.packedNext >> image.clusterBits)) return exchange.step;
    return packedAt(image.packedNext, length);
  }
  if (packedRoom == 0) {
    packedRoom = allocate(1, true);
    if (packedRoom == 0) return exchange.step;
  }
  const adjacent = left != 0 && packedRoom == image.packedNext + left;
  if (adjacent && !addReference(image.packedNext >> image.clusterBits)) return exchange.step;
  const start = adjacent ? image.packedNext : packedRoom;
  packedRoom = 0;
  return packedAt(start, length);
}

function packedAt(start: u64, length: u32): u32 {
  exchange.extentOffset = start;
  const next = start + length;
  image.packedNext = (next & image.offsetInCluster) == 0 ? 0 : next;
  exchange.step = DONE;
  return DONE;
}

/** True if one more compressed cluster may lie in `cluster`: narrow counts fill up. */
function canShare(cluster: u64): bool {
  return readCount(cluster) && count < maxCount();
}

/** Names `length` compressed bytes at `host` for the guest's cluster. */
export function commitPacked(guest: u64, host: u64, length: u32): u32 {
  exchange.step = DONE;
  if (!roomToRelease(1)) return exchange.step;
  const table = writableTable(guest);
  if (table == 0) return exchange.step;
  exchange.step = DONE;
  touch(table);
  const at = entryAt(table, guest);
  releaseEntry(read64(at), 0);
  write64(at, packedEntry(host, length));
  if (image.hasSubclusters) write64(at + 8, 0);
  return DONE;
}
