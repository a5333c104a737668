// Drives dist/testing/x87.wasm (assembly/testing/x87.ts): one x87 instruction on a given state at a time.
import { readFileSync } from "node:fs";

export interface X87State {
  control: number;
  status: number;
  /** FXSAVE's abridged tag word: bit n = physical register n is not empty. */
  valid: number;
  /** ST(0) … ST(7), ten bytes each. */
  registers: Uint8Array;
}

interface Exports {
  memory: WebAssembly.Memory;
  RAM_AT: WebAssembly.Global;
  reset(): void;
  setMode(mode: number): void;
  execute(opcode: number, modrm: number, operandPrefix: boolean, address: number): void;
  wait(): void;
  save(address: number): void;
  restore(address: number): void;
  flags(): number;
  setFlags(value: number): void;
  setCr0(value: number): void;
  fault(): number;
  ax(): number;
}

/** Where the memory operand lies, and the FXSAVE image, in guest RAM. */
const OPERAND = 0x1000;
const IMAGE = 0x2000;
const MXCSR_DEFAULT = 0x1f80;
/** A mode with 16-bit code and real-mode addresses. */
export const REAL_MODE = 0;

class GuestFault extends Error {}

export class X87Engine {
  readonly engine: Exports;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor() {
    const file = new URL("../../dist/testing/x87.wasm", import.meta.url);
    const imports = {
      host: {
        unwind(): never {
          throw new GuestFault();
        },
        log(): void {},
        entropy(): void {},
        jitRelease(): void {},
      },
      env: {
        abort(): never {
          throw new Error("the engine aborted");
        },
      },
    };
    const module = new WebAssembly.Module(readFileSync(file));
    this.engine = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
    this.engine.reset();
    const ram = (this.engine.RAM_AT.value as number) >>> 0;
    this.bytes = new Uint8Array(this.engine.memory.buffer, ram, 0x10000);
    this.view = new DataView(this.engine.memory.buffer, ram, 0x10000);
  }

  get state(): X87State {
    this.engine.save(IMAGE);
    const registers = new Uint8Array(80);
    for (let n = 0; n < 8; n++) {
      const at = IMAGE + 32 + 16 * n;
      registers.set(this.bytes.subarray(at, at + 10), 10 * n);
    }
    return {
      control: this.view.getUint16(IMAGE, true),
      status: this.view.getUint16(IMAGE + 2, true),
      valid: this.view.getUint8(IMAGE + 4),
      registers,
    };
  }

  set state(state: X87State) {
    this.bytes.fill(0, IMAGE, IMAGE + 512);
    this.view.setUint16(IMAGE, state.control, true);
    this.view.setUint16(IMAGE + 2, state.status, true);
    this.view.setUint8(IMAGE + 4, state.valid);
    this.view.setUint32(IMAGE + 24, MXCSR_DEFAULT, true);
    for (let n = 0; n < 8; n++)
      this.bytes.set(state.registers.subarray(10 * n, 10 * n + 10), IMAGE + 32 + 16 * n);
    this.engine.restore(IMAGE);
  }

  get operand(): Uint8Array {
    return this.bytes.subarray(OPERAND, OPERAND + 128);
  }

  get operandView(): DataView {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + OPERAND, 128);
  }

  /** The FXSAVE image that the last look at `state` wrote. */
  get image(): DataView {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + IMAGE, 512);
  }

  /** Runs one instruction, named by its bytes; a memory operand is the one at `operand`. Answers the vector of a fault. */
  run(...code: number[]): number | undefined {
    const prefixed = code[0] === 0x66;
    const [opcode, modrm] = prefixed ? code.slice(1) : code;
    return this.guarded(() => this.engine.execute(opcode! - 0xd8, modrm!, prefixed, OPERAND));
  }

  guarded(action: () => void): number | undefined {
    try {
      action();
      return undefined;
    } catch (error) {
      if (!(error instanceof GuestFault)) throw error;
      return this.engine.fault();
    }
  }
}
