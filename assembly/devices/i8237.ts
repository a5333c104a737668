// Intel 8237A DMA controller (data sheet 231466): four channels that count through memory while a device moves bytes.
// The board's page registers give each channel the address bits above 16, so a transfer never leaves its 64 KiB.
//
//   0-7  address and count of channels 0-3, two bytes each through a flip-flop
//   8    status / command        9  request        A  single mask      B  mode
//   C    clear flip-flop         D  master clear   E  clear masks      F  all masks
import { readPhysical, writePhysical } from "../memory/physical";

const CHANNELS: u32 = 4;
const COMMAND_DISABLE: u32 = 1 << 2;
/** Mode register of a channel: transfer 3-2, autoinitialise 4, decrement 5. */
const MODE_TRANSFER: u32 = 3 << 2;
const MODE_TO_MEMORY: u32 = 1 << 2;
const MODE_FROM_MEMORY: u32 = 2 << 2;
const MODE_AUTOINITIALISE: u32 = 1 << 4;
const MODE_DECREMENT: u32 = 1 << 5;

@final
@unmanaged
class Channel {
  baseAddress: u32;
  baseCount: u32;
  address: u32;
  /** Transfers that remain, less one. */
  count: u32;
  mode: u32;
  page: u32;
}

@final
@unmanaged
export class I8237 {
  private command: u32;
  /** Low nibble: channels at terminal count since the last reading; high: requests. */
  private status: u32;
  private masks: u32;
  private highByte: bool;
  // The channels follow the struct: see I8237_SIZE.

  private channel(index: u32): Channel {
    return changetype<Channel>(
      changetype<usize>(this) + CHANNELS_OFFSET + <usize>index * offsetof<Channel>(),
    );
  }

  reset(): void {
    memory.fill(changetype<usize>(this), 0, I8237_SIZE);
    this.masks = 15;
  }

  readPage(index: u32): u32 {
    return this.channel(index).page;
  }

  writePage(index: u32, value: u32): void {
    this.channel(index).page = value;
  }

  read(register: u32): u32 {
    if (register < 8) {
      const channel = this.channel(register >> 1);
      const value = register & 1 ? channel.count : channel.address;
      const shift: u32 = this.highByte ? 8 : 0;
      this.highByte = !this.highByte;
      return (value >> shift) & 0xff;
    }
    if (register == 8) {
      const status = this.status;
      this.status &= 0xf0;
      return status;
    }
    return register == 15 ? this.masks | 0xf0 : 0;
  }

  write(register: u32, value: u32): void {
    if (register < 8) {
      this.writeChannel(register, value);
      return;
    }
    const bit: u32 = 1 << (value & 3);
    switch (register) {
      case 8:
        this.command = value;
        break;
      case 9: // software request: no channel of ours moves memory to memory
        break;
      case 10:
        this.masks = value & 4 ? this.masks | bit : this.masks & ~bit;
        break;
      case 11:
        this.channel(value & 3).mode = value;
        break;
      case 12:
        this.highByte = false;
        break;
      case 13:
        this.command = 0;
        this.status = 0;
        this.highByte = false;
        this.masks = 15;
        break;
      case 14:
        this.masks = 0;
        break;
      case 15:
        this.masks = value & 15;
        break;
    }
  }

  private writeChannel(register: u32, value: u32): void {
    const channel = this.channel(register >> 1);
    const old = register & 1 ? channel.baseCount : channel.baseAddress;
    const written = this.highByte ? (old & 0xff) | (value << 8) : (old & 0xff00) | value;
    this.highByte = !this.highByte;
    if (register & 1) {
      channel.baseCount = written;
      channel.count = written;
    } else {
      channel.baseAddress = written;
      channel.address = written;
    }
  }

  /** Bytes that channel `index` would move before its terminal count; 0 while it is masked. */
  room(index: u32): u32 {
    if (this.masks & (1 << index) || this.command & COMMAND_DISABLE) return 0;
    return this.channel(index).count + 1;
  }

  /** Moves `bytes`, at most `room`, between a device's buffer and memory. Returns whether the channel is at its end. */
  move(index: u32, buffer: usize, bytes: u32): bool {
    const channel = this.channel(index);
    const transfer = channel.mode & MODE_TRANSFER;
    for (let i: usize = 0; i < <usize>bytes; i++) {
      const at = (channel.page << 16) | channel.address;
      if (transfer == MODE_TO_MEMORY) writePhysical<u8>(at, load<u8>(buffer + i));
      else if (transfer == MODE_FROM_MEMORY) store<u8>(buffer + i, readPhysical<u8>(at));
      const step: u32 = channel.mode & MODE_DECREMENT ? 0xffff : 1;
      channel.address = (channel.address + step) & 0xffff;
      channel.count = (channel.count - 1) & 0xffff;
    }
    if (channel.count != 0xffff || bytes == 0) return false;
    this.status |= 1 << index;
    if (channel.mode & MODE_AUTOINITIALISE) {
      channel.address = channel.baseAddress;
      channel.count = channel.baseCount;
    } else this.masks |= 1 << index;
    return true;
  }
}

const CHANNELS_OFFSET: usize = offsetof<I8237>();
export const I8237_SIZE: usize = CHANNELS_OFFSET + <usize>CHANNELS * offsetof<Channel>();

/** The channel whose page register lies at port 80h + `offset`, as the AT wired them; none: CHANNELS. */
export function pageChannel(offset: u32): u32 {
  switch (offset & 7) {
    case 7:
      return 0;
    case 3:
      return 1;
    case 1:
      return 2;
    case 2:
      return 3;
    default:
      return CHANNELS;
  }
}
