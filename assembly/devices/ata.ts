// ATA disk, one of two on an IDE channel (ATA/ATAPI-6, T13 1410D). The drive holds the task file and runs commands;
// its channel (ide-channel.ts) selects it, and the bus master (bus-master.ts) moves DMA data.
//
// Sectors travel through the channel's buffer when the CPU moves them (PIO), and straight to guest RAM with DMA.
// Either way the drive only asks (rings/block.ts) and is told: BSY stands meanwhile, and the guest runs on.
import { BLOCK_BUFFER_SIZE, BLOCK_BUFFERS_AT, BLOCK_FLUSH, BLOCK_OK } from "../rings/block";
import { BLOCK_DISCARD, BLOCK_READ, BLOCK_WRITE, newBlockRequest } from "../rings/block";
import { DEFAULT_HEADS, DEFAULT_SECTORS, MULTIPLE_MAX, identifyDisk } from "./ata-identify";
import { DRIVE_CD, DRIVE_NONE, Drive, drive } from "./drives";

export const STATUS_ERROR: u32 = 1 << 0;
export const STATUS_DATA_REQUEST: u32 = 1 << 3;
export const STATUS_SEEK_COMPLETE: u32 = 1 << 4;
export const STATUS_READY: u32 = 1 << 6;
export const STATUS_BUSY: u32 = 1 << 7;
const STATUS_IDLE: u32 = STATUS_READY | STATUS_SEEK_COMPLETE;

export const ERROR_ABORTED: u32 = 1 << 2;
const ERROR_ID_NOT_FOUND: u32 = 1 << 4;
const ERROR_UNCORRECTABLE: u32 = 1 << 6;

const DEVICE_LBA: u32 = 1 << 6;

