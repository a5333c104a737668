// What the formats that map clusters of the disk to places in a file have in common: reading along the map, copy on
// write, and the order in which data and tables reach the disk. A format says where clusters are (`find`) and takes
// note of new ones (`assign`).
//
// Space is only ever taken at the end of the file, where it reads as zeros; what a table names is never moved. So
// readers need no lock, and a power cut leaves at worst clusters that nothing names.
import { UserError } from "../../core/errors.ts";
import type { ImageFile } from "../driver.ts";
import type { DiskImage, Extent } from "../image.ts";
import { RangeLock } from "../ranges.ts";
import type { Tables } from "./tables.ts";

/** Clusters next to one another on the disk, and where they are. */
export interface Run {
  kind: "none" | "zero" | "data" | "packed";
  clusters: number;
  /** In the file, of the first; data clusters follow one another there. */
  offset: number;
  /** Bytes of a packed cluster. */
  length?: number;
}

/** New space: as many clusters as there are after one another. */
export interface Place {
  offset: number;
  count: number;
}

interface Look {
  run: Run;
  /** Bytes from the start of the run's first cluster on. */
  within: number;
  length: number;
}

const COPY_PIECE = 2 ** 21;

export abstract class ClusterImage implements DiskImage {
  abstract readonly format: string;
  readonly dirty: boolean | undefined = false;
  backing: DiskImage | undefined;
  readonly write?: (from: Uint8Array, offset: number) => Promise<void>;
  readonly discard?: (offset: number, length: number) => Promise<void>;
  readonly flush?: () => Promise<void>;
  /** Where the next new cluster goes. */
  protected end: number;
  protected readonly ranges = new RangeLock();
  private settling: Promise<void> = Promise.resolve();
  private planning: Promise<unknown> = Promise.resolve();
  private changing: Promise<unknown> = Promise.resolve();
  private begun: Promise<void> | undefined;

  constructor(
    readonly name: string,
    readonly file: ImageFile,
    readonly readOnly: boolean,
    private currentSize: number,
    /** Bytes of a cluster. */
    protected readonly unit: number,
  ) {
    this.end = file.size;
    if (readOnly) return;
    this.write = (from, offset) => this.writeGuest(from, offset);
    this.discard = (offset, length) => this.zeroGuest(offset, length);
    this.flush = () => this.settle();
  }

  /** Tables in the order in which they may be written: what one names comes before it. */
  protected abstract get tables(): readonly Tables[];
  /** What `index` is, and how many after it, at most `limit` in all, go on the same way. */
  protected abstract find(index: number, limit: number): Promise<Run>;
  /** Lets the tables name `count` clusters whose bytes are written. */
  protected abstract assign(index: number, count: number, offset: number): Promise<void>;

  get size(): number {
    return this.currentSize;
  }

  get clusterSize(): number | undefined {
    return this.unit;
  }

  get dataName(): string {
    return this.name;
  }

  allocated(): Promise<number | undefined> {
    return this.file.allocated();
  }

  async extent(offset: number, length: number): Promise<Extent> {
    const { run, within, length: span } = await this.look(offset, length);
    if (run.kind === "none")
      return this.mayHaveBacking
        ? { length: span, present: false, zero: false }
        : { length: span, present: true, zero: true };
    if (run.kind === "data") {
      const found = { length: span, present: true, zero: false };
      // No offset where what lies there is not what the guest reads.
      return this.encrypted ? found : { ...found, offset: run.offset + within };
    }
    return run.kind === "zero"
      ? { length: span, present: true, zero: true }
      : { length: span, present: true, zero: false, compressed: true };
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    const inside = Math.max(0, Math.min(into.length, this.size - offset));
    into.fill(0, inside);
    const jobs: Promise<void>[] = [];
    try {
      for (let done = 0; done < inside;) {
        const { run, within, length } = await this.look(offset + done, inside - done);
        const job = this.readRun(into.subarray(done, done + length), offset + done, run, within);
        // Awaited below with the others; until then a failure is not "unhandled".
        job.catch(() => {});
        jobs.push(job);
        done += length;
      }
    } finally {
      // None may go on filling `into` once the caller has an answer.
      await Promise.allSettled(jobs);
    }
    await Promise.all(jobs);
  }

