// A file on a disk whose power can fail: what was flushed stays, of the rest any part may be there or not.
import { MemorySource } from "../../host/block/memory.ts";

type Act = { bytes: Uint8Array; offset: number } | "flush";

export class RecordingSource extends MemorySource {
  readonly acts: Act[] = [];
  private readonly before: Uint8Array;

  constructor(content: Uint8Array) {
    super(content.slice());
    this.before = content.slice();
  }

  override async write(from: Uint8Array, offset: number): Promise<void> {
    this.acts.push({ bytes: from.slice(), offset });
    await super.write(from, offset);
  }

  override async flush(): Promise<void> {
    this.acts.push("flush");
  }

  /** The disk as it is if the power fails after `count` acts; `keep` decides about each unflushed write. */
  async cutAfter(count: number, keep: () => boolean): Promise<MemorySource> {
    const done = this.acts.slice(0, count);
    const durable = done.lastIndexOf("flush");
    const disk = new MemorySource(this.before.slice());
    for (const [index, act] of done.entries())
      if (act !== "flush" && (index < durable || keep())) await disk.write(act.bytes, act.offset);
    return disk;
  }
}
