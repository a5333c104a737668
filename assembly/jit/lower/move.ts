// Moves, extensions, exchanges, conditional moves, the stack: the same names as cpu/exec/move.ts, in wasm.
import { DST_MEMORY, Insn, SRC_MEMORY } from "../../cpu/decode/insn";
import { W32, W64, W8 } from "../../cpu/decode/operations";
import { MODE_CODE64, cpu } from "../../cpu/state";
import { pushCondition } from "../flags";
import { ADDRESS, TEMPORARY, operandA, result } from "../locals";
import {
  isWide,
  popRegister,
  pushEffectiveAddress,
  pushFirstForWrite,
  pushMemory,
  pushRegister,
  pushSource,
  setAddress,
  storeResult,
  writeMemory,
} from "../operand";
import {
  ADD,
  AND,
  I32_WRAP,
  I64_EXTEND_S,
  I64_EXTEND_U,
  OR,
  ROTL,
  ROTR,
  SELECT,
  SHL,
  SHR_U,
  byte,
  get,
  op,
  opConstant,
  set,
} from "../wasm";

const RSP: u32 = 32;
const RBP: u32 = 40;

/** Stores the result local to the first operand, which was not read. */
function storeFirst(i: Insn, width: u32): void {
  const value = result(isWide(width));
  if (i.form & DST_MEMORY) {
    setAddress(i, 1 << width, true);
    writeMemory(width, value);
  } else {
    get(value);
    popRegister(i.dst, width);
  }
}

export function mov(i: Insn, width: u32): void {
  pushSource(i, width);
  if (i.form & DST_MEMORY) {
    set(result(isWide(width)));
    storeFirst(i, width);
  } else popRegister(i.dst, width);
}

/** MOVZX and MOVSX from 8 or 16 bits. */
export function extend(i: Insn, width: u32, from: u32, signed: bool): void {
  if (i.form & SRC_MEMORY) {
    setAddress(i, 1 << from, false);
    pushMemory(from, signed);
  } else {
    pushRegister(i.src, from);
    if (!signed) opConstant(AND, from == W8 ? 0xff : 0xffff, false);
  }
  if (width == W64) byte(signed ? I64_EXTEND_S : I64_EXTEND_U);
  popRegister(i.dst, width);
}

/** MOVSXD at 32 and 64 bits. */
export function movsxd(i: Insn, width: u32): void {
  pushSource(i, W32);
  if (width == W64) byte(I64_EXTEND_S);
  popRegister(i.dst, width);
}

export function lea(i: Insn, width: u32): void {
  pushEffectiveAddress(i);
  if (width != W64) byte(I32_WRAP);
  popRegister(i.dst, width);
}

export function xchg(i: Insn, width: u32): void {
  const wide = isWide(width);
  pushFirstForWrite(i, width);
  set(operandA(wide));
  pushRegister(i.src, width);
  set(result(wide));
  if (i.form & DST_MEMORY) {
    get(operandA(wide));
    popRegister(i.src, width);
    storeResult(i, width);
  } else {
    storeResult(i, width);
    get(operandA(wide));
    popRegister(i.src, width);
  }
}

/** The source is read in any case, and a 32-bit destination is zero-extended in any case (SDM 2 "CMOVcc"). */
export function cmov(i: Insn, width: u32): void {
  pushSource(i, width);
  pushRegister(i.dst, width);
  pushCondition(i.extra);
  byte(SELECT);
  popRegister(i.dst, width);
}

export function setcc(i: Insn): void {
  pushCondition(i.extra);
  set(result(false));
  storeFirst(i, W8);
}

/** BSWAP at 32 and 64 bits. */
export function bswap(i: Insn, width: u32): void {
  const wide = isWide(width);
  pushRegister(i.dst, width);
  set(operandA(wide));
  if (wide) {
    // Bytes within 16 bits, those within 32, then the halves.
    swapParts(8, 0x00ff_00ff_00ff_00ff);
    swapParts(16, 0x0000_ffff_0000_ffff);
    get(operandA(true));
    opConstant(ROTL, 32, true);
  } else {
    get(operandA(false));
    opConstant(ROTL, 8, false);
    opConstant(AND, 0x00ff_00ff, false);
    get(operandA(false));
    opConstant(ROTR, 8, false);
    opConstant(AND, <i64>(<i32>0xff00_ff00), false);
    op(OR, false);
  }
  popRegister(i.dst, width);
}

function swapParts(distance: i64, mask: i64): void {
  get(operandA(true));
  opConstant(SHR_U, distance, true);
  opConstant(AND, mask, true);
  get(operandA(true));
  opConstant(AND, mask, true);
  opConstant(SHL, distance, true);
  op(OR, true);
  set(operandA(true));
}

/** Pushes the stack pointer plus `offset`, at the stack's width. */
function pushStackPointer(offset: i64): void {
  pushRegister(RSP, W64);
  if (offset) opConstant(ADD, offset, true);
  if (!(cpu.mode & MODE_CODE64)) opConstant(AND, 0xffff_ffff, true);
}

/** Pushes the result local on the guest's stack; `stored` of it is written. */
export function pushResult(width: u32, stored: u32 = width): void {
  pushStackPointer(-(1 << width));
  set(TEMPORARY);
  get(TEMPORARY);
  set(ADDRESS);
  writeMemory(stored, result(isWide(width)));
  get(TEMPORARY);
  popRegister(RSP, W64);
}

export function push(i: Insn, width: u32): void {
  pushSource(i, width);
  set(result(isWide(width)));
  pushResult(width);
}

/** Result = the value on top of the stack; RSP stays. */
export function peek(width: u32): void {
  pushStackPointer(0);
  set(ADDRESS);
  pushMemory(width, true);
  set(result(isWide(width)));
}

export function dropFromStack(bytes: i64): void {
  pushStackPointer(bytes);
  popRegister(RSP, W64);
}

/** POP of a register. */
export function pop(i: Insn, width: u32): void {
  peek(width);
  dropFromStack(1 << width);
  get(result(isWide(width)));
  popRegister(i.dst, width);
}

export function leave(width: u32): void {
  const wide = isWide(width);
  pushRegister(RBP, wide ? W64 : W32);
  if (!wide) byte(I64_EXTEND_U);
  set(ADDRESS);
  pushMemory(width, true);
  set(result(wide));
  get(ADDRESS);
  opConstant(ADD, 1 << width, true);
  if (!wide) opConstant(AND, 0xffff_ffff, true);
  popRegister(RSP, W64);
  get(result(wide));
  popRegister(RBP, width);
}