  private async readRun(into: Uint8Array, offset: number, run: Run, within: number): Promise<void> {
    if (run.kind === "data") await this.readData(into, run.offset + within, offset);
    else if (run.kind === "packed") await this.readPacked(into, run, within);
    else if (run.kind === "none") await this.readBelow(into, offset);
    else into.fill(0);
  }

  get encrypted(): boolean {
    return false;
  }

  /** Moves the guest's bytes at `guest` from or to their place in the file. */
  protected readData(into: Uint8Array, place: number, _guest: number): Promise<void> {
    return this.file.read(into, place);
  }

  protected writeData(from: Uint8Array, place: number, _guest: number): Promise<void> {
    return this.file.write!(from, place);
  }

  async close(): Promise<void> {
    try {
      if (!this.readOnly) await this.finish();
    } finally {
      await this.file.close();
      await this.backing?.close();
    }
  }

  /** Whether an unallocated cluster is for the backing file to show; false: it is known to be zeros. */
  protected get mayHaveBacking(): boolean {
    return false;
  }

  /** Whether there is something below that an unallocated cluster shows. */
  protected get showsBelow(): boolean {
    return this.backing !== undefined;
  }

  /** The last writes before the file is closed. */
  protected async finish(): Promise<void> {
    if (this.begun) await this.settle();
  }

  protected setSize(size: number): void {
    this.currentSize = size;
  }

  /** Called once; no change is made before it is done. */
  protected async begin(): Promise<void> {}

  /** Space for up to `count` clusters after one another in the file. */
  protected reserve(count: number): Place {
    const offset = Math.ceil(this.end / this.unit) * this.unit;
    this.end = offset + count * this.unit;
    return { offset, count };
  }

  /** Lets the tables say that whole clusters are zeros; false: the format has no way to say so. */
  protected async assignZero(_index: number, _count: number): Promise<boolean> {
    return false;
  }

  protected async readPacked(_into: Uint8Array, _run: Run, _within: number): Promise<void> {
    throw new UserError(`'${this.name}' has no compressed clusters`, "EIO");
  }

  protected async readBelow(into: Uint8Array, offset: number): Promise<void> {
    if (this.backing) await this.backing.read(into, offset);
    else into.fill(0);
  }

  /** One change of the tables at a time: two that both miss a table must not both add it. */
  protected inTurn<T>(change: () => Promise<T>): Promise<T> {
    const next = this.changing.then(change);
    this.changing = next.catch(() => {});
    return next;
  }

  /** Everything written so far to the disk: bytes first, then what names them. */
  protected settle(): Promise<void> {
    const next = this.settling.then(() => this.settleOnce());
    this.settling = next.catch(() => {});
    return next;
  }

  /** Called with everything that the tables name safe on the disk, before the tables themselves are. */
  protected async storeTables(): Promise<void> {
    // All are taken at one moment: an entry made while they are written waits for its own bytes to be safe.
    const taken = this.tables.map((table) => table.takeDirty());
    await this.file.flush!();
    for (const [level, snapshots] of taken.entries()) {
      if (snapshots.length === 0) continue;
      try {
        for (const { bytes, offset } of snapshots) await this.file.write!(bytes, offset);
        await this.file.flush!();
      } catch (error) {
        for (let left = level; left < taken.length; left++) await this.tables[left]!.putBack(taken[left]!);
        throw error;
      }
    }
  }

  private async settleOnce(): Promise<void> {
    if (this.tables.some(({ dirty }) => dirty)) await this.storeTables();
    else await this.file.flush!();
  }

  private async look(offset: number, length: number): Promise<Look> {
    const index = Math.floor(offset / this.unit);
    const within = offset - index * this.unit;
    const run = await this.find(index, Math.ceil((within + length) / this.unit));
    return { run, within, length: Math.min(length, run.clusters * this.unit - within) };
  }

