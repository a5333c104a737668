// What runs in a codec thread, whatever the runtime: an engine of its own, and one job after the other.
import { instantiateEngine } from "../../core/load.ts";
import { type CodecAnswer, runJob } from "./codec-jobs.ts";
import type { ToCodecThread } from "./codec-pool.ts";
import type { BlockExports } from "../qcow2/engine.ts";

/** Takes each message in turn; `answer` sends one back, its buffer with it. */
export function codecThread(answer: (done: CodecAnswer) => void): (message: ToCodecThread) => void {
  let core: Promise<BlockExports>;
  return (message) => {
    if ("module" in message) {
      core = instantiateEngine<BlockExports>(message.module, "block.wasm").then((engine) => {
        if (!engine.reserve(0)) throw new Error("Not enough memory to compress");
        return engine;
      });
      return;
    }
    // Jobs wait for the engine in the order in which they came, and so are answered in it.
    void core.then((engine) => answer(runJob(engine, message.job)));
  };
}
