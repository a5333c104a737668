// Process-context identifiers (SDM 3A §4.10.1) and INVPCID (SDM 2A): what may be set when, and which pages lead where
// after each way to drop translations.
import { describe, expect, it } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";
import { Core } from "../support/core.ts";

const [CODE, HANDLERS, GDT, IDT, STACK] = [0x1000, 0x2000, 0x7000, 0x8000, 0x6000];
const TABLES = 0x10_0000;
/** A page mapped for itself, its page-table entry, and the two places that it is mapped to. */
const WINDOW = 0x20_0000;
const ENTRY = TABLES + 0x3000;
const [BEFORE, AFTER] = [0x30_0000, 0x30_1000];
const DESCRIPTOR = 0x9000;
const [PRESENT, GLOBAL] = [0x67, 0x167];
const [GP, UD] = [13, 6];
const INVPCID = "db 0x66, 0x0f, 0x38, 0x82, 0x07"; // INVPCID RAX, [RDI]

const ENABLE = `
  mov rax, cr4
  or rax, 0x20000
  mov cr4, rax`;

/** Loads CR3 with the context's number; `keep`: bit 63. */
function load(pcid: number, keep = false): string {
  return `
  mov rax, ${keep ? "0x8000000000000000" : "0"}
  or rax, ${TABLES + pcid}
  mov cr3, rax`;
}

function invalidate(kind: number, pcid: string, linear = `${WINDOW}`): string {
  return `
  mov rdi, ${DESCRIPTOR}
  mov rax, ${pcid}
  mov [rdi], rax
  mov rax, ${linear}
  mov [rdi+8], rax
  mov rax, ${kind}
  ${INVPCID}`;
}

/** Runs `program` in 64-bit code; a fault ends it with its vector in AL, else AL is FFh. */
function run(program: string, entry = PRESENT): Core {
  const core = new Core(8 << 20);
  core.ram.set(assemble(`bits 64\norg ${CODE}\n${program}\nmov al, 0xff\nhlt`).bytes, CODE);
  const put = (at: number, value: bigint | number): void =>
    core.ramView.setBigUint64(at, BigInt(value), true);
  for (let vector = 0; vector < 32; vector++) {
    core.ram.set([0xb0, vector, 0xf4], HANDLERS + 8 * vector); // MOV AL, vector; HLT
    put(IDT + 16 * vector, 0x8e00_0008_0000n | BigInt(HANDLERS + 8 * vector));
  }
  put(GDT + 8, 0x00af_9b00_0000_ffffn);
  put(GDT + 16, 0x00cf_9300_0000_ffffn);
  put(TABLES, (TABLES + 0x1000) | 7);
  put(TABLES + 0x1000, (TABLES + 0x2000) | 7);
  put(TABLES + 0x2000, 0xe7);
  put(TABLES + 0x2000 + 8, ENTRY | 7);
  put(ENTRY, BEFORE | entry);
  core.ram[BEFORE] = 1;
  core.ram[AFTER] = 2;
  core.setFlatSegments();
  core.set("gdtrBase", GDT);
  core.set("gdtrLimit", 0x17);
  core.set("idtrBase", IDT);
  core.set("idtrLimit", 0x1ff);
  core.set("cr3", TABLES);
  core.set("cr4", 0xa0);
  core.set("efer", 0x500);
  core.set("cr0", 0x8005_0033n);
  core.set("rip", CODE);
  core.set("rsp", STACK);
  core.settle();
  core.flags = 2;
  expect(core.run(1000)).toBe(true);
  return core;
}

const ending = (core: Core): number => Number(core.get("rax") & 0xffn);

describe("CR3 and CR4", () => {
  it("PCIDE wants context 0 in CR3, and long mode", () => {
    expect(ending(run(ENABLE))).toBe(0xff);
    expect(ending(run(load(1) + ENABLE))).toBe(GP);
  });

  it("bit 63 is refused without PCIDE, and never read back", () => {
    expect(ending(run(load(0, true)))).toBe(GP);
    const core = run(`${ENABLE}${load(5, true)}\nmov rbx, cr3`);
    expect([ending(core), core.get("rbx")]).toEqual([0xff, BigInt(TABLES + 5)]);
  });

  it("address bits beyond the processor's are refused", () => {
    expect(ending(run("mov rax, 0x10000000000\nmov cr3, rax"))).toBe(GP);
  });
});

describe("INVPCID", () => {
  it.each([
    ["a kind that there is not", invalidate(4, "0")],
    ["reserved bits", invalidate(2, "0x1000")],
    ["a context without PCIDE", invalidate(1, "3")],
    ["an address that is not canonical", invalidate(0, "0", "0x800000000000")],
  ])("refuses %s", (_name, program) => {
    expect(ending(run(program))).toBe(GP);
  });

  it("has no register form", () => {
    expect(ending(run("db 0x66, 0x0f, 0x38, 0x82, 0xc7"))).toBe(UD);
  });
});

/** What the window shows after it has been read, mapped elsewhere, and `drop` has run. */
function seen(drop: string, entry = PRESENT): number {
  const program = `${ENABLE}${load(3)}
  mov rsi, ${WINDOW}
  mov cl, [rsi]
  mov rax, ${AFTER | entry}
  mov rbx, ${ENTRY}
  mov [rbx], rax
  ${drop}
  mov bl, [rsi]`;
  const core = run(program, entry);
  expect(ending(core)).toBe(0xff);
  expect(core.get("rcx") & 0xffn).toBe(1n);
  return Number(core.get("rbx") & 0xffn);
}

describe("translations", () => {
  const [STAYS, DROPPED] = [1, 2];
  it.each([
    ["nothing", "", STAYS, STAYS],
    ["MOV CR3", load(3), DROPPED, STAYS],
    ["MOV CR3 that keeps them", load(3, true), STAYS, STAYS],
    ["MOV CR3 of another context, which must not see them", load(4, true), DROPPED, STAYS],
    ["INVPCID of the page", invalidate(0, "3"), DROPPED, DROPPED],
    ["INVPCID of the page in another context", invalidate(0, "4"), STAYS, STAYS],
    ["INVPCID of the context", invalidate(1, "3"), DROPPED, STAYS],
    ["INVPCID of another context", invalidate(1, "4"), STAYS, STAYS],
    ["INVPCID of all but global pages", invalidate(3, "0"), DROPPED, STAYS],
    ["INVPCID of everything", invalidate(2, "0"), DROPPED, DROPPED],
    ["clearing PCIDE", "mov rax, cr4\nand eax, 0xfffdffff\nmov cr4, rax", DROPPED, DROPPED],
  ])("%s", (_name, drop, expected, expectedGlobal) => {
    expect(seen(drop)).toBe(expected);
    expect(seen(drop, GLOBAL), "a global page").toBe(expectedGlobal);
  });
});
