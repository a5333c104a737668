// The way out of the block engine: everything that the host may call.
import { unadc } from "../codecs/adc";
import { bunzip2, BUNZIP2_ROOM as BUNZIP2_SIZE } from "../codecs/bunzip2";
import { deflate, PACK_MARGIN } from "../codecs/deflate";
import { inflate } from "../codecs/inflate";
import { LZMA2_ROOM as LZMA2_SIZE } from "../codecs/lzma2";
import { unxz } from "../codecs/unxz";
import { unzstd } from "../codecs/zstd";
import { zstd } from "../codecs/zstd-encode";
import { createBlank } from "../qcow2/create";
import * as checking from "../qcow2/check";
import * as flush from "../qcow2/flush";
import * as header from "../qcow2/header";
import { image, ZSTD } from "../qcow2/image";
import { openTables as loadTables } from "../qcow2/open";
import * as plan from "../qcow2/plan";
import * as refcount from "../qcow2/refcount";
import * as snapshots from "../qcow2/snapshots";
import * as sizing from "../qcow2/resize";
import { dropLoading } from "../qcow2/table-cache";
import * as writing from "../qcow2/write";
import * as sectors from "../crypto/sectors";
import { DONE, exchange } from "./exchange";
import {
  CRYPTO_AT as CRYPTO,
  CRYPTO_SIZE as CRYPTO_ROOM,
  ensureMemory,
  HEADER_AT as HEADER,
  L1_AT as L1,
  PACKED_AT as PACKED,
  UNPACKED_AT as UNPACKED,
  WORK_AT as WORK,
} from "./layout";
import * as zeros from "./zeros";

// Where the host puts and finds bytes.
export const HEADER_AT: usize = HEADER;
export const L1_AT: usize = L1;
export const PACKED_AT: usize = PACKED;
export const UNPACKED_AT: usize = UNPACKED;
export const WORK_AT: usize = WORK;
export const CRYPTO_AT: usize = CRYPTO;
export const CRYPTO_SIZE: usize = CRYPTO_ROOM;
export const BUNZIP2_ROOM: usize = BUNZIP2_SIZE;
export const LZMA2_ROOM: usize = LZMA2_SIZE;

/** Makes room for the image's areas, `work` bytes behind them, and what packers may write behind their output. */
export function reserve(work: u32): bool {
  return ensureMemory(WORK_AT + work + PACK_MARGIN);
}

// What a step asks for, and what it found.
export function transferOffset(): f64 {
  return <f64>exchange.transferOffset;
}
export function transferAddress(): u32 {
  return exchange.transferAddress;
}
export function transferLength(): u32 {
  return exchange.transferLength;
}
export function extentKind(): u32 {
  return exchange.extentKind;
}
export function extentOffset(): f64 {
  return <f64>exchange.extentOffset;
}
export function extentLength(): f64 {
  return <f64>exchange.extentLength;
}
export function reason(): u32 {
  return exchange.reason;
}
/** The numbers of a sentence: whole 64 bits, so as BigInt. */
export function reasonFirst(): u64 {
  return exchange.first;
}
export function reasonSecond(): u64 {
  return exchange.second;
}

export function reasonThird(): u64 {
  return exchange.third;
}

// Opening and making.
export function openHeader(available: u32, tolerant: bool): u32 {
  return header.parseHeader(available, tolerant);
}
export function openTables(fileSize: f64): u32 {
  return loadTables(<u64>fileSize);
}
export function formatImage(
  version: u32,
  clusterBits: u32,
  refcountOrder: u32,
  incompatible: u32,
  compatible: u32,
  compressionType: u32,
): void {
  createBlank(version, clusterBits, refcountOrder, incompatible, compatible, compressionType);
}

// The header's fields.
export function virtualSize(): f64 {
  return <f64>image.size;
}
export function version(): u32 {
  return image.version;
}
export function clusterBits(): u32 {
  return image.clusterBits;
}
export function refcountOrder(): u32 {
  return image.refcountOrder;
}
export function compressionType(): u32 {
  return image.compressionType;
}
export function cryptMethod(): u32 {
  return image.cryptMethod;
}
export function headerLength(): u32 {
  return image.headerLength;
}
export function incompatible(): u32 {
  return <u32>image.incompatible;
}
export function compatible(): u32 {
  return <u32>image.compatible;
}
export function autoclear(): u32 {
  return <u32>image.autoclear;
}
export function backingOffset(): u32 {
  return <u32>image.backingOffset;
}
export function backingLength(): u32 {
  return image.backingLength;
}
export function snapshotCount(): u32 {
  return image.snapshotCount;
}
export function snapshotsOffset(): f64 {
  return <f64>image.snapshotsOffset;
}
export function l1Size(): u32 {
  return image.l1Size;
}
export function l1Offset(): f64 {
  return <f64>image.l1Offset;
}

