// El Torito 1.0, "Bootable CD-ROM Format Specification": from the boot record to the image, and INT 13h AH=4Ah-4Dh.
//
//   sector 17   boot record: "CD001" at 1, "EL TORITO SPECIFICATION" at 7, the catalogue's sector at 47h
//   catalogue   validation entry of 32 bytes, then the initial entry: 88h = bootable, media type, load segment u16,
//               system type, 0, sectors to load u16 (512 bytes), first sector u32 (2048 bytes)
import { cpu } from "../../cpu/state";
import { BAD_COMMAND, GOOD, answer } from "./disk";
import { caller, writeGuest } from "./caller";
import { FIRST_CD, FIRST_DISK, emulation, resetEmulation } from "./drives";
import { BUFFER_AT } from "./layout";
import { readIntoGuest, readSectors, transferFailed } from "./transfer";

const BOOT_RECORD: u64 = 17;
const CATALOGUE_AT: usize = 0x47;
const ENTRY: usize = 32;
const BOOTABLE: u32 = 0x88;
const DEFAULT_SEGMENT: u32 = 0x07c0;
const HARD_DISK: u32 = 4;

// Steps of a boot.
export const CD_RECORD: u32 = 0;
export const CD_CATALOGUE: u32 = 1;
export const CD_TABLE: u32 = 2;
export const CD_IMAGE: u32 = 3;
export const CD_READY: u32 = 4;

/** Why a CD does not boot, the number in the message. */
export const CD_UNREADABLE: u32 = 3;
const CD_NO_RECORD: u32 = 5;
const CD_NO_CATALOGUE: u32 = 11;
const CD_NOT_BOOTABLE: u32 = 12;
const CD_NO_IMAGE: u32 = 13;

/** 512-byte sector of a 2048-byte one. */
function sector(lba: u64): u64 {
  return lba << 2;
}

@final
@unmanaged
export class CdBoot {
  step: u32;
  catalogue: u32;
  failure: u32;

  /** One step with the CD on connector `place`; false: ask again. Ends with `step` CD_READY or `failure` set. */
  advance(place: u32): bool {
    switch (this.step) {
      case CD_RECORD:
        if (!readSectors(place, sector(BOOT_RECORD), 2048)) return false;
        this.takeRecord();
        return true;
      case CD_CATALOGUE:
        if (!readSectors(place, sector(this.catalogue), 2048)) return false;
        this.takeCatalogue(place);
        return true;
      case CD_TABLE:
        if (!readSectors(place, emulation.first, 512)) return false;
        this.takeTable();
        return true;
      default:
        if (!readIntoGuest(place, emulation.first, emulation.count << 9, (<u64>emulation.segment) << 4))
          return false;
        if (transferFailed()) this.failure = CD_NO_IMAGE;
        else this.step = CD_READY;
        return true;
    }
  }

  private takeRecord(): void {
    if (transferFailed()) this.failure = CD_UNREADABLE;
    else if (load<u8>(BUFFER_AT) != 0 || !hasText(1, "CD001") || !hasText(7, "EL TORITO SPECIFICATION"))
      this.failure = CD_NO_RECORD;
    this.catalogue = load<u32>(BUFFER_AT + CATALOGUE_AT);
    this.step = CD_CATALOGUE;
  }

  private takeCatalogue(place: u32): void {
    if (transferFailed()) {
      this.failure = CD_UNREADABLE;
      return;
    }
    // Validation entry: header 1, platform 0 (80x86), key bytes 55h AAh, words that add up to 0.
    if (load<u8>(BUFFER_AT) != 1 || load<u16>(BUFFER_AT + 30) != 0xaa55) this.failure = CD_NO_CATALOGUE;
    const entry = BUFFER_AT + ENTRY;
    if (load<u8>(entry) != BOOTABLE) this.failure = CD_NOT_BOOTABLE;
    const media = load<u8>(entry, 1) & 15;
    if (media > HARD_DISK) this.failure = CD_NOT_BOOTABLE;
    if (this.failure) return;
    resetEmulation();
    emulation.booted = true;
    emulation.connector = place;
    emulation.media = media;
    const segment = load<u16>(entry, 2);
    emulation.segment = segment ? segment : DEFAULT_SEGMENT;
    const count = load<u16>(entry, 6);
    emulation.count = count ? count : 1;
    emulation.lba = load<u32>(entry, 8);
    emulation.first = sector(emulation.lba);
    emulation.drive = media == 0 ? FIRST_CD : media == HARD_DISK ? FIRST_DISK : 0;
    shapeFloppyImage(media);
    this.step = media == HARD_DISK ? CD_TABLE : CD_IMAGE;
  }

  /** A hard disk's geometry is that of the last sector of its first partition. */
  private takeTable(): void {
    if (transferFailed()) {
      this.failure = CD_NO_IMAGE;
      return;
    }
    const partition = BUFFER_AT + 0x1be;
    emulation.heads = <u32>load<u8>(partition, 5) + 1;
    emulation.sectorsPerTrack = load<u8>(partition, 6) & 0x3f;
    emulation.cylinders = (load<u8>(partition, 7) | (((<u32>load<u8>(partition, 6)) & 0xc0) << 2)) + 1;
    emulation.sectors = <u64>(emulation.cylinders * emulation.heads * emulation.sectorsPerTrack);
    this.step = CD_IMAGE;
  }
}

/** Emulated floppies: 1.2, 1.44 and 2.88 MB. */
function shapeFloppyImage(media: u32): void {
  emulation.cylinders = 80;
  emulation.heads = 2;
  emulation.sectorsPerTrack = media == 1 ? 15 : media == 2 ? 18 : 36;
  emulation.sectors = <u64>(80 * 2 * emulation.sectorsPerTrack);
}

function hasText(offset: usize, text: string): bool {
  for (let i = 0; i < text.length; i++)
    if (load<u8>(BUFFER_AT + offset + <usize>i) != <u8>text.charCodeAt(i)) return false;
  return true;
}

/** AH=4Bh: AL 0 ends emulation, both fill the specification packet at DS:SI. */
export function endEmulation(): bool {
  writePacket();
  if (caller.al == 0) {
    emulation.active = false;
    caller.ax = 0;
  }
  return answer(GOOD);
}

/** AH=4Ah, 4Ch, 4Dh would boot another image. */
export function describeEmulation(): bool {
  return answer(BAD_COMMAND);
}

/** The specification packet of 13h bytes. */
function writePacket(): void {
  const at = caller.si;
  const ds = cpu.dsBase;
  for (let i: u32 = 0; i < 0x13; i++) writeGuest<u8>(ds, at + i, 0);
  writeGuest<u8>(ds, at, 0x13);
  if (!emulation.booted) return;
  writeGuest<u8>(ds, at + 1, emulation.media);
  writeGuest<u8>(ds, at + 2, emulation.drive);
  writeGuest<u8>(ds, at + 3, emulation.connector >> 1); // the IDE channel
  writeGuest<u32>(ds, at + 4, emulation.lba);
  writeGuest<u16>(ds, at + 8, emulation.connector & 1);
  writeGuest<u16>(ds, at + 12, emulation.segment);
  writeGuest<u16>(ds, at + 14, emulation.count);
  if (emulation.media == 0) return;
  // As AH=08h returns them in CH, CL and DH.
  const cylinder = emulation.cylinders - 1;
  writeGuest<u8>(ds, at + 16, cylinder & 0xff);
  writeGuest<u8>(ds, at + 17, emulation.sectorsPerTrack | ((cylinder >> 2) & 0xc0));
  writeGuest<u8>(ds, at + 18, emulation.heads - 1);
}
