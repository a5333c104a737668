// The way out: every export of the machine engine, in reading order.
import { eflags as readEflags, setEflags } from "../cpu/flags";
import { dropAllBlocks } from "../cpu/decode/block";
import { resetCpu } from "../cpu/modes";
import { updateMode } from "../cpu/segments";
import { CpuState, WAIT_FOR_SIPI, cpu, setCpl } from "../cpu/state";
import { fillConfiguration } from "../firmware/configuration";
import { flushEveryTlb, flushTlb } from "../memory/tlb";
import { physicalMap } from "../memory/physical";
import { debugConsole, debugExit, resetChips, rtc } from "./board";
import { clock } from "./clock";
import { EMPTY_TLB_AT, TLB_SET_SIZE } from "./layout";
import { switchTo } from "./vcpus";
export {
  BOARD_AT,
  CODE_AT,
  CONFIGURATION_ITEMS_AT,
  TOLD_AT,
  TOLD_SIZE,
  CPU_AT,
  RAM_AT,
  ROM_AT,
  ROM_SIZE,
  TLB_AT,
  VECTORS_AT,
  VIDEO_ROM_AT,
  VIDEO_ROM_SIZE,
  VRAM_AT,
  VRAM_SIZE,
  X87_AT,
} from "./layout";
export { CLOCK_DEADLINE, CLOCK_EPOCH, CLOCK_PACE, CLOCK_SLICE_START, executed } from "./clock";
export {
  EXIT_BREAK,
  EXIT_DEBUG,
  EXIT_DOORBELL,
  EXIT_HALTED,
  EXIT_POWER_OFF,
  EXIT_RESET,
  EXIT_SLICE,
} from "./exit";
export {
  LINUX_COMMAND_LINE_TO,
  LINUX_COMMAND_LINE_TOO_LONG,
  LINUX_HEADER_AT,
  LINUX_HEADER_SIZE,
  LINUX_INITRD_TO,
  LINUX_KERNEL_OFFSET,
  LINUX_KERNEL_TO,
  LINUX_NO_KERNEL,
  LINUX_NO_ROOM,
  LINUX_OK,
  LINUX_TOO_OLD,
  planLinux,
  startLinux,
} from "../firmware/linux-boot";
export { enterKernel } from "../firmware/kernel-entry";
export { startBios as startFirmware } from "../firmware/bios/post";
export { memoryRange, usableTop } from "../firmware/memory-map";
export { MEMORY_RANGE_AT } from "../firmware/bios/layout";
export { RSDP as ACPI_RSDP } from "../firmware/acpi/tables";
export { TOLD_FILE, TOLD_NAME, TOLD_UUID } from "../firmware/told";
export { setBootOptions } from "./boot-options";
export { runMachine } from "./run";
export {
  BREAKPOINTS_MAX,
  DEBUGGER_END,
  WATCHPOINTS_MAX,
  WATCH_READ,
  WATCH_WRITE,
  goOn,
  lastStop,
  setBreakpoints,
  setWatchpoints,
} from "./debugger";
export { serveRegion } from "../jit/core";
export { serveX87 } from "../jit/core-x87";
export { liveBytes, liveRegions } from "../jit/regions";
export {
  LEFT_BUDGET,
  LEFT_STOPPED,
  LEFT_HANDLER,
  LEFT_INDIRECT,
  LEFT_JUMP,
  LEFT_PAGE,
  LEFT_RETURN,
  STAT_BYTES,
  STAT_ENTRIES,
  STAT_HANDLERS,
  STAT_INSTRUCTIONS,
  STAT_REGIONS,
  countJit,
} from "../jit/stats";
export { JIT_STATS_AT, JIT_STATS_COUNTERS } from "./layout";
export { attachHpet, attachRng, changeMedium, completeBlock } from "./board";
export {
  DRIVE_CD,
  DRIVE_DISK,
  DRIVE_FLOPPY,
  DRIVE_SIZE,
  DRIVES,
  FLOPPY_DRIVE,
  VIRTIO_DRIVE,
  attachDrive,
  rankDrive,
} from "../devices/drives";
export {
  BLOCK_DISCARD,
  BLOCK_FAILED,
  BLOCK_FLUSH,
  BLOCK_OK,
  BLOCK_READ,
  BLOCK_RING_AT,
  BLOCK_SLOTS,
  BLOCK_SLOTS_AT,
  BLOCK_SLOT_SIZE,
  BLOCK_WRITE,
} from "../rings/block";
export { DRIVES_AT, pressPowerButton, VBE_AT, VGA_AT } from "./board";
export {
  INSPECT_AT,
  INSPECT_SIZE,
  peekPhysical,
  pokePhysical,
  readCpu,
  readPort,
  translateLinear,
  writeCpu,
  writePort,
} from "./inspect";
export {
  VGA_ATTRIBUTES,
  VGA_CRTC,
  VGA_DAC,
  VGA_GENERATION,
  VGA_GRAPHICS,
  VGA_SEQUENCER,
} from "../devices/vga";
export { INPUT_AT, INPUT_CAPACITY } from "../rings/input";
export {
  DEBUG_OUT_AT,
  DEBUG_OUT_CAPACITY,
  SERIAL_IN_AT,
  SERIAL_IN_CAPACITY,
  SERIAL_IN_SIZE,
  SERIAL_OUT_AT,
  SERIAL_OUT_CAPACITY,
  SERIAL_OUT_SIZE,
  SERIAL_PORTS,
} from "../rings/bytes";

