// Differentiated system description table: the devices that have no other way to be found, how PCI's interrupts
// are routed, and how to switch off. In ASL, shortened:
//
//   Scope (\_SB) {
//     Device (PCI0) { _HID PNP0A03, _CRS, _PRT
//       Device (S08) { _ADR 00010000h, the ISA bridge: its PIRQ registers, its devices } }
//     Device (HPET) { PNP0103: _CRS }
//     Device (LNKA) … LNKD, LNKS { PNP0C0F: _PRS, _CRS, _SRS, _STA, _DIS over PRQ0 … PRQ3 } }
//   Name (\_S5, Package { 0, 0, 0, 0 })
import { physicalMap } from "../../memory/physical";
import { IRQ_COM1, IRQ_FLOPPY, IRQ_KEYBOARD, IRQ_MOUSE, IRQ_RTC, IRQ_SCI } from "../../devices/bus";
import {
  busNumbers,
  close,
  closeResources,
  createDwordField,
  define,
  defineInteger,
  defineText,
  fieldUnit,
  fixedMemory,
  integer,
  ioPorts,
  ioRange,
  isaDma,
  isaInterrupt,
  masked,
  memoryRange,
  name,
  openDevice,
  openField,
  openIf,
  openMethod,
  openPackage,
  openResources,
  openScope,
  pciInterrupt,
  pciRegion,
  returnInteger,
  returns,
  setBits,
  stores,
} from "./aml";
import { hpet } from "../../machine/board";
import { HPET_BASE, HPET_WINDOW } from "../../machine/wiring";
import { GPE_BASE, GPE_PORTS, SLEEP_SOFT_OFF } from "../../devices/piix4-pm";
import { beginTable, endTable, putDword } from "./table";

/** _STA: present, enabled, functioning; and the same when switched off. */
const STATUS_ON: u32 = 0x0b;
const STATUS_OFF: u32 = 0x09;
/** PIRQ register bit 7: not routed. */
const PIRQ_OFF: u32 = 0x80;
/** Offset of the interrupt number in an extended interrupt descriptor. */
const INTERRUPT_NUMBER: u32 = 5;

const PCI_DEVICES: u32 = 32;
const PCI_PINS: u32 = 4;
/** The device whose pin A is the SCI. */
const POWER_MANAGEMENT_DEVICE: u32 = 1;
const FIRST_IO_APIC_ADDRESS: u32 = 0xfec0_0000;

export function writeDsdt(): u32 {
  const at = beginTable("DSDT", 1);
  const systemBus = openScope("\\_SB_");
  hostBridge();
  // A path from the root: \\, the prefix / of a path of many names, their number, the names (§16.2.2).
  linkDevice("LNKA", 0, "\\/\x04_SB_PCI0S08_PRQ0");
  linkDevice("LNKB", 1, "\\/\x04_SB_PCI0S08_PRQ1");
  linkDevice("LNKC", 2, "\\/\x04_SB_PCI0S08_PRQ2");
  linkDevice("LNKD", 3, "\\/\x04_SB_PCI0S08_PRQ3");
  sciLinkDevice();
  if (hpet.present) eventTimer();
  close(systemBus);
  define("\\_S5_");
  const sleep = openPackage(4);
  integer(SLEEP_SOFT_OFF);
  integer(SLEEP_SOFT_OFF);
  integer(0);
  integer(0);
  close(sleep);
  endTable(at);
  return at;
}

function hostBridge(): void {
  const bridge = openDevice("PCI0", "PNP0A03");
  defineInteger("_ADR", 0);
  defineInteger("_UID", 0);
  define("_CRS");
  const resources = openResources();
  busNumbers(0, 0xff);
  ioPorts(0xcf8, 8);
  ioRange(0, 0xcf7);
  ioRange(0xd00, 0xffff);
  memoryRange(0xa_0000, 0xb_ffff, 1);
  memoryRange(physicalMap.ramSize, FIRST_IO_APIC_ADDRESS - 1, 0);
  closeResources(resources);
  define("_PRT");
  routing();
  isaBridge();
  firmwareConfiguration();
  generalEvents();
  close(bridge);
}

/** Registers of general-purpose events, which no device of the bridge owns. */
function generalEvents(): void {
  const device = openDevice("GPE0", "PNP0A06");
  defineText("_UID", "GPE0 resources");
  define("_CRS");
  const resources = openResources();
  ioPorts(GPE_BASE, GPE_PORTS);
  closeResources(resources);
  close(device);
}

/** QEMU0002: where operating systems look for the firmware configuration device. */
function firmwareConfiguration(): void {
  const device = openDevice("FWCF", "");
  defineText("_HID", "QEMU0002");
  defineInteger("_STA", STATUS_ON);
  define("_CRS");
  const resources = openResources();
  ioPorts(0x510, 12);
  closeResources(resources);
  close(device);
}

