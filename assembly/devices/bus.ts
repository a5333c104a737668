// Hands ports and device memory to the chips, and carries the chips' pins to the interrupt lines.
import { keyWaits } from "../rings/input";
import { EVENT_RESCHEDULE, cpu, signal } from "../cpu/state";
import { report } from "../cpu/trace";
import { TRACE_UNASSIGNED } from "../cpu/trace-kinds";
import {
  VIRTIO_DEVICES,
  com1,
  com2,
  com3,
  com4,
  debugConsole,
  debugExit,
  fwCfg,
  dmaPrimary,
  dmaSecondary,
  floppy,
  idePrimary,
  ideSecondary,
  ioapic,
  keyboard,
  keyboardController,
  lapic,
  mouse,
  pciPort,
  picPrimary,
  picSecondary,
  pit,
  pm,
  rtc,
  systemPorts,
  vbe,
  vga,
  vgaFunction,
  virtioDevice,
  virtioFunction,
} from "../machine/board";
import { now } from "../machine/clock";
import { VIDEO_ROM_AT, VIDEO_ROM_SIZE, VRAM_AT, VRAM_SIZE } from "../machine/layout";
import { EXIT_DEBUG, EXIT_POWER_OFF, EXIT_RESET, leave } from "../machine/exit";
import {
  APIC_WINDOW,
  FIRST_WIDE,
  IOAPIC_BASE,
  LAPIC_BASE,
  SOCKET_APM,
  SOCKET_BUS_MASTER,
  SOCKET_COM1,
  SOCKET_COM2,
  SOCKET_COM3,
  SOCKET_COM4,
  SOCKET_DEBUG_CONSOLE,
  SOCKET_DEBUG_EXIT,
  SOCKET_DMA_PAGES,
  SOCKET_DMA_PRIMARY,
  SOCKET_DMA_SECONDARY,
  SOCKET_ELCR,
  SOCKET_FIRMWARE,
  SOCKET_FLOPPY,
  SOCKET_FW_CFG,
  SOCKET_IDE_CONTROL_PRIMARY,
  SOCKET_IDE_CONTROL_SECONDARY,
  SOCKET_IDE_PRIMARY,
  SOCKET_IDE_SECONDARY,
  SOCKET_KEYBOARD_DATA,
  SOCKET_KEYBOARD_STATUS,
  SOCKET_NONE,
  SOCKET_PCI_ADDRESS,
  SOCKET_PCI_DATA,
  SOCKET_PIC_PRIMARY,
  SOCKET_PIC_SECONDARY,
  SOCKET_PIT,
  SOCKET_PM,
  SOCKET_PORT_92,
  SOCKET_RESET_CONTROL,
  SOCKET_RTC,
  SOCKET_SPEAKER,
  SOCKET_VBE,
  SOCKET_VGA,
  SOCKET_VIRTIO,
  VGA_WINDOW,
  VGA_WINDOW_SIZE,
  functionAt,
  rewire,
  routePciInterrupts,
  socketAt,
} from "../machine/wiring";
import { I8237, pageChannel } from "./i8237";
import { IdeChannel } from "./ide-channel";
import { driveLine, sendCommand, settleInterrupts } from "./irq-lines";
import { NO_SLEEP, SLEEP_HIBERNATE, SLEEP_SOFT_OFF } from "./piix4-pm";
import { MODERN_BAR_SIZE, MSIX_BAR_SIZE, VIRTIO_NONE, VirtioDevice } from "./virtio/transport";
import { Uart16550 } from "./uart16550";
import { serveFirmware } from "../firmware/bios/services";
import { VBE_REGISTERS, VGA_PORTS, VGA_REGISTERS_SIZE } from "./vga-pci";

export const IRQ_KEYBOARD: u32 = 1;
export const IRQ_COM2: u32 = 3; // and COM4
export const IRQ_COM1: u32 = 4; // and COM3
export const IRQ_FLOPPY: u32 = 6;
export const IRQ_RTC: u32 = 8;
export const IRQ_SCI: u32 = 9;
export const IRQ_MOUSE: u32 = 12;
export const IRQ_IDE_PRIMARY: u32 = 14;
export const IRQ_IDE_SECONDARY: u32 = 15;

