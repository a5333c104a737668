// The memory map that firmware tells: what is RAM to use and what is taken (ACPI 1.0 §14, INT 15h E820).
import { physicalMap } from "../memory/physical";

export const MEMORY_USABLE: u32 = 1;
export const MEMORY_RESERVED: u32 = 2;

/** Conventional memory ends where the extended BIOS data area begins. */
export const EBDA: u32 = 0x9_fc00;
const BIOS: u32 = 0xf_0000;
const EXTENDED: u32 = 0x10_0000;
const FIRMWARE_ROM: u32 = 0xfffc_0000;
/** The end of RAM belongs to firmware: ACPI tables. */
const FIRMWARE_RAM: u32 = 0x2_0000;

const ENTRY_SIZE: usize = 20;

/** End of the RAM that a guest may use. */
export function usableTop(): u32 {
  return physicalMap.ramSize - FIRMWARE_RAM;
}

function entry(at: usize, index: u32, base: u64, size: u64, kind: u32): void {
  const place = at + <usize>index * ENTRY_SIZE;
  store<u64>(place, base);
  store<u64>(place, size, 8);
  store<u32>(place, kind, 16);
}

/** Writes the map's entries of 20 bytes (base u64, size u64, type u32) at `at`; returns how many. */
export function writeMemoryMap(at: usize): u32 {
  const top = usableTop();
  entry(at, 0, 0, EBDA, MEMORY_USABLE);
  entry(at, 1, EBDA, 0xa_0000 - EBDA, MEMORY_RESERVED);
  entry(at, 2, BIOS, 0x1_0000, MEMORY_RESERVED);
  entry(at, 3, EXTENDED, top - EXTENDED, MEMORY_USABLE);
  entry(at, 4, top, FIRMWARE_RAM, MEMORY_RESERVED);
  entry(at, 5, FIRMWARE_ROM, 0x4_0000, MEMORY_RESERVED);
  return 6;
}
