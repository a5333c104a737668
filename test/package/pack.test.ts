// What a user gets from npm: the packed package in an empty folder, without network.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "wasmqemu-package-"));
let files: string[] = [];

beforeAll(() => {
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
  const [packed] = JSON.parse(execFileSync("npm", pack, { encoding: "utf8" })) as [
    { filename: string; size: number; files: { path: string }[] },
  ];
  files = packed.files.map(({ path }) => path);
  writeFileSync(join(folder, "package.json"), "{}");
  execFileSync("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${packed.filename}`], {
    cwd: folder,
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

function wasmqemu(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(join(folder, "node_modules/.bin/wasmqemu"), args, { cwd: folder, encoding: "utf8" });
}

describe("the package", () => {
  it("holds both engines, the types and the licence, and nothing for developers", () => {
    for (const file of [
      "dist/cli.js",
      "dist/index.js",
      "dist/machine.wasm",
      "dist/types/host/index.d.ts",
      "LICENSE",
    ])
      expect(files).toContain(file);
    expect(
      files.filter((file) => /debug|testing|\.test\.|\.map$|\.stamp$|^assembly|^host/.test(file)),
    ).toEqual([]);
  });

  it("has no install scripts and needs no other package", () => {
    const { scripts, dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as Record<
      string,
      object
    >;
    expect(Object.keys(scripts!).filter((name) => /install|^prepare$/.test(name))).toEqual([]);
    expect(dependencies ?? {}).toEqual({});
  });

  it("runs from its folder", () => {
    expect(wasmqemu("-version")).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^wasmqemu \d+\.\d+\.\d+\n$/),
    });
    expect(wasmqemu()).toMatchObject({ status: 0, stdout: expect.stringContaining("wasmqemu demo") });
  });

  it("can be imported", () => {
    const program =
      'import { Machine, VERSION } from "wasmqemu"; console.log(typeof Machine.create, VERSION);';
    const args = ["--input-type=module", "-e", program];
    expect(spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" }).stdout).toMatch(
      /^function \d/,
    );
  });
});