const OPEN_BUS: u32 = 0xffff_ffff;

/** Interrupt command register, low half: writing it sends. */
const LAPIC_COMMAND: u32 = 0x300;

/** APM commands by which ACPI is switched on and off (FADT: SMI_CMD). */
const APM_ACPI_ENABLE: u32 = 0xf1;
const APM_ACPI_DISABLE: u32 = 0xf0;

/** Reads `size` (1, 2, 4) bytes at an I/O port; what no chip decodes reads ones. */
export function portRead(port: u32, size: u32): u32 {
  const socket = socketAt(port);
  if (socket >= FIRST_WIDE) return readWide(socket, port, size);
  if (size == 1) return readByte(socket, port);
  let value: u32 = 0;
  for (let i: u32 = 0; i < size; i++) value |= readByte(socketAt(port + i), port + i) << (i << 3);
  return value;
}

export function portWrite(port: u32, size: u32, value: u32): void {
  // CF9h lies inside the address port, which takes dwords only.
  const socket = size == 4 && (port & ~3) == 0xcf8 ? SOCKET_PCI_ADDRESS : socketAt(port);
  if (socket >= FIRST_WIDE) writeWide(socket, port, size, value);
  else
    for (let i: u32 = 0; i < size; i++) writeByte(socketAt(port + i), port + i, (value >> (i << 3)) & 0xff);
}

function readByte(socket: u32, port: u32): u32 {
  switch (socket) {
    case SOCKET_NONE:
      return 0xff;
    case SOCKET_PIC_PRIMARY: {
      const value = picPrimary.read(port & 1);
      settleInterrupts();
      return value;
    }
    case SOCKET_PIC_SECONDARY: {
      const value = picSecondary.read(port & 1);
      settleInterrupts();
      return value;
    }
    case SOCKET_ELCR:
      return (port & 1 ? picSecondary : picPrimary).readElcr();
    case SOCKET_PIT:
      return pit.read(port & 3, now());
    case SOCKET_RTC: {
      const value = rtc.read(port & 1, now());
      driveLine(IRQ_RTC, rtc.irq);
      return value;
    }
    case SOCKET_COM1:
    case SOCKET_COM2:
    case SOCKET_COM3:
    case SOCKET_COM4: {
      const value = serialPort(socket).read(port & 7);
      driveSerialLines();
      return value;
    }
    case SOCKET_SPEAKER:
      return systemPorts.readSpeaker(pit, now());
    case SOCKET_PORT_92:
      return systemPorts.readPort92();
    case SOCKET_APM:
      return systemPorts.readApm(port & 1);
    case SOCKET_RESET_CONTROL:
      return systemPorts.readResetControl();
    case SOCKET_IDE_CONTROL_PRIMARY:
      return idePrimary.readControl();
    case SOCKET_IDE_CONTROL_SECONDARY:
      return ideSecondary.readControl();
    case SOCKET_KEYBOARD_DATA: {
      const value = keyboardController.readData();
      driveKeyboardLines();
      // A key that has waited for room finds it now.
      if (keyWaits()) signal(EVENT_RESCHEDULE);
      return value;
    }
    case SOCKET_KEYBOARD_STATUS:
      return keyboardController.readStatus();
    case SOCKET_VGA:
      return vgaDecodes(port) ? vga.read(vgaPort(port), now()) : 0xff;
    case SOCKET_DMA_PRIMARY:
      return dmaPrimary.read(port & 15);
    case SOCKET_DMA_SECONDARY:
      return port & 1 ? 0xff : dmaSecondary.read((port >> 1) & 15);
    case SOCKET_DMA_PAGES:
      return pagesOf(port).readPage(pageChannel(port));
    case SOCKET_FLOPPY: {
      const value = floppy.read(port & 7, dmaPrimary);
      driveLine(IRQ_FLOPPY, floppy.irq);
      return value;
    }
    case SOCKET_BUS_MASTER:
      return (port & 8 ? ideSecondary : idePrimary).readMaster(port & 7);
    default:
      return socket >= FIRST_WIDE ? readWide(socket, port, 1) : 0xff;
  }
}

