// Random programs that loop: integer instructions of every family on registers and memory, branches forwards and back
// (into the middle of loops, too), calls. They end by themselves, because every chunk counts RBP down.
//
// RBX points at data, RSP at a stack, RBP is the counter; no instruction writes these but as meant.

const RBX = 3;
const RBP = 5;
const COUNTED_OUT = 8; // JS

export type Random = (below: number) => number;

/** 66 0F: packed integers, PAND to PMULUDQ, PUNPCK, PSHUFD apart. */
const VECTOR_OPCODES = [
  0xdb, 0xdf, 0xeb, 0xef, 0xfc, 0xfd, 0xfe, 0xd4, 0xf8, 0xf9, 0xfa, 0xfb, 0xec, 0xed, 0xdc, 0xdd, 0xe8, 0xe9,
  0xd8, 0xd9, 0xda, 0xea, 0xde, 0xee, 0xe0, 0xe3, 0x74, 0x75, 0x76, 0x64, 0x65, 0x66, 0xd5, 0xe5, 0xf4, 0x60,
  0x61, 0x62, 0x6c, 0x68, 0x69, 0x6a, 0x6d, 0x6f, 0x7f,
];

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

  private vector(): void {
    const { pick } = this;
    const reg = pick(this.long ? 16 : 8);
    const rm = pick(this.long ? 16 : 8);
    const source = pick(3) ? rm : undefined;
    const shifts = [0x71, 0x72, 0x73];
    const forms: (() => void)[] = [
      () =>
        this.encode({
          width: 2,
          prefix: 0x66,
          opcode: [0x0f, this.choose(VECTOR_OPCODES)],
          reg,
          rm: source,
          aligned: true,
        }),
      () =>
        this.encode({
          width: 2,
          prefix: 0x66,
          opcode: [0x0f, this.choose(VECTOR_OPCODES)],
          reg,
          rm: source,
          aligned: true,
        }),
      () => this.encode({ width: 2, prefix: 0xf3, opcode: [0x0f, this.choose([0x6f, 0x7f])], reg }), // MOVDQU
      () =>
        this.encode({
          width: 2,
          prefix: 0x66,
          opcode: [0x0f, 0x70],
          reg,
          rm: source,
          aligned: true,
          immediate: pick(256),
        }),
      () =>
        this.encode({
          width: 2,
          prefix: 0x66,
          opcode: [0x0f, this.choose(shifts)],
          reg: this.choose([2, 6]),
          rm,
          immediate: pick(70),
        }),
      () =>
        this.encode({
          width: this.long ? 2 + pick(2) : 2,
          prefix: 0x66,
          opcode: [0x0f, 0x6e], // MOVD
          reg,
          rm: pick(2) ? undefined : this.register(2),
        }),
    ];
    this.choose(forms)();
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
      () => this.encode({ width: full, opcode: [0x0f, 0xba], reg: 4 + pick(4), rm, immediate: pick(64) }),
      () => this.encode({ width: full, opcode: [0x0f, 0xa3 | (pick(4) << 3)], reg, rm: this.register(2) }),
      () => this.encode({ width: full, opcode: [0x0f, 0xbc | pick(2)], reg, rm, prefix: pick(2) ? 0xf3 : 0 }),
      () => this.encode({ width: full, opcode: [0x0f, 0xb8], reg, rm, prefix: 0xf3 }), // POPCNT
      () => this.encode({ width: full, opcode: [0x0f, 0xaf], reg, rm }), // IMUL
      () => this.encode({ width: full, opcode: [0x69], reg, rm, immediate: this.value() }),
      () => this.encode({ width, opcode: [0x0f, this.choose([0xb0, 0xc0]) | wide], reg, rm, bytes }),
      () => this.vector(),
      () => this.vector(),
      () => this.vector(),
      () => this.vector(),
      () => this.vector(),
      () => void this.code.push(this.choose([0xf8, 0xf9, 0xf5, 0x98, 0x99, 0x9e, 0x9f])), // CLC … LAHF
      () => void this.code.push(0x50 | pick(3), 0x58 | pick(3)), // PUSH, POP
      () => void this.code.push(0x9c, 0x58 | pick(3)), // PUSHF, POP
    ];
    this.choose(families)();
  }
}
