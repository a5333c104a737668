// Intel 82078 floppy controller (data sheet 290468), AT mode: two drives, their data by DMA or through the FIFO.
//
//   1  status B                     4  main status / data rate select (DSR)
//   2  digital output (DOR)         5  FIFO: command, parameters, results, data
//   3  tape drive                   7  digital input (DIR) / configuration control (CCR)
//
// A command has three phases: its bytes come in, it runs, its results go out. Sectors travel through a buffer: the
// controller asks the host for them (rings/block.ts) and runs on when it is told that they have moved.
import {
  BLOCK_OK,
  BLOCK_READ,
  BLOCK_WRITE,
  FLOPPY_BUFFER_AT,
  FLOPPY_BUFFER_SIZE,
  newBlockRequest,
  orphanBlockRequestsOf,
} from "../rings/block";
import { DRIVE_FLOPPY, Drive, FLOPPY_DRIVE, drive } from "./drives";
import { FloppyFormat, floppyFormat } from "./floppy-media";
import { I8237 } from "./i8237";
import {
  COMMAND_NUMBER,
  DIR_CHANGED,
  DOR_GATE,
  DOR_NOT_RESET,
  DOR_SELECT,
  DSR_RESET,
  FORMAT_TRACK,
  IMPLIED_SEEK,
  MSR_BUSY,
  MSR_NO_DMA,
  MSR_OUT,
  MSR_READY,
  MULTI_TRACK,
  POLLING_OFF,
  READ_TRACK,
  ST0_ABNORMAL,
  ST0_EQUIPMENT,
  ST0_INVALID,
  ST0_POLLING,
  ST0_SEEK_END,
  ST1_CRC,
  ST1_END_OF_CYLINDER,
  ST1_NOT_WRITABLE,
  ST1_NO_ADDRESS,
  ST1_NO_DATA,
  ST1_OVERRUN,
  ST2_CRC,
  ST2_WRONG_CYLINDER,
  ST3_PROTECTED,
  ST3_READY,
  ST3_TRACK_0,
  ST3_TWO_SIDES,
  VERIFY,
  WRITE_DATA,
  WRITE_DELETED,
  commandLength,
  isTransfer,
} from "./i82078-registers";

const SECTOR: u32 = 512;
/** N of a sector of 512 bytes. */
const SIZE_CODE: u32 = 2;
const DRIVES: u32 = 2;

/** What the controller does now. */
const COMMAND: u32 = 0;
const EXECUTION: u32 = 1;
const RESULT: u32 = 2;

/** Drives behind a channel of the DMA controller. */
const DMA_CHANNEL: u32 = 2;

@final
@unmanaged
export class I82078 {
  private dor: u32;
  private tape: u32;
  private rate: u32;
  private phase: u32;
  /** Bytes of the command or of its results, how many there are, and which is next. */
  private bytes: u64;
  private moreBytes: u64;
  private length: u32;
  private next: u32;
  /** Interrupt pin, and drives whose reset or seek SENSE INTERRUPT has not told yet. */
  private interrupt: bool;
  private pending: u32;
  private st0: u32;
  /** Cylinder under the heads of each drive, a byte each; and a bit each: the disk has changed. */
  private cylinders: u32;
  private changed: u32;
  // SPECIFY, CONFIGURE, PERPENDICULAR MODE and LOCK.
  private stepRate: u32;
  private headLoad: u32;
  private config: u32;
  private precompensation: u32;
  private perpendicular: u32;
  private locked: bool;
  // The transfer under way: address on the disk, bytes of the buffer that are valid, next byte for the processor.
  private cylinder: u32;
  private head: u32;
  private sector: u32;
  private filled: u32;
  private position: u32;
  /** The DMA channel has reached its terminal count; the host has been asked. */
  private ended: bool;
  private waiting: bool;

  powerOn(): void {
    memory.fill(changetype<usize>(this), 0, offsetof<I82078>());
    this.changed = 3;
    this.resetRegisters();
    this.dor = 0;
  }

  private resetRegisters(): void {
    this.phase = COMMAND;
    this.length = 0;
    this.next = 0;
    this.filled = 0;
    this.position = 0;
    this.waiting = false;
    for (let unit: u32 = 0; unit < DRIVES; unit++) orphanBlockRequestsOf(FLOPPY_DRIVE + unit);
    this.interrupt = false;
    this.pending = 0;
    this.perpendicular &= 0x3c;
    if (!this.locked) {
      this.config = 0;
      this.precompensation = 0;
    }
  }

