// Near transfers: jumps, calls, returns, loops. A relative branch holds its target as an offset from the block's
// start; every handler here sets RIP and ends its block.
import { ADDRESS_16, ADDRESS_64, Insn, PREFIX_WIDTH_SHIFT } from "../decode/insn";
import { condition, zeroFlag } from "../flags";
import { CS, MODE_CODE64, cpu } from "../state";
import { checkSegment } from "../segments";
import {
  cutAddress,
  maskRip,
  nextRip,
  Operand,
  peek,
  push,
  reg,
  setReg,
  setStackPointer,
  stackPointer,
} from "./operand";

const RCX: u32 = 8;

/** RIP = target, cut to the branch's width; outside 64-bit code it must lie within CS. */
function go(i: Insn, target: u64): void {
  if (cpu.mode & MODE_CODE64) {
    cpu.rip = target;
    return;
  }
  const width = (<u32>i.prefix) >> PREFIX_WIDTH_SHIFT;
  setRip(width == 1 ? target & 0xffff : target & 0xffff_ffff);
}

function setRip(target: u64): void {
  if (target > <u64>cpu.csLimit) checkSegment(CS, target, 1, false);
  cpu.rip = target;
}

/** Jcc; returns whether it was taken. */
export function jcc(i: Insn): bool {
  const taken = condition(i.extra);
  if (taken) go(i, cpu.ripBase + i.immediate);
  else cpu.rip = nextRip(i);
  return taken;
}

export function jmp(i: Insn): void {
  go(i, cpu.ripBase + i.immediate);
}

export function callNear<T>(i: Insn): void {
  const target = cpu.ripBase + i.immediate;
  const next = nextRip(i);
  push<T>(<T>next);
  if (sizeof<T>() == 8) cpu.rip = target;
  else setRip(<u64>(<T>target));
}

export function jmpIndirect<T>(i: Insn): void {
  setTarget<T>(Operand.first<T>(i));
}

export function callIndirect<T>(i: Insn): void {
  const target = Operand.first<T>(i);
  push<T>(<T>nextRip(i));
  setTarget<T>(target);
}

function setTarget<T>(target: T): void {
  if (sizeof<T>() == 8) cpu.rip = <u64>target;
  else setRip(<u64>target);
}

export function ret<T>(i: Insn): void {
  const target = peek<T>(0);
  setTarget<T>(target);
  setStackPointer(stackPointer() + sizeof<T>());
}

export function retPop<T>(i: Insn): void {
  const target = peek<T>(0);
  setTarget<T>(target);
  setStackPointer(stackPointer() + sizeof<T>() + i.immediate);
}

/** Counts rCX down at the address size; returns what is left. */
function countDown(i: Insn): u64 {
  const left = cutAddress(i, reg<u64>(RCX) - 1);
  if (i.address == ADDRESS_64) setReg<u64>(RCX, left);
  else if (i.address == ADDRESS_16) setReg<u16>(RCX, <u16>left);
  else setReg<u32>(RCX, <u32>left);
  return left;
}

/** LOOP, LOOPE, LOOPNE: `wanted` is the ZF that goes on, 2 for any. */
export function loop(i: Insn, wanted: u32): void {
  const left = countDown(i);
  if (left != 0 && (wanted == 2 || <u32>zeroFlag() == wanted)) go(i, cpu.ripBase + i.immediate);
  else cpu.rip = nextRip(i);
}

export function jcxz(i: Insn): void {
  if (cutAddress(i, reg<u64>(RCX)) == 0) go(i, cpu.ripBase + i.immediate);
  else cpu.rip = nextRip(i);
}

/** The end of a block that no branch ends, or of one that was dropped while it ran. */
export function blockEnd(i: Insn): void {
  cpu.rip = maskRip(cpu.ripBase + <u64>i.offset);
}
