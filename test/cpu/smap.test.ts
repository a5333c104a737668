// SMAP (SDM 3A §4.6.1): supervisor code does not reach the data of user pages unless EFLAGS.AC is set, the processor
// itself never does. In both tiers, round after round.
import { describe, expect, it } from "vitest";
import type { Core } from "../support/core.ts";
import { GDT, flatMachine, pageWithHole } from "../support/flat-machine.ts";

/** User pages, and the page-table entries that `pageWithHole` lays out. */
const [USER, USER_PAGES] = [0x30000, 20];
const ENTRIES = 0x11000;
const DIRECTORY = 0x10000;
const KERNEL = 0x28000;
const LDT = 0x18;
const SMAP = 1 << 21;
const AC = 1 << 18;
const ROUNDS = 30;
const RESULT = 0x9000;
const [STAC, CLAC] = ["db 0x0f, 0x01, 0xcb", "db 0x0f, 0x01, 0xca"];
const [READ, WRITE] = [1, 3];

// Notes the error code, counts, and goes on at EBP.
const handler = `
  pop dword [${RESULT}]
  inc dword [${RESULT + 4}]
  mov [esp], ebp
  iret`;

function machine(access: string, warm: number, cr4: number): Core {
  const program = `
    mov ebx, ${ROUNDS}
    mov ebp, resume
  round:
    ${CLAC}
    ${access}
  resume:
    dec ebx
    jnz round
    hlt`;
  const core = flatMachine(program, handler);
  core.exports.setTranslator(warm);
  pageWithHole(core, 0x3ff000);
  core.ramView.setUint32(DIRECTORY, ENTRIES | 7, true);
  for (let page = USER >> 12; page < (USER >> 12) + USER_PAGES; page++)
    core.ramView.setUint32(ENTRIES + page * 4, (page << 12) | 7, true);
  core.ramView.setBigUint64(GDT + LDT, 0x0000_8203_0000_00ffn, true);
  core.ramView.setBigUint64(USER + 8, 0x00cf_9300_0000_ffffn, true);
  core.set("gdtrLimit", 0x1f);
  core.set("cr4", cr4);
  core.settle();
  return core;
}

/** How many of the rounds fault, and the last error code; the same in both tiers. */
function faults(access: string, cr4 = SMAP): [count: number, error: number] {
  const [interpreted, translated] = [0, 3].map((warm): [number, number] => {
    const core = machine(access, warm, cr4);
    expect(core.run(100_000)).toBe(true);
    return [core.ramView.getUint32(RESULT + 4, true), core.ramView.getUint32(RESULT, true)];
  });
  expect(translated, "translated").toEqual(interpreted);
  return interpreted!;
}

const readAll = `
    mov esi, ${USER}
  next:
    mov eax, [esi]
    add esi, 4096
    cmp esi, ${USER + (USER_PAGES << 12)}
    jb next`;

describe("closed", () => {
  it.each([
    ["a read", `mov eax, [${USER}]`, READ],
    ["a write", `mov [${USER}], eax`, WRITE],
    ["a read to be written back", `inc dword [${USER}]`, WRITE],
    ["an access that ends in a user page", `mov eax, [${USER - 2}]`, READ],
    ["a string instruction", `mov edi, ${USER}\nmov ecx, 4\nrep stosd`, WRITE],
    ["a page that CLAC closes", `${STAC}\nmov eax, [${USER}]\n${CLAC}\nmov eax, [${USER}]`, READ],
    ["more of them than are noted", `${STAC}\n${readAll}\n${CLAC}\nmov eax, [${USER + 0x5000}]`, READ],
    [
      "a page that POPF closes",
      `${STAC}\nmov [${USER}], eax\npushfd\nand dword [esp], ${0xffff_ffff - AC}\npopfd\nmov [${USER}], eax`,
      WRITE,
    ],
    // LLDT; MOV FS of its descriptor 1, on an opened page.
    [
      "the processor's own access",
      `mov eax, ${LDT}\nlldt ax\n${STAC}\nmov eax, [${USER}]\nmov eax, 12\nmov fs, ax`,
      READ,
    ],
  ])("%s", (_name, access, error) => {
    expect(faults(access)).toEqual([ROUNDS, error]);
  });
});

describe("open", () => {
  it.each([
    ["by STAC", `${STAC}\nmov eax, [${USER}]\nmov [${USER}], eax\n${readAll}`],
    ["by POPF", `pushfd\nor dword [esp], ${AC}\npopfd\nmov eax, [${USER}]`],
    ["to the kernel's own pages", `mov eax, [${KERNEL}]\nmov [${KERNEL}], eax`],
    ["to fetches, which are SMEP's", `${STAC}\nmov byte [${USER}], 0xc3\n${CLAC}\ncall ${USER}`],
  ])("%s", (_name, access) => {
    expect(faults(access)[0]).toBe(0);
  });

  it("without SMAP", () => {
    expect(faults(`mov eax, [${USER}]`, 0)[0]).toBe(0);
  });
});
