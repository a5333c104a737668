// Debian's kernel with a medium in every kind of drive: what its drivers read is what the images hold.
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { bootArguments, obstacle } from "./debian-guest.ts";
import { GuestConsole } from "../support/console.ts";
import { skipped } from "../support/needs.ts";

const SECONDS = 1000;
const why = obstacle();
if (why) skipped("Debian's kernel and its drives", why);

describe.skipIf(why)("Debian's kernel reads and writes", () => {
  const folder = mkdtempSync(join(tmpdir(), "wasmqemu-drives-"));
  const image = (name: string, bytes: number): string => {
    writeFileSync(join(folder, name), randomBytes(bytes));
    return join(folder, name);
  };
  const sha256 = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");
  afterAll(() => rmSync(folder, { recursive: true }));

  it(
    "CD, floppy and virtio disks",
    async () => {
      const [cd, floppy, disk] = [
        image("cd.iso", 3 << 20),
        image("floppy.img", 1440 << 10),
        image("vda.raw", 4 << 20),
      ];
      const drives = ["-cdrom", cd, "-fda", floppy, "-drive", `if=virtio,format=raw,file=${disk}`];
      const more = [...drives, "-device", "virtio-rng-pci", "-smp", "2"];
      const guest = new GuestConsole(process.execPath, ["dist/cli.js", ...bootArguments(), ...more]);
      const hash = async (device: string): Promise<string> =>
        (await guest.run(`sha256sum /dev/${device}`)).slice(0, 64);
      try {
        await guest.find(/guest# $/m, 300);
        await guest.run(
          "for m in sr_mod floppy virtio_pci virtio_blk virtio-rng; do modprobe $m; done; sleep 1",
        );
        expect(await hash("sr0")).toBe(sha256(cd));
        expect(await hash("fd0")).toBe(sha256(floppy));
        expect(await hash("vda")).toBe(sha256(disk));
        expect(await guest.run("cat /sys/class/misc/hw_random/rng_current")).toContain("virtio");
        await guest.run("dd if=/dev/hwrng of=/dev/vda bs=64k seek=7 count=20 conv=notrunc 2>/dev/null");
        await guest.run("dd if=/dev/hwrng of=/dev/fd0 bs=9k seek=3 count=5 conv=notrunc 2>/dev/null; sync");
        const written = [await hash("fd0"), await hash("vda")];
        guest.type("poweroff -f\n");
        expect(await guest.exitCode).toBe(0);
        expect([sha256(floppy), sha256(disk)]).toEqual(written);
      } finally {
        guest.kill();
      }
    },
    600 * SECONDS,
  );
});