function writeByte(socket: u32, port: u32, value: u32): void {
  switch (socket) {
    case SOCKET_NONE:
      break;
    case SOCKET_PIC_PRIMARY:
      picPrimary.write(port & 1, value);
      settleInterrupts();
      break;
    case SOCKET_PIC_SECONDARY:
      picSecondary.write(port & 1, value);
      settleInterrupts();
      break;
    case SOCKET_ELCR:
      (port & 1 ? picSecondary : picPrimary).writeElcr(value);
      settleInterrupts();
      break;
    case SOCKET_PIT:
      pit.write(port & 3, value, now());
      driveLine(0, pit.out(0, now()));
      signal(EVENT_RESCHEDULE);
      break;
    case SOCKET_RTC:
      rtc.write(port & 1, value, now());
      driveLine(IRQ_RTC, rtc.irq);
      if (port & 1) signal(EVENT_RESCHEDULE);
      break;
    case SOCKET_COM1:
    case SOCKET_COM2:
    case SOCKET_COM3:
    case SOCKET_COM4:
      serialPort(socket).write(port & 7, value);
      driveSerialLines();
      break;
    case SOCKET_SPEAKER:
      systemPorts.writeSpeaker(value, pit, now());
      break;
    case SOCKET_PORT_92:
      if (systemPorts.writePort92(value)) leave(EXIT_RESET);
      break;
    case SOCKET_APM:
      systemPorts.writeApm(port & 1, value);
      if ((port & 1) == 0) commandApm(value);
      break;
    case SOCKET_RESET_CONTROL:
      if (systemPorts.writeResetControl(value)) leave(EXIT_RESET);
      break;
    case SOCKET_IDE_CONTROL_PRIMARY:
      idePrimary.writeControl(value);
      driveIdeLines();
      break;
    case SOCKET_IDE_CONTROL_SECONDARY:
      ideSecondary.writeControl(value);
      driveIdeLines();
      break;
    case SOCKET_KEYBOARD_DATA:
      keyboardController.writeData(value, keyboard, mouse);
      driveKeyboardLines();
      break;
    case SOCKET_KEYBOARD_STATUS:
      keyboardController.writeCommand(value);
      driveKeyboardLines();
      break;
    case SOCKET_VGA:
      if (vgaDecodes(port)) vga.write(vgaPort(port), value);
      break;
    case SOCKET_DMA_PRIMARY:
      dmaPrimary.write(port & 15, value);
      break;
    case SOCKET_DMA_SECONDARY:
      if ((port & 1) == 0) dmaSecondary.write((port >> 1) & 15, value);
      break;
    case SOCKET_DMA_PAGES:
      pagesOf(port).writePage(pageChannel(port), value);
      break;
    case SOCKET_FLOPPY:
      floppy.write(port & 7, value, dmaPrimary);
      driveLine(IRQ_FLOPPY, floppy.irq);
      break;
    case SOCKET_BUS_MASTER:
      (port & 8 ? ideSecondary : idePrimary).writeMaster(port & 7, value);
      driveIdeLines();
      break;
    default:
      if (socket >= FIRST_WIDE) writeWide(socket, port, 1, value);
  }
}

function readWide(socket: u32, port: u32, size: u32): u32 {
  switch (socket) {
    case SOCKET_PCI_ADDRESS:
      return size == 4 ? pciPort.selected : OPEN_BUS;
    case SOCKET_PCI_DATA:
      return readConfiguration(port & 3, size);
    case SOCKET_FW_CFG:
      return readFwCfg(port, size);
    case SOCKET_DEBUG_CONSOLE:
      return debugConsole.read();
    case SOCKET_VBE:
      return port == 0x1ce ? vbe.readIndex() : vbe.read();
    case SOCKET_PM:
      return pm.read(port & 63, size, now());
    case SOCKET_IDE_PRIMARY:
      return readIde(idePrimary, port & 7, size);
    case SOCKET_IDE_SECONDARY:
      return readIde(ideSecondary, port & 7, size);
    default:
      return socket - SOCKET_VIRTIO < VIRTIO_DEVICES
        ? readVirtio(socket - SOCKET_VIRTIO, port, size)
        : OPEN_BUS;
  }
}

