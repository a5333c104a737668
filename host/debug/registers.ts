// A processor's registers in QEMU's form, for `info registers` and the log.
import { type CpuRegisters, HALTED, type SegmentRegister } from "../core/inspector.ts";

const LMA = 1n << 10n;
/** CS.L and CS.D among the access rights (SDM 3A figure 5-1). */
const CODE_LONG = 0x2000;
const CODE_BIG = 0x4000;

/** At least `digits` hexadecimal digits. */
export function hex(value: bigint | number, digits = 0): string {
  return value.toString(16).padStart(digits, "0");
}

/** Whether the code segment holds 16-, 32- or 64-bit code. */
export function codeBits({ values, segments }: CpuRegisters): 16 | 32 | 64 {
  const { access } = segments.get("cs")!;
  if (access & CODE_LONG && values.get("efer")! & LMA) return 64;
  return access & CODE_BIG ? 32 : 16;
}

/** `info registers` of one processor. */
export function describeRegisters(cpu: number, registers: CpuRegisters): string {
  return ["", `CPU#${cpu}`, ...describeIntegers(registers), ...describeFloats(registers)].join("\n");
}

/** All but x87 and vectors, a line each. */
export function describeIntegers(registers: CpuRegisters): string[] {
  const { values, segments } = registers;
  const long = (values.get("efer")! & LMA) !== 0n;
  const digits = long ? 16 : 8;
  const value = (name: string): bigint => values.get(name)!;
  const word = (name: string, digits: number): string => hex(BigInt.asUintN(digits * 4, value(name)), digits);
  const general = long
    ? rows(["rax rbx rcx rdx", "rsi rdi rbp rsp", "r8 r9 r10 r11", "r12 r13 r14 r15"], (name) =>
        word(name, 16),
      )
    : rows(["eax ebx ecx edx", "esi edi ebp esp"], (name) => word(name.replace(/^e/, "r"), 8));
  const flags = Number(value("rflags"));
  const instruction =
    `${long ? "RIP" : "EIP"}=${word("rip", digits)} ${long ? "RFL" : "EFL"}=${hex(flags, 8)} [${flagLetters(flags)}] ` +
    `CPL=${value("cpl")} II=${value("shadow") ? 1 : 0} A20=${value("a20")} SMM=0 HLT=${value("activity") === HALTED ? 1 : 0}`;
  const table = (name: string, base: string, limit: string): string =>
    `${name}=     ${word(base, digits)} ${word(limit, 8)}`;
  const isProtected = (value("cr0") & 1n) !== 0n;
  return [
    ...general,
    instruction,
    ...["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"].map((name) =>
      describeSegment(name, segments.get(name as "es")!, digits, long, isProtected),
    ),
    table("GDT", "gdtBase", "gdtLimit"),
    table("IDT", "idtBase", "idtLimit"),
    `CR0=${word("cr0", 8)} CR2=${word("cr2", digits)} CR3=${word("cr3", digits)} CR4=${word("cr4", 8)}`,
    ["dr0", "dr1", "dr2", "dr3"].map((name) => `${name.toUpperCase()}=${word(name, 16)} `).join(""),
    `DR6=${word("dr6", 16)} DR7=${word("dr7", 16)}`,
    `EFER=${word("efer", 16)}`,
  ];
}

function rows(lines: readonly string[], text: (name: string) => string): string[] {
  return lines.map((line) =>
    line
      .split(" ")
      .map((name) => `${name.toUpperCase().padEnd(3)}=${text(name)}`)
      .join(" "),
  );
}

/** DF OF SF ZF AF PF CF, letters or dashes. */
function flagLetters(flags: number): string {
  const bits: readonly (readonly [number, string])[] = [
    [10, "D"],
    [11, "O"],
    [7, "S"],
    [6, "Z"],
    [4, "A"],
    [2, "P"],
    [0, "C"],
  ];
  return bits.map(([bit, letter]) => (flags & (1 << bit) ? letter : "-")).join("");
}

const SYSTEM_TYPES =
  "Reserved TSS16-avl LDT TSS16-busy CallGate16 TaskGate IntGate16 TrapGate16 Reserved TSS32-avl Reserved TSS32-busy CallGate32 Reserved IntGate32 TrapGate32".split(
    " ",
  );

function describeSegment(
  name: string,
  { selector, base, limit, access }: SegmentRegister,
  digits: number,
  long: boolean,
  isProtected: boolean,
): string {
  const title = { ldtr: "LDT", tr: "TR " }[name] ?? `${name.toUpperCase()} `;
  const line = `${title}=${hex(selector, 4)} ${hex(base, digits)} ${hex(limit, 8)} ${hex(access * 256, 8)}`;
  if (!isProtected || !(access & 0x80)) return line;
  const dpl = (access >> 5) & 3;
  if (!(access & 0x10)) {
    const type = SYSTEM_TYPES[access & 15]!;
    return `${line} DPL=${dpl} ${long ? type.replace("32", "64") : type}`;
  }
  if (access & 8) {
    const width = access & 0x2000 && long ? "CS64" : access & 0x4000 ? "CS32" : "CS16";
    return `${line} DPL=${dpl} ${width} [${access & 4 ? "C" : "-"}${access & 2 ? "R" : "-"}${access & 1 ? "A" : "-"}]`;
  }
  const width = long || access & 0x4000 ? "DS  " : "DS16";
  return `${line} DPL=${dpl} ${width} [${access & 4 ? "E" : "-"}${access & 2 ? "W" : "-"}${access & 1 ? "A" : "-"}]`;
}

/** x87 and vectors, two a line. */
export function describeFloats({ values, st, xmm }: CpuRegisters): string[] {
  const long = (values.get("efer")! & LMA) !== 0n;
  const status = Number(values.get("fsw"));
  const word = (name: string, digits: number): string => hex(values.get(name)!, digits);
  const lines = [
    `FCW=${word("fcw", 4)} FSW=${hex(status, 4)} [ST=${(status >> 11) & 7}] FTW=${word("ftw", 2)} MXCSR=${word("mxcsr", 8)}`,
  ];
  const pairs = (items: readonly string[]): void => {
    for (let n = 0; n < items.length; n += 2) lines.push(items.slice(n, n + 2).join(" "));
  };
  pairs(st.map(([mantissa, exponent], n) => `FPR${n}=${hex(mantissa, 16)} ${hex(exponent, 4)}`));
  pairs(
    xmm
      .slice(0, long ? 16 : 8)
      .map(([low, high], n) => `XMM${String(n).padStart(2, "0")}=${hex(high, 16)} ${hex(low, 16)}`),
  );
  return lines;
}
