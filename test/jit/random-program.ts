// Random programs that loop: integer instructions of every family on registers and memory, branches forwards and back
// (into the middle of loops, too), calls. They end by themselves, because every chunk counts RBP down.
//
// RBX points at data, RSP at a stack, RBP is the counter; no instruction writes these but as meant.

import { VECTOR_ROWS } from "./vector-rows.ts";

const RBX = 3;
const RBP = 5;
const COUNTED_OUT = 8; // JS

export type Random = (below: number) => number;

/** 66h, F3h, F2h as VEX names them. */
const VEX_PREFIXES: Readonly<Record<number, number>> = { 0x66: 1, 0xf3: 2, 0xf2: 3 };

/** xorshift32: the same seed, the same program. */
export function random(seed: number): Random {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

interface Form {
  /** log2 of the operand's width. */
  width: number;
  opcode: number[];
  reg: number;
  /** The register operand, where the other is not in memory. */
  rm?: number;
  immediate?: number;
  prefix?: number;
  /** The register operands are byte registers. */
  bytes?: boolean;
  /** The memory operand lies on a boundary of 16 bytes. */
  aligned?: boolean;
}

/** No reserved encodings, and nothing that could unmask an exception: FLDENV, FLDCW, FRSTOR of random bytes. */
function isX87Memory(opcode: number, reg: number): boolean {
  const left: Record<number, number[]> = { 1: [1, 4, 5], 3: [4, 6], 5: [4, 5] };
  return !left[opcode]?.includes(reg);
}

/** Opcodes and reg fields whose eight register forms all exist. */
function isX87Register(opcode: number, reg: number): boolean {
  const left: Record<number, number[]> = {
    1: [2, 4, 5],
    2: [4, 5, 6, 7],
    3: [4, 7],
    5: [6, 7],
    6: [3],
    7: [4, 7],
  };
  return !left[opcode]?.includes(reg);
}

export class RandomProgram {
  readonly code: number[] = [];
  private readonly labels: number[] = [];
  private readonly jumps: { at: number; label: number }[] = [];
  private readonly registers: number[];

  constructor(
    private readonly pick: Random,
    private readonly long: boolean,
  ) {
    this.registers = long ? [0, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] : [0, 1, 2, 6, 7];
    const chunks = 3 + pick(8);
    const functions = chunks + 1;
    for (let chunk = 0; chunk < chunks; chunk++) {
      this.labels[chunk] = this.code.length;
      this.code.push(0x83, 0xe8 | RBP, 1); // SUB EBP, 1
      this.jump([0x0f, 0x80 | COUNTED_OUT], chunks);
      for (let n = 1 + pick(10); n > 0; n--) this.instruction(functions);
      if (pick(5) < 3) this.jump([0x0f, 0x80 | pick(16)], pick(chunks));
      else if (pick(2)) this.jump([0xe9], pick(chunks));
    }
    this.labels[chunks] = this.code.length;
    this.code.push(0xf4, 0xeb, 0xfd); // HLT, again and again
    for (let n = 0; n < 2; n++) {
      this.labels[functions + n] = this.code.length;
      for (let m = 1 + pick(4); m > 0; m--) this.compute();
      this.code.push(0xc3);
    }
    for (const { at, label } of this.jumps) this.patch(at, this.labels[label]! - at - 4);
  }

  private patch(at: number, value: number): void {
    for (let n = 0; n < 4; n++) this.code[at + n] = (value >> (8 * n)) & 0xff;
  }

  private jump(opcode: number[], label: number): void {
    this.code.push(...opcode, 0, 0, 0, 0);
    this.jumps.push({ at: this.code.length - 4, label });
  }

  private instruction(functions: number): void {
    this.compute();
    if (this.pick(14) === 0) this.jump([0xe8], functions + this.pick(2));
    if (this.pick(12) === 0) {
      const at = this.code.length;
      this.code.push(0x70 | this.pick(16), 0);
      this.compute();
      this.code[at + 1] = this.code.length - at - 2;
    }
  }

  private choose<T>(list: readonly T[]): T {
    return list[this.pick(list.length)]!;
  }

  private value(): number {
    const kind = this.pick(5);
    if (kind < 3) return this.choose([0, -1, 1, -2]);
    return kind === 3 ? 1 << this.pick(31) : (this.pick(0x10000) << 16) | this.pick(0x10000);
  }

  /** A register that may be written; without REX, byte register 7 is BH. */
  private register(width: number): number {
    const register = this.choose(this.registers);
    return width === 0 && !this.long && register === 7 ? 0 : register;
  }

  /** Prefixes, opcode, ModRM; the second operand is in memory unless `rm` is given. */
  private encode({ width, opcode, reg, rm, immediate, prefix, bytes, aligned }: Form): void {
    const { pick, code } = this;
    const address = rm !== undefined ? 5 : aligned ? 4 : pick(5);
    const index = address === 0 ? this.choose(this.registers) : 0;
    if (address === 0) code.push(...(index > 7 ? [0x41] : []), 0x83, 0xe0 | (index & 7), pick(64)); // AND
    if (width === 1) code.push(0x66);
    if (prefix) code.push(prefix);
    let rex = (width === 3 ? 8 : 0) | (reg > 7 ? 4 : 0) | (index > 7 ? 2 : 0) | ((rm ?? 0) > 7 ? 1 : 0);
    const highByte = bytes && (reg >= 4 || (rm ?? 0) >= 4);
    if (highByte && (pick(2) || reg === 7 || rm === 7)) rex |= 0x40;
    if (this.long && rex) code.push(rex | 0x40);
    const modrm = ((reg & 7) << 3) | RBX;
    code.push(...opcode);
    if (rm !== undefined) code.push(0xc0 | ((reg & 7) << 3) | (rm & 7));
    else if (address === 0)
      code.push((modrm & 0x38) | 0x84, (pick(4) << 6) | ((index & 7) << 3) | RBX, pick(64), 0, 0, 0);
    else if (address === 1) code.push(modrm | 0x80, pick(256), pick(18), 0, 0);
    else code.push(modrm | 0x40, pick(128) & (aligned ? 0x70 : 0x7f));
    if (immediate !== undefined) {
      const size = opcode.at(-1)! === 0x81 || opcode.at(-1)! === 0xc7 || opcode.at(-1)! === 0x69 ? width : 0;
      for (let n = 0; n < Math.min(1 << size, 4); n++) code.push((immediate >> (8 * n)) & 0xff);
    }
  }

  /** Any vector instruction of test/jit/vector-rows.ts, in its legacy encoding or, where it has one, in VEX. */
  private vector(): void {
    const { pick } = this;
    const row = this.choose(VECTOR_ROWS);
    const [prefix, opcode, kind] = row;
    const registers = this.long ? 16 : 8;
    const general = kind.includes("g");
    const form: Form = {
      width: kind.includes("w") && this.long ? 2 + pick(2) : 2,
      prefix,
      opcode: [0x0f, ...opcode],
      reg: kind.includes("G") ? this.register(2) : pick(registers),
    };
    if (kind.includes("/")) form.reg = this.choose([2, 4, 6]);
    if (kind.includes("i")) form.immediate = pick(kind.includes("c") ? 8 : 256);
    const toRegister = kind.includes("r") || (!kind.includes("m") && pick(3) > 0);
    if (toRegister) form.rm = general ? this.register(2) : pick(registers);
    else form.aligned = kind.includes("a") || pick(2) === 0;
    if (kind.includes("v") && pick(2)) this.encodeVex(form, kind);
    else this.encode(form);
  }

  /** Three-byte VEX (SDM 2A §2.3.5); the memory operand is [RBX + displacement]. */
  private encodeVex({ width, prefix, opcode, reg, rm, immediate }: Form, kind: string): void {
    const { pick, code } = this;
    const wide = kind.includes("y") && pick(2);
    const first = kind.includes("3") ? pick(this.long ? 16 : 8) : 0;
    const isShift = kind.includes("/");
    const vvvv = isShift ? pick(8) : first;
    const map = opcode[1] === 0x38 ? 2 : opcode[1] === 0x3a ? 3 : 1;
    code.push(0xc4, (reg > 7 ? 0 : 0x80) | 0x40 | ((rm ?? 0) > 7 ? 0 : 0x20) | map);
    code.push(
      (width === 3 ? 0x80 : 0) | ((~vvvv & 15) << 3) | (wide ? 4 : 0) | (VEX_PREFIXES[prefix ?? 0] ?? 0),
    );
    code.push(opcode.at(-1)!);
    if (rm !== undefined) code.push(0xc0 | ((reg & 7) << 3) | (rm & 7));
    else code.push(((reg & 7) << 3) | RBX | 0x40, pick(128) & (kind.includes("a") ? 0x60 : 0x7f));
    if (immediate !== undefined) code.push(immediate & 0xff);
  }

  /** MOVS, CMPS, STOS, LODS or SCAS on the data, up or down, some with REP. */
  private string(): void {
    const { pick, code } = this;
    const rex = this.long ? [0x48] : [];
    code.push(0xfc + pick(2)); // CLD, STD
    code.push(...rex, 0x8d, 0x73, 0x20 + pick(0x40), ...rex, 0x8d, 0x7b, 0x20 + pick(0x60)); // LEA of RSI, RDI
    // MOV ECX, n; REP
    if (pick(3)) code.push(0xb9, pick(pick(8) ? 20 : 256), 0, 0, 0, this.choose([0xf3, 0xf2]));
    const width = this.choose(this.long ? [0, 1, 2, 3] : [0, 1, 2]);
    if (width === 1) code.push(0x66);
    if (width === 3) code.push(0x48);
    code.push(this.choose([0xa4, 0xa6, 0xaa, 0xac, 0xae]) | (width ? 1 : 0));
  }

  /** x87: any register form, or an operand of any size in memory, now and then an exchange to keep the stack in use. */
  private x87(): void {
    const { pick, code } = this;
    const opcode = 0xd8 + pick(8);
    const reg = pick(8);
    switch (pick(8)) {
      case 0:
        code.push(0xd9, 0xe8 + pick(7)); // a constant
        return;
      case 1:
        code.push(0xd9, 0x7b, 0, 0xd9, 0x6b, 0); // FNSTCW, FLDCW of the same
        return;
      case 2:
        code.push(0xdf, 0xe0, 0x9e); // FNSTSW AX, SAHF
        return;
      case 3:
      case 4:
        if (isX87Memory(opcode & 7, reg)) this.encode({ width: 2, opcode: [opcode], reg });
        return;
      default:
        if (isX87Register(opcode & 7, reg)) code.push(opcode, 0xc0 | (reg << 3) | pick(8));
    }
  }

  /** DIV (6) or IDIV (7) by ECX or RCX, a number from 1 to 127, after `extend` of the dividend. */
  private division(operation: number, extend: number[]): void {
    const rex = this.long && this.pick(2) ? [0x48] : [];
    this.code.push(0x83, 0xe1, 0x7f, 0x83, 0xc9, 1, ...rex, ...extend);
    this.code.push(...rex, 0xf7, 0xc0 | (operation << 3) | 1);
  }

  /** BT, BTS, BTR or BTC of memory by a register: AND of the number, so that the bit lies in the data. */
  private bitInMemory(width: number, register: number): void {
    const { pick, code } = this;
    code.push(...(register > 7 ? [0x41] : []), 0x81, 0xe0 | (register & 7), pick(256), pick(256), 0, 0);
    this.encode({ width, opcode: [0x0f, 0xa3 | (pick(4) << 3)], reg: register });
  }

  /** CMPXCHG16B, half the time of what is there. */
  private exchange16(): void {
    const { pick, code } = this;
    if (!this.long) return;
    const at = pick(8) << 4;
    code.push(0x48, 0x8b, 0x43, at, ...(pick(2) ? [0x48, 0x8b, 0x53, at + 8] : [])); // MOV of RAX, RDX
    code.push(0x31, 0xc9, 0x48, 0x0f, 0xc7, 0x4b, at); // XOR ECX, ECX
  }

  private compute(): void {
    const { pick } = this;
    const width = this.choose(this.long ? [0, 1, 2, 2, 3, 3] : [0, 1, 2, 2, 2]);
    const full = width || 2;
    const wide = width ? 1 : 0;
    const reg = this.register(width);
    const rm = pick(5) < 2 ? undefined : this.register(width);
    const bytes = width === 0;
    const families: (() => void)[] = [
      () => this.encode({ width, opcode: [(pick(8) << 3) | (pick(2) << 1) | wide], reg, rm, bytes }),
      () => this.encode({ width, opcode: [(pick(8) << 3) | (pick(2) << 1) | wide], reg, rm, bytes }),
      () => this.encode({ width, opcode: [0x80 | wide], reg: pick(8), rm, bytes, immediate: this.value() }),
      () => this.encode({ width: full, opcode: [0x83], reg: pick(8), rm, immediate: this.value() }),
      () => this.encode({ width, opcode: [0x84 | wide], reg, rm, bytes }), // TEST
      () => this.encode({ width, opcode: [0xf6 | wide], reg: 2 + pick(4), rm, bytes }), // NOT NEG MUL IMUL
      () => this.encode({ width, opcode: [0xfe | wide], reg: pick(2), rm, bytes }), // INC DEC
      () => this.encode({ width, opcode: [0x88 | (pick(2) << 1) | wide], reg, rm, bytes }), // MOV
      () => this.encode({ width, opcode: [0xc6 | wide], reg: 0, rm, bytes, immediate: this.value() }),
      () => this.encode({ width: full, opcode: [0x0f, this.choose([0xb7, 0xbf])], reg, rm }),
      () => this.encode({ width: full, opcode: [0x8d], reg }), // LEA
      () => this.encode({ width, opcode: [0x86 | wide], reg, rm, bytes }), // XCHG
      () => this.encode({ width: full, opcode: [0x0f, 0x40 | pick(16)], reg, rm }), // CMOV
      () => this.encode({ width: 0, opcode: [0x0f, 0x90 | pick(16)], reg: 0, rm, bytes: true }), // SETCC
      () => this.encode({ width, opcode: [0xc0 | wide], reg: pick(8), rm, bytes, immediate: pick(64) }),
      () => this.encode({ width, opcode: [this.choose([0xd0, 0xd2]) | wide], reg: pick(8), rm, bytes }),
      () =>
        this.encode({
          width: full,
          opcode: [0x0f, this.choose([0xa4, 0xac])],
          reg,
          rm,
          immediate: pick(64),
        }),
      () => this.encode({ width: full, opcode: [0x0f, this.choose([0xa5, 0xad])], reg, rm }), // by CL
      () => this.bitInMemory(full, reg),
      () => this.encode({ width: full, opcode: [0x0f, 0xba], reg: 4 + pick(4), rm, immediate: pick(64) }),
      () => this.encode({ width: full, opcode: [0x0f, 0xa3 | (pick(4) << 3)], reg, rm: this.register(2) }),
      () => this.encode({ width: full, opcode: [0x0f, 0xbc | pick(2)], reg, rm, prefix: pick(2) ? 0xf3 : 0 }),
      () => this.encode({ width: full, opcode: [0x0f, 0xb8], reg, rm, prefix: 0xf3 }), // POPCNT
      () => this.encode({ width: full, opcode: [0x0f, 0xaf], reg, rm }), // IMUL
      () => this.encode({ width: full, opcode: [0x69], reg, rm, immediate: this.value() }),
      () => this.encode({ width, opcode: [0x0f, this.choose([0xb0, 0xc0]) | wide], reg, rm, bytes }),
      // AND EDX, 15; OR ECX, 16; DIV ECX: a dividend past 32 bits.
      () => void this.code.push(0x83, 0xe2, 15, 0x83, 0xc9, 16, 0xf7, 0xf1),
      () => this.division(6, [0x31, 0xd2]), // XOR EDX, EDX
      () => this.division(7, [0x99]), // CDQ
      () => this.x87(),
      () => this.string(),
      () => this.string(),
      () => this.x87(),
      () => this.x87(),
      () => this.vector(),
      () => this.vector(),
      () => this.vector(),
      () => this.vector(),
      () => this.vector(),
      () => void this.code.push(this.choose([0xf8, 0xf9, 0xf5, 0x98, 0x99, 0x9e, 0x9f])), // CLC … LAHF
      () => void this.code.push(0x50 | pick(3), 0x58 | pick(3)), // PUSH, POP
      () => void this.code.push(this.choose([0xfa, 0xfb])), // CLI, STI
      () => void this.code.push(0x9c, 0x9d), // PUSHF, POPF
      () => void this.code.push(0x8c, 0xc0 | (pick(6) << 3) | pick(3)), // MOV of a segment register
      () => void this.code.push(0x0f, 0xa0 | (pick(2) << 3), 0x58 | pick(3)), // PUSH FS or GS, POP
      () => void this.code.push(0xb4, pick(256), 0x9e), // MOV AH; SAHF
      () => void this.code.push(0x31, 0xc9, 0x0f, 0xc7, 0x4b, pick(64)), // XOR ECX, ECX; CMPXCHG8B
      () =>
        this.encode({ width, opcode: [0x88 | (pick(2) << 1) | wide], reg, bytes, prefix: 0x64 + pick(2) }), // FS, GS
      () => void this.code.push(0x9c, 0x58 | pick(3)), // PUSHF, POP
      () => void this.code.push(0x0f, ...this.choose([[0x31], [0x01, 0xf9]])), // RDTSC, RDTSCP
      () => this.exchange16(),
    ];
    this.choose(families)();
  }
}
