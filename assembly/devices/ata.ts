// A drive on an IDE channel (ATA/ATAPI-6, T13 1410D): the task file, and how data moves for a command. The commands
// themselves are a disk's (ata-commands.ts) or a packet device's (atapi.ts). The channel (ide-channel.ts) selects the
// drive, and the bus master (bus-master.ts) moves DMA data.
//
// Sectors travel through the channel's buffer when the CPU moves them (PIO), and straight to guest RAM with DMA.
// Either way the drive only asks (rings/block.ts) and is told: BSY stands meanwhile, and the guest runs on.
import {
  BLOCK_BUFFERS_AT,
  BLOCK_BUFFER_SIZE,
  BLOCK_DISCARD,
  BLOCK_FLUSH,
  BLOCK_OK,
  BLOCK_READ,
  BLOCK_WRITE,
  newBlockRequest,
  orphanBlockRequestsOf,
} from "../rings/block";
import { executeDiskCommand } from "./ata-commands";
import { DEFAULT_HEADS, DEFAULT_SECTORS, MULTIPLE_MAX } from "./ata-identify";
import {
  PACKET,
  PACKET_STATE_SIZE,
  REASON_DATA,
  announceBlock,
  executePacketDeviceCommand,
  mediumError,
  packetState,
  readyForStatus,
  receivePacket,
} from "./atapi";
import { DRIVE_CD, DRIVE_NONE, Drive, drive } from "./drives";

export const STATUS_ERROR: u32 = 1 << 0;
export const STATUS_DATA_REQUEST: u32 = 1 << 3;
export const STATUS_SEEK_COMPLETE: u32 = 1 << 4;
export const STATUS_READY: u32 = 1 << 6;
export const STATUS_BUSY: u32 = 1 << 7;
const STATUS_IDLE: u32 = STATUS_READY | STATUS_SEEK_COMPLETE;

export const ERROR_ABORTED: u32 = 1 << 2;
export const ERROR_ID_NOT_FOUND: u32 = 1 << 4;
const ERROR_UNCORRECTABLE: u32 = 1 << 6;

/** What moves data now. */
export const IDLE: u32 = 0;
export const PIO_IN: u32 = 1;
export const PIO_OUT: u32 = 2;
/** The twelve bytes of a command packet come. */
export const PACKET_OUT: u32 = 3;
export const DMA_IN: u32 = 4;
export const DMA_OUT: u32 = 5;
/** DATA SET MANAGEMENT: the ranges to trim come by DMA. */
export const DMA_TRIM: u32 = 6;
/** The buffer's bytes go to memory: a packet command's answer. */
export const DMA_ANSWER: u32 = 7;

export const SECTOR: u32 = 512;
/** Transfer mode as in SET FEATURES 03h: Ultra mode 5. */
const RESET_TRANSFER_MODE: u32 = 0x45;

@final
@unmanaged
export class AtaDrive {
  /** Next sector to move between medium and buffer or RAM. */
  sector: u64;
  /** Sectors of the command that have not moved yet. */
  remaining: u32;
  /** The buffer: next byte for the CPU, end of the block that DRQ offers, end of valid bytes. */
  position: u32;
  blockEnd: u32;
  bufferEnd: u32;
  /** Bytes that one DRQ block of the running command holds at most. */
  blockLimit: u32;
  /** Number of the connector, 0-3. */
  index: u32;
  phase: u32;
  // The task file; two values deep, the older in the high byte (48-bit commands).
  features: u32;
  count: u32;
  lbaLow: u32;
  lbaMid: u32;
  lbaHigh: u32;
  device: u32;
  status: u32;
  error: u32;
  command: u32;
  /** INTRQ asks. */
  interrupt: bool;
  multiple: u32;
  transferMode: u32;
  heads: u32;
  sectorsPerTrack: u32;
  writeCache: bool;
  smart: bool;
  // A packet device's own state follows the struct: see ATA_DRIVE_SIZE.

  get facts(): Drive {
    return drive(this.index);
  }

  get present(): bool {
    return this.facts.kind != DRIVE_NONE;
  }

  get isPacketDevice(): bool {
    return this.facts.kind == DRIVE_CD;
  }

  get buffer(): usize {
    return BLOCK_BUFFERS_AT + <usize>(this.index >> 1) * <usize>BLOCK_BUFFER_SIZE;
  }

