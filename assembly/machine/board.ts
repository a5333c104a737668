// The chips in their sockets: typed views at constant addresses, and what the run loop asks of all of them.
import { AtaDrive } from "../devices/ata";
import {
  IRQ_FLOPPY,
  IRQ_SCI,
  driveHpetLines,
  driveIdeLines,
  driveKeyboardLines,
  drivePitLine,
  driveRtcLine,
  driveSerialLines,
} from "../devices/bus";
import { storeBootOrder, storeConfiguration } from "../devices/cmos";
import {
  DRIVES,
  DRIVE_CD,
  DRIVE_FLOPPY,
  DRIVE_NONE,
  Drive,
  FLOPPY_DRIVE,
  IDE_DRIVES,
  VIRTIO_DRIVE,
  drive,
  insert,
} from "../devices/drives";
import { HPET_SIZE, Hpet } from "../devices/hpet";
import { I8237, I8237_SIZE } from "../devices/i8237";
import { I82078 } from "../devices/i82078";
import { I8042 } from "../devices/i8042";
import { I8254, PIT_SIZE } from "../devices/i8254";
import { I8259 } from "../devices/i8259";
import { IDE_CHANNEL_SIZE, IdeChannel } from "../devices/ide-channel";
import { IOAPIC_SIZE, IoApic } from "../devices/ioapic";
import {
  IRQ_TIMER,
  IrqLines,
  driveLine,
  pulseLine,
  resetIrqLines,
  resetLapics,
  settleInterrupts,
} from "../devices/irq-lines";
import { FwCfg } from "../devices/fw-cfg";
import { IsaDebugConsole } from "../devices/isa-debugcon";
import { IsaDebugExit } from "../devices/isa-debug-exit";
import { LAPIC_SIZE, Lapic } from "../devices/lapic";
import { Mc146818, RTC_SIZE } from "../devices/mc146818";
import { PCI_FUNCTION_SIZE, PciConfigPort, PciFunction } from "../devices/pci";
import { Piix4Pm } from "../devices/piix4-pm";
import { PS2_KEYBOARD_SIZE, Ps2Keyboard } from "../devices/ps2-keyboard";
import { PS2_MOUSE_SIZE, Ps2Mouse } from "../devices/ps2-mouse";
import { SystemPorts } from "../devices/system-ports";
import { blkCompleted } from "../devices/virtio/blk";
import {
  VIRTIO_BLK,
  VIRTIO_DEVICE_SIZE,
  VIRTIO_NONE,
  VIRTIO_RNG,
  VirtioDevice,
} from "../devices/virtio/transport";
import { Uart16550 } from "../devices/uart16550";
import { VBE_SIZE, VbeRegisters } from "../devices/vbe";
import { VGA_SIZE, Vga } from "../devices/vga";
import { FIRMWARE_TAG, transferCompleted } from "../firmware/bios/transfer";
import { blockRequest, orphanBlockRequests } from "../rings/block";
import { SERIAL_PORTS } from "../rings/bytes";
import { INPUT_KEY, INPUT_MOUSE, keyWaits, nextInput } from "../rings/input";
import { clock } from "./clock";
import { CHIPS_AT, VCPUS_MAX } from "./layout";
import { resetWiring, routePciInterrupts } from "./wiring";

/** PCI functions that can be plugged in; the first four are the chipset's. */
export const PCI_FUNCTIONS: u32 = 16;

