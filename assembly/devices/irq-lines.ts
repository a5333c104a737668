// Interrupt lines and their controllers.
export function acknowledgeInterrupt(): i32 {
  return -1;
}
export function readApicBase(): u64 {
  return 0xfee0_0900;
}
export function writeApicBase(value: u64): void {}
export function taskPriority(): u32 {
  return 0;
}
export function setTaskPriority(value: u32): void {}
