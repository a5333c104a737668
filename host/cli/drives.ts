// `-hda`, `-drive` and the bare image argument: from words to the drives of the IDE controller's four places.
import { UserError } from "../core/errors.ts";
import { parseInteger, parseList, parseSwitch } from "./option-list.ts";

/** What `cache=` promises: when a write is on the disk. */
export type CacheMode = "writeback" | "writethrough";

export interface Drive {
  file: string;
  /** The image format by name; undefined: probed. */
  format?: string;
  /** Place on the IDE controller, 0-3 (channel * 2 + unit); undefined: the first free one. */
  index?: number;
  snapshot: boolean;
  cache: CacheMode;
  /** The words that asked for this drive, to name them in messages. */
  option: string;
}

/** A drive as plain `-hda FILE` means it; `file` is taken literally, commas included. */
export function plainDrive(option: string, file: string, index: number): Drive {
  if (file === "") throw new UserError("Device needs media, but drive is empty");
  return { file, index, snapshot: false, cache: "writeback", option };
}

// cache=none asks the host not to cache; the file's content after a flush is the same. unsafe allows us to skip
// flushes; we keep them.
const CACHE_MODES: Readonly<Record<string, CacheMode>> = {
  writeback: "writeback",
  none: "writeback",
  unsafe: "writeback",
  writethrough: "writethrough",
  directsync: "writethrough",
};

/** Values of `-drive` keys that change nothing here, so that a QEMU user's line runs as it is. */
const WITHOUT_EFFECT: Readonly<Record<string, { values: readonly string[]; complaint: string }>> = {
  aio: { values: ["threads", "native", "io_uring"], complaint: "invalid aio option" },
  discard: { values: ["ignore", "off", "unmap", "on"], complaint: "Invalid discard option" },
};

const UNITS_PER_CHANNEL = 2;
const PLACES = 4;

/** Reads `-drive file=…,format=…,if=ide,index=…,media=disk,snapshot=…,readonly=…,cache=…`. */
export function parseDrive(text: string): Drive {
  const drive: Drive = { file: "", snapshot: false, cache: "writeback", option: `-drive ${text}` };
  let bus: number | undefined;
  let unit: number | undefined;
  for (const { key, value } of parseList(text)) {
    if (key !== "snapshot" && key !== "readonly" && value === undefined)
      throw new UserError(
        drive.file === "" ? "Must specify either driver or file" : `Expected '=' after '${key}'`,
      );
    switch (key) {
      case "file":
        drive.file = value!;
        break;
      case "format":
      case "driver":
        drive.format = value!;
        break;
      case "if":
        requireIde(value!);
        break;
      case "media":
        requireDisk(value!);
        break;
      case "index":
        drive.index = parseInteger(key, value!);
        break;
      case "bus":
        bus = parseInteger(key, value!);
        break;
      case "unit":
        unit = parseInteger(key, value!);
        break;
      case "snapshot":
        drive.snapshot = parseSwitch(key, value);
        break;
      case "readonly":
        // An IDE disk has no way to tell a guest that it cannot be written.
        if (parseSwitch("read-only", value)) throw new UserError("Block node is read-only");
        break;
      case "cache":
        if (!Object.hasOwn(CACHE_MODES, value!)) throw new UserError("invalid cache option");
        drive.cache = CACHE_MODES[value!]!;
        break;
      case "id":
        break;
      default:
        acceptWithoutEffect(key, value!);
    }
  }
  if (drive.file === "") throw new UserError("Device needs media, but drive is empty");
  if (bus !== undefined || unit !== undefined) drive.index = indexOf(bus, unit, drive.index);
  return drive;
}

function requireIde(name: string): void {
  if (name === "ide") return;
  const known = ["scsi", "floppy", "pflash", "mtd", "sd", "virtio", "xen", "none"].includes(name);
  throw new UserError(
    known ? `if=${name} is not supported yet: use if=ide` : `unsupported bus type '${name}'`,
  );
}

function requireDisk(media: string): void {
  if (media === "disk") return;
  throw new UserError(
    media === "cdrom" ? "media=cdrom is not supported yet: only disks are" : `'${media}' invalid media`,
  );
}

function acceptWithoutEffect(key: string, value: string): void {
  const known = Object.hasOwn(WITHOUT_EFFECT, key) ? WITHOUT_EFFECT[key] : undefined;
  if (!known) throw new UserError(`-drive does not support the option '${key}' yet`);
  if (!known.values.includes(value)) throw new UserError(known.complaint);
}

function indexOf(bus = 0, unit: number | undefined, index: number | undefined): number | undefined {
  if (index !== undefined) {
    if (bus === 0 && unit === undefined) return index;
    throw new UserError("index cannot be used with bus and unit");
  }
  if (unit === undefined) return undefined;
  if (unit >= UNITS_PER_CHANNEL)
    throw new UserError(`unit ${unit} too big (max is ${UNITS_PER_CHANNEL - 1})`);
  return bus * UNITS_PER_CHANNEL + unit;
}

/** Gives each drive its place: the asked one, or the first that no one before it took. */
export function placeDrives(drives: readonly Drive[]): (Drive | undefined)[] {
  const places: (Drive | undefined)[] = Array.from({ length: PLACES });
  for (const drive of drives) {
    const index = drive.index ?? places.findIndex((taken) => !taken);
    const place = index < 0 ? PLACES : index;
    const bus = Math.floor(place / UNITS_PER_CHANNEL);
    const unit = place % UNITS_PER_CHANNEL;
    if (place >= PLACES)
      throw new UserError(`${drive.option}: machine type does not support if=ide,bus=${bus},unit=${unit}`);
    if (places[place])
      throw new UserError(`${drive.option}: drive with bus=${bus}, unit=${unit} (index=${place}) exists`);
    places[place] = drive;
  }
  return places;
}
