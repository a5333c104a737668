// dist/browser-machine-thread.js: host/worker/service.ts in a worker.
import { MachineService } from "../worker/service.ts";
import { browser } from "./browser.ts";
import { useRuntime } from "./this.ts";

useRuntime(browser);
const service = new MachineService((message, transfer) => self.postMessage(message, { transfer }));
self.onmessage = ({ data }: MessageEvent<unknown>): void => service.receive(data);
