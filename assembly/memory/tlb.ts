// Cached translations: two sets (supervisor, user) of 512 entries, direct-mapped by linear page.
//
//  0            8             16           24       28         32
//  ├ readTag ───┼ writeTag ───┼ execTag ───┼ delta ─┼ physical ┤
//
// A tag is the linear page address, or NO_PAGE where the access must take the slow path: not allowed, not yet
// dirty, device memory, or (writeTag) a page that holds decoded code. `delta` added to the low half of a linear
// address gives its place in linear memory. `physical` is the page's guest address, with bit 0 = global.
import { CpuState, cpu } from "../cpu/state";
import { clock } from "../machine/clock";
import { CPU_AT, CPU_END, PARKED_AT, TLB_AT, TLB_SET_SIZE, TLB_SIZE } from "../machine/layout";

export const TLB_ENTRIES: u32 = 512;
export const TLB_ENTRY_SIZE: usize = 32;
/** Equals no page-aligned address. */
export const NO_PAGE: u64 = 0xffff_ffff_ffff_ffff;
export const GLOBAL_PAGE: u32 = 1;

@final
@unmanaged
export class TlbEntry {
  readTag: u64;
  writeTag: u64;
  execTag: u64;
  delta: u32;
  physical: u32;
}

/** The entry that `linear` maps to in the set at `set` (TLB_AT, or TLB_AT + TLB_SET_SIZE for user mode). */
export function tlbEntry(set: usize, linear: u64): TlbEntry {
  return changetype<TlbEntry>(set + (((<usize>(linear >> 12)) & (TLB_ENTRIES - 1)) << 5));
}

function forget(entry: TlbEntry): void {
  entry.readTag = NO_PAGE;
  entry.writeTag = NO_PAGE;
  entry.execTag = NO_PAGE;
}

/** Drops every translation of the running vCPU (MOV CR0/CR4, global pages too). */
export function flushTlb(): void {
  cpu.codePage = NO_PAGE;
  memory.fill(TLB_AT, 0xff, TLB_SIZE);
}

/** Drops every translation of every vCPU: physical addresses lead elsewhere now. */
export function flushEveryTlb(): void {
  flushTlb();
  for (let vcpu: u32 = 0; vcpu < clock.vcpus; vcpu++) {
    const parked = PARKED_AT + <usize>vcpu * (CPU_END - CPU_AT);
    changetype<CpuState>(parked).codePage = NO_PAGE;
    memory.fill(parked + (TLB_AT - CPU_AT), 0xff, TLB_SIZE);
  }
}

/** Drops what a MOV to CR3 drops: all but global pages (SDM 3A §4.10.4.1). */
export function flushTlbNonGlobal(): void {
  cpu.codePage = NO_PAGE;
  for (let at = TLB_AT; at < TLB_AT + TLB_SIZE; at += TLB_ENTRY_SIZE) {
    const entry = changetype<TlbEntry>(at);
    if ((entry.physical & GLOBAL_PAGE) == 0) forget(entry);
  }
}

/** Drops the translations of one page (INVLPG). */
export function flushTlbPage(linear: u64): void {
  cpu.codePage = NO_PAGE;
  forget(tlbEntry(TLB_AT, linear));
  forget(tlbEntry(TLB_AT + TLB_SET_SIZE, linear));
}

/** Where the pages are noted that `closePages` closes. */
const OPEN_PAGES_AT: usize = CPU_AT + 0x700;
const OPEN_PAGES_MAX: u32 = 16;

/** Supervisor code has reached the user page at `linear` under SMAP, as it may until EFLAGS.AC is clear. */
export function noteOpenPage(linear: u64): void {
  if (cpu.openPages < OPEN_PAGES_MAX) store<u64>(OPEN_PAGES_AT + ((<usize>cpu.openPages) << 3), linear);
  cpu.openPages++;
}

/** EFLAGS.AC is clear: user pages are closed to supervisor code again. */
export function closePages(): void {
  if (cpu.openPages > OPEN_PAGES_MAX) memory.fill(TLB_AT, 0xff, TLB_SET_SIZE);
  else
    for (let n: u32 = 0; n < cpu.openPages; n++)
      forget(tlbEntry(TLB_AT, load<u64>(OPEN_PAGES_AT + ((<usize>n) << 3))));
  cpu.openPages = 0;
}

/** Sends writes to a physical page down the slow path, on every vCPU: the page now holds decoded code. */
export function writeProtectPhysicalPage(page: u32): void {
  writeProtectRange(page, 0x1000);
}

/** The same for the physical pages of `size` bytes from `first` on. */
export function writeProtectRange(first: u32, size: u32): void {
  protectSets(TLB_AT, first, size);
  for (let vcpu: u32 = 0; vcpu < (clock.vcpus > 1 ? clock.vcpus : 0); vcpu++)
    protectSets(PARKED_AT + <usize>vcpu * (CPU_END - CPU_AT) + (TLB_AT - CPU_AT), first, size);
}

function protectSets(sets: usize, first: u32, size: u32): void {
  for (let at = sets; at < sets + TLB_SIZE; at += TLB_ENTRY_SIZE) {
    const entry = changetype<TlbEntry>(at);
    // Bit 0 of `physical` says something else, and lies within the page.
    if (entry.physical - first < size) entry.writeTag = NO_PAGE;
  }
}

/** Fills the entry of `linear` for a page of memory that lies at `place`. */
export function fillTlb(
  set: usize,
  linear: u64,
  page: u32,
  place: usize,
  global: bool,
  read: bool,
  write: bool,
  exec: bool,
): void {
  const entry = tlbEntry(set, linear);
  const tag = linear & ~0xfff;
  entry.readTag = read ? tag : NO_PAGE;
  entry.writeTag = write ? tag : NO_PAGE;
  entry.execTag = exec ? tag : NO_PAGE;
  entry.delta = <u32>place - <u32>tag;
  entry.physical = page | (global ? GLOBAL_PAGE : 0);
}
