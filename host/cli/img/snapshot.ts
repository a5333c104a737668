// img snapshot: lists, takes, applies and deletes internal snapshots.
import { UserError, codeOf } from "../../core/errors.ts";
import { Qcow2Image } from "../../image/qcow2.ts";
import {
  applySnapshot,
  createSnapshot,
  deleteSnapshot,
  readSnapshots,
  type Snapshot,
} from "../../image/qcow2-snapshots.ts";
import { getopt, has, last, oneName, UsageError } from "./getopt.ts";
import { humanSize } from "../../image/size.ts";
import { openNamed } from "./open.ts";

const VERBS = { c: "create", a: "apply", d: "delete" } as const;

export async function snapshot(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hla:c:d:qU", { "force-share": "U" });
  const acts = (["l", "a", "c", "d"] as const).filter((letter) => has(parsed, letter));
  if (acts.length > 1) throw new UsageError("Cannot mix '-l', '-a', '-c', '-d'");
  const name = oneName(parsed);
  const act = acts[0];
  const image = await openNamed(parsed, name, { readOnly: act === undefined || act === "l" });
  try {
    if (act === undefined) return 0;
    if (act === "l") {
      if (image instanceof Qcow2Image) process.stdout.write(snapshotList((await readSnapshots(image)).list));
      return 0;
    }
    const wanted = last(parsed, act)!;
    try {
      if (!(image instanceof Qcow2Image))
        throw new UserError(
          act === "c" ? "-95 (Operation not supported)" : "Block driver does not support snapshots",
        );
      if (act === "c") await createSnapshot(image, wanted, new Date());
      else if (act === "a") await applySnapshot(image, wanted);
      else await deleteSnapshot(image, wanted);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`Could not ${VERBS[act]} snapshot '${wanted}': ${error.message}`, codeOf(error));
    }
    return 0;
  } finally {
    await image.close();
  }
}

/** The table that info and -l print; nothing at all without snapshots. */
export function snapshotList(list: readonly Snapshot[]): string {
  if (list.length === 0) return "";
  const lines = ["Snapshot list:", row("ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT")];
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
  return `${lines.join("\n")}\n`;
}

function row(id: string, tag: string, size: string, date: string, vmClock: string, icount: string): string {
  return (
    id.padEnd(10) +
    tag.padEnd(17) +
    size.padStart(8) +
    date.padStart(20) +
    vmClock.padStart(13) +
    icount.padStart(11)
  );
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