  /** The INT pin. */
  get irq(): bool {
    return this.interrupt && (this.dor & DOR_GATE) != 0;
  }

  private get unit(): u32 {
    return this.dor & DOR_SELECT;
  }

  private facts(unit: u32): Drive {
    return drive(FLOPPY_DRIVE + (unit & 1));
  }

  private present(unit: u32): bool {
    return unit < DRIVES && this.facts(unit).kind == DRIVE_FLOPPY;
  }

  private hasDisk(unit: u32): bool {
    return this.present(unit) && this.facts(unit).sectors != 0;
  }

  private format(unit: u32): FloppyFormat {
    return floppyFormat(this.facts(unit).sectors);
  }

  private cylinderOf(unit: u32): u32 {
    return (this.cylinders >> (unit << 3)) & 0xff;
  }

  /** The disk of drive `unit` is another one, or gone. */
  diskChanged(unit: u32): void {
    this.changed |= 1 << unit;
  }

  read(register: u32, dma: I8237): u32 {
    switch (register) {
      case 1:
        return 0xc0 | (this.unit & 1);
      case 2:
        return this.dor;
      case 3:
        return this.tape;
      case 4:
        return this.mainStatus;
      case 5:
        return this.readFifo(dma);
      case 7:
        return this.changed & (1 << this.unit) || !this.present(this.unit) ? DIR_CHANGED : 0;
      default:
        return 0xff;
    }
  }

  write(register: u32, value: u32, dma: I8237): void {
    switch (register) {
      case 2:
        this.writeDor(value);
        break;
      case 3:
        this.tape = value & 3;
        break;
      case 4:
        this.rate = value & 3;
        if (value & DSR_RESET) this.reset();
        break;
      case 5:
        this.writeFifo(value, dma);
        break;
      case 7:
        this.rate = value & 3;
        break;
    }
  }

  private writeDor(value: u32): void {
    const released = (value & ~this.dor & DOR_NOT_RESET) != 0;
    if ((value & DOR_NOT_RESET) == 0) this.resetRegisters();
    this.dor = value;
    if (released) this.reset();
  }

  /** After a reset the controller polls four drives and finds their state changed (§7.4). */
  private reset(): void {
    this.resetRegisters();
    this.pending = (this.config & POLLING_OFF) != 0 ? 0 : 4;
    this.st0 = ST0_POLLING;
    this.interrupt = this.pending != 0;
  }

  private get mainStatus(): u32 {
    if ((this.dor & DOR_NOT_RESET) == 0) return 0;
    if (this.phase == RESULT) return MSR_READY | MSR_OUT | MSR_BUSY;
    if (this.phase == COMMAND) return MSR_READY | (this.next != 0 ? MSR_BUSY : 0);
    if (!this.byProcessor || this.waiting || this.filled == 0) return MSR_BUSY;
    return MSR_READY | MSR_BUSY | MSR_NO_DMA | (this.writes ? 0 : MSR_OUT);
  }

  /** SPECIFY's ND: data goes through the FIFO. */
  private get byProcessor(): bool {
    return (this.headLoad & 1) != 0;
  }

  private get writes(): bool {
    const number = this.command & COMMAND_NUMBER;
    return number == WRITE_DATA || number == WRITE_DELETED || number == FORMAT_TRACK;
  }

  // Bytes of a command and of its results lie in two words, first in the low byte.

  private byte(index: u32): u32 {
    const word = index < 8 ? this.bytes : this.moreBytes;
    return (<u32>(word >> ((<u64>(index & 7)) << 3))) & 0xff;
  }

  private put(value: u32): void {
    const shifted = (<u64>(value & 0xff)) << ((<u64>(this.length & 7)) << 3);
    if (this.length < 8) this.bytes |= shifted;
    else this.moreBytes |= shifted;
    this.length++;
  }

  private get command(): u32 {
    return this.byte(0);
  }

  private clearBytes(): void {
    this.bytes = 0;
    this.moreBytes = 0;
    this.length = 0;
    this.next = 0;
  }

