// Threads of Node, Deno and Bun, and what they hear and say. Messages go over the web's channel: on the ports of
// node:worker_threads Deno 2 copies typed arrays byte by byte, which takes seconds for a machine's state.
import { Worker, workerData } from "node:worker_threads";
import type { Movable, RuntimeThread, ThreadEvents } from "./runtime.ts";

/** What these runtimes have beyond the web's. */
type Port = MessagePort & { ref(): void; unref(): void };

/** Starts the script at `path`, which calls `serveThread`. */
export function startThread(path: string, { onMessage, onError }: ThreadEvents): RuntimeThread {
  const { port1, port2 } = new MessageChannel();
  const port = port1 as Port;
  // Not the program's own arguments: a thread starts no program of `node -e`.
  const worker = new Worker(path, { execArgv: [], workerData: port2, transferList: [port2 as never] });
  port.onmessage = ({ data }: MessageEvent<unknown>): void => onMessage(data);
  worker.on("error", onError);
  return {
    send: (message, transfer) => port.postMessage(message, transfer),
    keepAlive: (on) => {
      for (const handle of [worker, port]) handle[on ? "ref" : "unref"]();
    },
    stop: async () => {
      port.close();
      await worker.terminate();
    },
  };
}

type Post = (message: unknown, transfer: Movable[]) => void;

/** Within a thread: `start` is given the way to answer, and returns what takes messages. */
export function serveThread<Message>(start: (send: Post) => (message: Message) => void): void {
  const port = workerData as Port;
  const hear = start((message, buffers) => port.postMessage(message, buffers));
  port.onmessage = ({ data }: MessageEvent<Message>): void => hear(data);
}
