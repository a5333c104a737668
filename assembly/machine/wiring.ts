// Which ports and which memory each socket decodes. What the guest can move (PCI base addresses, PM base, PAM)
// is wired anew when it writes the configuration space.
import { GPE_BASE, GPE_PORTS, PM_PORTS, pmBase, resetPmFunction } from "../devices/piix4-pm";
import { resetHostBridge, shadowReads, shadowWrites } from "../devices/i440fx";
import { drivePciLines } from "../devices/irq-lines";
import { resetIdeFunction, resetIsaBridge, routeOf } from "../devices/piix3";
import { PciFunction } from "../devices/pci";
import { fillConfiguration } from "../firmware/configuration";
import { resetVgaFunction } from "../devices/vga-pci";
import { invalidateCode } from "../cpu/decode/block";
import { SHADOW, SHADOW_SEGMENT, physicalMap } from "../memory/physical";
import { flushEveryTlb } from "../memory/tlb";
import { VIRTIO_NONE, resetVirtioFunction } from "../devices/virtio/transport";
import {
  PCI_FUNCTIONS,
  PORT_MAP_AT,
  PORT_MAP_SIZE,
  VIRTIO_DEVICES,
  debugConsole,
  debugExit,
  hostBridge,
  ideFunction,
  isaBridge,
  pciFunction,
  pmFunction,
  vga,
  vgaFunction,
  virtioDevice,
  virtioFunction,
} from "./board";

const FIRST_VIRTIO_SLOT: u32 = 3;

/** What the port map holds. Sockets below FIRST_WIDE are 8 bits wide: the bus cuts wider accesses in bytes. */
export const SOCKET_NONE: u32 = 0;
export const SOCKET_PIC_PRIMARY: u32 = 1;
export const SOCKET_PIC_SECONDARY: u32 = 2;
export const SOCKET_ELCR: u32 = 3;
export const SOCKET_PIT: u32 = 4;
export const SOCKET_RTC: u32 = 5;
export const SOCKET_COM1: u32 = 6;
export const SOCKET_COM2: u32 = 7;
export const SOCKET_COM3: u32 = 8;
export const SOCKET_COM4: u32 = 9;
export const SOCKET_SPEAKER: u32 = 10;
export const SOCKET_PORT_92: u32 = 11;
export const SOCKET_APM: u32 = 12;
export const SOCKET_RESET_CONTROL: u32 = 13;
export const SOCKET_IDE_CONTROL_PRIMARY: u32 = 14;
export const SOCKET_IDE_CONTROL_SECONDARY: u32 = 15;
export const SOCKET_BUS_MASTER: u32 = 16;
export const SOCKET_KEYBOARD_DATA: u32 = 17;
export const SOCKET_KEYBOARD_STATUS: u32 = 18;
export const SOCKET_VGA: u32 = 19;
export const SOCKET_DMA_PRIMARY: u32 = 20;
export const SOCKET_DMA_SECONDARY: u32 = 21;
export const SOCKET_DMA_PAGES: u32 = 22;
export const SOCKET_FLOPPY: u32 = 23;
export const SOCKET_GPE: u32 = 24;
export const SOCKET_FPU_ERROR: u32 = 25;
export const FIRST_WIDE: u32 = 32;
export const SOCKET_PCI_ADDRESS: u32 = 32;
export const SOCKET_PCI_DATA: u32 = 33;
export const SOCKET_PM: u32 = 34;
export const SOCKET_IDE_PRIMARY: u32 = 35;
export const SOCKET_IDE_SECONDARY: u32 = 36;
export const SOCKET_DEBUG_EXIT: u32 = 37;
export const SOCKET_VBE: u32 = 38;
export const SOCKET_FW_CFG: u32 = 39;
export const SOCKET_DEBUG_CONSOLE: u32 = 40;
/** Far from the others' numbers: no chip. */
export const SOCKET_FIRMWARE: u32 = 255;
/** The legacy registers of virtio device n: this and n. */
export const SOCKET_VIRTIO: u32 = 48;

/** The VGA's window in the address space of the PC. */
export const VGA_WINDOW: u32 = 0xa_0000;
export const VGA_WINDOW_SIZE: u32 = 0x2_0000;

