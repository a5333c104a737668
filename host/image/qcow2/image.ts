// A qcow2 image as a BlockSource: asks the engine where bytes are or may go, moves them, and lets the engine know.
//
// Requests run side by side. Two that meet on a guest cluster, one of them writing, take turns (RangeLock); the
// engine's tables change in turn (Engine); the bytes themselves move in parallel.
import type { BlockSource, ImageFile } from "../../block/source.ts";
import { UserError } from "../../core/errors.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import { checkImage } from "../check.ts";
import type { CodecPool } from "../codecs/codec-pool.ts";
import { type BlockExports, Engine, nothing } from "./engine.ts";
import type { CheckResult, DiskImage, Extent, Repair } from "../image.ts";
import { qcow2Details } from "./info.ts";
import type { LuksVolume } from "../encryption/luks-keys.ts";
import { damagedCluster, type PackedRead, readPackedClusters } from "../codecs/packed-reads.ts";
import { type PackedBytes, writePackedClusters } from "../codecs/packed-writes.ts";
import { type Extensions, parseExtensions } from "./header.ts";
import { setBitmapDirectory, writeHeader } from "./header-edit.ts";
import { emptyImage, setSize } from "./resize.ts";
import { readSnapshots } from "./snapshots.ts";
import type { Unlocked } from "./encryption.ts";
import { type Bitmap, CONSISTENT, readBitmaps, recordWrite, storeBitmaps } from "./bitmaps.ts";
import { RangeLock } from "../ranges.ts";

/** Kinds of extent (assembly/qcow2/plan.ts, write.ts). */
const Kind = {
  unallocated: 0,
  zeros: 1,
  data: 2,
  packed: 3,
  zerosAllocated: 4,
  fresh: 5,
  freshParts: 6,
  kept: 7,
} as const;

const Feature = { dirty: 1, corrupt: 2, externalData: 4, compression: 8, extendedL2: 16 } as const;
/** Compatible feature: counts may be stale while the image is dirty. */
export const LAZY_REFCOUNTS = 1;
const Encryption = { none: 0, aes: 1, luks: 2 } as const;
const ZSTD = 1;

/** Autoclear bit: the external data file is a valid raw image by itself. */
export const RAW_EXTERNAL = 2;
const AUTOCLEAR_FIELD = 88;

const SECTOR = 512;

/** In a cluster with extended L2 entries. */
const SUBCLUSTERS = 32;

/** A partly written cluster up to this size goes to the file as one write, old content around the new. */
const WHOLE_WRITE_LIMIT = 256 * 1024;

export interface Qcow2Options {
  readOnly: boolean;
  /** For check: opens what is too damaged to be used. */
  tolerant?: boolean;
  warn?: (sentence: string) => void;
}

interface Planned {
  kind: number;
  offset: number;
  length: number;
  packedLength: number;
}

const planned = (core: BlockExports): Planned => ({
  kind: core.extentKind(),
  offset: core.extentOffset(),
  length: core.extentLength(),
  packedLength: core.transferLength(),
});

export class Qcow2Image implements DiskImage {
  readonly format = "qcow2";
  backing: DiskImage | undefined;
  /** Persistent bitmaps that the image vouches for. */
  bitmaps: Bitmap[] = [];
  /** The key slots of a LUKS image. */
  luks: LuksVolume | undefined;
  /** Set on an encrypted image once its key is known. */
  unlocked: Unlocked | undefined;
  /** Unpacks and decrypts for whoever reads or writes much; without it that is done cluster by cluster, here. */
  codecs: CodecPool | undefined;
  readonly clusterSize: number;
  readonly write?: (from: Uint8Array, offset: number) => Promise<void>;
  readonly discard?: (offset: number, length: number) => Promise<void>;
  readonly flush?: () => Promise<void>;
  readonly resize?: (size: number) => Promise<void>;
  private readonly ranges = new RangeLock();
  /** Host offset of the compressed cluster that the engine holds inflated; small reads of one come in rows. */
  private unpacked = -1;
  private hasPacked = false;
  private unpacking: Promise<void> = Promise.resolve();

