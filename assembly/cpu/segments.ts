// Segment registers: loads with their checks (SDM 3A §5), limits, and the mode word that decoding depends on.
import { CPU_AT } from "../machine/layout";
import { readSystem, writeSystem } from "../memory/access";
import {
  ACCESSED,
  BIG,
  CODE,
  CODE_OR_DATA,
  CONFORMING,
  LONG,
  PRESENT,
  READ_WRITE,
  TYPE_LDT,
  TYPE_TSS,
  TYPE_TSS16,
  descriptorAccess,
  descriptorAddress,
  descriptorBase,
  descriptorLimit,
  dpl,
  markAccessed,
  readDescriptor,
  systemType,
} from "./descriptors";
import { raiseBadOffset } from "./exec/operand";
import { GP, NP, SS_FAULT, raiseWithError } from "./exceptions";
import {
  CR0_PE,
  CS,
  EFER_LMA,
  LDTR,
  MODE_CODE32,
  MODE_CODE64,
  MODE_FLAT,
  MODE_PROTECTED,
  MODE_STACK32,
  MODE_VM86,
  SEG_ACCESS_AT,
  SEG_BASE_AT,
  SEG_LIMIT_AT,
  SEG_SELECTOR_AT,
  SS,
  TR,
  VM,
  cpu,
  segmentBase,
} from "./state";

export function segmentLimit(slot: u32): u32 {
  return load<u32>(SEG_LIMIT_AT + ((<usize>slot) << 2));
}

export function segmentAccess(slot: u32): u32 {
  return load<u32>(SEG_ACCESS_AT + ((<usize>slot) << 2));
}

export function segmentSelector(slot: u32): u32 {
  return load<u32>(SEG_SELECTOR_AT + ((<usize>slot) << 2));
}

/** Writes all that a segment register holds, visible and hidden. */
export function setSegment(slot: u32, selector: u32, base: u64, limit: u32, access: u32): void {
  store<u32>(SEG_SELECTOR_AT + ((<usize>slot) << 2), selector & 0xffff);
  store<u64>(SEG_BASE_AT + ((<usize>slot) << 3), base);
  store<u32>(SEG_LIMIT_AT + ((<usize>slot) << 2), limit);
  store<u32>(SEG_ACCESS_AT + ((<usize>slot) << 2), access);
}

export function setSegmentFromDescriptor(slot: u32, selector: u32, d: u64): void {
  setSegment(slot, selector, descriptorBase(d), descriptorLimit(d), descriptorAccess(d));
}

/** Access bits of a data segment that may be written and grows upwards. */
export const OPEN_MASK: u32 = PRESENT | CODE | CONFORMING | READ_WRITE;
export const OPEN: u32 = PRESENT | READ_WRITE;

/** Outside long mode: raises #GP(0) or #SS(0) when the access does not fit its segment. */
export function checkSegment(slot: u32, offset: u64, size: u32, write: bool): void {
  const access = segmentAccess(slot);
  const limit = <u64>segmentLimit(slot);
  // Of 4 GiB every offset fits, as in flat segments: an operand may wrap around.
  if (limit == 0xffff_ffff && (access & OPEN_MASK) == OPEN) return;
  if (cpu.mode & MODE_PROTECTED) {
    if ((access & PRESENT) == 0) raiseBadOffset(slot);
    const type = access & (CODE | READ_WRITE);
    if (write ? type != READ_WRITE : type == CODE) raiseBadOffset(slot);
  }
  const last = offset + <u64>(size - 1);
  if ((access & (CODE | CONFORMING)) == CONFORMING && access & PRESENT) {
    // Expand-down: the valid offsets are those above the limit (SDM 3A §3.4.5.1).
    const top: u64 = access & BIG ? 0xffff_ffff : 0xffff;
    if (offset <= limit || last > top) raiseBadOffset(slot);
  } else if (last > limit) raiseBadOffset(slot);
}

function isFlat(slot: u32, writable: bool): bool {
  const access = segmentAccess(slot);
  if (segmentBase(slot) != 0 || segmentLimit(slot) != 0xffff_ffff || (access & PRESENT) == 0) return false;
  return !writable || (access & (CODE | CONFORMING | READ_WRITE)) == READ_WRITE;
}

/** Works out MODE_* anew: after a load of CS or SS, and after changes of CR0, EFER, EFLAGS.VM. */
export function updateMode(): void {
  let mode: u32 = 0;
  const protectedMode = (cpu.cr0 & CR0_PE) != 0;
  const vm86 = protectedMode && (cpu.eflags & VM) != 0;
  if (vm86) mode |= MODE_VM86;
  else if (protectedMode) mode |= MODE_PROTECTED;
  if (cpu.efer & EFER_LMA && cpu.csAccess & LONG) mode |= MODE_CODE64;
  else {
    if (cpu.csAccess & BIG && !vm86) mode |= MODE_CODE32;
    if (cpu.ssAccess & BIG && !vm86) mode |= MODE_STACK32;
    if (isFlat(0, true) && isFlat(CS, false) && isFlat(SS, true) && isFlat(3, true)) mode |= MODE_FLAT;
  }
  cpu.mode = mode;
}

export function inLongMode(): bool {
  return (cpu.efer & EFER_LMA) != 0;
}

