// The guest benchmark's results as tables.
import type { Bits, Emulator, GuestRun } from "./guest.ts";

export interface Results {
  commit: string;
  date: string;
  machine: { processor: string; cores: number; system: string; node: string; qemu?: string; v86?: string };
  scale: number;
  runs: GuestRun[];
}

export const RESULTS_FILE = "bench/results.json";

/** Our time over the peer's, below 1 where we are faster. */
interface Ratio {
  name: string;
  ours: number;
  peers: number;
}

/** What both runs measured, the boot first. */
function compare(ours: GuestRun, peer: GuestRun): Ratio[] {
  const shared = Object.keys(ours.seconds).filter((name) => peer.seconds[name] !== undefined);
  const kernels = shared.map((name) => ({ name, ours: ours.seconds[name]!, peers: peer.seconds[name]! }));
  const boots = Number.isFinite(ours.boot) && Number.isFinite(peer.boot);
  return [...(boots ? [{ name: "boot", ours: ours.boot, peers: peer.boot }] : []), ...kernels];
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

const PAIRS: readonly { bits: Bits; peer: Emulator }[] = [
  { bits: 64, peer: "QEMU TCG" },
  { bits: 32, peer: "QEMU TCG" },
  { bits: 32, peer: "v86" },
];

export function report({ commit, date, machine, scale, runs }: Results): string {
  const lines: string[] = [];
  for (const { bits, peer } of PAIRS) {
    const [ours, theirs] = [find(runs, "wasmqemu", bits), find(runs, peer, bits)];
    if (!ours || !theirs) continue;
    const ratios = compare(ours, theirs);
    lines.push(
      `| ${bits}-bit guest, scale ${scale} | wasmqemu (s) | ${peer} (s) | wasmqemu / ${peer} |`,
      "|:--|--:|--:|--:|",
    );
    for (const { name, ours: a, peers: b } of ratios)
      lines.push(`| ${name} | ${a.toFixed(2)} | ${b.toFixed(2)} | ${(a / b).toFixed(2)} |`);
    const work = ratios.filter(({ name }) => name !== "boot").map(({ ours: a, peers: b }) => a / b);
    if (work.length > 0)
      lines.push(`| **geometric mean, boot apart** | | | **${geometricMean(work).toFixed(2)}** |`);
    lines.push(...wrongResults(ours, theirs), "");
  }
  lines.push(...runtimes(runs, scale), ...alone(runs, scale));
  for (const { emulator, bits, failure } of runs)
    if (failure) lines.push(`${emulator}, ${bits}-bit: did not finish (${failure})`, "");
  const ran = (peer: Emulator): boolean => runs.some(({ emulator }) => emulator === peer);
  const peers = [
    ...(ran("QEMU TCG") ? [`; ${machine.qemu}`] : []),
    ...(ran("v86") ? [`; v86 ${machine.v86}`] : []),
  ].join("");
  lines.push(
    `Commit ${commit}, ${date}; ${machine.processor}, ${machine.cores} cores, Node ${machine.node}${peers}.`,
  );
  return lines.join("\n");
}

/** The same in every runtime that was measured, each beside the first, which is Node where Node is among them. */
function runtimes(runs: readonly GuestRun[], scale: number): string[] {
  return ([64, 32] as const).flatMap((bits) => {
    const [first, ...others] = finished(runs, bits).filter(({ emulator }) => emulator.startsWith("wasmqemu"));
    if (!first || others.length === 0) return [];
    const tables = others.map((other) => new Map(compare(other, first).map((row) => [row.name, row])));
    const base = runtimeOf(first);
    const names = others.map(runtimeOf);
    const rows = compare(first, first).map(({ name, ours }) => {
      const cells = tables.map((table) => {
        const row = table.get(name);
        return row ? `${row.ours.toFixed(2)} | ${(row.ours / row.peers).toFixed(2)}` : " | ";
      });
      return `| ${name} | ${ours.toFixed(2)} | ${cells.join(" | ")} |`;
    });
    const heads = names.map((name) => `${name} (s) | ${name} / ${base}`);
    return [
      `| ${bits}-bit guest, scale ${scale} | ${base} (s) | ${heads.join(" | ")} |`,
      `|:--|--:|${"--:|--:|".repeat(others.length)}`,
      ...rows,
      ...others.flatMap((other) => wrongResults(first, other)),
      "",
    ];
  });
}

function runtimeOf({ emulator }: GuestRun): string {
  return emulator.split(" in ")[1] ?? "Node";
}

/** Runs that there is nothing to compare with. */
function alone(runs: readonly GuestRun[], scale: number): string[] {
  return ([64, 32] as const).flatMap((bits) => {
    const [run, ...others] = finished(runs, bits);
    if (!run || others.length > 0) return [];
    return [
      `| ${bits}-bit guest, scale ${scale} | ${run.emulator} (s) |`,
      "|:--|--:|",
      ...compare(run, run).map(({ name, ours }) => `| ${name} | ${ours.toFixed(2)} |`),
      "",
    ];
  });
}

/** Markdown's tables with their columns one below the other, for a terminal. */
export function aligned(markdown: string): string {
  const lines = markdown
    .split("\n")
    .map((line) => (line.startsWith("|") ? line.split("|").slice(1, -1) : line));
  const widths: number[] = [];
  const words = (cell: string): string => cell.replaceAll("**", "").trim();
  for (const line of lines)
    if (typeof line !== "string")
      line.forEach((cell, n) => (widths[n] = Math.max(widths[n] ?? 0, words(cell).length)));
  return lines
    .filter((line) => typeof line === "string" || !line[0]!.startsWith(":"))
    .map((line) =>
      typeof line === "string"
        ? line
        : line.map((cell, n) => words(cell)[n === 0 ? "padEnd" : "padStart"](widths[n]!)).join("  "),
    )
    .join("\n");
}

/** Those that measured anything. */
function finished(runs: readonly GuestRun[], bits: Bits): GuestRun[] {
  return runs.filter((run) => run.bits === bits && Object.keys(run.seconds).length > 0);
}

function find(runs: readonly GuestRun[], emulator: Emulator, bits: Bits): GuestRun | undefined {
  return finished(runs, bits).find((run) => run.emulator === emulator);
}

function wrongResults(ours: GuestRun, peer: GuestRun): string[] {
  return Object.entries(ours.checksums)
    .filter(([name, sum]) => peer.checksums[name] !== undefined && peer.checksums[name] !== sum)
    .map(([name, sum]) => `\n**${name} computed ${sum}, ${peer.emulator} ${peer.checksums[name]}**`);
}