export function setCryptMethod(method: u32): void {
  image.cryptMethod = method;
  header.storeHeader();
}

/** Names the backing file: where in the header's cluster the host has put it, 0 for none. */
export function setBacking(offset: u32, length: u32): void {
  image.backingOffset = offset;
  image.backingLength = length;
  header.storeHeader();
}

// Guest bytes.
export function planRead(guest: f64, length: f64): u32 {
  return plan.planRead(<u64>guest, <u64>length);
}
export function planWrite(guest: f64, length: f64): u32 {
  return writing.planWrite(<u64>guest, <u64>length);
}
export function commitWrite(guest: f64, host: f64, length: f64): u32 {
  return writing.commitWrite(<u64>guest, <u64>host, <u64>length);
}
/** `commitWrite` for space that is only kept: with subclusters none of them counts as data. */
export function commitReserved(guest: f64, host: f64, length: f64): u32 {
  return writing.commitWrite(<u64>guest, <u64>host, <u64>length, true);
}
export function cancelWrite(host: f64, clusters: u32): u32 {
  return writing.cancelWrite(<u64>host, clusters);
}
export function zeroClusters(guest: f64, length: f64, unmap: bool, hasBacking: bool): u32 {
  return writing.zeroClusters(<u64>guest, <u64>length, unmap, hasBacking);
}
export function zeroSubclusters(guest: f64, length: f64, hasBacking: bool): u32 {
  return writing.zeroSubclusters(<u64>guest, <u64>length, hasBacking);
}
export function planPacked(length: u32): u32 {
  return writing.planPacked(length);
}
export function commitPacked(guest: f64, host: f64, length: u32): u32 {
  return writing.commitPacked(<u64>guest, <u64>host, length);
}
/** Decompresses `length` bytes at PACKED_AT to one cluster at UNPACKED_AT; false: they are damaged. */
export function unpackCluster(length: u32): bool {
  const size = <u32>image.clusterSize;
  const got =
    image.compressionType == ZSTD
      ? unzstd(PACKED_AT, length, UNPACKED_AT, size)
      : inflate(PACKED_AT, length, UNPACKED_AT, size);
  return got == <i32>size;
}
// Any packed bytes: packers return 0 where it does not come out within `capacity`, unpackers -1 for damage.
export function packDeflate(from: usize, length: u32, to: usize, capacity: u32): u32 {
  return deflate(from, length, to, capacity);
}
export function unpackDeflate(from: usize, length: u32, to: usize, capacity: u32): i32 {
  return inflate(from, length, to, capacity);
}
/** `length` is a cluster's at most. */
export function packZstd(from: usize, length: u32, to: usize, capacity: u32): u32 {
  return zstd(from, length, to, capacity);
}
export function unpackZstd(from: usize, length: u32, to: usize, capacity: u32): i32 {
  return unzstd(from, length, to, capacity);
}
/** `room`: BUNZIP2_ROOM bytes to work in. */
export function unpackBzip2(from: usize, length: u32, to: usize, capacity: u32, room: usize): i32 {
  return bunzip2(from, length, to, capacity, room);
}
/** `room`: LZMA2_ROOM bytes to work in. */
export function unpackXz(from: usize, length: u32, to: usize, capacity: u32, room: usize): i32 {
  return unxz(from, length, to, capacity, room);
}
export function unpackAdc(from: usize, length: u32, to: usize, capacity: u32): i32 {
  return unadc(from, length, to, capacity);
}
export function trimEnd(): u32 {
  return refcount.trimEnd();
}

export function reach(end: f64): u32 {
  return sizing.reach(<u64>end);
}

export function resize(size: f64): u32 {
  return sizing.resize(<u64>size);
}
export function flushTables(): u32 {
  return flush.flushTables();
}
/** False: the header names tables past the end of the file, where a flush would make it grow to. */
/** `any`: the refcount table may lie anywhere. */
export function tablesAreInside(any: bool): bool {
  const l1End = (image.l1Offset >> image.clusterBits) + image.clustersOf((<u64>image.l1Size) << 3);
  const table = (image.refcountTableOffset >> image.clusterBits) + image.refcountTableClusters;
  return (image.l1Size == 0 || l1End <= image.endCluster) && (any || table <= image.endCluster);
}
export function needsFlush(): bool {
  return flush.needsFlush();
}
/** After an act of the host failed: what the verb had begun is forgotten. */
export function abandon(): void {
  dropLoading();
  writing.abandon();
  sizing.resetResize();
  snapshots.resetWalk();
  checking.resetCheck();
}

