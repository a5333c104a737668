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
export type { CreateOption, Settings } from "./image/driver.ts";
export type { ChainExtent, CheckResult, DiskImage, Extent, Repair } from "./image/image.ts";
export type { Preallocation } from "./image/qcow2/create.ts";
export type { Watch } from "./image/watch.ts";
export { amend, type AmendOptions } from "./library/amend.ts";
export {
  addBitmap,
  type BitmapInfo,
  clearBitmap,
  copyBitmaps,
  listBitmaps,
  mergeBitmap,
  removeBitmap,
  switchBitmap,
} from "./library/bitmaps.ts";
export { check } from "./library/check.ts";
export { compare, type CompareOptions, type Difference } from "./library/compare.ts";
export { convert, type ConvertOptions, copy, type CopyOptions, copyRange } from "./library/convert.ts";
export {
  createImage,
  type CreateImageOptions,
  findFormat,
  type ImageEncryption,
  type ImageFormat,
} from "./library/create.ts";
export { backingChain, info, type ImageInfo, type InfoOptions } from "./library/info.ts";
export { map, type MapOptions, type MappedExtent } from "./library/map.ts";
export { measure, type Measure, type MeasureOptions } from "./library/measure.ts";
export { type ImageOrigin, type OpenImage, openImage, type OpenImageOptions } from "./library/open.ts";
export { commit, type CommitOptions, rebase, type RebaseOptions } from "./library/overlays.ts";
export { resize, type ResizeOptions } from "./library/resize.ts";
export {
  applySnapshot,
  createSnapshot,
  deleteSnapshot,
  listSnapshots,
  type Snapshot,
  type SnapshotChoice,
  viewSnapshot,
} from "./library/snapshots.ts";
export type { Ending, RunState } from "./machine.ts";
export type { PageCanvas } from "./global-types.ts";
export { VERSION } from "./version.ts";
export { type ConsoleChoice, type DrivePlace, Machine } from "./worker/client.ts";
export type { ByteSource, DriveDescription, MachineDescription } from "./worker/description.ts";
export type { DriveInfo, Frame, MachineInfo } from "./worker/protocol.ts";
export type { Keyboard, Mouse, Screen, SizeListener } from "./worker/screen.ts";
export type { ByteListener, SerialPort } from "./worker/serial.ts";
export type { WaitOptions } from "./worker/waiting.ts";
