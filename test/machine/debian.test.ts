// The main job: Debian's own kernel boots to a shell, mounts ext4 from a qcow2 overlay, writes files, powers off;
// then qemu-img and QEMU itself look at what was left on the disk.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GuestConsole } from "../support/console.ts";
import { skipped } from "../support/needs.ts";
import { bootArguments, obstacle } from "./debian-guest.ts";

const SECONDS = 1000;
const why = obstacle("mke2fs", "qemu-img", "qemu-system-x86_64");
if (why) skipped("Debian's kernel on a qcow2 disk", why);

const sha256 = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

describe.skipIf(why)("Debian's kernel on a qcow2 overlay", () => {
  const folder = mkdtempSync(join(tmpdir(), "wasmqemu-debian-"));
  const base = join(folder, "base.qcow2");
  const overlay = join(folder, "overlay.qcow2");
  let baseHash = "";

  beforeAll(() => {
    const raw = join(folder, "base.raw");
    execFileSync("mke2fs", ["-q", "-t", "ext4", "-L", "work", raw, "256M"]);
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, base]);
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay]);
    rmSync(raw);
    baseHash = sha256(base);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it(
    "boots to a shell, writes files to ext4, and powers off when the power button is pressed",
    async () => {
      const guest = new GuestConsole(process.execPath, ["dist/cli.js", ...bootArguments("-hda", overlay)]);
      try {
        await guest.find(/guest# $/m, 900);
        expect(await guest.run("uname -m; grep -c ^processor /proc/cpuinfo")).toBe("x86_64\n1\n");
        expect(await guest.run("mount -t ext4 /dev/sda /mnt && echo mounted")).toContain("mounted");
        await guest.run("echo 'written by the guest' > /mnt/note.txt");
        // Larger than any cache on the way, and known by its hash.
        await guest.run("dd if=/dev/urandom of=/mnt/noise bs=64k count=128 2>/dev/null");
        await guest.run("sha256sum /mnt/noise | cut -c1-64 > /mnt/noise.sum");
        expect(await guest.run("umount /mnt && echo unmounted")).toContain("unmounted");
        // ACPI's button driver makes a key of it; whoever reads that acts.
        await guest.run("modprobe -a button evdev; usleep 500000");
        const [button] = (
          await guest.run("grep -l 'Power Button' /sys/class/input/event*/device/name")
        ).split("\n");
        const event = /event\d+/.exec(button!)![0];
        const reader = `dd bs=24 count=1 if=/dev/input/${event} of=/dev/null`;
        await guest.run(`(${reader}; poweroff -f) & sleep 1`);
        guest.type("\x01c");
        await guest.find(/\(qemu\) $/m);
        guest.type("system_powerdown\n");
        expect(await guest.exitCode).toBe(0);
      } finally {
        guest.kill();
      }
    },
    1500 * SECONDS,
  );

  it("leaves a clean image and the base as it was", () => {
    expect(spawnSync("qemu-img", ["check", overlay], { encoding: "utf8" })).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("No errors were found on the image."),
    });
    expect(sha256(base)).toBe(baseHash);
  });

  it(
    "QEMU mounts the overlay and finds the files",
    async () => {
      const guest = new GuestConsole("qemu-system-x86_64", [
        "-accel",
        "tcg",
        ...bootArguments("-hda", overlay),
      ]);
      try {
        await guest.find(/guest# $/m);
        await guest.run("mount -t ext4 -o ro /dev/sda /mnt");
        expect(await guest.run("cat /mnt/note.txt")).toBe("written by the guest\n");
        const hash = (await guest.run("cat /mnt/noise.sum")).trim();
        expect(hash).toMatch(/^[0-9a-f]{64}$/);
        expect(await guest.run("sha256sum /mnt/noise")).toContain(hash);
        guest.type("poweroff -f\n");
        expect(await guest.exitCode).toBe(0);
      } finally {
        guest.kill();
      }
    },
    180 * SECONDS,
  );
});
