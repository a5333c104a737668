// Several vCPUs on one thread: one runs at the constant address, the others' blocks are parked.
import { cpu, CpuState, signal } from "../cpu/state";
import { CPU_AT, CPU_END, PARKED_AT } from "./layout";

/** State of vCPU `index`, wherever it is now. */
export function vcpu(index: u32): CpuState {
  if (cpu.index == index) return cpu;
  return changetype<CpuState>(PARKED_AT + <usize>index * (CPU_END - CPU_AT));
}

/** Makes vCPU `index` look at `event` (EVENT_*) before its next block. */
export function signalVcpu(index: u32, event: u32): void {
  if (cpu.index == index) signal(event);
  else vcpu(index).events |= event;
}

/** Parks the running vCPU and puts `index` in its place. */
export function switchTo(index: u32): void {
  const size = CPU_END - CPU_AT;
  if (cpu.index == index) return;
  memory.copy(PARKED_AT + <usize>cpu.index * size, CPU_AT, size);
  memory.copy(CPU_AT, PARKED_AT + <usize>index * size, size);
}
