// Copies that do not come to their end: signals and a full disk. The source stays as it was, no half target is left.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { imgHere } from "../support/in-process.ts";
import { skipped } from "../support/needs.ts";
import { pattern } from "../support/qcow2.ts";
import { ours, type Result, scratchFolder } from "../support/qemu-img.ts";

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

/** The image tool, in this process, with Ctrl-C as soon as it listens for one. */
async function interruptedHere(...args: string[]): Promise<Result> {
  process.chdir(folder);
  const before = process.listenerCount("SIGINT");
  const ended = imgHere(...args);
  while (process.listenerCount("SIGINT") === before) await new Promise(setImmediate);
  process.emit("SIGINT");
  return ended;
}

it.each([
  ["dd", "if=in.raw", "of=out"],
  ["dd", "-O", "qcow2", "bs=64k", "if=in.raw", "of=out"],
  ["create", "-f", "qcow2", "-o", "preallocation=full", "out", "64M"],
  ["create", "-f", "vdi", "-o", "static=on", "out", "64M"],
  ["convert", "-O", "qcow2", "-o", "data_file=outside", "in.raw", "out"],
  ["convert", "-O", "vmdk", "-o", "subformat=twoGbMaxExtentFlat", "in.raw", "out.vmdk"],
])("%s %s %s … leaves no file behind", async (...args) => {
  const before = readdirSync(folder);
  const { code, err } = await interruptedHere(...args);
  expect(err).toMatch(/^wasmqemu img: .*interrupted(; the incomplete 'out(\.vmdk)?' is removed)?\n$/);
  expect(code).toBe(130);
  expect(readdirSync(folder)).toEqual(before);
});

it.each([
  ["commit", "top.qcow2"],
  ["rebase", "-b", "", "top.qcow2"],
  ["amend", "-o", "refcount_bits=64", "top.qcow2"],
  ["amend", "-o", "compat=0.10", "top.qcow2"],
  ["resize", "--preallocation=full", "top.qcow2", "64M"],
])("%s %s … leaves images sound, and what they show as it was", async (...args) => {
  await imgHere("create", "-f", "qcow2", "low.qcow2", "24M");
  await imgHere("convert", "-n", "-O", "qcow2", "in.raw", "low.qcow2");
  ours(
    folder,
    "create",
    "-f",
    "qcow2",
    "-b",
    "low.qcow2",
    "-F",
    "qcow2",
    "-o",
    "cluster_size=4k",
    "top.qcow2",
  );
  await imgHere("dd", "bs=1M", "count=3", "if=in.raw", "of=part.raw");
  await imgHere("resize", "-f", "raw", "part.raw", "24M");
  await imgHere("convert", "-n", "-O", "qcow2", "part.raw", "top.qcow2");
  expect(await interruptedHere(...args)).toEqual({ code: 130, out: "", err: "wasmqemu img: interrupted\n" });
  for (const name of ["top.qcow2", "low.qcow2"])
    expect(await imgHere("check", name)).toMatchObject({ code: 0, err: "" });
  expect((await imgHere("compare", "part.raw", "top.qcow2")).code).toBe(0);
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
