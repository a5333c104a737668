// Single instructions against real processors: what CPUID claims must do as they did, register for register.
// CPU_VECTORS names more files of these formats, full sets for instance, as a path list.
import { delimiter } from "node:path";
import { expect, test } from "vitest";
import { Tally, runFile } from "./run-vectors.ts";

const more = (process.env.CPU_VECTORS ?? "").split(delimiter).filter((path) => path !== "");

function run(file: string | URL): Tally {
  const tally = new Tally();
  runFile(file, {}, tally);
  return tally;
}

test.each([
  ["native", 1320],
  ["native-vex", 20],
  ["real-mode", 1000],
])("%s vectors", (name, atLeast) => {
  const tally = run(new URL(`vectors/${name}.jsonl.gz`, import.meta.url));
  expect(Object.fromEntries(tally.failures)).toEqual({});
  expect(tally.passed).toBeGreaterThanOrEqual(atLeast);
});

test.runIf(more.length > 0).each(more)("%s", { timeout: 300_000 }, (path) => {
  expect(Object.fromEntries(run(path).failures)).toEqual({});
});
