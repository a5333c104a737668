// Operands of translated instructions: registers in locals, memory through the TLB (memory/access.ts says the same in
// the interpreter's words). Values are i64 for 64-bit operands, otherwise i32, sign-extended from 8 and 16 bits, so
// that comparisons need not know the width.
import { ADDRESS_32_FLAT, ADDRESS_64, DST_MEMORY, Insn, SRC_IMMEDIATE, SRC_MEMORY } from "../cpu/decode/insn";
import { W16, W32, W64, W8 } from "../cpu/decode/operations";
import { OPEN, OPEN_MASK } from "../cpu/segments";
import {
  FLAT,
  FS,
  REG_RIP_BASE,
  REG_ZERO,
  SEG_ACCESS_AT,
  SEG_BASE_AT,
  SEG_LIMIT_AT,
  cpu,
} from "../cpu/state";
import { TLB_ENTRIES, TlbEntry } from "../memory/tlb";
import { markWritten, pushRipBase, spill, stop, touch } from "./leave";
import { ADDRESS, PLACE, TLB_ENTRY, result } from "./locals";
import { CHECK_SEGMENT, REACH, callCore } from "./module";
import {
  ADD,
  AND,
  DROP,
  EQZ,
  I32,
  I32_EXTEND16_S,
  I32_EXTEND8_S,
  I32_LOAD,
  I32_LOAD16_S,
  I32_LOAD16_U,
  I32_LOAD8_S,
  I32_LOAD8_U,
  I32_STORE,
  I32_STORE16,
  I32_STORE8,
  I32_WRAP,
  I64_EQ,
  I64_EXTEND_U,
  I64_LOAD,
  I64_STORE,
  IF,
  NE,
  NO_RESULT,
  OR,
  SHL,
  SHR_U,
  SUB,
  access,
  byte,
  const64,
  constant,
  end,
  enter,
  get,
  loadAt,
  op,
  opConstant,
  otherwise,
  set,
  tee,
} from "./wasm";

const TLB_INDEX: i64 = (<i64>(TLB_ENTRIES - 1)) << 5;

export function isWide(width: u32): bool {
  return width == W64;
}

/** Sign-extends the i32 on the stack from `width`. */
export function narrow(width: u32): void {
  if (width == W8) byte(I32_EXTEND8_S);
  else if (width == W16) byte(I32_EXTEND16_S);
}

/** Pushes the register at byte offset `at` of the register file. */
export function pushRegister(at: u32, width: u32): void {
  const register = at >> 3;
  touch(register);
  get(register);
  if (width == W64) return;
  byte(I32_WRAP);
  if (at & 1) opConstant(SHR_U, 8, false);
  narrow(width);
}

/** Takes the value on the stack into a register: 32 bits clear the upper half (SDM 1 §3.4.1.1), less keeps it. */
export function popRegister(at: u32, width: u32): void {
  const register = at >> 3;
  markWritten(register);
  if (width < W64) byte(I64_EXTEND_U);
  if (width < W32) {
    const mask: i64 = width == W16 ? 0xffff : 0xff;
    opConstant(AND, mask, true);
    if (at & 1) opConstant(SHL, 8, true);
    get(register);
    opConstant(AND, at & 1 ? ~0xff00 : ~mask, true);
    op(OR, true);
  }
  set(register);
}

/** Whether the translator forms this instruction's address itself: no limits but those of FS and GS, no 16-bit wrap. */
export function isPlainAddress(i: Insn): bool {
  return i.address <= ADDRESS_32_FLAT;
}

/** Pushes base + index * scale + displacement (i64), cut to the address size. */
export function pushEffectiveAddress(i: Insn): void {
  let empty = true;
  if (i.base == REG_RIP_BASE) {
    pushRipBase();
    empty = false;
  } else if (i.base != REG_ZERO) {
    pushRegister(i.base, W64);
    empty = false;
  }
  if (i.index != REG_ZERO) {
    pushRegister(i.index, W64);
    if (i.scale) opConstant(SHL, i.scale, true);
    if (!empty) op(ADD, true);
    empty = false;
  }
  if (empty) const64(i.displacement);
  else if (i.displacement) opConstant(ADD, i.displacement, true);
  cutAddress(i);
}

