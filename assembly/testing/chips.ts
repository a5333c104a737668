// The chips without a processor: what test/devices pokes.
export { portRead, portWrite, sendBreak } from "../devices/bus";
export { mmioRead, mmioWrite } from "../devices/memory-bus";
export { attachDrive } from "../devices/drives";
export { acknowledgeInterrupt, driveLine, interruptPending, setTaskPriority } from "../devices/irq-lines";
export {
  advanceChips,
  attachHpet,
  changeMedium,
  completeBlock,
  nextDeadline,
  resetChips,
} from "../machine/board";
export { fillConfiguration } from "../firmware/configuration";
export { startBios as powerOnSelfTest } from "../firmware/bios/post";
export { TOLD_FILE, TOLD_NAME, TOLD_UUID } from "../firmware/told";
export { RAM_AT, TOLD_AT, TOLD_SIZE, VRAM_AT } from "../machine/layout";
export { BLOCK_RING_AT, BLOCK_SLOTS, BLOCK_SLOTS_AT, BLOCK_SLOT_SIZE } from "../rings/block";
export { INPUT_AT, INPUT_CAPACITY } from "../rings/input";
export { SERIAL_IN_AT, SERIAL_IN_SIZE, SERIAL_OUT_AT, SERIAL_OUT_SIZE } from "../rings/bytes";
import { clock } from "../machine/clock";
import { cpu } from "../cpu/state";
import { physicalMap } from "../memory/physical";

/** Puts together a board: RAM, vCPUs, Unix time in seconds; then resetChips. */
export function assemble(ramBytes: u32, vcpus: u32, epochSeconds: f64): void {
  physicalMap.ramSize = ramBytes;
  clock.vcpus = vcpus;
  clock.epoch = <u64>epochSeconds * 1_000_000_000;
  cpu.index = 0;
}

/** Sets virtual time, in ns. */
export function setTime(nanoseconds: f64): void {
  clock.sliceStart = <u64>nanoseconds;
}

/** Reason to leave the run loop, and forgets it. */
export function takeExit(): u32 {
  const exit = clock.exit;
  clock.exit = 0;
  return exit;
}
