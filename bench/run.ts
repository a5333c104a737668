// `npm run bench`: the guest benchmark in wasmqemu and in its peers, side by side in one run.
//   --scale F      how much work (default 1: a second or so a kernel under QEMU TCG; below 0.5 rows are mostly start-up)
//   --runtime R,R  what wasmqemu runs in: node (default), deno, bun, chromium
//   --peer P,P     whom it is compared with: qemu, v86 (default: both)
//   --only NAME    one kernel of bench/guest/bench.c
//   --bits 64|32   one word size
//   --limit N      seconds for each run (default 900)
//   --format F     text (default), markdown or json
//   --readme       keep the results in bench/results.json and the tables in README.md
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, type } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Bits, type Emulator, type GuestRun, runGuest } from "./guest.ts";
import { updateReadme } from "./readme.ts";
import { aligned, report, type Results, RESULTS_FILE } from "./report.ts";

const { values } = parseArgs({
  options: {
    scale: { type: "string", default: "1" },
    runtime: { type: "string", default: "node" },
    peer: { type: "string", default: "qemu,v86" },
    format: { type: "string", default: "text" },
    only: { type: "string" },
    bits: { type: "string" },
    limit: { type: "string", default: "900" },
    readme: { type: "boolean", default: false },
  },
});

const CACHE = process.env["WASMQEMU_CACHE"] ?? join(tmpdir(), "wasmqemu-cache");
const RUNTIMES: Readonly<Record<string, Emulator>> = {
  node: "wasmqemu",
  deno: "wasmqemu in Deno",
  bun: "wasmqemu in Bun",
  chromium: "wasmqemu in Chromium",
};
const PEERS: Readonly<Record<string, Emulator>> = { qemu: "QEMU TCG", v86: "v86" };

/** Names of a list with commas, or an end of the program. */
function chosen(table: Readonly<Record<string, Emulator>>, option: "runtime" | "peer"): Emulator[] {
  const names = values[option].split(",").filter(Boolean);
  const unknown = names.find((name) => !Object.hasOwn(table, name));
  if (unknown !== undefined) {
    console.error(`--${option} knows ${Object.keys(table).join(", ")}, not '${unknown}'`);
    process.exit(1);
  }
  return names.map((name) => table[name]!);
}

const RUNS = ([64, 32] as const).flatMap((bits) =>
  [...chosen(PEERS, "peer"), ...chosen(RUNTIMES, "runtime")]
    // v86 has no 64-bit mode.
    .filter((emulator) => emulator !== "v86" || bits === 32)
    .map((emulator): readonly [Emulator, Bits] => [emulator, bits]),
);

/** First line that a program prints; undefined where it is not installed. */
function firstLine(command: string, ...args: string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8" });
  return status === 0 ? stdout.split("\n")[0]!.trim() : undefined;
}

execFileSync("bash", ["bench/guest/build.sh", CACHE], { stdio: "inherit" });
const options = {
  images: join(CACHE, "bench"),
  scale: Number(values.scale),
  only: values.only,
  limit: Number(values.limit),
};
const runs: GuestRun[] = [];
for (const [emulator, bits] of RUNS) {
  if (values.bits && Number(values.bits) !== bits) continue;
  process.stderr.write(`${emulator}, ${bits}-bit guest …\n`);
  runs.push(await runGuest(emulator, bits, options));
}
const v86 = JSON.parse(readFileSync("node_modules/v86/package.json", "utf8")) as { version: string };
const results: Results = {
  commit: firstLine("git", "rev-parse", "--short", "HEAD") ?? "unknown",
  date: new Date().toISOString().slice(0, 10),
  machine: {
    processor: cpus()[0]!.model.trim(),
    cores: cpus().length,
    system: `${type()} ${release()}`,
    node: process.versions.node,
    qemu: firstLine("qemu-system-x86_64", "-version"),
    v86: v86.version,
  },
  scale: options.scale,
  runs,
};
const text = report(results);
if (values.format === "json") console.log(JSON.stringify(results, undefined, 2));
else console.log(values.format === "markdown" ? text : aligned(text));
if (values.readme) {
  writeFileSync(RESULTS_FILE, `${JSON.stringify(results, undefined, 2)}\n`);
  updateReadme("bench", text);
}
