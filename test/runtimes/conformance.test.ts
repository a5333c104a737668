// The same in every JavaScript runtime that is installed: the library by one suite, the command line by its words, and
// images that Node understands.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildSync } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import { guestFiles, obstacle } from "../machine/debian-guest.ts";
import { skipped } from "../support/needs.ts";
import { pattern } from "../support/qcow2.ts";
import { CLI, type Result, scratchFolder } from "../support/qemu-img.ts";
import { runtimesHere } from "../support/runtimes.ts";
import type { Outcome } from "./suite.ts";

const DIST = resolve(import.meta.dirname, "../../dist");
const SECONDS = 1000;

const folder = scratchFolder();
const script = join(folder, "run-suite.mjs");
const noDebian = obstacle();
if (noDebian) skipped("Debian's kernel in every runtime", noDebian);

beforeAll(() => {
  writeFileSync(join(folder, "in.raw"), pattern(3 * 2 ** 20, 1));
  buildSync({
    entryPoints: ["test/runtimes/run-suite.ts"],
    outfile: script,
    bundle: true,
    format: "esm",
    platform: "node",
  });
});

/** What the library is named by its tests, and how it fared. */
function suite(command: string, words: readonly string[], place: string): Outcome[] {
  const debian = noDebian ? [] : [guestFiles.kernel, guestFiles.initrd];
  const out = execFileSync(command, [...words, script, DIST, place, ...debian], { encoding: "utf8" });
  return JSON.parse(out.trim().split("\n").at(-1)!) as Outcome[];
}

describe.each(runtimesHere("the library and the command line"))("$name", ({ name, command, words }) => {
  const place = join(folder, name);
  mkdirSync(place);
  const wasmqemu = (...args: string[]): Result => {
    const { status, stdout, stderr } = spawnSync(command, [...words, CLI, ...args], {
      cwd: place,
      encoding: "utf8",
    });
    return { code: status, out: stdout, err: stderr };
  };

  it(
    "has the library",
    () => {
      const outcomes = suite(command, words, place);
      expect(outcomes.filter(({ failure }) => failure !== undefined)).toEqual([]);
      expect(outcomes.length).toBeGreaterThan(8);
    },
    600 * SECONDS,
  );

  it("creates, converts, checks and tells of images, and runs the demo", () => {
    expect(wasmqemu("img", "create", "-q", "-f", "qcow2", "made.qcow2", "1G")).toEqual({
      code: 0,
      out: "",
      err: "",
    });
    expect(wasmqemu("img", "convert", "-c", "-O", "qcow2", "../in.raw", "copied.qcow2")).toMatchObject({
      code: 0,
      err: "",
    });
    expect(wasmqemu("img", "check", "copied.qcow2").out).toMatch(
      /^No errors were found on the image\.\n48\/48 = 100/,
    );
    expect(JSON.parse(wasmqemu("img", "info", "--output=json", "made.qcow2").out)).toMatchObject({
      format: "qcow2",
      "virtual-size": 2 ** 30,
    });
    wasmqemu("img", "convert", "-O", "raw", "copied.qcow2", "back.raw");
    expect(readFileSync(join(place, "back.raw")).equals(readFileSync(join(folder, "in.raw")))).toBe(true);
    expect(wasmqemu("img", "info", "missing")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^wasmqemu img: Could not open 'missing': .*No such file or directory\n$/),
    });
    const demo = wasmqemu("demo");
    expect(demo.out).toContain("Powering off.");
    expect(demo.code).toBe(0);
  });

  if (name !== "deno") return;
  it("needs permission for nothing but the files that are named", () => {
    const [kernel, disk] = [join(DIST, "demo.bin"), join(place, "allowed.qcow2")];
    wasmqemu("img", "create", "-q", "-f", "qcow2", disk, "16M");
    const program = join(place, "program.mjs");
    writeFileSync(
      program,
      `import { Machine } from ${JSON.stringify(join(DIST, "index.js"))};
      const machine = await Machine.create({ kernel: ${JSON.stringify(kernel)}, drives: [${JSON.stringify(disk)}] });
      console.log((await machine.run()).reason);
      await machine.close();`,
    );
    const allowed = ["--no-prompt", `--allow-read=${kernel},${disk}`, `--allow-write=${disk}`];
    const run = (...args: string[]): string =>
      execFileSync(command, ["run", ...allowed, ...args], { encoding: "utf8" });
    expect(run(program)).toBe("power-off\n");
    expect(run(CLI, "-kernel", kernel, "-hda", disk, "-display", "none", "-serial", "stdio")).toContain(
      "boot no.   2 of",
    );
    expect(run(CLI, "img", "check", disk)).toContain("No errors");
  });
});
