// CD-ROM drive (SFF-8020i, MMC-3): commands come as packets of twelve bytes through PACKET, answers are data or a sense
// key. The drive is an ATA drive by its task file (ata.ts); what a packet device has besides is the state below.
//
//   a packet command:  A0h → DRQ, reason 01 → 12 bytes → data blocks, reason 02, their length in LBA mid and high
//                      → status, reason 03, error register = sense key << 4
import {
  AtaDrive,
  DMA_ANSWER,
  DMA_IN,
  ERROR_ABORTED,
  IDLE,
  PACKET_OUT,
  PIO_IN,
  SECTOR,
  STATUS_DATA_REQUEST,
  STATUS_ERROR,
  STATUS_READY,
  STATUS_SEEK_COMPLETE,
} from "./ata";
import { answerPacket } from "./atapi-answers";
import { identifyPacketDevice } from "./ata-identify";
import { Drive } from "./drives";

/** ATA command PACKET; until the next command all data is a packet command's. */
export const PACKET: u32 = 0xa0;
const PACKET_BYTES: u32 = 12;
/** Features register of PACKET: data moves by DMA. */
const FEATURE_DMA: u32 = 1 << 0;

/** Interrupt reason, in the count register (SFF-8020i §5.7): C/D 0, I/O 1. */
const REASON_PACKET: u32 = 1;
export const REASON_DATA: u32 = 2;
const REASON_STATUS: u32 = 3;

/** Bytes of a block, and sectors of 512 in it. */
export const CD_BLOCK: u32 = 2048;
const SECTORS_PER_BLOCK: u32 = 4;

/** Sense key << 8 | additional sense code (MMC-3 annex F). */
export const SENSE_NONE: u32 = 0;
export const SENSE_NO_MEDIUM: u32 = 0x023a;
const SENSE_UNREADABLE: u32 = 0x0311;
const SENSE_INVALID_COMMAND: u32 = 0x0520;
export const SENSE_OUT_OF_RANGE: u32 = 0x0521;
export const SENSE_INVALID_FIELD: u32 = 0x0524;
export const SENSE_WRONG_MEDIUM: u32 = 0x0530;
export const SENSE_NOT_SAVED: u32 = 0x0539;
const SENSE_LOCKED: u32 = 0x0553;
const SENSE_CHANGED: u32 = 0x0628;
const KEY_ILLEGAL_REQUEST: u32 = 5;

/** Media events (MMC-3 §6.7.6). */
const EVENT_EJECT_REQUEST: u32 = 1;
const EVENT_NEW_MEDIUM: u32 = 2;

/** Commands that a drive obeys whatever its medium does. */
const INQUIRY: u32 = 0x12;
const REQUEST_SENSE: u32 = 0x03;
const GET_CONFIGURATION: u32 = 0x46;
const GET_EVENT_STATUS: u32 = 0x4a;

@final
@unmanaged
export class PacketState {
  /** What REQUEST SENSE will tell: SENSE_*. */
  sense: u32;
  /** Steps of a change of medium that the guest has not heard of: 2 it was gone, 1 there is another. */
  private changes: u32;
  /** Media event that waits for GET EVENT STATUS. */
  private event: u32;
  trayOpen: bool;
  /** PREVENT MEDIUM REMOVAL. */
  locked: bool;

  powerOn(): void {
    this.trayOpen = false;
    this.changes = 0;
    this.event = 0;
  }

  reset(): void {
    this.sense = SENSE_NONE;
    this.locked = false;
  }

  /** The host put in another medium, or took it away and left the tray open. */
  mediumChanged(inserted: bool): void {
    this.trayOpen = !inserted;
    this.locked = false;
    this.changes = inserted ? 2 : 0;
    this.event = inserted ? EVENT_NEW_MEDIUM : 0;
  }

  /** Someone at the host presses the button of a locked drive: the guest may let go. */
  requestEject(): void {
    this.event = EVENT_EJECT_REQUEST;
  }

  takeEvent(): u32 {
    const event = this.event;
    this.event = 0;
    return event;
  }

  /** Why a command that needs the medium cannot have it now; SENSE_NONE: it can. */
  obstacle(medium: Drive): u32 {
    if (this.changes == 2 || this.trayOpen || medium.sectors == 0) {
      if (this.changes == 2) this.changes = 1;
      return SENSE_NO_MEDIUM;
    }
    return SENSE_NONE;
  }

  /** Unit attention is told once, to the first command that is not exempt. */
  takeAttention(): bool {
    const changed = this.changes == 1;
    if (changed) this.changes = 0;
    return changed;
  }

