// Files on a disk whose power can fail: what was flushed stays, of the rest any part may be there or not.
import { MemorySource } from "../../host/block/memory.ts";

type Act = { file: RecordingSource } & (
  { kind: "write"; bytes: Uint8Array; offset: number } | { kind: "resize"; size: number } | { kind: "flush" }
);

/** One supply of power, and what has been done under it, in order, by all its files. */
export class PowerSupply {
  readonly acts: Act[] = [];
  private readonly files: RecordingSource[] = [];

  file(content: Uint8Array): RecordingSource {
    const file = new RecordingSource(this, content);
    this.files.push(file);
    return file;
  }

  /** The files, in the order they were made, if the power fails after `count` acts; `keep` decides about each act not flushed. */
  async cutAfter(count: number, keep: (file: MemorySource) => boolean): Promise<MemorySource[]> {
    const done = this.acts.slice(0, count);
    const disks: MemorySource[] = [];
    for (const file of this.files) {
      const own = done.filter((act) => act.file === file);
      const durable = own.findLastIndex(({ kind }) => kind === "flush");
      const disk = new MemorySource(file.before.slice());
      for (const [index, act] of own.entries()) {
        if (act.kind === "flush" || !(index < durable || keep(file))) continue;
        if (act.kind === "write") await disk.write(act.bytes, act.offset);
        else await disk.resize(act.size);
      }
      disks.push(disk);
    }
    return disks;
  }
}

export class RecordingSource extends MemorySource {
  readonly before: Uint8Array;

  constructor(
    private readonly power: PowerSupply,
    content: Uint8Array,
  ) {
    super(content.slice());
    this.before = content.slice();
  }

  override async write(from: Uint8Array, offset: number): Promise<void> {
    this.power.acts.push({ file: this, kind: "write", bytes: from.slice(), offset });
    await super.write(from, offset);
  }

  override async resize(size: number): Promise<void> {
    this.power.acts.push({ file: this, kind: "resize", size });
    await super.resize(size);
  }

  override async flush(): Promise<void> {
    this.power.acts.push({ file: this, kind: "flush" });
  }
}

const SECTOR = 512;

/** What a guest has written and flushed, and so what it may find after the power was gone. */
export class Witness {
  /** Each write with the number of acts before it; `durable` at a flush, when it was over. */
  private readonly writes: { at: number; bytes: Uint8Array; offset: number }[] = [];
  private readonly flushes: { at: number; writes: number }[] = [{ at: 0, writes: 0 }];

  constructor(
    private readonly power: PowerSupply,
    private readonly before: Uint8Array,
  ) {}

  wrote(bytes: Uint8Array, offset: number): void {
    this.writes.push({ at: this.power.acts.length, bytes: bytes.slice(), offset });
  }

  flushed(): void {
    this.flushes.push({ at: this.power.acts.length, writes: this.writes.length });
  }

  /** The first sector that is neither what was flushed nor what was written later; undefined: all is well. */
  firstWrong(found: Uint8Array, count: number): number | undefined {
    const flush = this.flushes.findLast(({ at }) => at <= count)!;
    const durable = this.before.slice(0, found.length);
    for (const { bytes, offset } of this.writes.slice(0, flush.writes))
      durable.set(bytes.subarray(0, Math.max(0, found.length - offset)), Math.min(offset, found.length));
    const later = this.writes.slice(flush.writes).filter(({ at }) => at <= count);
    for (let at = 0; at < found.length; at += SECTOR) {
      const sector = found.subarray(at, at + SECTOR);
      const same = (bytes: Uint8Array): boolean => Buffer.compare(sector, bytes) === 0;
      if (same(durable.subarray(at, at + SECTOR))) continue;
      const written = later.some(
        ({ bytes, offset }) =>
          at >= offset &&
          at < offset + bytes.length &&
          same(bytes.subarray(at - offset, at - offset + SECTOR)),
      );
      if (!written) return at;
    }
    return undefined;
  }
}
