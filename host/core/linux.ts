// Direct Linux boot: copies kernel, initial RAM disk and command line to where the engine wants them
// (assembly/firmware/linux-boot.ts decides), then starts the kernel.
import { UserError } from "./errors.ts";
import type { KernelImage } from "./kernel.ts";
import type { MachineEngine } from "./machine-engine.ts";

type LinuxStatus = Extract<keyof MachineEngine["constants"], `LINUX_${string}`>;

const REFUSALS: Partial<Record<LinuxStatus, string>> = {
  LINUX_NO_KERNEL: "invalid kernel header",
  LINUX_TOO_OLD: "linux kernel too old to load a ram disk",
  LINUX_NO_ROOM: "kernel and initrd do not fit into guest memory: give more with -m",
  LINUX_COMMAND_LINE_TOO_LONG: "the kernel's command line is longer than the kernel takes",
};

/** "HdrS" at 202h (Documentation/arch/x86/boot.rst). */
const SETUP_HEADER = [0x48, 0x64, 0x72, 0x53];
const SETUP_HEADER_AT = 0x202;

/** Whether `kernel` follows the Linux boot protocol. */
export function isLinux(kernel: Uint8Array): boolean {
  return SETUP_HEADER.every((byte, n) => kernel[SETUP_HEADER_AT + n] === byte);
}

export function startLinux(engine: MachineEngine, { kernel, initrd, commandLine = "" }: KernelImage): void {
  const { constants, exports, ram } = engine;
  const line = new TextEncoder().encode(`${commandLine}\0`);
  const headerTo = constants.LINUX_HEADER_AT - constants.RAM_AT;
  place(ram, headerTo, kernel.subarray(0, constants.LINUX_HEADER_SIZE));
  const status = exports.planLinux(kernel.length, initrd?.length ?? 0, line.length - 1);
  if (status !== constants.LINUX_OK) throw new UserError(refusal(engine, status));

  place(ram, engine.word("LINUX_KERNEL_TO"), kernel.subarray(engine.word("LINUX_KERNEL_OFFSET")));
  if (initrd) place(ram, engine.word("LINUX_INITRD_TO"), initrd);
  place(ram, engine.word("LINUX_COMMAND_LINE_TO"), line);
  exports.startLinux();
}

function place(ram: Uint8Array, to: number, bytes: Uint8Array): void {
  if (to + bytes.length > ram.length) throw new UserError(REFUSALS.LINUX_NO_ROOM!);
  ram.set(bytes, to);
}

function refusal({ constants }: MachineEngine, status: number): string {
  const names = Object.keys(REFUSALS) as LinuxStatus[];
  return REFUSALS[names.find((name) => constants[name] === status)!] ?? "the kernel cannot be started";
}
