// The tables that stay in memory whole: refcount table and active L1 table.
import { ask, DONE, exchange, LOAD } from "../block/exchange";
import { L1_AT, REFCOUNT_TABLE_AT } from "../block/layout";
import { resetFlush } from "./flush";
import { image } from "./image";
import { resetCache } from "./table-cache";

let loaded: u32 = 0;

/** Loads what the header names; `fileSize` tells where the file may grow. */
export function openTables(fileSize: u64): u32 {
  exchange.step = DONE;
  if (loaded == 0) {
    resetCache();
    resetFlush();
    image.freeFrom = 0;
    image.releases = 0;
    image.endCluster = image.clustersOf(fileSize);
    const bytes = image.refcountTableClusters << image.clusterBits;
    image.refcountEntries = bytes >> 3;
    loaded = 1;
    if (bytes != 0) {
      ask(LOAD, image.refcountTableOffset, REFCOUNT_TABLE_AT, bytes);
      return exchange.step;
    }
  }
  if (loaded == 1) {
    loaded = 2;
    if (image.l1Size != 0) {
      ask(LOAD, image.l1Offset, L1_AT, image.l1Size << 3);
      return exchange.step;
    }
  }
  loaded = 0;
  return DONE;
}