function writeWide(socket: u32, port: u32, size: u32, value: u32): void {
  switch (socket) {
    case SOCKET_PCI_ADDRESS:
      if (size == 4) pciPort.selected = value;
      break;
    case SOCKET_PCI_DATA:
      writeConfiguration(port & 3, size, value);
      break;
    case SOCKET_FW_CFG:
      writeFwCfg(port, size, value);
      break;
    case SOCKET_DEBUG_CONSOLE:
      debugConsole.write(value & 0xff);
      break;
    case SOCKET_VBE:
      if (port == 0x1ce) vbe.writeIndex(value);
      else writeVbe(value);
      break;
    case SOCKET_PM:
      enterSleep(pm.write(port & 63, size, value));
      driveLine(IRQ_SCI, pm.sci);
      signal(EVENT_RESCHEDULE);
      break;
    case SOCKET_IDE_PRIMARY:
      writeIde(idePrimary, port & 7, size, value);
      break;
    case SOCKET_IDE_SECONDARY:
      writeIde(ideSecondary, port & 7, size, value);
      break;
    case SOCKET_FIRMWARE:
      serveFirmware();
      break;
    case SOCKET_DEBUG_EXIT:
      debugExit.write(value);
      leave(EXIT_DEBUG);
      break;
    default:
      if (socket - SOCKET_VIRTIO < VIRTIO_DEVICES) writeVirtio(socket - SOCKET_VIRTIO, port, value);
  }
}

/** The CRTC's ports lie at 3Dxh or 3Bxh, as the miscellaneous output register says. */
function vgaDecodes(port: u32): bool {
  return (port & 0x3f0) == 0x3c0 || ((port & 0x3f0) == 0x3d0) == vga.colour;
}

/** Offset from 3C0h of a VGA port or of its twin. */
function vgaPort(port: u32): u32 {
  return port < 0x3c0 ? port + 0x20 - 0x3c0 : port - 0x3c0;
}

function writeVbe(value: u32): void {
  if (vbe.write(value)) memory.fill(VRAM_AT, 0, VRAM_SIZE);
  vga.generation++;
}

/** Page registers at 80h-87h are the first DMA controller's, those at 88h-8Fh the second's. */
function pagesOf(port: u32): I8237 {
  return port & 8 ? dmaSecondary : dmaPrimary;
}

function serialPort(socket: u32): Uart16550 {
  switch (socket) {
    case SOCKET_COM1:
      return com1;
    case SOCKET_COM2:
      return com2;
    case SOCKET_COM3:
      return com3;
    default:
      return com4;
  }
}

/** COM1 and COM3 share a line, COM2 and COM4 the other. */
export function driveSerialLines(): void {
  driveLine(IRQ_COM1, com1.intr || com3.intr);
  driveLine(IRQ_COM2, com2.intr || com4.intr);
}

/** A byte taken makes room for the next: both lines fall before one rises again, so each byte is an edge. */
export function driveKeyboardLines(): void {
  driveLine(IRQ_KEYBOARD, keyboardController.keyboardIrq);
  driveLine(IRQ_MOUSE, keyboardController.mouseIrq);
  keyboardController.exchange(keyboard, mouse);
  driveLine(IRQ_KEYBOARD, keyboardController.keyboardIrq);
  driveLine(IRQ_MOUSE, keyboardController.mouseIrq);
  if (keyboardController.takeReset()) leave(EXIT_RESET);
}

export function driveIdeLines(): void {
  idePrimary.settle();
  ideSecondary.settle();
  driveLine(IRQ_IDE_PRIMARY, idePrimary.intrq);
  driveLine(IRQ_IDE_SECONDARY, ideSecondary.intrq);
}

/** Legacy registers of virtio device `index`. */
function readVirtio(index: u32, port: u32, size: u32): u32 {
  const device = virtioDevice(index);
  const fn = virtioFunction(device);
  const value = device.readLegacy(fn, port - fn.ioBar(0), size);
  routePciInterrupts();
  return value;
}

function writeVirtio(index: u32, port: u32, value: u32): void {
  const device = virtioDevice(index);
  const fn = virtioFunction(device);
  device.writeLegacy(fn, port - fn.ioBar(0), value);
  routePciInterrupts();
}

