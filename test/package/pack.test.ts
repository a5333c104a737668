// What a user gets from npm: the packed package in an empty folder, without network.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "wasmqemu-package-"));
let files: string[] = [];
let packedSize = 0;
let tarball = "";

beforeAll(() => {
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
  const [packed] = JSON.parse(execFileSync("npm", pack, { encoding: "utf8" })) as [
    { filename: string; size: number; files: { path: string }[] },
  ];
  files = packed.files.map(({ path }) => path);
  packedSize = packed.size;
  tarball = join(folder, packed.filename);
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

  it("is small", () => expect(packedSize).toBeLessThan(1.5 * 2 ** 20));

  it("is what judges of packages like", () => {
    for (const [judge, ...args] of [
      ["publint", "run", tarball, "--strict"],
      ["attw", tarball, "--profile", "esm-only", "--no-color"],
    ]) {
      const { status, stdout } = spawnSync(`node_modules/.bin/${judge}`, args, { encoding: "utf8" });
      expect(stdout).toContain(judge === "publint" ? "All good!" : "🟢");
      expect(status).toBe(0);
    }
  });

  it("has types that stand on their own, in browsers and elsewhere", () => {
    const use = `import { type MachineDescription, Machine, openImage } from "wasmqemu";
      const description: MachineDescription = { memory: "64M", drives: ["a.qcow2", { source: new Blob([]) }] };
      await using machine = await Machine.create(description);
      const words: string = await machine.waitFor(/login/, { timeout: 1000 });
      // @ts-expect-error: a size, not an object
      await Machine.create({ memory: {} });
      console.log(words, (await openImage("a.qcow2")).size);`;
    const draw = `for await (const { rgba, width, height } of machine.screen.frames()) new ImageData(rgba, width, height);
      await machine.screen.drawOn(new OffscreenCanvas(1, 1));`;
    writeFileSync(join(folder, "use.mts"), use);
    writeFileSync(join(folder, "draw.mts"), use + draw);
    // Node's programs have neither the DOM's types nor those of workers.
    const node = ["use.mts", "--types", "node", "--lib", "ES2023,ESNext.Disposable"];
    node.push("--typeRoots", join(process.cwd(), "node_modules/@types"));
    const page = ["draw.mts", "--types", "", "--lib", "ES2023,ESNext.Disposable,DOM"];
    const strict = ["--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false"];
    const nodenext = ["--module", "nodenext"];
    const bundler = ["--module", "esnext", "--moduleResolution", "bundler"];
    for (const chosen of [
      [...node, ...nodenext],
      [...node, ...bundler],
      [...page, ...nodenext],
      [...page, ...bundler, "--customConditions", "browser"],
    ]) {
      const tsc = join(process.cwd(), "node_modules/.bin/tsc");
      const args = ["--noEmit", "--target", "es2022", ...strict, ...chosen];
      expect(spawnSync(tsc, args, { cwd: folder, encoding: "utf8" }).stdout).toBe("");
    }
  });

  it("goes into a browser's bundle without anything of Node's, its assets beside it", () => {
    const entry = 'import { Machine } from "wasmqemu"; console.log(Machine);';
    const { outputFiles, warnings } = buildSync({
      stdin: { contents: entry, resolveDir: folder },
      bundle: true,
      format: "esm",
      platform: "browser",
      write: false,
    });
    expect(warnings).toEqual([]);
    const assets = outputFiles[0]!.text.matchAll(/new URL\("\.\/([^"]+)", import\.meta\.url\)/g);
    const named = [...assets].map(([, name]) => `dist/${name}`);
    expect(named).toContain("dist/machine.wasm");
    expect(named.filter((name) => !files.includes(name))).toEqual([]);
  });

  it("runs a machine from its folder", () => {
    const program = `import { Machine } from "wasmqemu";
      const machine = await Machine.create({ kernel: "node_modules/wasmqemu/dist/demo.bin" });
      console.log((await machine.run()).reason);
      await machine.close();`;
    const args = ["--input-type=module", "-e", program];
    expect(spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" })).toMatchObject({
      stdout: "power-off\n",
      stderr: "",
      status: 0,
    });
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
