// Segment descriptors (SDM 3A §3.4.5): eight bytes in the GDT or LDT.
//
//   63      56 55  52 51  48 47       40 39              16 15       0
//   ├ base 31-24 ┼ flags ┼ limit ┼ access ┼ base 23-0 ────┼ limit 15-0 ┤
//                19-16
//
// `access` in this code is bits 40-55 shifted to 0-15: type 0-3, S 4, DPL 5-6, P 7, (limit), AVL 12, L 13,
// D/B 14, G 15.
import { readSystem, writeSystem } from "../memory/access";
import { GP, raiseWithError } from "./exceptions";
import { cpu } from "./state";

export const ACCESSED: u32 = 1 << 0;
/** Data: writable. Code: readable. */
export const READ_WRITE: u32 = 1 << 1;
/** Data: expand-down. Code: conforming. */
export const CONFORMING: u32 = 1 << 2;
export const CODE: u32 = 1 << 3;
export const CODE_OR_DATA: u32 = 1 << 4;
export const PRESENT: u32 = 1 << 7;
export const LONG: u32 = 1 << 13;
export const BIG: u32 = 1 << 14;
export const GRANULARITY: u32 = 1 << 15;

/** System segment and gate types (SDM 3A table 3-2). */
export const TYPE_TSS16: u32 = 1;
export const TYPE_LDT: u32 = 2;
export const TYPE_TSS16_BUSY: u32 = 3;
export const TYPE_CALL_GATE16: u32 = 4;
export const TYPE_TASK_GATE: u32 = 5;
export const TYPE_INTERRUPT_GATE16: u32 = 6;
export const TYPE_TRAP_GATE16: u32 = 7;
export const TYPE_TSS: u32 = 9;
export const TYPE_TSS_BUSY: u32 = 11;
/** The bit of a TSS' type that says its task runs or waits for one that it called. */
export const BUSY: u32 = 1 << 1;
export const TYPE_CALL_GATE: u32 = 12;
export const TYPE_INTERRUPT_GATE: u32 = 14;
export const TYPE_TRAP_GATE: u32 = 15;

export function descriptorBase(d: u64): u64 {
  return ((d >> 16) & 0xff_ffff) | ((d >> 32) & 0xff00_0000);
}

export function descriptorLimit(d: u64): u32 {
  const limit = (<u32>(d & 0xffff)) | ((<u32>(d >> 32)) & 0xf_0000);
  return descriptorAccess(d) & GRANULARITY ? (limit << 12) | 0xfff : limit;
}

export function descriptorAccess(d: u64): u32 {
  return (<u32>(d >> 40)) & 0xf0ff;
}

export function dpl(access: u32): u32 {
  return (access >> 5) & 3;
}

/** Type of a system descriptor, or 16 and more for code and data. */
export function systemType(access: u32): u32 {
  return access & 0x1f;
}

/** Linear address of the descriptor that `selector` names, or all ones when it lies outside its table. */
export function descriptorAddress(selector: u32, size: u32 = 8): u64 {
  const local = (selector & 4) != 0;
  const base = local ? cpu.ldtrBase : cpu.gdtrBase;
  const limit = local ? cpu.ldtrLimit : cpu.gdtrLimit;
  if (local && cpu.ldtrAccess == 0) return u64.MAX_VALUE;
  const offset = selector & 0xfff8;
  if (offset + size - 1 > limit) return u64.MAX_VALUE;
  return base + <u64>offset;
}

/** The descriptor that `selector` names; raises #vector(selector) outside the table. */
export function readDescriptor(selector: u32, vector: u32 = GP): u64 {
  const at = descriptorAddress(selector);
  if (at == u64.MAX_VALUE) raiseWithError(vector, selector & 0xfffc);
  return readSystem<u64>(at);
}

/** Sets the accessed bit of a code or data descriptor in memory. */
export function markAccessed(selector: u32, d: u64): void {
  if (d & ((<u64>ACCESSED) << 40)) return;
  writeSystem<u8>(descriptorAddress(selector) + 5, (<u8>(d >> 40)) | (<u8>ACCESSED));
}
