// BIOS drive numbers → connectors, and the geometry that INT 13h tells of each. 00h, 01h are floppies, 80h … hard
// disks, E0h … CDs; a CD that boots as a floppy or hard disk (El Torito 1.0 §2) stands before the real ones.
import {
  DRIVES,
  DRIVE_CD,
  DRIVE_DISK,
  DRIVE_FLOPPY,
  FLOPPY_DRIVE,
  drive as connector,
} from "../../devices/drives";
import { DEFAULT_HEADS, DEFAULT_SECTORS, defaultCylinders } from "../../devices/ata-identify";
import { rankedDrive } from "../boot-order";
import { EMULATION_AT, TARGET_AT } from "./layout";

export const FIRST_DISK: u32 = 0x80;
export const FIRST_CD: u32 = 0xe0;
const CD_SECTOR: u32 = 2048;
const CYLINDERS_MAX: u32 = 1024; // what CX can say
export const NONE: u32 = 0xffff_ffff;

/** The drive that a call concerns. */
@final
@unmanaged
export class Target {
  /** Where it begins on its connector, and how many there are: 512-byte sectors. */
  first: u64;
  sectors: u64;
  connector: u32;
  /** DRIVE_*; an emulated drive is what it claims to be. */
  kind: u32;
  sectorSize: u32;
  cylinders: u32;
  heads: u32;
  sectorsPerTrack: u32;
  emulated: bool;
  readOnly: bool;

  /** First 512-byte sector on the connector of `lba`, counted in the drive's own sectors. */
  place(lba: u64): u64 {
    return this.first + lba * <u64>(this.sectorSize >> 9);
  }

  /** Whether `count` own sectors from `lba` on are on the medium. */
  has(lba: u64, count: u32): bool {
    const total = this.sectors / <u64>(this.sectorSize >> 9);
    return lba <= total && <u64>count <= total - lba;
  }
}

export const target = changetype<Target>(TARGET_AT);

/** A CD that was booted as another kind of drive, or as itself (INT 13h AH=4Bh tells). */
@final
@unmanaged
export class Emulation {
  /** First 512-byte sector of the boot image. */
  first: u64;
  sectors: u64;
  /** A boot from CD has happened. */
  booted: bool;
  /** Drive `drive` is the boot image. */
  active: bool;
  /** Media type of the boot catalogue: 0 none, 1-3 floppy of 1.2, 1.44, 2.88 MB, 4 hard disk. */
  media: u32;
  drive: u32;
  connector: u32;
  /** From the catalogue's entry: first sector of 2048 bytes, load segment, sectors loaded. */
  lba: u32;
  segment: u32;
  count: u32;
  cylinders: u32;
  heads: u32;
  sectorsPerTrack: u32;
}

export const emulation = changetype<Emulation>(EMULATION_AT);

export function resetEmulation(): void {
  memory.fill(EMULATION_AT, 0, offsetof<Emulation>());
}

/** Connector of the `index`th drive of a kind, or NONE: those that the user has ranked come first, in that order. */
function connectorOf(kind: u32, index: u32): u32 {
  for (let rank: u32 = 1, place = rankedDrive(1); place < DRIVES; place = rankedDrive(++rank))
    if (connector(place).kind == kind && index-- == 0) return place;
  for (let place: u32 = 0; place < DRIVES; place++)
    if (connector(place).kind == kind && connector(place).bootRank == 0 && index-- == 0) return place;
  return NONE;
}

/** The hard disk that is drive 80h, or NONE. */
export function firstDisk(): u32 {
  return connectorOf(DRIVE_DISK, 0);
}

function count(kind: u32): u32 {
  let found: u32 = 0;
  for (let place: u32 = 0; place < DRIVES; place++) if (connector(place).kind == kind) found++;
  return found;
}

/** Hard disks that INT 13h knows, an emulated one among them. */
export function diskCount(): u32 {
  return count(DRIVE_DISK) + (emulation.active && emulation.drive == FIRST_DISK ? 1 : 0);
}

/** Floppy drives, an emulated one among them. */
export function floppyCount(): u32 {
  return count(DRIVE_FLOPPY) + (emulation.active && emulation.drive == 0 ? 1 : 0);
}