/** Real and virtual-8086 mode: base = selector * 16, the rest stays (which is what makes unreal mode). */
function loadRealSegment(slot: u32, selector: u32): void {
  store<u32>(SEG_SELECTOR_AT + ((<usize>slot) << 2), selector & 0xffff);
  store<u64>(SEG_BASE_AT + ((<usize>slot) << 3), (<u64>(selector & 0xffff)) << 4);
  if (cpu.mode & MODE_VM86) {
    store<u32>(SEG_LIMIT_AT + ((<usize>slot) << 2), 0xffff);
    store<u32>(SEG_ACCESS_AT + ((<usize>slot) << 2), 0xf3);
  }
  if ((cpu.mode & MODE_PROTECTED) == 0 && slot == CS) updateMode();
}

/**
 * MOV Sreg, POP Sreg, LDS …: DS, ES, FS, GS and SS (SDM 2 "MOV", protected mode exceptions); `vector` is #TS when a
 * task switch loads them.
 */
export function loadSegment(slot: u32, selector: u32, vector: u32 = GP): void {
  if ((cpu.mode & MODE_PROTECTED) == 0) {
    loadRealSegment(slot, selector);
    if (slot == SS || cpu.mode & MODE_FLAT) updateMode();
    return;
  }
  if (slot == SS) {
    loadStackSegment(selector, GP, cpu.cpl);
    updateMode();
    return;
  }
  if ((selector & 0xfffc) == 0) {
    clearSegment(slot, selector);
    if (cpu.mode & MODE_FLAT) updateMode();
    return;
  }
  const d = readDescriptor(selector, vector);
  const access = descriptorAccess(d);
  const error = selector & 0xfffc;
  // Code must be readable; data and non-conforming code must be as accessible as CPL and RPL demand.
  if ((access & CODE_OR_DATA) == 0 || (access & (CODE | READ_WRITE)) == CODE) raiseWithError(vector, error);
  if ((access & (CODE | CONFORMING)) != (CODE | CONFORMING))
    if (max(selector & 3, cpu.cpl) > dpl(access)) raiseWithError(vector, error);
  if ((access & PRESENT) == 0) raiseWithError(NP, error);
  markAccessed(selector, d);
  setSegmentFromDescriptor(slot, selector, d | ((<u64>ACCESSED) << 40));
  if ((cpu.mode & MODE_CODE64) == 0) updateMode();
}

/** A null selector: unusable in protected mode; in long mode the base reads 0 all the same. */
function clearSegment(slot: u32, selector: u32): void {
  setSegment(slot, selector, 0, 0, 0);
}

/** Loads SS for privilege `cpl`; faults raise #vector (GP for MOV, TS for a stack from a TSS). */
export function loadStackSegment(selector: u32, vector: u32, cpl: u32): void {
  if ((selector & 0xfffc) == 0) {
    // A null SS is allowed in 64-bit code below CPL 3 (SDM 3A §3.4.4).
    if ((cpu.mode & MODE_CODE64) == 0 || cpl == 3 || (selector & 3) != cpl) raiseWithError(vector, 0);
    setSegment(SS, selector, 0, 0, 0);
    return;
  }
  setSegmentFromDescriptor(SS, selector, stackDescriptor(selector, vector, cpl));
}

/** The descriptor of a stack for privilege `cpl`, checked and accessed; faults raise #vector, or #SS if not present. */
export function stackDescriptor(selector: u32, vector: u32, cpl: u32): u64 {
  const error = selector & 0xfffc;
  const d = readDescriptor(selector, vector);
  const access = descriptorAccess(d);
  if ((selector & 3) != cpl || dpl(access) != cpl) raiseWithError(vector, error);
  if ((access & (CODE_OR_DATA | CODE | READ_WRITE)) != (CODE_OR_DATA | READ_WRITE))
    raiseWithError(vector, error);
  if ((access & PRESENT) == 0) raiseWithError(SS_FAULT, error);
  markAccessed(selector, d);
  return d | ((<u64>ACCESSED) << 40);
}

/** Second half of a 16-byte system descriptor's base in long mode, else 0. */
function upperBase(selector: u32): u64 {
  if (!inLongMode()) return 0;
  const at = descriptorAddress(selector, 16);
  if (at == u64.MAX_VALUE) raiseWithError(GP, selector & 0xfffc);
  return (<u64>readSystem<u32>(at + 8)) << 32;
}

export function loadLdtr(selector: u32): void {
  if ((selector & 0xfffc) == 0) {
    setSegment(LDTR, selector, 0, 0, 0);
    return;
  }
  if (selector & 4) raiseWithError(GP, selector & 0xfffc);
  const d = readDescriptor(selector);
  const access = descriptorAccess(d);
  if (systemType(access) != TYPE_LDT) raiseWithError(GP, selector & 0xfffc);
  if ((access & PRESENT) == 0) raiseWithError(NP, selector & 0xfffc);
  setSegment(LDTR, selector, descriptorBase(d) | upperBase(selector), descriptorLimit(d), access);
}

export function loadTr(selector: u32): void {
  const error = selector & 0xfffc;
  if (error == 0 || selector & 4) raiseWithError(GP, error);
  const d = readDescriptor(selector);
  const access = descriptorAccess(d);
  const type = systemType(access);
  if (type != TYPE_TSS && (type != TYPE_TSS16 || inLongMode())) raiseWithError(GP, error);
  if ((access & PRESENT) == 0) raiseWithError(NP, error);
  const base = descriptorBase(d) | upperBase(selector);
  writeSystem<u8>(descriptorAddress(selector) + 5, (<u8>access) | 2);
  setSegment(TR, selector, base, descriptorLimit(d), access | 2);
}

/** Register-file offset of a segment's selector, for handlers that read it like an operand. */
export function selectorOffset(slot: u32): u32 {
  return <u32>(SEG_SELECTOR_AT - CPU_AT) + (slot << 2);
}
