// `npm run bench`: the guest benchmark in wasmqemu and in its peers, side by side in one run.
//   --scale F      how much work (1 is a second or so a kernel under QEMU TCG; default 0.2)
//   --only NAME    one kernel of bench/guest/bench.c
//   --bits 64|32   one word size
//   --limit N      seconds for each run (default 900)
//   --readme       put the tables into README.md afterwards
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, type } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Bits, type Emulator, type GuestRun, runGuest } from "./guest.ts";
import { updateReadme } from "./readme.ts";
import { report, type Results, RESULTS_FILE } from "./report.ts";

const { values } = parseArgs({
  options: {
    scale: { type: "string", default: "0.2" },
    only: { type: "string" },
    bits: { type: "string" },
    limit: { type: "string", default: "900" },
    readme: { type: "boolean", default: false },
  },
});

const CACHE = process.env["WASMQEMU_CACHE"] ?? join(tmpdir(), "wasmqemu-cache");
const RUNS: readonly (readonly [Emulator, Bits])[] = [
  ["QEMU TCG", 64],
  ["wasmqemu", 64],
  ["QEMU TCG", 32],
  ["v86", 32],
  ["wasmqemu", 32],
];

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
writeFileSync(RESULTS_FILE, `${JSON.stringify(results, undefined, 2)}\n`);
console.log(report(results));
if (values.readme) updateReadme("bench", report(results));
