// FCOM, FUCOM, FCOMI, FUCOMI and their popping forms, FTST, FXAM.
import { Float80 } from "../float80";
import { UNORDERED, compare, examine } from "../float80-compare";
import { setArithmeticFlags } from "../flags";
import { CF, PF, ZF } from "../state";
import { C0, C1, C2, C3, INVALID, STACK_FAULT, isEmpty, operand, pop, settle, st, x87 } from "../x87-state";

/** Compares ST(0) with `other`, then pops as often as asked. `quietly`: QNaNs are no invalid operands. */
export function compareTop(other: Float80, otherEmpty: bool, quietly: bool, pops: u32): void {
  const codes = relation(other, otherEmpty, quietly);
  const settled = settle();
  // Processors write the codes after an unmasked fault too (SDM 2A has it otherwise), but do not pop.
  x87.status = (x87.status & ~(C0 | C2 | C3)) | codes;
  if (!settled) return;
  for (; pops > 0; pops--) pop();
}

function relation(other: Float80, otherEmpty: bool, quietly: bool): u32 {
  if (!isEmpty(0) && !otherEmpty) return compare(st(0), other, quietly);
  x87.raised = INVALID | STACK_FAULT;
  return UNORDERED;
}

export function compareRegister(position: u32, quietly: bool, popping: bool): void {
  compareTop(st(position), isEmpty(position), quietly, popping ? 1 : 0);
}

/** FCOMPP, FUCOMPP */
export function comparePopTwo(quietly: bool): void {
  compareTop(st(1), isEmpty(1), quietly, 2);
}

/** FCOMI …: the codes go to CF, PF and ZF; the other three are cleared (SDM 2A, FCOMI). */
export function compareFlags(position: u32, quietly: bool, popping: bool): void {
  setArithmeticFlags(flagsOfComparison(position, quietly, popping));
}

export function flagsOfComparison(position: u32, quietly: bool, popping: bool): u32 {
  const kept = x87.status & C1; // only a stack fault clears it
  const codes = relation(st(position), isEmpty(position), quietly);
  const settled = settle();
  if ((x87.raised & STACK_FAULT) == 0) x87.status |= kept;
  if (settled && popping) pop();
  return (codes & C0 ? CF : 0) | (codes & C2 ? PF : 0) | (codes & C3 ? ZF : 0);
}

/** FTST: compares with +0. */
export function testTop(): void {
  operand.setZero(0);
  compareTop(operand, false, false, 0);
}

/** FXAM */
export function examineTop(): void {
  x87.status = (x87.status & ~(C0 | C1 | C2 | C3)) | examine(st(0), isEmpty(0));
}
