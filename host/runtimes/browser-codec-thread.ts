// dist/browser-codec-thread.js: host/image/codec-thread.ts in a worker.
import { codecThread } from "../image/codec-thread.ts";

const work = codecThread((answer) => self.postMessage(answer, { transfer: [answer.buffer] }));
self.onmessage = ({ data }: MessageEvent): void => work(data);
