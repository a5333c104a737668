// What a monitor needs of the program around it.
import type { DriveBus } from "../core/drives.ts";
import type { LocalMachine } from "../machine.ts";
import type { Jobs } from "./qmp/jobs.ts";
import type { Snapshots } from "../state/snapshots.ts";

/** A drive as the monitor names it. */
export interface MonitoredDrive {
  /** `id=`, or QEMU's name for the place: ide0-hd0, ide1-cd0, floppy0, virtio0. */
  name: string;
  bus: DriveBus;
  index: number;
  media: "disk" | "cdrom";
  readOnly: boolean;
  /** What is inserted. */
  image:
    | { file: string; format: string; size: number; backing?: string | undefined; chainDepth: number }
    | undefined;
}

/** The VNC server, where there is one. */
export interface VncStatus {
  /** HOST:PORT, or a path. */
  readonly place: string;
  readonly auth: "none" | "vnc";
  readonly clients: number;
  /** What clients have to know from now on. */
  setPassword(password: string): void;
}

export interface MonitorHost {
  readonly machine: LocalMachine;
  /** Ends the program. */
  quit(): void;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  /** Character devices by name, and where each leads. */
  chardevs(): readonly (readonly [name: string, label: string])[];
  /** `-name` and `-uuid`. */
  readonly guestName: string | undefined;
  readonly uuid: string;
  readonly vnc: VncStatus | undefined;
  drives(): readonly MonitoredDrive[];
  readonly snapshots: Snapshots;
  /** Shared by all who speak QMP. */
  readonly jobs: Jobs;
  /** Writes what a drive's overlay holds into its backing file; without a name: every drive's that has one. */
  commit(drive?: string): Promise<void>;
  /** Puts the image at `file` in the drive, or, where that is undefined, nothing. */
  changeMedium(drive: MonitoredDrive, file: string | undefined, format: string | undefined): Promise<void>;
}

/** What one user of a monitor has chosen. */
export interface Session {
  readonly host: MonitorHost;
  /** Lines entered so far. */
  readonly history: readonly string[];
  /** The CPU that `x`, `info registers` and the like are about. */
  cpu: number;
  /** Format and size of the last `x` or `xp`. */
  format: string;
  size: number;
}

/** A command of the monitor, or a topic of `info`. */
export interface Command {
  name: string;
  alias?: string;
  /** Its arguments as the help writes them. */
  args?: string;
  help: string;
  /** Least and most words it takes; `usage` is what is said when they are too few. */
  words?: readonly [least: number, most: number];
  missing?: string;
  /** Returns what is to be shown, lines separated by "\n", or nothing. */
  run(session: Session, words: readonly string[]): string | void | Promise<string | void>;
  /** What could stand as its argument. */
  complete?(session: Session): readonly string[];
}
