// INT 13h AH=41h-48h: Phoenix Enhanced Disk Drive Specification 3.0.
//
//   address packet   size u8, 0, blocks u16, offset u16, segment u16, LBA u64, [flat address u64 where segment:offset
//                    is FFFF:FFFF]
import { DRIVE_CD, DRIVE_DISK, DRIVE_FLOPPY, IDE_DRIVES } from "../../devices/drives";
import { DEFAULT_HEADS, DEFAULT_SECTORS, defaultCylinders } from "../../devices/ata-identify";
import { cpu } from "../../cpu/state";
import { BAD_COMMAND, CONTROLLER_FAILED, GOOD, NOT_FOUND, answer, moveSectors, readiness } from "./disk";
import { caller, linear, readGuest, writeGuest } from "./caller";
import { target } from "./drives";
import { transferFailed } from "./transfer";

const VERSION_3: u32 = 0x30;
/** Extended access, removable drives' locking, enhanced disk drive support. */
const SUBSETS: u32 = 0x0007;
const FLAT: u32 = 0xffff_ffff;
const BLOCKS_MAX: u32 = 127;

function extended(): bool {
  return target.kind != DRIVE_FLOPPY && !target.emulated;
}

/** AH=41h. */
export function checkExtensions(): bool {
  if (caller.bx != 0x55aa || !extended()) return answer(BAD_COMMAND);
  caller.bx = 0xaa55;
  caller.cx = SUBSETS;
  answer(GOOD);
  caller.ah = VERSION_3;
  return true;
}

/** AH=42h read, 43h write, 44h verify: the packet at DS:SI. */
export function transferExtended(command: u32): bool {
  if (!extended()) return answer(BAD_COMMAND);
  const packet = caller.si;
  const count = readGuest<u16>(cpu.dsBase, packet + 2);
  const lba =
    (<u64>readGuest<u32>(cpu.dsBase, packet + 8)) | ((<u64>readGuest<u32>(cpu.dsBase, packet + 12)) << 32);
  const status = readiness(command == 0x43);
  if (status != GOOD) return refuse(status);
  if (count > BLOCKS_MAX * 4 || readGuest<u8>(cpu.dsBase, packet) < 0x10) return refuse(BAD_COMMAND);
  if (!target.has(lba, count)) return refuse(NOT_FOUND);
  if (command == 0x44 || count == 0) return answer(GOOD);
  if (!moveSectors(command == 0x43, lba, count, memoryOf(packet))) return false;
  return transferFailed() ? refuse(CONTROLLER_FAILED) : answer(GOOD);
}

/** The packet's memory; there are sizes from 18h on that have room for a flat address. */
function memoryOf(packet: u32): u64 {
  const pointer = readGuest<u32>(cpu.dsBase, packet + 4);
  if (pointer == FLAT && readGuest<u8>(cpu.dsBase, packet) >= 0x18)
    return <u64>readGuest<u32>(cpu.dsBase, packet + 0x10);
  return linear((<u64>(pointer >> 16)) << 4, pointer);
}

/** The packet's count becomes the blocks moved: none. */
function refuse(status: u32): bool {
  writeGuest<u16>(cpu.dsBase, caller.si + 2, 0);
  return answer(status);
}

/** AH=45h: AL 0 lock, 1 unlock, 2 state. The tray has no lock that firmware works. */
export function lockMedium(): bool {
  if (target.kind != DRIVE_CD || caller.al > 2) return answer(BAD_COMMAND);
  caller.al = 0;
  return answer(GOOD);
}

/** AH=46h. Ejecting is the user's: the medium stays. */
export function ejectMedium(): bool {
  return answer(target.kind == DRIVE_CD ? GOOD : BAD_COMMAND);
}

/** AH=48h: the result buffer at DS:SI, 1Ah, 1Eh or 42h bytes by the size in its first word. */
export function describeDrive(): bool {
  if (!extended()) return answer(BAD_COMMAND);
  const at = caller.si;
  const size = readGuest<u16>(cpu.dsBase, at);
  if (size < 0x1a) return answer(BAD_COMMAND);
  const disk = target.kind == DRIVE_DISK;
  const cylinders = defaultCylinders(target.sectors);
  const geometry = disk && cylinders < 16383;
  // Flags: 02h geometry valid; 04h removable, 10h change line, 20h lockable, 40h nothing in the geometry fields.
  word(2, disk ? (geometry ? 0x02 : 0) : 0x74);
  dword(4, disk ? cylinders : FLAT);
  dword(8, disk ? DEFAULT_HEADS : FLAT);
  dword(12, disk ? DEFAULT_SECTORS : FLAT);
  dword(16, disk ? <u32>target.sectors : FLAT);
  dword(20, disk ? <u32>(target.sectors >> 32) : FLAT);
  word(24, target.sectorSize);
  if (size >= 0x1e) {
    word(0, 0x1e);
    dword(26, FLAT); // no parameters of the controller
  } else word(0, 0x1a);
  if (size >= 0x42) describePath();
  return answer(GOOD);
}

function word(offset: u32, value: u32): void {
  writeGuest<u16>(cpu.dsBase, caller.si + offset, value);
}

function dword(offset: u32, value: u32): void {
  writeGuest<u32>(cpu.dsBase, caller.si + offset, value);
}

/** EDD 3.0 §5.8: how the drive is reached, bytes 1Eh-41h. */
function describePath(): void {
  const ide = target.connector < IDE_DRIVES;
  word(0x1e, 0xbedd);
  word(0x20, 0x0024);
  word(0x22, 0);
  dword(0x24, 0x2049_4350); // "PCI "
  dword(0x28, ide ? 0x2041_5441 : 0x5349_4353); // "ATA " or "SCSI"
  dword(0x2c, 0x2020_2020);
  dword(0x30, ide ? 0x0001_0100 : 0); // bus 0, slot 1, function 1
  dword(0x34, target.connector >> 1); // channel
  dword(0x38, target.connector & 1);
  dword(0x3c, 0);
  word(0x40, 0);
  let sum: u32 = 0;
  for (let i: u32 = 0x1e; i < 0x41; i++) sum += readGuest<u8>(cpu.dsBase, caller.si + i);
  writeGuest<u8>(cpu.dsBase, caller.si + 0x41, 0 - sum);
}
