// L2 tables, refcount blocks and other clusters of metadata in memory: at most 16 MiB, the least recently used
// clean one makes room. Dirty ones stay until `flushTables` has written them in the order that a power cut survives.
import { ask, FLUSH, LOAD } from "../block/exchange";
import { SLOTS_AT, TABLES_AT, TABLES_SIZE } from "../block/layout";
import { image } from "./image";

/** What a slot holds. The kind decides when flush writes it. */
export const REFCOUNT_BLOCK: u32 = 1;
export const L2_TABLE: u32 = 2;
/** Read, walked, and never changed in place: inactive L1 tables. */
export const OTHER: u32 = 3;

@final
@unmanaged
export class TableSlot {
  /** Where in the file; 0: free (the header's cluster is never cached). */
  offset: u64;
  lastUse: u32;
  kind: u32;
  dirty: bool;
  /** The host has been asked to fill it. */
  loading: bool;
}

const SLOT_SIZE: usize = 32;
/** Enough for any cluster size; more slots make the search for one longer than it saves. */
const MAX_SLOTS: u32 = 256;

let slots: u32 = 0;
let clock: u32 = 0;
/** The slot found last, of each kind: most searches end here. */
const recent = memory.data<u32>([0, 0, 0, 0]);

function slotAt(index: u32): TableSlot {
  return changetype<TableSlot>(SLOTS_AT + <usize>index * SLOT_SIZE);
}

function tableAt(index: u32): usize {
  return TABLES_AT + ((<usize>index) << image.clusterBits);
}

export function resetCache(): void {
  slots = min(MAX_SLOTS, <u32>(TABLES_SIZE >> image.clusterBits));
  memory.fill(SLOTS_AT, 0, <usize>slots * SLOT_SIZE);
}

function find(offset: u64, kind: u32): i32 {
  const last = load<u32>(recent + ((<usize>kind) << 2));
  if (last < slots && slotAt(last).offset == offset) return <i32>last;
  for (let i: u32 = 0; i < slots; i++) {
    if (slotAt(i).offset == offset) {
      store<u32>(recent + ((<usize>kind) << 2), i);
      return <i32>i;
    }
  }
  return -1;
}

/** A slot to use anew: empty if there is one, else the clean one that was not used for longest; -1: all are dirty. */
function makeRoom(): i32 {
  let oldest: i32 = -1;
  for (let i: u32 = 0; i < slots; i++) {
    const slot = slotAt(i);
    if (slot.offset == 0) return <i32>i;
    if (slot.dirty) continue;
    if (oldest < 0 || slot.lastUse < slotAt(<u32>oldest).lastUse) oldest = <i32>i;
  }
  return oldest;
}

/** The table at `offset` in memory; 0: not yet, `exchange.step` says what the host must do first. */
export function fetchTable(offset: u64, kind: u32): usize {
  let index = find(offset, kind);
  if (index < 0) {
    index = makeRoom();
    if (index < 0) return ask(FLUSH, 0, 0, 0);
    const slot = slotAt(<u32>index);
    slot.offset = offset;
    slot.kind = kind;
    slot.lastUse = ++clock;
    slot.loading = true;
    return ask(LOAD, offset, tableAt(<u32>index), <u32>image.clusterSize);
  }
  const slot = slotAt(<u32>index);
  // Being asked again means that the host has filled it: it settles a failed load by `dropLoading`.
  slot.loading = false;
  slot.kind = kind;
  slot.lastUse = ++clock;
  return tableAt(<u32>index);
}

/** An empty, dirty table for the new cluster at `offset`; 0 as in `fetchTable`. */
export function newTable(offset: u64, kind: u32): usize {
  let index = find(offset, kind); // left there by an earlier life of that cluster
  if (index < 0) index = makeRoom();
  if (index < 0) return ask(FLUSH, 0, 0, 0);
  const slot = slotAt(<u32>index);
  slot.offset = offset;
  slot.kind = kind;
  slot.lastUse = ++clock;
  slot.loading = false;
  slot.dirty = true;
  const table = tableAt(<u32>index);
  memory.fill(table, 0, <usize>image.clusterSize);
  return table;
}

/** Marks the table that `fetchTable` returned as changed. */
export function touch(table: usize): void {
  slotAt(<u32>((table - TABLES_AT) >> image.clusterBits)).dirty = true;
}

/** Forgets the cluster at `offset`: it is free, or about to be data. */
export function forgetTable(offset: u64): void {
  for (let i: u32 = 0; i < slots; i++) {
    const slot = slotAt(i);
    if (slot.offset != offset) continue;
    slot.offset = 0;
    slot.dirty = false;
  }
}

/** After a failed LOAD, so that a later call does not take the slot's rubbish for the table. */
export function dropLoading(): void {
  for (let i: u32 = 0; i < slots; i++) {
    const slot = slotAt(i);
    if (!slot.loading) continue;
    slot.offset = 0;
    slot.loading = false;
  }
}

export function hasDirty(kind: u32): bool {
  for (let i: u32 = 0; i < slots; i++) if (slotAt(i).dirty && slotAt(i).kind == kind) return true;
  return false;
}

/** Hands the next dirty table of `kind` to the host to store; false: there is none. */
export function storeNext(kind: u32, step: u32): bool {
  for (let i: u32 = 0; i < slots; i++) {
    const slot = slotAt(i);
    if (!slot.dirty || slot.kind != kind) continue;
    slot.dirty = false;
    ask(step, slot.offset, tableAt(i), <u32>image.clusterSize);
    return true;
  }
  return false;
}
