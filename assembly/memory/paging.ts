// The table walk of every mode (SDM 3A §4): none, 32-bit, PAE, 4-level. A walk that succeeds fills the TLB;
// one that fails raises #PF. Accessed and dirty bits are set as the processor sets them.
import { watchesPage } from "../cpu/debug";
import { GP, SS_FAULT, notePageFault, noteWithError } from "../cpu/exceptions";
import {
  AC,
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  CR4_PGE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  EFER_LMA,
  EFER_NXE,
  FLAT_STACK,
  cpu,
} from "../cpu/state";
import { unwind } from "../host";
import { Insn } from "../cpu/decode/insn";
import { RAM_AT, TLB_AT, TLB_SET_SIZE } from "../machine/layout";
import { frameBufferPlace, mapForWriting } from "../devices/vga-memory";
import { NOWHERE, holdsCode, isWritable, memoryPlace, physicalMap } from "./physical";
import { fillTlb, noteOpenPage } from "./tlb";

/** Kinds of access; the values are the bits of a page fault's error code (SDM 3A §4.7). */
export const READ: u32 = 0;
export const WRITE: u32 = 1 << 1;
export const FETCH: u32 = 1 << 4;
/** Besides: an access of the processor itself, to descriptor tables and task states. No error code tells of it. */
export const IMPLICIT: u32 = 1 << 8;
const FAULT_PRESENT: u32 = 1 << 0;
const FAULT_USER: u32 = 1 << 2;
const FAULT_RESERVED: u32 = 1 << 3;

/** Page-table entry bits (SDM 3A tables 4-5 … 4-20). */
const P: u64 = 1 << 0;
const RW: u64 = 1 << 1;
const US: u64 = 1 << 2;
const A: u64 = 1 << 5;
const D: u64 = 1 << 6;
const PS: u64 = 1 << 7;
const G: u64 = 1 << 8;
const XD: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/** CPUID reports 40 physical address bits: entry bits 40 to 51 are reserved. */
const RESERVED: u64 = 0x000f_ff00_0000_0000;

/**
 * Physical address of `linear` for one access of kind `access` by `user` or supervisor code, valid to the end
 * of its page; fills the TLB. Raises #PF (or #GP, #SS for a non-canonical address).
 */
export function translate(linear: u64, access: u32, user: bool): u32 {
  const address = tryTranslate(linear, access, user);
  if (cpu.faultPending) unwind();
  return address;
}

/** The same, but what it raises is only noted: `cpu.faultPending`. */
export function tryTranslate(linear: u64, access: u32, user: bool): u32 {
  if ((cpu.cr0 & CR0_PG) == 0) {
    const address = (<u32>linear) & physicalMap.a20Mask;
    fill(linear, address & 0xffff_f000, user, false, true, true, true);
    return address;
  }
  if (cpu.efer & EFER_LMA) {
    if (!isCanonical(linear)) {
      noteWithError(changetype<Insn>(cpu.insn).seg == FLAT_STACK ? SS_FAULT : GP, 0);
      return 0;
    }
    return walk64(linear, access, user);
  }
  if (cpu.cr4 & CR4_PAE) return walkPae(linear, access, user);
  return walk32(linear, access, user);
}

/** Bits 47 to 63 are alike (SDM 1 §3.3.7.1). */
export function isCanonical(linear: u64): bool {
  return <u64>(((<i64>linear) << 16) >> 16) == linear;
}

/** Notes #PF; returns what goes for an address then. */
function fault(linear: u64, access: u32, user: bool, present: u32): u32 {
  let error = (access & ~IMPLICIT) | present | (user ? FAULT_USER : 0);
  // The I/D bit is reported only where fetches can be forbidden (SDM 3A §4.7).
  if (access == FETCH && !((cpu.cr4 & CR4_PAE && cpu.efer & EFER_NXE) || cpu.cr4 & CR4_SMEP)) error &= ~FETCH;
  notePageFault(linear, error);
  return 0;
}

/** Fills the TLB, should `page` be memory. */
function fill(linear: u64, page: u32, user: bool, global: bool, read: bool, write: bool, exec: bool): void {
  if (watchesPage(linear)) return;
  const place = memoryPlace(page);
  if (place == 0) {
    fillFrameBuffer(linear, page, user, global, read, write);
    return;
  }
  // Writes go where reads come from, or take the slow path.
  const writable = write && isWritable(page) && place == RAM_AT + <usize>page && !holdsCode(page);
  fillTlb(user ? TLB_AT + TLB_SET_SIZE : TLB_AT, linear, page, place, global, read, writable, exec);
}

