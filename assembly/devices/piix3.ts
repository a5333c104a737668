// Intel 82371SB PIIX3 (data sheet 290550): ISA bridge, function 01.0, and IDE, function 01.1.
import { PCI_COMMAND, PCI_HEADER_TYPE, PCI_STATUS, PciFunction } from "./pci";

/** PIRQRC A-D: bit 7 = off, bits 3-0 = the IRQ that the PCI interrupt is routed to. */
const PIRQ_ROUTE: u32 = 0x60;
const PIRQ_OFF: u32 = 1 << 7;
/**
 * IDETIM of the two channels: bit 15 = the channel decodes its ports. Drivers look at it, but as in QEMU the ports are
 * there whatever it says: OVMF talks to them without setting it.
 */
const IDE_TIMING: u32 = 0x40;

export function resetIsaBridge(bridge: PciFunction): void {
  bridge.identify(0x08, 0x8086, 0x7000, 0x060100, 0x00);
  bridge.set<u16>(PCI_COMMAND, 0x0007); // always decodes and masters
  bridge.allow<u16>(PCI_COMMAND, 0x0108);
  bridge.set<u16>(PCI_STATUS, 0x0200);
  bridge.set<u8>(PCI_HEADER_TYPE, 0x80); // more functions follow
  bridge.set<u32>(0x4c, 0x0003_004d); // ISA recovery timing, X-bus chip select
  bridge.allow<u32>(0x4c, 0xffff_007f);
  bridge.set<u32>(PIRQ_ROUTE, 0x8080_8080);
  bridge.allow<u32>(PIRQ_ROUTE, 0x8f8f_8f8f);
  bridge.set<u8>(0x69, 0x02); // top of memory
  bridge.allow<u8>(0x69, 0xfe);
  bridge.set<u8>(0x70, 0x80);
  bridge.set<u32>(0x76, 0x0002_0c0c);
  bridge.allow<u8>(0x82, 0x0f); // passive release and delayed transactions
  bridge.set<u8>(0xa0, 0x08);
  bridge.set<u8>(0xa8, 0x0f);
}

/** The IRQ that PIRQ `index` (0 = A) is routed to, or -1. */
export function routeOf(bridge: PciFunction, index: u32): i32 {
  const route: u32 = bridge.get<u8>(PIRQ_ROUTE + index);
  return route & PIRQ_OFF ? -1 : <i32>(route & 15);
}

/** A, B to IRQ 10 and C, D to IRQ 11. */
export function routeAsFirmware(bridge: PciFunction): void {
  bridge.set<u32>(PIRQ_ROUTE, 0x0b0b_0a0a);
}

export function resetIdeFunction(ide: PciFunction): void {
  ide.identify(0x09, 0x8086, 0x7010, 0x010180, 0x00);
  ide.set<u16>(PCI_STATUS, 0x0280);
  ide.addBar(4, 16, 1); // bus-master registers
  ide.allow<u32>(IDE_TIMING, 0xffff_ffff);
}

export function enableIdeAsFirmware(ide: PciFunction): void {
  ide.set<u32>(IDE_TIMING, 0x8000_8000);
}
