// Test entry: one instruction at a time, without run loop. Its own little engine, not shipped.
import { decode } from "../cpu/decode/decoder";
import { INSN_SIZE, Insn } from "../cpu/decode/insn";
import { BLOCK_END } from "../cpu/decode/operations";
import { execute } from "../cpu/exec/dispatch";
import { executeSse } from "../cpu/exec/sse";
import { eflags, setEflags } from "../cpu/flags";
import { CR0_PG, CR4_PAE, MODE_CODE64, MODE_PROTECTED, cpu, setCpl } from "../cpu/state";
import { CHIPS_AT, RAM_AT as RAM } from "../machine/layout";
import { flushTlb } from "../memory/tlb";
import { physicalMap } from "../memory/physical";

export { CPU_AT, RAM_AT, VECTORS_AT, X87_AT } from "../machine/layout";

const insn = changetype<Insn>(CHIPS_AT);
const blockEnd = changetype<Insn>(CHIPS_AT + INSN_SIZE);

/** 64-bit code, paging off: linear addresses are offsets into `ramSize` bytes of RAM. */
export function reset(ramSize: u32): void {
  const pages = <i32>((RAM + ramSize + 0xffff) >> 16) - memory.size();
  if (pages > 0) memory.grow(pages);
  physicalMap.ramSize = ramSize;
  physicalMap.a20Mask = ~0;
  cpu.mode = MODE_CODE64 | MODE_PROTECTED;
  cpu.cr0 = 0x31;
  cpu.cr4 = 0x40600; // OSFXSR, OSXMMEXCPT, OSXSAVE
  cpu.xcr0 = 7;
  cpu.efer = 0x500;
  setCpl(0);
  flushTlb();
}

/** Long mode with the page tables at `cr3`. */
export function page(cr3: u32): void {
  cpu.cr3 = cr3;
  cpu.cr0 |= CR0_PG;
  cpu.cr4 |= CR4_PAE;
  flushTlb();
}

/** Decodes and runs the instruction at `address`; returns its length. */
export function step(address: u32): u32 {
  cpu.ripBase = address;
  insn.offset = 0;
  decode(insn, address, address, cpu.mode, true);
  blockEnd.op = <u16>BLOCK_END;
  blockEnd.offset = insn.length;
  execute(insn);
  return insn.length;
}

/** The last instruction `count` times more, to time it. */
export function repeat(count: u32): void {
  for (; count > 0; count--) executeSse(insn);
}

export function mxcsr(): u32 {
  return cpu.mxcsr;
}

export function setMxcsr(value: u32): void {
  cpu.mxcsr = value;
}

export function flags(): u32 {
  return eflags();
}

export function setFlags(value: u32): void {
  setEflags(value);
}

export function setControl(cr0: u32, cr4: u32): void {
  cpu.cr0 = cr0;
  cpu.cr4 = cr4;
}

export function fault(): u32 {
  cpu.faultPending = 0;
  return cpu.faultVector;
}
