// Direct Linux boot: lays kernel, initial RAM disk and command line where the engine wants them in guest RAM.
import type { MachineEngine } from "./machine-engine.ts";

export interface LinuxImage {
  kernel: Uint8Array;
  initrd?: Uint8Array;
  commandLine?: string;
}

export function loadLinux(_engine: MachineEngine, _image: LinuxImage): void {
  throw new Error("unfinished");
}
