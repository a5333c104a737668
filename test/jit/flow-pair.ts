// The same random program of control flow in both tiers, slice by slice, with NMIs and breakpoints on the way.
import { Core } from "../support/core.ts";
import { COPY, OTHER_COPY, PAGE_TABLE, RandomFlow, TABLES, WINDOW, WINDOW_PAGES } from "./random-flow.ts";
import { type Random, random } from "./random-program.ts";

const RAM = 8 << 20;
const WARM = 3;
const SLICES = 300;
const PAGING = 0x10_0000;
const IDT = 0x12_0000;
const GDT = 0x12_2000;
const HANDLER = 0x12_3000;
const STACK = 0x18_0000;
const EVENT_NMI = 2;
const REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r15 rip".split(" ");

export class FlowPair {
  private readonly cores = [new Core(RAM, 0), new Core(RAM, WARM)] as const;

  constructor() {
    this.cores[1].exports.countJit(1);
  }

  /** A counter of the tier that translates. */
  counter(name: "STAT_REGIONS" | "LEFT_PAGE"): number {
    return this.cores[1].counter(name);
  }

  /** Where the tiers part on the program of `seed`; undefined if nowhere. */
  difference(seed: number): string | undefined {
    const program = new RandomFlow(random(seed * 7919)).settle();
    for (const core of this.cores) load(core, program, random(seed));
    const pick = random(seed);
    for (let slice = 0; slice < SLICES; slice++) {
      this.disturb(program, pick);
      const instructions = 1 + pick(slice < 100 ? 60 : 2000);
      const halted = this.cores.map((core) => core.run(instructions));
      for (const core of this.cores) core.exports.setBreakpoints(0);
      const states = this.cores.map((core) => stateOf(core));
      if (states[0] !== states[1] || halted[0] !== halted[1])
        return `slice ${slice} of ${instructions}: ${states.join(", but translated ")}`;
      if (halted[0]) break;
    }
    return Buffer.compare(this.cores[0].ram, this.cores[1].ram) ? "memory" : undefined;
  }

  /** Now and then an interrupt is due, or a breakpoint stands somewhere in the way. */
  private disturb(program: RandomFlow, pick: Random): void {
    const [interrupted, stopped] = [pick(5) === 0, pick(9) === 0];
    const place = WINDOW + program.functions[pick(program.functions.length)]!;
    for (const core of this.cores) {
      if (interrupted) core.set("events", EVENT_NMI);
      core.exports.goOn(0);
      if (!stopped) continue;
      core.inspect.setBigUint64(0, BigInt(place), true);
      core.exports.setBreakpoints(1);
    }
  }
}

function stateOf(core: Core): string {
  return [...REGISTERS.map((name) => `${name} ${core.get(name).toString(16)}`), core.flags].join(" ");
}

/** Long mode, identity-mapped but for the window; every NMI counts R15 up. */
function load(core: Core, program: RandomFlow, pick: Random): void {
  core.exports.powerOn(RAM, 1);
  core.ram.fill(0);
  core.ram.set(program.copies[0], COPY);
  core.ram.set(program.copies[1], OTHER_COPY);
  program.tables.forEach((address, n) => core.ramView.setBigUint64(TABLES + 8 * n, address, true));
  core.ram.set([0x49, 0xff, 0xc7, 0x48, 0xcf], HANDLER); // INC R15; IRETQ
  core.ramView.setBigUint64(GDT + 8, 0x00af_9b00_0000_ffffn, true);
  core.ramView.setBigUint64(GDT + 16, 0x00cf_9300_0000_ffffn, true);
  core.ramView.setBigUint64(IDT + 32, 0x0012_8e00_0008_3000n, true);
  const entry = (at: number, value: number): void => core.ramView.setBigUint64(at, BigInt(value), true);
  entry(PAGING, (PAGING + 0x1000) | 7);
  entry(PAGING + 0x1000, (PAGING + 0x2000) | 7);
  for (let n = 0; n < 4; n++) entry(PAGING + 0x2000 + 8 * n, (n << 21) | 0xe7);
  entry(PAGING + 0x2000 + 8 * (WINDOW >> 21), PAGE_TABLE | 7);
  for (let n = 0; n < WINDOW_PAGES; n++) entry(PAGE_TABLE + 8 * n, (COPY + (n << 12)) | 0x67);
  core.setFlatSegments();
  core.set("gdtrBase", GDT);
  core.set("gdtrLimit", 0x17);
  core.set("idtrBase", IDT);
  core.set("idtrLimit", 0xfff);
  core.set("cr3", PAGING);
  core.set("cr4", 0x6a0);
  core.set("efer", 0xd00);
  core.set("cr0", 0x8005_0033n);
  for (const name of ["rax", "rcx", "rdx", "rsi", "rdi", "r15"]) core.set(name, pick(2 ** 31));
  core.set("rbx", TABLES);
  core.set("rsp", STACK);
  core.set("rbp", 1000 + pick(20000));
  core.set("rip", WINDOW + program.functions[0]!);
  core.settle();
  core.flags = 2;
}
