// Multiboot kernels (Multiboot Specification 0.6.96): the header that their file holds, and what a loader leaves in
// memory. Where the information lies is the loader's choice; it is QEMU's here, for kernels that expect that.
import { readElf, type Elf } from "./elf.ts";
import { UserError } from "./errors.ts";
import { GuestMemory, MAP_ENTRY, pageUp } from "./guest-memory.ts";
import type { KernelImage, KernelModule } from "./kernel.ts";
import type { MachineEngine } from "./machine-engine.ts";

/** The header lies within the first 8192 bytes, on a boundary of 4 (§3.1). */
const SEARCH = 8192;
const MAGIC = 0x1badb002;
/** EAX at the entry. */
const LOADED = 0x2badb002;

/** Header flags: 0-15 are demands, the others offers. */
const DEMANDS = 0xffff;
const ALIGN_MODULES = 1 << 0;
const MEMORY_INFORMATION = 1 << 1;
const VIDEO_MODE = 1 << 2;
const ADDRESSES = 1 << 16;

/** Information flags: memory, boot device, command line, modules, memory map, loader's name. */
const INFORMATION = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 3) | (1 << 6) | (1 << 9);
const INFORMATION_AT = 0x9500;
const MAP_AT = 0x9000;
const LOADER_NAME = "wasmqemu";
/** First hard disk, no partition. */
const BOOT_DEVICE = 0x8000ffff;
const LOWER_KIB = 639;
const MIB = 2 ** 20;

/** Offset of the header in the file, or undefined. */
export function multibootHeader(file: Uint8Array): number | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  for (let at = 0; at + 12 <= Math.min(file.length, SEARCH); at += 4) {
    const word = (n: number): number => view.getUint32(at + 4 * n, true);
    if (word(0) === MAGIC && (word(0) + word(1) + word(2)) % 2 ** 32 === 0) return at;
  }
  return undefined;
}

export function startMultiboot(engine: MachineEngine, image: KernelImage, headerAt: number): void {
  const { kernel, commandLine = "", name = "kernel" } = image;
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.length);
  const flags = view.getUint32(headerAt + 4, true);
  const unknown = flags & DEMANDS & ~(ALIGN_MODULES | MEMORY_INFORMATION | VIDEO_MODE);
  if (unknown)
    throw new UserError(
      `the Multiboot kernel asks for what is not known here: flags ${unknown.toString(16)}h`,
    );

  engine.exports.startFirmware();
  const memory = new GuestMemory(engine);
  const { entry, end } =
    flags & ADDRESSES ? placeByHeader(memory, kernel, headerAt) : placeElf(memory, kernel);
  const modules = image.modules ?? (image.initrd ? [{ bytes: image.initrd, text: "" }] : []);
  tell(memory, modules, end, commandLine ? `${name} ${commandLine}` : name);
  engine.exports.enterKernel(entry, LOADED, INFORMATION_AT);
}

/** A file of any format, loaded as the header's address fields say (§3.1.3). */
function placeByHeader(memory: GuestMemory, file: Uint8Array, headerAt: number): Loaded {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  if (headerAt + 32 > file.length) throw new UserError("the kernel's Multiboot header is cut short");
  const word = (n: number): number => view.getUint32(headerAt + 4 * n, true);
  const [header, load, loadEnd, bssEnd, entry] = [word(3), word(4), word(5), word(6), word(7)];
  const from = headerAt - (header - load);
  const to = loadEnd === 0 ? file.length : from + loadEnd - load;
  if (from < 0 || to < from || to > file.length)
    throw new UserError("the addresses in the kernel's Multiboot header lead outside its file");
  memory.place(load, file.subarray(from, to));
  const end = load + to - from;
  memory.clear(end, bssEnd);
  return { entry, end: pageUp(Math.max(end, bssEnd)) };
}

interface Loaded {
  entry: number;
  /** First page behind the kernel. */
  end: number;
}

function placeElf(memory: GuestMemory, file: Uint8Array): Loaded {
  const elf = readElf(file);
  if (!elf) throw new UserError("the Multiboot kernel is no ELF file and its header has no addresses");
  if (elf.bits === 64) throw new UserError("Cannot load x86-64 image, give a 32bit one.");
  return { entry: physicalEntry(elf), end: memory.placeSegments(file, elf) };
}

/** Paging is off at the entry: a virtual address is taken to where its segment was loaded. */
function physicalEntry({ entry, segments }: Elf): number {
  const home = segments.find((s) => entry >= s.virtual && entry < s.virtual + s.memorySize);
  return home ? entry - home.virtual + home.physical : entry;
}

/** Modules from `end` on, then the texts, and the information (§3.3). */
function tell(memory: GuestMemory, modules: readonly KernelModule[], end: number, commandLine: string): void {
  const { view } = memory;
  memory.clear(MAP_AT, INFORMATION_AT + 0x100);
  const put = (at: number, ...words: number[]): void =>
    words.forEach((word, n) => view.setUint32(at + 4 * n, word, true));

  let next = end;
  const starts = modules.map(({ bytes }) => {
    const start = next;
    memory.place(start, bytes);
    next = pageUp(start + bytes.length);
    return start;
  });
  const modulesAt = next;
  next += 16 * modules.length;
  const text = (words: string): number => {
    const at = next;
    memory.placeText(at, words);
    next += new TextEncoder().encode(words).length + 1;
    return at;
  };
  const commandLineAt = text(commandLine);
  const loaderAt = text(LOADER_NAME);
  modules.forEach((module, n) =>
    put(modulesAt + 16 * n, starts[n]!, starts[n]! + module.bytes.length, text(module.text), 0),
  );

  // Each entry of the map is preceded by its size.
  const map = memory.memoryMap();
  map.forEach((entry, n) => {
    put(MAP_AT + n * (MAP_ENTRY + 4), MAP_ENTRY);
    memory.place(MAP_AT + n * (MAP_ENTRY + 4) + 4, entry);
  });
  put(INFORMATION_AT, INFORMATION, LOWER_KIB, (memory.top - MIB) / 1024, BOOT_DEVICE, commandLineAt);
  put(INFORMATION_AT + 20, modules.length, modulesAt);
  put(INFORMATION_AT + 44, map.length * (MAP_ENTRY + 4), MAP_AT);
  put(INFORMATION_AT + 64, loaderAt);
}
