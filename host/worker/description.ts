// A machine in words: what `Machine.create` takes, and what is made of it before it goes to the machine's thread.
import type { BlockSource } from "../block/source.ts";
import type { DriveBus } from "../core/drives.ts";
import { UserError } from "../core/errors.ts";
import { parseSize } from "../image/size.ts";
import type { MachineOptions } from "../machine.ts";

/**
 * Where bytes come from: a name (a path, in a browser that of a file in the origin's private file system; `https://`,
 * `nbd://`, `json:{…}`), a URL, a file that the user has picked, bytes (copied), or an object of the caller's, which
 * stays on the caller's thread and is closed by him. What a name or a file stands for is opened by the machine's thread,
 * and closed with the machine.
 */
export type ByteSource = string | URL | Blob | Uint8Array | BlockSource;

/** A drive in words. */
export interface DriveDescription {
  /** The disk image; undefined: an empty drive, for CDs and floppies. */
  source?: ByteSource | undefined;
  /** The image's format, by qemu-img's name; undefined: probed. */
  format?: string | undefined;
  /** Default "disk". */
  media?: "disk" | "cdrom" | "floppy" | undefined;
  /** Where a disk or CD is plugged in; default "ide". */
  interface?: "ide" | "virtio" | undefined;
  /** Its place there; undefined: the first free one, the third for CDs. */
  index?: number | undefined;
  /** The guest cannot write. */
  readOnly?: boolean;
  /** What the guest writes is kept in memory and forgotten with the machine. Always so with Blobs and the web. */
  snapshot?: boolean | undefined;
  /**
   * Names a qcow2 file in which what the guest writes is kept, over `source`, which is never touched; made if there is
   * none.
   */
  overlay?: string | undefined;
  /** Files that the image names (its backing file, its data file) may be opened. Default false: then it is refused. */
  followNames?: boolean | undefined;
  /** An image that `source`, an overlay, lies over in place of the backing file that it names. Never written. */
  backing?: ByteSource | undefined;
  /** Of an encrypted image. */
  passphrase?: string | Uint8Array | undefined;
}

/** A PC in words. */
export interface MachineDescription extends Pick<
  MachineOptions,
  "cpus" | "debugExit" | "entropy" | "instructionShift" | "translates" | "withoutFeatures"
> {
  /** Guest RAM, in bytes or in words ("512M", "2G"); default 128 MiB. */
  memory?: number | string | undefined;
  /** Disks, each a description or just its source. */
  drives?: readonly (DriveDescription | ByteSource)[] | undefined;
  /** What is in the CD-ROM drive. */
  cdrom?: ByteSource | undefined;
  /** What is in the first floppy drive. */
  floppy?: ByteSource | undefined;
  /** A Linux kernel (bzImage) to start; without one the firmware boots from the drives. */
  kernel?: ByteSource | undefined;
  initrd?: ByteSource | undefined;
  /** The kernel's. */
  commandLine?: string | undefined;
  /** What to boot from, as QEMU's letters: a floppy, c hard disk, d CD; default "cad". */
  bootOrder?: string | undefined;
  /** Firmware in place of the package's own, such as SeaBIOS. */
  bios?: ByteSource | undefined;
  /** The video BIOS that goes with it. */
  videoBios?: ByteSource | undefined;
  /** Where the firmware shows itself: on the screen alone (default), or on the first serial port as well. */
  display?: "screen" | "serial" | undefined;
  /** Time at power on, in ms since 1970; default: now. */
  clock?: number | Date | undefined;
  /** A reset by the guest ends `run` instead of starting over. */
  endOnReset?: boolean | undefined;
  /** Plugs in isa-debugcon at a port, QEMU's being 0xe9, and hands on what the guest writes there. */
  debugConsole?: { port: number; onData(bytes: Uint8Array): void } | undefined;
  /** Counts for `info` what the translator does, which costs a little. */
  countsTranslated?: boolean | undefined;
  /** Told, in a sentence, of what goes wrong while the guest runs, such as a disk that cannot be read. */
  onTrouble?: ((sentence: string) => void) | undefined;
  /** Ends the machine, as `close` does, when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** A source as it goes to the machine's thread; `caller` is one of the caller's own objects, by number. */
export type PlannedSource =
  | { kind: "name"; name: string }
  | { kind: "blob"; blob: Blob }
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "caller"; number: number; size: number; verbs: readonly SourceVerb[] };

/** What a caller's source may be asked beside `read`. */
export const SOURCE_VERBS = ["write", "discard", "flush"] as const;
export type SourceVerb = (typeof SOURCE_VERBS)[number];

export interface PlannedDrive extends Omit<
  DriveDescription,
  "source" | "backing" | "interface" | "media" | "index"
> {
  bus: DriveBus;
  index: number;
  media: "disk" | "cdrom";
  source: PlannedSource | undefined;
  backing?: PlannedSource | undefined;
}

/** What the machine's thread builds the machine from. */
export interface MachinePlan {
  options: Omit<MachineOptions, "linux" | "firmware" | "drives" | "onTrouble">;
  drives: PlannedDrive[];
  kernel: PlannedSource | undefined;
  initrd: PlannedSource | undefined;
  commandLine: string;
  bios: PlannedSource | undefined;
  videoBios: PlannedSource | undefined;
}

