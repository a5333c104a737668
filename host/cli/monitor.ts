// The monitor's view of a machine that the command line started.
import { writeFile } from "node:fs/promises";
import { reason, UserError } from "../core/errors.ts";
import { placeName } from "../core/drives.ts";
import { commit } from "../library/overlays.ts";
import type { LocalMachine } from "../machine.ts";
import type { MonitoredDrive, MonitorHost, VncStatus } from "../monitor/host.ts";
import type { Jobs } from "../monitor/qmp/jobs.ts";
import { Snapshots } from "../state/snapshots.ts";
import { type OpenDrive, openMedium } from "./disks.ts";
import type { PcOptions } from "./pc-options.ts";

const NIL_UUID = "00000000-0000-0000-0000-000000000000";

export interface MonitorHostOptions {
  machine: LocalMachine;
  options: PcOptions;
  /** Changed in place when a medium is. */
  drives: OpenDrive[];
  snapshots: Snapshots;
  jobs: Jobs;
  chardevs(): readonly (readonly [name: string, label: string])[];
  quit(): void;
  vnc: VncStatus | undefined;
}

export function monitorHost({
  machine,
  options,
  drives,
  snapshots,
  jobs,
  chardevs,
  quit,
  vnc,
}: MonitorHostOptions): MonitorHost {
  return {
    machine,
    quit,
    vnc,
    chardevs,
    guestName: options.name,
    uuid: options.uuid ?? NIL_UUID,
    drives: () => drives.map(monitored),
    snapshots,
    jobs,
    async writeFile(path, bytes) {
      try {
        await writeFile(path, bytes);
      } catch (error) {
        throw new UserError(`failed to open file '${path}': ${reason(error)}`);
      }
    },
    commit: (name) => commitDrives(machine, drives, name),
    async changeMedium({ bus, index, media, readOnly }, file, format) {
      const drive = drives.find((one) => one.bus === bus && one.index === index)!;
      const opened = file === undefined ? undefined : await openMedium(file, format, readOnly);
      machine.changeMedium({ bus, index, media, readOnly }, opened?.source);
      await drive.source?.close();
      drive.source = opened?.source;
      drive.image = opened?.image;
    },
  };
}

async function commitDrives(
  machine: LocalMachine,
  drives: readonly OpenDrive[],
  name?: string,
): Promise<void> {
  const wanted = drives.filter((drive) => (name === undefined || nameOf(drive) === name) && !isFixed(drive));
  if (name !== undefined && wanted.length === 0) throw new UserError(`Device '${name}' not found`);
  await machine.whileStill(async () => {
    for (const { image } of wanted) if (image?.backing) await commit(image);
  });
}

/** Snapshots of the machine with whatever is in its drives then. */
export function snapshotsOf(machine: LocalMachine, drives: readonly OpenDrive[]): Snapshots {
  return new Snapshots(machine, () =>
    drives.map((drive) => ({ name: nameOf(drive), readOnly: isFixed(drive), image: drive.image })),
  );
}

function nameOf(drive: OpenDrive): string {
  return drive.id ?? placeName(drive);
}

function isFixed({ media, readOnly }: OpenDrive): boolean {
  return media === "cdrom" || readOnly === true;
}

function monitored(drive: OpenDrive): MonitoredDrive {
  const { bus, index, media, image } = drive;
  let chainDepth = 0;
  for (let below = image?.backing; below; below = below.backing) chainDepth++;
  return {
    name: nameOf(drive),
    bus,
    index,
    media,
    readOnly: isFixed(drive),
    image: image && {
      file: image.name,
      format: image.format,
      size: image.size,
      backing: image.backing?.name ?? image.backingName,
      chainDepth,
    },
  };
}
