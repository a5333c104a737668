// The assembler of our guests and tests: 16-, 32- and 64-bit integer code in NASM's syntax (a subset, checked
// byte for byte against NASM), so that source can be read, and also assembled, without knowing this program.
//
//   bits N · org N · align N · name equ N · times N … · db dw dd dq · resb N
//   name:  .local:  · rep/lock/… prefixes · [seg:base + index*scale + n] · [rel name] · byte word dword qword
//
// Jumps start short and grow where they do not reach, until no label moves any more.
import { encode, push } from "./encode.ts";
import { type Lookup, Parser, tokenize } from "./parse.ts";

export interface Program {
  bytes: Uint8Array;
  labels: ReadonlyMap<string, number>;
}

export interface Options {
  bits?: 16 | 32 | 64;
  /** Address of the first byte. */
  org?: number;
}

const PREFIXES: Record<string, number> = {
  lock: 0xf0,
  repne: 0xf2,
  repnz: 0xf2,
  rep: 0xf3,
  repe: 0xf3,
  repz: 0xf3,
};
const DATA_SIZES: Record<string, number> = { db: 1, dw: 2, dd: 4, dq: 8 };
const SIZE_PREFIXES: Record<string, [byte: number, native: number]> = {
  o16: [0x66, 16],
  o32: [0x66, 32],
  o64: [0x48, 0], // REX.W
  a16: [0x67, 16],
  a32: [0x67, 32],
};
const MAX_PASSES = 50;

export function assemble(source: string, options: Options = {}): Program {
  const lines = source.split("\n").map(tokenize);
  const grown = new Set<number>();
  let symbols = new Map<string, Symbol>();
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const attempt = new Pass(options, symbols, grown, false);
    attempt.run(lines);
    if (!attempt.grew && sameSymbols(symbols, attempt.defined)) {
      const last = new Pass(options, symbols, grown, true);
      last.run(lines);
      return { bytes: Uint8Array.from(last.bytes), labels: labelsOf(last.defined) };
    }
    symbols = attempt.defined;
  }
  throw new Error("the labels do not settle");
}

interface Symbol {
  value: bigint;
  /** 1: an address that moves with the origin; 0: a number. */
  labels: number;
}

function sameSymbols(a: Map<string, Symbol>, b: Map<string, Symbol>): boolean {
  return a.size === b.size && [...a].every(([name, { value }]) => b.get(name)?.value === value);
}

function labelsOf(symbols: Map<string, Symbol>): Map<string, number> {
  return new Map([...symbols].map(([name, { value }]) => [name, Number(value)]));
}

class Pass {
  readonly bytes: number[] = [];
  readonly defined = new Map<string, Symbol>();
  grew = false;
  private bits: number;
  private org: number;
  private line = 0;
  /** The last label without a dot: what local labels belong to. */
  private scope = "";

  constructor(
    options: Options,
    private readonly known: Map<string, Symbol>,
    private readonly grown: Set<number>,
    private readonly final: boolean,
  ) {
    this.bits = options.bits ?? 16;
    this.org = options.org ?? 0;
  }

  run(lines: string[][]): void {
    lines.forEach((tokens, index) => {
      this.line = index;
      try {
        this.statement(tokens);
      } catch (error) {
        throw new Error(`line ${index + 1}: ${(error as Error).message}: ${tokens.join(" ")}`);
      }
    });
  }

  private get here(): number {
    return this.org + this.bytes.length;
  }

  private statement(tokens: string[]): void {
    if (tokens.length === 0) return;
    if (tokens[1] === ":") {
      this.define(tokens[0], { value: BigInt(this.here), labels: 1 });
      this.statement(tokens.slice(2));
      return;
    }
    if (tokens[1]?.toLowerCase() === "equ") {
      const { constant, labels } = this.parser(tokens.slice(2)).number();
      this.define(tokens[0], { value: constant, labels });
      return;
    }
    const word = tokens[0].toLowerCase();
    const rest = tokens.slice(1);
    if (word in DATA_SIZES) this.data(rest, DATA_SIZES[word]);
    else if (word === "times") this.times(rest);
    else if (word === "resb") this.fill(this.count(rest), 0);
    else if (word === "align") this.fill(-this.here & (this.count(rest) - 1), 0x90);
    else if (word === "bits") this.bits = this.count(rest);
    else if (word === "org") this.org = this.count(rest) - this.bytes.length;
    else this.instruction(word, rest);
  }

  private define(name: string, symbol: Symbol): void {
    if (!name.startsWith(".")) this.scope = name;
    const full = name.startsWith(".") ? this.scope + name : name;
    if (this.defined.has(full)) throw new Error(`"${full}" is defined twice`);
    this.defined.set(full, symbol);
  }

  private readonly lookup: Lookup = (name) => {
    if (name === "$") return { value: BigInt(this.here), labels: 1 };
    if (name === "$$") return { value: BigInt(this.org), labels: 1 };
    const full = name.startsWith(".") ? this.scope + name : name;
    const symbol = this.defined.get(full) ?? this.known.get(full);
    if (symbol) return symbol;
    if (this.final) throw new Error(`"${full}" is not defined`);
    return { value: BigInt(this.here), labels: 1 };
  };

  private parser(tokens: string[]): Parser {
    return new Parser(tokens, this.lookup);
  }

  private count(tokens: string[]): number {
    return Number(this.parser(tokens).number().constant);
  }

  private fill(count: number, byte: number): void {
    for (let i = 0; i < count; i++) this.bytes.push(byte);
  }

  private times(tokens: string[]): void {
    // The count ends where the repeated statement begins: at the first directive or mnemonic.
    const end = tokens.findIndex((token, n) => n > 0 && /^[a-z]/i.test(token) && !this.isSymbol(token));
    const count = this.count(tokens.slice(0, end));
    for (let i = 0; i < count; i++) this.statement(tokens.slice(end));
  }

  private isSymbol(name: string): boolean {
    return this.defined.has(name) || this.known.has(name);
  }

  private data(tokens: string[], size: number): void {
    const parser = this.parser(tokens);
    do {
      if (/^["']/.test(parser.peek())) this.text(parser.next(), size);
      else push(this.bytes, parser.number().constant, size);
    } while (parser.accept(","));
    if (!parser.done) throw new Error(`"${parser.next()}" is not expected here`);
  }

  /** A string fills whole units of the directive's size. */
  private text(literal: string, size: number): void {
    const bytes = [...new TextEncoder().encode(literal.slice(1, -1))];
    this.bytes.push(...bytes);
    this.fill(-bytes.length & (size - 1), 0);
  }

  private instruction(word: string, rest: string[]): void {
    if (word in PREFIXES || word in SIZE_PREFIXES) {
      if (word in PREFIXES) this.bytes.push(PREFIXES[word]);
      else if (SIZE_PREFIXES[word][1] !== this.bits) this.bytes.push(SIZE_PREFIXES[word][0]);
      if (rest.length > 0) this.instruction(rest[0].toLowerCase(), rest.slice(1));
      return;
    }
    const operands = this.parser(rest).operands();
    const place = { bits: this.bits, address: this.here, far: this.grown.has(this.line), final: this.final };
    const { bytes, tooShort } = encode(word, operands, place);
    this.bytes.push(...bytes);
    if (!tooShort) return;
    this.grown.add(this.line);
    this.grew = true;
  }
}
