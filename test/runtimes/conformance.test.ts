// The same commands in every JavaScript runtime that is installed: the same words, and images that Node understands.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { missingTools, skipped } from "../support/needs.ts";
import { pattern } from "../support/qcow2.ts";
import { type Result, scratchFolder } from "../support/qemu-img.ts";

const CLI = resolve(import.meta.dirname, "../../dist/cli.js");
const RUNTIMES = { node: [], deno: ["run", "-A"], bun: [] } as const;

const folder = scratchFolder();
beforeAll(() => writeFileSync(join(folder, "in.raw"), pattern(3 * 2 ** 20, 1)));

function isMissing(runtime: string): boolean {
  const missing = missingTools(runtime).length > 0;
  if (missing) skipped(`the image tool and the demo in ${runtime}`, `${runtime} is not on the PATH`);
  return missing;
}

describe.each(Object.entries(RUNTIMES))("%s", (runtime, words) => {
  const wasmqemu = (...args: string[]): Result => {
    const { status, stdout, stderr } = spawnSync(runtime, [...words, CLI, ...args], {
      cwd: folder,
      encoding: "utf8",
    });
    return { code: status, out: stdout, err: stderr };
  };

  it.skipIf(isMissing(runtime))("creates, converts, checks and tells of images, and runs the demo", () => {
    const [made, copy, back] = ["made.qcow2", "copy.qcow2", "back.raw"].map((name) => `${runtime}-${name}`);
    expect(wasmqemu("img", "create", "-q", "-f", "qcow2", made!, "1G")).toEqual({
      code: 0,
      out: "",
      err: "",
    });
    expect(wasmqemu("img", "convert", "-c", "-O", "qcow2", "in.raw", copy!)).toMatchObject({
      code: 0,
      err: "",
    });
    expect(wasmqemu("img", "check", copy!).out).toMatch(/^No errors were found on the image\.\n48\/48 = 100/);
    expect(JSON.parse(wasmqemu("img", "info", "--output=json", made!).out)).toMatchObject({
      format: "qcow2",
      "virtual-size": 2 ** 30,
    });
    wasmqemu("img", "convert", "-O", "raw", copy!, back!);
    expect(readFileSync(join(folder, back!)).equals(readFileSync(join(folder, "in.raw")))).toBe(true);
    expect(wasmqemu("img", "info", "missing")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^wasmqemu img: Could not open 'missing': .*No such file or directory\n$/),
    });
    const demo = wasmqemu("demo");
    expect(demo.out).toContain("Powering off.");
    expect(demo.code).toBe(0);
  });
});
