// INT 13h, disks (IBM PS/2 and PC BIOS Interface Technical Reference; Phoenix Enhanced Disk Drive 3.0 from 41h on;
// El Torito 1.0 from 4Ah on). Sectors come by the block ring (bios/transfer.ts).
import { DRIVE_CD, DRIVE_DISK, DRIVE_FLOPPY } from "../../devices/drives";
import { cpu } from "../../cpu/state";
import { BDA_DISK_STATUS, BDA_FLOPPY_STATUS } from "./bios-data";
import { caller, linear, low, setLow } from "./caller";
import { diskCount, FIRST_DISK, findDrive, floppyCount, floppyKind, target } from "./drives";
import { checkExtensions, describeDrive, ejectMedium, lockMedium, transferExtended } from "./edd";
import { describeEmulation, endEmulation } from "./el-torito";
import { FLOPPY_PARAMETERS, ROM_SEGMENT } from "./layout";
import { readIntoGuest, transferFailed, writeFromGuest } from "./transfer";

/** Statuses in AH. */
export const GOOD: u32 = 0x00;
export const BAD_COMMAND: u32 = 0x01;
export const WRITE_PROTECTED: u32 = 0x03;
export const NOT_FOUND: u32 = 0x04;
export const CHANGED: u32 = 0x06;
export const CONTROLLER_FAILED: u32 = 0x20;
export const NO_MEDIUM: u32 = 0x31;
export const TIMEOUT: u32 = 0x80;

/** A service's `done` with its status: AH, carry, and the byte that AH=01h tells. */
export function answer(status: u32): bool {
  caller.ah = status;
  caller.carry = status != GOOD;
  setLow<u8>(caller.dl < FIRST_DISK ? BDA_FLOPPY_STATUS : BDA_DISK_STATUS, status);
  return true;
}

/** False: ask again. */
export function serveDisk(): bool {
  const command = caller.ah;
  if (command == 0x01) return tellLastStatus();
  if (command == 0x08) return describeGeometry();
  if (command == 0x15) return describeKind();
  if (command == 0x4b) return caller.al <= 1 ? endEmulation() : answer(BAD_COMMAND);
  if (!findDrive(caller.dl)) return answer(BAD_COMMAND);
  switch (command) {
    case 0x00: // reset
    case 0x09: // set parameters
    case 0x0c: // seek
    case 0x0d: // reset the hard disks alone
    case 0x11: // recalibrate
    case 0x14: // controller diagnostic
    case 0x47: // extended seek
      return answer(GOOD);
    case 0x10: // ready?
      return answer(GOOD);
    case 0x02:
    case 0x03:
    case 0x04:
      return transferByGeometry(command);
    case 0x16: // disk changed?
      return answer(target.kind == DRIVE_FLOPPY ? GOOD : BAD_COMMAND);
    case 0x17: // type of floppy to format
    case 0x18:
      return chooseFormat();
    case 0x41:
      return checkExtensions();
    case 0x42:
    case 0x43:
    case 0x44:
      return transferExtended(command);
    case 0x45:
      return lockMedium();
    case 0x46:
      return ejectMedium();
    case 0x48:
      return describeDrive();
    case 0x49:
      return answer(target.kind == DRIVE_CD ? CHANGED : BAD_COMMAND);
    case 0x4a:
    case 0x4c:
    case 0x4d:
      return describeEmulation();
    default:
      return answer(BAD_COMMAND);
  }
}

function tellLastStatus(): bool {
  const status = low<u8>(caller.dl < FIRST_DISK ? BDA_FLOPPY_STATUS : BDA_DISK_STATUS);
  answer(status);
  return true;
}

/** The status that a transfer ends with when its drive has none for it. */
export function readiness(writes: bool): u32 {
  if (target.sectors == 0) return target.kind == DRIVE_FLOPPY ? TIMEOUT : NO_MEDIUM;
  return writes && target.readOnly ? WRITE_PROTECTED : GOOD;
}