  private constructor(
    readonly name: string,
    readonly file: ImageFile,
    readonly engine: Engine,
    readonly extensions: Extensions,
    readonly backingName: string | undefined,
    readonly readOnly: boolean,
  ) {
    this.clusterSize = 2 ** engine.core.clusterBits();
    if (readOnly) return;
    this.write = (from, offset) => this.writeGuest(from, offset);
    this.discard = (offset, length) => this.zeroGuest(offset, length, false);
    this.flush = () => this.flushAll();
    this.resize = (size) => setSize(this, size);
  }

  static async open(
    runtime: Runtime,
    name: string,
    file: ImageFile,
    options: Qcow2Options,
  ): Promise<Qcow2Image> {
    const engine = await Engine.start(runtime, file);
    const { core } = engine;
    const available = Math.min(file.size, 2 ** 21);
    const header = engine.view(core.HEADER_AT.value as number, 2 ** 21);
    await file.read(header.subarray(0, Math.min(available, 65536)), 0);
    await engine.run(() => core.openHeader(available, options.tolerant ?? false), nothing);
    const clusterSize = 2 ** core.clusterBits();
    if (clusterSize > 65536) await file.read(header.subarray(0, clusterSize), 0);
    const cluster = header.subarray(0, clusterSize);
    const nameAt = core.backingOffset();
    const extensions = parseExtensions(cluster, core.headerLength(), nameAt || clusterSize);
    const backingName = nameAt
      ? new TextDecoder().decode(cluster.slice(nameAt, nameAt + core.backingLength()))
      : undefined;
    if (core.cryptMethod() === Encryption.luks && !extensions.encryption)
      throw new UserError("Missing CRYPTO header for crypt method 2", "EINVAL");
    if (core.incompatible() & Feature.corrupt && !options.readOnly && !options.tolerant)
      throw new UserError("qcow2: Image is corrupt; cannot be opened read/write", "EACCES");
    await engine.run(() => core.openTables(file.size), nothing);
    // A check that repairs makes another refcount table; nothing makes another L1 table.
    if (!options.readOnly && !core.tablesAreInside(options.tolerant ?? false))
      throw new UserError("qcow2: Image is corrupt: its tables lie past the end of the file", "EIO");
    const image = new Qcow2Image(name, file, engine, extensions, backingName, options.readOnly);
    image.bitmaps = await readBitmaps(image, options.warn);
    if (!options.tolerant) {
      await readSnapshots(image);
      if (!options.readOnly) await image.prepareWriting();
    }
    return image;
  }

  get backingFormat(): string | undefined {
    return this.extensions.backingFormat;
  }

  /** Preallocated clusters of an encrypted image are noise until written. */
  get blankIsZero(): boolean {
    return !this.encrypted;
  }

  get encrypted(): boolean {
    return this.encryption !== undefined;
  }

  get size(): number {
    return this.engine.core.virtualSize();
  }

  get dataName(): string {
    return this.extensions.dataFile ?? this.name;
  }

  get dirty(): boolean {
    return (this.engine.core.incompatible() & Feature.dirty) !== 0;
  }

  get corrupt(): boolean {
    return (this.engine.core.incompatible() & Feature.corrupt) !== 0;
  }

  get extendedL2(): boolean {
    return (this.engine.core.incompatible() & Feature.extendedL2) !== 0;
  }

  get hasExternalData(): boolean {
    return (this.engine.core.incompatible() & Feature.externalData) !== 0;
  }

  /** The data file must stay valid as a raw image. */
  get hasRawData(): boolean {
    return this.hasExternalData && (this.engine.core.autoclear() & RAW_EXTERNAL) !== 0;
  }

  get lazyRefcounts(): boolean {
    return (this.engine.core.compatible() & LAZY_REFCOUNTS) !== 0;
  }

  get encryption(): "aes" | "luks" | undefined {
    const method = this.engine.core.cryptMethod();
    return method === Encryption.none ? undefined : method === Encryption.aes ? "aes" : "luks";
  }