  private async writeGuest(from: Uint8Array, offset: number): Promise<void> {
    const end = offset + from.length;
    if (end > this.size) throw new UserError(`A write at ${offset} goes past the end of the disk`, "EIO");
    await this.exclusively(offset, end, async () => {
      for (let done = 0; done < from.length;) {
        const at = offset + done;
        const { run, within, length, place } = await this.plan(at, from.length - done);
        const part = from.subarray(done, done + length);
        if (place) done += await this.fill(part, at, run, place);
        else {
          this.requireInside(run);
          await this.writeData(part, run.offset + within, at);
          done += length;
        }
      }
    });
  }

  /** Where bytes are, or new space for them. In turn, so that what is written in order is laid out in order. */
  private plan(offset: number, length: number): Promise<Look & { place: Place | undefined }> {
    const next = this.planning.then(async () => {
      const look = await this.look(offset, length);
      if (look.run.kind === "data") return { ...look, place: undefined };
      return { ...look, place: this.reserve(Math.ceil((look.within + look.length) / this.unit)) };
    });
    this.planning = next.catch(() => {});
    return next;
  }

  /** Runs `action` with the clusters of a range to itself, the image made ready for a change. */
  protected async exclusively<T>(start: number, end: number, action: () => Promise<T>): Promise<T> {
    const release = await this.ranges.acquire(
      Math.floor(start / this.unit) * this.unit,
      Math.ceil(end / this.unit) * this.unit,
      true,
    );
    try {
      await (this.begun ??= this.begin());
      return await action();
    } finally {
      release();
    }
  }

  /** A damaged table must not make the file as long as it pleases. */
  private requireInside({ offset }: Run): void {
    if (offset >= this.end)
      throw new UserError(
        `'${this.name}' is damaged: a cluster at 0x${offset.toString(16)} lies past the end of the file`,
        "EIO",
      );
  }

  /** Puts bytes into new clusters, around them what the guest saw there; returns how many bytes of `part` fitted. */
  private async fill(part: Uint8Array, at: number, run: Run, { offset, count }: Place): Promise<number> {
    const index = Math.floor(at / this.unit);
    const head = at - index * this.unit;
    const bytes = part.subarray(0, count * this.unit - head);
    const tailAt = head + bytes.length;
    const tail = count * this.unit - tailAt;
    await this.writeData(bytes, offset + head, at);
    // New space reads as zeros, unless it is deciphered: only what shows something else is copied.
    const shows = this.encrypted || run.kind === "packed" || (run.kind === "none" && this.showsBelow);
    if (shows) {
      await this.copyOld(index * this.unit, head, offset);
      await this.copyOld(index * this.unit + tailAt, tail, offset + tailAt);
    } else if (tail) await this.file.write!(new Uint8Array(1), offset + tailAt + tail - 1);
    await this.inTurn(() => this.assign(index, count, offset));
    return bytes.length;
  }

  private async copyOld(guest: number, length: number, to: number): Promise<void> {
    for (let done = 0; done < length; done += COPY_PIECE) {
      const old = new Uint8Array(Math.min(COPY_PIECE, length - done));
      await this.read(old, guest + done);
      await this.writeData(old, to + done, guest + done);
    }
  }

  private async zeroGuest(offset: number, length: number): Promise<void> {
    const end = Math.min(offset + length, this.size);
    for (let at = offset; at < end;) {
      const { run, within, length: span } = await this.look(at, end - at);
      const isZero = run.kind === "zero" || (run.kind === "none" && !this.showsBelow);
      const whole = within === 0 && (span % this.unit === 0 || at + span === this.size);
      if (!isZero && !(whole && (await this.zeroWhole(at, span)))) {
        const piece = Math.min(span, COPY_PIECE);
        await this.writeGuest(new Uint8Array(piece), at);
        at += piece;
      } else at += span;
    }
  }

  private zeroWhole(at: number, length: number): Promise<boolean> {
    return this.exclusively(at, at + length, () =>
      this.inTurn(() => this.assignZero(at / this.unit, Math.ceil(length / this.unit))),
    );
  }
}