/** The frame buffer is memory too, but for instructions; the display wants to know of the first write to a page. */
function fillFrameBuffer(linear: u64, page: u32, user: bool, global: bool, read: bool, write: bool): void {
  const place = frameBufferPlace(page);
  if (place == 0) return;
  if (write) mapForWriting();
  fillTlb(user ? TLB_AT + TLB_SET_SIZE : TLB_AT, linear, page, place, global, read, write, false);
}

function entryAt(address: u64): u64 {
  return address < <u64>physicalMap.ramSize ? load<u64>(RAM_AT + <usize>address) : 0;
}

function reserved(): u64 {
  return cpu.efer & EFER_NXE ? RESERVED : RESERVED | XD;
}

function walk64(linear: u64, access: u32, user: bool): u32 {
  const pml4e = entryAt((cpu.cr3 & ADDRESS) + (((linear >> 39) & 511) << 3));
  if (isUnusable(pml4e, PS)) return faultAt(pml4e, linear, access, user);
  mark((cpu.cr3 & ADDRESS) + (((linear >> 39) & 511) << 3), pml4e, A);
  const pdptAt = (pml4e & ADDRESS) + (((linear >> 30) & 511) << 3);
  const pdpte = entryAt(pdptAt);
  if (isUnusable(pdpte, 0)) return faultAt(pdpte, linear, access, user);
  const rights = pml4e & pdpte;
  if (pdpte & PS)
    return finish(
      linear,
      access,
      user,
      pdptAt,
      pdpte,
      0x3fff_e000,
      0x3fff_ffff,
      rights,
      (pml4e | pdpte) & XD,
    );
  mark(pdptAt, pdpte, A);
  return walkDirectory(linear, access, user, pdpte & ADDRESS, rights, (pml4e | pdpte) & XD);
}

function walkPae(linear: u64, access: u32, user: bool): u32 {
  // The four PDPTEs hold no rights (SDM 3A §4.4.1).
  const pdpte = entryAt((cpu.cr3 & 0xffff_ffe0) + (((linear >> 30) & 3) << 3));
  if ((pdpte & P) == 0) return fault(linear, access, user, 0);
  return walkDirectory(linear, access, user, pdpte & ADDRESS, RW | US, 0);
}

/** The two lower levels of 8-byte entries, alike in PAE and long mode. */
function walkDirectory(linear: u64, access: u32, user: bool, directory: u64, rights: u64, xd: u64): u32 {
  const pdeAt = directory + (((linear >> 21) & 511) << 3);
  const pde = entryAt(pdeAt);
  if (isUnusable(pde, 0)) return faultAt(pde, linear, access, user);
  rights &= pde;
  xd |= pde & XD;
  if (pde & PS) return finish(linear, access, user, pdeAt, pde, 0x1f_e000, 0x1f_ffff, rights, xd);
  mark(pdeAt, pde, A);
  const pteAt = (pde & ADDRESS) + (((linear >> 12) & 511) << 3);
  const pte = entryAt(pteAt);
  if (isUnusable(pte, 0)) return faultAt(pte, linear, access, user);
  return finish(linear, access, user, pteAt, pte, 0, 0xfff, rights & pte, xd | (pte & XD));
}

function isUnusable(entry: u64, forbidden: u64): bool {
  return (entry & P) == 0 || (entry & (reserved() | forbidden)) != 0;
}

function faultAt(entry: u64, linear: u64, access: u32, user: bool): u32 {
  return fault(linear, access, user, entry & P ? FAULT_PRESENT | FAULT_RESERVED : 0);
}

/** Sets accessed (and dirty) bits in a table entry, where they are not set yet. */
function mark(address: u64, entry: u64, bits: u64): void {
  if ((entry & bits) != bits) store<u64>(RAM_AT + <usize>address, entry | bits);
}

/**
 * The last level: `rights` holds the R/W and U/S bits of all levels ANDed, `xd` their XD bits ORed;
 * `low` are the address bits that must be 0 in a large page's entry, `offset` the bits within the page.
 */
