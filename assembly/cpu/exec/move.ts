// Data movement: MOV and its kin, exchanges, conditional moves, stack pushes and pops.
import { DST_MEMORY, Insn } from "../decode/insn";
import { condition } from "../flags";
import { loadSegment, segmentSelector } from "../segments";
import { MODE_CODE64, SS, cpu, signal, EVENT_RESCHEDULE } from "../state";
import {
  cutAddress,
  effectiveAddress,
  linearAddress,
  linearAddressForWrite,
  Operand,
  peek,
  pop,
  push,
  reg,
  segmented,
  setReg,
  setStackPointer,
  stackAddress,
  stackPointer,
} from "./operand";
import { probeWrite, read, write } from "../../memory/access";

export function mov<T>(i: Insn): void {
  Operand.setFirst<T>(i, Operand.source<T>(i));
}

/** MOVZX; S is the source's type. */
export function movzx<T, S>(i: Insn): void {
  setReg<T>(i.dst, <T>Operand.source<S>(i));
}

/** MOVSX, MOVSXD; S is the source's signed type, U the same unsigned. */
export function movsx<T, U, S>(i: Insn): void {
  setReg<T>(i.dst, <T>(<i64>(<S>Operand.source<U>(i))));
}

export function lea<T>(i: Insn): void {
  setReg<T>(i.dst, <T>effectiveAddress(i));
}

export function xchg<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const b = reg<T>(i.src);
  Operand.setFirst<T>(i, b);
  setReg<T>(i.src, a);
}

/** CMOVcc: the source is read in any case, and a 32-bit destination is zero-extended in any case (SDM 2 "CMOVcc"). */
export function cmov<T>(i: Insn): void {
  const value = Operand.source<T>(i);
  setReg<T>(i.dst, condition(i.extra) ? value : reg<T>(i.dst));
}

export function setcc(i: Insn): void {
  Operand.setFirst<u8>(i, condition(i.extra) ? 1 : 0);
}

export function bswap<T>(i: Insn): void {
  // With a 16-bit operand the result is undefined; processors give 0.
  setReg<T>(i.dst, sizeof<T>() == 2 ? <T>0 : <T>swap<T>(reg<T>(i.dst)));
}

/** Bytes in reverse order. */
export function swap<T>(value: T): T {
  if (sizeof<T>() == 2) return <T>((((<u32>value) & 0xff) << 8) | (((<u32>value) >> 8) & 0xff));
  if (sizeof<T>() == 4) return <T>swap32(<u32>value);
  return <T>(((<u64>swap32(<u32>value)) << 32) | (<u64>swap32(<u32>((<u64>value) >> 32))));
}

function swap32(value: u32): u32 {
  return (rotl<u32>(value, 8) & 0x00ff_00ff) | (rotr<u32>(value, 8) & 0xff00_ff00);
}

export function movbe<T>(i: Insn): void {
  Operand.setFirst<T>(i, swap<T>(Operand.source<T>(i)));
}

export function pushOperand<T>(i: Insn): void {
  push<T>(Operand.source<T>(i));
}

/** POP: an address that uses rSP sees it after the pop (SDM 2 "POP"); a fault leaves it as it was. */
export function popOperand<T>(i: Insn): void {
  const value = peek<T>(0);
  const before = cpu.rsp;
  setStackPointer(stackPointer() + sizeof<T>());
  if (i.form & DST_MEMORY) {
    const at = linearAddressForWrite(i, sizeof<T>());
    const after = cpu.rsp;
    cpu.rsp = before;
    write<T>(at, value);
    cpu.rsp = after;
  } else setReg<T>(i.dst, value);
}

export function pusha<T>(i: Insn): void {
  const sp = reg<T>(32);
  // All eight must fit before the first is written; a 16-bit SP may wrap between two of them.
  for (let n: u32 = 1; n <= 8; n++) {
    const pointer = stackPointer() - <u64>(n * sizeof<T>());
    probeWrite(stackAddress(pointer, sizeof<T>(), true), sizeof<T>());
  }
  for (let r: u32 = 0; r < 8; r++) push<T>(r == 4 ? sp : reg<T>(r << 3));
}

export function popa<T>(i: Insn): void {
  peek<T>(7 * sizeof<T>());
  for (let r: u32 = 8; r-- > 0;) {
    const value = pop<T>();
    if (r != 4) setReg<T>(r << 3, value);
  }
}

export function movFromSegment<T>(i: Insn): void {
  // To memory always 16 bits (SDM 2 "MOV").
  if (i.form & DST_MEMORY) write<u16>(linearAddressForWrite(i, 2), <u16>segmentSelector(i.extra));
  else setReg<T>(i.dst, <T>segmentSelector(i.extra));
}

export function movToSegment(i: Insn): void {
  loadSegment(i.extra, <u32>Operand.source<u16>(i));
  if (i.extra == SS) shadow();
}

/** Interrupts wait until the next instruction has run (SDM 3A §6.8.3). */
export function shadow(): void {
  cpu.interruptShadow = 1;
  if (cpu.events) signal(EVENT_RESCHEDULE);
}

export function pushSegment<T>(i: Insn): void {
  const selector = segmentSelector(i.extra);
  if (sizeof<T>() == 4) {
    // A 32-bit push of a segment register writes two bytes only, as processors do (SDM 2 "PUSH").
    const pointer = stackPointer() - 4;
    write<u16>(stackAddress(pointer, 4, true), <u16>selector);
    setStackPointer(pointer);
  } else push<T>(<T>selector);
}

export function popSegment<T>(i: Insn): void {
  loadSegment(i.extra, <u32>peek<u16>(0));
  setStackPointer(stackPointer() + sizeof<T>());
  if (i.extra == SS) shadow();
}

/** LDS, LES, LFS, LGS, LSS: offset, then selector. */
export function loadFarPointer<T>(i: Insn): void {
  const at = linearAddress(i, sizeof<T>() + 2);
  const offset = read<T>(at);
  loadSegment(i.extra, <u32>read<u16>(at + sizeof<T>()));
  setReg<T>(i.dst, offset);
}

export function xlat(i: Insn): void {
  const at = cutAddress(i, cpu.rbx + (cpu.rax & 0xff));
  setReg<u8>(0, read<u8>(segmented(i, i.seg, at, 1, false)));
}

export function enter<T>(i: Insn): void {
  const size = i.immediate & 0xffff;
  const level = (<u32>(i.immediate >> 16)) & 31;
  const rsp = cpu.rsp;
  const wide = (cpu.mode & MODE_CODE64) != 0;
  push<T>(reg<T>(40));
  const frame = stackPointer();
  if (level > 0) {
    let rbp = cpu.rbp;
    for (let n: u32 = 1; n < level; n++) {
      rbp -= sizeof<T>();
      push<T>(read<T>(stackAddress(rbp, sizeof<T>(), false)));
    }
    push<T>(<T>frame);
  }
  const top = stackPointer() - size;
  // ENTER touches the last byte of the new frame (SDM 2 "ENTER"): a stack that is too small faults here.
  const pushed = cpu.rsp;
  cpu.rsp = rsp;
  probeWrite(stackAddress(top, sizeof<T>(), true), sizeof<T>());
  cpu.rsp = pushed;
  setReg<T>(40, <T>frame);
  if (wide) cpu.rbp = frame;
  setStackPointer(top);
}

export function leave<T>(i: Insn): void {
  const frame = cpu.rbp;
  const value = read<T>(stackAddress(frame, sizeof<T>(), false));
  setStackPointer(frame + sizeof<T>());
  setReg<T>(40, value);
}
