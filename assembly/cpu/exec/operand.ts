// Where an instruction's operands are: registers by offset, memory by linear address, the stack.
import {
  ADDRESS_16,
  ADDRESS_32_FLAT,
  ADDRESS_32_LONG,
  ADDRESS_64,
  DST_MEMORY,
  Insn,
  SRC_IMMEDIATE,
  SRC_MEMORY,
} from "../decode/insn";
import { GP, SS_FAULT, raiseWithError } from "../exceptions";
import { checkSegment } from "../segments";
import { DS, MODE_CODE32, MODE_CODE64, MODE_FLAT, MODE_STACK32, SS, cpu, segmentBase } from "../state";
import { CPU_AT } from "../../machine/layout";
import { Access, read, readForWrite, write } from "../../memory/access";

/** Register operand at byte offset `at` of the register file. */
export function reg<T>(at: u32): T {
  return load<T>(CPU_AT + <usize>at);
}

/** Writes a register operand; a 32-bit write clears the upper half (SDM 1 §3.4.1.1). */
export function setReg<T>(at: u32, value: T): void {
  if (sizeof<T>() == 4) store<u64>(CPU_AT + <usize>at, <u64>(<u32>value));
  else store<T>(CPU_AT + <usize>at, value);
}

/** `address` cut to the instruction's address size. */
export function cutAddress(i: Insn, address: u64): u64 {
  if (i.address == ADDRESS_64) return address;
  return i.address == ADDRESS_16 ? address & 0xffff : address & 0xffff_ffff;
}

/** Base + index * scale + displacement, at the instruction's address size. */
export function effectiveAddress(i: Insn): u64 {
  const address =
    load<u64>(CPU_AT + <usize>i.base) +
    (load<u64>(CPU_AT + <usize>i.index) << (<u64>i.scale)) +
    <u64>i.displacement;
  return cutAddress(i, address);
}

/** Linear address of offset `address` in segment `seg`, checked for `size` bytes where segments are checked. */
export function segmented(i: Insn, seg: u32, address: u64, size: u32, write: bool): u64 {
  if (i.address <= ADDRESS_32_LONG) return address + segmentBase(seg);
  if (i.address != ADDRESS_32_FLAT || seg > DS) checkSegment(seg, address, size, write);
  return (address + segmentBase(seg)) & 0xffff_ffff;
}

/** Linear address of the memory operand, `size` bytes of which will be read. */
export function linearAddress(i: Insn, size: u32 = 1): u64 {
  return segmented(i, i.seg, effectiveAddress(i), size, false);
}

/** Linear address of the memory operand, `size` bytes of which will be written. */
export function linearAddressForWrite(i: Insn, size: u32 = 1): u64 {
  return segmented(i, i.seg, effectiveAddress(i), size, true);
}

/** The memory operand, read. */
export function readOperand<T>(i: Insn): T {
  if (i.address == ADDRESS_64) return Access.read<T>(Operand.address64(i));
  return read<T>(linearAddress(i, sizeof<T>()));
}

/** The memory operand, read now and surely writable afterwards. */
export function readOperandForWrite<T>(i: Insn): T {
  return readForWrite<T>(linearAddressForWrite(i, sizeof<T>()));
}

export function writeOperand<T>(i: Insn, value: T): void {
  if (i.address == ADDRESS_64) Access.write<T>(Operand.address64(i), value);
  else write<T>(linearAddressForWrite(i, sizeof<T>()), value);
}

/**
 * The operands of an instruction, expanded in place: what is in a register or immediate costs no call (a call costs as
 * much as the rest of a handler), what is in memory one.
 */
export class Operand {
  /** Linear address of the memory operand of 64-bit code. */
  @inline
  static address64(i: Insn): u64 {
    return (
      load<u64>(CPU_AT + <usize>i.base) +
      (load<u64>(CPU_AT + <usize>i.index) << (<u64>i.scale)) +
      <u64>i.displacement +
      segmentBase(i.seg)
    );
  }

  /** The second operand: register, memory or immediate. */
  @inline
  static source<T>(i: Insn): T {
    if (i.form & SRC_MEMORY) return readOperand<T>(i);
    return i.form & SRC_IMMEDIATE ? <T>i.immediate : load<T>(CPU_AT + <usize>i.src);
  }

  /** The first operand, register or memory, to be read only. */
  @inline
  static first<T>(i: Insn): T {
    return i.form & DST_MEMORY ? readOperand<T>(i) : load<T>(CPU_AT + <usize>i.dst);
  }

  /** The first operand, register or memory, to be written back by `setFirst`. */
  @inline
  static firstForWrite<T>(i: Insn): T {
    return i.form & DST_MEMORY ? readOperandForWrite<T>(i) : load<T>(CPU_AT + <usize>i.dst);
  }

  /** Writes the first operand. */
  @inline
  static setFirst<T>(i: Insn, value: T): void {
    if (i.form & DST_MEMORY) writeOperand<T>(i, value);
    else if (sizeof<T>() == 4) store<u64>(CPU_AT + <usize>i.dst, <u64>(<u32>value));
    else store<T>(CPU_AT + <usize>i.dst, value);
  }
}

/** RIP of the instruction behind this one, at the width of the code segment. */
export function nextRip(i: Insn): u64 {
  return maskRip(cpu.ripBase + <u64>i.offset + <u64>i.length);
}

export function maskRip(rip: u64): u64 {
  if (cpu.mode & MODE_CODE64) return rip;
  return cpu.mode & MODE_CODE32 ? rip & 0xffff_ffff : rip & 0xffff;
}

/** The stack pointer at the stack's width: RSP, ESP or SP. */
export function stackPointer(): u64 {
  if (cpu.mode & MODE_CODE64) return cpu.rsp;
  return cpu.mode & MODE_STACK32 ? cpu.rsp & 0xffff_ffff : cpu.rsp & 0xffff;
}

export function setStackPointer(value: u64): void {
  if (cpu.mode & MODE_CODE64) cpu.rsp = value;
  else if (cpu.mode & MODE_STACK32) cpu.rsp = value & 0xffff_ffff;
  else cpu.rsp = (cpu.rsp & ~0xffff) | (value & 0xffff);
}

/** Linear address of stack offset `offset`, checked for `size` bytes. */
export function stackAddress(offset: u64, size: u32, write: bool): u64 {
  if (cpu.mode & MODE_CODE64) return offset;
  const masked = cpu.mode & MODE_STACK32 ? offset & 0xffff_ffff : offset & 0xffff;
  if ((cpu.mode & MODE_FLAT) == 0) checkSegment(SS, masked, size, write);
  return (masked + cpu.ssBase) & 0xffff_ffff;
}

export function push<T>(value: T): void {
  const pointer = stackPointer() - sizeof<T>();
  write<T>(stackAddress(pointer, sizeof<T>(), true), value);
  setStackPointer(pointer);
}

/** Reads the value `depth` bytes above the top of the stack; pops nothing. */
export function peek<T>(depth: u32): T {
  return read<T>(stackAddress(stackPointer() + <u64>depth, sizeof<T>(), false));
}

export function pop<T>(): T {
  const value = peek<T>(0);
  setStackPointer(stackPointer() + sizeof<T>());
  return value;
}

/** #SS(0) for the stack segment, #GP(0) for the others: the fault of a bad offset. */
export function raiseBadOffset(segment: u32): void {
  raiseWithError(segment == SS ? SS_FAULT : GP, 0);
}
