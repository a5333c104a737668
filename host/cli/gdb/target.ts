// The registers that a debugger sees, in its order, and their description for it (GDB manual, "Target Descriptions").
import type { CpuRegisters } from "../../core/inspector.ts";

interface TargetRegister {
  name: string;
  bits: 32 | 64 | 80 | 128;
  type: string;
  read(registers: CpuRegisters): bigint;
  /** Its name among those that can be set. */
  settable?: string;
}

function general(name: string, type: string, settable = name): TargetRegister {
  const bits = settable === "rflags" ? 32 : 64;
  return { name, bits, type, read: ({ values }) => values.get(settable)!, settable };
}

function special(name: string): TargetRegister {
  return { name, bits: 64, type: "int64", read: ({ values }) => values.get(name)! };
}

const GENERAL = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split(" ");
const POINTERS: readonly string[] = ["rbp", "rsp"];
const SEGMENTS = ["cs", "ss", "ds", "es", "fs", "gs"] as const;
/** The x87 environment; what the inspector does not keep reads as 0. */
const X87 = [
  ["fctrl", "fcw"],
  ["fstat", "fsw"],
  ["ftag", "ftw"],
  ...["fiseg", "fioff", "foseg", "fooff", "fop"].map((name) => [name, ""] as const),
] as const;

const CORE: readonly TargetRegister[] = [
  ...GENERAL.map((name) => general(name, POINTERS.includes(name) ? "data_ptr" : "int64")),
  general("rip", "code_ptr"),
  general("eflags", "int32", "rflags"),
  ...SEGMENTS.map((name): TargetRegister => ({
    name,
    bits: 32,
    type: "int32",
    read: ({ segments }) => BigInt(segments.get(name)!.selector),
  })),
  ...Array.from({ length: 8 }, (_, n): TargetRegister => ({
    name: `st${n}`,
    bits: 80,
    type: "i387_ext",
    read: ({ st }) => st[n]![0] | (BigInt(st[n]![1]) << 64n),
    settable: `st${n}`,
  })),
  ...X87.map(([name, ours]): TargetRegister => ({
    name,
    bits: 32,
    type: "int",
    read: ({ values }) => values.get(ours) ?? 0n,
    ...(ours === "" ? {} : { settable: ours }),
  })),
];
const SSE: readonly TargetRegister[] = [
  ...Array.from({ length: 16 }, (_, n): TargetRegister => ({
    name: `xmm${n}`,
    bits: 128,
    type: "vec128",
    read: ({ xmm }) => xmm[n]![0] | (xmm[n]![1] << 64n),
    settable: `xmm${n}`,
  })),
  { name: "mxcsr", bits: 32, type: "int", read: ({ values }) => values.get("mxcsr")!, settable: "mxcsr" },
];
const BASES = (["fs", "gs"] as const).map((segment): TargetRegister => ({
  name: `${segment}_base`,
  bits: 64,
  type: "int64",
  read: ({ segments }) => segments.get(segment)!.base,
}));
const SYSTEM = ["cr0", "cr2", "cr3", "cr4", "efer"].map(special);

export const REGISTERS: readonly TargetRegister[] = [...CORE, ...SSE, ...BASES, ...SYSTEM];

/** The ways to look at an XMM register. */
const VECTOR_TYPES = [
  ["v4_float", "ieee_single", 4],
  ["v2_double", "ieee_double", 2],
  ["v16_int8", "int8", 16],
  ["v8_int16", "int16", 8],
  ["v4_int32", "int32", 4],
  ["v2_int64", "int64", 2],
] as const;
const VEC128 =
  VECTOR_TYPES.map(([id, type, count]) => `<vector id="${id}" type="${type}" count="${count}"/>`).join("") +
  '<union id="vec128">' +
  VECTOR_TYPES.map(([id]) => `<field name="${id}" type="${id}"/>`).join("") +
  '<field name="uint128" type="uint128"/></union>';

function feature(name: string, registers: readonly TargetRegister[], types = ""): string {
  const rows = registers.map((one) => `<reg name="${one.name}" bitsize="${one.bits}" type="${one.type}"/>`);
  return `<feature name="${name}">${types}${rows.join("")}</feature>`;
}

export const TARGET_XML =
  '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>i386:x86-64</architecture>' +
  feature("org.gnu.gdb.i386.core", CORE) +
  feature("org.gnu.gdb.i386.sse", SSE, VEC128) +
  feature("org.gnu.gdb.i386.segments", BASES) +
  feature("org.wasmqemu.system", SYSTEM) +
  "</target>";
