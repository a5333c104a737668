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
      `| ${bits}-bit guest | wasmqemu (s) | ${peer} (s) | wasmqemu / ${peer} |`,
      "|:--|--:|--:|--:|",
    );
    for (const { name, ours: a, peers: b } of ratios)
      lines.push(`| ${name} | ${a.toFixed(2)} | ${b.toFixed(2)} | ${(a / b).toFixed(2)} |`);
    const work = ratios.filter(({ name }) => name !== "boot").map(({ ours: a, peers: b }) => a / b);
    if (work.length > 0)
      lines.push(`| **geometric mean, boot apart** | | | **${geometricMean(work).toFixed(2)}** |`);
    lines.push(...wrongResults(ours, theirs), "");
  }
  lines.push(...runtimes(runs));
  for (const { emulator, bits, failure } of runs)
    if (failure) lines.push(`${emulator}, ${bits}-bit: did not finish (${failure})`, "");
  const peers = [machine.qemu, machine.v86 && `v86 ${machine.v86}`].filter(Boolean).join(", ");
  lines.push(
    `Commit ${commit}, ${date}; ${machine.processor}, ${machine.cores} cores, Node ${machine.node}; ${peers}; scale ${scale}.`,
  );
  return lines.join("\n");
}

/** The same in every runtime that was measured, each beside Node. */
function runtimes(runs: readonly GuestRun[]): string[] {
  return ([64, 32] as const).flatMap((bits) => {
    const node = find(runs, "wasmqemu", bits);
    const others = runs.filter((run) => run.bits === bits && run.emulator.startsWith("wasmqemu in "));
    if (!node || others.length === 0) return [];
    const tables = others.map((other) => new Map(compare(other, node).map((row) => [row.name, row])));
    const names = others.map(({ emulator }) => emulator.replace("wasmqemu in ", ""));
    const rows = compare(node, node).map(({ name, ours }) => {
      const cells = tables.map((table) => {
        const row = table.get(name);
        return row ? `${row.ours.toFixed(2)} | ${(row.ours / row.peers).toFixed(2)}` : " | ";
      });
      return `| ${name} | ${ours.toFixed(2)} | ${cells.join(" | ")} |`;
    });
    return [
      `| ${bits}-bit guest | Node (s) | ${names.map((name) => `${name} (s) | ${name} / Node`).join(" | ")} |`,
      `|:--|--:|${"--:|--:|".repeat(others.length)}`,
      ...rows,
      ...others.flatMap((other) => wrongResults(node, other)),
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

function find(runs: readonly GuestRun[], emulator: Emulator, bits: Bits): GuestRun | undefined {
  return runs.find(
    (run) => run.emulator === emulator && run.bits === bits && Object.keys(run.seconds).length > 0,
  );
}

function wrongResults(ours: GuestRun, peer: GuestRun): string[] {
  return Object.entries(ours.checksums)
    .filter(([name, sum]) => peer.checksums[name] !== undefined && peer.checksums[name] !== sum)
    .map(([name, sum]) => `\n**${name} computed ${sum}, ${peer.emulator} ${peer.checksums[name]}**`);
}
