// The library's door.
import { node } from "./runtimes/node.ts";
import { useRuntime } from "./runtimes/this.ts";

export type { BlockSource } from "./block/source.ts";
export type { DriveBus, DriveOptions } from "./core/drives.ts";
export type { LinuxImage } from "./core/linux.ts";
export type { BootSettings, FirmwareImage } from "./core/firmware.ts";
export { UserError } from "./core/errors.ts";
export type { CompareOptions, Difference } from "./image/compare.ts";
export type { ChainExtent, CheckResult, DiskImage, Extent, Repair } from "./image/image.ts";
export {
  applySnapshot,
  check,
  compare,
  convert,
  type ConvertOptions,
  createImage,
  type CreateImageOptions,
  createSnapshot,
  deleteSnapshot,
  listSnapshots,
  map,
  openImage,
  type OpenImageOptions,
} from "./image/library.ts";
export type { Snapshot } from "./image/qcow2-snapshots.ts";
export { type Ending, Machine, type MachineOptions } from "./machine.ts";
export type { ByteOutput } from "./byte-output.ts";
export type { SerialPort } from "./serial.ts";
export { VERSION } from "./version.ts";

useRuntime(node);
