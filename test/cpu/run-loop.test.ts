// What the run loop promises between two blocks: fetch faults, the shadow of STI, several CPUs. Small 32-bit programs.
import { describe, expect, it } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";
import { Core } from "../support/core.ts";

const CODE = 0x1000;
const HANDLER = 0x2000;
const GDT = 0x7000;
const IDT = 0x7800;
const STACK = 0x6000;
const FLAT_CODE = 0x00cf_9b00_0000_ffffn;
const FLAT_DATA = 0x00cf_9300_0000_ffffn;

/** A machine in flat 32-bit protected mode whose interrupts and exceptions all go to the code at HANDLER. */
function flatMachine(program: string, handler = "hlt", vcpus = 1): Core {
  const core = new Core(16 << 20, 0, vcpus);
  core.ram.set(assemble(`bits 32\norg ${CODE}\n${program}`).bytes, CODE);
  core.ram.set(assemble(`bits 32\norg ${HANDLER}\n${handler}`).bytes, HANDLER);
  core.ramView.setBigUint64(GDT + 8, FLAT_CODE, true);
  core.ramView.setBigUint64(GDT + 16, FLAT_DATA, true);
  for (let vector = 0; vector < 256; vector++)
    core.ramView.setBigUint64(IDT + vector * 8, 0x0000_8e00_0008_0000n | BigInt(HANDLER), true);
  for (const name of ["cs", "ds", "es", "ss", "fs", "gs"]) {
    core.set(`${name}Selector`, name === "cs" ? 8 : 16);
    core.set(`${name}Base`, 0);
    core.set(`${name}Limit`, 0xffff_ffff);
    core.set(`${name}Access`, name === "cs" ? 0xc09b : 0xc093);
  }
  core.set("gdtrBase", GDT);
  core.set("gdtrLimit", 0x17);
  core.set("idtrBase", IDT);
  core.set("idtrLimit", 0x7ff);
  core.set("cr0", 0x11);
  core.set("rip", CODE);
  core.set("rsp", STACK);
  core.settle();
  return core;
}

/** Maps the first 4 MiB one to one, but for the page at `hole`. */
function pageWithHole(core: Core, hole: number): void {
  const [directory, table] = [0x10000, 0x11000];
  core.ramView.setUint32(directory, table | 3, true);
  for (let page = 0; page < 1024; page++)
    core.ramView.setUint32(table + page * 4, page === hole >> 12 ? 0 : (page << 12) | 3, true);
  core.set("cr3", directory);
  core.set("cr0", 0x8000_0011);
  core.settle();
}

describe("a branch into a page that is not there", () => {
  const hole = 0x30000;
  const branches = {
    ret: `push dword ${hole}\nret`,
    call: `mov eax, ${hole}\ncall eax`,
    jmp: `mov eax, ${hole}\njmp eax`,
  };
  for (const [name, program] of Object.entries(branches))
    it(`${name}: the fault is the target's`, () => {
      const core = flatMachine(program, "pop edx\npop ebx\nhlt");
      pageWithHole(core, hole);
      expect(core.run(1000)).toBe(true);
      expect(core.get("cr2")).toBe(BigInt(hole));
      expect(core.get("rbx")).toBe(BigInt(hole));
      expect(core.get("rdx")).toBe(0n);
    });
});

describe("an interrupt that waits for STI", () => {
  const interruptSelf = "mov dword [0xfee000f0], 0x1ff\nmov dword [0xfee00300], 0x44040";

  it("lets the next instruction run, and no more", () => {
    const core = flatMachine(`${interruptSelf}\nsti\ninc eax\ninc ecx\nhlt`, "mov edx, 1\nhlt");
    core.set("rax", 0);
    core.set("rcx", 0);
    expect(core.run(1000)).toBe(true);
    expect([core.get("rax"), core.get("rcx"), core.get("rdx")]).toEqual([1n, 0n, 1n]);
  });

  it("wakes a HLT that stands in the shadow", () => {
    const core = flatMachine(`${interruptSelf}\nsti\nhlt\ninc ecx\nhlt`, "mov edx, 1\nhlt");
    core.set("rcx", 0);
    expect(core.run(1000)).toBe(true);
    expect([core.get("rcx"), core.get("rdx")]).toEqual([0n, 1n]);
  });
});

describe("two CPUs", () => {
  const APIC_ENABLE = "mov dword [0xfee000f0], 0x1ff";
  const START_OTHER = `${APIC_ENABLE}
    mov dword [0xfee00310], 0x01000000
    mov dword [0xfee00300], 0x4500
    mov dword [0xfee00300], 0x4608`;

  it("INIT and a start-up IPI right behind it start the second at its vector", () => {
    const core = flatMachine(`${START_OTHER}\nwait: cmp word [0x9000], 0x1234\njne wait\nhlt`, "hlt", 2);
    core.ram.set(assemble("bits 16\norg 0\nmov word [0x9000], 0x1234\ncli\nhlt").bytes, 0x8000);
    expect(core.run(200_000)).toBe(true);
    expect(core.ramView.getUint16(0x9000, true)).toBe(0x1234);
  });

  it("take turns: each sees the other's stores", () => {
    // The two hand a token back and forth a hundred times.
    const core = flatMachine(
      `${START_OTHER}
      mov ecx, 100
      again: mov dword [0x9000], 1
      wait: cmp dword [0x9000], 2
      jne wait
      dec ecx
      jnz again
      hlt`,
      "hlt",
      2,
    );
    core.ram.set(
      assemble(
        "bits 16\norg 0\nagain: cmp word [0x9000], 1\njne again\nmov word [0x9000], 2\ninc word [0x9004]\njmp again",
      ).bytes,
      0x8000,
    );
    for (let slice = 0; slice < 400 && core.ramView.getUint16(0x9004, true) < 100; slice++) core.run(50_000);
    expect(core.ramView.getUint16(0x9004, true)).toBe(100);
  });
});
