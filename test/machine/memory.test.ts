// Guest RAM costs what the guest has touched, whatever -m says.
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { expect, it } from "vitest";
import { GuestConsole } from "../support/console.ts";
import { skipped } from "../support/needs.ts";

const STATUS = "/proc/self/status";
const OVERHEAD_KIB = 150 * 1024;
if (!existsSync(STATUS)) skipped("resident memory", "this system has no /proc");

it.skipIf(!existsSync(STATUS))("a machine of 3 GiB that has touched little stays under 150 MiB", async () => {
  const args = ["dist/cli.js", "-kernel", "dist/demo.bin", "-m", "3072", "-nographic", "-no-shutdown"];
  const machine = new GuestConsole(process.execPath, args);
  try {
    await machine.find(/Powering off/);
    const status = readFileSync(`/proc/${machine.pid}/status`, "utf8");
    const peak = Number(/^VmHWM:\s*(\d+) kB/m.exec(status)![1]);
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(OVERHEAD_KIB);
  } finally {
    machine.kill();
  }
});