  private writeFifo(value: u32, dma: I8237): void {
    if ((this.dor & DOR_NOT_RESET) == 0 || this.phase == RESULT) return;
    if (this.phase == EXECUTION) {
      if (this.byProcessor && this.writes && !this.waiting && this.position < this.filled)
        this.takeByte(value);
      return;
    }
    if (this.next == 0) this.clearBytes();
    this.put(value);
    this.next = this.length;
    if (this.length == commandLength(this.command)) this.execute(dma);
  }

  private readFifo(dma: I8237): u32 {
    if (this.phase == EXECUTION) {
      if (!this.byProcessor || this.writes || this.waiting || this.position >= this.filled) return 0;
      const value = load<u8>(FLOPPY_BUFFER_AT + <usize>this.position);
      this.position++;
      if (this.position == this.filled) {
        this.interrupt = false;
        this.stepDone(dma);
      }
      return value;
    }
    if (this.phase != RESULT) return 0;
    this.interrupt = false;
    const value = this.byte(this.next++);
    if (this.next == this.length) {
      this.phase = COMMAND;
      this.next = 0;
    }
    return value;
  }

  private takeByte(value: u32): void {
    store<u8>(FLOPPY_BUFFER_AT + <usize>this.position, <u8>value);
    this.position++;
    if (this.position < this.filled) return;
    this.interrupt = false;
    this.submit(BLOCK_WRITE);
  }

  // Commands (§5)

  private execute(dma: I8237): void {
    const command = this.command;
    const parameter = this.byte(1);
    this.next = 0;
    switch (command) {
      case 0x03: // SPECIFY
        this.stepRate = parameter;
        this.headLoad = this.byte(2);
        break;
      case 0x04: // SENSE DRIVE STATUS
        this.answer(this.driveStatus(parameter));
        break;
      case 0x07: // RECALIBRATE
        this.seek(parameter & 3, 0);
        break;
      case 0x08: // SENSE INTERRUPT STATUS
        this.senseInterrupt();
        break;
      case 0x0e: // DUMPREG
        this.dumpRegisters();
        break;
      case 0x0f: // SEEK
        this.seek(parameter & 3, this.byte(2));
        break;
      case 0x8f: // RELATIVE SEEK out and in
        this.seek(
          parameter & 3,
          this.cylinderOf(parameter & 3) - min(this.byte(2), this.cylinderOf(parameter & 3)),
        );
        break;
      case 0xcf:
        this.seek(parameter & 3, min<u32>(this.cylinderOf(parameter & 3) + this.byte(2), 255));
        break;
      case 0x10: // VERSION: enhanced controller
        this.answer(0x90);
        break;
      case 0x12: // PERPENDICULAR MODE
        if (parameter & 0x80) this.perpendicular = parameter & 0x7f;
        else this.perpendicular = (this.perpendicular & 0x7c) | (parameter & 3);
        break;
      case 0x13: // CONFIGURE
        this.config = this.byte(2);
        this.precompensation = this.byte(3);
        break;
      case 0x14: // LOCK, UNLOCK
      case 0x94:
        this.locked = command == 0x94;
        this.answer(this.locked ? 0x10 : 0);
        break;
      case 0x17: // POWERDOWN MODE
        this.answer(parameter);
        break;
      case 0x18: // PART ID
        this.answer(0x41);
        break;
      case 0x33: // OPTION, DRIVE SPECIFICATION: nothing here depends on them
      case 0x8e:
        break;
      case 0x4a: // READ ID
      case 0x0a:
        this.readId(parameter);
        break;
      default:
        if (isTransfer(command)) this.startTransfer(dma);
        else this.answer(ST0_INVALID);
    }
  }

  /** A result of one byte, without interrupt. */
  private answer(value: u32): void {
    this.clearBytes();
    this.put(value);
    this.phase = RESULT;
  }

  private driveStatus(parameter: u32): u32 {
    const unit = parameter & 3;
    let status: u32 = (parameter & 7) | ST3_TWO_SIDES | ST3_READY;
    if (this.cylinderOf(unit) == 0) status |= ST3_TRACK_0;
    if (this.hasDisk(unit) && this.facts(unit).readOnly) status |= ST3_PROTECTED;
    return status;
  }

  private seek(unit: u32, cylinder: u32): void {
    this.moveTo(unit, cylinder);
    this.st0 = ST0_SEEK_END | unit | (this.present(unit) ? 0 : ST0_ABNORMAL | ST0_EQUIPMENT);
    this.pending = 1;
    this.interrupt = true;
  }

