// What user code may not do where the kernel has asked for it: unaligned accesses (#AC, SDM 3A §6.15), and looking at
// the kernel's tables (CR4.UMIP, SDM 3A §2.5).
import { describe, expect, it } from "vitest";
import type { Core } from "../support/core.ts";
import { CODE, GDT, HANDLER, IDT, flatMachine } from "../support/flat-machine.ts";

const TSS = 0x8000;
const [USER_CODE, USER_DATA, TSS_SELECTOR] = [0x18, 0x20, 0x30];
const INNER_STACK = 0x9000;
const AC = 1 << 18;
const AM = 1 << 18;
const UMIP = 1 << 11;

/** movdqu xmm0, [0xa001] */
const MOVDQU = "db 0xf3, 0x0f, 0x6f, 0x05, 0x01, 0xa0, 0, 0";

/** Each vector's handler puts the vector into AL and halts; EDI then shows how far the program came. */
function atUserLevel(program: string, { cr0 = 0x11 | AM, cr4 = 0, flags = AC } = {}): Core {
  const core = flatMachine(program);
  const { ramView } = core;
  ramView.setBigUint64(GDT + USER_CODE, 0x00cf_fb00_0000_ffffn, true);
  ramView.setBigUint64(GDT + USER_DATA, 0x00cf_f300_0000_ffffn, true);
  ramView.setUint32(TSS + 4, INNER_STACK, true);
  ramView.setUint32(TSS + 8, 0x10, true);
  for (let vector = 0; vector < 32; vector++) {
    core.ram.set([0xb0, vector, 0xf4], HANDLER + 8 * vector);
    ramView.setBigUint64(IDT + vector * 8, 0x0000_8e00_0008_0000n | BigInt(HANDLER + 8 * vector), true);
  }
  core.set("gdtrLimit", 0x3f);
  for (const [name, value] of Object.entries({ Selector: TSS_SELECTOR, Base: TSS, Limit: 103, Access: 0x8b }))
    core.set(`tr${name}`, value);
  core.set("csSelector", USER_CODE | 3);
  core.set("csAccess", 0xc0fb);
  for (const name of ["ss", "ds", "es"]) {
    core.set(`${name}Selector`, USER_DATA | 3);
    core.set(`${name}Access`, 0xc0f3);
  }
  core.set("cpl", 3);
  core.set("cr0", cr0);
  core.set("cr4", cr4);
  core.flags = flags;
  core.settle();
  return core;
}

/** The vector that `program` ends with; running on into HLT is #GP (13) at user level. */
function ending(program: string, how = {}): number {
  const core = atUserLevel(`${program}\nhlt`, how);
  expect(core.run(1000)).toBe(true);
  return Number(core.get("rax") & 0xffn);
}

describe("alignment", () => {
  it.each([
    "mov eax, [0xa002]",
    "mov ax, [0xa001]",
    "mov [0xa003], eax",
    "add dword [0xa001], 1",
    "movsd",
    "mov esp, 0xa002\npush eax",
  ])("%s is #AC", (program) => {
    expect(ending(`mov esi, 0xa001\nmov edi, 0xb000\n${program}`)).toBe(17);
  });

  it.each(["mov eax, [0xa004]", "mov ax, [0xa002]", "mov al, [0xa003]", "movsb", MOVDQU])(
    "%s is not",
    (program) => {
      expect(ending(`mov esi, 0xa001\nmov edi, 0xb003\n${program}`, { cr4: 0x600 })).toBe(13);
    },
  );

  it("is not checked without AC, without AM, or below level 3", () => {
    expect(ending("mov eax, [0xa002]", { flags: 0 })).toBe(13);
    expect(ending("mov eax, [0xa002]", { cr0: 0x11 })).toBe(13);
    const core = flatMachine("mov eax, [0xa002]\nmov edi, 5\nhlt");
    core.set("cr0", 0x11 | AM);
    core.flags = AC;
    core.settle();
    expect([core.run(100), core.get("rdi")]).toEqual([true, 5n]);
  });

  it("begins with the POPF that sets AC, and ends with the one that clears it", () => {
    const program = `mov eax, [0xa002]
      pushfd
      or dword [esp], ${AC}
      popfd
      mov eax, [0xa004]
      pushfd
      and dword [esp], ${0xffff_ffff - AC}
      popfd
      mov eax, [0xa002]
      pushfd
      or dword [esp], ${AC}
      popfd
      inc edi
      mov eax, [0xa002]`;
    const core = atUserLevel(`${program}\nhlt`, { flags: 0 });
    core.set("rdi", 0);
    core.run(1000);
    expect([core.get("rax") & 0xffn, core.get("rdi")]).toEqual([17n, 1n]);
    // The error code is 0, and EIP that of the instruction.
    expect(core.ramView.getUint32(INNER_STACK - 24, true)).toBe(0);
    expect(core.ramView.getUint32(INNER_STACK - 20, true)).toBeGreaterThan(CODE);
  });
});

it("STAC and CLAC are the kernel's", () => {
  for (const last of [0xca, 0xcb]) expect(ending(`db 0x0f, 0x01, ${last}`)).toBe(6);
});

describe("CR4.UMIP", () => {
  it.each(["sgdt [0xa000]", "sidt [0xa000]", "sldt ax", "str ax", "smsw ax"])("%s", (program) => {
    // Where it is allowed, the program goes on to INT3's #GP: the gate is the kernel's alone.
    expect(ending(`${program}\nmov edi, 1`, { flags: 0 })).toBe(13);
    const [free, held] = [{ flags: 0 }, { flags: 0, cr4: UMIP }].map((how) => {
      const core = atUserLevel(`xor edi, edi\n${program}\nmov edi, 1\nhlt`, how);
      core.run(100);
      return core.get("rdi");
    });
    expect([free, held]).toEqual([1n, 0n]);
  });
});