/** Chips in memory space, each at its address of the PC. */
export const IOAPIC_BASE: u32 = 0xfec0_0000;
export const LAPIC_BASE: u32 = 0xfee0_0000;
export const HPET_BASE: u32 = 0xfed0_0000;
export const HPET_WINDOW: u32 = 0x400;
/** Where the stubs of our own BIOS write to be served (firmware/bios.asm). No PC has a chip there. */
export const FIRMWARE_PORT: u32 = 0xe8;
/** Both decode a page. */
export const APIC_WINDOW: u32 = 0x1000;

/** Who decodes `port`. A wide access at FFFFh reaches behind the last port, where nobody is: it does not wrap. */
export function socketAt(port: u32): u32 {
  return port < <u32>PORT_MAP_SIZE ? load<u8>(PORT_MAP_AT + <usize>port) : SOCKET_NONE;
}

function plug(socket: u32, port: u32, count: u32): void {
  memory.fill(PORT_MAP_AT + <usize>port, <u8>socket, <usize>count);
}

function unplug(socket: u32): void {
  for (let port: usize = 0; port < PORT_MAP_SIZE; port++)
    if (load<u8>(PORT_MAP_AT + port) == socket) store<u8>(PORT_MAP_AT + port, SOCKET_NONE);
}

/** Moves a socket of `count` ports to `base`, 0 for nowhere, unless it is there already. */
function move(socket: u32, base: u32, count: u32): void {
  if (base != 0 && socketAt(base) == socket && socketAt(base + count - 1) == socket) return;
  unplug(socket);
  if (base != 0) plug(socket, base, count);
}

/** Fixed ports of the ISA bus, and the chipset's functions as reset leaves them. */
export function resetWiring(): void {
  memory.fill(PORT_MAP_AT, <u8>SOCKET_NONE, PORT_MAP_SIZE);
  plug(SOCKET_DMA_PRIMARY, 0x00, 16);
  plug(SOCKET_PIC_PRIMARY, 0x20, 2);
  plug(SOCKET_PIT, 0x40, 4);
  plug(SOCKET_KEYBOARD_DATA, 0x60, 1);
  plug(SOCKET_SPEAKER, 0x61, 1);
  plug(SOCKET_KEYBOARD_STATUS, 0x64, 1);
  plug(SOCKET_RTC, 0x70, 2);
  plug(SOCKET_DMA_PAGES, 0x81, 3);
  plug(SOCKET_DMA_PAGES, 0x87, 1);
  plug(SOCKET_DMA_PAGES, 0x89, 3);
  plug(SOCKET_DMA_PAGES, 0x8f, 1);
  plug(SOCKET_PORT_92, 0x92, 1);
  plug(SOCKET_PIC_SECONDARY, 0xa0, 2);
  plug(SOCKET_APM, 0xb2, 2);
  plug(SOCKET_DMA_SECONDARY, 0xc0, 32);
  plug(SOCKET_FIRMWARE, FIRMWARE_PORT, 1);
  plug(SOCKET_FPU_ERROR, 0xf0, 1);
  plug(SOCKET_IDE_SECONDARY, 0x170, 8);
  plug(SOCKET_VBE, 0x1ce, 3);
  plug(SOCKET_IDE_PRIMARY, 0x1f0, 8);
  plug(SOCKET_COM4, 0x2e8, 8);
  plug(SOCKET_COM2, 0x2f8, 8);
  plug(SOCKET_IDE_CONTROL_SECONDARY, 0x376, 1);
  plug(SOCKET_VGA, 0x3b4, 2);
  plug(SOCKET_VGA, 0x3ba, 1);
  plug(SOCKET_VGA, 0x3c0, 16);
  plug(SOCKET_VGA, 0x3d4, 2);
  plug(SOCKET_VGA, 0x3da, 1);
  plug(SOCKET_COM3, 0x3e8, 8);
  plug(SOCKET_FLOPPY, 0x3f1, 5);
  plug(SOCKET_IDE_CONTROL_PRIMARY, 0x3f6, 1);
  plug(SOCKET_FLOPPY, 0x3f7, 1);
  plug(SOCKET_COM1, 0x3f8, 8);
  plug(SOCKET_ELCR, 0x4d0, 2);
  plug(SOCKET_FW_CFG, 0x510, 2);
  plug(SOCKET_FW_CFG, 0x514, 8);
  plug(SOCKET_GPE, GPE_BASE, GPE_PORTS);
  plug(SOCKET_PCI_ADDRESS, 0xcf8, 4);
  plug(SOCKET_RESET_CONTROL, 0xcf9, 1);
  plug(SOCKET_PCI_DATA, 0xcfc, 4);
  plug(SOCKET_DEBUG_EXIT, debugExit.base, debugExit.ports);
  if (debugConsole.base != 0) plug(SOCKET_DEBUG_CONSOLE, debugConsole.base, 1);
  resetHostBridge(hostBridge);
  resetIsaBridge(isaBridge);
  resetIdeFunction(ideFunction);
  resetPmFunction(pmFunction);
  resetVgaFunction(vgaFunction);
  resetVirtioFunctions();
  for (let slot: u32 = 0; slot < PCI_FUNCTIONS; slot++) rewire(pciFunction(slot));
}

