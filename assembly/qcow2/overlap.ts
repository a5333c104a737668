// The guard of every write: with damaged refcounts or entries a "free" or "data" cluster may be one of the image's
// own. What the counts say is not trusted; what the tables in memory name is compared.
import { fail } from "../block/exchange";
import * as Failure from "../block/failures";
import { L1_AT, REFCOUNT_TABLE_AT } from "../block/layout";
import { isZero } from "../block/zeros";
import { read64 } from "./bytes";
import { image } from "./image";

/** What a write would have hit: order of the sentence's words in host/image/qcow2/failures.ts. */
const HEADER: u64 = 0;
const ACTIVE_L1: u64 = 1;
const ACTIVE_L2: u64 = 2;
const REFCOUNT_TABLE: u64 = 3;
const REFCOUNT_BLOCK: u64 = 4;
const SNAPSHOT_TABLE: u64 = 5;

/** Bits 9-55 of an L1 entry, 9-63 of a refcount table entry. */
const L1_OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
const BLOCK_OFFSET: u64 = ~(<u64>511);

/** Bytes of a table that are passed over at once if empty. */
const RUN: usize = 512;

let start: u64 = 0;
let end: u64 = 0;

function hits(offset: u64, bytes: u64): bool {
  return bytes != 0 && offset < end && offset + bytes > start;
}

/** Whether an entry of a table names a cluster that is hit. Every write asks, and most entries are empty. */
function namesHit(table: usize, entries: u32, offsetBits: u64): bool {
  const tableEnd = table + ((<usize>entries) << 3);
  for (let run = table; run < tableEnd; run += RUN) {
    const runEnd = min(run + RUN, tableEnd);
    if (isZero(run, <u32>(runEnd - run))) continue;
    for (let at = run; at < runEnd; at += 8) {
      const offset = read64(at) & offsetBits;
      if (offset != 0 && hits(offset, image.clusterSize)) return true;
    }
  }
  return false;
}

function hit(what: u64): bool {
  fail(Failure.OVERLAP, what);
  return true;
}

/** True, and the failure set, where `clusters` from `cluster` on touch metadata. */
export function overlapsMetadata(cluster: u64, clusters: u64): bool {
  start = cluster << image.clusterBits;
  end = (cluster + clusters) << image.clusterBits;
  if (cluster == 0) return hit(HEADER);
  if (hits(image.l1Offset, (<u64>image.l1Size) << 3)) return hit(ACTIVE_L1);
  if (hits(image.refcountTableOffset, (<u64>image.refcountTableClusters) << image.clusterBits))
    return hit(REFCOUNT_TABLE);
  if (image.snapshotCount != 0 && hits(image.snapshotsOffset, 1)) return hit(SNAPSHOT_TABLE);
  if (namesHit(L1_AT, image.l1Size, L1_OFFSET)) return hit(ACTIVE_L2);
  if (namesHit(REFCOUNT_TABLE_AT, image.refcountEntries, BLOCK_OFFSET)) return hit(REFCOUNT_BLOCK);
  return false;
}
