// qemu-img and our image tool side by side, in a folder of their own.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll } from "vitest";
import { missingTools, skipped } from "./needs.ts";

export interface Result {
  code: number | null;
  out: string;
  err: string;
}

export const CLI = resolve(import.meta.dirname, "../../dist/cli.js");

/** A scratch folder that goes with the test file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "wasmqemu-test-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A program in `folder`. */
export function run(folder: string, command: string, args: readonly string[]): Result {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
  return { code: status, out: stdout, err: stderr };
}

/** `wasmqemu img …` in `folder`. */
export function ours(folder: string, ...args: string[]): Result {
  return run(folder, process.execPath, [CLI, "img", ...args]);
}

/** `qemu-img …` in `folder`, its name in messages replaced by ours. */
export function native(folder: string, ...args: string[]): Result {
  const result = run(folder, "qemu-img", args);
  return { ...result, err: result.err.replaceAll("qemu-img", "wasmqemu img") };
}

/** Writes and checks patterns: `qemu-io -c …`. Throws if it complains. */
export function qemuIo(folder: string, file: string, ...commands: string[]): void {
  const args = commands.flatMap((command) => ["-c", command]);
  const { code, out, err } = run(folder, "qemu-io", [...args, file]);
  if (code !== 0 || /failed|error/i.test(out + err))
    throw new Error(`qemu-io ${args.join(" ")}: ${out}${err}`);
}

/** True, and said aloud, where the tests of `what` have no native tools to compare with. */
export function withoutNative(what: string): boolean {
  const missing = missingTools("qemu-img", "qemu-io");
  if (missing.length) skipped(what, `${missing.join(" and ")} (Debian: qemu-utils) is not installed`);
  return missing.length > 0;
}
