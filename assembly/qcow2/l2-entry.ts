// L1 and L2 entries, bit by bit (qcow2 specification, "Cluster mapping").
//
//   L1:  63 COPIED | 62-56 0 | 55-9 offset of the L2 table | 8-0 0
//   L2:  63 COPIED | 62 0    | 55-9 offset of the cluster  | 8-1 0 | 0 reads as zeros
//        63 0      | 62 1    | 61-x sectors after the first | x-1-0 byte offset      x = 62 - (cluster bits - 8)
//   With subclusters a second word follows: 63-32 "zero" bits, 31-0 "allocated" bits, bit k for subcluster k.
import { image } from "./image";

/** The count of the cluster named is exactly 1: it may be written in place. */
export const COPIED: u64 = (<u64>1) << 63;
export const COMPRESSED: u64 = (<u64>1) << 62;
export const ZERO: u64 = 1;
export const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
export const L1_RESERVED: u64 = 0x7f00_0000_0000_01ff;
export const L2_RESERVED: u64 = 0x3f00_0000_0000_01fe;
/** Second word of a cluster with all its subclusters allocated, or all zero. */
export const ALL_ALLOCATED: u64 = 0xffff_ffff;
export const ALL_ZERO: u64 = 0xffff_ffff << 32;

const SECTOR: u64 = 512;

function packedOffsetBits(): u32 {
  return 62 - (image.clusterBits - 8);
}

/** Byte offset of a compressed cluster's data. */
export function packedOffset(entry: u64): u64 {
  return entry & (((<u64>1) << packedOffsetBits()) - 1);
}

/** How long that data is at most: to the end of the last sector it touches. */
export function packedLength(entry: u64): u32 {
  const sectors = ((entry & ~(COMPRESSED | COPIED)) >> packedOffsetBits()) + 1;
  return <u32>(sectors * SECTOR - (packedOffset(entry) & (SECTOR - 1)));
}

export function packedEntry(offset: u64, length: u32): u64 {
  const sectors = (offset + length - 1) / SECTOR - offset / SECTOR;
  return COMPRESSED | (sectors << packedOffsetBits()) | offset;
}