/** AH=02h, 03h, 04h: CX = cylinder 7-0, cylinder 9-8 and sector; DH = head; AL = count; ES:BX = memory. */
function transferByGeometry(command: u32): bool {
  const cylinder = caller.ch | ((caller.cl & 0xc0) << 2);
  const head = caller.dh;
  const sector = caller.cl & 0x3f;
  const count = caller.al;
  if (target.kind == DRIVE_CD || count == 0 || count > 128 || sector == 0) return answer(BAD_COMMAND);
  const status = readiness(command == 0x03);
  if (status != GOOD) return answerMoved(status);
  if (cylinder >= target.cylinders || head >= target.heads || sector > target.sectorsPerTrack)
    return answerMoved(target.kind == DRIVE_FLOPPY ? NOT_FOUND : BAD_COMMAND);
  const lba = <u64>((cylinder * target.heads + head) * target.sectorsPerTrack + sector - 1);
  if (!target.has(lba, count)) return answerMoved(NOT_FOUND);
  if (command != 0x04 && !moveSectors(command == 0x03, lba, count, linear(cpu.esBase, caller.bx)))
    return false;
  return answerMoved(command != 0x04 && transferFailed() ? CONTROLLER_FAILED : GOOD);
}

/** AL tells the sectors moved. */
function answerMoved(status: u32): bool {
  if (status != GOOD) caller.al = 0;
  return answer(status);
}

/** False: ask again. */
export function moveSectors(writes: bool, lba: u64, count: u32, memory: u64): bool {
  const first = target.place(lba);
  const length = count * target.sectorSize;
  return writes
    ? writeFromGuest(target.connector, first, length, memory)
    : readIntoGuest(target.connector, first, length, memory);
}

/** AH=08h. A hard disk's last cylinder is kept for diagnostics, as on the PC AT. */
function describeGeometry(): bool {
  const number = caller.dl;
  if (!findDrive(number) || target.kind == DRIVE_CD) {
    // How many floppy drives there are is told of one that is not there, too.
    if (number < FIRST_DISK) {
      caller.ax = 0;
      caller.bx = 0;
      caller.cx = 0;
      caller.dx = floppyCount();
      caller.es = 0;
      caller.di = 0;
      caller.carry = false;
      return true;
    }
    return answer(BAD_COMMAND);
  }
  let cylinders = target.cylinders;
  let sectors = target.sectorsPerTrack;
  if (target.kind == DRIVE_DISK) {
    caller.dl = diskCount();
    cylinders = cylinders < 2 ? 1 : cylinders - 1;
  } else {
    const kind = target.emulated ? 4 : floppyKind(<u32>target.sectors);
    if (!target.emulated) {
      cylinders = 80;
      sectors = kind == 2 ? 15 : kind == 4 ? 18 : 36;
    }
    caller.bl = kind;
    caller.bh = 0;
    caller.dl = floppyCount();
    caller.es = ROM_SEGMENT;
    caller.di = FLOPPY_PARAMETERS;
  }
  caller.ch = (cylinders - 1) & 0xff;
  caller.cl = sectors | (((cylinders - 1) >> 2) & 0xc0);
  caller.dh = (target.kind == DRIVE_DISK || target.emulated ? target.heads : 2) - 1;
  caller.al = 0;
  caller.ah = GOOD;
  caller.carry = false;
  setLow<u8>(number < FIRST_DISK ? BDA_FLOPPY_STATUS : BDA_DISK_STATUS, GOOD);
  return true;
}

/** AH=15h: 1 floppy without change line, 3 hard disk with CX:DX sectors; 0 none. */
function describeKind(): bool {
  if (!findDrive(caller.dl)) return answer(BAD_COMMAND);
  caller.carry = false;
  if (target.kind != DRIVE_DISK) {
    caller.ah = 1;
    return true;
  }
  const cylinders = target.cylinders < 2 ? 1 : target.cylinders - 1;
  const sectors = cylinders * target.heads * target.sectorsPerTrack;
  caller.cx = sectors >> 16;
  caller.dx = sectors & 0xffff;
  caller.ah = 3;
  return true;
}

/** AH=17h, 18h: any format that fits is taken; 18h wants the parameters of the drive. */
function chooseFormat(): bool {
  if (target.kind != DRIVE_FLOPPY) return answer(BAD_COMMAND);
  if (caller.ah == 0x18) {
    caller.es = ROM_SEGMENT;
    caller.di = FLOPPY_PARAMETERS;
  }
  return answer(GOOD);
}
