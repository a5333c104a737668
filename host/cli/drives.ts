// `-hda`, `-cdrom`, `-fda`, `-drive` and the bare image argument: from words to drives, and from drives to the places
// of the machine's controllers.
import { BlockOptions, unknownNode } from "../block/options.ts";
import { UserError } from "../core/errors.ts";
import type { DriveBus } from "../core/drives.ts";
import { parseInteger, parseList, parseSwitch } from "./option-list.ts";

/** What `cache=` promises: when a write is on the disk. */
export type CacheMode = "writeback" | "writethrough";

export interface Drive {
  /** undefined: an empty drive. */
  file?: string;
  /** The image format by name; undefined: probed. */
  format?: string;
  /** Options of the format, by their names in `-blockdev`: those of its encryption. */
  formatOptions?: Record<string, string>;
  /** `if=`; a drive on "none" waits for a `-device` that names it. */
  bus: DriveBus | "none";
  media: "disk" | "cdrom";
  /** Place on the bus (IDE: channel * 2 + unit); undefined: the first free one. */
  index?: number | undefined;
  /** Where the search for a free place begins. */
  from?: number | undefined;
  bootIndex?: number | undefined;
  id?: string | undefined;
  readOnly: boolean;
  snapshot: boolean;
  /** From a `-blockdev`: `file` says all, and `-snapshot` does not touch it. */
  isNode?: boolean;
  cache: CacheMode;
  /** The words that asked for this drive, to name them in messages. */
  option: string;
}

/** What a drive is when nothing is said about it. */
export function emptyDrive(option: string): Drive {
  return { bus: "ide", media: "disk", readOnly: false, snapshot: false, cache: "writeback", option };
}

const EMPTY = "Device needs media, but drive is empty";

/** A drive as plain `-hda FILE` means it; `file` is taken literally, commas included. */
export function plainDrive(option: string, file: string, index: number): Drive {
  if (file === "") throw new UserError(EMPTY);
  return { ...emptyDrive(option), file, index };
}

/** `-cdrom FILE`; without a name the tray is empty. */
export function cdDrive(option: string, file: string): Drive {
  return {
    ...emptyDrive(option),
    ...(file === "" ? {} : { file }),
    media: "cdrom",
    index: 2,
    readOnly: true,
  };
}

