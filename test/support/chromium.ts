// Debian's Chromium without a window, and modules of ours in one of its workers: what browsers do is tried there.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import {
  POLICY,
  serveFolder,
  type StaticServer,
  type StaticServerOptions,
} from "../../tools/static-server.ts";
import { missingTools } from "./needs.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** Why there is no browser here; undefined when there is. */
export function chromiumObstacle(): string | undefined {
  return missingTools("chromium").length > 0 ? "chromium is not installed" : undefined;
}

/** Root has no sandbox to give; containers have a small /dev/shm. */
const LAUNCH = {
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
};

export function startChromium(...more: readonly string[]): Promise<Browser> {
  return chromium.launch({ ...LAUNCH, args: [...LAUNCH.args, ...more] });
}

/** A browser that keeps what it stores in `folder`, as people's do; others keep it in memory. */
export function startStoringChromium(folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, LAUNCH);
}

/**
 * A page whose worker runs the exported functions of a module, `run(name, …)`; they see OPFS and dist/'s engines. Content
 * security policy as strict as can be, no cross-origin isolation.
 */
export class WorkerLab {
  private constructor(
    readonly browser: Browser,
    readonly server: StaticServer,
    private readonly folder: string,
  ) {}

  static async open(module: string, options: StaticServerOptions = {}): Promise<WorkerLab> {
    const folder = mkdtempSync(join(tmpdir(), "wasmqemu-lab-"));
    await bundle(join(ROOT, module), folder);
    const server = await serveFolder(folder, { headers: { "content-security-policy": POLICY }, ...options });
    return new WorkerLab(await startChromium(), server, folder);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.server.close();
    rmSync(this.folder, { recursive: true });
  }

  /** A browser profile of its own: nothing stored in others is there. */
  async profile(): Promise<BrowserContext> {
    return this.browser.newContext();
  }

  async tab(context: BrowserContext): Promise<Tab> {
    const page = await context.newPage();
    await page.goto(`${this.server.url}lab.html`);
    return new Tab(page);
  }
}

export class Tab {
  constructor(readonly page: Page) {}

  /** Calls an exported function of the module in the tab's worker; arguments and answer are cloned. */
  run<T>(name: string, ...args: unknown[]): Promise<T> {
    return this.page.evaluate(
      async ([called, given]) => {
        const lab = globalThis as unknown as { call(name: string, args: unknown[]): Promise<unknown> };
        return lab.call(called, given);
      },
      [name, args] as const,
    ) as Promise<T>;
  }

  close(): Promise<void> {
    return this.page.close();
  }
}

/** lab.html, its script, and the module behind a worker's port, with the engines beside. */
async function bundle(module: string, folder: string): Promise<void> {
  const { copyFileSync, writeFileSync } = await import("node:fs");
  await build({
    stdin: {
      contents: `
        import * as lab from ${JSON.stringify(module)};
        self.onmessage = async ({ data: [id, name, args] }) => {
          try { self.postMessage([id, true, await lab[name](...args)]); }
          catch (error) { self.postMessage([id, false, error.message]); }
        };`,
      resolveDir: ROOT,
    },
    outfile: join(folder, "worker.js"),
    bundle: true,
    format: "esm",
    platform: "browser",
    logLevel: "warning",
  });
  await build({
    entryPoints: [join(ROOT, "host/runtimes/browser-codec-thread.ts")],
    outfile: join(folder, "browser-codec-thread.js"),
    bundle: true,
    format: "esm",
    platform: "browser",
  });
  writeFileSync(join(folder, "lab.html"), '<!doctype html><script type="module" src="lab.js"></script>');
  writeFileSync(
    join(folder, "lab.js"),
    `const waiting = new Map();
    const worker = new Worker("worker.js", { type: "module" });
    worker.onmessage = ({ data: [id, succeeded, answer] }) => {
      const { done, fail } = waiting.get(id);
      waiting.delete(id);
      if (succeeded) done(answer); else fail(new Error(answer));
    };
    let last = 0;
    window.call = (name, args) => new Promise((done, fail) => {
      waiting.set(++last, { done, fail });
      worker.postMessage([last, name, args]);
    });`,
  );
  for (const asset of ["block.wasm", "machine.wasm", "bios.bin", "demo.bin"])
    copyFileSync(join(ROOT, "dist", asset), join(folder, asset));
}

/** What the processes of pages hold of this machine's memory, in MiB (proc(5): VmRSS, in KiB). */
export async function pagesMemory(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const kib = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0));
  return kib.reduce((sum, size) => sum + size, 0) / 1024;
}

/**
 * Of pages' main threads, in ms: on the clock ("dur"), or of processor time ("tdur"), where what others do on this
 * machine does not count.
 */
export function longestTask(trace: Buffer, by: "dur" | "tdur"): number {
  interface TraceEvent {
    name: string;
    pid: number;
    tid: number;
    dur?: number;
    tdur?: number;
    args: { name?: string };
  }
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] };
  const named = (what: string, called: string): TraceEvent[] =>
    traceEvents.filter(({ name, args }) => name === what && args.name === called);
  // Chromium draws parts of itself in a process of another name.
  const pages = new Set(named("process_name", "Renderer").map(({ pid }) => pid));
  const threads = named("thread_name", "CrRendererMain").filter(({ pid }) => pages.has(pid));
  const tasks = traceEvents.filter(
    ({ name, pid, tid }) =>
      name.endsWith("RunTask") && threads.some((thread) => thread.pid === pid && thread.tid === tid),
  );
  if (tasks.length < 100) throw new Error(`the trace tells of ${tasks.length} tasks only`);
  return Math.max(...tasks.map((task) => (task[by] ?? 0) / 1000));
}
