// Browsers: files are those of the origin private file system (opfs.ts), what lies in dist/ comes by URL. Workers have
// all of it; a page's own thread has no files.
import { UserError } from "../core/errors.ts";
import { openOpfsFile, opfsIdentity, removeOpfsFile } from "./opfs.ts";
import type { Runtime, RuntimeThread, ThreadEvents } from "./runtime.ts";

/** What lies beside the bundle that this is part of. */
function assetUrl(name: string): URL {
  return new URL(name, import.meta.url);
}

export const browser: Runtime = {
  openFile: openOpfsFile,
  removeFile: removeOpfsFile,
  identity: opfsIdentity,
  cacheFolder: ".cache",

  async readAsset(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const url = assetUrl(name);
    const response = await fetch(url).catch((error: unknown) => {
      throw new UserError(`${url.href} cannot be fetched: ${(error as Error).message}`);
    });
    if (!response.ok)
      throw new UserError(`${url.href} cannot be fetched: the server answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  },

  startThread(script: string, { onMessage, onError }: ThreadEvents): RuntimeThread {
    const worker = new Worker(assetUrl(script), { type: "module" });
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
