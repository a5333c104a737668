// Who may have an image while somebody writes it: two processes, ours and QEMU's.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { CLI, native, ours, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const folder = scratchFolder();

/** Same stdout, stderr and code from both. */
function expectSame(...args: string[]): void {
  expect(ours(folder, ...args)).toEqual(native(folder, ...args));
}

describe.skipIf(process.platform !== "linux" || withoutNative("locks of a running QEMU"))(
  "a held image",
  () => {
    it("is written by one of us at a time, machine or img, and free again after kill -9", async () => {
      native(folder, "create", "-f", "qcow2", "own.qcow2", "1M");
      native(folder, "create", "-f", "qcow2", "-b", "own.qcow2", "-F", "qcow2", "above.qcow2");
      const refused = (...args: string[]): void => {
        expect(ours(folder, ...args)).toMatchObject({
          code: 1,
          err: expect.stringMatching(
            /Failed to get (shared )?"write" lock\nIs another process using the image \[own.qcow2\]/,
          ),
        });
      };
      for (const command of [
        "img serve -p 0 own.qcow2",
        "-display none -serial stdio -monitor none -hda own.qcow2",
      ]) {
        const before = readFileSync(join(folder, "own.qcow2"));
        const holder = spawn(process.execPath, [CLI, ...command.split(" ")], { cwd: folder, stdio: "pipe" });
        await vi.waitFor(() => expect(ours(folder, "info", "own.qcow2").code).toBe(1), 10_000);
        refused("resize", "own.qcow2", "2M");
        refused("create", "-q", "-f", "qcow2", "own.qcow2", "1M");
        refused("map", "above.qcow2");
        refused("commit", "above.qcow2");
        expect(ours(folder, "info", "-U", "own.qcow2").code).toBe(0);
        expect(
          ours(folder, "create", "-f", "qcow2", "-b", "own.qcow2", "-F", "qcow2", "new.qcow2").code,
        ).toBe(0);
        expect(readFileSync(join(folder, "own.qcow2")).equals(before)).toBe(true);
        holder.kill("SIGKILL");
        await once(holder, "exit");
        expect(ours(folder, "check", "own.qcow2").code).toBe(0);
      }
    });

    it("is not read while a QEMU writes it, but with -U", async () => {
      native(folder, "create", "-f", "qcow2", "theirs.qcow2", "1M");
      const holder = spawn("qemu-io", ["theirs.qcow2"], { cwd: folder, stdio: "pipe" });
      holder.stdin.write("length\n");
      await once(holder.stdout, "data");
      for (const command of ["info", "map", "check"]) expectSame(command, "theirs.qcow2");
      expectSame("map", "-U", "theirs.qcow2");
      holder.stdin.end();
      await once(holder, "exit");
    });

    it("is not written by a second program, and is left as it was", async () => {
      native(folder, "create", "-f", "qcow2", "held.qcow2", "1M");
      const before = readFileSync(join(folder, "held.qcow2"));
      const holder = spawn("qemu-io", ["held.qcow2"], { cwd: folder, stdio: "pipe" });
      try {
        holder.stdin.write("length\n");
        await once(holder.stdout, "data");
        expectSame("snapshot", "-c", "one", "held.qcow2");
        expectSame("resize", "held.qcow2", "2M");
        expect(ours(folder, "create", "-q", "-f", "qcow2", "held.qcow2", "2M").code).toBe(1);
        expect(ours(folder, "convert", "-O", "qcow2", "over.qcow2", "held.qcow2").code).toBe(1);
        expect(readFileSync(join(folder, "held.qcow2")).equals(before)).toBe(true);
      } finally {
        holder.stdin.end();
        await once(holder, "exit");
      }
      expect(ours(folder, "resize", "held.qcow2", "2M").code).toBe(0);
    });
  },
);
