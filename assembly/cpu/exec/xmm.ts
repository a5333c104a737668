// The vector registers, and the second operand of an SSE instruction.
import { Insn, SRC_MEMORY } from "../decode/insn";
import * as op from "../decode/operations-sse";
import { GP, raiseWithError } from "../exceptions";
import { VECTORS_AT } from "../../machine/layout";
import { read, write } from "../../memory/access";
import { linearAddress, linearAddressForWrite } from "./operand";

function vectorAt(number: u32): usize {
  return VECTORS_AT + ((<usize>number) << 5);
}

export function xmm(number: u32): v128 {
  return v128.load(vectorAt(number));
}

/** Legacy SSE leaves the upper half of YMM alone (SDM 1 §14.1.2). */
export function setXmm(number: u32, value: v128): void {
  v128.store(vectorAt(number), value);
}

/** The YMM half above the XMM register. */
export function xmmUpper(number: u32): v128 {
  return v128.load(vectorAt(number), 16);
}

export function setXmmUpper(number: u32, value: v128): void {
  v128.store(vectorAt(number), value, 16);
}

export function inMemory(i: Insn): bool {
  return (i.form & SRC_MEMORY) != 0;
}

/** Low part of vector register `number`, T = u8 … u64. */
export function element<T>(number: u32, index: u32 = 0): T {
  return load<T>(vectorAt(number) + <usize>index * sizeof<T>());
}

export function setElement<T>(number: u32, index: u32, value: T): void {
  store<T>(vectorAt(number) + <usize>index * sizeof<T>(), value);
}

/** Memory operand of T, any alignment. */
export function readMemory<T>(i: Insn): T {
  return read<T>(linearAddress(i, sizeof<T>()));
}

export function writeMemory<T>(i: Insn, value: T): void {
  write<T>(linearAddressForWrite(i, sizeof<T>()), value);
}

/** #GP(0) where 16 bytes must be aligned and are not (SDM 2A table 2-21). */
function checkAlignment(linear: u64): u64 {
  if (linear & 15) raiseWithError(GP, 0);
  return linear;
}

export function readAligned(i: Insn): v128 {
  return read<v128>(checkAlignment(linearAddress(i, 16)));
}

export function writeAligned(i: Insn, value: v128): void {
  write<v128>(checkAlignment(linearAddressForWrite(i, 16)), value);
}

/** The second operand, a register or 16 bytes at any alignment. */
export function unaligned(i: Insn): v128 {
  return inMemory(i) ? readMemory<v128>(i) : xmm(i.src);
}

/** The second operand as T, u8 … u64. */
export function scalarSource<T>(i: Insn): T {
  return inMemory(i) ? readMemory<T>(i) : element<T>(i.src);
}

/** The second operand of a lane operation: a register, or memory of the size that the operation has, then zeros. */
export function laneSource(i: Insn, operation: u32): v128 {
  if (!inMemory(i)) return xmm(i.src);
  return readsWhole(operation) ? readAligned(i) : readPart(i, operation);
}

/** Whether the memory operand of a lane operation has 16 bytes. */
export function readsWhole(operation: u32): bool {
  return (
    operation < op.CVTPS2PD || (operation >= op.MOVA && operation < op.MOVQ) || operation >= op.VPERMILPS
  );
}

/** Memory operand of a lane operation that reads less than 16 bytes. */
export function readPart(i: Insn, operation: u32): v128 {
  if (operation < op.CVTSS2SD) return lowQword(readMemory<u64>(i));
  if (operation < op.MOVA) return lowDword(readMemory<u32>(i));
  if (operation < op.PMOVSXBD) return lowQword(readMemory<u64>(i));
  return lowDword(operation < op.PMOVSXBQ ? readMemory<u32>(i) : <u32>readMemory<u16>(i));
}

export function lowDword(value: u32): v128 {
  return i32x4.replace_lane(i64x2(0, 0), 0, value);
}

export function lowQword(value: u64): v128 {
  return i64x2.replace_lane(i64x2(0, 0), 0, value);
}
