// The image tool beside qemu-img on one file: a disk with a file system's kind of content, made here or given.
// `node scripts/ts.mjs bench/disk.ts [--image=disk.raw] [--size=2048] [--rounds=3]` prints a table and writes JSON.
import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";

const MIB = 2 ** 20;

function option(name: string): string | undefined {
  return process.argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
}

interface Row {
  what: string;
  /** Best of the rounds, in seconds. */
  ours: number;
  native: number;
}

const folder = mkdtempSync(join(tmpdir(), "wasmqemu-bench-"));
const cli = resolve("dist/cli.js");

/** Programs and text of this machine, one eighth of the disk left empty, up to `size` bytes. */
function makeImage(path: string, size: number): void {
  const file = openSync(path, "w");
  ftruncateSync(file, size);
  const names = ["/usr/bin", "/usr/lib/x86_64-linux-gnu", "/usr/share/doc"]
    .flatMap((at) =>
      readdirSync(at, { withFileTypes: true }).map((entry) => (entry.isFile() ? join(at, entry.name) : "")),
    )
    .filter(Boolean);
  let at = 0;
  for (let round = 0; at < size && names.length; round++) {
    const bytes = readFileSync(names[round % names.length]!);
    writeSync(file, bytes, 0, Math.min(bytes.length, size - at), at);
    at += Math.ceil(bytes.length / 4096) * 4096;
    if (round % 64 === 63) at += 8 * MIB;
  }
  closeSync(file);
}

function seconds(command: string, args: string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
  // compare answers 1 for "differ", which would be a wrong result as well.
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  return (performance.now() - start) / 1000;
}

function measure(what: string, rounds: number, args: (who: string) => string[]): Row {
  const row: Row = { what, ours: Infinity, native: Infinity };
  for (let round = 0; round < rounds; round++) {
    row.ours = Math.min(row.ours, seconds(process.execPath, [cli, "img", ...args("ours")]));
    row.native = Math.min(row.native, seconds("qemu-img", args("native")));
  }
  return row;
}

try {
  const rounds = Number(option("rounds") ?? 3);
  const raw = option("image") ? resolve(option("image")!) : join(folder, "disk.raw");
  if (!option("image")) makeImage(raw, Number(option("size") ?? 2048) * MIB);
  const rows = [
    measure("convert raw → qcow2", rounds, (who) => [
      "convert",
      "-f",
      "raw",
      "-O",
      "qcow2",
      raw,
      `${who}.qcow2`,
    ]),
    measure("convert qcow2 → raw", rounds, (who) => ["convert", "-O", "raw", "native.qcow2", `${who}.raw`]),
    measure("compare", rounds, () => ["compare", "native.raw", "native.qcow2"]),
    measure("check", rounds, () => ["check", "native.qcow2"]),
    measure("map", rounds, () => ["map", "--output=json", "native.qcow2"]),
    measure("convert -c", 1, (who) => ["convert", "-c", "-O", "qcow2", "native.qcow2", `${who}-c.qcow2`]),
    measure("create 10 TiB", rounds, (who) => ["create", "-q", "-f", "qcow2", `${who}-10T.qcow2`, "10T"]),
    measure("info", rounds, () => ["info", "native.qcow2"]),
  ];
  const commit = execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" }).trim();
  const result = { commit, machine: cpus()[0]!.model, node: process.version, rows };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.stderr.write("| what | wasmqemu img | qemu-img | ratio |\n|---|---|---|---|\n");
  for (const { what, ours, native } of rows)
    process.stderr.write(
      `| ${what} | ${ours.toFixed(2)} s | ${native.toFixed(2)} s | ${(ours / native).toFixed(2)} |\n`,
    );
} finally {
  rmSync(folder, { recursive: true });
}
