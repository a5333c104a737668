// Direct Linux boot: what a boot loader does between a bzImage file and the kernel's 32-bit entry point
// (Documentation/arch/x86/boot.rst, "The Linux/x86 Boot Protocol", 2.15; sections named below).
//
// The host lays the file's first page at LINUX_HEADER_AT and asks `planLinux` where everything goes; it copies the
// pieces there and calls `startLinux`. Guest memory afterwards:
//
//   10000h   boot parameters ("zero page")     11000h   boot GDT        20000h   command line
//   100000h  the protected-mode kernel         as high as it may be:    initial RAM disk
import { cpu } from "../cpu/state";
import { BOARD_AT, RAM_AT } from "../machine/layout";
import { usableTop, writeMemoryMap } from "./memory-map";
import { startBios } from "./bios/post";
import { enterFlat } from "./kernel-entry";

/** How a plan came out. */
export const LINUX_OK: u32 = 0;
/** No boot sector signature, or no setup header. */
export const LINUX_NO_KERNEL: u32 = 1;
/** A zImage or a protocol before 2.03: nothing is known of where an initial RAM disk may lie. */
export const LINUX_TOO_OLD: u32 = 2;
/** Guest RAM is too small for kernel and RAM disk. */
export const LINUX_NO_ROOM: u32 = 3;
export const LINUX_COMMAND_LINE_TOO_LONG: u32 = 4;

/** Where the host copies what, as guest physical addresses. */
@final
@unmanaged
class LinuxPlan {
  /** The kernel proper begins at this offset of its file. */
  kernelOffset: u32;
  kernelTo: u32;
  initrdTo: u32;
  commandLineTo: u32;
  entry: u32;
}

const PLAN_AT: usize = BOARD_AT + 0xc0;
const plan = changetype<LinuxPlan>(PLAN_AT);
export const LINUX_KERNEL_OFFSET: usize = PLAN_AT + offsetof<LinuxPlan>("kernelOffset");
export const LINUX_KERNEL_TO: usize = PLAN_AT + offsetof<LinuxPlan>("kernelTo");
export const LINUX_INITRD_TO: usize = PLAN_AT + offsetof<LinuxPlan>("initrdTo");
export const LINUX_COMMAND_LINE_TO: usize = PLAN_AT + offsetof<LinuxPlan>("commandLineTo");

const BOOT_PARAMETERS: u32 = 0x10000;
const BOOT_GDT: u32 = 0x11000;
const COMMAND_LINE: u32 = 0x20000;
const PAGE: u32 = 0x1000;

/** The first page of the kernel's file, boot sector and setup header in it. */
export const LINUX_HEADER_AT: usize = RAM_AT + 0x90000;
export const LINUX_HEADER_SIZE: u32 = PAGE;

// "The Real-Mode Kernel Header": offsets in the file.
const SETUP_SECTS: usize = 0x1f1;
const BOOT_FLAG: usize = 0x1fe;
const JUMP_OFFSET: usize = 0x201; // the header ends at 202h plus this byte
const HEADER_MAGIC: usize = 0x202;
const VERSION: usize = 0x206;
const TYPE_OF_LOADER: usize = 0x210;
const LOADFLAGS: usize = 0x211;
const CODE32_START: usize = 0x214;
const RAMDISK_IMAGE: usize = 0x218;
const RAMDISK_SIZE: usize = 0x21c;
const CMD_LINE_PTR: usize = 0x228;
const INITRD_ADDR_MAX: usize = 0x22c;
const CMDLINE_SIZE: usize = 0x238;
const PREF_ADDRESS: usize = 0x258;
const INIT_SIZE: usize = 0x260;

const SECTOR: u32 = 512;
const MAGIC_HDRS: u32 = 0x53726448;
const LOADED_HIGH: u32 = 1;
const LOADER_UNDEFINED: u32 = 0xff;
/** Length of the command line that every kernel takes ("cmdline_size", before protocol 2.06). */
const COMMAND_LINE_OLD_MAX: u32 = 255;

// Fields of the boot parameters (Documentation/arch/x86/zero-page.rst).
// screen_info: mode 3 on a VGA.
const VIDEO_MODE: usize = 0x06;
const VIDEO_COLUMNS: usize = 0x07;
const VIDEO_EGA: usize = 0x0a;
const VIDEO_LINES: usize = 0x0e;
const VIDEO_IS_VGA: usize = 0x0f;
const VIDEO_POINTS: usize = 0x10;
const ALT_MEM_K: usize = 0x1e0;
const E820_ENTRIES: usize = 0x1e8;
const E820_TABLE: usize = 0x2d0;

