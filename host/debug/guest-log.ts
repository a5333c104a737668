// `-d`: what the guest does, written down in QEMU's form.
import {
  TRACE_BLOCK,
  TRACE_CODE,
  TRACE_EXCEPTION,
  TRACE_HARDWARE,
  TRACE_INSTRUCTION,
  TRACE_INTERRUPT,
  TRACE_MODULE,
  TRACE_REGION,
  TRACE_RESET,
  TRACE_UNASSIGNED,
} from "../../assembly/cpu/trace-kinds.ts";
import type { CpuRegisters, Inspector } from "../core/inspector.ts";
import type { Tracer } from "../core/tracer.ts";
import type { Code } from "./disassembler.ts";
import type { Region, RegionPiece } from "./region-listing.ts";
import { codeBits, describeFloats, describeIntegers, hex } from "./registers.ts";

/** Items of `-d`, what QEMU's help says of each, and the reports that it takes. */
export const LOG_ITEMS = {
  in_asm: { help: "show target assembly code for each block decoded", kinds: [TRACE_BLOCK] },
  op: {
    help: "show the WebAssembly that each translated region became, below its assembly code",
    kinds: [TRACE_REGION, TRACE_CODE, TRACE_MODULE],
  },
  int: {
    help: "show interrupts/exceptions in short format",
    kinds: [TRACE_INTERRUPT, TRACE_EXCEPTION, TRACE_HARDWARE],
  },
  exec: { help: "show trace before each executed instruction (lots of logs)", kinds: [TRACE_INSTRUCTION] },
  cpu: { help: "show CPU registers before each instruction (lots of logs)", kinds: [TRACE_INSTRUCTION] },
  fpu: { help: "include FPU registers in the 'cpu' logging", kinds: [] },
  cpu_reset: { help: "show CPU state before CPU resets", kinds: [TRACE_RESET] },
  guest_errors: {
    help: "log when the guest OS does something invalid (accesses where nothing answers)",
    kinds: [TRACE_UNASSIGNED],
  },
} as const;

export type LogItem = keyof typeof LOG_ITEMS;

export interface GuestLogOptions {
  items: ReadonlySet<LogItem>;
  /** Ranges of linear addresses, both ends included, that in_asm, op, exec and cpu are limited to; none: no limit. */
  ranges?: readonly (readonly [first: bigint, last: bigint])[] | undefined;
  /** For in_asm. */
  disassemble?: ((code: Code) => string[]) | undefined;
  /** For op. */
  listRegion?: ((region: Region) => string[]) | undefined;
  write(text: string): void;
}

const PAGE_FAULT = 14;

/** What TRACE_CODE tells. */
interface Mark {
  place: number;
  delta: number;
  length: number;
}

export class GuestLog implements Tracer {
  readonly kinds: number;
  private inspector!: Inspector;
  private interrupts = 0;
  /** Of the region under translation. */
  private head = 0n;
  private marks: Mark[] = [];

  constructor(private readonly options: GuestLogOptions) {
    let kinds = 0;
    for (const item of options.items) for (const kind of LOG_ITEMS[item].kinds) kinds |= 1 << kind;
    this.kinds = kinds;
  }

  attach(inspector: Inspector): void {
    this.inspector = inspector;
  }

  report(kind: number, cpu: number, first: number, second: number, third: number): void {
    switch (kind) {
      case TRACE_INSTRUCTION:
        return this.instruction(cpu);
      case TRACE_BLOCK:
        return this.block(cpu, quadword(first, second), third);
      case TRACE_REGION:
        this.head = quadword(first, second);
        this.marks = [];
        return;
      case TRACE_CODE:
        this.marks.push({ place: first, delta: second, length: third });
        return;
      case TRACE_MODULE:
        return this.region(cpu, this.inspector.engineMemory(first, second), third);
      case TRACE_INTERRUPT:
        return this.interrupt(cpu, first, second >>> 0, third);
      case TRACE_EXCEPTION:
        return this.options.write(`check_exception old: 0x${hex(first >>> 0)} new 0x${hex(second)}\n`);
      case TRACE_HARDWARE:
        return this.options.write(`Servicing hardware INT=0x${hex(first, 2)}\n`);
      case TRACE_RESET:
        return this.reset(cpu, first !== 0);
      case TRACE_UNASSIGNED:
        return this.options.write(
          `Invalid ${third ? "write" : "read"} at addr 0x${hex(first >>> 0).toUpperCase()}, size ${second}, ` +
            "region '(null)', reason: rejected\n",
        );
    }
  }

