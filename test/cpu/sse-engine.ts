// Drives dist/testing/sse.wasm (assembly/testing/sse.ts): one MMX, SSE or VEX instruction at a time, given by its
// bytes, on vectors given as typed arrays.
import { readFileSync } from "node:fs";

interface Exports {
  memory: WebAssembly.Memory;
  RAM_AT: WebAssembly.Global;
  CPU_AT: WebAssembly.Global;
  VECTORS_AT: WebAssembly.Global;
  X87_AT: WebAssembly.Global;
  reset(ramSize: number): void;
  step(address: number): number;
  mxcsr(): number;
  setMxcsr(value: number): void;
  flags(): number;
  setFlags(value: number): void;
  setControl(cr0: number, cr4: number): void;
  fault(): number;
}

const RAM_SIZE = 0x10000;
const CODE = 0x1000;
/** Where RSI points: a memory operand, aligned to 32 bytes. */
export const OPERAND = 0x2000;
/** Where RDI points. */
export const DESTINATION = 0x3000;
const VECTOR_SIZE = 32;

class GuestFault extends Error {}

export class SseEngine {
  readonly engine: Exports;
  readonly ram: DataView;
  private readonly view: DataView;
  private readonly vectorsAt: number;
  private readonly cpuAt: number;

  constructor() {
    const file = new URL("../../dist/testing/sse.wasm", import.meta.url);
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
    this.engine.reset(RAM_SIZE);
    const address = (name: "RAM_AT" | "CPU_AT" | "VECTORS_AT"): number =>
      (this.engine[name].value as number) >>> 0;
    this.view = new DataView(this.engine.memory.buffer);
    this.ram = new DataView(this.engine.memory.buffer, address("RAM_AT"), RAM_SIZE);
    this.vectorsAt = address("VECTORS_AT");
    this.cpuAt = address("CPU_AT");
    this.setRegister(6, BigInt(OPERAND));
    this.setRegister(7, BigInt(DESTINATION));
    this.engine.setMxcsr(0x1f80);
  }

  /** Runs one instruction; the vector of the exception it raises, or undefined. */
  run(...code: number[]): number | undefined {
    code.forEach((byte, n) => this.ram.setUint8(CODE + n, byte));
    try {
      this.engine.step(CODE);
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof GuestFault)) throw thrown;
      return this.engine.fault();
    }
  }

  /** General register `number`, in the order RAX RCX RDX RBX RSP RBP RSI RDI R8 … */
  register(number: number): bigint {
    return this.view.getBigUint64(this.cpuAt + 8 * number, true);
  }

  setRegister(number: number, value: bigint): void {
    this.view.setBigUint64(this.cpuAt + 8 * number, value, true);
  }

  /** The 32 bytes of vector register `number`. */
  vector(number: number): DataView {
    return new DataView(this.view.buffer, this.vectorsAt + VECTOR_SIZE * number, VECTOR_SIZE);
  }

  set(number: number, value: ArrayBufferView): void {
    const vector = this.vector(number);
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    bytes.forEach((byte, n) => vector.setUint8(n, byte));
  }

  hex(number: number, bytes = 16): string {
    const vector = this.vector(number);
    return Buffer.from(vector.buffer, vector.byteOffset, bytes).toString("hex");
  }
}
