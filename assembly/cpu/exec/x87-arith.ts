// FADD, FMUL, FSUB, FSUBR, FDIV, FDIVR and, on the same opcodes, FCOM with a memory operand (SDM 2D table A-7).
import { read } from "../../memory/access";
import { Insn } from "../decode/insn";
import { Float80 } from "../float80";
import { add, subtract } from "../float80-add";
import { fromFloat, fromInteger } from "../float80-convert";
import { divide, multiply } from "../float80-multiply";
import {
  INVALID,
  STACK_FAULT,
  isEmpty,
  markValid,
  operand,
  pop,
  result,
  settle,
  st,
  x87,
} from "../x87-state";
import { linearAddress } from "./operand";
import { compareTop } from "./x87-compare";

/** An empty source: its masked answer is the indefinite QNaN, and C1 = 0 tells underflow (SDM 1 §8.5.1.1). */
export function stackUnderflow(to: Float80): void {
  x87.raised = INVALID | STACK_FAULT;
  to.setIndefinite();
}

/** result = ST(0) op other, where the reversed forms exchange the two. */
function compute(reg: u32, other: Float80): void {
  const top = st(0);
  switch (reg) {
    case 0:
      add(top, other, result);
      break;
    case 1:
      multiply(top, other, result);
      break;
    case 4:
      subtract(top, other, result);
      break;
    case 5:
      subtract(other, top, result);
      break;
    case 6:
      divide(top, other, result);
      break;
    default:
      divide(other, top, result);
  }
}

/** D8 singles, DA 32-bit integers, DC doubles, DE 16-bit integers. */
function readOperand(i: Insn, opcode: u32): u64 {
  switch (opcode) {
    case 4:
      return read<u64>(linearAddress(i, 8));
    case 6:
      return <u64>read<u16>(linearAddress(i, 2));
    default:
      return <u64>read<u32>(linearAddress(i, 4));
  }
}

function setOperand(opcode: u32, bits: u64): void {
  switch (opcode) {
    case 0:
      fromFloat<u32>(<u32>bits, operand);
      break;
    case 2:
      fromInteger(<i64>(<i32>bits), operand);
      break;
    case 4:
      fromFloat<u64>(bits, operand);
      break;
    default:
      fromInteger(<i64>(<i16>bits), operand);
  }
}

export function arithmeticMemory(i: Insn, opcode: u32, reg: u32): void {
  arithmeticOperand(opcode, reg, readOperand(i, opcode));
}

/** `bits` is the memory operand. */
export function arithmeticOperand(opcode: u32, reg: u32, bits: u64): void {
  setOperand(opcode, bits);
  if (reg == 2 || reg == 3) {
    compareTop(operand, false, false, reg == 3 ? 1 : 0);
    return;
  }
  if (isEmpty(0)) stackUnderflow(result);
  else compute(reg, operand);
  if (settle()) {
    st(0).copy(result);
    markValid(0);
  }
}

/** D8: the result goes to ST(0); DC: to ST(i); DE: to ST(i), then ST(0) is popped. */
export function arithmeticRegister(opcode: u32, reg: u32, position: u32): void {
  if (isEmpty(0) || isEmpty(position)) stackUnderflow(result);
  else compute(reg, st(position));
  if (!settle()) return;
  const destination = opcode == 0 ? 0 : position;
  st(destination).copy(result);
  markValid(destination);
  if (opcode == 6) pop();
}
