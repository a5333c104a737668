// The header: read into `image`, checked against every limit of the format before anything relies on it.
//
//   0 magic  4 version  8 backing offset  16 backing length  20 cluster bits  24 size  32 encryption  36 L1 entries
//  40 L1 offset  48 refcount table offset  56 its clusters  60 snapshots  64 snapshots offset
//  72 incompatible  80 compatible  88 autoclear  96 refcount order  100 header length  104 compression type
import { DONE, exchange, fail } from "../block/exchange";
import * as Failure from "../block/failures";
import { HEADER_AT, L1_MAX, MAX_CLUSTER, REFCOUNT_TABLE_MAX } from "../block/layout";
import { read32, read64, write32, write64 } from "./bytes";
import { COMPRESSION, Image, image, KNOWN_INCOMPATIBLE } from "./image";

const MAGIC: u32 = 0x514649fb; // "QFI" FB
export const V2_LENGTH: u32 = 72;
export const V3_LENGTH: u32 = 104;
export const BACKING_NAME_MAX: u32 = 1023;
const SNAPSHOTS_MAX: u32 = 65536;
/** Subclusters of a cluster, and the smallest that one may be. */
const SUBCLUSTER_BITS: u32 = 5;
const SECTOR_BITS: u32 = 9;

/** Reads the header of which the file's first `available` bytes (up to a cluster) lie at HEADER_AT. */
export function parseHeader(available: u32, tolerant: bool): u32 {
  exchange.step = DONE;
  if (available < 8 || read32(HEADER_AT) != MAGIC) fail(Failure.NOT_QCOW2);
  else if (available < V2_LENGTH) fail(Failure.HEADER_SHORT);
  else if (parseVersion(available)) checkLimits(tolerant);
  return exchange.step;
}

function parseVersion(available: u32): bool {
  image.version = read32(HEADER_AT + 4);
  if (image.version < 2 || image.version > 3) return fail(Failure.BAD_VERSION, image.version) != 0;
  image.clusterBits = read32(HEADER_AT + 20);
  if (image.clusterBits < 9 || image.clusterBits > 21)
    return fail(Failure.CLUSTER_SIZE, image.clusterBits) != 0;

  image.incompatible = image.compatible = image.autoclear = 0;
  image.refcountOrder = 4;
  image.headerLength = V2_LENGTH;
  image.compressionType = 0;
  if (image.version == 3) {
    if (available < V3_LENGTH) return fail(Failure.HEADER_SHORT) != 0;
    image.incompatible = read64(HEADER_AT + 72);
    image.compatible = read64(HEADER_AT + 80);
    image.autoclear = read64(HEADER_AT + 88);
    image.refcountOrder = read32(HEADER_AT + 96);
    image.headerLength = read32(HEADER_AT + 100);
    if (image.headerLength < V3_LENGTH) return fail(Failure.HEADER_SHORT) != 0;
    if (image.headerLength > image.clusterSize) return fail(Failure.HEADER_LONG) != 0;
    // A field beyond the header's length counts as zero.
    if (image.headerLength > V3_LENGTH) image.compressionType = load<u8>(HEADER_AT + V3_LENGTH);
  }

  image.backingOffset = read64(HEADER_AT + 8);
  image.backingLength = read32(HEADER_AT + 16);
  image.size = read64(HEADER_AT + 24) & ~(<u64>511);
  image.cryptMethod = read32(HEADER_AT + 32);
  image.l1Size = read32(HEADER_AT + 36);
  image.l1Offset = read64(HEADER_AT + 40);
  image.refcountTableOffset = read64(HEADER_AT + 48);
  image.refcountTableClusters = read32(HEADER_AT + 56);
  image.snapshotCount = read32(HEADER_AT + 60);
  image.snapshotsOffset = read64(HEADER_AT + 64);

  image.entryBits = image.hasSubclusters ? 4 : 3;
  image.l2Bits = image.clusterBits - image.entryBits;
  // A cluster of 2^b bytes holds 2^(b+3) bits, 2^order bits a count.
  image.blockBits = image.clusterBits + 3 - image.refcountOrder;
  return true;
}

