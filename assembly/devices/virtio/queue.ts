// A split virtqueue (virtio 1.1 §2.6): the driver lays chains of descriptors into the available ring, the device gives
// them back in the used ring. All three parts lie in guest memory and may hold anything: addresses are checked against
// RAM, chains against the queue's size.
//
//   descriptor   address u64 | length u32 | flags u16: next 0, device writes 1, indirect 2 | next u16
//   available    flags u16 | index u16 | head u16 …        used   flags u16 | index u16 | (head u32, written u32) …
import { RAM_AT } from "../../machine/layout";
import { inRam, wroteMemory } from "../../memory/physical";

export const QUEUE_SIZE_MAX: u32 = 256;

const DESCRIPTOR_SIZE: u32 = 16;
const FLAG_NEXT: u32 = 1 << 0;
const FLAG_DEVICE_WRITES: u32 = 1 << 1;
const FLAG_INDIRECT: u32 = 1 << 2;
const AVAILABLE_NO_INTERRUPT: u32 = 1 << 0;

function ram(address: u32): usize {
  return RAM_AT + <usize>address;
}

@final
@unmanaged
export class VirtQueue {
  descriptors: u64;
  available: u64;
  used: u64;
  size: u32;
  enabled: bool;
  /** Next entry of the available ring. */
  private taken: u32;
  private given: u32;
  // The descriptor at hand: `begin` and `next` go along a chain.
  address: u32;
  length: u32;
  deviceWrites: bool;
  private flags: u32;
  private following: u32;
  /** Table of the chain: the queue's, or an indirect one, and how many descriptors it has. */
  private table: u64;
  private tableSize: u32;
  private steps: u32;

  reset(): void {
    memory.fill(changetype<usize>(this), 0, offsetof<VirtQueue>());
    this.size = QUEUE_SIZE_MAX;
  }

  /** Legacy layout (§2.6.2): descriptors, available ring, and on the next page the used ring. */
  placeLegacy(page: u32): void {
    this.descriptors = (<u64>page) << 12;
    this.available = this.descriptors + this.size * DESCRIPTOR_SIZE;
    this.used = (this.available + 6 + this.size * 2 + 0xfff) & ~0xfff;
    this.enabled = page != 0;
    this.taken = 0;
    this.given = 0;
  }

  /** Whether the three parts are in RAM. */
  get usable(): bool {
    return (
      this.enabled &&
      inRam(this.descriptors, this.size * DESCRIPTOR_SIZE) &&
      inRam(this.available, 6 + this.size * 2) &&
      inRam(this.used, 6 + this.size * 8)
    );
  }

  get hasChain(): bool {
    return this.usable && load<u16>(ram(<u32>this.available), 2) != <u16>this.taken;
  }

  /** The head of the next chain, whose first descriptor is at hand; -1: the chain is broken. */
  begin(): i32 {
    const slot = this.taken & (this.size - 1);
    const head: u32 = load<u16>(ram(<u32>this.available) + 4 + ((<usize>slot) << 1));
    this.taken = (this.taken + 1) & 0xffff;
    this.table = this.descriptors;
    this.tableSize = this.size;
    this.steps = 0;
    return this.load(head) ? <i32>head : -1;
  }

  /** Goes to the chain's next descriptor; false at its end, or when it leads nowhere. */
  next(): bool {
    return (this.flags & FLAG_NEXT) != 0 && this.load(this.following);
  }

  private load(index: u32): bool {
    if (index >= this.tableSize || ++this.steps > QUEUE_SIZE_MAX) return false;
    const at = ram(<u32>this.table + index * DESCRIPTOR_SIZE);
    const address = load<u64>(at);
    this.length = load<u32>(at, 8);
    this.flags = load<u16>(at, 12);
    this.following = load<u16>(at, 14);
    if (!inRam(address, this.length)) return false;
    this.address = <u32>address;
    this.deviceWrites = (this.flags & FLAG_DEVICE_WRITES) != 0;
    if ((this.flags & FLAG_INDIRECT) == 0) return true;
    // One level only: a table does not lead to another.
    if (this.table != this.descriptors || this.length < DESCRIPTOR_SIZE) return false;
    this.table = address;
    this.tableSize = this.length / DESCRIPTOR_SIZE;
    return this.load(0);
  }

  /** Gives the chain back, `written` bytes of it by the device. Returns whether the driver wants an interrupt. */
  giveBack(head: u32, written: u32): bool {
    if (!this.usable) return false;
    const entry = ram(<u32>this.used) + 4 + ((<usize>(this.given & (this.size - 1))) << 3);
    store<u32>(entry, head);
    store<u32>(entry, written, 4);
    this.given = (this.given + 1) & 0xffff;
    store<u16>(ram(<u32>this.used), <u16>this.given, 2);
    wroteMemory(<u32>this.used, 6 + this.size * 8);
    return (load<u16>(ram(<u32>this.available)) & AVAILABLE_NO_INTERRUPT) == 0;
  }
}