/** Fills `target` for BIOS drive `number`; false: there is no such drive. */
export function findDrive(number: u32): bool {
  if (emulation.active && number == emulation.drive) return findEmulated();
  const before: u32 = emulation.active && (number & 0x80) == emulation.drive && number < FIRST_CD ? 1 : 0;
  if (number >= FIRST_CD) return findCd(number - FIRST_CD);
  if (number >= FIRST_DISK) return findDisk(number - FIRST_DISK - before);
  return findFloppy(number - before);
}

function begin(place: u32, kind: u32, sectorSize: u32): void {
  target.first = 0;
  target.sectors = connector(place).sectors;
  target.connector = place;
  target.kind = kind;
  target.sectorSize = sectorSize;
  target.emulated = false;
  target.readOnly = connector(place).readOnly != 0;
}

function shape(cylinders: u32, heads: u32, sectorsPerTrack: u32): void {
  target.cylinders = cylinders;
  target.heads = heads;
  target.sectorsPerTrack = sectorsPerTrack;
}

function findEmulated(): bool {
  begin(emulation.connector, emulation.drive == 0 ? DRIVE_FLOPPY : DRIVE_DISK, 512);
  target.first = emulation.first;
  target.sectors = emulation.sectors;
  target.emulated = true;
  target.readOnly = true;
  shape(emulation.cylinders, emulation.heads, emulation.sectorsPerTrack);
  return true;
}

function findCd(index: u32): bool {
  const place = connectorOf(DRIVE_CD, index);
  if (place == NONE) return false;
  begin(place, DRIVE_CD, CD_SECTOR);
  target.readOnly = true;
  shape(0, 0, 0);
  return true;
}

function findDisk(index: u32): bool {
  const place = connectorOf(DRIVE_DISK, index);
  if (place == NONE) return false;
  begin(place, DRIVE_DISK, 512);
  const cylinders = defaultCylinders(target.sectors);
  if (cylinders <= CYLINDERS_MAX) shape(cylinders, DEFAULT_HEADS, DEFAULT_SECTORS);
  else assistLba();
  return true;
}

/** LBA-assisted translation: as few heads as bring the cylinders down to 1024, 63 sectors a track. */
function assistLba(): void {
  const tracks = target.sectors / <u64>DEFAULT_SECTORS;
  let heads: u32 = DEFAULT_HEADS;
  while (heads < 128 && tracks > <u64>heads * CYLINDERS_MAX + CYLINDERS_MAX - 1) heads <<= 1;
  if (tracks > 128 * CYLINDERS_MAX + CYLINDERS_MAX - 1) heads = 255;
  shape(<u32>min<u64>(tracks / <u64>heads, CYLINDERS_MAX), heads, DEFAULT_SECTORS);
}

function findFloppy(index: u32): bool {
  if (index >= 2 || connector(FLOPPY_DRIVE + index).kind != DRIVE_FLOPPY) return false;
  begin(FLOPPY_DRIVE + index, DRIVE_FLOPPY, 512);
  shapeFloppy(<u32>target.sectors);
  return true;
}

/** The formats that a disk's size tells: tracks, heads, sectors a track. */
export function shapeFloppy(sectors: u32): void {
  switch (sectors) {
    case 320:
      return shape(40, 1, 8);
    case 360:
      return shape(40, 1, 9);
    case 640:
      return shape(40, 2, 8);
    case 720:
      return shape(40, 2, 9);
    case 1440:
      return shape(80, 2, 9);
    case 2400:
      return shape(80, 2, 15);
    case 3360:
      return shape(80, 2, 21);
    case 5760:
      return shape(80, 2, 36);
    default:
      return shape(80, 2, 18);
  }
}

/** INT 13h AH=08h's drive type of a floppy: 2 = 1.2 MB, 4 = 1.44 MB, 5 = 2.88 MB (an empty drive, too). */
export function floppyKind(sectors: u32): u32 {
  switch (sectors) {
    case 320:
    case 360:
    case 640:
    case 720:
    case 2400:
      return 2;
    case 1440:
    case 2880:
    case 3360:
      return 4;
    default:
      return 5;
  }
}