/** A new machine with `ramSize` bytes of RAM, already in linear memory behind RAM_AT, and `vcpus` processors. */
export function powerOn(ramSize: u32, vcpus: u32): void {
  physicalMap.ramSize = ramSize;
  physicalMap.a20Mask = 0xffff_ffff;
  clock.vcpus = vcpus;
  clock.exit = 0;
  for (let index: u32 = 0; index < vcpus; index++) {
    if (index) switchTo(index);
    cpu.index = index;
    resetCpu(false);
    // The others wait for the first one's INIT and start-up IPIs (SDM 3A §8.4.3).
    if (index) cpu.activity = WAIT_FOR_SIPI;
  }
  if (vcpus > 1) switchTo(0);
  memory.fill(EMPTY_TLB_AT, 0xff, TLB_SET_SIZE);
  dropAllBlocks();
  resetChips();
  fillConfiguration();
}

/** Code that has run `warm` times becomes WebAssembly; with 0 all is interpreted. */
export function setTranslator(warm: u32): void {
  clock.warm = warm;
  dropAllBlocks();
}

/** The reset line: processors and chips as after power on, RAM as it is. */
export function resetMachine(): void {
  powerOn(physicalMap.ramSize, clock.vcpus);
}

/**
 * The host has put the state of another moment in place (host/state/): what was derived from the one before goes. The
 * RTC counts from `clock.epoch`, which the host may have moved.
 */
export function adoptState(): void {
  dropAllBlocks();
  flushEveryTlb();
  rtc.countFrom(clock.epoch);
}

export { isZero } from "../block/zeros";

/** The firmware is the last `size` bytes of the ROM at ROM_AT. */
export function attachFirmware(size: u32): void {
  physicalMap.romSize = size;
}

export { sendBreak } from "../devices/bus";
export { setTrace } from "../cpu/trace";
export { withholdFeatures } from "../cpu/features";

/** Plugs in isa-debug-exit, before power on. */
export function attachDebugExit(base: u32, ports: u32): void {
  debugExit.base = base;
  debugExit.ports = ports;
}

/** Plugs in isa-debugcon, before power on. */
export function attachDebugConsole(base: u32): void {
  debugConsole.base = base;
}

/** The exit code that goes with EXIT_DEBUG. */
export function debugExitCode(): u32 {
  return debugExit.code;
}

/** EFLAGS of the running vCPU, lazy flags worked out; and the way to set it. For debuggers and tests. */
export function flags(): u32 {
  return readEflags();
}

export function setFlags(value: u32): void {
  setEflags(value);
}

/** For tests and debuggers that have written registers in memory: what is derived from them. */
export function settleState(): void {
  setCpl(cpu.cpl);
  updateMode();
  flushTlb();
  dropAllBlocks();
}

/** Size of the register block at CPU_AT. */
export const CPU_STATE_SIZE: usize = offsetof<CpuState>();
