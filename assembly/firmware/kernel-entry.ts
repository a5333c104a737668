// The last step of every boot loader: a GDT of flat segments, and into protected mode with paging and interrupts off.
import { enterFlatProtectedMode } from "../cpu/modes";
import { cpu } from "../cpu/state";
import { RAM_AT } from "../machine/layout";

/** Code and data, base 0, limit 4 GiB, accessed. */
const FLAT_CODE: u64 = 0x00cf_9b00_0000_ffff;
const FLAT_DATA: u64 = 0x00cf_9300_0000_ffff;

/** Below what a Multiboot or PVH kernel is told of (host/core/multiboot.ts, pvh.ts). */
const KERNEL_GDT: u32 = 0x8f00;
const KERNEL_CODE: u32 = 0x08;
const KERNEL_DATA: u32 = 0x10;

/** Enters 32-bit code at `entry`, through a GDT at guest address `gdt` with the two selectors. */
export function enterFlat(entry: u32, gdt: u32, code: u32, data: u32): void {
  const at = RAM_AT + <usize>gdt;
  memory.fill(at, 0, <usize>data + 8);
  store<u64>(at + <usize>code, FLAT_CODE);
  store<u64>(at + <usize>data, FLAT_DATA);
  cpu.gdtrBase = <u64>gdt;
  cpu.gdtrLimit = data + 7;
  enterFlatProtectedMode(entry, code, data);
}

/** Multiboot and PVH: what the kernel is told by EAX and EBX. */
export function enterKernel(entry: u32, eax: u32, ebx: u32): void {
  enterFlat(entry, KERNEL_GDT, KERNEL_CODE, KERNEL_DATA);
  cpu.rax = <u64>eax;
  cpu.rbx = <u64>ebx;
}
