// dist/codec-thread.js: host/image/codecs/codec-thread.ts on Node.
import { codecThread } from "../image/codecs/codec-thread.ts";
import { serveThread } from "./node-thread.ts";

serveThread((send) => codecThread((answer) => send(answer, [answer.buffer])));
