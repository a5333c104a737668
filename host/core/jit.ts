// The host's half of the translator: compile what the engine hands over, put it into the engine's table.
//
// A module imports memory and two functions of the engine, never the table: on Node 20 each importing instance would make
// every later `table.set` slower.

/** What the translator needs of its engine. */
export interface TranslatingEngine {
  readonly memory: WebAssembly.Memory;
  readonly table: WebAssembly.Table;
  /** All that a region asks of the engine, and of its x87 unit. */
  readonly serveRegion: unknown;
  readonly serveX87: unknown;
}

/** Table slots are grown by so many at a time. */
const GROWTH = 256;

/** The functions of translated regions, in the engine's table. */
export class RegionTable {
  private readonly imports: WebAssembly.Imports;
  /** Time spent compiling so far. */
  compileMs = 0;
  /** The first slot not used yet. */
  private next: number;

  constructor(private readonly engine: TranslatingEngine) {
    const [f, x] = [engine.serveRegion, engine.serveX87] as WebAssembly.ImportValue[];
    this.imports = { c: { M: engine.memory, f: f!, x: x! } };
    this.next = engine.table.length;
  }

  /** Compiles the module in linear memory into `slot`, or a new one; returns the slot, 0 where the runtime refuses. */
  install(at: number, length: number, slot: number): number {
    const bytes = new Uint8Array(this.engine.memory.buffer, at, length).slice();
    const began = performance.now();
    let region: unknown;
    try {
      region = new WebAssembly.Instance(new WebAssembly.Module(bytes), this.imports).exports.r;
    } catch (refusal) {
      // A runtime may forbid compilation (a content security policy); what we built wrong is our bug.
      if (refusal instanceof WebAssembly.CompileError && WebAssembly.validate(bytes)) return 0;
      throw refusal;
    }
    this.compileMs += performance.now() - began;
    const place = slot || this.next++;
    if (place >= this.engine.table.length) this.engine.table.grow(GROWTH);
    this.engine.table.set(place, region);
    return place;
  }

  /** Lets go of the function in `slot`, so that the runtime may free its code. */
  release(slot: number): void {
    this.engine.table.set(slot, null);
  }
}