  powerOn(index: u32): void {
    this.index = index;
    this.multiple = MULTIPLE_MAX;
    this.transferMode = RESET_TRANSFER_MODE;
    this.heads = DEFAULT_HEADS;
    this.sectorsPerTrack = DEFAULT_SECTORS;
    this.writeCache = true;
    this.smart = true;
    packetState(this).powerOn();
    this.reset();
  }

  /** Hardware and software reset leave the signature (§9.12). */
  reset(): void {
    orphanBlockRequestsOf(this.index);
    this.phase = IDLE;
    this.interrupt = false;
    this.remaining = 0;
    this.device = 0;
    this.features = 0;
    this.command = 0;
    packetState(this).reset();
    this.signature();
    this.error = 1;
    this.status = this.isPacketDevice ? 0 : STATUS_IDLE;
  }

  signature(): void {
    this.count = 1;
    this.lbaLow = 1;
    this.lbaMid = this.isPacketDevice ? 0x14 : 0;
    this.lbaHigh = this.isPacketDevice ? 0xeb : 0;
  }

  /** A packet device's medium is another one now, or none. */
  mediumChanged(): void {
    packetState(this).mediumChanged(this.facts.sectors != 0);
  }

  /** Task file registers 1-6; `previous` is HOB, which shows the older values. */
  readTask(register: u32, previous: bool): u32 {
    const shift: u32 = previous ? 8 : 0;
    switch (register) {
      case 1:
        return this.error;
      case 2:
        return (this.count >> shift) & 0xff;
      case 3:
        return (this.lbaLow >> shift) & 0xff;
      case 4:
        return (this.lbaMid >> shift) & 0xff;
      case 5:
        return (this.lbaHigh >> shift) & 0xff;
      default:
        return this.device | 0xa0;
    }
  }

  writeTask(register: u32, value: u32): void {
    switch (register) {
      case 1:
        this.features = ((this.features << 8) | value) & 0xffff;
        break;
      case 2:
        this.count = ((this.count << 8) | value) & 0xffff;
        break;
      case 3:
        this.lbaLow = ((this.lbaLow << 8) | value) & 0xffff;
        break;
      case 4:
        this.lbaMid = ((this.lbaMid << 8) | value) & 0xffff;
        break;
      case 5:
        this.lbaHigh = ((this.lbaHigh << 8) | value) & 0xffff;
        break;
      default:
        this.device = value;
    }
  }

  complete(): void {
    this.phase = IDLE;
    this.status = STATUS_IDLE;
    this.interrupt = true;
    if (this.command == PACKET) readyForStatus(this);
  }

  fail(error: u32): void {
    this.phase = IDLE;
    this.error = error;
    this.status = STATUS_IDLE | STATUS_ERROR;
    this.interrupt = true;
  }

  // PIO data

  /** Reads the next sectors into the buffer. */
  fetch(): void {
    const sectors = min(this.remaining, BLOCK_BUFFER_SIZE / SECTOR);
    this.status = STATUS_BUSY;
    const request = newBlockRequest(BLOCK_READ, this.index, this.sector, this.index);
    request.add(<u32>this.buffer, sectors * SECTOR);
    this.bufferEnd = sectors * SECTOR;
    request.submit();
  }

  /** Writes the buffer's bytes to the medium. */
  private flushBuffer(): void {
    this.status = STATUS_BUSY;
    const request = newBlockRequest(BLOCK_WRITE, this.index, this.sector, this.index);
    request.add(<u32>this.buffer, this.bufferEnd);
    request.submit();
  }

  /** Offers the CPU the next block of the buffer, from `position` on. */
  offerBlock(interrupt: bool): void {
    this.blockEnd = this.position + min(this.blockLimit, this.bufferEnd - this.position);
    this.status = STATUS_IDLE | STATUS_DATA_REQUEST;
    this.interrupt = interrupt;
    if (this.command == PACKET) announceBlock(this);
  }

  /** Asks the CPU for as many sectors as the buffer holds. */
  expectData(interrupt: bool): void {
    this.position = 0;
    this.bufferEnd = min(this.remaining * SECTOR, BLOCK_BUFFER_SIZE);
    this.offerBlock(interrupt);
  }

  /** Bytes that lie ready in the buffer, not on the medium: IDENTIFY and its like. */
  answer(length: u32, blockLimit: u32): void {
    this.phase = PIO_IN;
    this.remaining = 0;
    this.position = 0;
    this.bufferEnd = length;
    this.blockLimit = blockLimit;
    this.offerBlock(true);
  }

