// Single instructions against real processors: what CPUID claims must do as they did, register for register.
import { expect, test } from "vitest";
import { Tally, runFile } from "./run-vectors.ts";

test.each([
  ["native", 1320],
  ["native-vex", 20],
  ["real-mode", 1000],
])("%s vectors", (name, atLeast) => {
  const tally = new Tally();
  runFile(new URL(`vectors/${name}.jsonl.gz`, import.meta.url), {}, tally);
  expect(Object.fromEntries(tally.failures)).toEqual({});
  expect(tally.passed).toBeGreaterThanOrEqual(atLeast);
});
