// Virtio over PCI (virtio 1.1 §4.1), transitional: one device with one queue, driven by the legacy registers in I/O
// space or by the modern ones in memory, interrupting by its pin or by MSI-X.
//
//   BAR 0  I/O: legacy registers        BAR 1  memory: MSI-X table 000h, pending bits 800h
//   BAR 4  memory: common 0000h, ISR 1000h, device 2000h, notification 3000h
import { EVENT_RESCHEDULE, signal } from "../../cpu/state";
import { deliverMessage } from "../irq-lines";
import { PCI_BAR0, PCI_CAPABILITIES, PCI_PIN, PCI_STATUS, PCI_SUBSYSTEM, PciFunction } from "../pci";
import { BLK_CONFIG_SIZE, blkConfig, blkFeatures, serveBlk } from "./blk";
import { QUEUE_SIZE_MAX, VirtQueue } from "./queue";
import { serveRng } from "./rng";

/** Device types (§5). */
export const VIRTIO_NONE: u32 = 0;
export const VIRTIO_BLK: u32 = 2;
export const VIRTIO_RNG: u32 = 4;

const FEATURE_INDIRECT: u64 = 1 << 28;
const FEATURE_ANY_LAYOUT: u64 = 1 << 27;
const FEATURE_VERSION_1: u64 = 1 << 32;

const STATUS_FEATURES_OK: u32 = 8;
const STATUS_NEEDS_RESET: u32 = 64;
const STATUS_DRIVER_OK: u32 = 4;

const ISR_QUEUE: u32 = 1;
const NO_VECTOR: u32 = 0xffff;

const VECTORS: u32 = 2;
const MSIX_ENTRY: u32 = 16;
const MSIX_PENDING: u32 = 0x800;
const MSIX_MASKED: u32 = 1;
/** MSI-X capability, its message control word, enable 15 and function mask 14. */
const MSIX_CAPABILITY: u32 = 0x98;
const MSIX_CONTROL: u32 = MSIX_CAPABILITY + 2;
const MSIX_ENABLE: u32 = 1 << 15;
const MSIX_FUNCTION_MASK: u32 = 1 << 14;

const ISR_AT: u32 = 0x1000;
const DEVICE_AT: u32 = 0x2000;
const NOTIFY_AT: u32 = 0x3000;
export const MODERN_BAR_SIZE: u32 = 0x4000;
export const MSIX_BAR_SIZE: u32 = 0x1000;
const BAR_64_PREFETCHABLE: u32 = 0x0c;

@final
@unmanaged
export class VirtioDevice {
  /** VIRTIO_*; none: the place is empty. */
  kind: u32;
  /** Its drive, if it is a disk. */
  connector: u32;
  private driverFeatures: u64;
  private deviceSelect: u32;
  private driverSelect: u32;
  private status: u32;
  private isr: u32;
  private configVector: u32;
  private queueVector: u32;
  private queueSelect: u32;
  private pending: u32;
  // The queue, the MSI-X table, and what the device remembers of each chain follow: see VIRTIO_DEVICE_SIZE.

  get queue(): VirtQueue {
    return changetype<VirtQueue>(changetype<usize>(this) + QUEUE_OFFSET);
  }

  private get table(): usize {
    return changetype<usize>(this) + TABLE_OFFSET;
  }

  /** A word for chain `head`: where its status byte lies. */
  note(head: u32): u32 {
    return load<u32>(changetype<usize>(this) + NOTES_OFFSET + ((<usize>head) << 2));
  }

  setNote(head: u32, value: u32): void {
    store<u32>(changetype<usize>(this) + NOTES_OFFSET + ((<usize>head) << 2), value);
  }

  reset(): void {
    this.driverFeatures = 0;
    this.deviceSelect = 0;
    this.driverSelect = 0;
    this.status = 0;
    this.isr = 0;
    this.configVector = NO_VECTOR;
    this.queueVector = NO_VECTOR;
    this.queueSelect = 0;
    this.queue.reset();
  }

