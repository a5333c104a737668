// What snapshots need of the counts: a tree is shared by adding one reference to all that hangs on it, and given up
// by dropping one. The steps around that, and their order, are host/image/qcow2/snapshots.ts.
import { DONE, exchange, fail } from "../block/exchange";
import * as Failure from "../block/failures";
import { L1_AT } from "../block/layout";
import { read64, write64 } from "./bytes";
import { image } from "./image";
import { COMPRESSED, COPIED, OFFSET, packedLength, packedOffset } from "./l2-entry";
import { addReference, count, dropReference, maxCount, readCount } from "./refcount";
import { fetchTable, L2_TABLE, OTHER, touch } from "./table-cache";
import { setL1 } from "./write";

/** What to do with each reference of a tree. */
const ADD: u32 = 1;
const DROP: u32 = 2;

// Where the walk stands: entry of the L1 table, entry of the L2 table, host cluster of a compressed one.
let i: u32 = 0;
let j: u32 = 0;
let k: u64 = 0;

export function resetWalk(): void {
  i = j = 0;
  k = 0;
}

function change(cluster: u64, act: u32): bool {
  if (act == ADD) return addReference(cluster);
  if (act == DROP) return dropReference(cluster);
  if (!readCount(cluster)) return false;
  return count < maxCount() || fail(Failure.REFCOUNT_FULL, cluster << image.clusterBits) != 0;
}

/**
 * Tests, adds or drops one reference of every L2 table and cluster of a tree. Adding to the active tree clears COPIED
 * on the way, before the count rises: no one may write in place what is about to be shared.
 */
export function referenceTree(active: bool, offset: u64, entries: u32, act: u32): u32 {
  exchange.step = DONE;
  for (; i < entries; i++, j = 0) {
    const at = active ? L1_AT + ((<usize>i) << 3) : inactiveEntry(offset, i);
    if (at == 0) return exchange.step;
    const entry = read64(at);
    const l2 = entry & OFFSET;
    if (l2 == 0) continue;
    if ((l2 & image.offsetInCluster) != 0) {
      fail(Failure.L2_UNALIGNED, l2, i);
      return exchange.step;
    }
    if (active && act == ADD && (entry & COPIED) != 0) setL1(i, entry & ~COPIED);
    for (; j < (<u32>1) << image.l2Bits; j++)
      if (!changeEntry(l2, active && act == ADD, act)) return exchange.step;
    if (!change(l2 >> image.clusterBits, act)) return exchange.step;
  }
  resetWalk();
  return DONE;
}

function inactiveEntry(offset: u64, index: u32): usize {
  const at = offset + ((<u64>index) << 3);
  const table = fetchTable(at & ~image.offsetInCluster, OTHER);
  return table == 0 ? 0 : table + <usize>(at & image.offsetInCluster);
}

function changeEntry(l2: u64, clearCopied: bool, act: u32): bool {
  const table = fetchTable(l2, L2_TABLE);
  if (table == 0) return false;
  const at = table + ((<usize>j) << image.entryBits);
  const entry = read64(at);
  if ((entry & COMPRESSED) != 0) {
    const first = packedOffset(entry) >> image.clusterBits;
    const last = (packedOffset(entry) + packedLength(entry) - 1) >> image.clusterBits;
    for (; first + k <= last; k++) if (!change(first + k, act)) return false;
    k = 0;
    return true;
  }
  const host = entry & OFFSET;
  if (host == 0 || image.hasExternalData) return true;
  if (clearCopied && (entry & COPIED) != 0) {
    write64(at, entry & ~COPIED);
    touch(table);
  }
  return change(host >> image.clusterBits, act);
}