// Each address is the one before plus its size, on a boundary of 8.
const LAPICS_AT: usize = CHIPS_AT;
const IOAPIC_AT: usize = LAPICS_AT + LAPIC_SIZE * <usize>VCPUS_MAX;
const PIC_PRIMARY_AT: usize = IOAPIC_AT + IOAPIC_SIZE;
const PIC_SECONDARY_AT: usize = (PIC_PRIMARY_AT + offsetof<I8259>() + 7) & ~7;
const PIT_AT: usize = (PIC_SECONDARY_AT + offsetof<I8259>() + 7) & ~7;
const RTC_AT: usize = PIT_AT + PIT_SIZE;
const SERIAL_AT: usize = (RTC_AT + RTC_SIZE + 7) & ~7;
const SERIAL_SIZE: usize = (offsetof<Uart16550>() + 7) & ~7;
const SYSTEM_PORTS_AT: usize = SERIAL_AT + SERIAL_SIZE * <usize>SERIAL_PORTS;
const KEYBOARD_CONTROLLER_AT: usize = (SYSTEM_PORTS_AT + offsetof<SystemPorts>() + 7) & ~7;
const KEYBOARD_AT: usize = (KEYBOARD_CONTROLLER_AT + offsetof<I8042>() + 7) & ~7;
const MOUSE_AT: usize = (KEYBOARD_AT + PS2_KEYBOARD_SIZE + 7) & ~7;
export const VGA_AT: usize = (MOUSE_AT + PS2_MOUSE_SIZE + 7) & ~7;
export const VBE_AT: usize = (VGA_AT + VGA_SIZE + 7) & ~7;
const PM_AT: usize = (VBE_AT + VBE_SIZE + 7) & ~7;
const PCI_PORT_AT: usize = (PM_AT + offsetof<Piix4Pm>() + 7) & ~7;
const PCI_FUNCTIONS_AT: usize = (PCI_PORT_AT + offsetof<PciConfigPort>() + 7) & ~7;
const IDE_PRIMARY_AT: usize = PCI_FUNCTIONS_AT + PCI_FUNCTION_SIZE * <usize>PCI_FUNCTIONS;
const IDE_SECONDARY_AT: usize = (IDE_PRIMARY_AT + IDE_CHANNEL_SIZE + 7) & ~7;
/** What the host told about the drives (devices/drives.ts). */
export const DRIVES_AT: usize = (IDE_SECONDARY_AT + IDE_CHANNEL_SIZE + 7) & ~7;
const FLOPPY_AT: usize = DRIVES_AT + offsetof<Drive>() * <usize>DRIVES;
const DMA_PRIMARY_AT: usize = (FLOPPY_AT + offsetof<I82078>() + 7) & ~7;
const DMA_SECONDARY_AT: usize = DMA_PRIMARY_AT + I8237_SIZE;
const IRQ_LINES_AT: usize = DMA_SECONDARY_AT + I8237_SIZE;
const DEBUG_EXIT_AT: usize = (IRQ_LINES_AT + offsetof<IrqLines>() + 7) & ~7;
const DEBUG_CONSOLE_AT: usize = (DEBUG_EXIT_AT + offsetof<IsaDebugExit>() + 7) & ~7;
const FW_CFG_AT: usize = (DEBUG_CONSOLE_AT + offsetof<IsaDebugConsole>() + 7) & ~7;
export const VIRTIO_DEVICES: u32 = 9; // eight disks and a source of entropy
const VIRTIO_AT: usize = (FW_CFG_AT + offsetof<FwCfg>() + 7) & ~7;
const HPET_AT: usize = (VIRTIO_AT + VIRTIO_DEVICE_SIZE * <usize>VIRTIO_DEVICES + 7) & ~7;
/** The port map: for each of 65536 ports the socket that decodes it (machine/wiring.ts). */
export const PORT_MAP_AT: usize = (HPET_AT + HPET_SIZE + 63) & ~63;
export const PORT_MAP_SIZE: usize = 0x1_0000;
export const CHIPS_END: usize = PORT_MAP_AT + PORT_MAP_SIZE;

export const ioapic = changetype<IoApic>(IOAPIC_AT);
export const picPrimary = changetype<I8259>(PIC_PRIMARY_AT);
export const picSecondary = changetype<I8259>(PIC_SECONDARY_AT);
export const pit = changetype<I8254>(PIT_AT);
export const hpet = changetype<Hpet>(HPET_AT);
export const rtc = changetype<Mc146818>(RTC_AT);
export const com1 = changetype<Uart16550>(SERIAL_AT);
export const com2 = changetype<Uart16550>(SERIAL_AT + SERIAL_SIZE);
export const com3 = changetype<Uart16550>(SERIAL_AT + SERIAL_SIZE * 2);
export const com4 = changetype<Uart16550>(SERIAL_AT + SERIAL_SIZE * 3);
export const systemPorts = changetype<SystemPorts>(SYSTEM_PORTS_AT);
export const keyboardController = changetype<I8042>(KEYBOARD_CONTROLLER_AT);
export const keyboard = changetype<Ps2Keyboard>(KEYBOARD_AT);
export const mouse = changetype<Ps2Mouse>(MOUSE_AT);
export const vga = changetype<Vga>(VGA_AT);
export const vbe = changetype<VbeRegisters>(VBE_AT);
export const pm = changetype<Piix4Pm>(PM_AT);
export const irqLines = changetype<IrqLines>(IRQ_LINES_AT);
export const debugExit = changetype<IsaDebugExit>(DEBUG_EXIT_AT);
export const debugConsole = changetype<IsaDebugConsole>(DEBUG_CONSOLE_AT);
export const fwCfg = changetype<FwCfg>(FW_CFG_AT);
export const pciPort = changetype<PciConfigPort>(PCI_PORT_AT);
export const floppy = changetype<I82078>(FLOPPY_AT);
export const dmaPrimary = changetype<I8237>(DMA_PRIMARY_AT);
export const dmaSecondary = changetype<I8237>(DMA_SECONDARY_AT);
export const idePrimary = changetype<IdeChannel>(IDE_PRIMARY_AT);
export const ideSecondary = changetype<IdeChannel>(IDE_SECONDARY_AT);

