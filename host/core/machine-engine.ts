// machine.wasm as the host sees it: its verbs, its addresses by name, the clock record, and the one exception.
import { UserError } from "./errors.ts";
import { type EngineExports, loadEngine } from "./load.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** What a slice ended with: the names of assembly/machine/exit.ts. */
export type ExitName =
  "EXIT_SLICE" | "EXIT_HALTED" | "EXIT_POWER_OFF" | "EXIT_RESET" | "EXIT_DEBUG" | "EXIT_DOORBELL";

/** assembly/machine/index.ts. */
export interface MachineExports extends EngineExports {
  powerOn(ramBytes: number, vcpus: number): void;
  resetMachine(): void;
  /** Runs up to so many instructions; 0 goes on with what is left after an unwind. Returns EXIT_*. */
  runMachine(instructions: number): number;
  /** Instructions run since the slice began. */
  executed(): number;

  readonly RAM_AT: WebAssembly.Global;
  readonly CLOCK_SLICE_START: WebAssembly.Global;
  readonly CLOCK_EPOCH: WebAssembly.Global;
  readonly CLOCK_PACE: WebAssembly.Global;
  readonly CLOCK_DEADLINE: WebAssembly.Global;
}

const WASM_PAGE = 65536;
const NANOSECONDS_PER_MS = 1_000_000n;
/** assembly/machine/clock.ts: no timer is running. */
const NEVER = 0xffff_ffff_ffff_ffffn;

/** Thrown through wasm frames when a guest instruction faults; always this object, so that it costs no stack trace. */
const UNWIND = new Error("unwind left the engine");

export interface MachineEngineOptions {
  ramBytes: number;
  vcpus: number;
  /** Guest time zero in ms since 1970. */
  epoch: number;
}

/** One powered-on machine engine. Its memory is grown once, here, so views of it stay valid. */
export class MachineEngine {
  readonly ram: Uint8Array;
  private readonly record: DataView;
  private readonly exits: ReadonlyMap<number, ExitName>;

  private constructor(
    readonly exports: MachineExports,
    options: MachineEngineOptions,
  ) {
    const { memory, RAM_AT } = exports;
    grow(memory, (RAM_AT.value as number) + options.ramBytes);
    this.ram = new Uint8Array(memory.buffer, RAM_AT.value as number, options.ramBytes);
    this.record = new DataView(memory.buffer);
    this.exits = exitNames(exports);
    this.setRecord("CLOCK_EPOCH", BigInt(Math.round(options.epoch)) * NANOSECONDS_PER_MS);
    exports.powerOn(options.ramBytes, options.vcpus);
  }

  static async start(runtime: Runtime, options: MachineEngineOptions): Promise<MachineEngine> {
    let bytes = (): Uint8Array => new Uint8Array();
    const exports = await loadEngine<MachineExports>(runtime, "machine.wasm", {
      unwind: (): never => {
        throw UNWIND;
      },
      log: (at, length) => console.error(new TextDecoder().decode(bytes().subarray(at, at + length))),
      entropy: (at, length) => fillRandom(bytes().subarray(at, at + length)),
    });
    bytes = (): Uint8Array => new Uint8Array(exports.memory.buffer);
    return new MachineEngine(exports, options);
  }

  /** Runs one slice on `clock`; says why it ended. */
  runSlice(clock: VirtualClock): ExitName {
    this.setRecord("CLOCK_SLICE_START", BigInt(Math.round(clock.now())));
    this.record.setUint32(this.address("CLOCK_PACE"), clock.pace, true);
    let instructions = clock.grant;
    for (;;) {
      try {
        const exit = this.exits.get(this.exports.runMachine(instructions));
        clock.ran(this.exports.executed());
        return exit!;
      } catch (thrown) {
        if (thrown !== UNWIND) throw thrown;
        instructions = 0;
      }
    }
  }

  /** Virtual time in ns until which a halted machine has nothing to do. */
  get deadline(): number {
    const deadline = this.record.getBigUint64(this.address("CLOCK_DEADLINE"), true);
    return deadline === NEVER ? Infinity : Number(deadline);
  }

  private setRecord(field: "CLOCK_SLICE_START" | "CLOCK_EPOCH", value: bigint): void {
    this.record.setBigUint64(this.address(field), value, true);
  }

  private address(name: keyof MachineExports & `CLOCK_${string}`): number {
    return this.exports[name].value as number;
  }
}

function grow(memory: WebAssembly.Memory, bytes: number): void {
  const pages = Math.ceil((bytes - memory.buffer.byteLength) / WASM_PAGE);
  try {
    if (pages > 0) memory.grow(pages);
  } catch {
    throw new UserError("cannot set up guest memory: Cannot allocate memory");
  }
}

/** The engine names its exits by exported constants, so their numbers have one home. */
function exitNames(exports: MachineExports): ReadonlyMap<number, ExitName> {
  const names = Object.entries(exports).filter(([name]) => name.startsWith("EXIT_"));
  return new Map(
    names.map(([name, global]) => [(global as WebAssembly.Global).value as number, name as ExitName]),
  );
}

/** The web's generator gives at most this many bytes a call. */
const RANDOM_MAX = 65536;

function fillRandom(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += RANDOM_MAX)
    crypto.getRandomValues(bytes.subarray(at, at + RANDOM_MAX) as Uint8Array<ArrayBuffer>);
}
