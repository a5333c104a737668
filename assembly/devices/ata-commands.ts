// The commands of an ATA disk (ATA/ATAPI-6 §8), one row each; ata.ts moves their data.
import { BLOCK_BUFFER_SIZE } from "../rings/block";
import {
  AtaDrive,
  DMA_IN,
  DMA_OUT,
  DMA_TRIM,
  ERROR_ABORTED,
  ERROR_ID_NOT_FOUND,
  PIO_IN,
  PIO_OUT,
  SECTOR,
  STATUS_READY,
} from "./ata";
import { MULTIPLE_MAX, identifyDisk } from "./ata-identify";

const DEVICE_LBA: u32 = 1 << 6;

// Addresses (§6.2): CHS, 28 or 48 bits, as the device register and the command say.

function address48(drive: AtaDrive): u64 {
  const low = (drive.lbaLow & 0xff) | ((drive.lbaMid & 0xff) << 8);
  const high = (drive.lbaLow >> 8) | (drive.lbaMid & 0xff00);
  return (
    (<u64>low) |
    ((<u64>(drive.lbaHigh & 0xff)) << 16) |
    ((<u64>high) << 24) |
    ((<u64>(drive.lbaHigh >> 8)) << 40)
  );
}

function address28(drive: AtaDrive): u64 {
  const low: u32 = drive.lbaLow & 0xff;
  const middle: u32 = ((drive.lbaMid & 0xff) << 8) | ((drive.lbaHigh & 0xff) << 16);
  if (drive.device & DEVICE_LBA) return low | middle | ((drive.device & 15) << 24);
  // Sectors of a track count from 1; sector 0 is nowhere.
  if (low == 0 || low > drive.sectorsPerTrack) return u64.MAX_VALUE;
  const head: u32 = drive.device & 15;
  if (head >= drive.heads) return u64.MAX_VALUE;
  return (<u64>(middle >> 8) * drive.heads + head) * drive.sectorsPerTrack + low - 1;
}

/** Takes address and count of a command; false when they leave the medium. */
function locate(drive: AtaDrive, wide: bool): bool {
  const count: u32 = wide ? drive.count : drive.count & 0xff;
  drive.remaining = count != 0 ? count : wide ? 0x1_0000 : 0x100;
  drive.sector = wide ? address48(drive) : address28(drive);
  const sectors = drive.facts.sectors;
  if (drive.sector < sectors && sectors - drive.sector >= drive.remaining) return true;
  drive.fail(ERROR_ID_NOT_FOUND);
  return false;
}

function locateAddress(drive: AtaDrive, sector: u64, wide: bool): void {
  drive.lbaLow = ((<u32>sector) & 0xff) | (wide ? ((<u32>(sector >> 24)) & 0xff) << 8 : 0);
  drive.lbaMid = ((<u32>(sector >> 8)) & 0xff) | (wide ? ((<u32>(sector >> 32)) & 0xff) << 8 : 0);
  drive.lbaHigh = ((<u32>(sector >> 16)) & 0xff) | (wide ? ((<u32>(sector >> 40)) & 0xff) << 8 : 0);
  if (!wide) drive.device = (drive.device & 0xf0) | ((<u32>(sector >> 24)) & 15);
}

function startPioIn(drive: AtaDrive, wide: bool, blockSectors: u32): void {
  if (!locate(drive, wide)) return;
  drive.phase = PIO_IN;
  drive.blockLimit = blockSectors * SECTOR;
  drive.fetch();
}

function startPioOut(drive: AtaDrive, wide: bool, blockSectors: u32): void {
  if (!locate(drive, wide)) return;
  if (drive.facts.readOnly) {
    drive.fail(ERROR_ABORTED);
    return;
  }
  drive.phase = PIO_OUT;
  drive.blockLimit = blockSectors * SECTOR;
  drive.expectData(false);
}

function startDma(drive: AtaDrive, phase: u32, wide: bool): void {
  if (!locate(drive, wide)) return;
  if (phase == DMA_OUT && drive.facts.readOnly) drive.fail(ERROR_ABORTED);
  else drive.waitForBusMaster(phase);
}

