// Hardware task switches (SDM 3A §7). Not built yet: a task gate or an IRET with NT set faults as a processor
// faults on a TSS that it cannot use.
import { TS, raiseWithError } from "./exceptions";
import { cpu } from "./state";

export function switchTaskByGate(selector: u32, hasError: bool, error: u32): void {
  raiseWithError(TS, selector & 0xfffc);
}

export function returnFromTask(): void {
  raiseWithError(TS, cpu.trSelector & 0xfffc);
}
