// What the library offers, in every runtime: its doors (index.ts, browser.ts) only say which runtime it is.
export type { BlockSource } from "./block/source.ts";
export type { DriveBus } from "./core/drives.ts";
export type {
  EventCause,
  EventListener,
  EventName,
  MachineEvent,
  MachineEvents,
} from "./core/machine-events.ts";
export type { DisplayMode, Picture } from "./display/vga.ts";
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
  type ImageEncryption,
  commit,
  type CommitOptions,
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
  clearBitmap,
  createSnapshot,
  deleteSnapshot,
  listBitmaps,
  listSnapshots,
  mergeBitmap,
  removeBitmap,
  switchBitmap,
} from "./image/library-qcow2.ts";
export type { Watch } from "./image/watch.ts";
export type { Preallocation } from "./image/qcow2-create.ts";
export type { Snapshot } from "./image/qcow2-snapshots.ts";
export type { Ending, RunState } from "./machine.ts";
export type { PageCanvas } from "./runtimes/runtime.ts";
export { VERSION } from "./version.ts";
export { type ConsoleChoice, type DrivePlace, Machine } from "./worker/client.ts";
export type { ByteSource, DriveDescription, MachineDescription } from "./worker/description.ts";
export type { DriveInfo, Frame, MachineInfo } from "./worker/protocol.ts";
export type { Keyboard, Mouse, Screen, SizeListener } from "./worker/screen.ts";
export type { ByteListener, SerialPort } from "./worker/serial.ts";
export type { WaitOptions } from "./worker/waiting.ts";
