// A machine's processors, memory and ports between two slices, for monitors and debuggers (assembly/machine/inspect.ts).
import type { MachineEngine } from "./machine-engine.ts";

const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"] as const;
const GENERAL = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 rip rflags".split(" ");
const SPECIAL =
  "gdtBase gdtLimit idtBase idtLimit cr0 cr2 cr3 cr4 efer dr0 dr1 dr2 dr3 dr6 dr7 cpl activity shadow a20 fcw fsw ftw mxcsr".split(
    " ",
  );

/** Where the registers that can be set stand in the record of `readCpu`, in u64. */
const SETTABLE: ReadonlyMap<string, { at: number; words: number }> = (() => {
  const special = GENERAL.length + 4 * SEGMENT_NAMES.length;
  const st = special + SPECIAL.length;
  const xmm = st + 2 * 8;
  return new Map<string, { at: number; words: number }>([
    ...GENERAL.map((name, at) => [name, { at, words: 1 }] as const),
    ...["fcw", "fsw", "ftw", "mxcsr"].map(
      (name) => [name, { at: special + SPECIAL.indexOf(name), words: 1 }] as const,
    ),
    ...Array.from({ length: 8 }, (_, n) => [`st${n}`, { at: st + 2 * n, words: 2 }] as const),
    ...Array.from({ length: 16 }, (_, n) => [`xmm${n}`, { at: xmm + 2 * n, words: 2 }] as const),
  ]);
})();

/** Data that a debugger watches. */
export interface Watchpoint {
  /** Linear. */
  address: bigint;
  /** Bytes. */
  size: number;
  on: "write" | "read" | "access";
}

export interface SegmentRegister {
  selector: number;
  base: bigint;
  limit: number;
  /** Bits 8-23 of the descriptor's second dword, shifted to 0-15. */
  access: number;
}

export interface CpuRegisters {
  /** rax … r15, rip, rflags, cr0, cr2 …: by name, each as a u64. */
  values: ReadonlyMap<string, bigint>;
  segments: ReadonlyMap<(typeof SEGMENT_NAMES)[number], SegmentRegister>;
  /** ST0-7: mantissa, then sign and exponent. */
  st: readonly (readonly [mantissa: bigint, exponent: number])[];
  /** XMM0-15: low and high half. */
  xmm: readonly (readonly [low: bigint, high: bigint])[];
}

/** vCPU activity (assembly/cpu/state.ts): ACTIVE, HALTED … */
export const ACTIVE = 0n;
export const HALTED = 1n;

export class Inspector {
  private readonly view: DataView;
  private readonly bytes: Uint8Array;

  constructor(private readonly engine: MachineEngine) {
    const { INSPECT_AT, INSPECT_SIZE } = engine.constants;
    const { buffer } = engine.exports.memory;
    this.view = new DataView(buffer, INSPECT_AT, INSPECT_SIZE);
    this.bytes = new Uint8Array(buffer, INSPECT_AT, INSPECT_SIZE);
  }

  get cpus(): number {
    return this.engine.cpus;
  }

  registers(cpu: number): CpuRegisters {
    this.engine.exports.readCpu(cpu);
    let at = 0;
    const next = (): bigint => {
      at += 8;
      return this.view.getBigUint64(at - 8, true);
    };
    const values = new Map(GENERAL.map((name) => [name, next()]));
    const columns = Array.from({ length: 4 }, () => SEGMENT_NAMES.map(() => next()));
    const segments = new Map(
      SEGMENT_NAMES.map((name, n) => [
        name,
        {
          selector: Number(columns[0]![n]),
          base: columns[1]![n]!,
          limit: Number(columns[2]![n]),
          access: Number(columns[3]![n]),
        },
      ]),
    );
    for (const name of SPECIAL) values.set(name, next());
    return {
      values,
      segments,
      st: Array.from({ length: 8 }, () => [next(), Number(next())] as const),
      xmm: Array.from({ length: 16 }, () => [next(), next()] as const),
    };
  }

  /**
   * Sets registers by name: general ones, rip, rflags, fcw, fsw, ftw, mxcsr, st0 … (80 bits), xmm0 … (128 bits). Those not
   * given stay, and so do all others.
   */
  setRegisters(cpu: number, changes: ReadonlyMap<string, bigint>): void {
    this.engine.exports.readCpu(cpu);
    for (const [name, value] of changes) {
      const { at, words } = SETTABLE.get(name)!;
      for (let n = 0; n < words; n++)
        this.view.setBigUint64(8 * (at + n), BigInt.asUintN(64, value >> BigInt(64 * n)), true);
    }
    this.engine.exports.writeCpu(cpu);
  }

