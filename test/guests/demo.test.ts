// The demo guest in native QEMU: it is a real kernel, not one that only our machine runs.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";
import { missingTools, skipped } from "../support/needs.ts";

const missing = missingTools("qemu-system-x86_64");
if (missing.length > 0) skipped("the demo guest in native QEMU", `${missing.join(", ")} is not installed`);

const source = new URL("../../guests/demo/demo.asm", import.meta.url);
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "demo-"));
  writeFileSync(join(folder, "demo.bin"), assemble(readFileSync(source, "utf8")).bytes);
});
afterAll(() => rmSync(folder, { recursive: true }));

function boot(...disk: string[]): string {
  const kernel = ["-kernel", join(folder, "demo.bin"), "-serial", "stdio", "-display", "none"];
  return execFileSync("qemu-system-x86_64", ["-accel", "tcg", ...kernel, ...disk], { encoding: "utf8" });
}

test.skipIf(missing.length > 0)("counts the boots of its disk, computes, powers off", () => {
  const disk = join(folder, "disk.raw");
  writeFileSync(disk, Buffer.alloc(1 << 20));
  const drive = ["-drive", `file=${disk},format=raw`];
  const first = boot(...drive);
  expect(first).toContain("QEMU HARDDISK, 1 MiB");
  expect(first).toContain("boot no.   1 of this disk");
  expect(first).toContain("78498 below 1,000,000");
  expect(first.trimEnd().endsWith("Powering off.")).toBe(true);
  expect(boot(...drive)).toContain("boot no.   2 of this disk");
});

test.skipIf(missing.length > 0)("leaves a disk with data alone, and does without one", () => {
  const disk = join(folder, "data.raw");
  const bytes = Buffer.alloc(1 << 20);
  bytes.write("somebody's data");
  writeFileSync(disk, bytes);
  expect(boot("-drive", `file=${disk},format=raw`)).toContain("holds data of its own");
  expect(readFileSync(disk).equals(bytes)).toBe(true);
  expect(boot("-nodefaults", "-vga", "std")).toContain("none on the first IDE channel");
});
