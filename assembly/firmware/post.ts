// What firmware does before it boots anything: chips programmed, PCI placed, interrupts routed, tables written.
// It speaks to the chips through their ports, as firmware in a ROM would, wherever that is no longer.
import { portWrite } from "../devices/bus";
import { shadowAsFirmware } from "../devices/i440fx";
import {
  PCI_BAR0,
  PCI_COMMAND,
  PCI_LINE,
  COMMAND_IO,
  COMMAND_MASTER,
  COMMAND_MEMORY,
  PciFunction,
} from "../devices/pci";
import { enableIdeAsFirmware, routeAsFirmware, routeOf } from "../devices/piix3";
import { placeAsFirmware } from "../devices/piix4-pm";
import {
  PCI_FUNCTIONS,
  hostBridge,
  ideFunction,
  isaBridge,
  lapic,
  pciFunction,
  pmFunction,
  vgaFunction,
} from "../machine/board";
import { rewire } from "../machine/wiring";
import { writeAcpiTables } from "./acpi/tables";
import { writeRoutingTable } from "./pci-routing";
import { writeSmbios } from "./smbios";

/** Where the PM registers and the IDE bus master are placed; the FADT tells the former. */
export const PM_BASE: u32 = 0x600;
const BUS_MASTER_BASE: u32 = 0xc000;
const BUS_MASTER_PORTS: u32 = 16;
/** The functions behind those of chipset and display. */
const PLUGGED_FUNCTIONS: u32 = 5;
const FRAME_BUFFER: u32 = 0xfd00_0000;
const VGA_REGISTERS: u32 = 0xfebf_0000;
const COMMAND_SERR: u32 = 1 << 8;

export function powerOnSelfTest(): void {
  initialisePic(0x20, 0x08, 1 << 2, 0xb8);
  initialisePic(0xa0, 0x70, 2, 0x8e);
  // Counter 0: 18.2 interrupts a second.
  portWrite(0x43, 1, 0x34);
  portWrite(0x40, 1, 0);
  portWrite(0x40, 1, 0);
  portWrite(0x4d1, 1, 0x0c); // PCI's IRQs 10 and 11 are levels
  lapic(0).wireAsFirmware();
  placePci();
  writeAcpiTables();
  writeRoutingTable();
  writeSmbios();
}

/** ICW1 … ICW4 and the mask. */
function initialisePic(port: u32, vectors: u32, cascade: u32, mask: u32): void {
  portWrite(port, 1, 0x11);
  portWrite(port + 1, 1, vectors);
  portWrite(port + 1, 1, cascade);
  portWrite(port + 1, 1, 1);
  portWrite(port + 1, 1, mask);
}

function placePci(): void {
  const command = COMMAND_IO | COMMAND_MEMORY | COMMAND_SERR;
  hostBridge.set<u16>(PCI_COMMAND, command);
  shadowAsFirmware(hostBridge);
  routeAsFirmware(isaBridge);
  ideFunction.set<u16>(PCI_COMMAND, command);
  ideFunction.set<u32>(PCI_BAR0 + 4 * 4, BUS_MASTER_BASE | 1);
  enableIdeAsFirmware(ideFunction);
  pmFunction.set<u16>(PCI_COMMAND, command);
  placeAsFirmware(pmFunction, PM_BASE);
  vgaFunction.set<u16>(PCI_COMMAND, command);
  vgaFunction.set<u32>(PCI_BAR0, FRAME_BUFFER | vgaFunction.get<u32>(PCI_BAR0));
  vgaFunction.set<u32>(PCI_BAR0 + 2 * 4, VGA_REGISTERS);
  rewire(hostBridge);
  rewire(isaBridge);
  rewire(ideFunction);
  rewire(pmFunction);
  rewire(vgaFunction);
  placePlugged(command | COMMAND_MASTER);
}

/** Devices behind the chipset: I/O upward from the bus master's ports, memory downward from the display's registers. */
function placePlugged(command: u32): void {
  let io: u32 = BUS_MASTER_BASE + BUS_MASTER_PORTS;
  let top: u32 = VGA_REGISTERS;
  for (let slot: u32 = PLUGGED_FUNCTIONS; slot < PCI_FUNCTIONS; slot++) {
    const fn = pciFunction(slot);
    if (!fn.present) continue;
    for (let index: u32 = 0; index < 6; index++) {
      const bar = fn.get<u32>(PCI_BAR0 + (index << 2));
      const size = fn.barSize(index);
      if (size == 0) continue;
      if (bar & 1) io = place(fn, index, (io + size - 1) & ~(size - 1)) + size;
      else top = place(fn, index, (top - size) & ~(size - 1));
      // The upper half of a 64-bit address stays 0.
      if ((bar & 7) == 4) index++;
    }
    fn.set<u16>(PCI_COMMAND, command);
    fn.set<u8>(PCI_LINE, <u32>routeOf(isaBridge, <u32>fn.pirq));
    rewire(fn);
  }
}

function place(fn: PciFunction, index: u32, address: u32): u32 {
  const offset = PCI_BAR0 + (index << 2);
  fn.set<u32>(offset, (fn.get<u32>(offset) & 15) | address);
  return address;
}
