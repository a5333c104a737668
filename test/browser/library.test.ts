// The library in Chromium, as dist/ has it for browsers: the suite of all runtimes in a worker, where there are files, and
// a machine on a page's own thread. The content security policy allows WebAssembly and nothing else; no isolation.
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { POLICY, serveFolder, type StaticServer } from "../../tools/static-server.ts";
import { guestFiles, obstacle } from "../machine/debian-guest.ts";
import type { Outcome } from "../runtimes/suite.ts";
import { chromiumObstacle, pagesMemory, startChromium } from "../support/chromium.ts";
import { skipped } from "../support/needs.ts";

const SECONDS = 1000;
const why = chromiumObstacle();
if (why) skipped("the library in a browser", why);

const WORKER = `
import { runSuite } from "./test/runtimes/suite.ts";
self.onmessage = async ({ data: debian }) => {
  const library = await import(location.origin + "/browser.js");
  self.postMessage(await runSuite({ library, folder: "", demo: location.origin + "/demo.bin", debian }));
};`;

/** On the page's own thread. */
const PAGE = `
import { Machine } from "/browser.js";
globalThis.runDemo = async () => {
  const machine = await Machine.create({ memory: "64M", kernel: new URL("demo.bin", location.href) });
  const ending = await machine.run();
  await machine.close();
  return ending;
};
globalThis.comeAndGo = async (count) => {
  for (let n = 0; n < count; n++) {
    const drives = [new Blob([new Uint8Array(2 ** 20)])];
    const machine = await Machine.create({ memory: "64M", kernel: new URL("demo.bin", location.href), drives });
    machine.start();
    await machine.screen.drawOn(document.createElement("canvas").transferControlToOffscreen());
    await machine.waitFor(/Hello/);
    await machine.close();
  }
};`;

describe.skipIf(why)("the library in Chromium", () => {
  const folder = mkdtempSync(join(tmpdir(), "wasmqemu-library-"));
  const noDebian = obstacle();
  let server: StaticServer;
  let chromium: Browser;
  let page: Page;

  beforeAll(async () => {
    for (const file of readdirSync("dist"))
      if (/\.(js|wasm|bin)$/.test(file)) copyFileSync(join("dist", file), join(folder, file));
    if (noDebian) skipped("Debian's kernel in a browser", noDebian);
    else
      for (const file of Object.values(guestFiles)) copyFileSync(file, join(folder, file.split("/").at(-1)!));
    await build({
      stdin: { contents: WORKER, resolveDir: "." },
      outfile: join(folder, "suite.js"),
      bundle: true,
      format: "esm",
    });
    writeFileSync(join(folder, "page.js"), PAGE);
    writeFileSync(join(folder, "index.html"), '<!doctype html><script type="module" src="page.js"></script>');
    server = await serveFolder(folder, { headers: { "content-security-policy": POLICY } });
    chromium = await startChromium();
    page = await chromium.newPage();
    await page.goto(server.url);
  });
  afterAll(async () => {
    await chromium?.close();
    await server?.close();
    rmSync(folder, { recursive: true });
  });

  it(
    "passes the suite",
    async () => {
      const debian = noDebian ? undefined : { kernel: "vmlinuz", initrd: "initrd.gz" };
      const outcomes = await page.evaluate(
        (files) =>
          new Promise<Outcome[]>((done, fail) => {
            const worker = new Worker("/suite.js", { type: "module" });
            worker.onmessage = ({ data }: MessageEvent<Outcome[]>): void => done(data);
            worker.onerror = ({ message }): void => fail(new Error(message));
            const at = (name: string): string => `${location.origin}/${name}`;
            worker.postMessage(files && { kernel: at(files.kernel), initrd: at(files.initrd) });
          }),
        debian,
      );
      expect(outcomes.filter(({ failure }) => failure !== undefined)).toEqual([]);
      expect(outcomes.length).toBeGreaterThan(8);
    },
    600 * SECONDS,
  );

  it(
    "leaves no memory behind in a page whose machines come and go",
    async () => {
      const comeAndGo = (count: number): Promise<void> =>
        page.evaluate(
          (machines) =>
            (globalThis as unknown as { comeAndGo(n: number): Promise<void> }).comeAndGo(machines),
          count,
        );
      await comeAndGo(10);
      const before = await pagesMemory(chromium);
      await comeAndGo(30);
      // Each has touched more than five megabytes.
      expect((await pagesMemory(chromium)) - before).toBeLessThan(40);
    },
    120 * SECONDS,
  );

  it(
    "runs a machine for a page",
    async () => {
      const ending = await page.evaluate(() =>
        (globalThis as unknown as { runDemo(): Promise<unknown> }).runDemo(),
      );
      expect(ending).toEqual({ reason: "power-off" });
    },
    60 * SECONDS,
  );
});
