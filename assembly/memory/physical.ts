// Guest physical addresses: RAM, ROM or a device. Everything lives below 4 GiB; what a page table points at
// above that is nowhere: reads give ones, writes vanish.
import { mmioRead, mmioWrite } from "../devices/memory-bus";
import { BOARD_AT, CODE_PAGES_AT, RAM_AT, ROM_AT, ROM_SIZE } from "../machine/layout";
import { invalidateCode } from "../cpu/decode/block";

@final
@unmanaged
export class PhysicalMap {
  ramSize: u32;
  /** One bit per 16 KiB from C0000h to FFFFFh (the chipset's PAM registers): set = reads reach RAM. */
  shadowReads: u32;
  /** The same for writes. */
  shadowWrites: u32;
  /** 0 or all ones, but bit 20: what the A20 gate lets through. */
  a20Mask: u32;
  /** Bytes of firmware, which end at 4 GiB. */
  romSize: u32;
}

export const physicalMap = changetype<PhysicalMap>(BOARD_AT);

const VGA_WINDOW: u32 = 0xa0000;
/** What PAM switches between RAM and the PCI bus, in 16 segments. */
export const SHADOW: u32 = 0xc0000;
export const SHADOW_END: u32 = 0x100000;
export const SHADOW_SEGMENT: u32 = 0x4000;
/** From here to SHADOW_END the PCI bus leads to the last 128 KiB of the firmware. */
const ROM_LOW: u32 = 0xe0000;
/** A page that nothing answers on: where translations above 4 GiB lead. */
export const NOWHERE: u32 = 0xf000_0000;

/** Where the byte at `address` is read in linear memory: RAM or ROM; 0 for what a chip answers, or nothing. */
export function memoryPlace(address: u32): usize {
  if (address < physicalMap.ramSize) {
    if (address < VGA_WINDOW || address >= SHADOW_END) return RAM_AT + <usize>address;
    if (address < SHADOW) return 0;
    if (physicalMap.shadowReads & segmentBit(address)) return RAM_AT + <usize>address;
    return address < ROM_LOW ? 0 : romPlace(address - SHADOW_END);
  }
  return romPlace(address);
}

/** The same for the firmware below 4 GiB. */
function romPlace(address: u32): usize {
  return 0 - address <= physicalMap.romSize ? ROM_AT + <usize>(ROM_SIZE + address) : 0;
}

function segmentBit(address: u32): u32 {
  return 1 << ((address - SHADOW) / SHADOW_SEGMENT);
}

/** Whether the byte at `address` is plain memory (RAM or ROM), readable without a chip. */
export function isMemory(address: u32): bool {
  return memoryPlace(address) != 0;
}

/** Whether writes at `address` reach RAM. They may where reads come from ROM. */
export function isWritable(address: u32): bool {
  if (address >= physicalMap.ramSize) return false;
  if (address < VGA_WINDOW || address >= SHADOW_END) return true;
  return address >= SHADOW && (physicalMap.shadowWrites & segmentBit(address)) != 0;
}

/** For bus masters: whether `length` bytes from `address` on are RAM. */
export function inRam(address: u64, length: u32): bool {
  return address < <u64>physicalMap.ramSize && <u64>length <= <u64>physicalMap.ramSize - address;
}

/** Whether the page at `address` holds decoded instructions. */
export function holdsCode(address: u32): bool {
  return load<u32>(CODE_PAGES_AT + ((<usize>(address >> 12)) << 2)) != 0;
}

/** Reads within one page. T: u8 … u64. */
export function readPhysical<T>(address: u32): T {
  const place = memoryPlace(address);
  if (place) return load<T>(place);
  return <T>mmioRead(address, sizeof<T>());
}

/** Writes within one page; drops decoded code that the bytes belonged to. */
export function writePhysical<T>(address: u32, value: T): void {
  if (!isWritable(address)) {
    if (!isMemory(address)) mmioWrite(address, sizeof<T>(), <u64>value);
    return;
  }
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