  get compression(): "zlib" | "zstd" {
    return this.engine.core.compressionType() === ZSTD ? "zstd" : "zlib";
  }

  allocated(): Promise<number | undefined> {
    return this.file.allocated();
  }

  /** Refuses, with one sentence, guest data that this version cannot understand. */
  requireReadable(): void {
    if (this.hasExternalData && !this.dataFile)
      throw new UserError("'data-file' is required for this image", "EINVAL");
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    if (this.readOnly) return this.readGuest(into, offset);
    const release = await this.ranges.acquire(offset, offset + into.length, false);
    try {
      await this.readGuest(into, offset);
    } finally {
      release();
    }
  }

  async extent(offset: number, length: number): Promise<Extent> {
    const plan = await this.planRead(offset, length);
    const span = { length: plan.length, present: true };
    if (plan.kind === Kind.unallocated) {
      // Subclusters may be unallocated while the cluster has its space already.
      const kept = plan.offset === 0 ? {} : { offset: plan.offset };
      return { length: plan.length, present: false, zero: false, ...kept };
    }
    if (plan.kind === Kind.zeros) return { ...span, zero: true };
    if (plan.kind === Kind.zerosAllocated) return { ...span, zero: true, offset: plan.offset };
    if (plan.kind === Kind.packed) return { ...span, zero: false, compressed: true };
    return this.encryption ? { ...span, zero: false } : { ...span, zero: false, offset: plan.offset };
  }

  async close(): Promise<void> {
    try {
      if (!this.readOnly && !this.corrupt) await storeBitmaps(this);
      if (!this.readOnly && this.engine.core.needsFlush()) await this.engine.flush();
    } finally {
      await this.file.close();
      await this.dataFile?.close();
      await this.backing?.close();
    }
  }

  /** What the first writer owes: autoclear bits vouch for what it does not maintain, a dirty image's counts are stale. */
  private async prepareWriting(): Promise<void> {
    const { core } = this.engine;
    const keep = (this.hasExternalData ? RAW_EXTERNAL : 0) | (this.extensions.bitmaps ? CONSISTENT : 0);
    if (core.autoclear() & ~keep) {
      core.setFeatures(core.incompatible(), core.compatible(), core.autoclear() & keep);
      await this.storeFields(AUTOCLEAR_FIELD, 8);
      await this.file.flush!();
    }
    // Bitmaps that nobody vouches for are of no use to anyone: their clusters are leaks from now on.
    if (this.extensions.bitmaps && !(core.autoclear() & CONSISTENT))
      await setBitmapDirectory(this, undefined);
    if (this.dirty) await checkImage(this, "all");
  }

  details(): Record<string, unknown> {
    return qcow2Details(this);
  }

  check(repair: Repair, onFinding: (sentence: string) => void): Promise<CheckResult> {
    return checkImage(this, repair, onFinding);
  }

  /** Stores whole clusters compressed, in the order of the disk. */
  async writePacked(clusters: readonly PackedBytes[]): Promise<void> {
    if (this.encryption)
      throw new UserError("Compression and encryption not supported at the same time", "ENOTSUP");
    const end = clusters.at(-1)!.offset + this.clusterSize;
    const release = await this.ranges.acquire(clusters[0]!.offset, end, true);
    try {
      await writePackedClusters(this.engine, this.file, clusters);
      this.hasPacked = true;
    } finally {
      release();
    }
  }

  /** Where guest data lies when not in the image's own file. */
  get dataFile(): BlockSource | undefined {
    return this.engine.dataFile;
  }

  set dataFile(file: BlockSource | undefined) {
    this.engine.dataFile = file;
  }

  /** The file that guest data lies in. */
  get data(): BlockSource {
    return this.dataFile ?? this.file;
  }

  /** What guest data goes through, if anything; an image that was opened without its key has none to show. */
  private requireKey(): Unlocked | undefined {
    if (this.encryption && !this.unlocked) throw new UserError("The image is open without its key", "EACCES");
    return this.unlocked;
  }

