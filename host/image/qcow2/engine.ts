// One instance of the block engine and the file it decides about: runs its verbs, doing what each step asks for.
import type { BlockSource } from "../../block/source.ts";
import { UserError } from "../../core/errors.ts";
import { type EngineExports, loadEngine } from "../../core/load.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import { sentence } from "./failures.ts";

/** assembly/block/index.ts as TypeScript sees it. Verbs return a `Step`. */
export interface BlockExports extends EngineExports {
  readonly HEADER_AT: WebAssembly.Global;
  readonly L1_AT: WebAssembly.Global;
  readonly PACKED_AT: WebAssembly.Global;
  readonly UNPACKED_AT: WebAssembly.Global;
  readonly WORK_AT: WebAssembly.Global;
  readonly CRYPTO_AT: WebAssembly.Global;
  readonly CRYPTO_SIZE: WebAssembly.Global;
  readonly BUNZIP2_ROOM: WebAssembly.Global;
  readonly LZMA2_ROOM: WebAssembly.Global;
  reserve(work: number): number;
  transferOffset(): number;
  transferAddress(): number;
  transferLength(): number;
  extentKind(): number;
  extentOffset(): number;
  extentLength(): number;
  reason(): number;
  reasonFirst(): bigint;
  reasonSecond(): bigint;
  reasonThird(): bigint;
  openHeader(available: number, tolerant: boolean): number;
  openTables(fileSize: number): number;
  formatImage(
    version: number,
    clusterBits: number,
    refcountOrder: number,
    incompatible: number,
    compatible: number,
    compressionType: number,
  ): void;
  virtualSize(): number;
  version(): number;
  clusterBits(): number;
  refcountOrder(): number;
  compressionType(): number;
  cryptMethod(): number;
  setCryptMethod(method: number): void;
  headerLength(): number;
  incompatible(): number;
  compatible(): number;
  autoclear(): number;
  backingOffset(): number;
  backingLength(): number;
  snapshotCount(): number;
  snapshotsOffset(): number;
  l1Size(): number;
  l1Offset(): number;
  setBacking(offset: number, length: number): void;
  planRead(guest: number, length: number): number;
  planWrite(guest: number, length: number): number;
  commitWrite(guest: number, host: number, length: number): number;
  commitReserved(guest: number, host: number, length: number): number;
  cancelWrite(host: number, clusters: number): number;
  zeroClusters(guest: number, length: number, unmap: boolean, hasBacking: boolean): number;
  zeroSubclusters(guest: number, length: number, hasBacking: boolean): number;
  planPacked(length: number): number;
  commitPacked(guest: number, host: number, length: number): number;
  unpackCluster(length: number): number;
  packDeflate(from: number, length: number, to: number, capacity: number): number;
  unpackDeflate(from: number, length: number, to: number, capacity: number): number;
  packZstd(from: number, length: number, to: number, capacity: number): number;
  unpackZstd(from: number, length: number, to: number, capacity: number): number;
  unpackXz(from: number, length: number, to: number, capacity: number, room: number): number;
  unpackAdc(from: number, length: number, to: number, capacity: number): number;
  unpackBzip2(from: number, length: number, to: number, capacity: number, room: number): number;
  resize(size: number): number;
  reach(end: number): number;
  trimEnd(): number;
  flushTables(): number;
  tablesAreInside(any: boolean): number;
  needsFlush(): number;
  abandon(): void;
  referenceTree(active: boolean, offset: number, entries: number, act: number): number;
  allocateRange(clusters: number): number;
  shareCluster(offset: number): number;
  dropRange(offset: number, clusters: number): number;
  setSnapshots(count: number, offset: number): void;
  setActive(size: number, offset: number, entries: number): void;
  startCheck(fileSize: number): number;
  countRange(offset: number, length: number): number;
  countTables(): number;
  countTree(active: boolean, offset: number, entries: number): number;
  countsStandAlone(): number;
  uncountTables(): void;
  referencesTo(cluster: number): number;
  dropBadBlocks(): void;
  compareCounts(repair: number): number;
  compareCopied(repair: boolean): number;
  allocatedClusters(): number;
  packedClusters(): number;
  fragmentedClusters(): number;
  endOffset(): number;
  setVersion(version: number): void;
  setFeatures(incompatible: number, compatible: number, autoclear: number): void;
  hash(algorithm: number, from: number, length: number, to: number): void;
  pbkdf2(
    algorithm: number,
    passphrase: number,
    passphraseLength: number,
    salt: number,
    saltLength: number,
    iterations: number,
    to: number,
    length: number,
  ): void;
  splitKey(algorithm: number, key: number, length: number, at: number, stripes: number): void;
  mergeKey(algorithm: number, at: number, length: number, stripes: number): void;
  setCipher(
    algorithm: number,
    mode: number,
    generator: number,
    key: number,
    length: number,
    vectorKeyLength: number,
  ): void;
  encryptSectors(at: number, count: number, first: number): void;
  decryptSectors(at: number, count: number, first: number): void;
  isZero(at: number, length: number): number;
  runLength(at: number, length: number, unit: number): number;
  firstDifference(a: number, b: number, length: number): number;
}