/** `-fda FILE` and `-fdb FILE`. */
export function floppyDrive(option: string, file: string, index: number): Drive {
  return { ...emptyDrive(option), ...(file === "" ? {} : { file }), bus: "floppy", index };
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

const ERROR_ACTIONS: readonly string[] = ["report", "ignore", "enospc", "stop"];

/** Values of `-drive` keys that change nothing here, so that a QEMU user's line runs as it is. */
const WITHOUT_EFFECT: Readonly<Record<string, { values: readonly string[]; complaint: string }>> = {
  aio: { values: ["threads", "native", "io_uring"], complaint: "invalid aio option" },
  discard: { values: ["ignore", "off", "unmap", "on"], complaint: "Invalid discard option" },
  "detect-zeroes": { values: ["off", "on", "unmap"], complaint: "invalid detect-zeroes option" },
  werror: { values: ERROR_ACTIONS.slice(0, 3), complaint: "only report and enospc are supported so far" },
  rerror: { values: ["report"], complaint: "only report is supported so far" },
};

/** Places that a bus has, and how many of them share a channel of it. */
export const BUSES: Readonly<Record<DriveBus, { places: number; unitsPerBus: number }>> = {
  ide: { places: 4, unitsPerBus: 2 },
  floppy: { places: 2, unitsPerBus: 2 },
  virtio: { places: 8, unitsPerBus: Infinity },
};

/** Reads `-drive file=…,format=…,if=…,index=…,media=…,snapshot=…,readonly=…,cache=…,id=…,encrypt.key-secret=…`. */
export function parseDrive(text: string): Drive {
  const result = emptyDrive(`-drive ${text}`);
  let bus: number | undefined;
  let unit: number | undefined;
  for (const { key, value } of parseList(text)) {
    if (key !== "snapshot" && key !== "readonly" && value === undefined)
      throw new UserError(
        result.file === undefined ? "Must specify either driver or file" : `Expected '=' after '${key}'`,
      );
    switch (key) {
      case "file":
        if (value !== "") result.file = value!;
        break;
      case "format":
      case "driver":
        result.format = value!;
        break;
      case "if":
        result.bus = driveBus(value!);
        break;
      case "media":
        if (value !== "disk" && value !== "cdrom") throw new UserError(`'${value}' invalid media`);
        result.media = value;
        break;
      case "index":
        result.index = parseInteger(key, value!);
        break;
      case "bus":
        bus = parseInteger(key, value!);
        break;
      case "unit":
        unit = parseInteger(key, value!);
        break;
      case "snapshot":
        result.snapshot = parseSwitch(key, value);
        break;
      case "readonly":
      case "read-only":
        result.readOnly = parseSwitch("read-only", value);
        break;
      case "cache":
        if (!Object.hasOwn(CACHE_MODES, value!)) throw new UserError("invalid cache option");
        result.cache = CACHE_MODES[value!]!;
        break;
      case "id":
        result.id = identifier(value!);
        break;
      case "key-secret":
      case "encrypt.key-secret":
      case "encrypt.format":
        result.formatOptions = { ...result.formatOptions, [key]: value! };
        break;
      default:
        acceptWithoutEffect(key, value!);
    }
  }
  if (result.media === "cdrom") result.readOnly = true;
  requireMedium(result);
  if (bus !== undefined || unit !== undefined) result.index = indexOf(result.bus, bus, unit, result.index);
  return result;
}

/**
 * `-blockdev`, as settings or as JSON. Where it names a node of a `-blockdev` before it (`file=ID`), that one's settings
 * take the name's place: each drive opens its own chain.
 */
export function parseBlockdev(text: string, before: readonly Drive[]): Drive {
  const given = text.startsWith("{") ? BlockOptions.fromJson(text) : BlockOptions.fromList(text);
  const { driver, "node-name": id, ...tree } = given.toTree();
  if (typeof driver !== "string") throw new UserError("Parameter 'driver' is missing");
  if (typeof id !== "string") throw new UserError("'node-name' must be specified for the root node");
  if (before.some((drive) => drive.id === id)) throw new UserError(`Duplicate nodes with node-name='${id}'`);
  for (const child of ["file", "backing", "data-file"])
    if (typeof tree[child] === "string") tree[child] = nodeOptions(tree[child], before);
  return {
    ...emptyDrive(`-blockdev ${text}`),
    bus: "none",
    id: identifier(id),
    readOnly: given.copy().takeSwitch("read-only") ?? false,
    file: `json:${JSON.stringify({ driver, ...tree })}`,
    isNode: true,
  };
}

function nodeOptions(name: string, drives: readonly Drive[]): unknown {
  const node = drives.find((drive) => drive.isNode && drive.id === name);
  if (!node) throw unknownNode(name);
  return BlockOptions.fromJson(node.file!.slice("json:".length)).toTree();
}

/** Disks are never empty, and an IDE disk has no way to tell a guest that it cannot be written. */
export function requireMedium({ bus, media, file, readOnly }: Drive): void {
  const removable = media === "cdrom" || bus === "floppy" || bus === "none";
  if (file === undefined && !removable) throw new UserError(EMPTY);
  if (bus === "ide" && media === "disk" && readOnly) throw new UserError("Block node is read-only");
}

function driveBus(name: string): DriveBus | "none" {
  if (name === "none" || Object.hasOwn(BUSES, name)) return name as DriveBus | "none";
  const known = ["scsi", "pflash", "mtd", "sd", "xen"].includes(name);
  throw new UserError(
    known ? `if=${name} is not supported yet: use ide, floppy or virtio` : `unsupported bus type '${name}'`,
  );
}

export function identifier(text: string): string {
  if (/^[a-z][\w.-]*$/i.test(text)) return text;
  throw new UserError(
    "Parameter 'id' expects an identifier\n" +
      "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.",
  );
}

function acceptWithoutEffect(key: string, value: string): void {
  const known = Object.hasOwn(WITHOUT_EFFECT, key) ? WITHOUT_EFFECT[key] : undefined;
  if (!known) throw new UserError(`-drive does not support the option '${key}' yet`);
  if (!known.values.includes(value)) throw new UserError(known.complaint);
}

function indexOf(
  name: DriveBus | "none",
  bus = 0,
  unit: number | undefined,
  index: number | undefined,
): number | undefined {
  if (index !== undefined) {
    if (bus === 0 && unit === undefined) return index;
    throw new UserError("index cannot be used with bus and unit");
  }
  const { unitsPerBus } = BUSES[name === "none" ? "virtio" : name];
  if (unit !== undefined && unit >= unitsPerBus)
    throw new UserError(`unit ${unit} too big (max is ${unitsPerBus - 1})`);
  if (unit === undefined) return bus === 0 ? undefined : bus * unitsPerBus;
  return bus === 0 ? unit : bus * unitsPerBus + unit;
}

/** A drive in its place. */
export interface PlacedDrive extends Drive {
  bus: DriveBus;
  index: number;
}

/** Gives each drive its place: the asked one, or the first that no one before it took. Drives on "none" have none. */
export function placeDrives(drives: readonly Drive[]): PlacedDrive[] {
  const placed: PlacedDrive[] = [];
  const taken = (bus: DriveBus, index: number): boolean =>
    placed.some((other) => other.bus === bus && other.index === index);
  for (const drive of drives) {
    if (drive.bus === "none") continue;
    const { places, unitsPerBus } = BUSES[drive.bus];
    let index = drive.index ?? drive.from ?? 0;
    while (drive.index === undefined && taken(drive.bus, index)) index++;
    const bus = Number.isFinite(unitsPerBus) ? Math.floor(index / unitsPerBus) : 0;
    const unit = index - (bus && bus * unitsPerBus);
    if (index >= places)
      throw new UserError(
        `${drive.option}: machine type does not support if=${drive.bus},bus=${bus},unit=${unit}`,
      );
    if (taken(drive.bus, index))
      throw new UserError(`${drive.option}: drive with bus=${bus}, unit=${unit} (index=${index}) exists`);
    placed.push({ ...drive, bus: drive.bus, index });
  }
  return placed;
}

/**
 * The drives that a PC has unless told otherwise: a CD-ROM and a floppy, both empty, where nothing else is. As in QEMU
 * a `-device` on a bus (`plugged`) does away with the default there.
 */
export function withDefaultDrives(
  placed: readonly PlacedDrive[],
  plugged: ReadonlySet<DriveBus> = new Set(),
): PlacedDrive[] {
  const has = (bus: DriveBus, index: number): boolean =>
    placed.some((drive) => drive.bus === bus && drive.index === index);
  const all = [...placed];
  if (!has("ide", 2) && !plugged.has("ide")) all.push({ ...cdDrive("-cdrom", ""), bus: "ide", index: 2 });
  if (!placed.some(({ bus }) => bus === "floppy"))
    all.push({ ...floppyDrive("-fda", "", 0), bus: "floppy", index: 0 });
  return all;
}
