// ELF kernels with a PVH entry (Xen's docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h): 32-bit code without
// paging, EBX at the start information.
import type { Elf } from "./elf.ts";
import { UserError } from "./errors.ts";
import { GuestMemory, pageDown } from "./guest-memory.ts";
import type { KernelImage } from "./kernel.ts";
import type { MachineEngine } from "./machine-engine.ts";

/** XEN_ELFNOTE_PHYS32_ENTRY: the description is the entry's physical address. */
const OWNER = "Xen";
const ENTRY = 18;

const START_INFO_AT = 0x9500;
const MODULE_AT = 0x9600;
const MAP_AT = 0x9000;
const COMMAND_LINE_AT = 0x20000;
/** Up to the extended BIOS data area. */
const COMMAND_LINE_MAX = 0x9f000 - COMMAND_LINE_AT;
const MAGIC = 0x336ec578;
const VERSION = 1;
const PVH_MAP_ENTRY = 24;

export function startPvh(engine: MachineEngine, image: KernelImage, elf: Elf): void {
  const note = elf.notes.find(({ owner, kind }) => owner === OWNER && kind === ENTRY);
  if (!note || note.description.length < 4)
    throw new UserError("Error loading uncompressed kernel without PVH ELF Note");
  const { description } = note;
  const entry = new DataView(description.buffer, description.byteOffset).getUint32(0, true);

  engine.exports.startFirmware();
  const memory = new GuestMemory(engine);
  const end = memory.placeSegments(image.kernel, elf);
  tell(memory, engine, image, end);
  engine.exports.enterKernel(entry, 0, START_INFO_AT);
}

function tell(memory: GuestMemory, engine: MachineEngine, image: KernelImage, end: number): void {
  const { initrd, commandLine = "" } = image;
  const { view } = memory;
  memory.clear(MAP_AT, MODULE_AT + 0x100);
  const put = (at: number, ...quads: number[]): void =>
    quads.forEach((quad, n) => view.setBigUint64(at + 8 * n, BigInt(quad), true));

  if (initrd) {
    const at = pageDown(memory.top - initrd.length);
    if (at < end) throw new UserError("kernel and initrd do not fit into guest memory: give more with -m");
    memory.place(at, initrd);
    put(MODULE_AT, at, initrd.length, 0, 0);
  }
  if (commandLine.length >= COMMAND_LINE_MAX)
    throw new UserError("the kernel's command line is longer than the kernel takes");
  memory.placeText(COMMAND_LINE_AT, commandLine);

  const map = memory.memoryMap();
  map.forEach((range, n) => memory.place(MAP_AT + n * PVH_MAP_ENTRY, range));
  view.setUint32(START_INFO_AT, MAGIC, true);
  view.setUint32(START_INFO_AT + 4, VERSION, true);
  view.setUint32(START_INFO_AT + 12, initrd ? 1 : 0, true);
  put(START_INFO_AT + 16, initrd ? MODULE_AT : 0, COMMAND_LINE_AT, engine.constants.ACPI_RSDP, MAP_AT);
  view.setUint32(START_INFO_AT + 48, map.length, true);
}
