// Test entry: one x87 instruction at a time, without decoder or run loop. Its own little engine, not shipped.
import { DST_MEMORY, Insn, PREFIX_OPERAND, PREFIX_REX_W } from "../cpu/decode/insn";
import { eflags, setEflags } from "../cpu/flags";
import { DS, MODE_CODE64, MODE_PROTECTED, REG_ZERO, cpu, setCpl } from "../cpu/state";
import { fxrstor, fxsave } from "../cpu/exec/fxsave";
import { executeX87, fwait } from "../cpu/exec/x87";
import { CHIPS_AT, RAM_AT as RAM } from "../machine/layout";
import { flushTlb } from "../memory/tlb";
import { physicalMap } from "../memory/physical";

const RAM_SIZE: u32 = 0x10000;
const insn = changetype<Insn>(CHIPS_AT);

export const RAM_AT: usize = RAM;

/** 64-bit code, paging off: linear addresses are offsets into RAM. */
export function reset(): void {
  const bytes = RAM + RAM_SIZE;
  const pages = <i32>((bytes + 0xffff) >> 16) - memory.size();
  if (pages > 0) memory.grow(pages);
  physicalMap.ramSize = RAM_SIZE;
  physicalMap.a20Mask = ~0;
  cpu.mode = MODE_CODE64 | MODE_PROTECTED;
  cpu.cr0 = 0x31;
  cpu.efer = 0x500;
  setCpl(0);
  flushTlb();
}

export function setMode(mode: u32): void {
  cpu.mode = mode;
}

function prepare(extra: u32, form: u32, prefix: u32, address: u32): void {
  memory.fill(changetype<usize>(insn), 0, offsetof<Insn>());
  insn.extra = <u16>extra;
  insn.form = <u8>form;
  insn.prefix = <u8>prefix;
  insn.base = <u8>REG_ZERO;
  insn.index = <u8>REG_ZERO;
  insn.seg = <u8>DS;
  insn.displacement = address;
}

/** Runs D8 + `opcode` with `modrm`; a memory operand lies at `address`. */
export function execute(opcode: u32, modrm: u32, operandPrefix: bool, address: u32): void {
  const memoryForm = modrm < 0xc0;
  const extra = memoryForm ? (opcode << 3) | (modrm >> 3) : 64 + (opcode << 6) + (modrm & 63);
  prepare(extra, memoryForm ? DST_MEMORY : 0, operandPrefix ? PREFIX_OPERAND : 0, address);
  insn.immediate = modrm;
  executeX87(insn);
}

/** `count` times the same instruction, to time it. */
export function repeat(opcode: u32, modrm: u32, address: u32, count: u32): void {
  execute(opcode, modrm, false, address);
  for (; count > 0; count--) executeX87(insn);
}

export function wait(): void {
  fwait(insn);
}

export function save(address: u32): void {
  prepare(0, DST_MEMORY, PREFIX_REX_W, address);
  fxsave(insn);
}

export function restore(address: u32): void {
  prepare(0, DST_MEMORY, PREFIX_REX_W, address);
  fxrstor(insn);
}

export function flags(): u32 {
  return eflags();
}

export function setFlags(value: u32): void {
  setEflags(value);
}

export function setCr0(value: u32): void {
  cpu.cr0 = value;
}

export function fault(): u32 {
  cpu.faultPending = 0;
  return cpu.faultVector;
}

export function ax(): u32 {
  return (<u32>cpu.rax) & 0xffff;
}