  /** Bytes at physical `address`; what is neither RAM, ROM nor video memory reads as zeros. */
  readPhysical(address: number, length: number): Uint8Array {
    const read = new Uint8Array(length);
    for (let at = 0; at < length; at += this.bytes.length) {
      const count = Math.min(this.bytes.length, length - at);
      this.engine.exports.peekPhysical(address + at, count);
      read.set(this.bytes.subarray(0, count), at);
    }
    return read;
  }

  /** What the engine itself has at `at` in its linear memory; not a copy. */
  engineMemory(at: number, length: number): Uint8Array {
    return this.engine.bytes(at, length);
  }

  writePhysical(address: number, data: Uint8Array): void {
    for (let at = 0; at < data.length; at += this.bytes.length) {
      const part = data.subarray(at, at + this.bytes.length);
      this.bytes.set(part);
      this.engine.exports.pokePhysical(address + at, part.length);
    }
  }

  /** Physical address of a linear one for `cpu`; undefined where nothing is mapped. */
  translate(cpu: number, linear: bigint): number | undefined {
    const low = Number(linear & 0xffff_ffffn);
    const found = this.engine.exports.translateLinear(cpu, low, Number((linear >> 32n) & 0xffff_ffffn));
    return found ? Number(this.view.getBigUint64(0, true)) : undefined;
  }

  /** Bytes at linear `address` for `cpu`, up to the first page that is not mapped. */
  readLinear(cpu: number, address: bigint, length: number): Uint8Array {
    const read = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const linear = address + BigInt(at);
      const physical = this.translate(cpu, linear);
      if (physical === undefined) return read.subarray(0, at);
      const count = Math.min(length - at, PAGE - (physical & (PAGE - 1)));
      read.set(this.readPhysical(physical, count), at);
      at += count;
    }
    return read;
  }

  /** Writes at linear `address` for `cpu`; false where a page is not mapped, with nothing written. */
  writeLinear(cpu: number, address: bigint, data: Uint8Array): boolean {
    const pieces: [physical: number, part: Uint8Array][] = [];
    for (let at = 0; at < data.length;) {
      const physical = this.translate(cpu, address + BigInt(at));
      if (physical === undefined) return false;
      const count = Math.min(data.length - at, PAGE - (physical & (PAGE - 1)));
      pieces.push([physical, data.subarray(at, at + count)]);
      at += count;
    }
    for (const [physical, part] of pieces) this.writePhysical(physical, part);
    return true;
  }

  /** The linear addresses at which the machine stops; false: those are too many. */
  setBreakpoints(addresses: readonly bigint[]): boolean {
    if (addresses.length > this.engine.constants.BREAKPOINTS_MAX) return false;
    addresses.forEach((address, n) => this.view.setBigUint64(8 * n, address, true));
    this.engine.exports.setBreakpoints(addresses.length);
    return true;
  }

  /** Data whose access stops the machine, behind the instruction; false: those are too many. */
  setWatchpoints(watchpoints: readonly Watchpoint[]): boolean {
    const { WATCHPOINTS_MAX, WATCH_READ, WATCH_WRITE } = this.engine.constants;
    if (watchpoints.length > WATCHPOINTS_MAX) return false;
    const kinds = { write: WATCH_WRITE, read: WATCH_READ, access: WATCH_READ | WATCH_WRITE };
    watchpoints.forEach(({ address, size, on }, n) =>
      [address, BigInt(size), BigInt(kinds[on])].forEach((value, field) =>
        this.view.setBigUint64(8 * (3 * n + field), value, true),
      ),
    );
    this.engine.exports.setWatchpoints(watchpoints.length);
    return true;
  }

  /** Which vCPU stopped last, and which of the watchpoints did it, if one did. */
  lastStop(): { cpu: number; watchpoint: number | undefined } {
    const stop = this.engine.exports.lastStop();
    return { cpu: stop & 0xff, watchpoint: stop >> 8 ? (stop >> 8) - 1 : undefined };
  }

  /** Reads an I/O port of 1, 2 or 4 bytes, with what that does to the device. */
  readPort(port: number, size: number): number {
    return this.engine.exports.readPort(port, size) >>> 0;
  }

  writePort(port: number, size: number, value: number): void {
    this.engine.exports.writePort(port, size, value);
  }
}

const PAGE = 4096;
