// Drives: what is in them, and changing that.
import { UserError } from "../../core/errors.ts";
import type { Command, MonitoredDrive, MonitorHost, Session } from "../host.ts";

export function isRemovable({ bus, media }: MonitoredDrive): boolean {
  return media === "cdrom" || bus === "floppy";
}

export function blockInfo({ host }: Session, words: readonly string[]): string {
  const wanted = words.find((word) => !word.startsWith("-"));
  const drives = host.drives().filter(({ name }) => wanted === undefined || name === wanted);
  return drives.map(describe).join("\n\n");
}

function describe(drive: MonitoredDrive): string {
  const { name, image } = drive;
  const lines = image
    ? [`${name}: ${image.file} (${image.format}${drive.readOnly ? ", read-only" : ""})`]
    : [`${name}: [not inserted]`];
  if (isRemovable(drive)) lines.push("    Removable device: not locked, tray closed");
  if (image) lines.push("    Cache mode:       writeback");
  if (image?.backing !== undefined)
    lines.push(`    Backing file:     ${image.backing} (chain depth: ${image.chainDepth})`);
  return lines.join("\n");
}

export function removableDrive(host: MonitorHost, name: string): MonitoredDrive {
  const drive = host.drives().find((one) => one.name === name);
  if (!drive) throw new UserError(`Device '${name}' not found`);
  if (!isRemovable(drive)) throw new UserError(`Device '${name}' is not removable`);
  return drive;
}

function withoutForce(words: readonly string[]): readonly string[] {
  return words.filter((word) => word !== "-f");
}

function driveNames({ host }: Session): readonly string[] {
  return host.drives().map(({ name }) => name);
}

/** `change vnc password P`, as old as the VNC server. */
function changeVnc({ host }: Session, what: string, password: string | undefined): void {
  if (what !== "password" || password === undefined) throw new UserError("change vnc takes: password WORD");
  setVncPassword(host, password);
}

export function setVncPassword({ vnc }: MonitorHost, password: string): void {
  if (!vnc) throw new UserError("there is no VNC server");
  vnc.setPassword(password);
}

export const BLOCK: readonly Command[] = [
  {
    name: "commit",
    args: "device|all",
    help: "commit changes to the disk images (if -snapshot is used) or backing files",
    words: [1, 1],
    complete: (session) => ["all", ...driveNames(session)],
    run: ({ host }, [name]) => host.commit(name === "all" ? undefined : name),
  },
  {
    name: "eject",
    args: "[-f] device",
    help: "eject a removable medium (use -f to force it)",
    words: [1, 2],
    missing: "block device name expected",
    complete: driveNames,
    async run(session, words) {
      await session.host.changeMedium(
        removableDrive(session.host, withoutForce(words)[0] ?? ""),
        undefined,
        undefined,
      );
    },
  },
  {
    name: "change",
    args: "device [-f] filename [format]",
    help: "change a removable medium, optional format",
    words: [2, 4],
    missing: "filename expected",
    complete: driveNames,
    async run(session, words) {
      const [name, file, format] = withoutForce(words);
      if (name === "vnc") return changeVnc(session, file!, format);
      await session.host.changeMedium(removableDrive(session.host, name!), file, format);
    },
  },
];
