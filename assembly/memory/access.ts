// Guest memory as instructions see it: linear addresses, little-endian, any alignment. T: u8 … u64, v128.
// The fast path is one tag compare: a tag names the page of the access' last byte, the index that of its first,
// so an access that crosses a page misses and takes the slow path.
import { ON_READ, ON_WRITE, noteAccess, watchesData } from "../cpu/debug";
import { AC_FAULT, raiseWithError } from "../cpu/exceptions";
import { unwind } from "../host";
import { EFER_LMA, checksAlignment, cpu } from "../cpu/state";
import { TLB_AT } from "../machine/layout";
import { FETCH, IMPLICIT, READ, WRITE, translate, tryTranslate } from "./paging";
import { readPhysical, writePhysical } from "./physical";
import { tlbEntry } from "./tlb";

function lastPage<T>(linear: u64): u64 {
  return (linear + (sizeof<T>() - 1)) & ~0xfff;
}

/** The fast paths, expanded in place where a call would double their cost. */
export class Access {
  /** Reads with the current privilege. */
  @inline
  static read<T>(linear: u64): T {
    const entry = tlbEntry(cpu.tlb, linear);
    if (entry.readTag == lastPage<T>(linear)) return load<T>(entry.delta + <u32>linear);
    return readSlow<T>(linear, cpu.cpl == 3);
  }

  /** Writes with the current privilege. */
  @inline
  static write<T>(linear: u64, value: T): void {
    const entry = tlbEntry(cpu.tlb, linear);
    if (entry.writeTag == lastPage<T>(linear)) store<T>(entry.delta + <u32>linear, value);
    else writeSlow<T>(linear, value, cpu.cpl == 3);
  }
}

/** Reads with the current privilege. */
export function read<T>(linear: u64): T {
  return Access.read<T>(linear);
}

/** Writes with the current privilege. */
export function write<T>(linear: u64, value: T): void {
  Access.write<T>(linear, value);
}

/** Reads what will be written back: raises now what the write would raise, so that the commit cannot fault. */
export function readForWrite<T>(linear: u64): T {
  const entry = tlbEntry(cpu.tlb, linear);
  if (entry.writeTag == lastPage<T>(linear)) return load<T>(entry.delta + <u32>linear);
  probeWrite(linear, sizeof<T>());
  return readSlow<T>(linear, cpu.cpl == 3);
}

/**
 * Reads as the processor itself does for descriptor tables and task states: as supervisor, to whom user pages that
 * EFLAGS.AC has opened are closed nevertheless (SDM 3A §4.6.1).
 */
export function readSystem<T>(linear: u64): T {
  const entry = tlbEntry(TLB_AT, linear);
  if (entry.readTag == lastPage<T>(linear) && cpu.openPages == 0) return load<T>(entry.delta + <u32>linear);
  return readParts<T>(linear, READ | IMPLICIT, false);
}

export function writeSystem<T>(linear: u64, value: T): void {
  const entry = tlbEntry(TLB_AT, linear);
  if (entry.writeTag == lastPage<T>(linear) && cpu.openPages == 0) store<T>(entry.delta + <u32>linear, value);
  else writeParts<T>(linear, value, WRITE | IMPLICIT, false);
}

/** Raises what a write of `size` bytes at `linear` would raise; writes nothing. */
export function probeWrite(linear: u64, size: u32): void {
  const user = cpu.cpl == 3;
  translate(linear, WRITE, user);
  if (((<u32>linear) & 0xfff) + size > 0x1000) translate(wrap(linear + size - 1), WRITE, user);
}

/** Raises what a read of `size` bytes at `linear` would raise. */
export function probeRead(linear: u64, size: u32): void {
  const user = cpu.cpl == 3;
  translate(linear, READ, user);
  if (((<u32>linear) & 0xfff) + size > 0x1000) translate(wrap(linear + size - 1), READ, user);
}

/** Linear addresses outside 64-bit code are 32 bits wide. */
export function wrap(linear: u64): u64 {
  return cpu.efer & EFER_LMA ? linear : linear & 0xffff_ffff;
}

/**
 * Where the byte at `linear` lies in linear memory, for accesses up to the end of its page; 0 where only the slow path
 * knows, or a fault is noted (cpu.faultPending).
 */