  private senseInterrupt(): void {
    if (this.pending == 0) {
      this.answer(ST0_INVALID);
      return;
    }
    // After a reset the four drives answer one after the other.
    const polled = (this.st0 & ST0_POLLING) == ST0_POLLING;
    const unit: u32 = polled ? 4 - this.pending : this.st0 & 3;
    this.pending--;
    this.interrupt = false;
    this.answer(polled ? ST0_POLLING | unit : this.st0);
    this.put(this.cylinderOf(unit));
  }

  private dumpRegisters(): void {
    const sectors = this.hasDisk(this.unit) ? this.format(this.unit).sectorsPerTrack : 0;
    this.answer(this.cylinderOf(0));
    this.put(this.cylinderOf(1));
    this.put(this.cylinderOf(2));
    this.put(this.cylinderOf(3));
    this.put(this.stepRate);
    this.put(this.headLoad);
    this.put(sectors);
    this.put((this.locked ? 0x80 : 0) | this.perpendicular);
    this.put(this.config);
    this.put(this.precompensation);
  }

  /** Ends a command that has a result of seven bytes: three of status, then where the transfer stopped. */
  private finish(st0: u32, st1: u32, st2: u32): void {
    this.finishOn(this.head, st0, st1, st2);
  }

  /** The same, `head` being the one that moved the last sector. */
  private finishOn(head: u32, st0: u32, st1: u32, st2: u32): void {
    const select = this.byte(1) & 3;
    this.clearBytes();
    this.put(st0 | (head << 2) | select);
    this.put(st1);
    this.put(st2);
    this.put(this.cylinder);
    this.put(this.head);
    this.put(this.sector);
    this.put(SIZE_CODE);
    this.filled = 0;
    this.phase = RESULT;
    this.interrupt = true;
  }

  private readId(parameter: u32): void {
    const unit = parameter & 3;
    this.head = (parameter >> 2) & 1;
    this.sector = 1;
    this.cylinder = this.hasDisk(unit) ? this.recorded(unit) : this.cylinderOf(unit);
    if (this.readable(unit)) this.finish(0, 0, 0);
    else this.finish(ST0_ABNORMAL, ST1_NO_ADDRESS, 0);
  }

  /** Cylinder number in the sectors under the heads: a drive of 80 takes two steps for each of a disk of 40. */
  private recorded(unit: u32): u32 {
    const cylinder = this.cylinderOf(unit);
    return this.format(unit).cylinders == 40 ? cylinder >> 1 : cylinder;
  }

  /** Whether sectors can be found on the track under the heads. */
  private readable(unit: u32): bool {
    if (!this.hasDisk(unit)) return false;
    const format = this.format(unit);
    return format.readableAt(this.rate) && this.recorded(unit) < format.cylinders && this.head < format.heads;
  }

  // Transfers: command, head and drive, C, H, R, N, end of track, gap, length.

  private get endOfTrack(): u32 {
    const last = this.format(this.byte(1) & 3).sectorsPerTrack;
    return (this.command & COMMAND_NUMBER) == FORMAT_TRACK ? last : min(this.byte(6), last);
  }

  private startTransfer(dma: I8237): void {
    const number = this.command & COMMAND_NUMBER;
    const unit = this.byte(1) & 3;
    const formats = number == FORMAT_TRACK;
    this.phase = EXECUTION;
    this.head = (this.byte(1) >> 2) & 1;
    this.cylinder = formats ? this.cylinderOf(unit) : this.byte(2);
    this.sector = formats || number == READ_TRACK ? 1 : this.byte(4);
    if (this.config & IMPLIED_SEEK && !formats) this.moveTo(unit, this.cylinder);
    if (!this.readable(unit)) this.finish(ST0_ABNORMAL, ST1_NO_ADDRESS, 0);
    else if (this.writes && this.facts(unit).readOnly) this.finish(ST0_ABNORMAL, ST1_NOT_WRITABLE, 0);
    else if (formats) this.formatTrack(dma);
    else if (this.cylinder != this.recorded(unit) && this.cylinder != this.cylinderOf(unit))
      this.finish(ST0_ABNORMAL, ST1_NO_DATA, ST2_WRONG_CYLINDER);
    else if (this.byte(5) != SIZE_CODE || this.sector == 0 || this.sector > this.endOfTrack)
      this.finish(ST0_ABNORMAL, ST1_NO_DATA, 0);
    else if (number == VERIFY) this.verify();
    else this.step(dma);
  }

