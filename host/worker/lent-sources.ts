// What a program lends to its machine: objects that stay on its own thread, and answer there for the machine's.
import type { BlockSource } from "../block/source.ts";
import { Moved, type Calls } from "./calls.ts";
import type { SourceVerb } from "./description.ts";

/** What the caller's thread does for the machine's. */
export interface LentSources {
  readSource(number: number, offset: number, length: number): Promise<Moved<ArrayBuffer>>;
  writeSource(number: number, offset: number, bytes: Uint8Array): Promise<void>;
  discardSource(number: number, offset: number, length: number): Promise<void>;
  flushSource(number: number): Promise<void>;
}

/** The caller's own sources, by the numbers that the machine's thread knows them by. */
export class Lender {
  private readonly sources: BlockSource[] = [];

  lend(source: BlockSource): number {
    return this.sources.push(source) - 1;
  }

  readonly verbs: LentSources = {
    readSource: async (number, offset, length) => {
      const bytes = new Uint8Array(length);
      await this.sources[number]!.read(bytes, offset);
      return new Moved(bytes.buffer, [bytes.buffer]);
    },
    writeSource: (number, offset, bytes) => this.sources[number]!.write!(bytes, offset),
    discardSource: (number, offset, length) => this.sources[number]!.discard!(offset, length),
    flushSource: (number) => this.sources[number]!.flush!(),
  };
}

/** The same, seen from the machine's thread: every request crosses and comes back. */
export class LentSource implements BlockSource {
  readonly write?: NonNullable<BlockSource["write"]>;
  readonly discard?: NonNullable<BlockSource["discard"]>;
  readonly flush?: NonNullable<BlockSource["flush"]>;

  constructor(
    private readonly caller: Calls<LentSources>,
    private readonly number: number,
    readonly size: number,
    verbs: readonly SourceVerb[],
  ) {
    if (verbs.includes("write"))
      this.write = (from, offset) => caller.call("writeSource", number, offset, from.slice());
    if (verbs.includes("discard"))
      this.discard = (offset, length) => caller.call("discardSource", number, offset, length);
    if (verbs.includes("flush")) this.flush = () => caller.call("flushSource", number);
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    into.set(new Uint8Array(await this.caller.call("readSource", this.number, offset, into.length)));
  }

  /** The caller's to close. */
  async close(): Promise<void> {}
}
