// Debian's kernel and a small initrd with a shell, built from packages (guest.sh).
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missingTools } from "../support/needs.ts";

const CACHE = process.env["WASMQEMU_CACHE"] ?? join(tmpdir(), "wasmqemu-cache");
const GUEST = join(CACHE, "guest");

export const guestFiles = { kernel: join(GUEST, "vmlinuz"), initrd: join(GUEST, "initrd.gz") };

/** Why the guest, or one of `tools` besides, cannot be had here; undefined when all can. */
export function obstacle(...tools: string[]): string | undefined {
  const missing = missingTools("apt-get", "dpkg-deb", "cpio", ...tools);
  if (missing.length > 0) return `${missing.join(", ")} is not installed`;
  const build = spawnSync("bash", ["test/machine/guest.sh", CACHE], { encoding: "utf8" });
  return build.status === 0
    ? undefined
    : `Debian's packages cannot be had: ${build.stderr.trim().split("\n").at(-1)}`;
}

/** The command line, ours and QEMU's, that boots it to its shell on the serial port. */
export function bootArguments(...more: string[]): string[] {
  const kernel = ["-kernel", guestFiles.kernel, "-initrd", guestFiles.initrd];
  return [...kernel, "-append", "console=ttyS0 quiet", "-m", "512", ...more, "-nographic", "-no-reboot"];
}
