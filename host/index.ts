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
  check,
  compare,
  convert,
  type ConvertOptions,
  createImage,
  type CreateImageOptions,
  commit,
  info,
  type ImageInfo,
  type ImageOrigin,
  map,
  type OpenImage,
  openImage,
  type OpenImageOptions,
  rebase,
  type RebaseOptions,
  resize,
  type ResizeOptions,
} from "./image/library.ts";
export {
  addBitmap,
  applySnapshot,
  type BitmapInfo,
  createSnapshot,
  deleteSnapshot,
  listBitmaps,
  listSnapshots,
  removeBitmap,
} from "./image/library-qcow2.ts";
export type { Watch } from "./image/watch.ts";
export type { Snapshot } from "./image/qcow2-snapshots.ts";
export { type Ending, Machine, type MachineOptions } from "./machine.ts";
export type { ByteOutput } from "./byte-output.ts";
export type { SerialPort } from "./serial.ts";
export { VERSION } from "./version.ts";

useRuntime(node);
