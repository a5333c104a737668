// "bootorder" of the firmware configuration device: the drives with a boot index, first to last, as paths in Open
// Firmware's manner (docs/specs/fw_cfg.rst), a line each; HALT keeps firmware from trying any other. A zero ends it.
import { DRIVES, DRIVE_NONE, FLOPPY_DRIVE, IDE_DRIVES, VIRTIO_DRIVE, drive } from "../devices/drives";
import { virtioDevice, virtioFunction } from "../machine/board";
import { bootOptions } from "../machine/boot-options";
import { endWriting, position, putByte, putText, writeInto } from "./acpi/table";

const NEW_LINE: u32 = 10;

/** Connector of the drive with boot index `rank`, or DRIVES. */
export function rankedDrive(rank: u32): u32 {
  for (let place: u32 = 0; place < DRIVES; place++)
    if (drive(place).kind != DRIVE_NONE && drive(place).bootRank == rank) return place;
  return DRIVES;
}

/** Writes the file at `at` in linear memory; returns its length, 0 where no drive has an index. */
export function writeBootOrder(at: usize): u32 {
  if (rankedDrive(1) == DRIVES) return 0;
  writeInto(at);
  for (let rank: u32 = 1, place = rankedDrive(1); place < DRIVES; place = rankedDrive(++rank)) {
    if (rank > 1) putByte(NEW_LINE);
    putPath(place);
  }
  if (bootOptions.strict) {
    putByte(NEW_LINE);
    putText("HALT");
  }
  putByte(0);
  const length = position();
  endWriting();
  return length;
}

function putPath(place: u32): void {
  if (place < IDE_DRIVES) {
    putText("/pci@i0cf8/ide@1,1/drive@");
    putDigit(place >> 1);
    putText("/disk@");
    putDigit(place & 1);
  } else if (place < VIRTIO_DRIVE) {
    putText("/pci@i0cf8/isa@1/fdc@03f0/floppy@");
    putDigit(place - FLOPPY_DRIVE);
  } else {
    putText("/pci@i0cf8/scsi@");
    putHex(virtioFunction(virtioDevice(place - VIRTIO_DRIVE)).address >> 3);
    putText("/disk@0,0");
  }
}

function putHex(value: u32): void {
  if (value >= 16) putDigit(value >> 4);
  putDigit(value & 15);
}

function putDigit(value: u32): void {
  putByte(value < 10 ? 0x30 + value : 0x57 + value);
}