/** Cuts the offset on the stack to the address size. */
export function cutAddress(i: Insn): void {
  if (i.address != ADDRESS_64) opConstant(AND, 0xffff_ffff, true);
}

/** ADDRESS = linear address of the memory operand, of `size` bytes, which will be written or not. */
export function setAddress(i: Insn, size: u32, write: bool): void {
  pushEffectiveAddress(i);
  setAddressOf(i, size, write);
}

/** The same for the offset on the stack. */
export function setAddressOf(i: Insn, size: u32, write: bool): void {
  if (i.seg >= FS && i.seg < FLAT) {
    const checked = i.address == ADDRESS_32_FLAT;
    if (checked) checkSegment(i.seg, size, write);
    loadAt(I64_LOAD, SEG_BASE_AT + ((<usize>i.seg) << 3));
    op(ADD, true);
    if (checked) opConstant(AND, 0xffff_ffff, true);
  }
  set(ADDRESS);
}

/** The offset on the stack lies within FS or GS, or the core raises what it must. */
function checkSegment(segment: u32, size: u32, write: bool): void {
  set(ADDRESS);
  loadAt(I32_LOAD, SEG_LIMIT_AT + ((<usize>segment) << 2));
  opConstant(NE, -1, false);
  loadAt(I32_LOAD, SEG_ACCESS_AT + ((<usize>segment) << 2));
  opConstant(AND, OPEN_MASK, false);
  opConstant(NE, OPEN, false);
  op(OR, false);
  enter(IF, NO_RESULT);
  spill();
  get(ADDRESS);
  const64(segment | (size << 8) | (write ? 1 << 16 : 0));
  callCore(CHECK_SEGMENT);
  byte(DROP);
  end();
  get(ADDRESS);
}

/** Pushes whether the TLB lets the `size` bytes at ADDRESS through; sets TLB_ENTRY. */
export function pushTlbHit(size: u32, tag: usize): void {
  pushTlbTag(tag);
  get(ADDRESS);
  if (size > 1) opConstant(ADD, size - 1, true);
  opConstant(AND, ~0xfff, true);
  byte(I64_EQ);
}

/** The same for as many bytes, not 0, as the local `bytes` says. */
export function pushTlbHitOfRun(bytes: u32, write: bool): void {
  pushTlbTag(write ? offsetof<TlbEntry>("writeTag") : offsetof<TlbEntry>("readTag"));
  get(ADDRESS);
  get(bytes);
  op(ADD, true);
  opConstant(SUB, 1, true);
  opConstant(AND, ~0xfff, true);
  byte(I64_EQ);
}

/** Pushes the tag that decides for ADDRESS; sets TLB_ENTRY. */
function pushTlbTag(tag: usize): void {
  get(ADDRESS);
  opConstant(SHR_U, 7, true);
  byte(I32_WRAP);
  opConstant(AND, TLB_INDEX, false);
  tee(TLB_ENTRY);
  access(I64_LOAD, <usize>cpu.tlb + tag);
}

/** Pushes the place in linear memory of ADDRESS, after a hit. */
export function pushPlace(): void {
  get(ADDRESS);
  byte(I32_WRAP);
  get(TLB_ENTRY);
  access(I32_LOAD, <usize>cpu.tlb + offsetof<TlbEntry>("delta"));
  op(ADD, false);
}

function loadCode(log2: u32, signed: bool): u32 {
  switch (log2) {
    case W8:
      return signed ? I32_LOAD8_S : I32_LOAD8_U;
    case W16:
      return signed ? I32_LOAD16_S : I32_LOAD16_U;
    case W32:
      return I32_LOAD;
    default:
      return I64_LOAD;
  }
}

