// Machines that are closed give back what they took.
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { expect, it } from "vitest";

it("a hundred machines, one after the other, leave no memory behind", () => {
  const args = ["test/runtimes/many-machines.mjs", resolve("dist")];
  const [after20, after100] = execFileSync(process.execPath, args, { encoding: "utf8" })
    .split("\n")
    .map(Number);
  // Each has touched more than a megabyte.
  expect(after100! - after20!).toBeLessThan(40);
}, 300_000);