/** What moves data now. */
export const IDLE: u32 = 0;
export const PIO_IN: u32 = 1;
export const PIO_OUT: u32 = 2;
export const DMA_IN: u32 = 3;
export const DMA_OUT: u32 = 4;
/** DATA SET MANAGEMENT: the ranges to trim come by DMA. */
export const DMA_TRIM: u32 = 5;

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
  /** Sectors that one DRQ block holds in the running command. */
  private blockSectors: u32;
  /** Number of the connector, 0-3. */
  index: u32;
  phase: u32;
  // The task file; two values deep, the older in the high byte (48-bit commands).
  private features: u32;
  count: u32;
  lbaLow: u32;
  lbaMid: u32;
  lbaHigh: u32;
  device: u32;
  status: u32;
  error: u32;
  private command: u32;
  /** INTRQ asks. */
  interrupt: bool;
  private multiple: u32;
  private transferMode: u32;
  private heads: u32;
  private sectorsPerTrack: u32;
  private writeCache: bool;
  private smart: bool;

  private get facts(): Drive {
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
    this.reset();
  }

  /** Hardware and software reset leave the signature (§9.12). */
  reset(): void {
    this.phase = IDLE;
    this.interrupt = false;
    this.remaining = 0;
    this.device = 0;
    this.features = 0;
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
  }

  fail(error: u32): void {
    this.phase = IDLE;
    this.error = error;
    this.status = STATUS_IDLE | STATUS_ERROR;
    this.interrupt = true;
  }

  // Addresses (§6.2): CHS, 28 or 48 bits, as the device register and the command say.

  private address48(): u64 {
    const low = (this.lbaLow & 0xff) | ((this.lbaMid & 0xff) << 8);
    const high = (this.lbaLow >> 8) | (this.lbaMid & 0xff00);
    return (
      (<u64>low) |
      ((<u64>(this.lbaHigh & 0xff)) << 16) |
      ((<u64>high) << 24) |
      ((<u64>(this.lbaHigh >> 8)) << 40)
    );
  }

  private address28(): u64 {
    const low: u32 = this.lbaLow & 0xff;
    const middle: u32 = ((this.lbaMid & 0xff) << 8) | ((this.lbaHigh & 0xff) << 16);
    if (this.device & DEVICE_LBA) return low | middle | ((this.device & 15) << 24);
    // Sectors of a track count from 1; sector 0 is nowhere.
    if (low == 0 || low > this.sectorsPerTrack) return u64.MAX_VALUE;
    const head: u32 = this.device & 15;
    if (head >= this.heads) return u64.MAX_VALUE;
    return (<u64>(middle >> 8) * this.heads + head) * this.sectorsPerTrack + low - 1;
  }

  /** Takes address and count of a command; false when they leave the medium. */
  private locate(wide: bool): bool {
    const count: u32 = wide ? this.count : this.count & 0xff;
    this.remaining = count != 0 ? count : wide ? 0x1_0000 : 0x100;
    this.sector = wide ? this.address48() : this.address28();
    const sectors = this.facts.sectors;
    if (this.sector < sectors && sectors - this.sector >= this.remaining) return true;
    this.fail(ERROR_ID_NOT_FOUND);
    return false;
  }

  private locateAddress(sector: u64, wide: bool): void {
    this.lbaLow = ((<u32>sector) & 0xff) | (wide ? ((<u32>(sector >> 24)) & 0xff) << 8 : 0);
    this.lbaMid = ((<u32>(sector >> 8)) & 0xff) | (wide ? ((<u32>(sector >> 32)) & 0xff) << 8 : 0);
    this.lbaHigh = ((<u32>(sector >> 16)) & 0xff) | (wide ? ((<u32>(sector >> 40)) & 0xff) << 8 : 0);
    if (!wide) this.device = (this.device & 0xf0) | ((<u32>(sector >> 24)) & 15);
  }

  // PIO data

  /** Reads the next sectors into the buffer. */
  private fetch(): void {
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
  private offerBlock(interrupt: bool): void {
    this.blockEnd = this.position + min(this.blockSectors * SECTOR, this.bufferEnd - this.position);
    this.status = STATUS_IDLE | STATUS_DATA_REQUEST;
    this.interrupt = interrupt;
  }

  private startPioIn(wide: bool, blockSectors: u32): void {
    if (!this.locate(wide)) return;
    this.phase = PIO_IN;
    this.blockSectors = blockSectors;
    this.fetch();
  }

  private startPioOut(wide: bool, blockSectors: u32): void {
    if (!this.locate(wide)) return;
    if (this.facts.readOnly) {
      this.fail(ERROR_ABORTED);
      return;
    }
    this.phase = PIO_OUT;
    this.blockSectors = blockSectors;
    this.expectData(false);
  }

  /** Asks the CPU for as many sectors as the buffer holds. */
  private expectData(interrupt: bool): void {
    this.position = 0;
    this.bufferEnd = min(this.remaining * SECTOR, BLOCK_BUFFER_SIZE);
    this.offerBlock(interrupt);
  }

  /** A block that lies ready in the buffer, not on the medium: IDENTIFY and its like. */
  answer(length: u32): void {
    this.phase = PIO_IN;
    this.remaining = 0;
    this.position = 0;
    this.bufferEnd = length;
    this.blockSectors = 1;
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
    else {
      this.phase = IDLE;
      this.status = STATUS_IDLE;
    }
  }

  writeData(size: u32, value: u32): void {
    if (this.phase != PIO_OUT || this.position >= this.blockEnd) return;
    const at = this.buffer + this.position;
    if (size == 4) store<u32>(at, value);
    else if (size == 2) store<u16>(at, <u16>value);
    else store<u8>(at, <u8>value);
    this.position += size;
    if (this.position < this.blockEnd) return;
    if (this.position < this.bufferEnd) this.offerBlock(true);
    else this.flushBuffer();
  }

  // DMA: the bus master asks for the bytes that remain, and tells when they have moved.

  private startDma(phase: u32, wide: bool): void {
    if (!this.locate(wide)) return;
    if (phase == DMA_OUT && this.facts.readOnly) this.fail(ERROR_ABORTED);
    else this.waitForBusMaster(phase);
  }

  private waitForBusMaster(phase: u32): void {
    this.phase = phase;
    this.status = STATUS_IDLE | STATUS_DATA_REQUEST;
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
      this.fail(this.phase == PIO_IN || this.phase == DMA_IN ? ERROR_UNCORRECTABLE : ERROR_ABORTED);
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

  private flush(): void {
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

  // Commands

  execute(command: u32): void {
    this.command = command;
    this.error = 0;
    this.interrupt = false;
    this.phase = IDLE;
    this.status = STATUS_IDLE;
    switch (command) {
      case 0x20: // READ SECTOR(S), with and without retries
      case 0x21:
        this.startPioIn(false, 1);
        break;
      case 0x24: // READ SECTOR(S) EXT
        this.startPioIn(true, 1);
        break;
      case 0x30: // WRITE SECTOR(S)
      case 0x31:
        this.startPioOut(false, 1);
        break;
      case 0x34: // WRITE SECTOR(S) EXT
        this.startPioOut(true, 1);
        break;
      case 0xc4: // READ MULTIPLE
      case 0x29: // READ MULTIPLE EXT
        if (this.multiple == 0) this.fail(ERROR_ABORTED);
        else this.startPioIn(command == 0x29, this.multiple);
        break;
      case 0xc5: // WRITE MULTIPLE
      case 0x39: // WRITE MULTIPLE EXT
        if (this.multiple == 0) this.fail(ERROR_ABORTED);
        else this.startPioOut(command == 0x39, this.multiple);
        break;
      case 0xc8: // READ DMA
      case 0xc9:
        this.startDma(DMA_IN, false);
        break;
      case 0x25: // READ DMA EXT
        this.startDma(DMA_IN, true);
        break;
      case 0xca: // WRITE DMA
      case 0xcb:
        this.startDma(DMA_OUT, false);
        break;
      case 0x35: // WRITE DMA EXT
      case 0x3d: // WRITE DMA FUA EXT
        this.startDma(DMA_OUT, true);
        break;
      case 0x40: // READ VERIFY SECTOR(S)
      case 0x41:
      case 0x42: // READ VERIFY SECTOR(S) EXT
        if (this.locate(command == 0x42)) this.complete();
        break;
      case 0xe7: // FLUSH CACHE
      case 0xea: // FLUSH CACHE EXT
        this.flush();
        break;
      case 0xec: // IDENTIFY DEVICE
        identifyDisk(
          this.buffer,
          this.index,
          this.facts.sectors,
          this.heads,
          this.sectorsPerTrack,
          this.multiple,
          this.transferMode,
          this.writeCache,
        );
        this.answer(SECTOR);
        break;
      case 0xc6: // SET MULTIPLE MODE
        this.setMultiple(this.count & 0xff);
        break;
      case 0xef: // SET FEATURES
        this.setFeatures(this.features & 0xff);
        break;
      case 0x91: // INITIALIZE DEVICE PARAMETERS
        this.heads = (this.device & 15) + 1;
        this.sectorsPerTrack = this.count & 0xff;
        if (this.sectorsPerTrack == 0) this.fail(ERROR_ABORTED);
        else this.complete();
        break;
      case 0xf8: // READ NATIVE MAX ADDRESS
        this.locateAddress(min<u64>(this.facts.sectors - 1, 0x0fff_ffff), false);
        this.complete();
        break;
      case 0x27: // READ NATIVE MAX ADDRESS EXT
        this.locateAddress(this.facts.sectors - 1, true);
        this.complete();
        break;
      case 0xe5: // CHECK POWER MODE: active
      case 0x98:
        this.count = 0xff;
        this.complete();
        break;
      case 0xe0: // STANDBY IMMEDIATE, IDLE IMMEDIATE, STANDBY, IDLE, SLEEP, and their old numbers
      case 0xe1:
      case 0xe2:
      case 0xe3:
      case 0xe6:
      case 0x94:
      case 0x95:
      case 0x96:
      case 0x97:
      case 0x99:
        this.complete();
        this.status = STATUS_READY;
        break;
      case 0xf5: // SECURITY FREEZE LOCK
        this.complete();
        break;
      case 0x06: // DATA SET MANAGEMENT
        if (this.features & 1 && this.count != 0 && !this.facts.readOnly) {
          this.remaining = min<u32>(this.count, BLOCK_BUFFER_SIZE / SECTOR);
          this.waitForBusMaster(DMA_TRIM);
        } else this.fail(ERROR_ABORTED);
        break;
      case 0xb0: // SMART
        this.executeSmart(this.features & 0xff);
        break;
      default:
        // RECALIBRATE is 1xh, SEEK 7xh.
        if ((command & 0xf0) == 0x10 || (command & 0xf0) == 0x70) this.complete();
        else this.fail(ERROR_ABORTED);
    }
  }

  private setMultiple(sectors: u32): void {
    if (sectors > MULTIPLE_MAX || (sectors & (sectors - 1)) != 0) this.fail(ERROR_ABORTED);
    else {
      this.multiple = sectors;
      this.complete();
    }
  }

  private setFeatures(feature: u32): void {
    switch (feature) {
      case 0x02: // write cache on
      case 0x82: // write cache off
        this.writeCache = feature == 0x02;
        break;
      case 0x03: // transfer mode
        this.transferMode = this.count & 0xff;
        break;
      case 0x05: // power management, acoustics, look-ahead, defects and the like: accepted, without effect
      case 0x42:
      case 0x55:
      case 0x66:
      case 0x67:
      case 0x69:
      case 0x85:
      case 0x96:
      case 0x9a:
      case 0xaa:
      case 0xc2:
      case 0xcc:
        break;
      default:
        this.fail(ERROR_ABORTED);
        return;
    }
    this.complete();
  }

  /** The drive is healthy and keeps no logs; LBA mid and high carry the key 4Fh C2h (§8.53). */
  private executeSmart(subcommand: u32): void {
    const keyed = (this.lbaMid & 0xff) == 0x4f && (this.lbaHigh & 0xff) == 0xc2;
    if (!keyed || (!this.smart && subcommand != 0xd8)) {
      this.fail(ERROR_ABORTED);
      return;
    }
    switch (subcommand) {
      case 0xd0: // READ DATA
      case 0xd1: // READ THRESHOLDS
        memory.fill(this.buffer, 0, SECTOR);
        store<u8>(this.buffer, 1); // structure revision
        this.checksum();
        this.answer(SECTOR);
        break;
      case 0xd8: // ENABLE and DISABLE OPERATIONS
      case 0xd9:
        this.smart = subcommand == 0xd8;
        this.complete();
        break;
      case 0xd2: // attribute autosave
      case 0xd4: // off-line test
      case 0xda: // RETURN STATUS: the key unchanged means no threshold is exceeded
        this.complete();
        break;
      default:
        this.fail(ERROR_ABORTED);
    }
  }

  /** The sum of the 512 bytes is 0. */
  private checksum(): void {
    let sum: u32 = 0;
    for (let i: usize = 0; i < 511; i++) sum += load<u8>(this.buffer + i);
    store<u8>(this.buffer + 511, <u8>(0 - sum));
  }
}

export const ATA_DRIVE_SIZE: usize = (offsetof<AtaDrive>() + 7) & ~7;
