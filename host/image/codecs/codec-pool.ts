// Compression and encryption side by side: jobs go to threads of ours where the runtime has threads, else they are done here.
import { compileEngine, loadEngine } from "../../core/load.ts";
import { UserError } from "../../core/errors.ts";
import type { Runtime, RuntimeThread } from "../../runtimes/runtime.ts";
import { type CodecAnswer, type CodecJob, runJob } from "./codec-jobs.ts";
import type { BlockExports } from "../qcow2/engine.ts";

/** The thread's script in dist/. */
const SCRIPT = "codec-thread.js";
/** More would wait for the file. */
const THREADS_MAX = 8;

/** Buffers are made in multiples of this, so that one fits many jobs. */
const BUFFER_UNIT = 2 ** 20;
const SPARE_MAX = 8;

/** What a thread is told: once the engine to use, then jobs, which it answers in their order. */
export type ToCodecThread = { module: WebAssembly.Module } | { job: CodecJob };

interface Waiting {
  settle(answer: CodecAnswer): void;
  fail(error: Error): void;
}

interface Thread {
  thread: RuntimeThread;
  waiting: Waiting[];
}

export class CodecPool {
  private readonly threads: Thread[] = [];
  private here: Promise<BlockExports> | undefined;
  private jobs = 0;
  private readonly spare: ArrayBuffer[] = [];
  private stopped = false;

  constructor(private readonly runtime: Runtime) {}

  /** Jobs that can be at work at once. */
  get width(): number {
    return this.runtime.startThread ? Math.min(this.runtime.processors, THREADS_MAX) : 1;
  }

  /** A buffer for a job, `length` bytes at least, with anything in it. */
  takeBuffer(length: number): ArrayBuffer {
    const at = this.spare.findIndex(({ byteLength }) => byteLength >= length);
    if (at >= 0) return this.spare.splice(at, 1)[0]!;
    return new ArrayBuffer(Math.ceil(length / BUFFER_UNIT) * BUFFER_UNIT);
  }

  /** Keeps a buffer for the next job: pages that the system has given once are cheaper than new ones. */
  giveBuffer(buffer: ArrayBuffer): void {
    if (this.spare.length < SPARE_MAX) this.spare.push(buffer);
  }

  /** The job's buffer is the thread's until the answer gives it back. */
  async run(job: CodecJob): Promise<CodecAnswer> {
    // A thread takes longer to start than the first job takes: small images need none.
    if (this.width === 1 || this.jobs++ === 0) {
      this.here ??= loadEngine<BlockExports>(this.runtime, "block.wasm");
      const core = await this.here;
      if (!core.reserve(0)) throw new UserError("Not enough memory to compress", "ENOMEM");
      return runJob(core, job);
    }
    const module = await compileEngine(this.runtime, "block.wasm");
    if (this.stopped) throw new Error("the codecs are stopped");
    const { thread, waiting } = this.leastBusy(module);
    return new Promise((settle, fail) => {
      waiting.push({ settle, fail });
      thread.send({ job } satisfies ToCodecThread, [job.buffer]);
    });
  }

  /** Ends the threads; jobs under way are never answered. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.threads.splice(0).map(({ thread }) => thread.stop()));
  }

  private leastBusy(module: WebAssembly.Module): Thread {
    const [first] = [...this.threads].sort((a, b) => a.waiting.length - b.waiting.length);
    if (first && (first.waiting.length === 0 || this.threads.length === this.width)) return first;
    const waiting: Waiting[] = [];
    const thread = this.runtime.startThread!(SCRIPT, {
      onMessage: (answer) => waiting.shift()!.settle(answer as CodecAnswer),
      onError: (error) => {
        const at = this.threads.findIndex((one) => one.waiting === waiting);
        if (at >= 0) this.threads.splice(at, 1);
        for (const { fail } of waiting.splice(0)) fail(error);
      },
    });
    thread.send({ module } satisfies ToCodecThread, []);
    const entry = { thread, waiting };
    this.threads.push(entry);
    return entry;
  }
}
