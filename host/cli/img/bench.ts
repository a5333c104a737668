// img bench: how long a row of equal requests takes.
import { isExpected, UserError } from "../../core/errors.ts";
import { requireSize } from "../../image/size.ts";
import type { DiskImage } from "../../library.ts";
import { getopt, has, last, oneName, type Parsed } from "./getopt.ts";
import { CACHE_MODES, openNamed } from "./open.ts";

const NUMBER_MAX = 2 ** 31 - 1;
/** Cache modes that pass by the system's cache. */
const DIRECT_MODES = ["none", "off", "directsync"];

interface Plan {
  write: boolean;
  count: number;
  depth: number;
  size: number;
  step: number;
  start: number;
  pattern: number;
  /** Requests between two flushes; 0: none. */
  flushInterval: number;
  /** Whether a flush waits for the requests before it. */
  drain: boolean;
}

export async function bench(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hc:d:f:i:no:qs:S:t:wU", {
    pattern: "pattern:",
    "flush-interval": "flush-interval:",
    "no-drain": "no-drain",
    "force-share": "U",
  });
  const plan = parsePlan(parsed);
  const name = oneName(parsed);
  checkAccess(parsed, name);
  const image = await openNamed(parsed, name, { readOnly: !plan.write });
  try {
    process.stdout.write(
      `Sending ${plan.count} ${plan.write ? "write" : "read"} requests, ${plan.size} bytes each, ` +
        `${plan.depth} in parallel (starting at offset ${plan.start}, step size ${plan.step})\n`,
    );
    if (plan.flushInterval)
      process.stdout.write(`Sending flush every ${plan.flushInterval} requests
`);
    const before = performance.now();
    await run(image, plan);
    const seconds = (performance.now() - before) / 1000;
    process.stdout.write(`Run completed in ${seconds.toFixed(3)} seconds.\n`);
    return 0;
  } finally {
    await image.close();
  }
}

function parsePlan(parsed: Parsed): Plan {
  const whole = (key: string, otherwise: number, least: number, most: number, what: string): number => {
    const text = last(parsed, key);
    const value = text === undefined ? otherwise : /^(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : NaN;
    if (!(value >= least && value <= most)) throw new UserError(`Invalid ${what} specified`);
    return value;
  };
  const size = (key: string, otherwise: number, most: number, what: string): number => {
    const text = last(parsed, key);
    const value = text === undefined ? otherwise : requireSize(text, what);
    if (value > most) throw new UserError(`Invalid ${what} specified. Must be between 0 and ${most}.`);
    return value;
  };
  const write = has(parsed, "w");
  const bytes = size("s", 4096, NUMBER_MAX, "buffer size");
  const plan = {
    write,
    count: whole("c", 75000, 0, NUMBER_MAX, "request count"),
    // No request in flight would never end.
    depth: whole("d", 64, 1, NUMBER_MAX, "queue depth"),
    size: bytes,
    step: size("S", 0, NUMBER_MAX, "step_size") || bytes,
    start: size("o", 0, Infinity, "offset"),
    pattern: whole("pattern", 0, 0, 255, "pattern byte"),
    flushInterval: whole("flush-interval", 0, 0, NUMBER_MAX, "flush interval"),
    drain: !has(parsed, "no-drain"),
  };
  if (!write && plan.flushInterval) throw new UserError("--flush-interval is only available in write tests");
  if (plan.flushInterval && plan.flushInterval < plan.depth)
    throw new UserError("Flush interval can't be smaller than depth");
  return plan;
}

/** A runtime has one way to reach a file and no cache of its own: what asks for others is checked, and said aloud. */
function checkAccess(parsed: Parsed, name: string): void {
  const cache = last(parsed, "t") ?? "writeback";
  if (!CACHE_MODES.includes(cache)) throw new UserError("Invalid cache mode");
  const aio = has(parsed, "n") ? "native" : (last(parsed, "i") ?? "threads");
  if (!["threads", "native", "io_uring"].includes(aio)) throw new UserError(`Invalid aio option: ${aio}`);
  if (aio === "native" && !DIRECT_MODES.includes(cache))
    throw new UserError(
      `Could not open '${name}': aio=native was specified, but it requires cache.direct=on, which was not specified.`,
      "EINVAL",
    );
  if (aio !== "threads")
    process.stderr.write(
      `wasmqemu img: warning: aio=${aio} is measured as aio=threads, all that there is here\n`,
    );
}

async function run(image: DiskImage, plan: Plan): Promise<void> {
  let offset = plan.start;
  const buffers = Array.from({ length: Math.min(plan.depth, plan.count) }, () =>
    new Uint8Array(plan.size).fill(plan.pattern),
  );
  /** `count` requests, as many at a time as there are buffers. */
  const batch = async (count: number): Promise<void> => {
    let left = count;
    const worker = async (buffer: Uint8Array): Promise<void> => {
      while (left-- > 0) {
        const at = offset;
        offset = (offset + plan.step) % image.size;
        if (at + buffer.length > image.size) throw new UserError("Input/output error", "EIO");
        await (plan.write ? image.write!(buffer, at) : image.read(buffer, at));
      }
    };
    await Promise.all(buffers.map(worker));
  };
  try {
    if (!plan.flushInterval) return await batch(plan.count);
    let flushing: Promise<void> = Promise.resolve();
    for (let done = 0; done < plan.count; done += plan.flushInterval) {
      await batch(Math.min(plan.flushInterval, plan.count - done));
      await flushing;
      flushing = image.flush!();
      if (plan.drain) await flushing;
    }
    await flushing;
  } catch (error) {
    if (!isExpected(error)) throw error;
    throw new UserError("Failed request: Input/output error", "EIO");
  }
}
