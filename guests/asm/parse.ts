// Source text → operands. An expression is a sum: a constant, a count of labels (a difference of two labels is a
// constant again) and registers with their factors, so that addresses need no grammar of their own.

export interface Sum {
  constant: bigint;
  /** How many label addresses are in it: 0 = a plain number that does not move with the origin. */
  labels: number;
  registers: Map<string, bigint>;
}

export interface Register {
  kind: "register";
  file: "general" | "segment" | "control" | "debug";
  number: number;
  size: number;
  /** SPL, BPL, SIL, DIL need a REX prefix; AH, CH, DH, BH must have none. */
  rex: "needed" | "forbidden" | "free";
}

export interface Memory {
  kind: "memory";
  size: number | undefined;
  far: boolean;
  segment: number | undefined;
  ripRelative: boolean;
  address: Sum;
}

export interface Immediate {
  kind: "immediate";
  size: number | undefined;
  distance: "short" | "near" | undefined;
  /** Selector of a far pointer. */
  selector: Sum | undefined;
  value: Sum;
}

export type Operand = Register | Memory | Immediate;

/** Value of a symbol, `$` or `$$`. */
export type Lookup = (name: string) => { value: bigint; labels: number };

export const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"];
const SIZES: Record<string, number> = { byte: 8, word: 16, dword: 32, qword: 64 };
const LEGACY_BYTES = ["al", "cl", "dl", "bl", "ah", "ch", "dh", "bh"];
const LEGACY_WORDS = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];

const REGISTERS = buildRegisters();

function buildRegisters(): Map<string, Register> {
  const registers = new Map<string, Register>();
  const add = (name: string, number: number, size: number, more: Partial<Register> = {}): void => {
    registers.set(name, { kind: "register", file: "general", rex: "free", number, size, ...more });
  };
  LEGACY_BYTES.forEach((name, n) => add(name, n, 8, n >= 4 ? { rex: "forbidden" } : {}));
  ["spl", "bpl", "sil", "dil"].forEach((name, n) => add(name, n + 4, 8, { rex: "needed" }));
  LEGACY_WORDS.forEach((name, n) => {
    add(name, n, 16);
    add(`e${name}`, n, 32);
    add(`r${name}`, n, 64);
  });
  for (let n = 8; n < 16; n++) {
    add(`r${n}b`, n, 8);
    add(`r${n}w`, n, 16);
    add(`r${n}d`, n, 32);
    add(`r${n}`, n, 64);
  }
  SEGMENTS.forEach((name, n) => add(name, n, 16, { file: "segment" }));
  for (let n = 0; n < 16; n++) {
    add(`cr${n}`, n, 0, { file: "control" });
    if (n < 8) add(`dr${n}`, n, 0, { file: "debug" });
  }
  return registers;
}

export function registerNamed(name: string): Register | undefined {
  return REGISTERS.get(name.toLowerCase());
}

/** Words, numbers, strings and signs of one line, its comment left out. */
export function tokenize(line: string): string[] {
  const tokens = line.match(/;.*|"[^"]*"|'[^']*'|[.\w$?@]+|<<|>>|[^\s]/g) ?? [];
  return tokens.filter((token) => !token.startsWith(";"));
}