  private readData(into: Uint8Array, host: number, guest: number): Promise<void> {
    const { data } = this;
    const unlocked = this.requireKey();
    return unlocked
      ? unlocked.cipher.read(data, into, host, unlocked.countsHost ? host : guest, this.codecs)
      : data.read(into, host);
  }

  private writeData(from: Uint8Array, host: number, guest: number): Promise<void> {
    const { data } = this;
    const unlocked = this.requireKey();
    return unlocked
      ? unlocked.cipher.write(data, from, host, unlocked.countsHost ? host : guest, this.codecs)
      : data.write!(from, host);
  }

  private planRead(offset: number, length: number): Planned | Promise<Planned> {
    return this.engine.run((core) => core.planRead(offset, length), planned);
  }

  /** VM state, which lies behind the disk (vm-state.ts). */
  readBehind(into: Uint8Array, offset: number): Promise<void> {
    return this.readGuest(into, offset, Infinity);
  }

  writeBehind(from: Uint8Array, offset: number): Promise<void> {
    return this.writeGuest(from, offset, Infinity);
  }

  /** Reads without a lock: for those who hold one. */
  private async readGuest(into: Uint8Array, offset: number, limit = this.size): Promise<void> {
    const jobs: Promise<void>[] = [];
    const packed: PackedRead[] = [];
    const inside = Math.max(0, Math.min(into.length, limit - offset));
    if (inside < into.length) into.fill(0, inside);
    for (let done = 0; done < inside;) {
      const answer = this.planRead(offset + done, inside - done);
      const plan = answer instanceof Promise ? await answer : answer;
      const part = into.subarray(done, done + plan.length);
      if (plan.kind === Kind.data) jobs.push(this.readData(part, plan.offset, offset + done));
      else if (plan.kind === Kind.packed) {
        const within = (offset + done) % this.clusterSize;
        if (this.codecs) packed.push({ ...plan, within, into: part });
        else jobs.push(this.readPacked(part, within, plan));
      } else if (plan.kind === Kind.unallocated && this.backing)
        jobs.push(this.backing.read(part, offset + done));
      else part.fill(0);
      done += plan.length;
    }
    if (packed.length > 0)
      jobs.push(...readPackedClusters(this.codecs!, this.data, packed, this.clusterSize, this.compression));
    await Promise.all(jobs);
  }

  /** One compressed cluster at a time: the engine has one place to inflate to. */
  private readPacked(into: Uint8Array, within: number, plan: Planned): Promise<void> {
    const work = async (): Promise<void> => {
      const { core } = this.engine;
      if (this.unpacked !== plan.offset) {
        this.unpacked = -1;
        await this.data.read(
          this.engine.view(core.PACKED_AT.value as number, plan.packedLength),
          plan.offset,
        );
        if (!core.unpackCluster(plan.packedLength)) throw damagedCluster(plan.offset);
        this.unpacked = plan.offset;
      }
      into.set(this.engine.view((core.UNPACKED_AT.value as number) + within, into.length));
    };
    const done = this.unpacking.then(work);
    this.unpacking = done.catch(nothing);
    return done;
  }

  private clusterStart(offset: number): number {
    return offset - (offset % this.clusterSize);
  }

  private clusterEnd(offset: number): number {
    return Math.ceil(offset / this.clusterSize) * this.clusterSize;
  }

  private async writeGuest(from: Uint8Array, offset: number, limit = this.size): Promise<void> {
    const end = offset + from.length;
    if (this.corrupt) throw new UserError("qcow2: Image is corrupt; cannot be written", "EIO");
    if (end > limit) throw new UserError(`A write at ${offset} goes past the end of the disk`, "EIO");
    if (this.bitmaps.length && limit === this.size) await recordWrite(this, offset, from.length);
    const release = await this.ranges.acquire(this.clusterStart(offset), this.clusterEnd(end), true);
    try {
      const jobs: Promise<void>[] = [];
      const plans = this.planWrites(from, offset, jobs);
      // All of them, failed ones too, before the range is given back.
      const results = await Promise.allSettled([
        plans,
        ...(await plans.then(
          () => jobs,
          () => jobs,
        )),
      ]);
      for (const result of results) if (result.status === "rejected") throw result.reason;
    } finally {
      release();
    }
  }

