// The library's door.
import { node } from "./runtimes/node.ts";
import { useRuntime } from "./runtimes/this.ts";

export type { BlockSource } from "./block/source.ts";
export type { LinuxImage } from "./core/linux.ts";
export { UserError } from "./core/errors.ts";
export { type Ending, Machine, type MachineOptions } from "./machine.ts";
export type { SerialPort } from "./serial.ts";
export { VERSION } from "./version.ts";

useRuntime(node);
