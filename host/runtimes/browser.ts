// Browsers: files are those of the origin private file system (opfs.ts), what lies in dist/ comes by URL. Workers have
// all of it; a page's own thread has no files.
import { UserError } from "../core/errors.ts";
import { openOpfsFile, opfsIdentity, removeOpfsFile } from "./opfs.ts";
import type { Runtime, RuntimeThread, ThreadEvents } from "./runtime.ts";

/** What lies beside the bundle that this is part of. Written out one by one: so bundlers find them and take them along. */
const ASSETS: Readonly<Record<string, URL>> = {
  "machine.wasm": new URL("./machine.wasm", import.meta.url),
  "block.wasm": new URL("./block.wasm", import.meta.url),
  "bios.bin": new URL("./bios.bin", import.meta.url),
  "demo.bin": new URL("./demo.bin", import.meta.url),
};
const THREADS: Readonly<Record<string, () => Worker>> = {
  "machine-thread.js": () =>
    new Worker(new URL("./browser-machine-thread.js", import.meta.url), { type: "module" }),
  "codec-thread.js": () =>
    new Worker(new URL("./browser-codec-thread.js", import.meta.url), { type: "module" }),
};

/** Half of what the browser gives: the other half is for disks. */
async function cacheRoom(): Promise<number> {
  // There is none for pages whose way here was not safe.
  const storage = navigator.storage as StorageManager | undefined;
  const { quota = 0, usage = 0 } = (await storage?.estimate()) ?? {};
  return Math.max(0, quota / 2 - usage);
}

async function fetchAsset(name: string): Promise<Response> {
  const url = ASSETS[name]!;
  const response = await fetch(url).catch((error: unknown) => {
    throw new UserError(`${url.href} cannot be fetched: ${(error as Error).message}`);
  });
  if (response.ok) return response;
  throw new UserError(`${url.href} cannot be fetched: the server answered ${response.status}`);
}

export const browser: Runtime = {
  openFile: openOpfsFile,
  removeFile: removeOpfsFile,
  identity: opfsIdentity,
  cache: { folder: ".cache", room: cacheRoom },

  async readAsset(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await (await fetchAsset(name)).arrayBuffer());
  },

  /** Compiled while it comes, away from this thread, and kept compiled with what the browser has cached. */
  async readEngine(name: string): Promise<WebAssembly.Module> {
    const response = await fetchAsset(name);
    // Servers that do not know wasm's type are common; only this way asks for it.
    return response.headers.get("content-type") === "application/wasm"
      ? WebAssembly.compileStreaming(response)
      : WebAssembly.compile(await response.arrayBuffer());
  },

  startThread(script: string, { onMessage, onError }: ThreadEvents): RuntimeThread {
    const worker = THREADS[script]!();
    worker.onmessage = ({ data }: MessageEvent<unknown>): void => onMessage(data);
    worker.onerror = ({ message }): void => onError(new Error(message || `${script} does not start`));
    return {
      send: (message, transfer) => worker.postMessage(message, transfer),
      stop: async () => worker.terminate(),
    };
  },

  processors: navigator.hardwareConcurrency,

  now: () => performance.now(),
};
