// Carries the machine's disk requests out: each goes to its drive's source as soon as it is seen, several are under
// way at once, and a finished one wakes the machine.
import type { BlockSource } from "../block/source.ts";
import type { Media } from "./drives.ts";
import { reason } from "./errors.ts";
import type { BlockRequest } from "./rings.ts";

export interface DiskServiceOptions {
  /** By connector; an empty one gets no requests. */
  media: Readonly<Media>;
  /** Tells the machine that the request in `slot` has ended. */
  complete(slot: number, succeeded: boolean): void;
  /** A sentence for whoever watches: the guest itself only learns that the request failed. */
  report(sentence: string): void;
}

/** Bytes that went from and to a drive's medium since power on. */
export interface Traffic {
  read: number;
  written: number;
}

export class DiskService {
  private readonly underWay = new Set<Promise<void>>();
  private readonly traffics: Traffic[] = [];
  private readonly runs = new RunBuffers();

  constructor(private readonly options: DiskServiceOptions) {}

  start(request: BlockRequest): void {
    const work = this.carryOut(request)
      .then(
        () => true,
        (error: unknown) => {
          const { operation, drive, offset } = request;
          this.options.report(`disk ${drive}: ${operation} at offset ${offset} failed: ${reason(error)}`);
          return false;
        },
      )
      .then((succeeded) => {
        this.underWay.delete(work);
        this.options.complete(request.slot, succeeded);
      });
    this.underWay.add(work);
  }

  /** Of the drive on `connector`. */
  traffic(connector: number): Readonly<Traffic> {
    return this.trafficOf(connector);
  }

  private trafficOf(connector: number): Traffic {
    return (this.traffics[connector] ??= { read: 0, written: 0 });
  }

  /** Returns when nothing is under way any more. */
  async settle(): Promise<void> {
    while (this.underWay.size > 0) await Promise.all(this.underWay);
  }

  private async carryOut({ operation, drive, offset, length, segments }: BlockRequest): Promise<void> {
    const disk = this.options.media[drive];
    if (!disk) throw new Error("there is no such drive");
    switch (operation) {
      case "read": {
        const [whole] = segments;
        if (segments.length === 1) await disk.read(whole!, offset);
        else
          await this.runs.lend(length, async (run) => {
            await disk.read(run, offset);
            scatter(run, segments);
          });
        this.trafficOf(drive).read += length;
        break;
      }
      case "write": {
        if (!disk.write) throw new Error("the drive is read-only");
        const [whole] = segments;
        if (segments.length === 1) await disk.write(whole!, offset);
        else
          await this.runs.lend(length, async (run) => {
            gather(segments, run);
            await disk.write!(run, offset);
          });
        this.trafficOf(drive).written += length;
        break;
      }
      case "flush":
        await disk.flush?.();
        break;
      case "discard":
        await disk.discard?.(offset, length);
        break;
      case "zero":
        await zero(disk, offset, length);
    }
  }
}

/** Most zeros written at a time. */
const ZEROS = 2 ** 20;

async function zero(disk: BlockSource, offset: number, length: number): Promise<void> {
  if (disk.discard) return disk.discard(offset, length);
  if (!disk.write) throw new Error("the drive is read-only");
  const zeros = new Uint8Array(Math.min(length, ZEROS));
  for (let at = 0; at < length; at += ZEROS)
    await disk.write(zeros.subarray(0, Math.min(ZEROS, length - at)), offset + at);
}

// A guest spreads one run of the disk over many pages: one request and a copy are cheaper than a request a page.

function scatter(run: Uint8Array, segments: readonly Uint8Array[]): void {
  let at = 0;
  for (const segment of segments) {
    segment.set(run.subarray(at, at + segment.length));
    at += segment.length;
  }
}

function gather(segments: readonly Uint8Array[], run: Uint8Array): void {
  let at = 0;
  for (const segment of segments) {
    run.set(segment, at);
    at += segment.length;
  }
}

/** Buffers kept for the next run, and the largest that is. */
const KEPT = 4;
const KEPT_SIZE = 2 ** 20;

/** Buffers for runs, used again: a new one would be cleared first and collected later, at the price of the copy. */
class RunBuffers {
  private readonly free: Uint8Array[] = [];

  /** Lends `use` a buffer of `length` bytes until its promise settles. */
  async lend(length: number, use: (run: Uint8Array) => Promise<void>): Promise<void> {
    if (length > KEPT_SIZE) return use(new Uint8Array(length));
    const buffer = this.free.pop() ?? new Uint8Array(KEPT_SIZE);
    try {
      await use(buffer.subarray(0, length));
    } finally {
      if (this.free.length < KEPT) this.free.push(buffer);
    }
  }
}
