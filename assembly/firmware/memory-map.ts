// The memory map that firmware tells: what is RAM to use and what is taken (ACPI 1.0 §14, INT 15h E820).
import { MEMORY_RANGE_AT } from "./bios/layout";
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

/** What AMD's processors keep for HyperTransport, as QEMU's firmware tells it of them. */
const HYPERTRANSPORT: u64 = 0xfd_0000_0000;
const HYPERTRANSPORT_SIZE: u64 = 0x3_0000_0000;

const ENTRY_SIZE: usize = 20;

@final
@unmanaged
class MemoryRange {
  base: u64;
  size: u64;
  kind: u32;
}

/** The range that `memoryRange` found. */
export const range = changetype<MemoryRange>(MEMORY_RANGE_AT);

/** End of the RAM that a guest may use. */
export function usableTop(): u32 {
  return physicalMap.ramSize - FIRMWARE_RAM;
}

function tell(base: u64, size: u64, kind: u32): bool {
  range.base = base;
  range.size = size;
  range.kind = kind;
  return true;
}

/** Puts the map's entry `index` into `range`; false behind the last one. */
export function memoryRange(index: u32): bool {
  const top = usableTop();
  switch (index) {
    case 0:
      return tell(0, EBDA, MEMORY_USABLE);
    case 1:
      return tell(EBDA, 0xa_0000 - EBDA, MEMORY_RESERVED);
    case 2:
      return tell(BIOS, 0x1_0000, MEMORY_RESERVED);
    case 3:
      return tell(EXTENDED, top - EXTENDED, MEMORY_USABLE);
    case 4:
      return tell(top, FIRMWARE_RAM, MEMORY_RESERVED);
    case 5:
      return tell(FIRMWARE_ROM, 0x4_0000, MEMORY_RESERVED);
    case 6:
      return tell(HYPERTRANSPORT, HYPERTRANSPORT_SIZE, MEMORY_RESERVED);
    default:
      return false;
  }
}

/** Writes the map's entries of 20 bytes (base u64, size u64, type u32) at `at`; returns how many. */
export function writeMemoryMap(at: usize): u32 {
  let count: u32 = 0;
  for (; memoryRange(count); count++)
    memory.copy(at + <usize>count * ENTRY_SIZE, MEMORY_RANGE_AT, ENTRY_SIZE);
  return count;
}
