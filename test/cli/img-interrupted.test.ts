// Copies that do not come to their end: signals and a full disk. The source stays as it was, no half target is left.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { skipped } from "../support/needs.ts";
import { pattern } from "../support/qcow2.ts";
import { ours, scratchFolder } from "../support/qemu-img.ts";

const CLI = resolve(import.meta.dirname, "../../dist/cli.js");
const MIB = 2 ** 20;
const folder = scratchFolder();
const source = pattern(24 * MIB, 1);
beforeAll(() => writeFileSync(join(folder, "in.raw"), source));

/** Starts the image tool, asks it for its progress once its target has grown, and sends `signal` at the answer. */
function interrupted(args: string[], signal: NodeJS.Signals): Promise<{ code: number | null; err: string }> {
  return new Promise((done) => {
    const tool = spawn(process.execPath, [CLI, "img", ...args], { cwd: folder });
    const target = join(folder, args.at(-1)!);
    const watch = setInterval(() => {
      if (!existsSync(target) || statSync(target).size < 3 * MIB) return;
      clearInterval(watch);
      tool.kill("SIGUSR1");
    }, 20);
    let err = "";
    tool.stderr.on("data", (bytes: Buffer) => void (err += bytes.toString()));
    tool.stderr.once("data", () => tool.kill(signal));
    tool.on("close", (code) => {
      clearInterval(watch);
      done({ code, err });
    });
  });
}

it.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("convert tells its progress at SIGUSR1 and removes its target at %s", async (signal, code) => {
  const result = await interrupted(["convert", "-r", "8M", "-O", "qcow2", "in.raw", "out.qcow2"], signal);
  expect(result.err).toMatch(
    /^ {4}\(\d+\.\d\d\/100%\)\nwasmqemu img: interrupted; the incomplete 'out.qcow2' is removed\n$/,
  );
  expect(result.code).toBe(code);
  expect(existsSync(join(folder, "out.qcow2"))).toBe(false);
  expect(readFileSync(join(folder, "in.raw")).equals(source)).toBe(true);
});

function smallDisk(): string | undefined {
  const small = join(folder, "small");
  mkdirSync(small);
  const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "none", small]);
  if (mount.status === 0) return small;
  skipped("a full disk", "no tmpfs can be mounted here (that takes root)");
  return undefined;
}

const small = smallDisk();
afterAll(() => void (small && spawnSync("umount", [small])));

it.skipIf(!small).each([
  ["convert", "-O", "raw", "in.raw", "small/out"],
  ["convert", "-O", "qcow2", "in.raw", "small/out"],
  ["dd", "if=in.raw", "of=small/out"],
])("a full disk ends %s %s %s", (...args) => {
  const { code, err } = ours(folder, ...args);
  expect(err).toMatch(
    /^wasmqemu img: error while writing .*No space left on device; the incomplete 'small\/out' is removed\n$/,
  );
  expect(code).toBe(1);
  expect(existsSync(join(small!, "out"))).toBe(false);
  expect(readFileSync(join(folder, "in.raw")).equals(source)).toBe(true);
});

it.skipIf(!small)(
  "a full disk under commit: the overlay keeps its content, and both images stay sound",
  () => {
    ours(folder, "create", "-f", "qcow2", "small/base.qcow2", "24M");
    ours(folder, "create", "-f", "qcow2", "-b", "small/base.qcow2", "-F", "qcow2", "over.qcow2");
    ours(folder, "convert", "-n", "-O", "qcow2", "in.raw", "over.qcow2");
    const { code, err } = ours(folder, "commit", "over.qcow2");
    expect(err).toMatch(/^wasmqemu img: .*No space left on device\n$/);
    expect(code).toBe(1);
    expect(ours(folder, "compare", "in.raw", "over.qcow2").code).toBe(0);
    // Leaks, which check tells by 3, are no damage.
    for (const name of ["over.qcow2", "small/base.qcow2"])
      expect([0, 3]).toContain(ours(folder, "check", name).code);
  },
);