  readData(size: u32): u32 {
    if (this.phase != PIO_IN || this.position >= this.blockEnd) return 0;
    const at = this.buffer + this.position;
    const value: u32 = size == 4 ? load<u32>(at) : size == 2 ? <u32>load<u16>(at) : <u32>load<u8>(at);
    this.position += size;
    if (this.position >= this.blockEnd) this.blockRead();
    return value;
  }

  private blockRead(): void {
    if (this.position < this.bufferEnd) this.offerBlock(true);
    else if (this.remaining != 0) this.fetch();
    else if (this.command == PACKET) this.complete();
    else {
      this.phase = IDLE;
      this.status = STATUS_IDLE;
    }
  }

  writeData(size: u32, value: u32): void {
    if ((this.phase != PIO_OUT && this.phase != PACKET_OUT) || this.position >= this.blockEnd) return;
    const at = this.buffer + this.position;
    if (size == 4) store<u32>(at, value);
    else if (size == 2) store<u16>(at, <u16>value);
    else store<u8>(at, <u8>value);
    this.position += size;
    if (this.position < this.blockEnd) return;
    if (this.phase == PACKET_OUT) receivePacket(this);
    else if (this.position < this.bufferEnd) this.offerBlock(true);
    else this.flushBuffer();
  }

  // DMA: the bus master asks for the bytes that remain, and tells when they have moved.

  waitForBusMaster(phase: u32): void {
    this.phase = phase;
    this.status = STATUS_IDLE | STATUS_DATA_REQUEST;
    if (this.command == PACKET) this.count = REASON_DATA;
  }

  get waitsForBusMaster(): bool {
    return this.phase >= DMA_IN && (this.status & STATUS_DATA_REQUEST) != 0;
  }

  /** `bytes` have moved between medium and RAM. */
  movedByDma(bytes: u32): void {
    const sectors = bytes / SECTOR;
    this.sector += sectors;
    this.remaining -= min(sectors, this.remaining);
    if (this.remaining == 0) this.complete();
    else this.status = STATUS_IDLE | STATUS_DATA_REQUEST;
  }

  /** A PIO, flush or trim request of this drive is done. */
  requestCompleted(status: u32): void {
    if (status != BLOCK_OK) {
      if (this.command == PACKET) mediumError(this);
      else this.fail(this.phase == PIO_IN || this.phase == DMA_IN ? ERROR_UNCORRECTABLE : ERROR_ABORTED);
      return;
    }
    if (this.phase == PIO_IN) {
      this.remaining -= this.bufferEnd / SECTOR;
      this.sector += this.bufferEnd / SECTOR;
      this.position = 0;
      this.offerBlock(true);
    } else if (this.phase == PIO_OUT) {
      this.remaining -= this.bufferEnd / SECTOR;
      this.sector += this.bufferEnd / SECTOR;
      if (this.remaining != 0) this.expectData(true);
      else this.complete();
    } else if (this.phase == DMA_TRIM) this.trimRanges(this.position, this.bufferEnd);
    else this.complete();
  }

  flush(): void {
    this.status = STATUS_BUSY;
    newBlockRequest(BLOCK_FLUSH, this.index, 0, this.index).submit();
  }

  /**
   * Trims the ranges that lie in the buffer: eight bytes each, sector 47-0 and count 63-48 (ACS-2 §7.10).
   * One at a time: the completion of one looks for the next.
   */
  trimRanges(from: u32, end: u32): void {
    const sectors = this.facts.sectors;
    for (let at = from; at < end; at += 8) {
      const range = load<u64>(this.buffer + at);
      const count = <u32>(range >> 48);
      const first = range & 0xffff_ffff_ffff;
      if (count == 0) continue;
      if (first >= sectors || sectors - first < count) {
        this.fail(ERROR_ID_NOT_FOUND);
        return;
      }
      this.position = at + 8;
      this.bufferEnd = end;
      this.status = STATUS_BUSY;
      const request = newBlockRequest(BLOCK_DISCARD, this.index, first, this.index);
      request.length = count * SECTOR;
      request.submit();
      return;
    }
    this.complete();
  }

  execute(command: u32): void {
    this.command = command;
    this.error = 0;
    this.interrupt = false;
    this.phase = IDLE;
    this.status = STATUS_IDLE;
    if (this.isPacketDevice) executePacketDeviceCommand(this);
    else executeDiskCommand(this);
  }
}

export const ATA_DRIVE_SIZE: usize = (offsetof<AtaDrive>() + PACKET_STATE_SIZE + 7) & ~7;
