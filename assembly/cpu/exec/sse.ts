import { Insn } from "../decode/insn";
import { UD, raise } from "../exceptions";
export function executeSse(i: Insn): void {
  raise(UD);
}
export function ldmxcsr(i: Insn): void {
  raise(UD);
}
export function stmxcsr(i: Insn): void {
  raise(UD);
}
