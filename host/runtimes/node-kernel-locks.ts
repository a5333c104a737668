// Who has locked which bytes of a file: Linux lists the locks of all processes in /proc/locks (proc(5)). QEMU's are among
// them.
//
// The kernel stops all locking while it makes the list, and waits some 15 ms for that, unless it has only just made one.
import { readFile, stat } from "node:fs/promises";

const LIST = "/proc/locks";

/** Whoever locks a file later than a look at it is not seen in any case: a list so many milliseconds old does as well. */
const FRESH = 100;

let latest: { text: Promise<string>; at: number } | undefined;

/** Empty on other systems. */
function newList(): Promise<string> {
  const text = readFile(LIST, "utf8").catch(() => "");
  latest = { text, at: performance.now() };
  return text;
}

/** Major and minor number as the list writes them, out of a dev_t (makedev(3)). */
function deviceName(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return [major, minor].map((number) => number.toString(16).padStart(2, "0")).join(":");
}

type Range = [first: number, last: number];

/** The list's lines are like "1: OFDLCK ADVISORY READ -1 fe:00:2302257 100 101". */
function rangesOf(file: { dev: bigint; ino: bigint }, list: string): Range[] {
  const name = `${deviceName(file.dev)}:${file.ino}`;
  return list
    .split("\n")
    .map((line) => line.trim().split(/\s+/).slice(-3))
    .filter(([id]) => id === name)
    .map(([, first, last]) => [Number(first), last === "EOF" ? Infinity : Number(last)]);
}

export async function lockedRanges(path: string): Promise<Range[]> {
  const file = await stat(path, { bigint: true }).catch(() => undefined);
  if (!file) return [];
  if (latest && performance.now() - latest.at < FRESH) {
    const ranges = rangesOf(file, await latest.text);
    // A lock of then may be gone by now.
    if (ranges.length === 0) return ranges;
  }
  return rangesOf(file, await newList());
}