  powerOn(): void {
    this.pending = 0;
    memory.fill(this.table, 0, VECTORS * MSIX_ENTRY);
    for (let vector: u32 = 0; vector < VECTORS; vector++)
      store<u32>(this.table + <usize>(vector * MSIX_ENTRY), MSIX_MASKED, 12);
    this.reset();
  }

  private get features(): u64 {
    const common = FEATURE_INDIRECT | FEATURE_ANY_LAYOUT | FEATURE_VERSION_1;
    return this.kind == VIRTIO_BLK ? common | blkFeatures(this.connector) : common;
  }

  get running(): bool {
    return (this.status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET)) == STATUS_DRIVER_OK;
  }

  /** The driver has broken the queue: nothing goes on until it resets the device (§2.1.2). */
  needsReset(): void {
    this.status |= STATUS_NEEDS_RESET;
  }

  private writeStatus(value: u32): void {
    if (value == 0) this.reset();
    else {
      const wrong = (this.driverFeatures & ~this.features) != 0;
      this.status = wrong ? value & ~STATUS_FEATURES_OK : value;
    }
  }

  private serve(): void {
    if (!this.running) return;
    if (this.kind == VIRTIO_BLK) serveBlk(this);
    else serveRng(this);
    signal(EVENT_RESCHEDULE);
  }

  /** Serves what the driver has queued, after what was in the way is done. */
  goOn(): void {
    this.serve();
  }

  // Interrupts

  /** Gives a chain back and tells the driver, unless it does not care. */
  finish(fn: PciFunction, head: u32, written: u32): void {
    if (!this.queue.giveBack(head, written)) return;
    if (fn.get<u16>(MSIX_CONTROL) & MSIX_ENABLE) this.sendVector(fn, this.queueVector);
    else {
      this.isr |= ISR_QUEUE;
      fn.intx = true;
    }
  }

  private sendVector(fn: PciFunction, vector: u32): void {
    if (vector >= VECTORS) return;
    const entry = this.table + <usize>(vector * MSIX_ENTRY);
    if (load<u32>(entry, 12) & MSIX_MASKED || fn.get<u16>(MSIX_CONTROL) & MSIX_FUNCTION_MASK)
      this.pending |= 1 << vector;
    else deliverMessage(load<u32>(entry), load<u32>(entry, 8));
  }

  /** The configuration space was written: what waited behind a mask may go. */
  releasePending(fn: PciFunction): void {
    if ((fn.get<u16>(MSIX_CONTROL) & MSIX_ENABLE) == 0) return;
    const waiting = this.pending;
    this.pending = 0;
    for (let vector: u32 = 0; vector < VECTORS; vector++)
      if (waiting & (1 << vector)) this.sendVector(fn, vector);
  }

  private readIsr(fn: PciFunction): u32 {
    const isr = this.isr;
    this.isr = 0;
    fn.intx = false;
    return isr;
  }

  // BAR 1

  readTable(offset: u32): u32 {
    if (offset < VECTORS * MSIX_ENTRY) return load<u32>(this.table + <usize>(offset & ~3));
    return offset == MSIX_PENDING ? this.pending : 0;
  }

  writeTable(fn: PciFunction, offset: u32, value: u32): void {
    if (offset >= VECTORS * MSIX_ENTRY) return;
    store<u32>(this.table + <usize>(offset & ~3), value);
    this.releasePending(fn);
  }

  // The device's own configuration: bytes, the same for both interfaces.

  private readConfig(offset: u32, size: u32): u32 {
    let value: u32 = 0;
    for (let i: u32 = 0; i < size; i++)
      if (this.kind == VIRTIO_BLK && offset + i < BLK_CONFIG_SIZE)
        value |= blkConfig(this.connector, offset + i) << (i << 3);
    return value;
  }

  // BAR 0: the legacy registers (§4.1.4.8). With MSI-X on, two words more stand before the device's configuration.

  readLegacy(fn: PciFunction, offset: u32, size: u32): u32 {
    const msix = (fn.get<u16>(MSIX_CONTROL) & MSIX_ENABLE) != 0;
    switch (offset) {
      case 0:
        return <u32>this.features;
      case 4:
        return <u32>this.driverFeatures;
      case 8:
        return this.queueSelect == 0 ? <u32>(this.queue.descriptors >> 12) : 0;
      case 12:
        return this.queueSelect == 0 ? QUEUE_SIZE_MAX : 0;
      case 14:
        return this.queueSelect;
      case 18:
        return this.status;
      case 19:
        return this.readIsr(fn);
    }
    if (msix && offset == 20) return this.configVector;
    if (msix && offset == 22) return this.queueSelect == 0 ? this.queueVector : NO_VECTOR;
    const config: u32 = msix ? 24 : 20;
    return offset >= config ? this.readConfig(offset - config, size) : 0;
  }

  writeLegacy(fn: PciFunction, offset: u32, value: u32): void {
    const msix = (fn.get<u16>(MSIX_CONTROL) & MSIX_ENABLE) != 0;
    switch (offset) {
      case 4:
        this.driverFeatures = (<u64>value) & this.features;
        break;
      case 8:
        if (this.queueSelect == 0) this.queue.placeLegacy(value);
        break;
      case 14:
        this.queueSelect = value & 0xffff;
        break;
      case 16:
        this.serve();
        break;
      case 18:
        this.writeStatus(value & 0xff);
        break;
      case 20:
        if (msix) this.configVector = vectorOf(value);
        break;
      case 22:
        if (msix && this.queueSelect == 0) this.queueVector = vectorOf(value);
        break;
    }
  }

  // BAR 4: the common configuration (§4.1.4.3), ISR, device configuration, notification.

  readModern(fn: PciFunction, offset: u32, size: u32): u32 {
    if (offset >= NOTIFY_AT) return 0;
    if (offset >= DEVICE_AT) return this.readConfig(offset - DEVICE_AT, size);
    if (offset >= ISR_AT) return offset == ISR_AT ? this.readIsr(fn) : 0;
    const queue = this.queue;
    const selected = this.queueSelect == 0;
    switch (offset) {
      case 0x00:
        return this.deviceSelect;
      case 0x04:
        return this.deviceSelect > 1 ? 0 : <u32>(this.features >> ((<u64>this.deviceSelect) << 5));
      case 0x08:
        return this.driverSelect;
      case 0x0c:
        return this.driverSelect > 1 ? 0 : <u32>(this.driverFeatures >> ((<u64>this.driverSelect) << 5));
      case 0x10:
        return this.configVector;
      case 0x12:
        return 1; // queues
      case 0x14:
        return this.status;
      case 0x16:
        return this.queueSelect;
      case 0x18:
        return selected ? queue.size : 0;
      case 0x1a:
        return selected ? this.queueVector : NO_VECTOR;
      case 0x1c:
        return selected && queue.enabled ? 1 : 0;
      case 0x20:
        return <u32>queue.descriptors;
      case 0x24:
        return <u32>(queue.descriptors >> 32);
      case 0x28:
        return <u32>queue.available;
      case 0x2c:
        return <u32>(queue.available >> 32);
      case 0x30:
        return <u32>queue.used;
      case 0x34:
        return <u32>(queue.used >> 32);
      default:
        return 0;
    }
  }

  writeModern(offset: u32, value: u32): void {
    if (offset >= NOTIFY_AT) {
      this.serve();
      return;
    }
    const queue = this.queue;
    switch (offset) {
      case 0x00:
        this.deviceSelect = value;
        return;
      case 0x08:
        this.driverSelect = value;
        return;
      case 0x0c:
        if (this.driverSelect > 1) return;
        this.driverFeatures = replaceHalf(this.driverFeatures, this.driverSelect, value);
        return;
      case 0x10:
        this.configVector = vectorOf(value);
        return;
      case 0x14:
        this.writeStatus(value & 0xff);
        return;
      case 0x16:
        this.queueSelect = value & 0xffff;
        return;
    }
    if (this.queueSelect != 0) return;
    switch (offset) {
      case 0x18:
        // A power of two, as rings need it.
        if (value != 0 && value <= QUEUE_SIZE_MAX && (value & (value - 1)) == 0) queue.size = value;
        break;
      case 0x1a:
        this.queueVector = vectorOf(value);
        break;
      case 0x1c:
        if (value == 1) queue.enabled = true;
        break;
      case 0x20:
      case 0x24:
        queue.descriptors = replaceHalf(queue.descriptors, (offset >> 2) & 1, value);
        break;
      case 0x28:
      case 0x2c:
        queue.available = replaceHalf(queue.available, (offset >> 2) & 1, value);
        break;
      case 0x30:
      case 0x34:
        queue.used = replaceHalf(queue.used, (offset >> 2) & 1, value);
        break;
    }
  }
}