/** Slot S pin P leads to LNK[D, A, B, C][(S + P) mod 4]. */
function routing(): void {
  const table = openPackage(PCI_DEVICES * PCI_PINS);
  for (let device: u32 = 0; device < PCI_DEVICES; device++)
    for (let pin: u32 = 0; pin < PCI_PINS; pin++) {
      const row = openPackage(4);
      integer((device << 16) | 0xffff);
      integer(pin);
      if (device == POWER_MANAGEMENT_DEVICE && pin == 0) name("LNKS");
      else linkName((device + pin) & 3);
      integer(0);
      close(row);
    }
  close(table);
}

function linkName(index: u32): void {
  if (index == 0) name("LNKD");
  else if (index == 1) name("LNKA");
  else if (index == 2) name("LNKB");
  else name("LNKC");
}

function isaBridge(): void {
  const bridge = openDevice("S08_", "");
  defineInteger("_ADR", 0x1_0000);
  pciRegion("PIRQ", 0x60, 4);
  const fields = openField("PIRQ");
  fieldUnit("PRQ0", 8);
  fieldUnit("PRQ1", 8);
  fieldUnit("PRQ2", 8);
  fieldUnit("PRQ3", 8);
  close(fields);
  keyboardDevices();
  floppyController();
  isaDevice("COM1", "PNP0501", 0x3f8, 8, IRQ_COM1);
  isaDevice("RTC_", "PNP0B00", 0x70, 8, IRQ_RTC);
  close(bridge);
}

function keyboardDevices(): void {
  const keyboard = openDevice("KBD_", "PNP0303");
  define("_CRS");
  const resources = openResources();
  ioPorts(0x60, 1);
  ioPorts(0x64, 1);
  isaInterrupt(IRQ_KEYBOARD);
  closeResources(resources);
  close(keyboard);
  const mouse = openDevice("MOU_", "PNP0F13");
  define("_CRS");
  const line = openResources();
  isaInterrupt(IRQ_MOUSE);
  closeResources(line);
  close(mouse);
}

function floppyController(): void {
  const device = openDevice("FDC0", "PNP0700");
  define("_CRS");
  const resources = openResources();
  ioPorts(0x3f2, 4);
  ioPorts(0x3f7, 1);
  isaInterrupt(IRQ_FLOPPY);
  isaDma(2);
  closeResources(resources);
  close(device);
}

function isaDevice(path: string, hardwareId: string, port: u32, ports: u32, line: u32): void {
  const device = openDevice(path, hardwareId);
  defineInteger("_UID", 1);
  define("_CRS");
  const resources = openResources();
  ioPorts(port, ports);
  isaInterrupt(line);
  closeResources(resources);
  close(device);
}

/** A PCI interrupt link, which software may route by a register of the ISA bridge. */
function linkDevice(path: string, index: u32, register: string): void {
  const device = openDevice(path, "PNP0C0F");
  defineInteger("_UID", index);
  define("_PRS");
  const possible = openResources();
  pciInterrupt(3);
  putDword(5);
  putDword(10);
  putDword(11);
  closeResources(possible);
  define("BUF_");
  const current = openResources();
  pciInterrupt(1);
  putDword(0);
  closeResources(current);

  const status = openMethod("_STA", 0);
  const off = openIf();
  masked(register, PIRQ_OFF);
  returnInteger(STATUS_OFF);
  close(off);
  returnInteger(STATUS_ON);
  close(status);

  const resources = openMethod("_CRS", 0);
  createDwordField("BUF_", INTERRUPT_NUMBER, "IRQ_");
  stores();
  masked(register, 15);
  name("IRQ_");
  returns();
  name("BUF_");
  close(resources);

  const set = openMethod("_SRS", 1);
  createDwordField("", INTERRUPT_NUMBER, "IRQ_");
  stores();
  name("IRQ_");
  name(register);
  close(set);

  const disable = openMethod("_DIS", 0);
  setBits(register, PIRQ_OFF);
  close(disable);
  close(device);
}

function sciLinkDevice(): void {
  const device = openDevice("LNKS", "PNP0C0F");
  defineInteger("_UID", 4);
  define("_PRS");
  fixedInterrupt();
  define("_CRS");
  fixedInterrupt();
  defineInteger("_STA", STATUS_ON);
  const set = openMethod("_SRS", 1);
  close(set);
  close(device);
}

function eventTimer(): void {
  const device = openDevice("HPET", "PNP0103");
  defineInteger("_UID", 0);
  define("_CRS");
  const resources = openResources();
  fixedMemory(HPET_BASE, HPET_WINDOW);
  closeResources(resources);
  close(device);
}

function fixedInterrupt(): void {
  const resources = openResources();
  pciInterrupt(1);
  putDword(IRQ_SCI);
  closeResources(resources);
}
