// Random programs made of control flow: functions strewn over the pages of a window, which branch, call each other and
// themselves, jump and call through tables and retpolines, patch each other's operands, and map pages of the window to
// another copy of themselves, whose operands differ. They end by themselves, because every piece counts RBP down.
//
// RBX points at the tables, RSP at a stack, RBP is the counter; no instruction writes these but as meant.
import type { Random } from "./random-program.ts";

/** The window is mapped page by page; the two copies of it lie so far apart. */
export const WINDOW = 0x40_0000;
export const WINDOW_PAGES = 6;
export const COPY = 0x20_0000;
export const OTHER_COPY = 0x30_0000;
/** The page table of the window, and the tables of code addresses. */
export const PAGE_TABLE = 0x10_4000;
export const TABLES = 0x11_0000;

const FUNCTIONS = 5;
const PIECES = 4;
const TABLE_SIZE = 4;
const [ADD, XOR, SUB, CMP] = [0, 6, 5, 7];
const SCRATCH = [0, 1, 2, 6, 7]; // RAX RCX RDX RSI RDI

export class RandomFlow {
  /** The window's bytes in either copy. */
  readonly copies: readonly [Uint8Array, Uint8Array];
  /** u64 addresses for TABLES. */
  readonly tables: bigint[] = [];
  /** Where functions begin: the first is where the program does. */
  readonly functions: number[] = [];
  private readonly code = new Uint8Array(WINDOW_PAGES << 12);
  private at = 0;
  /** Places of the operands that may be patched. */
  private readonly operands: number[] = [];
  private readonly fixes: { at: number; target: () => number }[] = [];
  private thunk = 0;
  private end = 0;

  constructor(private readonly pick: Random) {
    this.code.fill(0xf4);
    // Functions lie anywhere, across the border of two pages, too; the thunk and the end in a page of their own.
    this.at = (WINDOW_PAGES - 1) << 12;
    this.end = this.at;
    this.emit(0xf4, 0xeb, 0xfd); // HLT, again and again
    this.thunk = this.at;
    this.emit(0xe8, 7, 0, 0, 0, 0xf3, 0x90, 0x0f, 0xae, 0xe8, 0xeb, 0xf9); // CALL; PAUSE; LFENCE; JMP
    this.emit(0x48, 0x89, 0x04, 0x24, 0xc3); // MOV [RSP], RAX; RET
    for (let n = 0; n < FUNCTIONS; n++) this.functions.push(((n << 12) | (0xc00 + pick(0x3f0))) >>> 0);
    for (const start of this.functions) this.function(start);
    for (const { at, target } of this.fixes) this.patch32(at, target() - at - 4);
    const other = this.code.slice();
    for (const at of this.operands) other[at] = pick(128);
    this.copies = [this.code, other];
  }

  private emit(...bytes: number[]): void {
    for (const byte of bytes) this.code[this.at++] = byte;
  }

  private patch32(at: number, value: number): void {
    for (let n = 0; n < 4; n++) this.code[at + n] = value >> (8 * n);
  }

  private emit32(value: number): void {
    this.at += 4;
    this.patch32(this.at - 4, value);
  }

  private jump(opcode: number[], target: () => number): void {
    this.emit(...opcode);
    this.fixes.push({ at: this.at, target });
    this.at += 4;
  }

  private choose<T>(list: readonly T[]): T {
    return list[this.pick(list.length)]!;
  }

  /** Pieces that branch among themselves, then a return. */
  private function(start: number): void {
    const pieces: number[] = [];
    this.at = start;
    for (let piece = 0; piece < PIECES; piece++) {
      pieces.push(this.at);
      this.emit(0x83, 0xed, 1); // SUB EBP, 1
      this.jump([0x0f, 0x88], () => this.end); // JS
      for (let n = this.pick(3); n >= 0; n--) this.compute();
      this.act(pieces);
      if (this.pick(2)) this.jump([0x0f, 0x80 | this.pick(16)], () => pieces[this.pick(PIECES)]!);
    }
    this.emit(0xc3);
  }

  /** An operation on registers whose immediate may be patched. */
  private compute(): void {
    const operation = this.choose([ADD, XOR, SUB, CMP]);
    this.emit(0x48, 0x83, 0xc0 | (operation << 3) | this.choose(SCRATCH));
    this.operands.push(this.at);
    this.emit(this.pick(128));
    this.emit(0x48, 0x01, 0xc0 | (this.choose(SCRATCH) << 3) | this.choose(SCRATCH)); // ADD
  }

  private act(pieces: number[]): void {
    const { pick } = this;
    const callee = (): number => this.choose(this.functions);
    switch (pick(9)) {
      case 0:
      case 1:
        this.jump([0xe8], callee); // CALL
        return;
      case 2:
        this.throughTable([0xff, 0x94, 0xcb], callee); // CALL [RBX + RCX * 8 + …]
        return;
      case 3:
        this.throughTable([0x48, 0x8b, 0x84, 0xcb], callee); // MOV RAX, …; CALL thunk
        this.jump([0xe8], () => this.thunk);
        return;
      case 4:
        this.throughTable([0xff, 0xa4, 0xcb], () => pieces[pick(PIECES)]!); // JMP [RBX + RCX * 8 + …]
        return;
      case 5: {
        // MOV byte [RIP + …], value: now and then only.
        const operand = pick(this.operands.length);
        this.rarely(7, () => {
          this.emit(0xc6, 0x05);
          this.emit32(this.operands[operand]! - this.at - 5);
          this.emit(pick(128));
        });
        return;
      }
      case 6: {
        const page = pick(WINDOW_PAGES);
        this.rarely(14, () => {
          this.emit(0x48, 0x81, 0x34, 0x25); // XOR qword [entry], …
          this.emit32(PAGE_TABLE + 8 * page);
          this.emit32(COPY ^ OTHER_COPY);
          this.emit(0x0f, 0x01, 0x3c, 0x25); // INVLPG [page]
          this.emit32(WINDOW + (page << 12));
        });
        return;
      }
      case 7:
        this.emit(0x56, 0x5f); // PUSH RSI; POP RDI
        return;
    }
  }

  /** `opcode` with a table's place as displacement, entry RAX & 3. */
  private throughTable(opcode: number[], target: () => number): void {
    this.emit(0x89, 0xc1, 0x83, 0xe1, TABLE_SIZE - 1, ...opcode);
    this.emit32(8 * this.tables.length);
    const first = this.tables.length;
    for (let n = 0; n < TABLE_SIZE; n++) this.tables.push(0n);
    this.later.push(() => {
      for (let n = 0; n < TABLE_SIZE; n++) this.tables[first + n] = BigInt(WINDOW + target());
    });
  }

  private readonly later: (() => void)[] = [];

  /** Fills the tables, now that all pieces have their places. */
  settle(): this {
    for (const fill of this.later) fill();
    return this;
  }

  /** Runs what `emit` lays down once in two to the power of `bits` times: TEST EBP, mask; JNZ past it. */
  private rarely(bits: number, emit: () => void): void {
    this.emit(0xf7, 0xc5);
    this.emit32((1 << this.pick(bits)) - 1);
    this.emit(0x75, 0);
    const from = this.at;
    emit();
    this.code[from - 1] = this.at - from;
  }
}