/** A number literal: 10, 0x1F, 1Fh, 1010b, 'A' (little-endian, at most eight characters). */
export function parseNumber(token: string): bigint | undefined {
  const plain = token.replaceAll("_", "").toLowerCase();
  if (/^(0x[\da-f]+|\d+)$/.test(plain)) return BigInt(plain);
  if (/^[01]+b$/.test(plain)) return BigInt(`0b${plain.slice(0, -1)}`);
  if (/^\d[\da-f]*h$/.test(plain)) return BigInt(`0x${plain.slice(0, -1)}`);
  if (!/^["']/.test(token)) return undefined;
  return [...new TextEncoder().encode(token.slice(1, -1))].reduceRight(
    (sum, byte) => (sum << 8n) | BigInt(byte),
    0n,
  );
}

/** Reads the tokens of one instruction's operands, or of a directive's arguments. */
export class Parser {
  private at = 0;

  constructor(
    private readonly tokens: readonly string[],
    private readonly lookup: Lookup,
  ) {}

  get done(): boolean {
    return this.at >= this.tokens.length;
  }

  peek(): string {
    return this.tokens[this.at]?.toLowerCase() ?? "";
  }

  /** The next token if it is `word`. */
  accept(word: string): boolean {
    if (this.peek() !== word) return false;
    this.at++;
    return true;
  }

  /** The next token as it was written. */
  next(): string {
    if (this.done) throw new Error("something is missing at the end of the line");
    return this.tokens[this.at++];
  }

  private expect(word: string): void {
    if (!this.accept(word))
      throw new Error(`expected "${word}" before "${this.peek() || "the end of the line"}"`);
  }

  operands(): Operand[] {
    const list: Operand[] = [];
    if (this.done) return list;
    do list.push(this.operand());
    while (this.accept(","));
    if (!this.done) throw new Error(`"${this.next()}" is not expected here`);
    return list;
  }

  private operand(): Operand {
    let size: number | undefined;
    let distance: Immediate["distance"];
    let far = false;
    for (;;) {
      const word = this.peek();
      if (word in SIZES) size = SIZES[word];
      else if (word === "short" || word === "near") distance = word;
      else if (word === "far") far = true;
      else break;
      this.at++;
    }
    const register = registerNamed(this.peek());
    if (register) {
      this.at++;
      return register;
    }
    if (this.accept("[")) return this.memory(size, far);
    const value = this.expression();
    if (!this.accept(":")) return { kind: "immediate", size, distance, selector: undefined, value };
    return { kind: "immediate", size, distance, selector: value, value: this.expression() };
  }

  private memory(size: number | undefined, far: boolean): Memory {
    const ripRelative = this.accept("rel");
    const segment = SEGMENTS.indexOf(this.peek());
    if (segment >= 0) {
      this.at++;
      this.expect(":");
    }
    const address = this.expression();
    this.expect("]");
    return { kind: "memory", size, far, segment: segment < 0 ? undefined : segment, ripRelative, address };
  }

  /** A number; registers are refused. */
  number(): Sum {
    const sum = this.expression();
    if (sum.registers.size > 0) throw new Error("a register is not a number");
    return sum;
  }

  /** Operators from the loosest to the tightest, each level left to right. */
  private static readonly LEVELS = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "%"]];

  private expression(level = 0): Sum {
    if (level === Parser.LEVELS.length) return this.unary();
    let left = this.expression(level + 1);
    while (Parser.LEVELS[level].includes(this.peek()))
      left = combine(this.next(), left, this.expression(level + 1));
    return left;
  }

  private unary(): Sum {
    if (this.accept("-")) return combine("*", plain(-1n), this.unary());
    if (this.accept("+")) return this.unary();
    if (this.accept("~")) return plain(~constantOf(this.unary()));
    if (this.accept("(")) {
      const inner = this.expression();
      this.expect(")");
      return inner;
    }
    const token = this.next();
    const number = parseNumber(token);
    if (number !== undefined) return plain(number);
    const register = registerNamed(token);
    if (register) return { constant: 0n, labels: 0, registers: new Map([[token.toLowerCase(), 1n]]) };
    if (!/^[.\w$?@]+$/.test(token)) throw new Error(`"${token}" is not expected here`);
    const { value, labels } = this.lookup(token);
    return { constant: value, labels, registers: new Map() };
  }
}

function plain(constant: bigint): Sum {
  return { constant, labels: 0, registers: new Map() };
}

/** The value of a sum that must be a plain number. */
function constantOf(sum: Sum): bigint {
  if (sum.registers.size > 0) throw new Error("a register is not a number");
  return sum.constant;
}

function combine(operator: string, a: Sum, b: Sum): Sum {
  if (operator === "+" || operator === "-") return add(a, b, operator === "+" ? 1n : -1n);
  if (operator === "*" && b.registers.size > 0) return add(plain(0n), b, constantOf(a));
  if (operator === "*") return add(plain(0n), a, constantOf(b));
  const x = constantOf(a);
  const y = constantOf(b);
  if (operator === "/") return plain(x / y);
  if (operator === "%") return plain(x % y);
  if (operator === "<<") return plain(x << y);
  if (operator === ">>") return plain(x >> y);
  if (operator === "&") return plain(x & y);
  if (operator === "^") return plain(x ^ y);
  return plain(x | y);
}

function add(a: Sum, b: Sum, factor: bigint): Sum {
  const registers = new Map(a.registers);
  for (const [name, times] of b.registers) registers.set(name, (registers.get(name) ?? 0n) + times * factor);
  return {
    constant: a.constant + b.constant * factor,
    labels: a.labels + b.labels * Number(factor),
    registers,
  };
}
