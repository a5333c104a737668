// The machine engine without a host around it: registers and memory by name, so many instructions at a time.
import { existsSync, readFileSync } from "node:fs";
import { RegionTable } from "../../host/core/jit.ts";
import { layoutOf } from "./state-layout.ts";

interface Exports {
  memory: WebAssembly.Memory;
  table: WebAssembly.Table;
  serveRegion: WebAssembly.ExportValue;
  serveX87: WebAssembly.ExportValue;
  CPU_AT: WebAssembly.Global;
  RAM_AT: WebAssembly.Global;
  BOARD_AT: WebAssembly.Global;
  VECTORS_AT: WebAssembly.Global;
  X87_AT: WebAssembly.Global;
  CPU_STATE_SIZE: WebAssembly.Global;
  EXIT_HALTED: WebAssembly.Global;
  EXIT_SLICE: WebAssembly.Global;
  INSPECT_AT: WebAssembly.Global;
  CLOCK_PACE: WebAssembly.Global;
  JIT_STATS_AT: WebAssembly.Global;
  STAT_REGIONS: WebAssembly.Global;
  STAT_ENTRIES: WebAssembly.Global;
  STAT_INSTRUCTIONS: WebAssembly.Global;
  LEFT_PAGE: WebAssembly.Global;
  powerOn(ramSize: number, vcpus: number): void;
  runMachine(instructions: number): number;
  setTranslator(warm: number): void;
  countJit(on: number): void;
  setBreakpoints(count: number): void;
  goOn(stepping: number): void;
  settleState(): void;
  flags(): number;
  setFlags(eflags: number): void;
}

const PAGE = 65536;
const UNWIND = { reason: "a guest's exception unwinds to the run loop" };

let engine: WebAssembly.Module | undefined;

/** A file of this repository, found from the test's source as from the bundle that scripts/ts.mjs makes of it. */
function packageFile(path: string): URL {
  let folder = new URL(".", import.meta.url);
  while (!existsSync(new URL("package.json", folder))) folder = new URL("..", folder);
  return new URL(path, folder);
}

export class Core {
  readonly exports: Exports;
  readonly ram: Uint8Array;
  readonly ramView: DataView;
  /** YMM0-15, 32 bytes each. */
  readonly vectors: Uint8Array;
  /** The x87 unit, as assembly/cpu/x87-state.ts draws it. */
  readonly x87: Uint8Array;
  private readonly cpu: DataView;
  private readonly fields = layoutOf(packageFile("assembly/cpu/state.ts"), "CpuState");

  /** `warm`: entries after which a block is translated; 0: the interpreter runs everything. */
  constructor(ramSize = 16 << 20, warm = 0, vcpus = 1) {
    engine ??= new WebAssembly.Module(readFileSync(packageFile("dist/machine.wasm")));
    const unwind = (): never => {
      throw UNWIND;
    };
    const abort = (_message: number, _file: number, line: number): never => {
      throw new Error(`the engine's assertion failed in line ${line}`);
    };
    const log = (at: number, length: number): void => {
      process.stderr.write(new Uint8Array(this.exports.memory.buffer, at, length));
    };
    const entropy = (at: number, length: number): void => {
      new Uint8Array(this.exports.memory.buffer, at, length).fill(0x5a);
    };
    const jitInstall = (at: number, length: number, slot: number): number =>
      regions.install(at, length, slot);
    const jitRelease = (slot: number): void => regions.release(slot);
    const host = { unwind, log, entropy, jitInstall, jitRelease, trace: (): void => {} };
    const instance = new WebAssembly.Instance(engine, { host, env: { abort } });
    this.exports = instance.exports as unknown as Exports;
    const regions = new RegionTable(this.exports);
    const { memory, RAM_AT, CPU_AT, CPU_STATE_SIZE, VECTORS_AT, X87_AT } = this.exports;
    const missing = RAM_AT.value + ramSize - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    this.ram = new Uint8Array(memory.buffer, RAM_AT.value, ramSize);
    this.ramView = new DataView(memory.buffer, RAM_AT.value, ramSize);
    this.vectors = new Uint8Array(memory.buffer, VECTORS_AT.value, 16 * 32);
    this.x87 = new Uint8Array(memory.buffer, X87_AT.value, 256);
    this.cpu = new DataView(memory.buffer, CPU_AT.value, CPU_STATE_SIZE.value);
    this.exports.powerOn(ramSize, vcpus);
    this.exports.setTranslator(warm);
  }