  /** Plans a write part by part and starts each part's work. */
  private async planWrites(from: Uint8Array, offset: number, jobs: Promise<void>[]): Promise<void> {
    for (let done = 0; done < from.length;) {
      const at = offset + done;
      const answer = this.engine.run((core) => core.planWrite(at, from.length - done), planned);
      const plan = answer instanceof Promise ? await answer : answer;
      const part = from.subarray(done, done + plan.length);
      const job =
        plan.kind === Kind.data ? this.writeData(part, plan.offset, at) : this.fillRoom(part, at, plan);
      // Awaited by the caller with the others; until then a failure is not "unhandled".
      job.catch(nothing);
      jobs.push(job);
      done += plan.length;
    }
  }

  /** Fills room that holds nothing yet: new bytes, around them what the guest saw there; then lets a table name it. */
  private async fillRoom(part: Uint8Array, at: number, { kind, offset: host }: Planned): Promise<void> {
    const unit = this.extendedL2 && kind !== Kind.fresh ? this.clusterSize / SUBCLUSTERS : this.clusterSize;
    const start = at - (at % unit);
    const stop = Math.ceil((at + part.length) / unit) * unit;
    const head = at - start;
    const tail = stop - at - part.length;
    const hostStart = host - head;
    try {
      if (head === 0 && tail === 0) await this.writeData(part, host, at);
      else if (stop - start <= WHOLE_WRITE_LIMIT) {
        const whole = new Uint8Array(stop - start);
        if (head) await this.readGuest(whole.subarray(0, head), start);
        if (tail) await this.readGuest(whole.subarray(whole.length - tail), stop - tail);
        whole.set(part, head);
        await this.writeData(whole, hostStart, start);
      } else {
        await this.writeData(part, host, at);
        await this.copyOld(start, head, hostStart);
        await this.copyOld(stop - tail, tail, hostStart + (stop - start) - tail);
      }
    } catch (error) {
      await this.giveBack(kind, hostStart, stop - start);
      throw error;
    }
    await this.engine.run((core) => core.commitWrite(start, hostStart, stop - start), nothing);
  }

  /**
   * Gives the first part of a range that has no clusters of its own some, filled by `fill`, and says how long that part
   * was, or how long the part that has some already is.
   */
  async reserve(
    offset: number,
    length: number,
    fill: (host: number, length: number) => Promise<void>,
  ): Promise<number> {
    const release = await this.ranges.acquire(offset, offset + length, true);
    try {
      const plan = await this.engine.run((core) => core.planWrite(offset, length), planned);
      const hasSome = plan.kind === Kind.data || (plan.kind === Kind.kept && !this.dataFile);
      if (hasSome) return plan.length;
      const room = Math.ceil(plan.length / this.clusterSize) * this.clusterSize;
      try {
        await fill(plan.offset, room);
      } catch (error) {
        await this.giveBack(plan.kind, plan.offset, room);
        throw error;
      }
      await this.engine.run((core) => core.commitReserved(offset, plan.offset, room), nothing);
      return plan.length;
    } finally {
      release();
    }
  }

  /** Frees room that could not be filled, where no table names it. */
  private async giveBack(kind: number, host: number, length: number): Promise<void> {
    if (kind === Kind.kept) return;
    const first = this.clusterStart(host);
    const clusters = (this.clusterEnd(host + length) - first) / this.clusterSize;
    await this.engine.run((core) => core.cancelWrite(first, clusters), nothing);
  }

  private async copyOld(guest: number, length: number, host: number): Promise<void> {
    if (length === 0) return;
    const old = new Uint8Array(length);
    await this.readGuest(old, guest);
    await this.writeData(old, host, guest);
  }

