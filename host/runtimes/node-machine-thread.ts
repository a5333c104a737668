// dist/machine-thread.js on Node: host/worker/service.ts behind a message port.
import { parentPort } from "node:worker_threads";
import { MachineService } from "../worker/service.ts";
import { node } from "./node.ts";
import { useRuntime } from "./this.ts";

useRuntime(node);
const port = parentPort!;
const service = new MachineService((message, buffers) => port.postMessage(message, buffers));
port.on("message", (message) => service.receive(message));