// Snapshots: the host lays out tables, the engine counts.
export function referenceTree(active: bool, offset: f64, entries: u32, act: u32): u32 {
  return snapshots.referenceTree(active, <u64>offset, entries, act);
}
/** Exactly `clusters` adjacent clusters: extent offset. */
export function allocateRange(clusters: u32): u32 {
  exchange.step = DONE;
  exchange.extentOffset = refcount.allocate(clusters, true);
  return exchange.step;
}
/** Adds one reference to a cluster that has some. */
export function shareCluster(offset: f64): u32 {
  exchange.step = DONE;
  refcount.addReference((<u64>offset) >> image.clusterBits);
  return exchange.step;
}
/** Drops one reference of each cluster of a range that no table on disk names any more. */
export function dropRange(offset: f64, clusters: u32): u32 {
  return writing.cancelWrite(<u64>offset, clusters);
}
/** Names the snapshot table in the header's bytes; the host stores them. */
export function setSnapshots(count: u32, offset: f64): void {
  image.snapshotCount = count;
  image.snapshotsOffset = <u64>offset;
  header.storeHeader();
}
/** Names another active L1 table in the header's bytes; the host stores them and loads the table. */
export function setActive(size: f64, offset: f64, entries: u32): void {
  image.size = <u64>size;
  image.l1Offset = <u64>offset;
  image.l1Size = entries;
  header.storeHeader();
}

// Checking and repairing.
export function startCheck(fileSize: f64): u32 {
  return checking.startCheck(<u64>fileSize);
}
export function countRange(offset: f64, length: f64): u32 {
  return checking.countRange(<u64>offset, <u64>length);
}
export function countTables(): u32 {
  return checking.countTables();
}
export function countTree(active: bool, offset: f64, entries: u32): u32 {
  return checking.countTree(active, <u64>offset, entries);
}
export function countsStandAlone(): bool {
  return checking.countsStandAlone();
}
export function uncountTables(): void {
  checking.uncountTables();
}
export function referencesTo(cluster: f64): u32 {
  return checking.referencesTo(<u64>cluster);
}
export function dropBadBlocks(): void {
  checking.dropBadBlocks();
}
export function compareCounts(repair: u32): u32 {
  return checking.compareCounts(repair);
}
export function compareCopied(repair: bool): u32 {
  return checking.compareCopied(repair);
}
export function allocatedClusters(): f64 {
  return <f64>checking.allocatedClusters;
}
export function packedClusters(): f64 {
  return <f64>checking.packedClusters;
}
export function fragmentedClusters(): f64 {
  return <f64>checking.fragmentedClusters;
}
export function endOffset(): f64 {
  return <f64>checking.endOffset;
}
/** Sets the feature bits, to be stored by `setBacking`'s header or by the host. */
export function setFeatures(incompatible: u32, compatible: u32, autoclear: u32): void {
  image.incompatible = (image.incompatible & 0xffff_ffff_0000_0000) | incompatible;
  image.compatible = (image.compatible & 0xffff_ffff_0000_0000) | compatible;
  image.autoclear = autoclear;
  header.storeHeader();
}

/** Another version in the header's bytes, all its features off; the host lays out what follows them and stores all. */
export function setVersion(version: u32): void {
  image.version = version;
  image.headerLength = header.lengthOf(version);
  image.incompatible = image.compatible = image.autoclear = 0;
  header.storeHeader();
}

// Encryption: keys, and sectors from number `first` on.
export { hash } from "../crypto/hash";
export { pbkdf2 } from "../crypto/pbkdf2";
export { mergeKey, splitKey } from "../crypto/stripes";
export { setCipher } from "../crypto/sectors";
export function encryptSectors(at: usize, count: u32, first: f64): void {
  sectors.encryptSectors(at, count, <u64>first);
}
export function decryptSectors(at: usize, count: u32, first: f64): void {
  sectors.decryptSectors(at, count, <u64>first);
}

// Bytes in memory.
export function isZero(at: usize, length: u32): bool {
  return zeros.isZero(at, length);
}
export function runLength(at: usize, length: u32, unit: u32): u32 {
  return zeros.runLength(at, length, unit);
}
export function firstDifference(a: usize, b: usize, length: u32): u32 {
  return zeros.firstDifference(a, b, length);
}
