// Transfers of control: the same names as cpu/exec/branch.ts, in wasm. Those with a known target in the region become
// its edges (jit/emit.ts); here is what they do besides, and those whose target only the guest knows: it is compared
// with where the region knows that they may lead.
import { Insn } from "../../cpu/decode/insn";
import { W64 } from "../../cpu/decode/operations";
import { node } from "../graph";
import { leave, nextDelta, pushRip } from "../leave";
import { RIP, TEMPORARY, operandA, result } from "../locals";
import { isWide, pushFirst } from "../operand";
import { LEFT_INDIRECT, LEFT_RETURN } from "../stats";
import { emitTargets } from "../structure";
import { I32_WRAP, I64_EXTEND_U, SUB, byte, get, op, set } from "../wasm";
import { dropFromStack, peek, pushResult } from "./move";

/** Pushes the return address on the guest's stack. */
export function pushReturn(width: u32): void {
  pushRip(nextDelta());
  if (width != W64) byte(I32_WRAP);
  set(result(isWide(width)));
  pushResult(width);
}

/** From node `n` to the address in `local`. */
function goTo(n: u32, local: u32, width: u32, reason: u32): void {
  if (node(n).targets) {
    pushTarget(local, width);
    get(RIP);
    op(SUB, true);
    set(TEMPORARY);
    emitTargets(n);
  }
  pushTarget(local, width);
  leave(reason);
}

function pushTarget(local: u32, width: u32): void {
  get(local);
  if (width != W64) byte(I64_EXTEND_U);
}

export function jmpIndirect(n: u32, i: Insn, width: u32): void {
  const target = operandA(isWide(width));
  pushFirst(i, width);
  set(target);
  goTo(n, target, width, LEFT_INDIRECT);
}

export function callIndirect(n: u32, i: Insn, width: u32): void {
  const target = operandA(isWide(width));
  pushFirst(i, width);
  set(target);
  pushReturn(width);
  goTo(n, target, width, LEFT_INDIRECT);
}

/** RET, with `bytes` more to drop. */
export function ret(n: u32, width: u32, bytes: u64): void {
  peek(width);
  dropFromStack((1 << width) + <i64>bytes);
  goTo(n, result(isWide(width)), width, LEFT_RETURN);
}