  /** START STOP UNIT's LoEj and Start. */
  moveTray(open: bool): u32 {
    if (this.locked && open != this.trayOpen) return SENSE_LOCKED;
    if (!open && this.trayOpen) this.event = EVENT_NEW_MEDIUM;
    this.trayOpen = open;
    return SENSE_NONE;
  }
}

export const PACKET_STATE_SIZE: usize = offsetof<PacketState>();

/** The state behind the task file of `drive`. */
export function packetState(drive: AtaDrive): PacketState {
  return changetype<PacketState>(changetype<usize>(drive) + offsetof<AtaDrive>());
}

/** Blocks of the medium. */
export function blocksOf(drive: AtaDrive): u32 {
  return <u32>(drive.facts.sectors / SECTORS_PER_BLOCK);
}

/** The ATA commands of a packet device (SFF-8020i §6). */
export function executePacketDeviceCommand(drive: AtaDrive): void {
  switch (drive.command) {
    case PACKET:
      drive.phase = PACKET_OUT;
      drive.position = 0;
      drive.blockEnd = PACKET_BYTES;
      drive.bufferEnd = PACKET_BYTES;
      drive.status = STATUS_READY | STATUS_SEEK_COMPLETE | STATUS_DATA_REQUEST;
      drive.count = REASON_PACKET;
      break;
    case 0xa1: // IDENTIFY PACKET DEVICE
      identifyPacketDevice(drive.buffer, drive.index, drive.transferMode);
      drive.answer(SECTOR, SECTOR);
      break;
    case 0x08: // DEVICE RESET: no interrupt
      drive.reset();
      break;
    case 0xef: // SET FEATURES: the transfer mode; others have no effect
      if ((drive.features & 0xff) == 3) drive.transferMode = drive.count & 0xff;
      drive.complete();
      break;
    case 0xe5: // CHECK POWER MODE: active
      drive.count = 0xff;
      drive.complete();
      break;
    case 0xe0: // STANDBY IMMEDIATE, IDLE IMMEDIATE, STANDBY, IDLE, SLEEP
    case 0xe1:
    case 0xe2:
    case 0xe3:
    case 0xe6:
      drive.complete();
      break;
    case 0xec: // IDENTIFY DEVICE, READ SECTORS: refused with the signature, by which software knows a packet device
    case 0x20:
      drive.signature();
      drive.fail(ERROR_ABORTED);
      break;
    default:
      drive.fail(ERROR_ABORTED);
  }
}

/** The packet command has ended well. */
export function readyForStatus(drive: AtaDrive): void {
  drive.count = REASON_STATUS;
}

/** DRQ offers a block of an answer. */
export function announceBlock(drive: AtaDrive): void {
  const bytes = drive.blockEnd - drive.position;
  drive.count = REASON_DATA;
  drive.lbaMid = bytes & 0xff;
  drive.lbaHigh = bytes >> 8;
}

/** The packet command fails: the sense key in the error register, the rest for REQUEST SENSE. */
export function failPacket(drive: AtaDrive, sense: u32): void {
  const key = sense >> 8;
  packetState(drive).sense = sense;
  drive.phase = IDLE;
  drive.error = (key << 4) | (key == KEY_ILLEGAL_REQUEST ? ERROR_ABORTED : 0);
  drive.status = STATUS_READY | STATUS_SEEK_COMPLETE | STATUS_ERROR;
  drive.count = REASON_STATUS;
  drive.interrupt = true;
}

export function mediumError(drive: AtaDrive): void {
  failPacket(drive, SENSE_UNREADABLE);
}

/** Bytes of the packet, and fields of it in the order of the bus: high byte first. */
function byteOf(drive: AtaDrive, offset: usize): u32 {
  return load<u8>(drive.buffer + offset);
}

function dwordOf(drive: AtaDrive, offset: usize): u32 {
  return bswap<u32>(load<u32>(drive.buffer + offset));
}

function wordOf(drive: AtaDrive, offset: usize): u32 {
  return (byteOf(drive, offset) << 8) | byteOf(drive, offset + 1);
}

/** The packet lies in the buffer. */
export function receivePacket(drive: AtaDrive): void {
  const state = packetState(drive);
  const command = byteOf(drive, 0);
  if (command != REQUEST_SENSE) state.sense = SENSE_NONE;
  const exempt =
    command == INQUIRY ||
    command == REQUEST_SENSE ||
    command == GET_CONFIGURATION ||
    command == GET_EVENT_STATUS;
  if (!exempt && state.takeAttention()) failPacket(drive, SENSE_CHANGED);
  else if (needsMedium(command)) {
    const obstacle = state.obstacle(drive.facts);
    if (obstacle != SENSE_NONE) failPacket(drive, obstacle);
    else executePacket(drive, command);
  } else executePacket(drive, command);
}

