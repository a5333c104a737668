// CMOS RAM as the board's maker stores it: what firmware reads to learn of memory, drives and boot order.
import { BOOT_ORDER_DEFAULT, bootOptions } from "../machine/boot-options";
import { clock } from "../machine/clock";
import { physicalMap } from "../memory/physical";
import { DEFAULT_HEADS, DEFAULT_SECTORS, defaultCylinders } from "./ata-identify";
import { DRIVE_DISK, DRIVE_FLOPPY, FLOPPY_DRIVE, drive } from "./drives";
import { floppyFormat } from "./floppy-media";
import { Mc146818 } from "./mc146818";

const KIB: u32 = 10;
const MIB: u32 = 20;

function storeWord(rtc: Mc146818, index: u32, value: u32): void {
  rtc.store(index, value & 0xff);
  rtc.store(index + 1, (value >> 8) & 0xff);
}

export function storeConfiguration(rtc: Mc146818): void {
  const ram = physicalMap.ramSize;
  const first = floppyType(FLOPPY_DRIVE);
  const second = floppyType(FLOPPY_DRIVE + 1);
  rtc.store(0x10, (first << 4) | second);
  // FPU, mouse port; bit 0 there are floppies, bits 7-6 how many besides the first.
  rtc.store(0x14, 0x06 | (first | second ? 1 : 0) | (first != 0 && second != 0 ? 0x40 : 0));
  storeWord(rtc, 0x15, 640);
  const extended = min((ram - (1 << MIB)) >> KIB, 0xffff);
  storeWord(rtc, 0x17, extended);
  storeWord(rtc, 0x30, extended);
  storeWord(rtc, 0x34, ram > 16 << MIB ? (ram - (16 << MIB)) >> 16 : 0);
  storeBootOrder(rtc);
  rtc.store(0x5f, clock.vcpus - 1);
  let types: u32 = 0;
  for (let index: u32 = 0; index < 2; index++) {
    if (drive(index).kind != DRIVE_DISK) continue;
    types |= index == 0 ? 0xf0 : 0x0f;
    rtc.store(0x19 + index, 0x2f);
    storeGeometry(rtc, index == 0 ? 0x1b : 0x24, drive(index).sectors);
    // 1 = LBA translation, for disks that CHS alone cannot reach.
    if (defaultCylinders(drive(index).sectors) > 1024) rtc.store(0x39, 0x01);
  }
  rtc.store(0x12, types);
}

/** CMOS type of the floppy drive on a connector; 0: none. */
function floppyType(connector: u32): u32 {
  if (drive(connector).kind != DRIVE_FLOPPY) return 0;
  return floppyFormat(drive(connector).sectors).drive;
}

/** First device in the low nibble of 3Dh, second in its high nibble, third in the high nibble of 38h. */
export function storeBootOrder(rtc: Mc146818): void {
  const order = bootOptions.order ? bootOptions.order : BOOT_ORDER_DEFAULT;
  rtc.store(0x3d, order & 0xff);
  rtc.store(0x38, (order >> 4) & 0xf0);
}

/** Cylinders, heads, write precompensation (none), control, landing zone, sectors. */
function storeGeometry(rtc: Mc146818, index: u32, sectors: u64): void {
  const cylinders = defaultCylinders(sectors);
  storeWord(rtc, index, cylinders);
  rtc.store(index + 2, DEFAULT_HEADS);
  storeWord(rtc, index + 3, 0xffff);
  rtc.store(index + 5, 0xc8);
  storeWord(rtc, index + 6, cylinders);
  rtc.store(index + 8, DEFAULT_SECTORS);
}
