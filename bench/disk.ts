// The image tool beside qemu-img on one file: a disk with a file system's kind of content, made here or given.
// `node scripts/ts.mjs bench/disk.ts [--image=disk.qcow2] [--size=2048] [--rounds=3]` prints a table and writes JSON.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
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

type Who = "ours" | "native";
/** What both are told, as commands one after the other; their own files carry their name. */
type Commands = (who: Who) => string[][];

function commandOf(who: Who, args: string[]): [command: string, args: string[]] {
  return who === "ours" ? [process.execPath, [cli, "img", ...args]] : ["qemu-img", args];
}

/** Runs one command to its end and gives what it says. */
function run(who: Who, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(...commandOf(who, args), { cwd: folder, encoding: "utf8" });
  // compare answers 1 for "differ", which would be a wrong result as well.
  if (status !== 0) throw new Error(`${who}: ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Wall time, the program's start included. */
function seconds(who: Who, commands: string[][]): number {
  const start = performance.now();
  for (const args of commands) run(who, args);
  return (performance.now() - start) / 1000;
}

/** What `bench` says that it took: the requests alone. */
function requestSeconds(who: Who, commands: string[][]): number {
  return commands.reduce((sum, args) => sum + Number(/completed in ([\d.]+)/.exec(run(who, args))![1]), 0);
}

function measure(what: string, rounds: number, commands: Commands, timer = seconds): Row {
  const row: Row = { what, ours: Infinity, native: Infinity };
  for (let round = 0; round < rounds; round++)
    for (const who of ["ours", "native"] as const) row[who] = Math.min(row[who], timer(who, commands(who)));
  return row;
}

/** The most memory that a command has held, in MiB: Linux keeps the high-water mark while the process lives. */
async function peakMemory(who: Who, args: string[]): Promise<number> {
  const child = spawn(...commandOf(who, args), { cwd: folder, stdio: "ignore" });
  let peak = 0;
  const look = setInterval(() => {
    const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
    peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? peak);
  }, 10);
  const [code] = (await once(child, "exit")) as [number | null];
  clearInterval(look);
  if (code !== 0) throw new Error(`${who}: ${args.join(" ")} ended with ${code}`);
  return Math.round(peak / 1024);
}

/** Requests of 4 KiB all over the disk: a step of an odd number of them comes by everywhere before it repeats. */
const scattered = ["-c", "50000", "-d", "16", "-s", "4096", "-S", String(4096 * 7919)];
const secret = ["--object", "secret,id=key,data=bench"];

try {
  const rounds = Number(option("rounds") ?? 3);
  const raw = join(folder, "disk.raw");
  const image = option("image");
  if (image) run("native", ["convert", "-O", "raw", resolve(image), raw]);
  else makeImage(raw, Number(option("size") ?? 2048) * MIB);
  const zstd = ["-c", "-o", "compression_type=zstd", "-O", "qcow2"];
  const rows = [
    measure("convert raw → qcow2", rounds, (who) => [
      ["convert", "-f", "raw", "-O", "qcow2", raw, `${who}.qcow2`],
    ]),
    measure("convert qcow2 → raw", rounds, (who) => [["convert", "-O", "raw", "native.qcow2", `${who}.raw`]]),
    measure("compare", rounds, () => [["compare", "-f", "raw", raw, "native.qcow2"]]),
    measure("check", rounds, () => [["check", "native.qcow2"]]),
    measure("map", rounds, () => [["map", "--output=json", "native.qcow2"]]),
    measure("info", rounds, () => [["info", "native.qcow2"]]),
    measure(
      "random 4 KiB reads",
      rounds,
      () => [["bench", "-f", "qcow2", ...scattered, "native.qcow2"]],
      requestSeconds,
    ),
    measure(
      "random 4 KiB writes",
      rounds,
      (who) => [["bench", "-w", "-f", "qcow2", ...scattered, `${who}.qcow2`]],
      requestSeconds,
    ),
    measure("convert -c", 1, (who) => [["convert", "-c", "-f", "raw", "-O", "qcow2", raw, `${who}-c.qcow2`]]),
    measure("convert -c, zstd", 1, (who) => [["convert", "-f", "raw", ...zstd, raw, `${who}-z.qcow2`]]),
    measure("convert zlib → raw", 1, (who) => [["convert", "-O", "raw", "native-c.qcow2", `${who}.raw`]]),
    measure("convert zstd → raw", 1, (who) => [["convert", "-O", "raw", "native-z.qcow2", `${who}.raw`]]),
    measure("convert raw → luks", 1, (who) => [
      [
        "convert",
        ...secret,
        "-f",
        "raw",
        "-O",
        "luks",
        "-o",
        "key-secret=key,iter-time=10",
        raw,
        `${who}.luks`,
      ],
    ]),
    measure("convert luks → raw", 1, (who) => [
      [
        "convert",
        ...secret,
        "--image-opts",
        "-O",
        "raw",
        "driver=luks,key-secret=key,file.filename=native.luks",
        `${who}.raw`,
      ],
    ]),
    measure("create 10 TiB", rounds, (who) => [["create", "-q", "-f", "qcow2", `${who}-10T.qcow2`, "10T"]]),
    measure("snapshot -c, -a, -d on 100 GiB", rounds, (who) => [
      ["create", "-q", "-f", "qcow2", `${who}-100G.qcow2`, "100G"],
      ...["-c", "-a", "-d"].map((verb) => ["snapshot", verb, "one", `${who}-100G.qcow2`]),
    ]),
  ];
  const convert = ["convert", "-f", "raw", "-O", "qcow2", raw, "memory.qcow2"];
  const memory = { ours: await peakMemory("ours", convert), native: await peakMemory("native", convert) };
  const commit = execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" }).trim();
  const result = { commit, machine: cpus()[0]!.model, node: process.version, rows, memory };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.stderr.write("| what | wasmqemu img | qemu-img | ratio |\n|---|---|---|---|\n");
  for (const { what, ours, native } of rows)
    process.stderr.write(
      `| ${what} | ${ours.toFixed(2)} s | ${native.toFixed(2)} s | ${(ours / native).toFixed(2)} |\n`,
    );
  process.stderr.write(
    `\nPeak memory of convert raw → qcow2: ${memory.ours} MiB, qemu-img ${memory.native} MiB\n`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