function needsMedium(command: u32): bool {
  switch (command) {
    case 0x00:
    case 0x25:
    case 0x28:
    case 0x2b:
    case 0x43:
    case 0x51:
    case 0xa8:
    case 0xad:
    case 0xbe:
      return true;
    default:
      return false;
  }
}

function executePacket(drive: AtaDrive, command: u32): void {
  switch (command) {
    case 0x00: // TEST UNIT READY
    case 0xbb: // SET CD SPEED
      drive.complete();
      break;
    case 0x1b: // START STOP UNIT: LoEj 1, Start 0
      startStop(drive, byteOf(drive, 4));
      break;
    case 0x1e: // PREVENT ALLOW MEDIUM REMOVAL
      packetState(drive).locked = (byteOf(drive, 4) & 1) != 0;
      drive.complete();
      break;
    case 0x28: // READ(10)
      read(drive, dwordOf(drive, 2), wordOf(drive, 7));
      break;
    case 0xa8: // READ(12)
      read(drive, dwordOf(drive, 2), dwordOf(drive, 6));
      break;
    case 0x2b: // SEEK
      if (dwordOf(drive, 2) < blocksOf(drive)) drive.complete();
      else failPacket(drive, SENSE_OUT_OF_RANGE);
      break;
    case 0xbe: // READ CD
      readCd(drive);
      break;
    default:
      answer(drive, command);
  }
}

function startStop(drive: AtaDrive, how: u32): void {
  const sense = how & 2 ? packetState(drive).moveTray((how & 1) == 0) : SENSE_NONE;
  if (sense != SENSE_NONE) failPacket(drive, sense);
  else drive.complete();
}

/** READ CD (MMC-3 §6.20): user data of 2048 bytes is what a data track without its raw sectors has to give. */
function readCd(drive: AtaDrive): void {
  const blocks = dwordOf(drive, 5) & 0xff_ffff;
  const fields = byteOf(drive, 9) & 0xf8;
  if (fields == 0 || blocks == 0) drive.complete();
  else if (fields == 0x10) read(drive, dwordOf(drive, 2), blocks);
  else failPacket(drive, SENSE_INVALID_FIELD);
}

/** Blocks go to the host by the same way as a disk's sectors. */
function read(drive: AtaDrive, block: u32, blocks: u32): void {
  const size = blocksOf(drive);
  if (block >= size || blocks > size - block) {
    failPacket(drive, SENSE_OUT_OF_RANGE);
    return;
  }
  if (blocks == 0) {
    drive.complete();
    return;
  }
  drive.sector = <u64>block * SECTORS_PER_BLOCK;
  drive.remaining = blocks * SECTORS_PER_BLOCK;
  drive.blockLimit = blockLimit(drive);
  if (drive.features & FEATURE_DMA) drive.waitForBusMaster(DMA_IN);
  else {
    drive.phase = PIO_IN;
    drive.fetch();
  }
}

/** The byte count that the guest set with PACKET; an odd one would split words. */
function blockLimit(drive: AtaDrive): u32 {
  const limit = ((drive.lbaHigh & 0xff) << 8) | (drive.lbaMid & 0xfe);
  return limit != 0 ? limit : 0xfffe;
}

/** What is answered from the drive's own knowledge: as many bytes as there are, and as the guest has room for. */
function answer(drive: AtaDrive, command: u32): void {
  const room = allocationLength(drive, command);
  const result = answerPacket(drive, command);
  if (result < 0) {
    failPacket(drive, <u32>-result);
    return;
  }
  const bytes = min(<u32>result, room);
  if (command == REQUEST_SENSE) packetState(drive).sense = SENSE_NONE;
  if (bytes == 0) drive.complete();
  else if (drive.features & FEATURE_DMA) {
    drive.bufferEnd = bytes;
    drive.waitForBusMaster(DMA_ANSWER);
  } else drive.answer(bytes, blockLimit(drive));
}

/** Where a command says how much the guest takes: byte 4 of six-byte commands, 7-8 of ten, 8-9 or 6-9 of twelve. */
function allocationLength(drive: AtaDrive, command: u32): u32 {
  if (command == 0x25) return 8; // READ CAPACITY has no such field
  switch (command >> 5) {
    case 0:
      return byteOf(drive, 4);
    case 5:
      return wordOf(drive, 8);
    default:
      return wordOf(drive, 7);
  }
}

/** The answer to a command that this drive does not know. */
export const UNKNOWN_COMMAND: i32 = -(<i32>SENSE_INVALID_COMMAND);