  private instruction(cpu: number): void {
    const { items, write } = this.options;
    const registers = this.inspector.registers(cpu);
    const base = registers.segments.get("cs")!.base;
    const bits = codeBits(registers);
    const pc = linear(registers);
    if (!this.covers(pc, pc)) return;
    // QEMU's middle fields tell of its own translations; here each instruction is one.
    if (items.has("exec"))
      write(
        `Trace ${cpu}: 0x0 [${hex(bits === 64 ? 0n : base, 16)}/${hex(pc, 16)}/${hex(bits, 8)}/00000001] \n`,
      );
    if (items.has("cpu")) write(`${this.describe(registers, items.has("fpu"))}\n`);
  }

  private block(cpu: number, address: bigint, length: number): void {
    if (!this.covers(address, address + BigInt(length - 1))) return;
    const bits = codeBits(this.inspector.registers(cpu));
    const bytes = this.inspector.readLinear(cpu, address, length);
    const lines = this.options.disassemble?.({ bytes, address, bits }) ?? [];
    this.options.write(`${["----------------", "IN: ", ...lines, ""].join("\n")}\n`);
  }

  private region(cpu: number, module: Uint8Array, bodyOffset: number): void {
    const bits = codeBits(this.inspector.registers(cpu));
    const pieces = this.marks.map(({ place, delta, length }): RegionPiece => {
      const address = BigInt.asUintN(bits === 64 ? 64 : 32, this.head + BigInt(delta));
      const bytes = this.inspector.readLinear(cpu, address, length);
      return { place: bodyOffset + place, code: { bytes, address, bits } };
    });
    const covered = pieces.some(({ code: { bytes, address } }) =>
      this.covers(address, address + BigInt(Math.max(bytes.length, 1) - 1)),
    );
    if (!covered) return;
    const lines = this.options.listRegion?.({ module: module.slice(), pieces }) ?? [];
    this.options.write(`${["OP: ", ...lines, ""].join("\n")}\n`);
  }

  private interrupt(cpu: number, vector: number, error: number, byInstruction: number): void {
    const registers = this.inspector.registers(cpu);
    const { values, segments } = registers;
    const at = (segment: "cs" | "ss", pointer: string): string =>
      `${hex(segments.get(segment)!.selector, 4)}:${hex(values.get(pointer)!, 16)}`;
    const last =
      vector === PAGE_FAULT
        ? `CR2=${hex(values.get("cr2")!, 16)}`
        : `env->regs[R_EAX]=${hex(values.get("rax")!, 16)}`;
    const line =
      `${String(this.interrupts++).padStart(6)}: v=${hex(vector, 2)} e=${hex(error, 4)} i=${byInstruction} ` +
      `cpl=${values.get("cpl")} IP=${at("cs", "rip")} pc=${hex(linear(registers), 16)} SP=${at("ss", "rsp")} ${last}`;
    this.options.write(`${line}\n${this.describe(registers, false)}\n`);
  }

  private reset(cpu: number, tripleFault: boolean): void {
    if (tripleFault) return this.options.write("Triple fault\n");
    const state = this.describe(this.inspector.registers(cpu), true);
    this.options.write(`CPU Reset (CPU ${cpu})\n${state}\n`);
  }

  private describe(registers: CpuRegisters, floats: boolean): string {
    return [...describeIntegers(registers), ...(floats ? describeFloats(registers) : [])].join("\n");
  }

  private covers(first: bigint, last: bigint): boolean {
    const { ranges } = this.options;
    return !ranges || ranges.some(([from, to]) => first <= to && last >= from);
  }
}

/** Two halves of a u64. */
function quadword(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** Linear address of the next instruction. */
function linear(registers: CpuRegisters): bigint {
  const rip = registers.values.get("rip")!;
  if (codeBits(registers) === 64) return rip;
  return BigInt.asUintN(32, rip + registers.segments.get("cs")!.base);
}
