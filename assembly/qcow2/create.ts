// A blank image in memory: header, one refcount table, one block, no L1 table. Growing it is resize's work.
import { formatHeader } from "./header";
import { resetFlush } from "./flush";
import { image } from "./image";
import { adoptBlock } from "./refcount";
import { resetCache } from "./table-cache";

export function createBlank(
  version: u32,
  clusterBits: u32,
  refcountOrder: u32,
  incompatible: u32,
  compatible: u32,
  compressionType: u32,
): void {
  formatHeader(version, clusterBits, refcountOrder, incompatible, compatible, compressionType);
  resetCache();
  resetFlush();
  image.entryBits = image.hasSubclusters ? 4 : 3;
  image.l2Bits = clusterBits - image.entryBits;
  image.blockBits = clusterBits + 3 - refcountOrder;
  image.refcountEntries = (<u32>image.clusterSize) >> 3;
  // Cluster 0 the header, 1 the refcount table, 2 the block that counts them all.
  adoptBlock(2, 3);
}