  get(name: string): bigint {
    const { offset, size } = this.field(name);
    if (size === 8) return this.cpu.getBigUint64(offset, true);
    return BigInt(size === 4 ? this.cpu.getUint32(offset, true) : this.cpu.getUint16(offset, true));
  }

  set(name: string, value: bigint | number): void {
    const { offset, size } = this.field(name);
    if (size === 8) this.cpu.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
    else if (size === 4) this.cpu.setUint32(offset, Number(BigInt.asUintN(32, BigInt(value))), true);
    else this.cpu.setUint16(offset, Number(value), true);
  }

  private field(name: string): { offset: number; size: number } {
    const field = this.fields.get(name);
    if (!field) throw new Error(`CpuState has no field "${name}"`);
    return field;
  }

  /** The buffer that debuggers' verbs read. */
  get inspect(): DataView {
    return new DataView(this.exports.memory.buffer, this.exports.INSPECT_AT.value);
  }

  /** A counter of the translator (assembly/jit/stats.ts), which must have been told to count. */
  counter(name: "STAT_REGIONS" | "STAT_ENTRIES" | "STAT_INSTRUCTIONS" | "LEFT_PAGE"): number {
    const { memory, JIT_STATS_AT } = this.exports;
    const at = JIT_STATS_AT.value + 8 * Number(this.exports[name].value);
    return Number(new DataView(memory.buffer).getBigUint64(at, true));
  }

  get flags(): number {
    return this.exports.flags();
  }

  set flags(eflags: number) {
    this.exports.setFlags(eflags);
  }

  /** Loads a segment register as real mode does: base = selector * 16; limit and rights stay. */
  setRealSegment(name: string, selector: number): void {
    this.set(`${name}Selector`, selector);
    this.set(`${name}Base`, selector * 16);
  }

  /** 64-bit code, descriptor 8, and flat data, descriptor 16, in the other segment registers. */
  setFlatSegments(): void {
    for (const name of ["cs", "ds", "es", "ss", "fs", "gs"]) {
      this.set(`${name}Selector`, name === "cs" ? 8 : 16);
      this.set(`${name}Base`, 0);
      this.set(`${name}Limit`, 0xffff_ffff);
      this.set(`${name}Access`, name === "cs" ? 0xa09b : 0xc093);
    }
  }

  /** C0000h-FFFFFh becomes plain RAM, as by the chipset's PAM registers. */
  makeShadowWritable(): void {
    const fields = layoutOf(packageFile("assembly/memory/physical.ts"), "PhysicalMap");
    const board = new DataView(this.exports.memory.buffer, this.exports.BOARD_AT.value);
    for (const name of ["shadowReads", "shadowWrites"])
      board.setUint32(fields.get(name)!.offset, 0xffff, true);
  }

  /** Nanoseconds that 1024 instructions take. */
  set pace(nanoseconds: number) {
    const { memory, CLOCK_PACE } = this.exports;
    new DataView(memory.buffer).setUint32(CLOCK_PACE.value, nanoseconds, true);
  }

  /** The registers as they are now, to be put back with `restore`. */
  save(): Uint8Array {
    return new Uint8Array(this.cpu.buffer, this.cpu.byteOffset, this.cpu.byteLength).slice();
  }

  restore(state: Uint8Array): void {
    new Uint8Array(this.cpu.buffer, this.cpu.byteOffset, this.cpu.byteLength).set(state);
  }

  /** After registers were written behind the engine's back. */
  settle(): void {
    this.exports.settleState();
  }

  /** Runs up to `instructions`, serving exceptions as the host does; true if the processor halted. */
  run(instructions: number): boolean {
    let budget = instructions;
    for (;;) {
      try {
        return this.exports.runMachine(budget) === this.exports.EXIT_HALTED.value;
      } catch (thrown) {
        if (thrown !== UNWIND) throw thrown;
        budget = 0;
      }
    }
  }
}