export function findPlace(linear: u64, write: bool): usize {
  const entry = tlbEntry(cpu.tlb, linear);
  const page = linear & ~0xfff;
  if ((write ? entry.writeTag : entry.readTag) != page) {
    tryTranslate(linear, write ? WRITE : READ, cpu.cpl == 3);
    if (cpu.faultPending || (write ? entry.writeTag : entry.readTag) != page) return 0;
  }
  return <usize>(entry.delta + <u32>linear);
}

export function placeToRead(linear: u64): usize {
  const place = findPlace(linear, false);
  if (cpu.faultPending) unwind();
  return place;
}

export function placeToWrite(linear: u64): usize {
  const place = findPlace(linear, true);
  if (cpu.faultPending) unwind();
  return place;
}

/** Physical address of the instruction byte at `rip` + CS base, to be fetched with the current privilege. */
export function translateFetch(linear: u64): u32 {
  const entry = tlbEntry(cpu.tlb, linear);
  if (entry.execTag == (linear & ~0xfff)) return (entry.physical & 0xffff_f000) | ((<u32>linear) & 0xfff);
  return translate(linear, FETCH, cpu.cpl == 3);
}

/** Whether instructions at `linear` are fetched from physical `page` of memory. Raises and notes nothing. */
export function leadsTo(linear: u64, page: u32): bool {
  const entry = tlbEntry(cpu.tlb, linear);
  if (entry.execTag != (linear & ~0xfff)) {
    const cr2 = cpu.cr2;
    tryTranslate(linear, FETCH, cpu.cpl == 3);
    if (cpu.faultPending) {
      cpu.faultPending = 0;
      cpu.cr2 = cr2;
      return false;
    }
  }
  return entry.execTag == (linear & ~0xfff) && (entry.physical & 0xffff_f000) == page;
}

/** #AC for user code that asked for it. Vectors of 16 bytes have rules of their own: aligned moves raise #GP. */
function checkAlignment(linear: u64, size: u32): void {
  if (((<u32>linear) & (size - 1)) != 0 && checksAlignment()) raiseWithError(AC_FAULT, 0);
}

function readSlow<T>(linear: u64, user: bool): T {
  if (sizeof<T>() == 16) {
    const low = readParts<u64>(linear, READ, user);
    const high = readParts<u64>(wrap(linear + 8), READ, user);
    return changetype<T>(i64x2.replace_lane(i64x2.splat(low), 1, high));
  }
  if (user) checkAlignment(linear, sizeof<T>());
  return readParts<T>(linear, READ, user);
}

function readParts<T>(linear: u64, access: u32, user: bool): T {
  const first = translate(linear, access, user);
  if (watchesData()) noteAccess(linear, sizeof<T>(), ON_READ);
  const inPage: u32 = 0x1000 - ((<u32>linear) & 0xfff);
  if (inPage >= <u32>sizeof<T>()) return readPhysical<T>(first);
  const second = translate(wrap(linear + inPage), access, user);
  let value: u64 = 0;
  for (let i: u32 = 0; i < <u32>sizeof<T>(); i++) {
    const address = i < inPage ? first + i : second + i - inPage;
    value |= (<u64>readPhysical<u8>(address)) << (i << 3);
  }
  return <T>value;
}

function writeSlow<T>(linear: u64, value: T, user: bool): void {
  if (sizeof<T>() == 16) {
    // Both halves must be writable before the first is written.
    const high = wrap(linear + 8);
    translate(linear, WRITE, user);
    translate(wrap(linear + 15), WRITE, user);
    writeParts<u64>(linear, i64x2.extract_lane(changetype<v128>(value), 0), WRITE, user);
    writeParts<u64>(high, i64x2.extract_lane(changetype<v128>(value), 1), WRITE, user);
    return;
  }
  if (user) checkAlignment(linear, sizeof<T>());
  writeParts<T>(linear, value, WRITE, user);
}

function writeParts<T>(linear: u64, value: T, access: u32, user: bool): void {
  const first = translate(linear, access, user);
  if (watchesData()) noteAccess(linear, sizeof<T>(), ON_WRITE);
  const inPage: u32 = 0x1000 - ((<u32>linear) & 0xfff);
  if (inPage >= <u32>sizeof<T>()) {
    writePhysical<T>(first, value);
    return;
  }
  const second = translate(wrap(linear + inPage), access, user);
  for (let i: u32 = 0; i < <u32>sizeof<T>(); i++) {
    const address = i < inPage ? first + i : second + i - inPage;
    writePhysical<u8>(address, <u8>((<u64>value) >> (i << 3)));
  }
}
