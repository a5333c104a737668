// The host's half of the translator: compile what the engine hands over, put it into the engine's table.
//
// A module imports memory and functions of the engine, never the table: on Node 20 each importing instance would make
// every later `table.set` slower.

/** Functions of the engine that generated code imports as "a", "b" … in this order (assembly/jit/module.ts). */
const CORE_FUNCTIONS = [
  "jitRead8",
  "jitRead16",
  "jitRead32",
  "jitRead64",
  "jitReadForWrite8",
  "jitReadForWrite16",
  "jitReadForWrite32",
  "jitReadForWrite64",
  "jitWrite8",
  "jitWrite16",
  "jitWrite32",
  "jitWrite64",
  "jitExecute",
  "jitCondition",
  "jitFlags",
  "jitProductFlags",
  "jitHighUnsigned",
  "jitHighSigned",
  "jitExecuteLast",
] as const;

/** What the translator needs of its engine. */
export interface TranslatingEngine {
  readonly memory: WebAssembly.Memory;
  readonly table: WebAssembly.Table;
}

/** Table slots are grown by so many at a time. */
const GROWTH = 256;

/** The functions of translated regions, in the engine's table. */
export class RegionTable {
  private readonly imports: WebAssembly.Imports;
  /** The first slot not used yet. */
  private next: number;

  constructor(private readonly engine: TranslatingEngine) {
    const exports = engine as unknown as Record<string, WebAssembly.ImportValue>;
    const letters = CORE_FUNCTIONS.map((name, n) => [String.fromCharCode(0x61 + n), exports[name]!] as const);
    this.imports = { c: { ...Object.fromEntries(letters), M: engine.memory } };
    this.next = engine.table.length;
  }

  /** Compiles the module in linear memory into `slot`, or a new one; returns the slot, 0 where the runtime refuses. */
  install(at: number, length: number, slot: number): number {
    const bytes = new Uint8Array(this.engine.memory.buffer, at, length).slice();
    let region: unknown;
    try {
      region = new WebAssembly.Instance(new WebAssembly.Module(bytes), this.imports).exports.r;
    } catch (refusal) {
      // A runtime may forbid compilation (a content security policy); what we built wrong is our bug.
      if (refusal instanceof WebAssembly.CompileError && WebAssembly.validate(bytes)) return 0;
      throw refusal;
    }
    const place = slot || this.next++;
    if (place >= this.engine.table.length) this.engine.table.grow(GROWTH);
    this.engine.table.set(place, region);
    return place;
  }
}
