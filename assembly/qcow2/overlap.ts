// The guard of every write: with damaged refcounts or entries a "free" or "data" cluster may be one of the image's
// own. What the counts say is not trusted; what the tables in memory name is compared.
import { fail } from "../block/exchange";
import * as Failure from "../block/failures";
import { L1_AT, REFCOUNT_TABLE_AT } from "../block/layout";
import { read64 } from "./bytes";
import { image } from "./image";

/** What a write would have hit: order of the sentence's words in host/image/qcow2-failures.ts. */
const HEADER: u64 = 0;
const ACTIVE_L1: u64 = 1;
const ACTIVE_L2: u64 = 2;
const REFCOUNT_TABLE: u64 = 3;
const REFCOUNT_BLOCK: u64 = 4;
const SNAPSHOT_TABLE: u64 = 5;

/** Bits 9-55 of an L1 entry, 9-63 of a refcount table entry. */
const L1_OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
const BLOCK_OFFSET: u64 = ~(<u64>511);

let start: u64 = 0;
let end: u64 = 0;

function hits(offset: u64, bytes: u64): bool {
  return bytes != 0 && offset < end && offset + bytes > start;
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
  for (let i: u32 = 0; i < image.l1Size; i++) {
    const table = read64(L1_AT + ((<usize>i) << 3)) & L1_OFFSET;
    if (table != 0 && hits(table, image.clusterSize)) return hit(ACTIVE_L2);
  }
  for (let i: u32 = 0; i < image.refcountEntries; i++) {
    const block = read64(REFCOUNT_TABLE_AT + ((<usize>i) << 3)) & BLOCK_OFFSET;
    if (block != 0 && hits(block, image.clusterSize)) return hit(REFCOUNT_BLOCK);
  }
  return false;
}
