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
  private free: number[] = [];
  private used = new Set<number>();

  constructor(private readonly engine: TranslatingEngine) {
    const exports = engine as unknown as Record<string, WebAssembly.ImportValue>;
    const letters = CORE_FUNCTIONS.map((name, n) => [String.fromCharCode(0x61 + n), exports[name]!] as const);
    this.imports = { c: { ...Object.fromEntries(letters), M: engine.memory } };
  }

  /** Compiles the module in linear memory; returns the slot of its function, 0 where the runtime refuses. */
  install(at: number, length: number): number {
    const bytes = new Uint8Array(this.engine.memory.buffer, at, length).slice();
    let region: unknown;
    try {
      region = new WebAssembly.Instance(new WebAssembly.Module(bytes), this.imports).exports.r;
    } catch (refusal) {
      // A runtime may forbid compilation (a content security policy); what we built wrong is our bug.
      if (refusal instanceof WebAssembly.CompileError && WebAssembly.validate(bytes)) return 0;
      throw refusal;
    }
    const slot = this.free.pop() ?? this.grow();
    this.engine.table.set(slot, region);
    this.used.add(slot);
    return slot;
  }

  release(slot: number): void {
    this.engine.table.set(slot, null);
    this.used.delete(slot);
    this.free.push(slot);
  }

  releaseAll(): void {
    for (const slot of this.used) this.release(slot);
  }

  private grow(): number {
    const first = this.engine.table.grow(GROWTH);
    for (let slot = first + GROWTH - 1; slot > first; slot--) this.free.push(slot);
    return first;
  }
}