/** The virtio device one of whose memory BARs holds `address`, or a zero pointer. */
function virtioAt(address: u32): VirtioDevice {
  for (let index: u32 = 0; index < VIRTIO_DEVICES; index++) {
    const device = virtioDevice(index);
    if (device.kind == VIRTIO_NONE) continue;
    const fn = virtioFunction(device);
    const modern = fn.memoryBar(4);
    const table = fn.memoryBar(1);
    if (modern != 0 && address - modern < MODERN_BAR_SIZE) return device;
    if (table != 0 && address - table < MSIX_BAR_SIZE) return device;
  }
  return changetype<VirtioDevice>(0);
}

function readVirtioMemory(device: VirtioDevice, address: u32, size: u32): u64 {
  const fn = virtioFunction(device);
  const table = address - fn.memoryBar(1);
  if (fn.memoryBar(1) != 0 && table < MSIX_BAR_SIZE) return device.readTable(table);
  const offset = address - fn.memoryBar(4);
  const low = device.readModern(fn, offset, min<u32>(size, 4));
  routePciInterrupts();
  return size == 8 ? (<u64>low) | ((<u64>device.readModern(fn, offset + 4, 4)) << 32) : low;
}

function writeVirtioMemory(device: VirtioDevice, address: u32, size: u32, value: u64): void {
  const fn = virtioFunction(device);
  const table = address - fn.memoryBar(1);
  if (fn.memoryBar(1) != 0 && table < MSIX_BAR_SIZE) device.writeTable(fn, table, <u32>value);
  else {
    const offset = address - fn.memoryBar(4);
    device.writeModern(offset, <u32>value);
    if (size == 8) device.writeModern(offset + 4, <u32>(value >> 32));
  }
  routePciInterrupts();
}

/** The selector takes words, the data register gives bytes, the DMA address is two dwords. */
function readFwCfg(port: u32, size: u32): u32 {
  if (port == 0x511) return fwCfg.readData();
  if (port < 0x514) return 0;
  const value = fwCfg.readSignature(port & 4 ? 0 : 4) >> ((port & 3) << 3);
  return size == 4 ? value : value & ((1 << (size << 3)) - 1);
}

function writeFwCfg(port: u32, size: u32, value: u32): void {
  if (port == 0x510 && size == 2) fwCfg.select(value);
  else if (port >= 0x514 && size == 4) fwCfg.writeRequest(port - 0x514, value);
}

/** The data register is 16 bits wide (32 as two words); the others are bytes. */
function readIde(channel: IdeChannel, register: u32, size: u32): u32 {
  let value = channel.read(register, size);
  if (register != 0) for (let i: u32 = 1; i < size; i++) value |= channel.read(register + i, 1) << (i << 3);
  driveIdeLines();
  return value;
}

function writeIde(channel: IdeChannel, register: u32, size: u32, value: u32): void {
  if (register == 0) channel.write(0, size, value);
  else for (let i: u32 = 0; i < size; i++) channel.write(register + i, 1, (value >> (i << 3)) & 0xff);
  driveIdeLines();
}

function readConfiguration(lane: u32, size: u32): u32 {
  const target = functionAt(pciPort.target);
  if (!pciPort.selectsBus0 || changetype<usize>(target) == 0) return OPEN_BUS;
  return target.read(pciPort.register(lane), size);
}

function writeConfiguration(lane: u32, size: u32, value: u32): void {
  const target = functionAt(pciPort.target);
  if (!pciPort.selectsBus0 || changetype<usize>(target) == 0) return;
  target.write(pciPort.register(lane), size, value);
  rewire(target);
}

function commandApm(command: u32): void {
  if (command == APM_ACPI_ENABLE) pm.setAcpiMode(true);
  else if (command == APM_ACPI_DISABLE) pm.setAcpiMode(false);
  driveLine(IRQ_SCI, pm.sci);
}

function enterSleep(type: u32): void {
  if (type != NO_SLEEP && (type == SLEEP_SOFT_OFF || type == SLEEP_HIBERNATE)) leave(EXIT_POWER_OFF);
}

