// The machine's drives as the host names them: bus and place on it, and what is inserted.
import type { BlockSource } from "../block/source.ts";
import { UserError } from "./errors.ts";
import type { MachineEngine } from "./machine-engine.ts";

/** What a drive is plugged into. */
export type DriveBus = "ide" | "floppy" | "virtio";

export interface DriveOptions {
  bus: DriveBus;
  /** Place on the bus; on IDE channel * 2 + unit. */
  index: number;
  /** An IDE drive is a disk or a CD-ROM drive; elsewhere "disk". */
  media: "disk" | "cdrom";
  /** What is inserted; undefined: nothing. The owner closes it. */
  source?: BlockSource | undefined;
  /** Firmware tries drives that have one first, the lowest before the others. */
  bootIndex?: number | undefined;
  /** The guest is told that it cannot write. CD-ROMs never can. */
  readOnly?: boolean;
}

/** IDE disks by place, as drives. */
export function ideDisks(disks: readonly (BlockSource | undefined)[]): DriveOptions[] {
  return disks.flatMap((source, index) => (source ? [{ bus: "ide", index, media: "disk", source }] : []));
}

const SECTOR = 512;
const CD_BLOCK = 2048;

/** What the machine's requests are answered from: the inserted medium of each connector. */
export type Media = (BlockSource | undefined)[];

/** Connector number of a drive (assembly/devices/drives.ts). */
export function connectorOf({ constants }: MachineEngine, { bus, index }: DriveOptions): number {
  switch (bus) {
    case "ide":
      return index;
    case "floppy":
      return constants.FLOPPY_DRIVE + index;
    case "virtio":
      return constants.VIRTIO_DRIVE + index;
  }
}

/** QEMU's name for a place that has no id. */
export function placeName({ bus, index, media }: Pick<DriveOptions, "bus" | "index" | "media">): string {
  switch (bus) {
    case "ide":
      return `ide${index >> 1}-${media === "cdrom" ? "cd" : "hd"}${index & 1}`;
    case "floppy":
    case "virtio":
      return `${bus}${index}`;
  }
}

/** What messages call a connector. */
export function connectorName({ constants }: MachineEngine, connector: number): string {
  const { FLOPPY_DRIVE, VIRTIO_DRIVE } = constants;
  if (connector < FLOPPY_DRIVE) return `IDE drive ${connector}`;
  if (connector < VIRTIO_DRIVE) return `floppy drive ${connector - FLOPPY_DRIVE}`;
  return `virtio drive ${connector - VIRTIO_DRIVE}`;
}

/** Sectors that the guest sees of `source`: whole ones, and on a CD whole blocks. */
export function sectorsOf(drive: Pick<DriveOptions, "bus" | "index" | "media">, source: BlockSource): number {
  const unit = drive.media === "cdrom" ? CD_BLOCK : SECTOR;
  if (source.size < unit)
    throw new UserError(
      `${drive.bus} drive ${drive.index}: the medium is smaller than one sector of ${unit} bytes`,
    );
  return Math.floor(source.size / unit) * (unit / SECTOR);
}

/** Tells the engine of the drives, before power on; returns the media by connector. */
export function attachDrives(engine: MachineEngine, drives: readonly DriveOptions[]): Media {
  const media: Media = [];
  const { DRIVE_CD, DRIVE_DISK, DRIVE_FLOPPY } = engine.constants;
  for (const drive of drives) {
    const connector = connectorOf(engine, drive);
    const kind = drive.media === "cdrom" ? DRIVE_CD : drive.bus === "floppy" ? DRIVE_FLOPPY : DRIVE_DISK;
    const sectors = drive.source ? sectorsOf(drive, drive.source) : 0;
    engine.attachDrive(connector, kind, sectors, isReadOnly(drive));
    media[connector] = drive.source;
  }
  drives
    .filter(({ bootIndex }) => bootIndex !== undefined)
    .toSorted((a, b) => a.bootIndex! - b.bootIndex!)
    .forEach((drive, n) => engine.exports.rankDrive(connectorOf(engine, drive), n + 1));
  return media;
}

/** What the guest is told; no CD can be written, nor what has no way to write. */
export function isReadOnly({ media, readOnly, source }: DriveOptions): boolean {
  return media === "cdrom" || readOnly === true || source?.write === undefined;
}
