// `npm run bench:disk`: the image tool beside qemu-img on one disk with a file system's kind of content.
//   --image FILE   the disk (default: one made of this machine's programs and texts)
//   --size N       MiB of a disk that is made (default 2048)
//   --rounds N     each command so often, ours and theirs in turn (default 5); the table has the medians
//   --readme       put the table into README.md afterwards
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { makeDisk } from "./disk-content.ts";
import { thisMachine, updateReadme } from "./readme.ts";

const { values: options } = parseArgs({
  options: {
    image: { type: "string" },
    size: { type: "string", default: "2048" },
    rounds: { type: "string", default: "5" },
    readme: { type: "boolean", default: false },
  },
});
const MIB = 2 ** 20;
const rounds = Number(options.rounds);
const folder = mkdtempSync(join(tmpdir(), "wasmqemu-bench-"));
const cli = resolve("dist/cli.js");

type Who = "ours" | "native";
const BOTH: readonly Who[] = ["ours", "native"];
/** What both are told, as commands one after the other; their own files carry their name. */
type Commands = (who: Who) => string[][];

/** Seconds that passed, and seconds that processors worked, where that is known. */
interface Time {
  wall: number;
  cpu: number;
}

interface Row {
  what: string;
  ours: Time;
  native: Time;
}

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

/** Seconds that processors have spent on programs of ours that have ended: proc(5), fields 16 and 17 of `stat`. */
function childrenSeconds(): number {
  const fields = readFileSync("/proc/self/stat", "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** The commands' whole time, the programs' start included. */
function commandTime(who: Who, commands: string[][]): Time {
  const cpu = childrenSeconds();
  const start = performance.now();
  for (const args of commands) run(who, args);
  return { wall: (performance.now() - start) / 1000, cpu: childrenSeconds() - cpu };
}

/** What `bench` says that it took: the requests alone. */
function requestTime(who: Who, commands: string[][]): Time {
  const seconds = commands.map((args) => Number(/completed in ([\d.]+)/.exec(run(who, args))![1]));
  return { wall: seconds.reduce((sum, value) => sum + value, 0), cpu: NaN };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function measure(what: string, commands: Commands, timer = commandTime): Row {
  const times: Record<Who, Time[]> = { ours: [], native: [] };
  for (let round = 0; round < rounds; round++)
    for (const who of BOTH) times[who].push(timer(who, commands(who)));
  const middle = (who: Who): Time => ({
    wall: median(times[who].map(({ wall }) => wall)),
    cpu: median(times[who].map(({ cpu }) => cpu)),
  });
  process.stderr.write(`${what} …\n`);
  return { what, ours: middle("ours"), native: middle("native") };
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

const mebibytes = (bytes: number): number => Math.round(bytes / MIB);
const seconds = (value: number): string => (Number.isNaN(value) ? "" : value.toFixed(value < 0.1 ? 3 : 2));
/** The system counts hundredths of a second of processors' work: of a few of them there is no ratio. */
const ratio = (a: number, b: number, least: number): string => (b >= least ? (a / b).toFixed(2) : "");

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ what, ours, native }) => {
    const times = [ours.wall, native.wall, ours.cpu, native.cpu].map(seconds);
    const ratios = [ratio(ours.wall, native.wall, 0), ratio(ours.cpu, native.cpu, 0.1)];
    return `| ${[what, ...times.slice(0, 2), ratios[0], ...times.slice(2), ratios[1]].join(" | ")} |`;
  });
  return [
    "| | wasmqemu img (s) | qemu-img (s) | ratio | its CPU time (s) | qemu-img's | ratio |",
    "|:--|--:|--:|--:|--:|--:|--:|",
    ...lines,
  ].join("\n");
}

/** Requests of 4 KiB all over the disk: a step of an odd number of them comes by everywhere before it repeats. */
const scattered = ["-c", "50000", "-d", "16", "-s", "4096", "-S", String(4096 * 7919)];
const secret = ["--object", "secret,id=key,data=bench"];

