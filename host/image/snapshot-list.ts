// Snapshots as people read them: the table of img snapshot, img info and the monitor.
import type { Snapshot } from "./qcow2/snapshots.ts";
import { humanSize } from "./size.ts";

/** The table that info and -l print; nothing at all without snapshots. */
export function snapshotList(list: readonly Snapshot[]): string {
  if (list.length === 0) return "";
  return `Snapshot list:\n${snapshotTable(list)}\n`;
}

export function snapshotTable(list: readonly Snapshot[]): string {
  const lines = [row("ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT")];
  for (const one of list)
    lines.push(
      row(
        one.id,
        one.name,
        humanSize(one.vmStateSize),
        localDate(one.seconds),
        clock(one.clockNanoseconds),
        one.icount === undefined ? "" : String(one.icount),
      ),
    );
  return lines.join("\n");
}

function row(id: string, tag: string, size: string, date: string, vmClock: string, icount: string): string {
  return (
    `${padded(id, 9)} ${padded(tag, 16)} ` +
    size.padStart(8) +
    date.padStart(20) +
    vmClock.padStart(13) +
    icount.padStart(11)
  );
}

/** To so many bytes: as in QEMU, letters beyond ASCII count more than once. */
function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - new TextEncoder().encode(text).length));
}

const two = (value: number): string => String(value).padStart(2, "0");

function localDate(seconds: number): string {
  const date = new Date(seconds * 1000);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function clock(nanoseconds: bigint): string {
  const ms = Number(nanoseconds / 1_000_000n);
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two);
  return `${parts.join(":")}.${String(ms % 1000).padStart(3, "0")}`;
}
