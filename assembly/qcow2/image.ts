// The open image: header fields in host byte order, what follows from them, and where allocation stands.
import { IMAGE_AT } from "../block/layout";

/** Incompatible feature bits (qcow2 specification, "Header"). */
export const DIRTY: u64 = 1;
export const CORRUPT: u64 = 2;
export const EXTERNAL_DATA: u64 = 4;
export const COMPRESSION: u64 = 8;
/** Compression type of the header; 0 is deflate. */
export const ZSTD: u32 = 1;
export const EXTENDED_L2: u64 = 16;
export const KNOWN_INCOMPATIBLE: u64 = DIRTY | CORRUPT | EXTERNAL_DATA | COMPRESSION | EXTENDED_L2;
/** Compatible feature bit. */
export const LAZY_REFCOUNTS: u64 = 1;

@final
@unmanaged
export class Image {
  size: u64;
  backingOffset: u64;
  l1Offset: u64;
  refcountTableOffset: u64;
  snapshotsOffset: u64;
  incompatible: u64;
  compatible: u64;
  autoclear: u64;
  version: u32;
  backingLength: u32;
  clusterBits: u32;
  cryptMethod: u32;
  l1Size: u32;
  refcountTableClusters: u32;
  snapshotCount: u32;
  refcountOrder: u32;
  headerLength: u32;
  compressionType: u32;

  /** Bytes of one L2 entry as a power of two: 3, or 4 with subclusters. */
  entryBits: u32;
  /** Entries of one L2 table as a power of two. */
  l2Bits: u32;
  /** Counts in one refcount block as a power of two. */
  blockBits: u32;

  /** No cluster below this one is free (cluster index). */
  freeFrom: u64;
  /** First cluster after everything in use: where the file grows. */
  endCluster: u64;
  /** Where the next compressed cluster's bytes go, within a host cluster of such; 0: a new one must be found. */
  packedNext: u64;
  /** Entries of the refcount table in memory that are in use; more than the file's table holds: it must move. */
  refcountEntries: u32;
  /** Entries changed since the last flush: [from, to). */
  refcountDirtyFrom: u32;
  refcountDirtyTo: u32;
  l1DirtyFrom: u32;
  l1DirtyTo: u32;
  /** Clusters to release after the next flush of the tables. */
  releases: u32;

  get clusterSize(): u64 {
    return (<u64>1) << this.clusterBits;
  }

  get offsetInCluster(): u64 {
    return this.clusterSize - 1;
  }

  get hasSubclusters(): bool {
    return (this.incompatible & EXTENDED_L2) != 0;
  }

  get hasExternalData(): bool {
    return (this.incompatible & EXTERNAL_DATA) != 0;
  }

  /** L1 entries that a disk of `size` bytes takes. */
  l1SizeFor(size: u64): u64 {
    const bits = this.clusterBits + this.l2Bits;
    return (size >> bits) + <u64>((size & (((<u64>1) << bits) - 1)) != 0);
  }

  clustersOf(bytes: u64): u64 {
    return (bytes >> this.clusterBits) + <u64>((bytes & this.offsetInCluster) != 0);
  }
}

export const image = changetype<Image>(IMAGE_AT);
