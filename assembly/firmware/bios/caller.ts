// The program that has called a BIOS interrupt: its registers, its flags in the interrupt's frame, its memory.
//
//   SS:SP   +0 number of the service   +2 IP   +4 CS   +6 FLAGS        (firmware/bios.asm: serve)
import { peek, stackAddress, stackPointer } from "../../cpu/exec/operand";
import { CF, ZF, cpu } from "../../cpu/state";
import { CPU_AT, RAM_AT } from "../../machine/layout";
import { read, write } from "../../memory/access";

const FLAGS_DEPTH: u32 = 6;

@final
@unmanaged
export class Caller {
  private get<T>(offset: usize): u32 {
    return <u32>load<T>(CPU_AT + offset);
  }

  private set<T>(offset: usize, value: u32): void {
    store<T>(CPU_AT + offset, <T>value);
  }

  get al(): u32 {
    return this.get<u8>(0);
  }
  set al(value: u32) {
    this.set<u8>(0, value);
  }
  get ah(): u32 {
    return this.get<u8>(1);
  }
  set ah(value: u32) {
    this.set<u8>(1, value);
  }
  get ax(): u32 {
    return this.get<u16>(0);
  }
  set ax(value: u32) {
    this.set<u16>(0, value);
  }
  get eax(): u32 {
    return this.get<u32>(0);
  }
  set eax(value: u32) {
    this.set<u32>(0, value);
  }
  get cl(): u32 {
    return this.get<u8>(8);
  }
  set cl(value: u32) {
    this.set<u8>(8, value);
  }
  get ch(): u32 {
    return this.get<u8>(9);
  }
  set ch(value: u32) {
    this.set<u8>(9, value);
  }
  get cx(): u32 {
    return this.get<u16>(8);
  }
  set cx(value: u32) {
    this.set<u16>(8, value);
  }
  get ecx(): u32 {
    return this.get<u32>(8);
  }
  set ecx(value: u32) {
    this.set<u32>(8, value);
  }
  get dl(): u32 {
    return this.get<u8>(16);
  }
  set dl(value: u32) {
    this.set<u8>(16, value);
  }
  get dh(): u32 {
    return this.get<u8>(17);
  }
  set dh(value: u32) {
    this.set<u8>(17, value);
  }
  get dx(): u32 {
    return this.get<u16>(16);
  }
  set dx(value: u32) {
    this.set<u16>(16, value);
  }
  get edx(): u32 {
    return this.get<u32>(16);
  }
  set edx(value: u32) {
    this.set<u32>(16, value);
  }
  get bl(): u32 {
    return this.get<u8>(24);
  }
  set bl(value: u32) {
    this.set<u8>(24, value);
  }
  get bh(): u32 {
    return this.get<u8>(25);
  }
  set bh(value: u32) {
    this.set<u8>(25, value);
  }
  get bx(): u32 {
    return this.get<u16>(24);
  }
  set bx(value: u32) {
    this.set<u16>(24, value);
  }
  get ebx(): u32 {
    return this.get<u32>(24);
  }
  set ebx(value: u32) {
    this.set<u32>(24, value);
  }
  get bp(): u32 {
    return this.get<u16>(40);
  }
  set bp(value: u32) {
    this.set<u16>(40, value);
  }
  get si(): u32 {
    return this.get<u16>(48);
  }
  set si(value: u32) {
    this.set<u16>(48, value);
  }
  get di(): u32 {
    return this.get<u16>(56);
  }
  set di(value: u32) {
    this.set<u16>(56, value);
  }
  get edi(): u32 {
    return this.get<u32>(56);
  }
  set edi(value: u32) {
    this.set<u32>(56, value);
  }

  /** What the caller will find in its carry and zero flags. */
  set carry(value: bool) {
    this.setFlag(CF, value);
  }
  set zero(value: bool) {
    this.setFlag(ZF, value);
  }

  private setFlag(flag: u32, value: bool): void {
    const flags = <u32>peek<u16>(FLAGS_DEPTH);
    writeStack(FLAGS_DEPTH, value ? flags | flag : flags & ~flag);
  }

  /** The interrupt returns to `segment`:`offset` in place of its caller. */
  returnTo(segment: u32, offset: u32): void {
    writeStack(2, offset);
    writeStack(4, segment);
  }

  /** Loads ES from a selector, as real-mode code would. */
  set es(selector: u32) {
    cpu.esSelector = selector;
    cpu.esBase = (<u64>selector) << 4;
  }
}

export const caller = changetype<Caller>(CPU_AT);

function writeStack(depth: u32, value: u32): void {
  write<u16>(stackAddress(stackPointer() + <u64>depth, 2, true), <u16>value);
}

/** Linear address of `offset` in the segment at `base`. */
export function linear(base: u64, offset: u32): u64 {
  return (base + <u64>(offset & 0xffff)) & 0xffff_ffff;
}

/** Reads and writes the caller's memory, through its page tables where it has some. */
export function readGuest<T>(base: u64, offset: u32): u32 {
  return <u32>read<T>(linear(base, offset));
}

export function writeGuest<T>(base: u64, offset: u32, value: u32): void {
  write<T>(linear(base, offset), <T>value);
}

/** Low memory that belongs to firmware: vectors, BIOS data area, its extension. */
export function low<T>(address: u32): u32 {
  return <u32>load<T>(RAM_AT + <usize>address);
}

export function setLow<T>(address: u32, value: u32): void {
  store<T>(RAM_AT + <usize>address, <T>value);
}
