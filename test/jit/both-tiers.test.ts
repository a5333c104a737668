// The translator keeps the interpreter's promises exactly: the same program in both tiers stands at the same
// instruction with the same state wherever the host stops it.
import { expect, test } from "vitest";
import { Core } from "../support/core.ts";
import { type Random, RandomProgram, random } from "./random-program.ts";

const REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 rip mxcsr".split(" ");
const SEGMENTS = ["cs", "ds", "es", "ss", "fs", "gs"];
const RAM = 8 << 20;
const WARM = 3;
const CODE = 0x10000;
const STACK = 0x50800;
const TABLES = 0x100000;
const PROGRAMS = 45;
const SLICES = 300;

function enterFlatMode(core: Core, long: boolean): void {
  for (const segment of SEGMENTS) {
    core.set(`${segment}Base`, segment === "fs" ? 0x30 : 0);
    core.set(`${segment}Limit`, 0xffff_ffff);
    core.set(`${segment}Access`, segment === "cs" ? (long ? 0xa09b : 0xc09b) : 0xc093);
  }
  core.set("cr0", 0x11);
  core.set("cr4", 0x600);
  if (!long) return;
  // Identity, in pages of 2 MiB.
  core.ramView.setBigUint64(TABLES, BigInt(TABLES + 0x1000) | 7n, true);
  core.ramView.setBigUint64(TABLES + 0x1000, BigInt(TABLES + 0x2000) | 7n, true);
  for (let n = 0; n < 4; n++)
    core.ramView.setBigUint64(TABLES + 0x2000 + 8 * n, BigInt(n << 21) | 0xe7n, true);
  core.set("cr3", TABLES);
  core.set("cr4", 0x6a0);
  core.set("efer", 0xd00);
  core.set("cr0", 0x8005_0033n);
}

/** MXCSR: as at power on, then with the sticky flags that ordinary programs set, then out of the ordinary. */
const MXCSR = [0x1f80, 0x1fa0, 0x1fbf, 0x9fe0, 0x1fa0, 0x3fa0];
/** Upper halves of doubles, which are singles, too: ordinary numbers, and zero, denormal, infinite, not a number. */
const NUMBERS = [
  0x3ff00000, 0xbff00000, 0x40490fdb, 0x3f800001, 0, 0x80000000, 0x0000ffff, 0x7ff00000, 0x7ff8_0001,
];

function fillVectors(core: Core, pick: Random): void {
  const words = new DataView(core.vectors.buffer, core.vectors.byteOffset, core.vectors.length);
  for (let at = 0; at < core.vectors.length; at += 4) {
    const number = pick(4) ? 0x3f000000 + pick(0x1000000) : NUMBERS[pick(NUMBERS.length)]!;
    words.setUint32(at, pick(3) ? number : pick(2 ** 32), true);
  }
}

/** The same machine, program and data for either tier. `pick` must be fresh. */
function load(core: Core, pick: Random, program: RandomProgram, long: boolean): void {
  core.ram.fill(0);
  fillVectors(core, pick);
  const at = CODE + pick(0x1000);
  // Data that crosses a page, data beside the code, data far away.
  const data = [0x208000 - 0x80, (at & ~0xfff) | 0xc00, 0x30000][pick(3)]!;
  for (let n = 0; n < 0x3000; n++) core.ram[data + n] = pick(256);
  for (let n = 3; n < 0x3000; n += 4) if (pick(3)) core.ram[data + n] = pick(2) ? 0x3f : 0x40;
  core.ram.set(program.code, at);
  enterFlatMode(core, long);
  for (const name of REGISTERS)
    core.set(name, long ? (BigInt(pick(2 ** 31)) << 33n) | 0x8765n : pick(2 ** 31));
  core.set("rbx", data);
  core.set("rsp", STACK);
  core.set("rbp", 300 + pick(2000));
  core.set("rip", at);
  core.set("cr4", core.get("cr4") | 0x40000n);
  core.set("xcr0", 7);
  core.set("mxcsr", MXCSR[pick(MXCSR.length)]!);
  core.x87[X87_CONTROL_AT] = 0x7f;
  core.x87[X87_CONTROL_AT + 1] = X87_CONTROL[pick(X87_CONTROL.length)]! >> 8;
  core.pace = 700;
  core.settle();
  core.flags = 2;
}

/** Control words of x87: as FNINIT leaves it, then other precisions and roundings. */
const X87_CONTROL = [0x37f, 0x37f, 0x27f, 0x07f, 0xf7f, 0x77f];
/** Offsets in the state of x87 (assembly/cpu/x87-state.ts): the control word, and what lies behind all that counts. */
const X87_CONTROL_AT = 128;
const X87_COUNTS = 166;

function stateOf(core: Core): Record<string, string> {
  const values = REGISTERS.map((name) => [name, core.get(name).toString(16)]);
  const vectors = Buffer.from(core.vectors).toString("hex");
  const x87 = Buffer.from(core.x87.subarray(0, X87_COUNTS)).toString("hex");
  return { ...Object.fromEntries(values), flags: core.flags.toString(16), vectors, x87 };
}

test.each([
  ["64-bit", true],
  ["32-bit", false],
])("%s programs stand at the same state in both tiers, slice by slice", (_mode, long) => {
  const interpreter = new Core(RAM, 0);
  const translator = new Core(RAM, WARM);
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const program = new RandomProgram(random(seed * 7919), long);
    for (const core of [interpreter, translator]) {
      core.exports.powerOn(RAM, 1);
      load(core, random(seed), program, long);
    }
    const pick = random(seed);
    for (let slice = 0; slice < SLICES; slice++) {
      const instructions = 1 + pick(slice < 50 ? 50 : 2000);
      const halted = interpreter.run(instructions);
      expect(translator.run(instructions), `seed ${seed}, slice ${slice}`).toBe(halted);
      expect(stateOf(translator), `seed ${seed}, slice ${slice}`).toEqual(stateOf(interpreter));
      if (halted) break;
    }
    expect(Buffer.compare(translator.ram, interpreter.ram), `RAM after seed ${seed}`).toBe(0);
  }
});