function storeCode(log2: u32): u32 {
  switch (log2) {
    case W8:
      return I32_STORE8;
    case W16:
      return I32_STORE16;
    case W32:
      return I32_STORE;
    default:
      return I64_STORE;
  }
}

/**
 * Pushes where the `size` bytes at ADDRESS lie in linear memory. Where they are not plain memory in one page, or may
 * not be accessed, the region stops before this instruction, of which nothing has happened yet. `alignment`: address
 * bits that must be clear.
 */
export function pushReachable(size: u32, write: bool, alignment: u32 = 0): void {
  pushTlbHit(size, write ? offsetof<TlbEntry>("writeTag") : offsetof<TlbEntry>("readTag"));
  if (alignment) {
    get(ADDRESS);
    byte(I32_WRAP);
    opConstant(AND, alignment, false);
    op(EQZ, false);
    op(AND, false);
  }
  enter(IF, I32);
  pushPlace();
  otherwise();
  get(ADDRESS);
  const64(size | (alignment << 8) | (write ? 1 << 16 : 0));
  callCore(REACH);
  byte(I32_WRAP);
  tee(PLACE);
  op(EQZ, false);
  enter(IF, NO_RESULT);
  stop();
  end();
  get(PLACE);
  end();
}

/** Pushes what ADDRESS holds; `signed` extends 8 and 16 bits with their sign. */
export function pushMemory(log2: u32, signed: bool): void {
  pushReachable(1 << log2, false);
  access(loadCode(log2, signed), 0);
}

/** The same for what will be written back by `writeBack`, which cannot fault then. */
export function pushMemoryForWrite(log2: u32): void {
  pushReachable(1 << log2, true);
  tee(PLACE);
  access(loadCode(log2, true), 0);
}

/** Stores local `value` where `pushMemoryForWrite` read. */
export function writeBack(log2: u32, value: u32): void {
  get(PLACE);
  get(value);
  access(storeCode(log2), 0);
}

/** Stores local `value` at ADDRESS, before anything else has happened. */
export function writeMemory(log2: u32, value: u32): void {
  pushReachable(1 << log2, true);
  get(value);
  access(storeCode(log2), 0);
}

/** Pushes the second operand. */
export function pushSource(i: Insn, width: u32): void {
  if (i.form & SRC_IMMEDIATE) constant(extendImmediate(i.immediate, width), isWide(width));
  else if (i.form & SRC_MEMORY) {
    setAddress(i, 1 << width, false);
    pushMemory(width, true);
  } else pushRegister(i.src, width);
}

/** An immediate as operand values are kept: sign-extended from its width. */
export function extendImmediate(value: u64, width: u32): i64 {
  if (width == W8) return <i64>(<i8>value);
  if (width == W16) return <i64>(<i16>value);
  return width == W32 ? <i64>(<i32>value) : <i64>value;
}

/** Pushes the first operand, to be read only. */
export function pushFirst(i: Insn, width: u32): void {
  if (i.form & DST_MEMORY) {
    setAddress(i, 1 << width, false);
    pushMemory(width, true);
  } else pushRegister(i.dst, width);
}

/** Pushes the first operand, to be written by `storeResult`. */
export function pushFirstForWrite(i: Insn, width: u32): void {
  if (i.form & DST_MEMORY) {
    setAddress(i, 1 << width, true);
    pushMemoryForWrite(width);
  } else pushRegister(i.dst, width);
}

/** Writes the result local to the first operand, after `pushFirstForWrite`: the instruction's last effect. */
export function storeResult(i: Insn, width: u32): void {
  const value = result(isWide(width));
  if (i.form & DST_MEMORY) writeBack(width, value);
  else {
    get(value);
    popRegister(i.dst, width);
  }
}
