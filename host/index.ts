// The library's door.
import { node } from "./runtimes/node.ts";
import type { DiskImage } from "./image/image.ts";
import { type OpenOptions, openImage as open } from "./image/open.ts";
import { useRuntime } from "./runtimes/this.ts";

export type { BlockSource } from "./block/source.ts";
export type { DiskImage, OpenOptions };
export type { LinuxImage } from "./core/linux.ts";
export { UserError } from "./core/errors.ts";
export { type Ending, Machine, type MachineOptions } from "./machine.ts";
export type { SerialPort } from "./serial.ts";
export { VERSION } from "./version.ts";

useRuntime(node);

/** Opens a disk image with its backing files; a disk for `Machine.create`. Read-only unless `readOnly` is false. */
export function openImage(name: string, options?: OpenOptions): Promise<DiskImage> {
  return open(node, name, options);
}
