// One IDE channel: the ports that two drives share, their interrupt line, and the channel's bus master.
//
//   command block 0-7: data, error/features, count, LBA low, mid, high, device, status/command
//   control block 2:   alternate status / device control (nIEN 1, SRST 2, HOB 7)
import { EVENT_RESCHEDULE, signal } from "../cpu/state";
import { RAM_AT } from "../machine/layout";
import { wroteMemory } from "../memory/physical";
import { BLOCK_OK, BLOCK_READ, BLOCK_WRITE, BlockRequest, newBlockRequest } from "../rings/block";
import {
  ATA_DRIVE_SIZE,
  AtaDrive,
  DMA_ANSWER,
  DMA_IN,
  DMA_OUT,
  DMA_TRIM,
  ERROR_ABORTED,
  SECTOR,
  STATUS_BUSY,
} from "./ata";
import { STATUS_DATA_REQUEST } from "./ata";
import { BusMaster } from "./bus-master";

const CONTROL_NO_INTERRUPT: u32 = 1 << 1;
const CONTROL_RESET: u32 = 1 << 2;
const CONTROL_PREVIOUS: u32 = 1 << 7;
const DEVICE_SELECT: u32 = 1 << 4;
/** A bus without drives: the host pulls DD7 down (ATA/ATAPI-6 §6.2). */
const FLOATING: u32 = 0x7f;

@final
@unmanaged
export class IdeChannel {
  /** 0 primary, 1 secondary. */
  private number: u32;
  private selected: u32;
  private control: u32;
  private line: bool;
  // The two drives follow the struct, then the bus master: see IDE_CHANNEL_SIZE.

  drive(index: u32): AtaDrive {
    return changetype<AtaDrive>(changetype<usize>(this) + DRIVES_OFFSET + <usize>index * ATA_DRIVE_SIZE);
  }

  get master(): BusMaster {
    return changetype<BusMaster>(changetype<usize>(this) + MASTER_OFFSET);
  }

  private get current(): AtaDrive {
    return this.drive(this.selected);
  }

  reset(number: u32): void {
    this.number = number;
    this.selected = 0;
    this.control = 0;
    this.line = false;
    this.drive(0).powerOn(number << 1);
    this.drive(1).powerOn((number << 1) | 1);
    this.master.reset();
  }

  /** The INTRQ pin. */
  get intrq(): bool {
    return (this.control & CONTROL_NO_INTERRUPT) == 0 && this.current.present && this.current.interrupt;
  }

  /** Carries a rise of INTRQ into the bus master's status: call before the pin is read. */
  settle(): void {
    const level = this.intrq;
    if (level && !this.line) this.master.interrupted();
    this.line = level;
  }

  private get empty(): bool {
    return !this.drive(0).present && !this.drive(1).present;
  }

  /** The selected drive's status; a drive that is not there does not drive the bus. */
  private statusOf(clearsInterrupt: bool): u32 {
    if (this.empty) return FLOATING;
    const drive = this.current;
    if (!drive.present) return 0;
    if (clearsInterrupt) drive.interrupt = false;
    return drive.status;
  }

  readControl(): u32 {
    return this.statusOf(false);
  }

  writeControl(value: u32): void {
    const released = (this.control & ~value & CONTROL_RESET) != 0;
    this.control = value;
    if (value & CONTROL_RESET) {
      this.drive(0).status = STATUS_BUSY;
      this.drive(1).status = STATUS_BUSY;
    } else if (released) {
      this.selected = 0;
      this.drive(0).reset();
      this.drive(1).reset();
    }
  }

  read(register: u32, size: u32): u32 {
    if (register == 0) return this.current.readData(size);
    if (register == 7) return this.statusOf(true);
    if (this.empty) return 0xff;
    if (!this.current.present) return 0;
    return this.current.readTask(register, (this.control & CONTROL_PREVIOUS) != 0);
  }

  write(register: u32, size: u32, value: u32): void {
    if (register == 0) {
      this.current.writeData(size, value);
      // The last word of a packet may be what a bus master, already started, waits for.
      this.startDma();
      return;
    }
    if (register == 7) {
      this.execute(value);
      return;
    }
    // Any write to the command block shows the newest values again; both drives listen (§7.2).
    this.control &= ~CONTROL_PREVIOUS;
    if ((this.current.status & (STATUS_BUSY | STATUS_DATA_REQUEST)) != 0 && this.current.present) return;
    this.drive(0).writeTask(register, value);
    this.drive(1).writeTask(register, value);
    if (register == 6) this.selected = value & DEVICE_SELECT ? 1 : 0;
  }

  private execute(command: u32): void {
    const drive = this.current;
    if (command == 0x90) this.diagnose();
    else if (drive.present && (drive.status & STATUS_BUSY) == 0) {
      drive.execute(command);
      this.startDma();
    }
  }

  /** EXECUTE DEVICE DIAGNOSTIC: both drives pass, drive 0 answers (§8.9). */
  private diagnose(): void {
    this.selected = 0;
    this.drive(0).reset();
    this.drive(1).reset();
    this.drive(0).interrupt = true;
  }

  readMaster(offset: u32): u32 {
    return this.master.read(offset);
  }

  writeMaster(offset: u32, value: u32): void {
    if (this.master.write(offset, value)) this.startDma();
  }

  /** Starts what drive and bus master both wait for. */
  private startDma(): void {
    const drive = this.current;
    if (!drive.waitsForBusMaster || !this.master.active) return;
    if (drive.phase == DMA_TRIM) {
      const bytes = this.master.copy(drive.buffer, drive.remaining * SECTOR, false);
      drive.trimRanges(0, bytes);
      return;
    }
    if (drive.phase == DMA_ANSWER) {
      this.master.copy(drive.buffer, drive.bufferEnd, true);
      drive.complete();
      return;
    }
    const operation = drive.phase == DMA_IN ? BLOCK_READ : BLOCK_WRITE;
    const request = newBlockRequest(operation, drive.index, drive.sector, drive.index);
    // Whole sectors only: what is left of a table behind the last whole one moves nothing.
    const fits = this.master.gather(request, drive.remaining * SECTOR);
    if (!fits || request.length % SECTOR != 0 || request.length == 0) {
      request.cancel();
      this.master.failed();
      drive.fail(ERROR_ABORTED);
      return;
    }
    drive.status = STATUS_BUSY;
    request.submit();
  }

  /** The host is done with a request of one of the drives. */
  requestCompleted(request: BlockRequest, status: u32): void {
    const drive = this.drive(request.tag & 1);
    if (drive.phase != DMA_IN && drive.phase != DMA_OUT) drive.requestCompleted(status);
    else if (status != BLOCK_OK) {
      this.master.failed();
      drive.requestCompleted(status);
    } else {
      if (drive.phase == DMA_IN)
        for (let i: u32 = 0; i < request.segments; i++)
          wroteMemory(request.segmentAddress(i) - <u32>RAM_AT, request.segmentLength(i));
      drive.movedByDma(request.length);
      this.startDma();
    }
    signal(EVENT_RESCHEDULE);
  }
}

const DRIVES_OFFSET: usize = (offsetof<IdeChannel>() + 7) & ~7;
const MASTER_OFFSET: usize = DRIVES_OFFSET + 2 * ATA_DRIVE_SIZE;
export const IDE_CHANNEL_SIZE: usize = MASTER_OFFSET + offsetof<BusMaster>();