const MIB = 2 ** 20;
/** As QEMU's. */
const DEFAULT_MEMORY = 128 * MIB;
const PLACES: Readonly<Record<DriveBus, number>> = { ide: 4, virtio: 8, floppy: 2 };
/** Secondary master. */
const CD_PLACE = 2;

/** Checks a description; `lend` gives an object of the caller's its number. */
export function planMachine(
  description: MachineDescription,
  lend: (source: BlockSource) => number,
): MachinePlan {
  const { cpus, debugExit, entropy, instructionShift, translates, withoutFeatures } = description;
  const { clock, commandLine = "", display = "screen", bootOrder } = description;
  const planned = (source: ByteSource | undefined): PlannedSource | undefined =>
    source === undefined ? undefined : planSource(source, lend);
  if (!description.kernel && (description.initrd || commandLine))
    throw new UserError("initrd and commandLine go with a kernel: name it too");
  const options = {
    cpus,
    debugExit,
    entropy,
    instructionShift,
    translates,
    withoutFeatures,
    memory: memorySize(description.memory ?? DEFAULT_MEMORY),
    boot: { order: bootOrder, serialConsole: display === "serial" },
    epoch: clock === undefined ? undefined : Number(clock),
    endOnReset: description.endOnReset,
    countsJit: description.countsTranslated,
    debugConsolePort: description.debugConsole?.port,
  };
  return {
    // What was not said keeps its default.
    options: withoutUndefined(options),
    drives: planDrives(description, planned),
    kernel: planned(description.kernel),
    initrd: planned(description.initrd),
    commandLine,
    bios: planned(description.bios),
    videoBios: planned(description.videoBios),
  };
}

/** A record with its settings left out that were not made. */
type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

export function withoutUndefined<T extends object>(record: T): Defined<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function memorySize(memory: number | string): number {
  const size = typeof memory === "string" ? parseSize(memory) : memory;
  if (size === undefined || !Number.isSafeInteger(size) || size <= 0)
    throw new UserError(`memory: '${memory}' is no size: say 512 * 2 ** 20, or "512M"`);
  return size;
}

export function planSource(source: ByteSource, lend: (source: BlockSource) => number): PlannedSource {
  if (typeof source === "string") return { kind: "name", name: source };
  if (source instanceof URL) return { kind: "name", name: nameOf(source) };
  if (source instanceof Blob) return { kind: "blob", blob: source };
  if (source instanceof Uint8Array) return { kind: "bytes", bytes: source };
  const verbs = SOURCE_VERBS.filter((verb) => source[verb] !== undefined);
  return { kind: "caller", number: lend(source), size: source.size, verbs };
}

/** A URL of a file is that file's path. */
function nameOf(url: URL): string {
  return url.protocol === "file:" ? decodeURIComponent(url.pathname) : url.href;
}

function isDescription(drive: DriveDescription | ByteSource): drive is DriveDescription {
  if (typeof drive === "string" || drive instanceof URL || drive instanceof Blob) return false;
  return !(drive instanceof Uint8Array) && !("read" in drive);
}

/** Every drive in its place: those that were asked for, and an empty CD-ROM and floppy drive as PCs have them. */
function planDrives(
  { drives = [], cdrom, floppy }: MachineDescription,
  planned: (source: ByteSource | undefined) => PlannedSource | undefined,
): PlannedDrive[] {
  const wanted = drives.map((drive) => (isDescription(drive) ? drive : { source: drive }));
  if (cdrom !== undefined) wanted.push({ source: cdrom, media: "cdrom", index: CD_PLACE });
  if (floppy !== undefined) wanted.push({ source: floppy, media: "floppy", index: 0 });
  // Those with a place of their own first: the others go around them.
  const inOrder = [
    ...wanted.filter(({ index }) => index !== undefined),
    ...wanted.filter(({ index }) => index === undefined),
  ];
  const placed: PlannedDrive[] = [];
  const taken = (bus: DriveBus, index: number): boolean =>
    placed.some((other) => other.bus === bus && other.index === index);
  for (const { source, backing, media = "disk", interface: plug = "ide", index: asked, ...rest } of inOrder) {
    const bus = media === "floppy" ? "floppy" : plug;
    const place = asked ?? firstFree(bus, media, taken);
    if (!(place < PLACES[bus])) throw new UserError(`${bus} has places for ${PLACES[bus]} drives, no more`);
    if (taken(bus, place)) throw new UserError(`two drives want place ${place} of ${bus}`);
    if (source === undefined && media === "disk")
      throw new UserError(`the disk at place ${place} of ${bus} has no source`);
    placed.push({
      ...rest,
      bus,
      index: place,
      media: media === "cdrom" ? media : "disk",
      source: planned(source),
      backing: planned(backing),
    });
  }
  if (!taken("ide", CD_PLACE)) placed.push(emptyDrive("ide", CD_PLACE, "cdrom"));
  if (!taken("floppy", 0)) placed.push(emptyDrive("floppy", 0, "disk"));
  return placed;
}

function emptyDrive(bus: DriveBus, index: number, media: PlannedDrive["media"]): PlannedDrive {
  return { bus, index, media, source: undefined };
}

function firstFree(
  bus: DriveBus,
  media: DriveDescription["media"],
  taken: (bus: DriveBus, index: number) => boolean,
): number {
  let place = bus === "ide" && media === "cdrom" ? CD_PLACE : 0;
  while (taken(bus, place)) place++;
  return place;
}