  /** Makes a range read as zeros, or with `unmap` as the backing file does: whole clusters by their table entry. */
  async zeroGuest(offset: number, length: number, unmap: boolean): Promise<void> {
    const end = Math.min(offset + length, this.size);
    if (this.bitmaps.length && !unmap) await recordWrite(this, offset, end - offset);
    // The disk's last cluster is whole even where the disk ends within it.
    const tableEnd = end === this.size ? this.clusterEnd(end) : end;
    // A raw data file has no table that says "zero".
    const canZero = this.hasRawData ? false : unmap || !this.backing || this.engine.core.version() >= 3;
    const first = canZero ? this.clusterEnd(offset) : tableEnd;
    const last = this.clusterStart(tableEnd);
    if (first >= last) return unmap ? undefined : this.zeroParts(offset, end);
    if (!unmap) await this.zeroParts(offset, first);
    const release = await this.ranges.acquire(first, last, true);
    try {
      for (let at = first; at < last;)
        at += await this.engine.run(
          (core) => core.zeroClusters(at, last - at, unmap, this.backing !== undefined),
          (core) => core.extentLength(),
        );
    } finally {
      release();
    }
    if (!unmap) await this.zeroParts(last, end);
  }

  /** Zeros in parts of clusters: whole subclusters, where there are some, by their bits, the rest by writing. */
  private async zeroParts(from: number, to: number): Promise<void> {
    if (!this.extendedL2 || this.hasRawData) return this.writeZeros(from, to);
    const unit = this.clusterSize / SUBCLUSTERS;
    const first = Math.ceil(from / unit) * unit;
    // The disk's last subcluster is whole even where the disk ends within it.
    const last = (to === this.size ? Math.ceil(to / unit) : Math.floor(to / unit)) * unit;
    if (first >= last) return this.writeZeros(from, to);
    // Written first: a write gives a cluster all of its subclusters.
    await this.writeZeros(from, first);
    await this.writeZeros(last, to);
    for (let at = first; at < last;) {
      const stop = Math.min(last, this.clusterEnd(at + 1));
      if (!(await this.zeroSubclusters(at, stop - at))) await this.writeZeros(at, Math.min(stop, to));
      at = stop;
    }
  }

  /** False: the cluster that they are in is compressed, and stays as it is. */
  private async zeroSubclusters(offset: number, length: number): Promise<boolean> {
    const release = await this.ranges.acquire(
      this.clusterStart(offset),
      this.clusterEnd(offset + length),
      true,
    );
    try {
      return await this.engine.run(
        (core) => core.zeroSubclusters(offset, length, this.backing !== undefined),
        (core) => core.extentLength() === length,
      );
    } finally {
      release();
    }
  }

  private async writeZeros(from: number, to: number): Promise<void> {
    for (let at = from; at < to;) {
      const length = Math.min(to - at, 2 ** 20);
      await this.writeGuest(new Uint8Array(length), at);
      at += length;
    }
  }

  private async flushAll(): Promise<void> {
    // Compressed clusters are read in whole sectors: the file must not end within the last one's.
    if (this.hasPacked && this.file.size % SECTOR)
      await this.file.resize!(this.file.size + SECTOR - (this.file.size % SECTOR));
    if (this.dataFile) await this.dataFile.flush!();
    await this.engine.flush();
    await this.file.flush!();
  }

  /** Keeps every request out while `action` changes the image as a whole. */
  async alone<T>(action: () => Promise<T>): Promise<T> {
    const release = await this.ranges.acquire(0, Infinity, true);
    try {
      return await action();
    } finally {
      release();
    }
  }

  /** Writes bytes of the header that the engine has changed: what one write carries changes as one. */
  async storeFields(at: number, length: number): Promise<void> {
    await this.file.write!(this.engine.view((this.engine.core.HEADER_AT.value as number) + at, length), at);
  }

  empty(): Promise<void> {
    return emptyImage(this);
  }

  /** Names another backing file, or none. Everything written so far is on the disk before the header changes. */
  async setBacking(name: string | undefined, format: string | undefined): Promise<void> {
    await this.alone(async () => {
      await this.flushAll();
      const { backingFormat: _, ...kept } = this.extensions;
      await writeHeader(this.engine, this.file, format ? { ...kept, backingFormat: format } : kept, name);
      await this.file.flush!();
    });
  }
}
