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
const OF = 1 << 11;
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

  private compare(form: Form, { bytes, initial, final, exception }: RealModeCase): string[] {
    const { core } = this;
    const differences: string[] = [];
    const check = (what: string, got: number, want: number): void => {
      if (got !== want) differences.push(`${what} is ${got.toString(16)}h, not ${want.toString(16)}h`);
    };
    const want = { ...initial.regs, ...final.regs };
    for (const name of GENERAL) check(name, Number(core.get(`r${name}`)), want[name]);
    for (const name of SEGMENTS) check(name, Number(core.get(`${name}Selector`)), want[name]);
    check("ip", Number(core.get("rip")), want.ip);
    const mask = definedFlags(form, fromHex(bytes));
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

/** The vectors' mask, and OF after C0 shifts by an immediate other than 1: undefined (SDM 2 "SAL/SAR/SHL/SHR"). */
function definedFlags(form: Form, bytes: Uint8Array): number {
  const mask = Number(form.flagsMask) & ~LATER_FLAGS;
  const count = bytes[bytes.length - 2] & 31;
  return form.form.startsWith("C0.") && count > 1 ? mask & ~OF : mask;
}

/** Which bits of the byte at `at` count: the pushed flags of an exception have undefined bits as well. */
function definedBits(at: number, flagsAddress: number | undefined, mask: number): number {
  if (at === flagsAddress) return mask & 0xff;
  if (flagsAddress !== undefined && at === flagsAddress + 1) return mask >> 8;
  return 0xff;
}

const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0xf0, 0xf2, 0xf3]);
const SS_PREFIX = 0x36;
/** POP of segments and registers, POPA, POPF, RET, RETF, LEAVE, IRET. */
const POPS = /^(07|17|1F|5[8-9A-F]|61|8F|9D|C2|C3|C9|CA|CB|CF)$/;
/** What LOCK may stand before, with a memory operand (SDM 2 "LOCK"). */
const LOCKABLE = /^([0-3][01]|[0-2][89]|8[0-3]\.[0-6]|8[67]|F[67]\.[23]|F[EF]\.[01])$/;
const STRINGS = /^(A[4-7A-F]|6[C-F])$/;
const PORTS = /^(6[C-F]|E[4-7C-F])$/;
const PORT_IN_OPCODE = /^E[4-7]$/;

/** Why later processors do otherwise than the 286 here, or undefined. */
function difference(form: Form, { bytes: hex, initial, final, exception }: RealModeCase): string | undefined {
  if (form.status === "undocumented" || form.status === null) return "the form is not documented";
  if ([...initial.ram, ...final.ram].some(([at]) => at >= VGA_WINDOW && at < VGA_END))
    return "A0000h-BFFFFh is no RAM on a PC";
  const bytes = fromHex(hex);
  const opcodeAt = bytes.findIndex((byte) => !PREFIXES.has(byte));
  const prefixes = bytes.subarray(0, opcodeAt);
  const [opcode, modrm] = bytes.subarray(opcodeAt);
  if (prefixes.includes(0xf0) && !(LOCKABLE.test(form.form) && modrm < 0xc0))
    return 'LOCK raises #UD on these forms since the 386 (SDM 2 "LOCK")';
  if ((opcode === 0x8c || opcode === 0x8e) && ((modrm >> 4) & 3) === 2)
    return "FS and GS exist since the 386 (SDM 3B §22.18)";
  const port = PORTS.test(form.form) && portDifference(form.form, bytes[opcodeAt + 1], initial.regs.dx);
  if (port) return port;
  if (exception?.number !== 13) return undefined;
  if (hex.length / 2 - 1 > 10)
    return "an instruction may have 15 bytes since the 386, 10 before (SDM 3B §22.26)";
  if (STRINGS.test(form.form))
    return "a faulting string instruction leaves its registers as they were since the 386";
  if (POPS.test(form.form) || prefixes.lastIndexOf(SS_PREFIX) >= 0 || basedOnBp(modrm))
    return "beyond the limit of SS is #SS since the 386, #GP before (SDM 3A §6.15, interrupt 12)";
  return undefined;
}

/** Whether a 16-bit ModRM address has SS as its segment: BP + SI, BP + DI, BP + displacement. */
function basedOnBp(modrm: number): boolean {
  const rm = modrm & 7;
  return modrm < 0xc0 && (rm === 2 || rm === 3 || (rm === 6 && modrm >= 0x40));
}

/** Ports that chips of the PC decode, and OUT may reset the machine through; the 286 of the vectors stood alone. */
const CHIP_PORTS = [
  [0x000, 0x021],
  [0x040, 0x043],
  [0x060, 0x064],
  [0x070, 0x071],
  [0x080, 0x092],
  [0x0a0, 0x0a1],
  [0x0b2, 0x0b3],
  [0x0c0, 0x0df],
  [0x0f0, 0x0f1],
  [0x170, 0x177],
  [0x1f0, 0x1f7],
  [0x2e8, 0x2ff],
  [0x376, 0x37f],
  [0x3b0, 0x3ff],
  [0x402, 0x402],
  [0x4d0, 0x4d1],
  [0x510, 0x51b],
  [0x600, 0x63f],
  [0xcf8, 0xcff],
];

function portDifference(form: string, immediate: number, dx: number): string | undefined {
  const port = PORT_IN_OPCODE.test(form) ? immediate : dx;
  const isDecoded = CHIP_PORTS.some(([first, last]) => port + 1 >= first && port <= last);
  return isDecoded ? "a chip of the PC answers at this port" : undefined;
}