const MIB: u32 = 0x100000;

function header<T>(offset: usize): T {
  return load<T>(LINUX_HEADER_AT + offset);
}

/** Decides where the pieces go. Returns LINUX_OK, or why this cannot be started. */
export function planLinux(kernelSize: u32, initrdSize: u32, commandLineSize: u32): u32 {
  if (kernelSize < <u32>INIT_SIZE + 4 || header<u16>(BOOT_FLAG) != 0xaa55) return LINUX_NO_KERNEL;
  if (header<u32>(HEADER_MAGIC) != MAGIC_HDRS) return LINUX_NO_KERNEL;
  const version = <u32>header<u16>(VERSION);
  if (version < 0x203 || !(header<u8>(LOADFLAGS) & LOADED_HIGH)) return LINUX_TOO_OLD;

  // "Details of Header Fields": 0 setup sectors mean 4; the boot sector itself is not counted.
  const setupSectors = header<u8>(SETUP_SECTS);
  plan.kernelOffset = (<u32>(setupSectors ? setupSectors : 4) + 1) * SECTOR;
  if (plan.kernelOffset >= kernelSize) return LINUX_NO_KERNEL;
  plan.entry = header<u32>(CODE32_START);
  plan.kernelTo = MIB;
  plan.commandLineTo = COMMAND_LINE;
  const longest = version >= 0x206 ? header<u32>(CMDLINE_SIZE) : COMMAND_LINE_OLD_MAX;
  if (commandLineSize > min(longest, BOOT_PARAMETERS - 1)) return LINUX_COMMAND_LINE_TOO_LONG;

  const end = kernelEnd(version, kernelSize - plan.kernelOffset);
  const top = min(<u64>header<u32>(INITRD_ADDR_MAX) + 1, <u64>usableTop());
  if (end + initrdSize > top) return LINUX_NO_ROOM;
  plan.initrdTo = (<u32>top - initrdSize) & ~(PAGE - 1);
  if (<u64>plan.initrdTo < end) return LINUX_NO_ROOM;
  writeBootParameters(initrdSize);
  return LINUX_OK;
}

/** First byte behind what the kernel occupies until it looks at its memory map ("init_size"). */
function kernelEnd(version: u32, size: u32): u64 {
  const loaded = <u64>MIB + size;
  if (version < 0x20a) return loaded;
  return max(loaded, header<u64>(PREF_ADDRESS) + header<u32>(INIT_SIZE));
}

/** "The 32-bit boot protocol": zeros, the setup header, then what the loader knows. */
function writeBootParameters(initrdSize: u32): void {
  const at: usize = RAM_AT + <usize>BOOT_PARAMETERS;
  const headerEnd = HEADER_MAGIC + <usize>header<u8>(JUMP_OFFSET);
  memory.fill(at, 0, PAGE);
  memory.copy(at + SETUP_SECTS, LINUX_HEADER_AT + SETUP_SECTS, headerEnd - SETUP_SECTS);
  store<u8>(at + TYPE_OF_LOADER, <u8>LOADER_UNDEFINED);
  store<u32>(at + CMD_LINE_PTR, COMMAND_LINE);
  if (initrdSize) {
    store<u32>(at + RAMDISK_IMAGE, plan.initrdTo);
    store<u32>(at + RAMDISK_SIZE, initrdSize);
  }
  store<u8>(at + VIDEO_MODE, 3);
  store<u8>(at + VIDEO_COLUMNS, 80);
  store<u16>(at + VIDEO_EGA, 3); // 256 KiB of video memory
  store<u8>(at + VIDEO_LINES, 25);
  store<u8>(at + VIDEO_IS_VGA, 1);
  store<u16>(at + VIDEO_POINTS, 16);
  store<u32>(at + ALT_MEM_K, (usableTop() - MIB) >> 10);
  store<u8>(at + E820_ENTRIES, <u8>writeMemoryMap(at + E820_TABLE));
}

/** Plays firmware, then enters the kernel: flat protected mode, paging and interrupts off, RSI at the boot parameters. */
export function startLinux(): void {
  startBios();
  // __BOOT_CS and __BOOT_DS ("32-bit boot protocol").
  enterFlat(plan.entry, BOOT_GDT, 0x10, 0x18);
  cpu.rsi = <u64>BOOT_PARAMETERS;
}
