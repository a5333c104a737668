// The PCI interrupt routing table, "$PIR" (PCI IRQ Routing Table Specification 1.0): for each slot, which PIRQ each of
// its pins pulls and which IRQs that can be routed to. It lies in the BIOS segment, and INT 1Ah B10Eh tells its slots.
import { writeGuest } from "./bios/caller";
import { putByte, putDword, putText, putWord, putZeros, seek, writeChecksum } from "./acpi/table";

const TABLE: u32 = 0xf_5c80;
export const ROUTING_SLOTS: u32 = 6;
const SLOT_SIZE: u32 = 16;
const HEADER_SIZE: u32 = 32;
const CHECKSUM: u32 = 31;

const ROUTER: u32 = 0x01 << 3;
/** 8086:122E, the PIIX: the PIIX3 is programmed alike. */
const COMPATIBLE_ROUTER: u32 = 0x122e_8086;
/** PIRQA's register in the router; the others follow. */
const LINK: u32 = 0x60;
const PIRQS: u32 = 4;
/** IRQs 3-7, 9-12, 14, 15. */
const IRQS: u32 = 0xdef8;

export function writeRoutingTable(): void {
  const size = HEADER_SIZE + ROUTING_SLOTS * SLOT_SIZE;
  seek(TABLE);
  putText("$PIR");
  putWord(0x0100);
  putWord(size);
  putByte(0);
  putByte(ROUTER);
  putWord(0); // no IRQ is PCI's alone
  putDword(COMPATIBLE_ROUTER);
  putZeros(16); // miniport data, reserved, checksum
  for (let slot: u32 = 1; slot <= ROUTING_SLOTS; slot++)
    for (let i: u32 = 0; i < SLOT_SIZE; i++) putByte(slotByte(slot, i));
  writeChecksum(TABLE, size, CHECKSUM);
}

export function writeRoutingSlots(base: u64, offset: u32): void {
  for (let slot: u32 = 1; slot <= ROUTING_SLOTS; slot++)
    for (let i: u32 = 0; i < SLOT_SIZE; i++)
      writeGuest<u8>(base, offset + (slot - 1) * SLOT_SIZE + i, slotByte(slot, i));
}

/** Bus, device, then link and IRQ mask of pins A-D, slot number, reserved. */
function slotByte(slot: u32, index: u32): u32 {
  if (index == 0 || index == 15) return 0;
  if (index == 1) return slot << 3;
  if (index == 14) return slot < 2 ? 0 : slot; // the ISA bridge is no slot
  const pin = (index - 2) / 3;
  const part = (index - 2) % 3;
  if (part == 0) return LINK + ((slot + pin + PIRQS - 1) % PIRQS);
  return part == 1 ? IRQS & 0xff : IRQS >> 8;
}
