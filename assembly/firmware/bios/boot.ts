// INT 19h and 18h: tries the boot devices in their order and says which; a menu before, where the user asked for one.
// Each call goes one step further; the caller is the stub in ROM, whose frame becomes the jump to the boot sector.
import { DRIVES, DRIVE_CD, DRIVE_FLOPPY, FLOPPY_DRIVE, drive as connector } from "../../devices/drives";
import { EXIT_RESET, leave } from "../../machine/exit";
import { rankedDrive } from "../boot-order";
import {
  BOOT_CD,
  BOOT_DISK,
  BOOT_FLOPPY,
  BOOT_NO_RETRY,
  BOOT_ORDER_DEFAULT,
  bootOptions,
} from "../../machine/boot-options";
import { now } from "../../machine/clock";
import { setLow, caller, low } from "./caller";
import { BDA_DISKS } from "./bios-data";
import { CD_READY, CD_RECORD, CD_UNREADABLE, CdBoot } from "./el-torito";
import { diskCount, emulation, FIRST_DISK, firstDisk, NONE, resetEmulation } from "./drives";
import { takeKey, keyWaits } from "./keyboard";
import { BOOT_AT } from "./layout";
import { printHex, printLine, printNumber, printText } from "./print";
import { readIntoGuest, transferFailed, waitForEvent } from "./transfer";

const BOOT_ADDRESS: u32 = 0x7c00;
const SIGNATURE: u32 = 0xaa55;
const NANOSECONDS_PER_MS: u64 = 1_000_000;
const ENTRIES_MAX: u32 = 14;
const KEY_ESCAPE: u32 = 0x1b;

const STEP_FIRST: u32 = 0;
const STEP_PROMPT: u32 = 1;
const STEP_CHOOSE: u32 = 2;
const STEP_BEGIN: u32 = 3;
const STEP_LOAD: u32 = 4;
const STEP_GIVEN_UP: u32 = 5;

@final
@unmanaged
class Boot {
  /** When the menu's prompt, or the wait before another try, is over. */
  promptEnds: u64;
  step: u32;
  /** Devices to try: kind (BOOT_*) << 8 | connector, from entry(0) on. */
  entries: u32;
  /** The one that is tried, or was booted. */
  current: u32;
  booted: bool;
  /** Where `cd` lies is known to `cdBoot`. */
  cdStep: u32;
  cdCatalogue: u32;
  cdFailure: u32;

  entry(index: u32): u32 {
    return load<u32>(BOOT_AT + LIST_AT + ((<usize>index) << 2));
  }

  add(kind: u32, place: u32): void {
    if (this.entries == ENTRIES_MAX) return;
    store<u32>(BOOT_AT + LIST_AT + ((<usize>this.entries) << 2), (kind << 8) | place);
    this.entries++;
  }
}

const LIST_AT: usize = offsetof<Boot>();
const boot = changetype<Boot>(BOOT_AT);
const cdBoot = changetype<CdBoot>(BOOT_AT + offsetof<Boot>("cdStep"));

/** Power on: no device has been tried. */
export function resetBoot(): void {
  memory.fill(BOOT_AT, 0, offsetof<Boot>());
}

/** INT 18h: what was booted gives up. */
export function bootNext(): bool {
  if (boot.booted) {
    boot.booted = false;
    boot.current++;
    boot.step = STEP_BEGIN;
  }
  return bootStep();
}

/** INT 19h. False: ask again. */
export function bootStep(): bool {
  if (boot.booted) {
    // The same device once more.
    boot.booted = false;
    boot.step = STEP_BEGIN;
  }
  switch (boot.step) {
    case STEP_FIRST:
      printLine("wasmqemu BIOS\r\n");
      listDevices();
      if (bootOptions.menu) {
        printText("\r\nPress ESC for boot menu.\r\n\r\n");
        boot.promptEnds = now() + <u64>bootOptions.menuWait * NANOSECONDS_PER_MS;
        boot.step = STEP_PROMPT;
      } else boot.step = STEP_BEGIN;
      return false;
    case STEP_PROMPT:
      prompt();
      return false;
    case STEP_CHOOSE:
      choose();
      return false;
    case STEP_BEGIN:
      begin();
      return false;
    case STEP_LOAD:
      return boot.entry(boot.current) >> 8 == BOOT_CD ? loadCd() : loadSector();
    default:
      if (bootOptions.retryWait != BOOT_NO_RETRY && now() >= boot.promptEnds) leave(EXIT_RESET);
      else waitForEvent();
      return false;
  }
}

/** Drives with a boot index, then the devices of the order asked for, then those that it leaves out. */
function listDevices(): void {
  for (let rank: u32 = 1, place = rankedDrive(1); place < DRIVES; place = rankedDrive(++rank)) {
    const kind = connector(place).kind;
    if (kind == DRIVE_FLOPPY) boot.add(BOOT_FLOPPY, place);
    else if (kind == DRIVE_CD) boot.add(BOOT_CD, place);
    else if (place == firstDisk()) boot.add(BOOT_DISK, place);
  }
  if (bootOptions.strict && boot.entries != 0) return;
  const order = bootOptions.order ? bootOptions.order : BOOT_ORDER_DEFAULT;
  let listed: u32 = 0;
  for (let shift: u32 = 0; shift < 12; shift += 4) {
    const kind = (order >> shift) & 15;
    if (kind == 0 || listed & (1 << kind)) continue;
    listed |= 1 << kind;
    listKind(kind);
  }
  for (let kind = BOOT_FLOPPY; kind <= BOOT_CD; kind++) {
    const rest = kind == BOOT_FLOPPY ? BOOT_FLOPPY : kind == BOOT_DISK ? BOOT_CD : BOOT_DISK;
    if (!(listed & (1 << rest))) listKind(rest);
  }
}

