// Bus-master IDE (SFF-8038i 1.0): one channel's three registers, and the walk through its descriptor table.
//
//   +0  command: start 0 | to memory 3      +4  descriptor table (dword-aligned)
//   +2  status: active 0 | error 1 | interrupt 2 | drive 0, 1 can DMA 5, 6
//
//   descriptor:  address u32 | bytes u16 (0 = 64 KiB) | reserved u16, bit 15 = last
import { RAM_AT } from "../machine/layout";
import { inRam, readPhysical, wroteMemory } from "../memory/physical";
import { BlockRequest } from "../rings/block";

export const COMMAND_START: u32 = 1 << 0;
const COMMAND_WRITABLE: u32 = 0x09;
const STATUS_ACTIVE: u32 = 1 << 0;
const STATUS_ERROR: u32 = 1 << 1;
const STATUS_INTERRUPT: u32 = 1 << 2;
const STATUS_PLAIN: u32 = 0x60;
const LAST_DESCRIPTOR: u32 = 1 << 31;

/** Descriptors a walk passes at most: a table is at most 64 KiB long. */
const DESCRIPTORS_MAX: u32 = 8192;

@final
@unmanaged
export class BusMaster {
  private table: u32;
  /** The descriptor under way, and the bytes of it that have moved. */
  private descriptor: u32;
  private moved: u32;
  private command: u32;
  private status: u32;
  /** The last descriptor has been used up. */
  private exhausted: bool;

  reset(): void {
    this.table = 0;
    this.command = 0;
    this.status = 0;
    this.exhausted = true;
  }

  get active(): bool {
    return (this.status & STATUS_ACTIVE) != 0 && !this.exhausted;
  }

  read(offset: u32): u32 {
    switch (offset) {
      case 0:
        return this.command;
      case 2:
        return this.status;
      case 4:
      case 5:
      case 6:
      case 7:
        return (this.table >> ((offset & 3) << 3)) & 0xff;
      default:
        return 0xff;
    }
  }

  /** Returns true when the transfer is to start. */
  write(offset: u32, value: u32): bool {
    switch (offset) {
      case 0: {
        const starts = (value & ~this.command & COMMAND_START) != 0;
        this.command = value & COMMAND_WRITABLE;
        if (starts) {
          this.status |= STATUS_ACTIVE;
          this.descriptor = this.table;
          this.moved = 0;
          this.exhausted = false;
        } else if ((value & COMMAND_START) == 0) this.status &= ~STATUS_ACTIVE;
        return starts;
      }
      case 2: {
        const cleared = value & (STATUS_ERROR | STATUS_INTERRUPT);
        this.status = (this.status & ~(cleared | STATUS_PLAIN)) | (value & STATUS_PLAIN);
        break;
      }
      case 4:
      case 5:
      case 6:
      case 7: {
        const shift = (offset & 3) << 3;
        this.table = ((this.table & ~(0xff << shift)) | (value << shift)) & ~3;
        break;
      }
    }
    return false;
  }

  /** The channel's interrupt line has risen. */
  interrupted(): void {
    this.status |= STATUS_INTERRUPT;
    if (this.exhausted) this.status &= ~STATUS_ACTIVE;
  }

  failed(): void {
    this.status = (this.status | STATUS_ERROR) & ~STATUS_ACTIVE;
    this.exhausted = true;
  }

  /** Bytes that the current descriptor still offers; 0 at the end of the table. */
  private get room(): u32 {
    const count: u32 = readPhysical<u16>(this.descriptor + 4);
    return (count == 0 ? 0x1_0000 : count & ~1) - this.moved;
  }

  private get address(): u32 {
    return (readPhysical<u32>(this.descriptor) & ~1) + this.moved;
  }

  private advance(bytes: u32): void {
    this.moved += bytes;
    if (this.room != 0) return;
    if (readPhysical<u32>(this.descriptor + 4) & LAST_DESCRIPTOR) this.exhausted = true;
    this.descriptor += 8;
    this.moved = 0;
  }

  /** Gives `request` the memory for up to `bytes`. False when a descriptor leads outside RAM. */
  gather(request: BlockRequest, bytes: u32): bool {
    for (let i: u32 = 0; i < DESCRIPTORS_MAX && bytes != 0 && !this.exhausted; i++) {
      const length = min(this.room, bytes);
      const address = this.address;
      if (!inRam(address, length)) return false;
      if (!request.add(<u32>RAM_AT + address, length)) return true;
      bytes -= length;
      this.advance(length);
    }
    return true;
  }

  /** Copies up to `bytes` between a buffer and memory; returns how many. Data that no host has to move. */
  copy(buffer: usize, bytes: u32, toMemory: bool): u32 {
    let done: u32 = 0;
    for (let i: u32 = 0; i < DESCRIPTORS_MAX && done < bytes && !this.exhausted; i++) {
      const length = min(this.room, bytes - done);
      const address = this.address;
      if (!inRam(address, length)) return done;
      const memoryAt = RAM_AT + <usize>address;
      if (toMemory) {
        memory.copy(memoryAt, buffer + <usize>done, length);
        wroteMemory(address, length);
      } else memory.copy(buffer + <usize>done, memoryAt, length);
      done += length;
      this.advance(length);
    }
    return done;
  }
}
