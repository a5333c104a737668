// Debug registers (SDM 3B §17.2): four breakpoints, on instructions (a fault before them), on data and ports (a trap
// behind the access), and what DR6 reports. While DR7 enables one, the run loop goes instruction by instruction, and
// pages with a data breakpoint stay out of the TLB, so that each access passes `noteAccess`.
//
//  DR7   31 30 29 28 … 19 18 17 16   13   7  6 … 1  0
//       ├ LEN3┼ R/W3┼…┼ LEN0┼ R/W0┼ GD ┼ G3 L3 … G0 L0 ┤
import { WATCH_READ, WATCH_WRITE, hasWatchpoints, noteWatched, watchpointAt } from "../machine/debugger";
import { flushTlb } from "../memory/tlb";
import { DB, GP, UD, raise, raiseWithError } from "./exceptions";
import { deliverDebugFault, deliverException } from "./interrupts";
import { CR4_DE, CpuState, EVENT_RESCHEDULE, cpu, signal } from "./state";

const ENABLES: u64 = 0xff;
/** L0-L3 and LE, which a task switch clears. */
const LOCAL_ENABLES: u64 = 0x155;
const GD: u64 = 1 << 13;
/** DR6: debug registers touched under GD, single step, task switch. */
const BD: u64 = 1 << 13;
const BS: u64 = 1 << 14;
const BT: u64 = 1 << 15;
const DR6_WRITABLE: u64 = 0xe00f;
const DR6_ONES: u64 = 0xffff_0ff0;
const DR7_WRITABLE: u64 = 0xffff_2bff;
const DR7_ONES: u64 = 0x400;

/** The R/W field: what a breakpoint waits for. */
const ON_EXECUTE: u32 = 0;
export const ON_WRITE: u32 = 1;
const ON_IO: u32 = 2;
export const ON_READ: u32 = 3; // or write

export function resetDebug(): void {
  cpu.dr6 = DR6_ONES;
  cpu.dr7 = DR7_ONES;
}

export function breakpointsEnabled(): bool {
  return (cpu.dr7 & ENABLES) != 0;
}

function at(n: u64): usize {
  return changetype<usize>(cpu) + offsetof<CpuState>("dr0") + ((<usize>n) << 3);
}

function kind(n: u64): u32 {
  return (<u32>(cpu.dr7 >> (16 + 4 * n))) & 3;
}

/** Bytes watched: LEN 0-3 means 1, 2, 8, 4; DRn is aligned to it. */
function length(n: u64): u64 {
  const field = (<u32>(cpu.dr7 >> (18 + 4 * n))) & 3;
  return field == 2 ? 8 : <u64>(field + 1);
}

/** The enabled breakpoints of kind `a` or `b` that touch `size` bytes at `address`, as bits 0-3 of DR6. */
function hits(address: u64, size: u64, a: u32, b: u32): u64 {
  let found: u64 = 0;
  for (let n: u64 = 0; n < 4; n++) {
    if (((cpu.dr7 >> (2 * n)) & 3) == 0 || (kind(n) != a && kind(n) != b)) continue;
    const bytes = length(n);
    const first = load<u64>(at(n)) & ~(bytes - 1);
    if (address < first + bytes && first < address + size) found |= (<u64>1) << n;
  }
  return found;
}

/** Whether a data breakpoint, or a watchpoint of a debugger, lies in the page of `linear`. */
export function watchesPage(linear: u64): bool {
  const page = linear & ~0xfff;
  if (hasWatchpoints() && watchpointAt(page, 0x1000, WATCH_READ | WATCH_WRITE)) return true;
  return breakpointsEnabled() && hits(page, 0x1000, ON_WRITE, ON_READ) != 0;
}

/** Whether accesses have to be noted. */
export function watchesData(): bool {
  return breakpointsEnabled() || hasWatchpoints();
}

/** Data at `linear` is read (ON_READ) or written (ON_WRITE): a trap behind the instruction if that is waited for. */
export function noteAccess(linear: u64, size: u32, how: u32): void {
  if (breakpointsEnabled()) cpu.breaks |= <u32>hits(linear, size, ON_READ, how);
  noteWatched(linear, size, how == ON_WRITE ? WATCH_WRITE : WATCH_READ);
}

export function notePort(port: u32, size: u32): void {
  if (cpu.cr4 & CR4_DE) cpu.breaks |= <u32>hits(port, size, ON_IO, ON_IO);
}

/** #DB before the instruction at `linear` if a breakpoint stands there; true when it was delivered. */
export function breakBefore(linear: u64): bool {
  const found = hits(linear, 1, ON_EXECUTE, ON_EXECUTE);
  if (found) {
    cpu.dr6 |= found;
    deliverDebugFault();
  }
  return found != 0;
}

/** #DB behind an instruction that was single-stepped or touched what a breakpoint waits for. */
export function trapAfter(stepped: bool): void {
  const found = <u64>cpu.breaks;
  cpu.breaks = 0;
  if (found == 0 && !stepped) return;
  cpu.dr6 |= found | (stepped ? BS : 0);
  trap();
}

/** A task begins: breakpoints of the old one are off; `traps` is the T flag of its TSS. */
export function enterTask(traps: bool): void {
  cpu.dr7 &= ~LOCAL_ENABLES;
  if (!traps) return;
  cpu.dr6 |= BT;
  trap();
}

/** The handler may use the debug registers freely: entering it clears GD. */
function trap(): void {
  cpu.dr7 &= ~GD;
  deliverException(DB);
}

/** DR4 and DR5 are DR6 and DR7, or undefined when CR4.DE is set. */
function checked(number: u32): u32 {
  if (number > 7 || (cpu.cr4 & CR4_DE && (number & 6) == 4)) raise(UD);
  if (cpu.dr7 & GD) {
    cpu.dr6 |= BD;
    cpu.dr7 &= ~GD;
    raise(DB);
  }
  return number == 4 || number == 5 ? number + 2 : number;
}

/** MOV from DR. */
export function readDebugRegister(number: u32): u64 {
  const n = checked(number);
  return n == 6 ? cpu.dr6 : n == 7 ? cpu.dr7 : load<u64>(at(n));
}

/** MOV to DR. */
export function writeDebugRegister(number: u32, value: u64): void {
  const n = checked(number);
  if (n >= 6 && value >> 32) raiseWithError(GP, 0);
  if (n == 6) cpu.dr6 = (value & DR6_WRITABLE) | DR6_ONES;
  else if (n == 7) cpu.dr7 = (value & DR7_WRITABLE) | DR7_ONES;
  else store<u64>(at(n), value);
  if (n == 6) return;
  flushTlb();
  signal(EVENT_RESCHEDULE);
}
