// noVNC, as browsers run it, at the screen of a guest under the command line.
import { readFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveFolder, type StaticServer } from "../../tools/static-server.ts";
import { chromiumObstacle, startChromium } from "../support/chromium.ts";
import { type CliGuest, connectSoon, startCliGuest } from "../support/cli-guest.ts";
import { freePort } from "../support/free-port.ts";
import { skipped } from "../support/needs.ts";

const obstacle = chromiumObstacle();
if (obstacle) skipped("noVNC", obstacle);

const PAGE = `<!doctype html><body><div id="screen" style="width: 720px; height: 400px"></div>
<script type="module" src="client.js"></script></body>`;
const CLIENT = `
import RFB from "@novnc/novnc";
const port = new URLSearchParams(location.search).get("port");
const rfb = new RFB(document.getElementById("screen"), "ws://127.0.0.1:" + port);
globalThis.pixels = () => {
  const canvas = document.querySelector("#screen canvas");
  return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
};
rfb.addEventListener("connect", () => (document.title = "connected"));
rfb.addEventListener("disconnect", () => (document.title = "disconnected"));
`;

describe.skipIf(obstacle !== undefined)("noVNC", () => {
  const folder = mkdtempSync(join(tmpdir(), "wasmqemu-novnc-"));
  let server: StaticServer;
  let browser: Browser;
  let guest: CliGuest;
  let port: number;

  beforeAll(async () => {
    writeFileSync(join(folder, "index.html"), PAGE);
    const client = { contents: CLIENT, resolveDir: process.cwd() };
    const outfile = join(folder, "client.js");
    await build({ stdin: client, bundle: true, format: "esm", target: "es2022", outfile, logLevel: "error" });
    server = await serveFolder(folder);
    browser = await startChromium();
    port = await freePort();
    guest = startCliGuest((place) => [
      "-no-shutdown",
      "-vnc",
      `127.0.0.1:0,to=99,websocket=${port}`,
      "-monitor",
      `unix:${join(place, "monitor")},server=on,wait=off`,
    ]);
    (await connectSoon({ host: "127.0.0.1", port })).destroy();
  }, 60_000);

  afterAll(async () => {
    guest?.kill();
    await browser?.close();
    await server?.close();
    rmSync(folder, { recursive: true });
  });

  it("shows the screen that screendump takes", async () => {
    const page = await browser.newPage();
    await page.goto(`${server.url}index.html?port=${port}`);
    await page.waitForFunction('document.title === "connected"');
    await page.waitForSelector("#screen canvas");
    const monitor = await connectSoon(join(guest.folder, "monitor"));
    const dump = join(guest.folder, "s.ppm");
    const picture = async (): Promise<{ shown: string; dumped: string }> => {
      monitor.write(`screendump ${dump}\n`);
      await new Promise((next) => setTimeout(next, 200));
      const rgba = await page.evaluate<number[]>("pixels()");
      const shown = Buffer.from(rgba.filter((_, n) => n % 4 !== 3)).toString("hex");
      return { shown, dumped: readFileSync(dump).subarray("P6\n720 400\n255\n".length).toString("hex") };
    };
    await expect
      .poll(
        async () => {
          const { shown, dumped } = await picture();
          return shown === dumped && /[1-9a-f]/.test(shown);
        },
        { timeout: 30_000 },
      )
      .toBe(true);
    monitor.destroy();
    await page.close();
  }, 60_000);
});
