// Direct kernel boot: which of three protocols a kernel's file speaks, and what all of them are told.
import { readElf } from "./elf.ts";
import { UserError } from "./errors.ts";
import { isLinux, startLinux } from "./linux.ts";
import type { MachineEngine } from "./machine-engine.ts";
import { multibootHeader, startMultiboot } from "./multiboot.ts";
import { startPvh } from "./pvh.ts";

export interface KernelImage {
  /** A Linux bzImage, a Multiboot kernel (ELF32 or a.out kludge), or an ELF kernel with a PVH entry. */
  kernel: Uint8Array;
  /** The initial RAM disk; to a Multiboot kernel its only module. */
  initrd?: Uint8Array | undefined;
  /** Modules of a Multiboot kernel, each with the text that it is told for it. */
  modules?: readonly KernelModule[] | undefined;
  commandLine?: string | undefined;
  /** The word in front of a Multiboot kernel's command line. */
  name?: string | undefined;
}

export interface KernelModule {
  bytes: Uint8Array;
  text: string;
}

/** Whether `kernel` is one that takes modules (and no initial RAM disk). */
export function takesModules(kernel: Uint8Array): boolean {
  return !isLinux(kernel) && multibootHeader(kernel) !== undefined;
}

export function startKernel(engine: MachineEngine, image: KernelImage): void {
  if (isLinux(image.kernel)) return startLinux(engine, image);
  const header = multibootHeader(image.kernel);
  if (header !== undefined) return startMultiboot(engine, image, header);
  const elf = readElf(image.kernel);
  if (!elf) throw new UserError("invalid kernel header");
  startPvh(engine, image, elf);
}
