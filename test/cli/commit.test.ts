// `-snapshot` keeps a guest's writes apart, and `commit` writes them back.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { type CliGuest, connectSoon, startCliGuest } from "../support/cli-guest.ts";

let guest: CliGuest;
afterEach(() => guest?.kill());

it("commit writes what the guest wrote under -snapshot into the image", async () => {
  let disk = "";
  // The demo's guest counts its starts on the first disk, then powers off.
  guest = startCliGuest((folder) => {
    disk = join(folder, "disk.raw");
    writeFileSync(disk, new Uint8Array(1 << 20));
    const monitor = `unix:${join(folder, "monitor")},server=on,wait=off`;
    return ["-snapshot", "-no-shutdown", "-drive", `file=${disk},format=raw`, "-monitor", monitor];
  });
  const monitor = await connectSoon(join(guest.folder, "monitor"));
  let heard = "";
  monitor.on("data", (bytes) => (heard += bytes.toString()));
  const ask = async (line: string): Promise<string> => {
    heard = "";
    monitor.write(`${line}\n`);
    await expect.poll(() => heard, { timeout: 30_000 }).toMatch(/\n\(qemu\) $/);
    return heard;
  };
  await expect.poll(() => ask("info status"), { timeout: 40_000 }).toContain("shutdown");
  const isWritten = (): boolean => readFileSync(disk).some((byte) => byte !== 0);
  expect(isWritten()).toBe(false);
  expect(await ask("commit nosuch")).toContain("Device 'nosuch' not found");
  expect(await ask("commit all")).not.toContain("rror");
  expect(isWritten()).toBe(true);
  monitor.destroy();
});
