// Guest physical addresses: RAM, ROM or a device. Everything lives below 4 GiB; what a page table points at
// above that is nowhere: reads give ones, writes vanish.
import { mmioRead, mmioWrite } from "../devices/bus";
import { BOARD_AT, CODE_PAGES_AT, RAM_AT } from "../machine/layout";
import { invalidateCode } from "../cpu/decode/block";

@final
@unmanaged
export class PhysicalMap {
  ramSize: u32;
  /** One bit per 16 KiB from C0000h to FFFFFh: set = writes are dropped (the chipset's PAM registers). */
  romSegments: u32;
  /** 0 or all ones, but bit 20: what the A20 gate lets through. */
  a20Mask: u32;
}

export const physicalMap = changetype<PhysicalMap>(BOARD_AT);

const VGA_WINDOW: u32 = 0xa0000;
const ROM_FIRST: u32 = 0xc0000;
const ROM_END: u32 = 0x100000;
/** A page that nothing answers on: where translations above 4 GiB lead. */
export const NOWHERE: u32 = 0xf000_0000;

/** Whether the byte at `address` is plain memory (RAM or shadowed ROM), readable without a chip. */
export function isMemory(address: u32): bool {
  return address < physicalMap.ramSize && (address < VGA_WINDOW || address >= ROM_FIRST);
}

/** Whether writes to this memory are kept. */
export function isWritable(address: u32): bool {
  if (address < ROM_FIRST || address >= ROM_END) return true;
  return (physicalMap.romSegments & (1 << ((address - ROM_FIRST) >> 14))) == 0;
}

/** Whether the page at `address` holds decoded instructions. */
export function holdsCode(address: u32): bool {
  return load<u32>(CODE_PAGES_AT + ((<usize>(address >> 12)) << 2)) != 0;
}

/** Reads within one page. T: u8 … u64. */
export function readPhysical<T>(address: u32): T {
  if (isMemory(address)) return load<T>(RAM_AT + <usize>address);
  return <T>mmioRead(address, sizeof<T>());
}

/** Writes within one page; drops decoded code that the bytes belonged to. */
export function writePhysical<T>(address: u32, value: T): void {
  if (!isMemory(address)) {
    mmioWrite(address, sizeof<T>(), <u64>value);
    return;
  }
  if (!isWritable(address)) return;
  store<T>(RAM_AT + <usize>address, value);
  if (holdsCode(address)) invalidateCode(address, sizeof<T>());
}

/** For bus masters: call after writing `length` bytes of RAM at `address` directly (DMA). */
export function wroteMemory(address: u32, length: u32): void {
  for (let page = address & 0xffff_f000; page < address + length; page += 0x1000)
    if (holdsCode(page)) {
      const from = max(page, address);
      invalidateCode(from, min(page + 0x1000, address + length) - from);
    }
}
