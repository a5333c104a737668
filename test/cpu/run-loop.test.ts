// What the run loop promises between two blocks: fetch faults, the shadow of STI, several CPUs. Small 32-bit programs.
import { describe, expect, it } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";
import { flatMachine, pageWithHole } from "../support/flat-machine.ts";

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

  const flagLoads = {
    POPF: "push dword 0x202\npopfd",
    IRET: "push dword 0x202\npush dword 8\npush dword behind\niretd\nbehind:",
  };
  for (const [name, load] of Object.entries(flagLoads))
    for (const warm of [0, 3])
      it(`${name} lets it in at once, ${warm ? "translated" : "interpreted"}`, () => {
        // Ten rounds in which nothing waits; in the last the interrupt does.
        const core = flatMachine(
          `mov ebx, 10
        again:
          cli
          cmp ebx, 1
          jne quiet
          ${interruptSelf}
        quiet:
          ${load}
          inc ecx
          dec ebx
          jnz again
          hlt`,
          "mov edx, 1\nhlt",
        );
        core.exports.setTranslator(warm);
        core.set("rcx", 0);
        expect(core.run(1000)).toBe(true);
        expect([core.get("rcx"), core.get("rdx")]).toEqual([9n, 1n]);
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

it("a handler that faults at once, for ever, does not outlast its slice", () => {
  const core = flatMachine("ud2", "ud2");
  core.exports.setTranslator(3);
  expect(core.run(1000)).toBe(false);
  expect(core.run(1000)).toBe(false);
});