function vectorOf(value: u32): u32 {
  return (value & 0xffff) < VECTORS ? value & 0xffff : NO_VECTOR;
}

function replaceHalf(whole: u64, half: u32, value: u32): u64 {
  if (half != 0) return (whole & 0xffff_ffff) | ((<u64>value) << 32);
  return (whole & ~0xffff_ffff) | value;
}

const QUEUE_OFFSET: usize = (offsetof<VirtioDevice>() + 7) & ~7;
const TABLE_OFFSET: usize = (QUEUE_OFFSET + offsetof<VirtQueue>() + 7) & ~7;
const NOTES_OFFSET: usize = TABLE_OFFSET + <usize>(VECTORS * MSIX_ENTRY);
export const VIRTIO_DEVICE_SIZE: usize = NOTES_OFFSET + ((<usize>QUEUE_SIZE_MAX) << 2);

/** PCI's words for each type: device id, class, size of the legacy registers. */
export function resetVirtioFunction(fn: PciFunction, address: u32, kind: u32): void {
  const disk = kind == VIRTIO_BLK;
  fn.identify(address, 0x1af4, disk ? 0x1001 : 0x1005, disk ? 0x010000 : 0x00ff00, 0);
  fn.set<u32>(PCI_SUBSYSTEM, 0x1af4 | (kind << 16));
  fn.set<u16>(PCI_STATUS, 0x0010); // capabilities
  fn.set<u8>(PCI_PIN, 1);
  fn.addBar(0, disk ? 128 : 32, 1);
  fn.addBar(1, MSIX_BAR_SIZE, 0);
  fn.addBar(4, MODERN_BAR_SIZE, BAR_64_PREFETCHABLE);
  fn.allow<u32>(PCI_BAR0 + 5 * 4, 0xffff_ffff);
  fn.set<u8>(PCI_CAPABILITIES, MSIX_CAPABILITY);
  fn.set<u32>(MSIX_CAPABILITY, 0x11 | (0x84 << 8) | ((VECTORS - 1) << 16));
  fn.allow<u16>(MSIX_CONTROL, MSIX_ENABLE | MSIX_FUNCTION_MASK);
  fn.set<u32>(MSIX_CAPABILITY + 4, 1); // table: BAR 1
  fn.set<u32>(MSIX_CAPABILITY + 8, MSIX_PENDING | 1);
  // Vendor capabilities (§4.1.4): next, length, type, then BAR, offset, length.
  capability(fn, 0x84, 0x70, 0x14, 5, 0, 0, 0);
  capability(fn, 0x70, 0x60, 0x14, 2, 4, NOTIFY_AT, 0x1000);
  fn.set<u32>(0x70 + 16, 4); // a queue's notification is this far from the one before
  capability(fn, 0x60, 0x50, 0x10, 4, 4, DEVICE_AT, 0x1000);
  capability(fn, 0x50, 0x40, 0x10, 3, 4, ISR_AT, 0x1000);
  capability(fn, 0x40, 0x00, 0x10, 1, 4, 0, 0x1000);
}

function capability(
  fn: PciFunction,
  at: u32,
  next: u32,
  length: u32,
  type: u32,
  bar: u32,
  offset: u32,
  size: u32,
): void {
  fn.set<u32>(at, 0x09 | (next << 8) | (length << 16) | (type << 24));
  fn.set<u32>(at + 4, bar);
  fn.set<u32>(at + 8, offset);
  fn.set<u32>(at + 12, size);
}