/** The primary's line 2 carries the secondary; ELCR can make level lines of 3-7, 9-12, 14 and 15. */
const PRIMARY_CASCADE: u32 = 1 << 2;
const PRIMARY_LEVEL_SELECTABLE: u32 = 0xf8;
const SECONDARY_LEVEL_SELECTABLE: u32 = 0xde;
const SERIAL_RETRY: u64 = 1_000_000;

export const hostBridge = changetype<PciFunction>(PCI_FUNCTIONS_AT);
export const isaBridge = changetype<PciFunction>(PCI_FUNCTIONS_AT + PCI_FUNCTION_SIZE);
export const ideFunction = changetype<PciFunction>(PCI_FUNCTIONS_AT + PCI_FUNCTION_SIZE * 2);
export const pmFunction = changetype<PciFunction>(PCI_FUNCTIONS_AT + PCI_FUNCTION_SIZE * 3);
export const vgaFunction = changetype<PciFunction>(PCI_FUNCTIONS_AT + PCI_FUNCTION_SIZE * 4);

/** PCI functions of the virtio devices, behind the chipset's and the display's. */
const VIRTIO_FUNCTIONS: u32 = 5;

export function virtioDevice(index: u32): VirtioDevice {
  return changetype<VirtioDevice>(VIRTIO_AT + <usize>index * VIRTIO_DEVICE_SIZE);
}

/** The PCI function that `device` is. */
export function virtioFunction(device: VirtioDevice): PciFunction {
  const index = <u32>((changetype<usize>(device) - VIRTIO_AT) / VIRTIO_DEVICE_SIZE);
  return pciFunction(VIRTIO_FUNCTIONS + index);
}

/** The local APIC of vCPU `index`. */
export function lapic(index: u32): Lapic {
  return changetype<Lapic>(LAPICS_AT + <usize>index * LAPIC_SIZE);
}

export function pciFunction(slot: u32): PciFunction {
  return changetype<PciFunction>(PCI_FUNCTIONS_AT + <usize>slot * PCI_FUNCTION_SIZE);
}

/** Power on or reset: every chip as its data sheet says, the drives as the host told them. */
export function resetChips(): void {
  orphanBlockRequests();
  const now = clock.sliceStart;
  resetLapics();
  ioapic.reset();
  picPrimary.reset(PRIMARY_CASCADE, PRIMARY_LEVEL_SELECTABLE);
  picSecondary.reset(0, SECONDARY_LEVEL_SELECTABLE);
  resetIrqLines();
  pit.reset();
  hpet.reset();
  if (rtc.powered) {
    rtc.reset();
    storeBootOrder(rtc); // it may differ the second time
  } else {
    rtc.powerOn(clock.epoch, now);
    storeConfiguration(rtc);
  }
  com1.reset(0);
  com2.reset(1);
  com3.reset(2);
  com4.reset(3);
  systemPorts.reset();
  keyboardController.reset();
  keyboard.reset();
  mouse.reset();
  vga.reset();
  vbe.reset();
  pm.reset(now);
  pciPort.reset();
  idePrimary.reset(0);
  ideSecondary.reset(1);
  dmaPrimary.reset();
  dmaSecondary.reset();
  floppy.powerOn();
  fwCfg.reset();
  resetVirtio();
  resetWiring();
}

/** A disk for each virtio connector that has one; the last device is the source of entropy, where there is one. */
function resetVirtio(): void {
  for (let index: u32 = 0; index < VIRTIO_DEVICES; index++) {
    const device = virtioDevice(index);
    const isDisk = index < VIRTIO_DEVICES - 1;
    if (isDisk) {
      device.connector = VIRTIO_DRIVE + index;
      device.kind = drive(device.connector).kind == DRIVE_NONE ? VIRTIO_NONE : VIRTIO_BLK;
    }
    device.powerOn();
  }
}

