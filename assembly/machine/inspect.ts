// What monitors and debuggers see and change between two slices: a processor's registers, memory, ports. All of it
// passes through one buffer, INSPECT_AT.
import { a20 } from "../devices/system-ports";
import { portRead, portWrite } from "../devices/bus";
import { invalidateCode } from "../cpu/decode/block";
import { eflags, setEflags } from "../cpu/flags";
import { CpuState, SEG_ACCESS_AT, SEG_BASE_AT, SEG_LIMIT_AT, SEG_SELECTOR_AT, TR, cpu } from "../cpu/state";
import { st, x87 } from "../cpu/x87-state";
import { isWritable, memoryPlace } from "../memory/physical";
import { UNMAPPED, probe } from "../memory/probe";
import { INPUT_END } from "../rings/input";
import { vbe, vga } from "./board";
import { CPU_AT, RAM_AT, VECTORS_AT } from "./layout";
import { switchTo } from "./vcpus";
import { VGA_WINDOW, VGA_WINDOW_SIZE } from "./wiring";

export const INSPECT_AT: usize = (INPUT_END + 15) & ~15;
/** Most bytes that one call moves. */
export const INSPECT_SIZE: u32 = 0x1000;

/**
 * Fields of a processor's record, u64 each, in this order: 16 general registers, RIP, RFLAGS; then selectors, bases,
 * limits and access rights of ES CS SS DS FS GS LDTR TR; then what `readCpu` lists by name, ST0-7 (mantissa, then sign
 * and exponent), XMM0-15 (low, high).
 */
const SEGMENTS: u32 = TR + 1;

let at: usize = 0;

function put(value: u64): void {
  store<u64>(at, value);
  at += 8;
}

function take(): u64 {
  at += 8;
  return load<u64>(at - 8);
}

/** Writes the record of vCPU `index` to INSPECT_AT. */
export function readCpu(index: u32): void {
  const running = cpu.index;
  switchTo(index);
  at = INSPECT_AT;
  for (let n: usize = 0; n < 16; n++) put(load<u64>(CPU_AT + (n << 3)));
  put(cpu.rip);
  put(<u64>eflags());
  for (let n: usize = 0; n < <usize>SEGMENTS; n++) put(<u64>load<u32>(SEG_SELECTOR_AT + (n << 2)));
  for (let n: usize = 0; n < <usize>SEGMENTS; n++) put(load<u64>(SEG_BASE_AT + (n << 3)));
  for (let n: usize = 0; n < <usize>SEGMENTS; n++) put(<u64>load<u32>(SEG_LIMIT_AT + (n << 2)));
  for (let n: usize = 0; n < <usize>SEGMENTS; n++) put(<u64>load<u32>(SEG_ACCESS_AT + (n << 2)));
  put(cpu.gdtrBase);
  put(<u64>cpu.gdtrLimit);
  put(cpu.idtrBase);
  put(<u64>cpu.idtrLimit);
  put(cpu.cr0);
  put(cpu.cr2);
  put(cpu.cr3);
  put(cpu.cr4);
  put(cpu.efer);
  for (let n: usize = 0; n < 6; n++) put(load<u64>(CPU_AT + offsetof<CpuState>("dr0") + (n << 3)));
  put(<u64>cpu.cpl);
  put(<u64>cpu.activity);
  put(<u64>cpu.interruptShadow);
  put(a20() ? 1 : 0);
  put(<u64>x87.control);
  put(<u64>x87.statusWord);
  put(<u64>x87.valid);
  put(<u64>cpu.mxcsr);
  for (let n: u32 = 0; n < 8; n++) {
    put(load<u64>(changetype<usize>(st(n))));
    put(<u64>load<u16>(changetype<usize>(st(n)) + 8));
  }
  for (let n: usize = 0; n < 16; n++) {
    put(load<u64>(VECTORS_AT + (n << 5)));
    put(load<u64>(VECTORS_AT + (n << 5) + 8));
  }
  switchTo(running);
}

/** Takes general registers, RIP, RFLAGS, x87 and XMM of vCPU `index` from the record at INSPECT_AT; the rest stays. */
export function writeCpu(index: u32): void {
  const running = cpu.index;
  switchTo(index);
  at = INSPECT_AT;
  for (let n: usize = 0; n < 16; n++) store<u64>(CPU_AT + (n << 3), take());
  cpu.rip = take();
  setEflags(<u32>take());
  // Segments, tables, control and debug registers, and the states that go with them.
  at += (<usize>SEGMENTS * 4 + 4 + 5 + 6 + 4) << 3;
  x87.control = <u32>take();
  x87.statusWord = <u32>take();
  x87.valid = <u32>take();
  cpu.mxcsr = <u32>take();
  for (let n: u32 = 0; n < 8; n++) {
    store<u64>(changetype<usize>(st(n)), take());
    store<u16>(changetype<usize>(st(n)) + 8, <u16>take());
  }
  for (let n: usize = 0; n < 16; n++) {
    store<u64>(VECTORS_AT + (n << 5), take());
    store<u64>(VECTORS_AT + (n << 5) + 8, take());
  }
  switchTo(running);
}

/** Physical address of `linear` for vCPU `index`, as two halves at INSPECT_AT; false where nothing is mapped. */
export function translateLinear(index: u32, low: u32, high: u32): bool {
  const running = cpu.index;
  switchTo(index);
  const physical = probe((<u64>low) | ((<u64>high) << 32));
  switchTo(running);
  store<u64>(INSPECT_AT, physical);
  return physical != UNMAPPED;
}

/** Copies `length` bytes of RAM, ROM or video memory at `address` to INSPECT_AT; other devices read as zeros. */
export function peekPhysical(address: u32, length: u32): void {
  for (let n: u32 = 0; n < length; n++) store<u8>(INSPECT_AT + <usize>n, <u8>peekByte(address + n));
}

function peekByte(address: u32): u32 {
  const place = memoryPlace(address);
  if (place) return load<u8>(place);
  return address - VGA_WINDOW < VGA_WINDOW_SIZE ? vga.peek(address - VGA_WINDOW, vbe) : 0;
}

/** Copies `length` bytes at INSPECT_AT to RAM at `address`. */
export function pokePhysical(address: u32, length: u32): void {
  for (let n: u32 = 0; n < length; n++) {
    if (!isWritable(address + n)) continue;
    store<u8>(RAM_AT + <usize>(address + n), load<u8>(INSPECT_AT + <usize>n));
    invalidateCode(address + n, 1);
  }
}

/** Reads and writes ports as an instruction would, with what that does to the device. */
export function readPort(port: u32, size: u32): u32 {
  return portRead(port, size);
}

export function writePort(port: u32, size: u32, value: u32): void {
  portWrite(port, size, value);
}