function checkLimits(tolerant: bool): void {
  const unknown = image.incompatible & ~KNOWN_INCOMPATIBLE;
  if (unknown != 0) fail(Failure.FEATURES, unknown);
  else if (image.refcountOrder > 6) fail(Failure.REFCOUNT_WIDTH);
  else if (image.backingOffset > image.clusterSize) fail(Failure.BACKING_OFFSET);
  else if (
    image.backingOffset != 0 &&
    (image.backingLength > BACKING_NAME_MAX || image.backingOffset + image.backingLength > image.clusterSize)
  )
    fail(Failure.BACKING_LENGTH);
  else if (image.compressionType > 1) fail(Failure.COMPRESSION_TYPE, image.compressionType);
  else if (image.compressionType != 0 && (image.incompatible & COMPRESSION) == 0)
    fail(Failure.COMPRESSION_BIT_MISSING);
  else if (image.compressionType == 0 && (image.incompatible & COMPRESSION) != 0)
    fail(Failure.COMPRESSION_BIT_EXTRA);
  else if (image.hasSubclusters && image.clusterBits < SECTOR_BITS + SUBCLUSTER_BITS)
    fail(Failure.SUBCLUSTER_SIZE, image.clusterSize >> SUBCLUSTER_BITS);
  else if (image.size >= (<u64>1) << 62) fail(Failure.TOO_BIG);
  else if (image.cryptMethod > 2) fail(Failure.ENCRYPTION, image.cryptMethod);
  else if (image.refcountTableClusters == 0 && !tolerant) fail(Failure.REFCOUNT_TABLE_NONE);
  else if ((<u64>image.refcountTableClusters) << image.clusterBits > REFCOUNT_TABLE_MAX)
    fail(Failure.REFCOUNT_TABLE_LARGE);
  else if (misplaced(image.refcountTableOffset)) fail(Failure.REFCOUNT_TABLE_OFFSET);
  else if (<u64>image.l1Size * 8 > L1_MAX) fail(Failure.L1_LARGE);
  else if (<u64>image.l1Size < image.l1SizeFor(image.size)) fail(Failure.L1_SMALL);
  else if (misplaced(image.l1Offset)) fail(Failure.L1_OFFSET);
  else if (image.snapshotCount > SNAPSHOTS_MAX && !tolerant) fail(Failure.SNAPSHOTS_MANY);
  else if (misplaced(image.snapshotsOffset) && !tolerant) fail(Failure.SNAPSHOTS_OFFSET);
}

/** A table must start at a cluster and end below 2^63. */
function misplaced(offset: u64): bool {
  return (offset & image.offsetInCluster) != 0 || offset >= ((<u64>1) << 63) - L1_MAX;
}

/** Puts `image` back into the header's bytes; extensions and names, which follow, are the host's to lay out. */
export function storeHeader(): void {
  write32(HEADER_AT, MAGIC);
  write32(HEADER_AT + 4, image.version);
  write64(HEADER_AT + 8, image.backingOffset);
  write32(HEADER_AT + 16, image.backingLength);
  write32(HEADER_AT + 20, image.clusterBits);
  write64(HEADER_AT + 24, image.size);
  write32(HEADER_AT + 32, image.cryptMethod);
  write32(HEADER_AT + 36, image.l1Size);
  write64(HEADER_AT + 40, image.l1Offset);
  write64(HEADER_AT + 48, image.refcountTableOffset);
  write32(HEADER_AT + 56, image.refcountTableClusters);
  write32(HEADER_AT + 60, image.snapshotCount);
  write64(HEADER_AT + 64, image.snapshotsOffset);
  if (image.version < 3) return;
  write64(HEADER_AT + 72, image.incompatible);
  write64(HEADER_AT + 80, image.compatible);
  write64(HEADER_AT + 88, image.autoclear);
  write32(HEADER_AT + 96, image.refcountOrder);
  write32(HEADER_AT + 100, image.headerLength);
  if (image.headerLength > V3_LENGTH) store<u8>(HEADER_AT + V3_LENGTH, <u8>image.compressionType);
}

/** How long the header is that we write: with the compression type, and padded to a multiple of 8. */
export function lengthOf(version: u32): u32 {
  return version == 3 ? V3_LENGTH + 8 : V2_LENGTH;
}

/** A header for a blank image: cluster 0 this, 1 the refcount table, 2 its first block, 3 the empty L1 table. */
export function formatHeader(
  version: u32,
  clusterBits: u32,
  refcountOrder: u32,
  incompatible: u32,
  compatible: u32,
  compressionType: u32,
): void {
  memory.fill(HEADER_AT, 0, MAX_CLUSTER);
  memory.fill(changetype<usize>(image), 0, offsetof<Image>());
  image.version = version;
  image.clusterBits = clusterBits;
  image.refcountOrder = refcountOrder;
  image.incompatible = incompatible;
  image.compatible = compatible;
  image.compressionType = compressionType;
  image.headerLength = lengthOf(version);
  image.refcountTableOffset = image.clusterSize;
  image.refcountTableClusters = 1;
  image.l1Offset = 3 * image.clusterSize;
  storeHeader();
}
