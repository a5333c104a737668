// Where guest bytes are: a range → the longest first part of it that has one answer.
import { ask, DONE, exchange, fail } from "../block/exchange";
import * as Failure from "../block/failures";
import { L1_AT } from "../block/layout";
import { read64 } from "./bytes";
import { image } from "./image";
import { COMPRESSED, OFFSET, packedLength, packedOffset, ZERO } from "./l2-entry";
import { fetchTable, L2_TABLE } from "./table-cache";

/** Kinds of extent, as the host reads them. */
export const UNALLOCATED: u32 = 0;
export const ZEROS: u32 = 1;
export const DATA: u32 = 2;
export const PACKED: u32 = 3;
/** Reads as zeros, with a cluster kept for it. */
export const ZEROS_ALLOCATED: u32 = 4;

/** The L2 table for `guest`: its address; NO_TABLE; 0 for "not yet". */
export const NO_TABLE: usize = 1;
export function tableFor(guest: u64): usize {
  const index = <u32>(guest >> (image.clusterBits + image.l2Bits));
  if (index >= image.l1Size) return NO_TABLE;
  const offset = read64(L1_AT + ((<usize>index) << 3)) & OFFSET;
  if (offset == 0) return NO_TABLE;
  if ((offset & image.offsetInCluster) != 0) return fail(Failure.L2_UNALIGNED, offset, index);
  return fetchTable(offset, L2_TABLE);
}

export function entryAt(table: usize, guest: u64): usize {
  const index = (<usize>(guest >> image.clusterBits)) & ((1 << image.l2Bits) - 1);
  return table + (index << image.entryBits);
}

// What `classify` found.
let kind: u32 = 0;
let host: u64 = 0;
/** Bytes from the guest offset on that share the answer, at least to the end of the (sub)cluster. */
let span: u64 = 0;

/** Says which L2 entry, that of `guest`, is damaged; false, for `classify` to return. */
function damaged(reason: u32, value: u64, guest: u64): bool {
  const table = read64(L1_AT + ((<usize>(guest >> (image.clusterBits + image.l2Bits))) << 3)) & OFFSET;
  const index = (guest >> image.clusterBits) & ((1 << image.l2Bits) - 1);
  return fail(reason, value, table, index) != 0;
}

/** Sets kind, host and span for the byte at `guest`; false: the entry is damaged. */
function classify(at: usize, guest: u64): bool {
  const entry = read64(at);
  const within = guest & image.offsetInCluster;
  span = image.clusterSize - within;
  if ((entry & COMPRESSED) != 0) {
    kind = PACKED;
    host = packedOffset(entry);
    return true;
  }
  const cluster = entry & OFFSET;
  if ((cluster & image.offsetInCluster) != 0) return damaged(Failure.DATA_UNALIGNED, cluster, guest);
  host = cluster + within;
  if (cluster == 0 && !image.hasExternalData) host = 0;
  if (image.hasSubclusters) return classifySubcluster(read64(at + 8), cluster, within, guest);
  if ((entry & ZERO) != 0) {
    if (image.version < 3) return damaged(Failure.ZERO_IN_V2, cluster, guest);
    kind = cluster != 0 ? ZEROS_ALLOCATED : ZEROS;
    return true;
  }
  // Offset 0 is a cluster's own only in an external file, whose first cluster it is; COPIED tells.
  kind = cluster != 0 || (image.hasExternalData && entry >> 63 != 0) ? DATA : UNALLOCATED;
  if (kind == DATA && image.hasExternalData && host != guest)
    return (
      fail(
        Failure.EXTERNAL_OFFSET,
        cluster,
        guest - within,
        (guest >> image.clusterBits) & ((1 << image.l2Bits) - 1),
      ) != 0
    );
  return true;
}

function classifySubcluster(bitmap: u64, cluster: u64, within: u64, guest: u64): bool {
  const bits = image.clusterBits - 5;
  const first = <u32>(within >> bits);
  if ((bitmap & (bitmap >> 32) & 0xffff_ffff) != 0) return damaged(Failure.SUBCLUSTERS, cluster, guest);
  const state = (bitmap >> first) & 0x1_0000_0001;
  let last = first;
  while (last < 31 && ((bitmap >> (last + 1)) & 0x1_0000_0001) == state) last++;
  span = ((<u64>(last + 1)) << bits) - within;
  if (state == 1) {
    if (cluster == 0 && !image.hasExternalData) return damaged(Failure.SUBCLUSTERS, cluster, guest);
    kind = DATA;
  } else if (state != 0) kind = cluster != 0 ? ZEROS_ALLOCATED : ZEROS;
  else {
    kind = UNALLOCATED;
    if (cluster == 0) host = 0; // else the offset is that of the space kept for it
  }
  return true;
}

/** The extent that begins at `guest`, at most `length` long. */
export function planRead(guest: u64, length: u64): u32 {
  exchange.step = DONE;
  const table = tableFor(guest);
  if (table == 0) return exchange.step;
  const perTable = (<u64>1) << (image.clusterBits + image.l2Bits);
  const tableEnd = (guest & ~(perTable - 1)) + perTable;
  const end = min(guest + length, tableEnd);
  if (table == NO_TABLE) return extent(UNALLOCATED, 0, end - guest);

  if (!classify(entryAt(table, guest), guest)) return exchange.step;
  const firstKind = kind;
  const firstHost = host;
  let reach = guest + span;
  if (firstKind == PACKED) {
    // One at a time; the host inflates the whole cluster. The transfer is where its bytes are.
    ask(DONE, firstHost, 0, packedLength(read64(entryAt(table, guest))));
    return extent(PACKED, firstHost, min(reach, end) - guest);
  }
  while (reach < end) {
    if (!classify(entryAt(table, reach), reach)) break; // its own read will say what is wrong
    if (kind != firstKind) break;
    const placed = kind == DATA || kind == ZEROS_ALLOCATED || firstHost != 0;
    if (kind != ZEROS && placed && host != firstHost + (reach - guest)) break;
    if (kind == UNALLOCATED && (host == 0) != (firstHost == 0)) break;
    reach += span;
  }
  exchange.step = DONE;
  return extent(firstKind, firstHost, min(reach, end) - guest);
}

function extent(what: u32, offset: u64, length: u64): u32 {
  exchange.extentKind = what;
  exchange.extentOffset = offset;
  exchange.extentLength = length;
  return DONE;
}
