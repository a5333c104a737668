// Hands device memory to the chips, as bus.ts does with ports.
import { EVENT_RESCHEDULE, cpu, signal } from "../cpu/state";
import { VIRTIO_DEVICES, hpet, ioapic, lapic, virtioDevice, virtioFunction } from "../machine/board";
import { now } from "../machine/clock";
import {
  APIC_WINDOW,
  HPET_BASE,
  HPET_WINDOW,
  IOAPIC_BASE,
  LAPIC_BASE,
  routePciInterrupts,
} from "../machine/wiring";
import { driveHpetLines } from "./bus";
import { sendCommand, settleInterrupts } from "./irq-lines";
import { readDisplay, writeDisplay } from "./vga-memory";
import { MODERN_BAR_SIZE, MSIX_BAR_SIZE, VIRTIO_NONE, VirtioDevice } from "./virtio/transport";

/** Interrupt command register, low half: writing it sends. */
const LAPIC_COMMAND: u32 = 0x300;

/** Reads `size` (1, 2, 4, 8) bytes of device memory; what no chip decodes reads ones. */
export function mmioRead(address: u32, size: u32): u64 {
  if (address - LAPIC_BASE < APIC_WINDOW) {
    const value = lapic(cpu.index).read(address & 0xff0, now());
    return (<u64>value) >> ((address & 3) << 3);
  }
  if (address - IOAPIC_BASE < APIC_WINDOW) return ioapic.read(address & 0xff);
  if (address - HPET_BASE < HPET_WINDOW && hpet.present) return hpet.read(address - HPET_BASE, size, now());
  const device = virtioAt(address);
  if (changetype<usize>(device) != 0) return readVirtioMemory(device, address, size);
  return readDisplay(address, size);
}

export function mmioWrite(address: u32, size: u32, value: u64): void {
  if (address - LAPIC_BASE < APIC_WINDOW) writeLapic(address & 0xff0, <u32>value);
  else if (address - IOAPIC_BASE < APIC_WINDOW) {
    ioapic.write(address & 0xff, <u32>value);
    settleInterrupts();
  } else if (address - HPET_BASE < HPET_WINDOW && hpet.present) {
    hpet.write(address - HPET_BASE, size, value, now());
    driveHpetLines();
    signal(EVENT_RESCHEDULE);
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