export function executeDiskCommand(drive: AtaDrive): void {
  const command = drive.command;
  switch (command) {
    case 0x20: // READ SECTOR(S), with and without retries
    case 0x21:
      startPioIn(drive, false, 1);
      break;
    case 0x24: // READ SECTOR(S) EXT
      startPioIn(drive, true, 1);
      break;
    case 0x30: // WRITE SECTOR(S)
    case 0x31:
      startPioOut(drive, false, 1);
      break;
    case 0x34: // WRITE SECTOR(S) EXT
      startPioOut(drive, true, 1);
      break;
    case 0xc4: // READ MULTIPLE
    case 0x29: // READ MULTIPLE EXT
      if (drive.multiple == 0) drive.fail(ERROR_ABORTED);
      else startPioIn(drive, command == 0x29, drive.multiple);
      break;
    case 0xc5: // WRITE MULTIPLE
    case 0x39: // WRITE MULTIPLE EXT
      if (drive.multiple == 0) drive.fail(ERROR_ABORTED);
      else startPioOut(drive, command == 0x39, drive.multiple);
      break;
    case 0xc8: // READ DMA
    case 0xc9:
      startDma(drive, DMA_IN, false);
      break;
    case 0x25: // READ DMA EXT
      startDma(drive, DMA_IN, true);
      break;
    case 0xca: // WRITE DMA
    case 0xcb:
      startDma(drive, DMA_OUT, false);
      break;
    case 0x35: // WRITE DMA EXT
    case 0x3d: // WRITE DMA FUA EXT
      startDma(drive, DMA_OUT, true);
      break;
    case 0x40: // READ VERIFY SECTOR(S)
    case 0x41:
    case 0x42: // READ VERIFY SECTOR(S) EXT
      if (locate(drive, command == 0x42)) drive.complete();
      break;
    case 0xe7: // FLUSH CACHE
    case 0xea: // FLUSH CACHE EXT
      drive.flush();
      break;
    case 0xec: // IDENTIFY DEVICE
      identifyDisk(
        drive.buffer,
        drive.index,
        drive.facts.sectors,
        drive.heads,
        drive.sectorsPerTrack,
        drive.multiple,
        drive.transferMode,
        drive.writeCache,
      );
      drive.answer(SECTOR, SECTOR);
      break;
    case 0xc6: // SET MULTIPLE MODE
      setMultiple(drive, drive.count & 0xff);
      break;
    case 0xef: // SET FEATURES
      setFeatures(drive, drive.features & 0xff);
      break;
    case 0x91: // INITIALIZE DEVICE PARAMETERS
      drive.heads = (drive.device & 15) + 1;
      drive.sectorsPerTrack = drive.count & 0xff;
      if (drive.sectorsPerTrack == 0) drive.fail(ERROR_ABORTED);
      else drive.complete();
      break;
    case 0xf8: // READ NATIVE MAX ADDRESS
      locateAddress(drive, min<u64>(drive.facts.sectors - 1, 0x0fff_ffff), false);
      drive.complete();
      break;
    case 0x27: // READ NATIVE MAX ADDRESS EXT
      locateAddress(drive, drive.facts.sectors - 1, true);
      drive.complete();
      break;
    case 0xe5: // CHECK POWER MODE: active
    case 0x98:
      drive.count = 0xff;
      drive.complete();
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
      drive.complete();
      drive.status = STATUS_READY;
      break;
    case 0xf5: // SECURITY FREEZE LOCK
      drive.complete();
      break;
    case 0x06: // DATA SET MANAGEMENT
      if (drive.features & 1 && drive.count != 0 && !drive.facts.readOnly) {
        drive.remaining = min<u32>(drive.count, BLOCK_BUFFER_SIZE / SECTOR);
        drive.waitForBusMaster(DMA_TRIM);
      } else drive.fail(ERROR_ABORTED);
      break;
    case 0xb0: // SMART
      executeSmart(drive, drive.features & 0xff);
      break;
    default:
      // RECALIBRATE is 1xh, SEEK 7xh.
      if ((command & 0xf0) == 0x10 || (command & 0xf0) == 0x70) drive.complete();
      else drive.fail(ERROR_ABORTED);
  }
}

function setMultiple(drive: AtaDrive, sectors: u32): void {
  if (sectors > MULTIPLE_MAX || (sectors & (sectors - 1)) != 0) drive.fail(ERROR_ABORTED);
  else {
    drive.multiple = sectors;
    drive.complete();
  }
}

function setFeatures(drive: AtaDrive, feature: u32): void {
  switch (feature) {
    case 0x02: // write cache on
    case 0x82: // write cache off
      drive.writeCache = feature == 0x02;
      break;
    case 0x03: // transfer mode
      drive.transferMode = drive.count & 0xff;
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
      drive.fail(ERROR_ABORTED);
      return;
  }
  drive.complete();
}

/** The drive is healthy and keeps no logs; LBA mid and high carry the key 4Fh C2h (§8.53). */
function executeSmart(drive: AtaDrive, subcommand: u32): void {
  const keyed = (drive.lbaMid & 0xff) == 0x4f && (drive.lbaHigh & 0xff) == 0xc2;
  if (!keyed || (!drive.smart && subcommand != 0xd8)) {
    drive.fail(ERROR_ABORTED);
    return;
  }
  switch (subcommand) {
    case 0xd0: // READ DATA
    case 0xd1: // READ THRESHOLDS
      memory.fill(drive.buffer, 0, SECTOR);
      store<u8>(drive.buffer, 1); // structure revision
      checksum(drive);
      drive.answer(SECTOR, SECTOR);
      break;
    case 0xd8: // ENABLE and DISABLE OPERATIONS
    case 0xd9:
      drive.smart = subcommand == 0xd8;
      drive.complete();
      break;
    case 0xd2: // attribute autosave
    case 0xd4: // off-line test
    case 0xda: // RETURN STATUS: the key unchanged means no threshold is exceeded
      drive.complete();
      break;
    default:
      drive.fail(ERROR_ABORTED);
  }
}

/** The sum of the 512 bytes is 0. */
function checksum(drive: AtaDrive): void {
  let sum: u32 = 0;
  for (let i: usize = 0; i < 511; i++) sum += load<u8>(drive.buffer + i);
  store<u8>(drive.buffer + 511, <u8>(0 - sum));
}