/** Plugs in the source of entropy, before power on. */
export function attachRng(): void {
  virtioDevice(VIRTIO_DEVICES - 1).kind = VIRTIO_RNG;
}

/** Plugs in the high precision event timer, before power on. */
export function attachHpet(): void {
  hpet.present = true;
}

/** Brings the chips' timers up to `now` and carries their pins. */
export function advanceChips(now: u64): void {
  if (pit.takeTimerEdge(now) && !hpet.legacy) pulseLine(IRQ_TIMER);
  drivePitLine();
  rtc.advance(now);
  driveRtcLine();
  if (hpet.present) {
    hpet.advance(now);
    driveHpetLines();
  }
  pm.advance(now);
  driveLine(IRQ_SCI, pm.sci);
  for (let index: u32 = 0; index < clock.vcpus; index++) lapic(index).advance(now);
  com1.exchange();
  com2.exchange();
  com3.exchange();
  com4.exchange();
  driveSerialLines();
  takeInput();
  driveKeyboardLines();
  settleInterrupts();
}

/** Hands the host's keys and mouse movements to their devices (rings/input.ts). */
function takeInput(): void {
  // Keys that come faster than the guest reads wait in the ring, as in a typist's fingers.
  while (!keyWaits() || keyboard.hasRoom) {
    const event = nextInput();
    if (event == 0) return;
    const kind = (<u32>event) & 0xff;
    if (kind == INPUT_KEY)
      keyboard.key((<u32>(event >> 8)) & 0x7f, (<u32>(event >> 16)) & 0xff, ((event >> 24) & 1) != 0);
    else if (kind == INPUT_MOUSE)
      mouse.move(<i16>(event >> 16), <i16>(event >> 32), <i16>(event >> 48), (<u32>(event >> 8)) & 0xff);
  }
}

/** The power button: a guest that speaks ACPI shuts down. */
export function pressPowerButton(): void {
  pm.pressPowerButton();
  driveLine(IRQ_SCI, pm.sci);
  settleInterrupts();
}

/** When a chip will next have something to say by itself; NEVER if none will. */
export function nextDeadline(now: u64): u64 {
  let deadline = min(pm.deadline(now), hpet.deadline());
  if (!hpet.legacy) deadline = min(deadline, min(pit.deadline(now), rtc.deadline(now)));
  for (let index: u32 = 0; index < clock.vcpus; index++) deadline = min(deadline, lapic(index).expiry);
  // Serial bytes that found no room leave as soon as the host has read.
  if (com1.blocked || com2.blocked || com3.blocked || com4.blocked)
    deadline = min(deadline, now + SERIAL_RETRY);
  return deadline;
}

/** The host put another medium into the drive on connector `index`, or took it out (0 sectors). */
export function changeMedium(index: u32, sectorsLow: u32, sectorsHigh: u32, readOnly: u32): void {
  insert(index, sectorsLow, sectorsHigh, readOnly);
  if (drive(index).kind == DRIVE_CD) ideDrive(index).mediumChanged();
  else if (drive(index).kind == DRIVE_FLOPPY) floppy.diskChanged(index - FLOPPY_DRIVE);
}

/** The drive on IDE connector `index`. */
function ideDrive(index: u32): AtaDrive {
  return (index < 2 ? idePrimary : ideSecondary).drive(index & 1);
}

/** The host has carried out the request in `slot` (rings/block.ts); `status` is BLOCK_*. */
export function completeBlock(slot: u32, status: u32): void {
  const request = blockRequest(slot);
  if (!request.release()) return;
  if (request.tag == FIRMWARE_TAG) {
    transferCompleted(status);
    return;
  }
  if (request.drive < IDE_DRIVES) {
    (request.drive < 2 ? idePrimary : ideSecondary).requestCompleted(request, status);
    driveIdeLines();
  } else if (request.drive < VIRTIO_DRIVE) {
    floppy.requestCompleted(status, dmaPrimary);
    driveLine(IRQ_FLOPPY, floppy.irq);
  } else {
    blkCompleted(virtioDevice(request.drive - VIRTIO_DRIVE), request, status);
    // A slot is free: disks whose requests had none go on.
    for (let index: u32 = 0; index < VIRTIO_DEVICES; index++)
      if (virtioDevice(index).kind == VIRTIO_BLK) virtioDevice(index).goOn();
    routePciInterrupts();
  }
}
