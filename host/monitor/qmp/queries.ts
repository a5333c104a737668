// QMP's queries: what the machine is and how it does.
import { VERSION } from "../../version.ts";
import type { MonitoredDrive } from "../host.ts";
import { queryPci } from "../pci.ts";
import { isRemovable } from "../commands/block.ts";
import type { QmpCommand } from "./command.ts";

/** Clients choose their words by QEMU's version: those are 7.2's. Whose program this is stands in `package`. */
export const VERSION_REPORT = { qemu: { micro: 0, minor: 2, major: 7 }, package: `wasmqemu ${VERSION}` };

function describeDrive(drive: MonitoredDrive): object {
  const { name, image, readOnly } = drive;
  return {
    device: name,
    locked: false,
    removable: isRemovable(drive),
    inserted: image && {
      file: image.file,
      drv: image.format,
      ro: readOnly,
      backing_file: image.backing,
      backing_file_depth: image.chainDepth,
      image: { filename: image.file, format: image.format, "virtual-size": image.size },
    },
    tray_open: isRemovable(drive) ? false : undefined,
    type: "unknown",
  };
}

export const QUERIES: readonly QmpCommand[] = [
  {
    name: "query-status",
    run({ machine: { state } }) {
      return { status: state, singlestep: false, running: state === "running" };
    },
  },
  { name: "query-version", run: () => VERSION_REPORT },
  { name: "query-name", run: ({ guestName }) => ({ name: guestName }) },
  { name: "query-uuid", run: ({ uuid }) => ({ UUID: uuid }) },
  { name: "query-kvm", run: () => ({ enabled: false, present: false }) },
  { name: "query-target", run: () => ({ arch: "x86_64" }) },
  {
    name: "query-cpus-fast",
    run: ({ machine }) =>
      Array.from({ length: machine.inspector.cpus }, (_, n) => ({
        "thread-id": 1,
        props: { "core-id": n, "thread-id": 0, "socket-id": 0 },
        "qom-path": `/machine/unattached/device[${n}]`,
        "cpu-index": n,
        target: "x86_64",
      })),
  },
  {
    name: "query-chardev",
    run: ({ chardevs }) =>
      chardevs().map(([label, filename]) => ({ "frontend-open": true, filename, label })),
  },
  { name: "query-pci", run: ({ machine }) => queryPci(machine.inspector) },
  { name: "query-block", run: ({ drives }) => drives().map(describeDrive) },
  {
    name: "query-mice",
    run: () => [{ index: 0, name: "PS/2 Mouse", current: true, absolute: false }],
  },
];
