// Random programs: this machine's own processor is the oracle.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { missingTools, skipped } from "../support/needs.ts";
import { Tally, runFile } from "./run-vectors.ts";

const SEED = 1;
const PROGRAMS = 3000;
const isX64Linux = process.platform === "linux" && process.arch === "x64";
const able = isX64Linux && missingTools("cc").length === 0;
if (!able) skipped("random programs against the processor", "they need x86-64 Linux and a C compiler");

test.skipIf(!able).each([
  ["interpreter", 0, PROGRAMS, 5],
  ["translator", 20, 300, 2000],
])("%s: random programs end as on the processor", (_tier, warm, programs, rounds) => {
  const folder = mkdtempSync(join(tmpdir(), "programs-"));
  try {
    const program = join(folder, "random-programs");
    execFileSync("cc", ["-O1", "-o", program, new URL("random-programs.c", import.meta.url).pathname]);
    const vectors = execFileSync(program, [SEED, programs, rounds].map(String), { maxBuffer: 1 << 28 });
    writeFileSync(join(folder, "vectors"), vectors);
    const tally = new Tally();
    runFile(join(folder, "vectors"), { warm }, tally);
    expect(Object.fromEntries(tally.failures)).toEqual({});
    expect(tally.passed).toBe(programs);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
