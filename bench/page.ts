// `npm run bench:page`: the page in Chromium as its user feels it: how long until a guest speaks, until a key shows, how
// many pictures a second, and how long the page's own thread is ever busy.
//   --visits N     openings, each in a browser that has nothing of ours (default 7)
//   --keys N       keys pressed (default 60)
//   --seconds N    each look at a busy guest (default 5)
//   --format F     text (default), markdown or json
//   --readme       put the table into README.md afterwards
import { loadavg } from "node:os";
import { resolve } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Browser, Page } from "playwright-core";
import { busyFloppy, echoFloppy, paintingFloppy } from "../test/support/boot-sectors.ts";
import { longestTask, startChromium } from "../test/support/chromium.ts";
import { POLICY, serveFolder } from "../tools/static-server.ts";
import { thisMachine, updateReadme } from "./readme.ts";
import { aligned } from "./report.ts";

const { values: options } = parseArgs({
  options: {
    visits: { type: "string", default: "7" },
    keys: { type: "string", default: "60" },
    seconds: { type: "string", default: "5" },
    format: { type: "string", default: "text" },
    readme: { type: "boolean", default: false },
  },
});

/** What was measured, smallest first. */
interface Row {
  what: string;
  unit: "ms" | "a second";
  wanted: string;
  values: number[];
}

const rows: Row[] = [];

function note(what: string, unit: Row["unit"], wanted: string, values: readonly number[]): void {
  process.stderr.write(`${what} …\n`);
  rows.push({ what, unit, wanted, values: values.toSorted((a, b) => a - b) });
}

const server = await serveFolder(resolve("dist/web"), { headers: { "content-security-policy": POLICY } });

async function open(browser: Browser): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.addInitScript({ path: "bench/page-probe.js" });
  await page.goto(server.url);
  return page;
}

/** Starts a guest from a floppy, as a picked file. */
async function boot(page: Page, image: Uint8Array): Promise<void> {
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("#choose")]);
  const [name, mimeType] = ["guest.img", "application/octet-stream"];
  await chooser.setFiles({ name, mimeType, buffer: Buffer.from(image) });
  await page.click("#start");
}

async function withBrowser<T>(work: (browser: Browser) => Promise<T>): Promise<T> {
  const browser = await startChromium();
  try {
    return await work(browser);
  } finally {
    await browser.close();
  }
}

/** Longest tasks of the page's own thread, in ms: on the clock, and of processor time, whatever else runs here. */
class Tasks {
  readonly clock: number[] = [];
  readonly processor: number[] = [];

  async watch(browser: Browser, page: Page, work: () => Promise<unknown>): Promise<void> {
    await browser.startTracing(page, { categories: ["toplevel"] });
    await work();
    const trace = await browser.stopTracing();
    this.clock.push(longestTask(trace, "dur"));
    this.processor.push(longestTask(trace, "tdur"));
  }

  note(what: string): void {
    note(`longest task of the page's thread, ${what}`, "ms", "< 50", this.clock);
    note("… of processor time", "ms", "< 50", this.processor);
  }
}

const [demo, firmware, opening] = [[] as number[], [] as number[], new Tasks()];
for (let visit = 0; visit < Number(options.visits); visit++) {
  await withBrowser(async (browser) => {
    const page = await open(browser);
    await page.click("#demo");
    demo.push(await page.evaluate<number>("probe.firstWord"));
  });
  await withBrowser(async (browser) => {
    const page = await open(browser);
    const shown = page.evaluate<number>("probe.firstPicture()");
    await boot(page, echoFloppy);
    firmware.push(await shown);
  });
  await withBrowser(async (browser) => {
    const page = await browser.newPage();
    await opening.watch(browser, page, async () => {
      await page.goto(server.url);
      await page.click("#demo");
      await page.locator(".xterm-rows").filter({ hasText: /\w/ }).waitFor();
    });
  });
}
note("opening the page → the demo's first line", "ms", "< 1000", demo);
note("opening the page → the firmware's first line, a file picked", "ms", "< 1000", firmware);
opening.note("from opening to the demo's first line");

const keys: number[] = [];
await withBrowser(async (browser) => {
  const page = await open(browser);
  await boot(page, echoFloppy);
  await page.evaluate("probe.firstPicture()");
  // The firmware first tells what it does.
  await setTimeout(2000);
  for (let n = 0; n < Number(options.keys); n++) {
    await page.evaluate("probe.expectKey()");
    await page.keyboard.press("abcdefghij"[n % 10]!);
    keys.push(await page.evaluate<number>("probe.keyShown"));
    await setTimeout(20 + (n % 17));
  }
});
note("key → screen", "ms", "< 50", keys);

const busy = new Tasks();
await withBrowser(async (browser) => {
  const page = await open(browser);
  await boot(page, paintingFloppy);
  await page.evaluate("probe.width(1024)");
  await setTimeout(2000);
  const ms = Number(options.seconds) * 1000;
  note("pictures of 1024 × 768 that are all new", "a second", "60", [
    await page.evaluate<number>(`probe.pictures(${ms})`),
  ]);
  await busy.watch(browser, page, () => setTimeout(ms));
});
await withBrowser(async (browser) => {
  const page = await open(browser);
  await boot(page, busyFloppy);
  await page.locator("#serial-tab .news").waitFor();
  for (const tab of ["#screen-tab", "#serial-tab"]) {
    await page.click(tab);
    await busy.watch(browser, page, () => setTimeout(Number(options.seconds) * 1000));
  }
});
busy.note("the guest drawing or printing all it can");
await server.close();

const shown = (value: number): string => value.toFixed(value < 100 ? 1 : 0);
const table = [
  "| the page in Chromium | median | worst | wanted |",
  "|:--|--:|--:|--:|",
  ...rows.map(({ what, unit, wanted, values }) => {
    const [median, worst] = [values[values.length >> 1]!, values.at(-1)!];
    return `| ${what} (${unit}) | ${shown(median)} | ${values.length > 1 ? shown(worst) : ""} | ${wanted} |`;
  }),
].join("\n");
const where = `${thisMachine()}; load ${loadavg()[0]!.toFixed(1)}; ${options.visits} visits, ${options.keys} keys.`;
if (options.format === "json") console.log(JSON.stringify({ where, rows }, undefined, 2));
else console.log(`${options.format === "markdown" ? table : aligned(table)}\n\n${where}`);
if (options.readme) updateReadme("bench:page", `${table}\n\n${where}`);
