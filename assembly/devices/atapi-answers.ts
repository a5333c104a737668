// What a CD-ROM drive tells about itself and its medium (MMC-3 §6). Each answer is laid into the drive's buffer, over
// the packet that asked for it; fields have their high byte first.
import { AtaDrive } from "./ata";
import { putText, serialDigit } from "./ata-identify";
import {
  CD_BLOCK,
  SENSE_INVALID_FIELD,
  SENSE_NOT_SAVED,
  SENSE_WRONG_MEDIUM,
  UNKNOWN_COMMAND,
  blocksOf,
  packetState,
} from "./atapi";

/** 80 minutes of 75 blocks a second: larger media are DVDs. */
const CD_BLOCKS_MAX: u32 = 80 * 60 * 75;
const PROFILE_CD_ROM: u32 = 0x0008;
const PROFILE_DVD_ROM: u32 = 0x0010;
const PERIPHERAL_CD: u32 = 0x05;
/** A data track, as Q sub-channel control and ADR say it. */
const DATA_TRACK: u32 = 0x14;
const LEAD_OUT: u32 = 0xaa;

function put<T>(at: usize, value: u32): void {
  if (sizeof<T>() == 1) store<u8>(at, <u8>value);
  else if (sizeof<T>() == 2) store<u16>(at, bswap<u16>(<u16>value));
  else store<u32>(at, bswap<u32>(value));
}

/** Lays the answer to the packet in the buffer of `drive`; returns its length, or the negative of a sense. */
export function answerPacket(drive: AtaDrive, command: u32): i32 {
  const at = drive.buffer;
  const packet = at + 0x100;
  memory.copy(packet, at, 12);
  memory.fill(at, 0, 0x100);
  switch (command) {
    case 0x03:
      return requestSense(at, packetState(drive).sense);
    case 0x12:
      return inquiry(at, packet, drive.index);
    case 0x25:
      put<u32>(at, blocksOf(drive) - 1);
      put<u32>(at + 4, CD_BLOCK);
      return 8;
    case 0x43:
      return readToc(at, packet, blocksOf(drive));
    case 0x46:
      return getConfiguration(at, drive);
    case 0x4a:
      return getEventStatus(at, packet, drive);
    case 0x51:
      return readDiscInformation(at);
    case 0x5a:
      return modeSense(at, packet, packetState(drive).locked);
    case 0xad:
      return readDvdStructure(at, packet, blocksOf(drive));
    case 0xbd: // MECHANISM STATUS: one slot
      put<u8>(at + 5, 1);
      return 8;
    default:
      return UNKNOWN_COMMAND;
  }
}

function requestSense(at: usize, sense: u32): i32 {
  put<u8>(at, 0xf0);
  put<u8>(at + 2, sense >> 8);
  put<u8>(at + 7, 10); // bytes that follow
  put<u8>(at + 12, sense & 0xff);
  return 18;
}

function inquiry(at: usize, packet: usize, index: u32): i32 {
  put<u8>(at, PERIPHERAL_CD);
  if (load<u8>(packet, 1) & 1) return vitalProductData(at, load<u8>(packet, 2), index);
  put<u8>(at + 1, 0x80); // removable
  put<u8>(at + 3, 0x21); // ATAPI version 2, response format 1
  put<u8>(at + 4, 31); // bytes that follow
  putText(at + 8, "QEMU", 8);
  putText(at + 16, "QEMU DVD-ROM", 16);
  putText(at + 32, "2.5+", 4);
  return 36;
}

/** Pages 00h, the list, and 83h, identification: the serial number as ASCII. */
function vitalProductData(at: usize, page: u32, index: u32): i32 {
  put<u8>(at + 1, page);
  if (page == 0x00) {
    put<u8>(at + 3, 2);
    put<u8>(at + 5, 0x83);
    return 6;
  }
  if (page != 0x83) return -(<i32>SENSE_INVALID_FIELD);
  put<u8>(at + 3, 24);
  put<u8>(at + 4, 2); // ASCII
  put<u8>(at + 7, 20);
  putText(at + 8, "QM00001", 20);
  put<u8>(at + 14, serialDigit(index));
  return 28;
}

/** A block's address, or as minutes, seconds and frames, which count from two seconds before block 0. */
function putAddress(at: usize, block: u32, asTime: bool): void {
  if (!asTime) {
    put<u32>(at, block);
    return;
  }
  const frames = block + 150;
  put<u8>(at + 1, frames / (60 * 75));
  put<u8>(at + 2, (frames / 75) % 60);
  put<u8>(at + 3, frames % 75);
}

/** READ TOC: one session of one data track. */
function readToc(at: usize, packet: usize, blocks: u32): i32 {
  const asTime = (load<u8>(packet, 1) & 2) != 0;
  const first: u32 = load<u8>(packet, 6);
  // Older drives take the format from the last byte.
  const format: u32 = load<u8>(packet, 2) & 15 ? load<u8>(packet, 2) & 15 : load<u8>(packet, 9) >> 6;
  put<u8>(at + 2, 1);
  put<u8>(at + 3, 1);
  let end = at + 4;
  switch (format) {
    case 0: // tracks from the given one on, then the lead-out
      if (first > 1 && first != LEAD_OUT) return -(<i32>SENSE_INVALID_FIELD);
      if (first <= 1) {
        putTrack(end, 1, 0, asTime);
        end += 8;
      }
      putTrack(end, LEAD_OUT, blocks, asTime);
      end += 8;
      break;
    case 1: // sessions: the first track of the last one
      putTrack(end, 1, 0, asTime);
      end += 8;
      break;
    case 2: // what the lead-in's Q sub-channel holds
      putRawEntry(end, 0xa0, 1);
      putRawEntry(end + 11, 0xa1, 1);
      putRawEntry(end + 22, 0xa2, 0);
      putAddress(end + 22 + 7, blocks, true);
      putRawEntry(end + 33, 1, 0);
      putAddress(end + 33 + 7, 0, true);
      end += 44;
      break;
    default:
      return -(<i32>SENSE_INVALID_FIELD);
  }
  put<u16>(at, <u32>(end - at) - 2);
  return <i32>(end - at);
}

