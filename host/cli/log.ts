// `-d`, `-D`, `-dfilter`: which items the log has, where it goes, to which addresses it is limited.
import { closeSync, openSync, writeSync } from "node:fs";
import process from "node:process";
import { reason, UserError } from "../core/errors.ts";
import { GuestLog, LOG_ITEMS, type LogItem } from "../debug/guest-log.ts";

/** QEMU's items that need nothing of us: each instruction is traced alone already. */
const IMPLIED: ReadonlySet<string> = new Set(["nochain", "unimp"]);

export interface LogSpec {
  items: Set<LogItem>;
  /** Undefined: standard error. */
  file?: string;
  ranges?: (readonly [bigint, bigint])[];
}

function isItem(name: string): name is LogItem {
  return Object.hasOwn(LOG_ITEMS, name);
}

/** What `-d help` prints. */
export function logHelp(): string {
  const rows = Object.entries(LOG_ITEMS).map(([name, { help }]) => `${name.padEnd(15)} ${help}`);
  return `Log items (comma separated):\n${rows.join("\n")}\n`;
}

/** The items in the argument of `-d`. */
export function parseLogItems(text: string): LogItem[] {
  const names = text.split(",").filter((name) => name !== "" && !IMPLIED.has(name));
  return names.flatMap((name) => {
    if (name === "all") return Object.keys(LOG_ITEMS) as LogItem[];
    if (!isItem(name))
      throw new UserError(`'${name}' is no log item: use ${Object.keys(LOG_ITEMS).join(", ")}`);
    return [name];
  });
}

/** START..END, START+SIZE or START-SIZE, several by commas (QEMU's `-dfilter`). */
export function parseLogRanges(text: string): (readonly [bigint, bigint])[] {
  return text.split(",").map((range) => {
    const [, first, operator, second] = /^(\w+)(\.\.|[+-])(\w+)$/.exec(range) ?? [];
    try {
      const [a, b] = [BigInt(first!), BigInt(second!)];
      if (operator === "..") return [a, b] as const;
      return operator === "+" ? ([a, a + b - 1n] as const) : ([a - b + 1n, a] as const);
    } catch {
      throw new UserError("Bad range specifier: use START..END, START+SIZE or START-SIZE");
    }
  });
}

export interface OpenLog {
  readonly tracer: GuestLog;
  close(): void;
}

/** Pieces are gathered up to so many characters; a log of each instruction is many megabytes. */
const GATHERED = 1 << 16;

/** Opens the log; `%d` in the file's name is this process's number. */
export async function openLog({ items, file, ranges }: LogSpec): Promise<OpenLog> {
  const disassemble = items.has("in_asm")
    ? (await import("../debug/disassembler.ts")).disassemble
    : undefined;
  const listRegion = items.has("op") ? (await import("../debug/region-listing.ts")).listRegion : undefined;
  let gathered = "";
  const descriptor = file === undefined ? process.stderr.fd : open(file.replace("%d", String(process.pid)));
  const flush = (): void => {
    const bytes = Buffer.from(gathered);
    gathered = "";
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
  };
  const tracer = new GuestLog({
    items,
    ranges,
    disassemble,
    listRegion,
    write(text) {
      gathered += text;
      // The terminal shows each line as it comes, between the guest's own.
      if (file === undefined || gathered.length >= GATHERED) flush();
    },
  });
  return {
    tracer,
    close() {
      flush();
      if (file !== undefined) closeSync(descriptor);
    },
  };
}

function open(file: string): number {
  try {
    return openSync(file, "w");
  } catch (error) {
    throw new UserError(`could not open log file '${file}': ${reason(error)}`);
  }
}
