// What a command line asks for: the record that host/cli/flags.ts fills and host/cli/run.ts carries out.
import type { BootSettings } from "../core/firmware.ts";
import type { ChardevSpec } from "./chardev/spec.ts";
import type { DriveDevice } from "./devices.ts";
import type { Drive } from "./drives.ts";
import type { SmbiosString } from "../core/told.ts";
import type { LogSpec } from "./log.ts";
import type { ToldFile } from "./told.ts";
import type { VncSpec } from "./vnc/spec.ts";

export interface PcOptions {
  /** Guest RAM in bytes. */
  memory: number;
  cpus: number;
  /** CPU features that the guest is not told of. */
  withoutFeatures?: readonly string[];
  kernel?: string;
  initrd?: string;
  append?: string;
  /** A firmware file in place of our own. */
  bios?: string;
  /** Folders in which firmware files are sought first. */
  firmwareFolders: string[];
  boot: BootSettings;
  drives: Drive[];
  /** The `-device`s that take a drive. */
  driveDevices: DriveDevice[];
  /** `-object`s as they were given: secrets that encrypted drives name. */
  objects: string[];
  /** Every writable drive keeps its changes apart and forgets them at the end. */
  snapshot: boolean;
  /** Where COM1 leads. */
  serial?: ChardevSpec;
  /** Where COM2 and those after it lead. */
  moreSerials: ChardevSpec[];
  monitor?: ChardevSpec;
  /** `-qmp`, `-qmp-pretty`: where QMP is spoken. */
  controls: { target: ChardevSpec; pretty: boolean }[];
  /** Where a debugger connects. */
  gdb?: ChardevSpec | undefined;
  /** `-S`: the guest waits for `cont`. */
  startsPaused: boolean;
  /** `-loadvm`: the snapshot that the machine begins with. */
  snapshotToLoad?: string;
  /** Where VNC clients find the screen. */
  vnc?: VncSpec | undefined;
  /** `-chardev`s by id. */
  chardevs: Map<string, ChardevSpec>;
  /** The key in front of commands on a shared terminal, instead of Ctrl-A. */
  escapeKey?: number;
  name?: string;
  uuid?: string;
  /** `-smbios`: words in the machine's description. */
  smbios: SmbiosString[];
  /** `-fw_cfg`: files for the guest, by name. */
  guestFiles: Map<string, ToldFile>;
  /** Where the number of this process is written. */
  pidFile?: string;
  nographic: boolean;
  /** `-nodefaults`: only the drives that are asked for. */
  noDefaults: boolean;
  /** What shows the screen; undefined: this terminal, where there is one. */
  display?: "curses" | "none";
  /** `-display none`, `-nodefaults`: nothing is shown where nothing was asked for. */
  quietConsole: boolean;
  /** A guest's reset ends the machine. */
  noReboot: boolean;
  /** A guest's power off stops the machine without ending the process. */
  noShutdown: boolean;
  /** Virtual time counts instructions: 2^shift ns each. */
  icountShift?: number;
  /** Time zero of the guest's clock, in ms since 1970. */
  rtcBase?: number;
  /** Ports of isa-debug-exit, when it is plugged in. */
  debugExit?: { port: number; ports: number };
  /** False: the board has no high precision event timer. */
  hpet?: boolean;
  /** virtio-rng is plugged in. */
  entropy?: boolean;
  /** isa-debugcon: its port, and where it leads. */
  debugConsole?: { port: number; target: ChardevSpec };
  /** What the guest does is written down; with no items: nothing. */
  log: LogSpec;
  /** What the translator did is told at the end. */
  jitStats: boolean;
  warnings: string[];
}

const MIB = 2 ** 20;
/** As QEMU's machine `pc`. */
const DEFAULT_MEMORY = 128 * MIB;

export function defaultOptions(): PcOptions {
  return {
    memory: DEFAULT_MEMORY,
    cpus: 1,
    firmwareFolders: [],
    boot: {},
    drives: [],
    driveDevices: [],
    objects: [],
    smbios: [],
    guestFiles: new Map(),
    moreSerials: [],
    controls: [],
    startsPaused: false,
    chardevs: new Map(),
    snapshot: false,
    nographic: false,
    noDefaults: false,
    quietConsole: false,
    noReboot: false,
    noShutdown: false,
    log: { items: new Set() },
    jitStats: false,
    warnings: [],
  };
}
