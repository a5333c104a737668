// What translated code calls: the slow paths of memory, the interpreter for one instruction, and arithmetic that is
// not worth its wasm in line. Memory holds the guest's state as the interpreter would have it (jit/leave.ts: spill),
// so a fault unwinds from here as from anywhere.
import { Block, codeWasDropped, forgetDrops, isDropped } from "../cpu/decode/block";
import { INSN_SIZE, Insn } from "../cpu/decode/insn";
import { BLOCK_END, BLOCK_LEAVE } from "../cpu/decode/operations";
import { execute } from "../cpu/exec/dispatch";
import { arithmeticFlags, condition } from "../cpu/flags";
import { CF, OF, cpu } from "../cpu/state";
import { multiplyHigh } from "../cpu/wide";
import { multiplyHighSigned } from "../cpu/exec/wide-int";
import { JIT_INSN_AT } from "../machine/layout";
import { endsRun } from "./region";
import { read, readForWrite, write } from "../memory/access";

export function jitRead8(linear: u64): u32 {
  return <u32>read<u8>(linear);
}

export function jitRead16(linear: u64): u32 {
  return <u32>read<u16>(linear);
}

export function jitRead32(linear: u64): u32 {
  return read<u32>(linear);
}

export function jitRead64(linear: u64): u64 {
  return read<u64>(linear);
}

export function jitReadForWrite8(linear: u64): u32 {
  return <u32>readForWrite<u8>(linear);
}

export function jitReadForWrite16(linear: u64): u32 {
  return <u32>readForWrite<u16>(linear);
}

export function jitReadForWrite32(linear: u64): u32 {
  return readForWrite<u32>(linear);
}

export function jitReadForWrite64(linear: u64): u64 {
  return readForWrite<u64>(linear);
}

/** These return whether decoded code was dropped, so that the region must be left. */
export function jitWrite8(linear: u64, value: u32): bool {
  forgetDrops();
  write<u8>(linear, <u8>value);
  return mustLeave();
}

export function jitWrite16(linear: u64, value: u32): bool {
  forgetDrops();
  write<u16>(linear, <u16>value);
  return mustLeave();
}

export function jitWrite32(linear: u64, value: u32): bool {
  forgetDrops();
  write<u32>(linear, value);
  return mustLeave();
}

export function jitWrite64(linear: u64, value: u64): bool {
  forgetDrops();
  write<u64>(linear, value);
  return mustLeave();
}

/** Where the running block itself lives on, the instructions behind this one have been counted, but will be again. */
function mustLeave(): bool {
  if (!codeWasDropped()) return false;
  const block = changetype<Block>(<usize>cpu.block);
  if (!isDropped(block)) cpu.budget += <i32>((block.end - cpu.insn) / <u32>INSN_SIZE) - 1;
  return true;
}

/** The instruction that runs as a copy at JIT_INSN_AT. */
let original: u32 = 0;

/** Runs one decoded instruction in the interpreter; returns whether the region must be left. */
export function jitExecute(insn: u32): bool {
  forgetDrops();
  execute(copyInsn(insn, BLOCK_END));
  cpu.insn = insn;
  return mustLeave();
}

/** Runs the last instruction of a block in the interpreter, which may run on from there. */
export function jitExecuteLast(insn: u32): void {
  execute(copyInsn(insn, endsRun(<u32>changetype<Insn>(insn).op) ? BLOCK_LEAVE : BLOCK_END));
}

/** The instruction as a block of its own that ends with `end`. */
function copyInsn(insn: u32, end: u32): Insn {
  original = insn;
  const copy = changetype<Insn>(JIT_INSN_AT);
  memory.copy(JIT_INSN_AT, insn, INSN_SIZE);
  memory.fill(JIT_INSN_AT + INSN_SIZE, 0, INSN_SIZE);
  const behind = changetype<Insn>(JIT_INSN_AT + INSN_SIZE);
  behind.op = <u16>end;
  behind.offset = copy.offset + <u16>copy.length;
  return copy;
}

/** The decoded instruction that runs, where `cpu.insn` may be the copy. */
export function runningInsn(): u32 {
  return cpu.insn - <u32>JIT_INSN_AT < <u32>INSN_SIZE * 2 ? original : cpu.insn;
}

function setRecord(a: u64, b: u64, result: u64, op: u32): void {
  cpu.flagA = a;
  cpu.flagB = b;
  cpu.flagResult = result;
  cpu.flagOp = op;
}

/** Condition `code` of a flag record. The record in memory is spilled anew before anyone reads it. */
export function jitCondition(a: u64, b: u64, result: u64, op: u32, code: u32): bool {
  setRecord(a, b, result, op);
  return condition(code);
}

export function jitFlags(a: u64, b: u64, result: u64, op: u32): u32 {
  setRecord(a, b, result, op);
  return arithmeticFlags();
}

/** CF and OF of a signed 64-bit product. */
export function jitProductFlags(a: u64, b: u64): u32 {
  const high = multiplyHighSigned(<i64>a, <i64>b);
  return high != (<i64>(a * b)) >> 63 ? CF | OF : 0;
}

export function jitHighUnsigned(a: u64, b: u64): u64 {
  return multiplyHigh(a, b);
}

export function jitHighSigned(a: u64, b: u64): u64 {
  return <u64>multiplyHighSigned(<i64>a, <i64>b);
}