function putTrack(at: usize, track: u32, block: u32, asTime: bool): void {
  put<u8>(at + 1, DATA_TRACK);
  put<u8>(at + 2, track);
  putAddress(at + 4, block, asTime);
}

function putRawEntry(at: usize, point: u32, minute: u32): void {
  put<u8>(at, 1); // session
  put<u8>(at + 1, DATA_TRACK);
  put<u8>(at + 3, point);
  put<u8>(at + 8, minute);
}

function profileOf(drive: AtaDrive): u32 {
  if (packetState(drive).trayOpen || drive.facts.sectors == 0) return 0;
  return blocksOf(drive) > CD_BLOCKS_MAX ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
}

/** GET CONFIGURATION: the profile list, feature 0, is all there is. */
function getConfiguration(at: usize, drive: AtaDrive): i32 {
  const profile = profileOf(drive);
  put<u32>(at, 16);
  put<u16>(at + 6, profile);
  put<u8>(at + 10, 0x03); // persistent and current
  put<u8>(at + 11, 8);
  put<u16>(at + 12, PROFILE_DVD_ROM);
  put<u8>(at + 14, profile == PROFILE_DVD_ROM ? 1 : 0);
  put<u16>(at + 16, PROFILE_CD_ROM);
  put<u8>(at + 18, profile == PROFILE_CD_ROM ? 1 : 0);
  return 20;
}

/** GET EVENT STATUS NOTIFICATION, polled: the media class is the only one. */
function getEventStatus(at: usize, packet: usize, drive: AtaDrive): i32 {
  if ((load<u8>(packet, 1) & 1) == 0) return -(<i32>SENSE_INVALID_FIELD);
  const state = packetState(drive);
  put<u16>(at, 4);
  put<u8>(at + 2, 4); // media class
  put<u8>(at + 3, 0x10); // classes supported
  put<u8>(at + 4, state.takeEvent());
  const present: u32 = drive.facts.sectors != 0 && !state.trayOpen ? 2 : 0;
  put<u8>(at + 5, present | (state.trayOpen ? 1 : 0));
  return 8;
}

/** One complete session that is closed. */
function readDiscInformation(at: usize): i32 {
  put<u16>(at, 32);
  put<u8>(at + 2, 0x0e);
  put<u32>(at + 3, 0x01010101);
  put<u8>(at + 7, 0x20);
  return 34;
}

/** MODE SENSE(10): error recovery 01h, audio control 0Eh, capabilities 2Ah. Changeable values: none. */
function modeSense(at: usize, packet: usize, locked: bool): i32 {
  const control = load<u8>(packet, 2) >> 6;
  if (control == 3) return -(<i32>SENSE_NOT_SAVED);
  const page: u32 = load<u8>(packet, 2) & 0x3f;
  put<u8>(at + 2, 0x70); // medium type
  const body = at + 8;
  let length: u32 = 0;
  switch (page) {
    case 0x01:
      length = 8;
      put<u8>(body + 3, 5); // retries
      break;
    case 0x0e:
      length = 16;
      put<u8>(body + 2, 4); // PLAY returns at once
      break;
    case 0x2a:
      length = 22;
      put<u16>(body + 2, 0x3b00); // reads CD-R, CD-RW, DVD-ROM, DVD-R
      put<u16>(body + 4, 0x7160); // mode 2 forms, multi-session; raw reading without audio
      put<u8>(body + 6, locked ? 0x2b : 0x29); // tray, ejects, lock and its state
      put<u16>(body + 8, 706); // kB/s, at most and now
      put<u16>(body + 10, 2); // volume levels
      put<u16>(body + 12, 512); // KiB of buffer
      put<u16>(body + 14, 706);
      break;
    default:
      return -(<i32>SENSE_INVALID_FIELD);
  }
  if (control == 1) memory.fill(body, 0, length);
  put<u8>(body, page);
  put<u8>(body + 1, length - 2);
  put<u16>(at, length + 6);
  return <i32>(length + 8);
}

/** READ DVD STRUCTURE: physical format 00h and copyright 01h of layer 0. */
function readDvdStructure(at: usize, packet: usize, blocks: u32): i32 {
  if (blocks <= CD_BLOCKS_MAX) return -(<i32>SENSE_WRONG_MEDIUM);
  const format: u32 = load<u8>(packet, 7);
  if (load<u8>(packet, 6) != 0 || format > 1) return -(<i32>SENSE_INVALID_FIELD);
  if (format == 1) {
    put<u16>(at, 6);
    return 8;
  }
  memory.fill(at + 0x100, 0, CD_BLOCK + 4 - 0x100);
  put<u16>(at, CD_BLOCK + 2);
  put<u8>(at + 4, 0x01); // DVD-ROM, version 1
  put<u8>(at + 5, 0x0f); // 120 mm, no rate given
  put<u8>(at + 6, 0x01); // one layer with embossed data
  put<u32>(at + 12, blocks - 1);
  put<u32>(at + 16, blocks - 1);
  return <i32>(CD_BLOCK + 4);
}
