// IDENTIFY DEVICE: 256 words that describe the disk (ATA/ATAPI-6 §8.15). Words not named here are 0.

/** Geometry told to software that still wants one: 16 heads and 63 sectors. */
export const DEFAULT_HEADS: u32 = 16;
export const DEFAULT_SECTORS: u32 = 63;
export const CYLINDERS_MAX: u32 = 16383;
/** Sectors per READ MULTIPLE at most. */
export const MULTIPLE_MAX: u32 = 16;
const LBA28_MAX: u64 = 0x0fff_ffff;

export function defaultCylinders(sectors: u64): u32 {
  const cylinders = sectors / (DEFAULT_HEADS * DEFAULT_SECTORS);
  return cylinders > CYLINDERS_MAX ? CYLINDERS_MAX : max(<u32>cylinders, 1);
}

function word(at: usize, index: u32, value: u32): void {
  store<u16>(at + ((<usize>index) << 1), <u16>value);
}

/** An ASCII field: two characters a word, the first in the high byte, padded with spaces. */
function words(at: usize, first: u32, count: u32, text: string): void {
  for (let i: u32 = 0; i < count << 1; i++) {
    const character = i < <u32>text.length ? text.charCodeAt(i) : 32;
    store<u8>(at + (((<usize>first) << 1) + <usize>(i ^ 1)), <u8>character);
  }
}

/** ASCII in the order of bytes, padded with spaces: fields of SCSI. */
export function putText(at: usize, text: string, length: u32): void {
  for (let i: u32 = 0; i < length; i++)
    store<u8>(at + <usize>i, <u8>(i < <u32>text.length ? text.charCodeAt(i) : 32));
}

/** The last digit of a serial number "QM0000n" counts the connectors. */
export function serialDigit(index: u32): u32 {
  return 49 + index;
}

/** Fields that disks and packet devices share: names, buffer, serial number by position. */
export function identifyNames(at: usize, index: u32, model: string): void {
  memory.fill(at, 0, 512);
  words(at, 10, 10, "QM00001");
  store<u8>(at + 13 * 2 + 1, <u8>serialDigit(index));
  word(at, 20, 0x0003);
  word(at, 21, 512);
  word(at, 22, 4);
  words(at, 23, 4, "2.5+");
  words(at, 27, 20, model);
}

/** `transferMode` is what SET FEATURES 03h chose last. */
export function identifyDisk(
  at: usize,
  index: u32,
  sectors: u64,
  heads: u32,
  sectorsPerTrack: u32,
  multiple: u32,
  transferMode: u32,
  writeCache: bool,
): void {
  identifyNames(at, index, "QEMU HARDDISK");
  word(at, 0, 0x0040); // fixed device
  word(at, 1, defaultCylinders(sectors));
  word(at, 3, DEFAULT_HEADS);
  word(at, 4, 512 * DEFAULT_SECTORS);
  word(at, 5, 512);
  word(at, 6, DEFAULT_SECTORS);
  word(at, 47, 0x8000 | MULTIPLE_MAX);
  word(at, 48, 1); // dword I/O
  word(at, 49, 0x0b00); // LBA, DMA, IORDY
  word(at, 51, 0x0200);
  word(at, 52, 0x0200);
  word(at, 53, 0x0007); // words 54-58, 64-70, 88 hold
  const cylinders = min<u64>(sectors / (heads * sectorsPerTrack), CYLINDERS_MAX);
  word(at, 54, <u32>cylinders);
  word(at, 55, heads);
  word(at, 56, sectorsPerTrack);
  store<u32>(at + 57 * 2, <u32>cylinders * heads * sectorsPerTrack);
  word(at, 59, multiple != 0 ? 0x0100 | multiple : 0);
  store<u32>(at + 60 * 2, <u32>min(sectors, LBA28_MAX));
  identifyModes(at, transferMode);
  word(at, 69, 0x4000); // trimmed sectors read alike each time
  word(at, 80, 0x00f0); // ATA-4 to ATA-7
  word(at, 81, 0x0016);
  word(at, 82, 0x4021); // NOP, write cache, SMART
  word(at, 83, 0x7400); // FLUSH CACHE EXT, FLUSH CACHE, 48-bit addresses
  word(at, 84, 0x4000);
  word(at, 85, writeCache ? 0x4021 : 0x4001);
  word(at, 86, 0x3400);
  word(at, 87, 0x4000);
  word(at, 93, 0x6001); // 80-wire cable, device 0
  store<u64>(at + 100 * 2, sectors);
  word(at, 105, 0x0100); // one page of ranges a TRIM
  word(at, 106, 0x6000);
  word(at, 169, 1); // TRIM
}

/** Words 62-68 and 88: multiword modes 0-2 and Ultra modes 0-5, and which of them is chosen. */
export function identifyModes(at: usize, transferMode: u32): void {
  const chosen: u32 = 0x100 << (transferMode & 7);
  word(at, 62, 0x0007);
  word(at, 63, 0x0007 | (transferMode >> 3 == 4 ? chosen : 0));
  word(at, 64, 0x0003);
  for (let i: u32 = 65; i <= 68; i++) word(at, i, 0x0078);
  word(at, 88, 0x003f | (transferMode >> 3 == 8 ? chosen : 0));
}

/** IDENTIFY PACKET DEVICE (SFF-8020i §7.1.7). */
export function identifyPacketDevice(at: usize, index: u32, transferMode: u32): void {
  identifyNames(at, index, "QEMU DVD-ROM");
  word(at, 0, 0x85c0); // ATAPI, CD-ROM, removable, DRQ at once, packets of 12 bytes
  word(at, 48, 1); // dword I/O
  word(at, 49, 0x0300); // LBA, DMA
  word(at, 53, 0x0007); // words 54-58, 64-70, 88 hold
  identifyModes(at, transferMode);
  word(at, 65, 0x00b4);
  word(at, 66, 0x00b4);
  word(at, 67, 0x012c);
  word(at, 68, 0x00b4);
  word(at, 71, 30); // ns to release and to clear BSY
  word(at, 72, 30);
  word(at, 80, 0x001e); // ATA/ATAPI-1 to 4
}
