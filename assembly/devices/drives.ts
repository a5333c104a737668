// What hangs on the board's storage connectors: told by the host before power on, and when a medium changes
// (changeMedium in machine/board.ts).
import { DRIVES_AT } from "../machine/board";

/** Connectors, numbered as in a request's `drive`. */
export const IDE_DRIVES: u32 = 4; // 0-3: primary master, primary slave, secondary master, secondary slave
export const FLOPPY_DRIVE: u32 = 4; // 4, 5
export const VIRTIO_DRIVE: u32 = 6; // 6-13
export const DRIVES: u32 = 14;

export const DRIVE_NONE: u32 = 0;
export const DRIVE_DISK: u32 = 1;
export const DRIVE_CD: u32 = 2;
export const DRIVE_FLOPPY: u32 = 3;

@final
@unmanaged
export class Drive {
  /** Size of the medium in 512-byte sectors; 0 = none inserted. */
  sectors: u64;
  kind: u32;
  readOnly: u32;
  /** Which of the drives that the user has ranked firmware tries: 1 the first, 0 none of them. */
  bootRank: u32;
}

/** Bytes of a drive's record. */
export const DRIVE_SIZE: u32 = offsetof<Drive>();

export function drive(index: u32): Drive {
  return changetype<Drive>(DRIVES_AT + <usize>index * offsetof<Drive>());
}

/**
 * The host's word on what hangs on connector `index`: its kind (DRIVE_*), the medium's size in 512-byte sectors
 * (0 = no medium), and whether it refuses writes.
 */
export function attachDrive(index: u32, kind: u32, sectorsLow: u32, sectorsHigh: u32, readOnly: u32): void {
  drive(index).kind = kind;
  insert(index, sectorsLow, sectorsHigh, readOnly);
}

/** The drive on connector `index` is the `rank`th (from 1) that firmware tries; before power on. */
export function rankDrive(index: u32, rank: u32): void {
  drive(index).bootRank = rank;
}

/** Another medium on connector `index`. */
export function insert(index: u32, sectorsLow: u32, sectorsHigh: u32, readOnly: u32): void {
  drive(index).sectors = (<u64>sectorsLow) | ((<u64>sectorsHigh) << 32);
  drive(index).readOnly = readOnly;
}
