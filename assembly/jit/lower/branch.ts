// Transfers of control: the same names as cpu/exec/branch.ts, in wasm. Those with a known target in the region become
// its edges (jit/emit.ts); here is what they do besides, and those whose target only the guest knows.
import { Insn } from "../../cpu/decode/insn";
import { W64 } from "../../cpu/decode/operations";
import { leave, nextDelta, pushRip } from "../leave";
import { operandA, result } from "../locals";
import { isWide, pushFirst } from "../operand";
import { LEFT_INDIRECT, LEFT_RETURN } from "../stats";
import { I32_WRAP, I64_EXTEND_U, byte, get, set } from "../wasm";
import { dropFromStack, peek, pushResult } from "./move";

/** Pushes the return address on the guest's stack. */
export function pushReturn(width: u32): void {
  pushRip(nextDelta());
  if (width != W64) byte(I32_WRAP);
  set(result(isWide(width)));
  pushResult(width);
}

/** Leaves for `local`. */
function leaveFor(local: u32, width: u32, reason: u32): void {
  get(local);
  if (width != W64) byte(I64_EXTEND_U);
  leave(reason);
}

export function jmpIndirect(i: Insn, width: u32): void {
  pushFirst(i, width);
  set(operandA(isWide(width)));
  leaveFor(operandA(isWide(width)), width, LEFT_INDIRECT);
}

export function callIndirect(i: Insn, width: u32): void {
  pushFirst(i, width);
  set(operandA(isWide(width)));
  pushReturn(width);
  leaveFor(operandA(isWide(width)), width, LEFT_INDIRECT);
}

/** RET, with `bytes` more to drop. */
export function ret(width: u32, bytes: u64): void {
  peek(width);
  dropFromStack((1 << width) + <i64>bytes);
  leaveFor(result(isWide(width)), width, LEFT_RETURN);
}