/** What a verb answers; the values are assembly/block/exchange.ts's. */
export const Step = { done: 0, load: 1, store: 2, barrier: 3, flush: 4, fail: 5, found: 6 } as const;

/** The failure of a write that would have hit tables (assembly/block/failures.ts). */
const OVERLAP = 34;
/** Incompatible feature, and where these are in the header. */
const CORRUPT = 2;
const INCOMPATIBLE_FIELD = { at: 72, length: 8 } as const;

/** Calls engine verbs for one file. At most one verb is under way at a time; others wait their turn. */
export class Engine {
  /** Where guest data lies when not in `file`. */
  dataFile: BlockSource | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  private constructor(
    readonly core: BlockExports,
    private readonly file: BlockSource,
  ) {}

  static async start(runtime: Runtime, file: BlockSource): Promise<Engine> {
    const core = await loadEngine<BlockExports>(runtime, "block.wasm");
    if (!core.reserve(0)) throw new UserError("Not enough memory to open an image", "ENOMEM");
    return new Engine(core, file);
  }

  view(address: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.core.memory.buffer as ArrayBuffer, address, length);
  }

  /** Runs `verb` to its end and gives what `answer` reads off it, before any other verb can change it. */
  run<T>(verb: (core: BlockExports) => number, answer: (core: BlockExports) => T): T | Promise<T> {
    if (this.waiting > 0) return this.inTurn(() => this.finish(verb, verb(this.core), answer));
    const step = verb(this.core);
    // The common case costs no promise: everything needed was in memory.
    if (step === Step.done) return answer(this.core);
    return this.inTurn(() => this.finish(verb, step, answer));
  }

  /** Every dirty table to the file, in the engine's order. */
  async flush(): Promise<void> {
    await this.run((core) => core.flushTables(), nothing);
  }

  /** Keeps all verbs out while `action` runs; it must not call `run`. */
  inTurn<T>(action: () => Promise<T>): Promise<T> {
    this.waiting++;
    // The first in turn starts at once: the step that it holds must be acted on before anyone else's.
    const turn = this.waiting === 1 ? action() : this.last.then(action, action);
    const settled = turn.finally(() => this.waiting--);
    this.last = settled.catch(nothing);
    return settled;
  }

  private async finish<T>(
    verb: (core: BlockExports) => number,
    first: number,
    answer: (core: BlockExports) => T,
  ): Promise<T> {
    for (let step = first; ; step = verb(this.core)) {
      if (step === Step.done || step === Step.found) return answer(this.core);
      await this.act(step);
    }
  }

  /** Nobody may write an image whose tables and counts disagree before check has repaired it: the header says so. */
  private async markCorrupt(): Promise<void> {
    const { core, file } = this;
    // Version 2 has no such bit.
    if (core.version() < 3) return;
    core.setFeatures(core.incompatible() | CORRUPT, core.compatible(), core.autoclear());
    const { at, length } = INCOMPATIBLE_FIELD;
    await file.write!(this.view((core.HEADER_AT.value as number) + at, length), at);
    await file.flush!();
  }

  private async act(step: number): Promise<void> {
    const { core, file } = this;
    const bytes = (): Uint8Array => this.view(core.transferAddress(), core.transferLength());
    try {
      if (step === Step.load) await file.read(bytes(), core.transferOffset());
      else if (step === Step.store) await file.write!(bytes(), core.transferOffset());
      else if (step === Step.barrier) await this.barrier();
      else if (step === Step.flush)
        await this.finish((engine) => engine.flushTables(), core.flushTables(), nothing);
      else {
        const why = reasonOf(core);
        if (why[0] === OVERLAP) await this.markCorrupt();
        throw new UserError(sentence(...why), "EIO");
      }
    } catch (error) {
      core.abandon();
      throw error;
    }
  }

  /** What was written so far is safe before anything else is: a table never reaches the disk ahead of its data. */
  private async barrier(): Promise<void> {
    await this.dataFile?.flush!();
    await this.file.flush!();
  }
}

/** A code and the numbers of its sentence; i64 arrives signed, and none of these numbers is. */
export function reasonOf(core: BlockExports): [code: number, first: bigint, second: bigint, third: bigint] {
  const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);
  return [
    core.reason(),
    unsigned(core.reasonFirst()),
    unsigned(core.reasonSecond()),
    unsigned(core.reasonThird()),
  ];
}

export function nothing(): void {}