/** Reads `size` (1, 2, 4, 8) bytes of device memory; what no chip decodes reads ones. */
export function mmioRead(address: u32, size: u32): u64 {
  if (address - LAPIC_BASE < APIC_WINDOW) {
    const value = lapic(cpu.index).read(address & 0xff0, now());
    return (<u64>value) >> ((address & 3) << 3);
  }
  if (address - IOAPIC_BASE < APIC_WINDOW) return ioapic.read(address & 0xff);
  const device = virtioAt(address);
  if (changetype<usize>(device) != 0) return readVirtioMemory(device, address, size);
  let value: u64 = 0;
  for (let i: u32 = 0; i < size; i++) value |= (<u64>readDisplay(address + i)) << (i << 3);
  return value;
}

/** One byte of the display adapter: its window, its frame buffer, its ROM, its registers; ones elsewhere. */
function readDisplay(address: u32): u32 {
  if (address - VGA_WINDOW < VGA_WINDOW_SIZE) return vga.readMemory(address - VGA_WINDOW, vbe);
  const frameBuffer = vgaFunction.memoryBar(0);
  if (frameBuffer != 0 && address - frameBuffer < VRAM_SIZE)
    return load<u8>(VRAM_AT + <usize>(address - frameBuffer));
  const rom = vgaFunction.romBar;
  if (rom != 0 && address - rom < VIDEO_ROM_SIZE) return load<u8>(VIDEO_ROM_AT + <usize>(address - rom));
  const registers = vgaFunction.memoryBar(2);
  const offset = address - registers;
  if (registers == 0 || offset >= VGA_REGISTERS_SIZE) {
    report(TRACE_UNASSIGNED, address, 1, 0);
    return 0xff;
  }
  if (offset - VGA_PORTS < 0x20) return vga.read(offset - VGA_PORTS, now());
  if (offset - VBE_REGISTERS >= 0x16) return 0;
  vbe.writeIndex((offset - VBE_REGISTERS) >> 1);
  return (vbe.read() >> ((offset & 1) << 3)) & 0xff;
}

function writeDisplay(address: u32, size: u32, value: u64): void {
  const registers = vgaFunction.memoryBar(2);
  const offset = address - registers;
  if (registers != 0 && offset - VBE_REGISTERS < 0x16) {
    vbe.writeIndex((offset - VBE_REGISTERS) >> 1);
    writeVbe((<u32>value) & 0xffff);
    return;
  }
  for (let i: u32 = 0; i < size; i++) writeDisplayByte(address + i, (<u32>(value >> (i << 3))) & 0xff);
}

function writeDisplayByte(address: u32, value: u32): void {
  if (address - VGA_WINDOW < VGA_WINDOW_SIZE) {
    vga.writeMemory(address - VGA_WINDOW, value, vbe);
    return;
  }
  const frameBuffer = vgaFunction.memoryBar(0);
  if (frameBuffer != 0 && address - frameBuffer < VRAM_SIZE) {
    store<u8>(VRAM_AT + <usize>(address - frameBuffer), <u8>value);
    vga.generation++;
    return;
  }
  const registers = vgaFunction.memoryBar(2);
  const port = address - registers - VGA_PORTS;
  if (registers != 0 && port < 0x20) vga.write(port, value);
  else report(TRACE_UNASSIGNED, address, 1, 1);
}

export function mmioWrite(address: u32, size: u32, value: u64): void {
  if (address - LAPIC_BASE < APIC_WINDOW) writeLapic(address & 0xff0, <u32>value);
  else if (address - IOAPIC_BASE < APIC_WINDOW) {
    ioapic.write(address & 0xff, <u32>value);
    settleInterrupts();
  } else {
    const device = virtioAt(address);
    if (changetype<usize>(device) != 0) writeVirtioMemory(device, address, size, value);
    else writeDisplay(address, size, value);
  }
}

function writeLapic(register: u32, value: u32): void {
  const ended = lapic(cpu.index).write(register, value, now());
  if (ended >= 0) ioapic.endOfInterrupt(ended);
  if (register == LAPIC_COMMAND) sendCommand();
  settleInterrupts();
  // The timer may be due earlier now.
  if (register >= 0x320) signal(EVENT_RESCHEDULE);
}