function finish(
  linear: u64,
  access: u32,
  user: bool,
  entryAddress: u64,
  entry: u64,
  low: u64,
  offset: u64,
  rights: u64,
  xd: u64,
): u32 {
  if (entry & low) return fault(linear, access, user, FAULT_PRESENT | FAULT_RESERVED);
  if (!isPermitted(access, user, rights, xd)) return fault(linear, access, user, FAULT_PRESENT);
  const bits = access & WRITE ? A | D : A;
  mark(entryAddress, entry, bits);
  const address = (entry & ADDRESS & ~offset) | (linear & offset);
  return arrive(linear, access, user, address, entry | bits, rights, xd);
}

/** SDM 3A §4.6.1 */
function isPermitted(access: u32, user: bool, rights: u64, xd: u64): bool {
  if (user && (rights & US) == 0) return false;
  if (access == FETCH) return canFetch(user, rights, xd);
  if (!isOpen(access, user, rights)) return false;
  return (access & WRITE) == 0 || mayWrite(user, rights);
}

/** Whether SMAP lets supervisor code at the data of this page: user pages only while EFLAGS.AC is set. */
function isOpen(access: u32, user: bool, rights: u64): bool {
  return !isGuarded(user, rights) || ((cpu.eflags & AC) != 0 && (access & IMPLICIT) == 0);
}

/** Whether this is supervisor code at a user page, and SMAP on. */
function isGuarded(user: bool, rights: u64): bool {
  return !user && (rights & US) != 0 && (cpu.cr4 & CR4_SMAP) != 0;
}

function mayWrite(user: bool, rights: u64): bool {
  return (rights & RW) != 0 || (!user && (cpu.cr0 & CR0_WP) == 0);
}

function canFetch(user: bool, rights: u64, xd: u64): bool {
  if (xd) return false;
  return user || (rights & US) == 0 || (cpu.cr4 & CR4_SMEP) == 0;
}

/** `entry` is the last level's, its accessed and dirty bits as they are now. */
function arrive(linear: u64, access: u32, user: bool, address: u64, entry: u64, rights: u64, xd: u64): u32 {
  if (address > 0xffff_ffff) return NOWHERE | ((<u32>linear) & 0xfff);
  const physical = (<u32>address) & physicalMap.a20Mask;
  const global = (entry & G) != 0 && (cpu.cr4 & CR4_PGE) != 0;
  const open = isOpen(access, user, rights);
  const writable = open && mayWrite(user, rights) && (entry & D) != 0;
  fill(linear, physical & 0xffff_f000, user, global, open, writable, canFetch(user, rights, xd));
  if (open && isGuarded(user, rights)) noteOpenPage(linear);
  return physical;
}

function walk32(linear: u64, access: u32, user: bool): u32 {
  const pdeAt = (cpu.cr3 & 0xffff_f000) + (((linear >> 22) & 1023) << 2);
  const pde = <u64>entry32(pdeAt);
  if ((pde & P) == 0) return fault(linear, access, user, 0);
  if (pde & PS && cpu.cr4 & CR4_PSE) {
    // PSE-36: bits 13-20 of the entry are address bits 32-39 (SDM 3A table 4-4); bit 21 is reserved.
    if (pde & (1 << 21)) return fault(linear, access, user, FAULT_PRESENT | FAULT_RESERVED);
    const base = (pde & 0xffc0_0000) | (((pde >> 13) & 0xff) << 32);
    return finish32(linear, access, user, pdeAt, pde, base | (linear & 0x3f_ffff), pde);
  }
  mark32(pdeAt, pde, A);
  const pteAt = (pde & 0xffff_f000) + (((linear >> 12) & 1023) << 2);
  const pte = <u64>entry32(pteAt);
  if ((pte & P) == 0) return fault(linear, access, user, 0);
  return finish32(linear, access, user, pteAt, pte, (pte & 0xffff_f000) | (linear & 0xfff), pde & pte);
}

function finish32(linear: u64, access: u32, user: bool, at: u64, entry: u64, address: u64, rights: u64): u32 {
  if (!isPermitted(access, user, rights, 0)) return fault(linear, access, user, FAULT_PRESENT);
  const bits = access & WRITE ? A | D : A;
  mark32(at, entry, bits);
  return arrive(linear, access, user, address, entry | bits, rights, 0);
}

function entry32(address: u64): u32 {
  return address < <u64>physicalMap.ramSize ? load<u32>(RAM_AT + <usize>address) : 0;
}

function mark32(address: u64, entry: u64, bits: u64): void {
  if ((entry & bits) != bits) store<u32>(RAM_AT + <usize>address, <u32>(entry | bits));
}
