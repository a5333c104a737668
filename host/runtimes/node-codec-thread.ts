// dist/codec-thread.js on Node: host/image/codec-thread.ts behind a message port.
import { parentPort } from "node:worker_threads";
import { codecThread } from "../image/codec-thread.ts";

const port = parentPort!;
port.on(
  "message",
  codecThread((answer) => port.postMessage(answer, [answer.buffer])),
);
