// Disk requests. The machine decides what is to move between a drive and linear memory, the host moves it, straight
// between image and guest RAM, and says so by `completeBlock`. A request lies in a slot until it is complete; a ring
// of slot numbers tells the host which are new. Requests of one drive may complete in any order: what must stay in
// order is not submitted together.
//
//   slot   BlockRequest, then `segments` pairs of (address in linear memory u32, bytes u32)
import { EXIT_DOORBELL, leave } from "../machine/exit";
import { BYTES_END } from "./bytes";

export const BLOCK_READ: u32 = 0;
export const BLOCK_WRITE: u32 = 1;
export const BLOCK_FLUSH: u32 = 2;
/** Forget `length` bytes from `sector` on: they may read as anything old or as zeros. */
export const BLOCK_DISCARD: u32 = 3;
/** Make `length` bytes from `sector` on read as zeros. */
export const BLOCK_ZERO: u32 = 4;

/** How a request ended. */
export const BLOCK_OK: u32 = 0;
export const BLOCK_FAILED: u32 = 1;

const FREE: u32 = 0;
const SUBMITTED: u32 = 1;
/** The chip that asked was reset: the completion concerns no one. */
const ORPHANED: u32 = 2;
const CLAIMED: u32 = 3;

@final
@unmanaged
export class BlockRequest {
  /** First sector of 512 bytes, whatever the drive's own sector size. */
  sector: u64;
  /** Bytes, the sum of all segments. */
  length: u32;
  operation: u32;
  drive: u32;
  segments: u32;
  private state: u32;
  /** What the chip that asked wants to find again. */
  tag: u32;

  private segment(index: u32): usize {
    return changetype<usize>(this) + offsetof<BlockRequest>() + ((<usize>index) << 3);
  }

  /** Adds memory to read into or write from; joins it to the last segment where that ends. False when full. */
  add(address: u32, length: u32): bool {
    this.length += length;
    if (this.segments != 0) {
      const last = this.segment(this.segments - 1);
      if (load<u32>(last) + load<u32>(last, 4) == address) {
        store<u32>(last, load<u32>(last, 4) + length, 4);
        return true;
      }
    }
    if (this.segments == BLOCK_SEGMENTS_MAX) {
      this.length -= length;
      return false;
    }
    const next = this.segment(this.segments++);
    store<u32>(next, address);
    store<u32>(next, length, 4);
    return true;
  }

  segmentAddress(index: u32): u32 {
    return load<u32>(this.segment(index));
  }

  segmentLength(index: u32): u32 {
    return load<u32>(this.segment(index), 4);
  }

  /** Hands the request to the host. */
  submit(): void {
    this.state = SUBMITTED;
    const ring = changetype<SlotRing>(BLOCK_RING_AT);
    ring.push(slotOf(this));
    leave(EXIT_DOORBELL);
  }

  /** Gives the slot back unused. */
  cancel(): void {
    this.state = FREE;
  }

  /** Takes the slot back. False when the request's chip was reset meanwhile. */
  release(): bool {
    const wanted = this.state == SUBMITTED;
    this.state = FREE;
    return wanted;
  }

  get isFree(): bool {
    return this.state == FREE;
  }

  claim(operation: u32, drive: u32, sector: u64, tag: u32): bool {
    if (this.state != FREE) return false;
    this.state = CLAIMED;
    this.operation = operation;
    this.drive = drive;
    this.sector = sector;
    this.tag = tag;
    this.length = 0;
    this.segments = 0;
    return true;
  }

  orphan(): void {
    if (this.state == SUBMITTED) this.state = ORPHANED;
  }
}

@final
@unmanaged
class SlotRing {
  private taken: u32;
  private written: u32;

  push(slot: u32): void {
    store<u32>(changetype<usize>(this) + 8 + ((<usize>(this.written & (BLOCK_SLOTS - 1))) << 2), slot);
    this.written++;
  }
}

/** More than a drive keeps in flight; a power of two. */
export const BLOCK_SLOTS: u32 = 32;
/** What IDE and floppy drives may have under way together: one request a drive. */
const RESERVED_SLOTS: u32 = 8;
export const BLOCK_SEGMENTS_MAX: u32 = 512;
export const BLOCK_SLOT_SIZE: usize = offsetof<BlockRequest>() + ((<usize>BLOCK_SEGMENTS_MAX) << 3);
/** A slot number waits in the ring at most once, so the ring never overflows. */
export const BLOCK_RING_AT: usize = (BYTES_END + 63) & ~63;
export const BLOCK_SLOTS_AT: usize = BLOCK_RING_AT + 8 + ((<usize>BLOCK_SLOTS) << 2);
/** Room for sectors that the CPU moves by hand: one buffer for each IDE channel. */
export const BLOCK_BUFFER_SIZE: u32 = 0x1_0000;
export const BLOCK_BUFFERS_AT: usize = (BLOCK_SLOTS_AT + <usize>BLOCK_SLOTS * BLOCK_SLOT_SIZE + 63) & ~63;
/** The floppy controller's: both sides of a cylinder of the densest disk. */
export const FLOPPY_BUFFER_SIZE: u32 = 0x9000;
export const FLOPPY_BUFFER_AT: usize = BLOCK_BUFFERS_AT + <usize>BLOCK_BUFFER_SIZE * 2;
export const BLOCK_END: usize = FLOPPY_BUFFER_AT + <usize>FLOPPY_BUFFER_SIZE;

export function blockRequest(slot: u32): BlockRequest {
  return changetype<BlockRequest>(BLOCK_SLOTS_AT + <usize>slot * BLOCK_SLOT_SIZE);
}

function slotOf(request: BlockRequest): u32 {
  return <u32>((changetype<usize>(request) - BLOCK_SLOTS_AT) / BLOCK_SLOT_SIZE);
}

/** A free slot, ready for segments. Chips together keep fewer requests in flight than there are slots. */
export function newBlockRequest(operation: u32, drive: u32, sector: u64, tag: u32): BlockRequest {
  for (let slot: u32 = 0; slot < BLOCK_SLOTS; slot++)
    if (blockRequest(slot).claim(operation, drive, sector, tag)) return blockRequest(slot);
  assert(false, "block ring: no free slot");
  return blockRequest(0);
}

/** Whether a chip that queues many requests may take a slot: the others keep theirs. */
export function hasSpareSlot(): bool {
  let free: u32 = 0;
  for (let slot: u32 = 0; slot < BLOCK_SLOTS; slot++) if (blockRequest(slot).isFree) free++;
  return free > RESERVED_SLOTS;
}

/** A drive is reset: what it has under way concerns no one any more. */
export function orphanBlockRequestsOf(drive: u32): void {
  for (let slot: u32 = 0; slot < BLOCK_SLOTS; slot++)
    if (blockRequest(slot).drive == drive) blockRequest(slot).orphan();
}

/** The same for all drives. */
export function orphanBlockRequests(): void {
  for (let slot: u32 = 0; slot < BLOCK_SLOTS; slot++) blockRequest(slot).orphan();
}