try {
  const raw = join(folder, "disk.raw");
  if (options.image) run("native", ["convert", "-O", "raw", resolve(options.image), raw]);
  else makeDisk(raw, Number(options.size) * MIB);
  // Beside a disk with much in it, the program's start is little.
  const full = join(folder, "full.raw");
  makeDisk(full, Number(options.size) * MIB);
  const { size, blocks } = statSync(raw);
  const fromRaw = ["convert", "-f", "raw", "-O", "qcow2"];
  const zstd = ["-c", "-o", "compression_type=zstd"];
  const luks = ["convert", ...secret, "-f", "raw", "-O", "luks", "-o", "key-secret=key,iter-time=10", raw];
  const unlocked = "driver=luks,key-secret=key,file.filename=native.luks";
  const hundred = (who: Who): string => `${who}-100G.qcow2`;
  // Where others use the machine as well, the ratio of CPU time says more than that of the clock.
  const loadNow = (): string => loadavg()[1]!.toFixed(1);
  const loads = [loadNow()];
  const rows = [
    measure("convert raw → qcow2", (who) => [[...fromRaw, raw, `${who}.qcow2`]]),
    measure("convert qcow2 → raw", (who) => [["convert", "-O", "raw", "native.qcow2", `${who}.raw`]]),
    measure("a full disk, raw → qcow2", (who) => [[...fromRaw, full, `${who}-full.qcow2`]]),
    measure("a full disk, qcow2 → raw", (who) => [
      ["convert", "-O", "raw", "native-full.qcow2", `${who}-full.raw`],
    ]),
    measure("compare", () => [["compare", "-f", "raw", raw, "native.qcow2"]]),
    measure("check", () => [["check", "native.qcow2"]]),
    measure("map", () => [["map", "--output=json", "native.qcow2"]]),
    measure("info", () => [["info", "native.qcow2"]]),
    measure(
      "50,000 random reads of 4 KiB",
      () => [["bench", "-f", "qcow2", ...scattered, "native.qcow2"]],
      requestTime,
    ),
    measure(
      "50,000 random writes of 4 KiB",
      (who) => [["bench", "-w", "-f", "qcow2", ...scattered, `${who}.qcow2`]],
      requestTime,
    ),
    measure("convert -c, zlib", (who) => [[...fromRaw, "-c", raw, `${who}-c.qcow2`]]),
    measure("convert -c, zstd", (who) => [[...fromRaw, ...zstd, raw, `${who}-z.qcow2`]]),
    measure("convert zlib → raw", (who) => [["convert", "-O", "raw", "native-c.qcow2", `${who}.raw`]]),
    measure("convert zstd → raw", (who) => [["convert", "-O", "raw", "native-z.qcow2", `${who}.raw`]]),
    measure("convert raw → luks", (who) => [[...luks, `${who}.luks`]]),
    measure("convert luks → raw", (who) => [
      ["convert", ...secret, "--image-opts", "-O", "raw", unlocked, `${who}.raw`],
    ]),
    measure("create 10 TiB", (who) => [["create", "-q", "-f", "qcow2", `${who}-10T.qcow2`, "10T"]]),
    measure("snapshot -c, -a, -d on 100 GiB", (who) => [
      ["create", "-q", "-f", "qcow2", hundred(who), "100G"],
      ...["-c", "-a", "-d"].map((verb) => ["snapshot", verb, "one", hundred(who)]),
    ]),
  ];
  const sizeOf = (name: string): string => (statSync(join(folder, name)).size / MIB).toFixed(1);
  const sizes = [`zlib ${sizeOf("ours-c.qcow2")} MiB (qemu-img ${sizeOf("native-c.qcow2")})`];
  sizes.push(`zstd ${sizeOf("ours-z.qcow2")} MiB (qemu-img ${sizeOf("native-z.qcow2")})`);
  const memory: string[] = [];
  for (const args of [
    [...fromRaw, raw, "memory.qcow2"],
    [...fromRaw, ...zstd, raw, "memory.qcow2"],
    ["convert", "-O", "raw", "memory.qcow2", "memory.raw"],
  ])
    memory.push(`${await peakMemory("ours", args)} (${await peakMemory("native", args)})`);
  loads.push(loadNow());
  const disk = options.image ? basename(options.image) : "programs and texts of this machine";
  const report = [
    table(rows),
    `\nA disk of ${mebibytes(size)} MiB of which ${mebibytes(blocks * 512)} hold data (${disk}), and a full one with ` +
      `${mebibytes(statSync(full).blocks * 512)}, in files that are cached; medians of ${rounds} rounds, on a machine with a load of ${loads.join(" to ")}. Compressed: ${sizes.join(", ")}. Most memory held by convert raw → ` +
      `qcow2, the same with zstd, and back: ${memory.join(", ")} MiB.`,
    `\n${thisMachine()}; ${execFileSync("qemu-img", ["--version"], { encoding: "utf8" }).split("\n")[0]}.`,
  ].join("\n");
  console.log(report);
  if (options.readme) updateReadme("bench:disk", report);
} finally {
  rmSync(folder, { recursive: true });
}
