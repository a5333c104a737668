// Vectors taken from a Harris 80C286 in real mode (SingleStepTests' 80286 set). Where later processors differ by
// the manual, the later one is right: such a case is left out, with the reason.
import { Core } from "../support/core.ts";
import { type Form, type Outcome, type Runner, fromHex, skip, verdict } from "./vector-file.ts";

interface Registers {
  [name: string]: number;
}

export interface RealModeCase {
  name: string;
  bytes: string;
  initial: { regs: Registers; ram: [number, number][] };
  final: { regs: Registers; ram: [number, number][] };
  exception?: { number: number; flagsAddress: number };
}

const GENERAL = "ax cx dx bx sp bp si di".split(" ");
const SEGMENTS = ["es", "cs", "ss", "ds"];
/** IOPL and NT: always 0 in the 286's real mode, ordinary bits later (SDM 3B §22.17). */
const LATER_FLAGS = 0xf000;
const VGA_WINDOW = 0xa0000;
const VGA_END = 0xc0000;
/** The forms run into other code at most this long before their HLT. */
const BUDGET = 100_000;

export class RealModeRunner implements Runner<RealModeCase> {
  private readonly core = new Core(17 << 20);
  private readonly fresh = this.core.save();

  constructor() {
    this.core.makeShadowWritable();
  }

  run(form: Form, testCase: RealModeCase): Outcome {
    const reason = difference(form, testCase);
    if (reason) return skip(reason);
    this.load(testCase);
    const halted = this.core.run(BUDGET);
    const differences = halted ? this.compare(form, testCase) : ["it does not halt"];
    for (const [at] of [...testCase.initial.ram, ...testCase.final.ram]) this.core.ram[at] = 0;
    return verdict(differences);
  }

  private load({ initial }: RealModeCase): void {
    const { core } = this;
    core.restore(this.fresh);
    for (const [at, byte] of initial.ram) core.ram[at] = byte;
    for (const name of GENERAL) core.set(`r${name}`, initial.regs[name]);
    for (const name of SEGMENTS) core.setRealSegment(name, initial.regs[name]);
    core.set("rip", initial.regs.ip);
    core.settle();
    core.flags = initial.regs.flags & ~LATER_FLAGS;
  }

  private compare(form: Form, { initial, final, exception }: RealModeCase): string[] {
    const { core } = this;
    const differences: string[] = [];
    const check = (what: string, got: number, want: number): void => {
      if (got !== want) differences.push(`${what} is ${got.toString(16)}h, not ${want.toString(16)}h`);
    };
    const want = { ...initial.regs, ...final.regs };
    for (const name of GENERAL) check(name, Number(core.get(`r${name}`)), want[name]);
    for (const name of SEGMENTS) check(name, Number(core.get(`${name}Selector`)), want[name]);
    check("ip", Number(core.get("rip")), want.ip);
    const mask = Number(form.flagsMask) & ~LATER_FLAGS;
    check("flags", core.flags & mask, want.flags & mask);
    // Not `flagsAddress`: the vectors have it one too low where SP is odd.
    const pushedFlags = want.ss * 16 + ((want.sp + 4) & 0xffff);
    const ram = new Map([...initial.ram, ...final.ram]);
    for (const [at, byte] of ram) {
      const defined = definedBits(at, exception && pushedFlags, mask);
      check(`[${at.toString(16)}]`, core.ram[at] & defined, byte & defined);
    }
    return differences;
  }
}

/** Which bits of the byte at `at` count: the pushed flags of an exception have undefined bits as well. */
function definedBits(at: number, flagsAddress: number | undefined, mask: number): number {
  if (at === flagsAddress) return mask & 0xff;
  if (flagsAddress !== undefined && at === flagsAddress + 1) return mask >> 8;
  return 0xff;
}

const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0xf0, 0xf2, 0xf3]);

/** Why later processors do otherwise than the 286 here, or undefined. */
function difference(form: Form, testCase: RealModeCase): string | undefined {
  if (form.status === "undocumented" || form.status === null) return "the form is not documented";
  const bytes = fromHex(testCase.bytes);
  const opcodeAt = bytes.findIndex((byte) => !PREFIXES.has(byte));
  if (bytes.length - 1 > 10 && testCase.exception?.number === 13)
    return "an instruction may have 15 bytes since the 386, 10 before (SDM 3B §22.26)";
  if (opcodeAt >= 0 && bytes.subarray(0, opcodeAt).includes(0xf0))
    return "LOCK raises #UD on these forms since the 386 (SDM 3B §22.11)";
  if ([...testCase.initial.ram, ...testCase.final.ram].some(([at]) => at >= VGA_WINDOW && at < VGA_END))
    return "A0000h-BFFFFh is no RAM on a PC";
  return undefined;
}
