// Hands ports and device memory to the chips, and carries the chips' pins to the interrupt lines.
import { keyWaits } from "../rings/input";
import { EVENT_RESCHEDULE, signal } from "../cpu/state";
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
  hpet,
  ioapic,
  irqLines,
  keyboard,
  keyboardController,
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
  virtioDevice,
  virtioFunction,
} from "../machine/board";
import { now } from "../machine/clock";
import { EXIT_DEBUG, EXIT_POWER_OFF, EXIT_RESET, leave } from "../machine/exit";
import {
  FIRST_WIDE,
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
  SOCKET_FPU_ERROR,
  SOCKET_FW_CFG,
  SOCKET_GPE,
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
  functionAt,
  rewire,
  routePciInterrupts,
  socketAt,
} from "../machine/wiring";
import { I8237, pageChannel } from "./i8237";
import { IdeChannel } from "./ide-channel";
import { HPET_TIMERS } from "./hpet";
import { IRQ_TIMER, driveLine, pulseLine, settleInterrupts } from "./irq-lines";
import { NO_SLEEP, SLEEP_HIBERNATE, SLEEP_SOFT_OFF } from "./piix4-pm";
import { Uart16550 } from "./uart16550";
import { serveFirmware } from "../firmware/bios/services";
import { writeVbe } from "./vga-memory";

export const IRQ_KEYBOARD: u32 = 1;
export const IRQ_COM2: u32 = 3; // and COM4
export const IRQ_COM1: u32 = 4; // and COM3
export const IRQ_FLOPPY: u32 = 6;
export const IRQ_RTC: u32 = 8;
export const IRQ_SCI: u32 = 9;
export const IRQ_MOUSE: u32 = 12;
export const IRQ_FPU: u32 = 13;
export const IRQ_IDE_PRIMARY: u32 = 14;
export const IRQ_IDE_SECONDARY: u32 = 15;

const OPEN_BUS: u32 = 0xffff_ffff;

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
      driveRtcLine();
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
    case SOCKET_GPE:
      return pm.readEvents(port & 3);
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
      drivePitLine();
      signal(EVENT_RESCHEDULE);
      break;
    case SOCKET_RTC:
      rtc.write(port & 1, value, now());
      driveRtcLine();
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
    case SOCKET_FPU_ERROR:
      systemPorts.ignoresFpuError = (irqLines.board & (1 << IRQ_FPU)) != 0;
      driveLine(IRQ_FPU, false);
      break;
    case SOCKET_GPE:
      pm.writeEvents(port & 3, value);
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

/** The processor pulls FERR#: its FPU's error becomes IRQ 13. False: IGNNE# tells it to go on. */
export function reportFpuError(): bool {
  if (systemPorts.ignoresFpuError) return false;
  driveLine(IRQ_FPU, true);
  return true;
}

/** FERR# has risen since, and falls for a new error. */
export function withdrawIgnne(): void {
  systemPorts.ignoresFpuError = false;
}

// The lines of the 8254 and of the clock chip, unless the HPET stands in their place (HPET 1.0a §2.3.4).

export function drivePitLine(): void {
  if (!hpet.legacy) driveLine(IRQ_TIMER, pit.out(0, now()));
}

export function driveRtcLine(): void {
  if (!hpet.legacy) driveLine(IRQ_RTC, rtc.irq);
}

export function driveHpetLines(): void {
  for (let n: u32 = 0; n < HPET_TIMERS; n++) {
    const edge = hpet.takeEdge(n);
    const pin = hpet.pin(n);
    if (hpet.legacy && n < 2) {
      const line = n == 0 ? IRQ_TIMER : IRQ_RTC;
      if (edge) pulseLine(line);
      driveLine(line, hpet.level(n));
    } else if (pin >= 0) {
      if (edge) ioapic.drive(pin, true);
      ioapic.drive(pin, hpet.level(n));
    }
  }
  drivePitLine();
  driveRtcLine();
  settleInterrupts();
}

/** A break on serial port `port`, COM1 being 0. */
export function sendBreak(port: u32): void {
  serialPort(SOCKET_COM1 + port).sendBreak();
  driveSerialLines();
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