/** Virtio devices take the slots behind the display's in their order. */
function resetVirtioFunctions(): void {
  let slot = FIRST_VIRTIO_SLOT;
  for (let index: u32 = 0; index < VIRTIO_DEVICES; index++) {
    const device = virtioDevice(index);
    if (device.kind == VIRTIO_NONE) virtioFunction(device).present = false;
    else resetVirtioFunction(virtioFunction(device), slot++ << 3, device.kind);
  }
}

/** The function of bus 0 at `address` (device << 3 | function), or a zero pointer. */
export function functionAt(address: u32): PciFunction {
  for (let slot: u32 = 0; slot < PCI_FUNCTIONS; slot++)
    if (pciFunction(slot).present && pciFunction(slot).address == address) return pciFunction(slot);
  return changetype<PciFunction>(0);
}

/** Wires what the configuration space of `target` now says. */
export function rewire(target: PciFunction): void {
  if (target == hostBridge) shadow();
  else if (target == isaBridge) routePciInterrupts();
  else if (target == vgaFunction) moveFrameBuffer();
  else if (target == pmFunction) movePm();
  else if (target == ideFunction) move(SOCKET_BUS_MASTER, ideFunction.ioBar(4), 16);
  else rewireVirtio(target);
}

/** Firmware has the choice of its place, and reads the ACPI tables afterwards: they tell of it. */
function movePm(): void {
  const base = pmBase(pmFunction);
  const moves = base != 0 && socketAt(base) != SOCKET_PM;
  move(SOCKET_PM, base, PM_PORTS);
  if (moves) fillConfiguration();
}

function rewireVirtio(target: PciFunction): void {
  for (let index: u32 = 0; index < VIRTIO_DEVICES; index++) {
    const device = virtioDevice(index);
    if (virtioFunction(device) != target || !target.present) continue;
    move(SOCKET_VIRTIO + index, target.ioBar(0), target.barSize(0));
    device.releasePending(target);
  }
}

/** The processors have mapped its pages (devices/vga-memory.ts). */
function moveFrameBuffer(): void {
  const base = vgaFunction.memoryBar(0);
  if (base == vga.frameBuffer) return;
  vga.frameBuffer = base;
  flushEveryTlb();
}

/** PAM: which of the segments below 1 MiB are RAM. What was decoded from the others goes. */
function shadow(): void {
  const reads = shadowReads(hostBridge);
  const writes = shadowWrites(hostBridge);
  const changed = reads ^ physicalMap.shadowReads;
  if (changed == 0 && writes == physicalMap.shadowWrites) return;
  physicalMap.shadowReads = reads;
  physicalMap.shadowWrites = writes;
  flushEveryTlb();
  for (let segment: u32 = 0; segment < 16; segment++)
    if (changed & (1 << segment))
      for (let page: u32 = 0; page < SHADOW_SEGMENT; page += 0x1000)
        invalidateCode(SHADOW + segment * SHADOW_SEGMENT + page, 0x1000);
}

/** INTx of every function, by slot and pin to a PIRQ, by PIRQ to an IRQ. */
export function routePciInterrupts(): void {
  let levels: u32 = 0;
  for (let slot: u32 = 0; slot < PCI_FUNCTIONS; slot++) {
    const pirq = pciFunction(slot).assertedPirq();
    const line = pirq < 0 ? -1 : routeOf(isaBridge, pirq);
    if (line >= 0) levels |= 1 << line;
  }
  drivePciLines(levels);
}