  /** Heads move at once. A step tells the drive that the disk in it has been seen. */
  private moveTo(unit: u32, cylinder: u32): void {
    const shift = unit << 3;
    this.cylinders = (this.cylinders & ~(0xff << shift)) | (cylinder << shift);
    if (this.hasDisk(unit)) this.changed &= ~(1 << unit);
  }

  /** Every sector is good: what is asked must only be there. */
  private verify(): void {
    this.sector = 1;
    this.cylinder++;
    this.finish(0, 0, 0);
  }

  /** First sector of the image that the transfer's next step moves. */
  private get imageSector(): u64 {
    const format = this.format(this.byte(1) & 3);
    return (<u64>this.cylinder * format.heads + this.head) * format.sectorsPerTrack + this.sector - 1;
  }

  /** Moves what the rest of this track and the DMA channel allow. */
  private step(dma: I8237): void {
    const room = this.byProcessor ? FLOPPY_BUFFER_SIZE : dma.room(DMA_CHANNEL);
    if (room == 0) {
      this.finish(ST0_ABNORMAL, ST1_OVERRUN, 0);
      return;
    }
    const sectors = min(this.endOfTrack - this.sector + 1, (room + SECTOR - 1) / SECTOR);
    this.filled = sectors * SECTOR;
    this.position = 0;
    this.ended = false;
    if (!this.writes) this.submit(BLOCK_READ);
    else if (this.byProcessor) this.interrupt = true;
    else {
      // What a short transfer leaves of its last sector is written as zeros.
      memory.fill(FLOPPY_BUFFER_AT, 0, this.filled);
      this.ended = dma.move(DMA_CHANNEL, FLOPPY_BUFFER_AT, min(room, this.filled));
      this.submit(BLOCK_WRITE);
    }
  }

  private submit(operation: u32): void {
    const unit = this.byte(1) & 3;
    const request = newBlockRequest(operation, FLOPPY_DRIVE + unit, this.imageSector, unit);
    request.add(<u32>FLOPPY_BUFFER_AT, this.filled);
    request.submit();
    this.waiting = true;
  }

  /** FORMAT TRACK: an address for each sector comes in; all of them hold the fill byte then. */
  private formatTrack(dma: I8237): void {
    const sectors = min(this.byte(3), this.endOfTrack);
    if (this.byte(2) != SIZE_CODE || sectors == 0) {
      this.finish(ST0_ABNORMAL, ST1_NO_DATA, 0);
      return;
    }
    dma.move(DMA_CHANNEL, FLOPPY_BUFFER_AT, min(dma.room(DMA_CHANNEL), sectors * 4));
    this.ended = true;
    this.cylinder = this.recorded(this.byte(1) & 3);
    this.filled = sectors * SECTOR;
    memory.fill(FLOPPY_BUFFER_AT, <u8>this.byte(5), this.filled);
    this.submit(BLOCK_WRITE);
  }

  /** The host is done with the sectors of a step. */
  requestCompleted(status: u32, dma: I8237): void {
    this.waiting = false;
    if (status != BLOCK_OK) this.finish(ST0_ABNORMAL, ST1_CRC, ST2_CRC);
    else if (this.writes) this.stepDone(dma);
    else if (this.byProcessor) this.interrupt = true;
    else {
      this.ended = dma.move(DMA_CHANNEL, FLOPPY_BUFFER_AT, min(dma.room(DMA_CHANNEL), this.filled));
      this.stepDone(dma);
    }
  }

  /** Goes on with the other side, or ends: in good order at terminal count, else at the end of the cylinder. */
  private stepDone(dma: I8237): void {
    const multiTrack = (this.command & MULTI_TRACK) != 0;
    const head = this.head;
    this.sector += this.filled / SECTOR;
    const trackDone = this.sector > this.endOfTrack;
    if (trackDone) {
      this.sector = 1;
      if (!multiTrack) this.cylinder++;
      else {
        this.head ^= 1;
        if (head == 1) this.cylinder++;
      }
    }
    if (this.ended) this.finishOn(head, 0, 0, 0);
    else if (!trackDone || (multiTrack && head == 0 && this.readable(this.byte(1) & 3))) this.step(dma);
    else this.finishOn(head, ST0_ABNORMAL, ST1_END_OF_CYLINDER, 0);
  }
}
