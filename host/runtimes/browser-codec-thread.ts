// dist/browser-codec-thread.js: host/image/codecs/codec-thread.ts in a worker.
import { codecThread } from "../image/codecs/codec-thread.ts";

const work = codecThread((answer) => self.postMessage(answer, { transfer: [answer.buffer] }));
self.onmessage = ({ data }: MessageEvent): void => work(data);