function listKind(kind: u32): void {
  const floppy = connector(FLOPPY_DRIVE);
  if (kind == BOOT_FLOPPY && floppy.kind == DRIVE_FLOPPY && floppy.bootRank == 0)
    boot.add(kind, FLOPPY_DRIVE);
  // Of hard disks only the first is booted, from all CDs the first that can be.
  if (kind == BOOT_DISK && firstDisk() != NONE && connector(firstDisk()).bootRank == 0)
    boot.add(kind, firstDisk());
  if (kind != BOOT_CD) return;
  for (let place: u32 = 0; place < DRIVES; place++)
    if (connector(place).kind == DRIVE_CD && connector(place).bootRank == 0) boot.add(kind, place);
}

function prompt(): void {
  if (keyWaits()) {
    if ((takeKey() & 0xff) == KEY_ESCAPE) {
      printMenu();
      boot.step = STEP_CHOOSE;
    }
    return;
  }
  if (now() >= boot.promptEnds) boot.step = STEP_BEGIN;
  else waitForEvent();
}

function printMenu(): void {
  printText("Select boot device:\r\n\r\n");
  for (let index: u32 = 0; index < boot.entries; index++) {
    printNumber(index + 1);
    printText(". ");
    printName(boot.entry(index));
  }
  printText("\r\n");
}

/** A digit puts its device first; Escape goes on without. */
function choose(): void {
  if (!keyWaits()) {
    waitForEvent();
    return;
  }
  const character = takeKey() & 0xff;
  if (character == KEY_ESCAPE) boot.step = STEP_BEGIN;
  const chosen = character - 0x31;
  if (chosen >= boot.entries) return;
  const entry = boot.entry(chosen);
  memory.copy(BOOT_AT + LIST_AT + 4, BOOT_AT + LIST_AT, (<usize>chosen) << 2);
  store<u32>(BOOT_AT + LIST_AT, entry);
  boot.step = STEP_BEGIN;
}

function printName(entry: u32): void {
  const place = entry & 0xff;
  const kind = entry >> 8;
  if (kind == BOOT_FLOPPY) {
    printLine("Floppy [drive A]");
    return;
  }
  if (place < 4) {
    printText(kind == BOOT_CD ? "DVD/CD [ata" : "ata");
    printNumber(place >> 1);
    printText("-");
    printNumber(place & 1);
    printText(kind == BOOT_CD ? ": QEMU DVD-ROM ATAPI-4 DVD/CD]\r\n" : ": QEMU HARDDISK ATA-7 Hard-Disk (");
    if (kind == BOOT_CD) return;
  } else printText("Virtio disk (");
  printNumber(<u32>(connector(place).sectors >> 11));
  printLine(" MiBytes)");
}

function begin(): void {
  if (boot.current >= boot.entries) {
    printText("No bootable device.");
    if (bootOptions.retryWait != BOOT_NO_RETRY) {
      printText("  Retrying in ");
      printNumber(bootOptions.retryWait / 1000);
      printText(" seconds.");
    }
    printLine("");
    boot.promptEnds = now() + <u64>bootOptions.retryWait * NANOSECONDS_PER_MS;
    boot.step = STEP_GIVEN_UP;
    return;
  }
  resetEmulation();
  setLow<u8>(BDA_DISKS, diskCount());
  const kind = boot.entry(boot.current) >> 8;
  printText("Booting from ");
  printLine(kind == BOOT_FLOPPY ? "Floppy..." : kind == BOOT_CD ? "DVD/CD..." : "Hard Disk...");
  cdBoot.step = CD_RECORD;
  cdBoot.failure = 0;
  boot.step = STEP_LOAD;
}

function fail(reason: string): bool {
  printText("Boot failed: ");
  printText(reason);
  printText("\r\n\r\n");
  boot.current++;
  boot.step = STEP_BEGIN;
  return false;
}

function loadSector(): bool {
  const place = boot.entry(boot.current) & 0xff;
  const unreadable = "could not read the boot disk";
  if (connector(place).sectors == 0) return fail(unreadable);
  if (!readIntoGuest(place, 0, 512, <u64>BOOT_ADDRESS)) return false;
  if (transferFailed()) return fail(unreadable);
  if (low<u16>(BOOT_ADDRESS + 510) != SIGNATURE) return fail("not a bootable disk");
  return jump(0, BOOT_ADDRESS, boot.entry(boot.current) >> 8 == BOOT_DISK ? FIRST_DISK : 0);
}

function loadCd(): bool {
  const place = boot.entry(boot.current) & 0xff;
  if (connector(place).sectors == 0) cdBoot.failure = CD_UNREADABLE;
  if (cdBoot.failure) {
    printText("Boot failed: Could not read from CDROM (code ");
    printHex(cdBoot.failure, 4);
    printText(")\r\n\r\n");
    boot.current++;
    boot.step = STEP_BEGIN;
    return false;
  }
  if (cdBoot.step != CD_READY) {
    cdBoot.advance(place);
    return false;
  }
  emulation.active = emulation.media != 0;
  setLow<u8>(BDA_DISKS, diskCount());
  const usual = emulation.segment == 0x07c0;
  return jump(usual ? 0 : emulation.segment, usual ? BOOT_ADDRESS : 0, emulation.drive);
}

/** Enters the boot sector as the PC's BIOS does: the drive in DL. */
function jump(segment: u32, offset: u32, drive: u32): bool {
  boot.booted = true;
  caller.eax = SIGNATURE;
  caller.ebx = 0;
  caller.ecx = 0;
  caller.edx = drive;
  caller.si = 0;
  caller.edi = 0;
  caller.bp = 0;
  caller.returnTo(segment, offset);
  return true;
}
