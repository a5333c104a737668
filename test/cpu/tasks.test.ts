// Hardware task switches (SDM 3A §7): what each way saves, loads and marks, and whose fault is whose.
import { describe, expect, it } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";
import type { Core } from "../support/core.ts";
import { GDT, IDT, flatMachine } from "../support/flat-machine.ts";

const [OLD_TSS, NEW_TSS] = [0x8000, 0x8200];
const [OLD, NEW, GATE] = [0x18, 0x20, 0x28];
const NEW_CODE = 0x3000;
const NEW_STACK = 0x5000;
const AVAILABLE = 0x89;
const BUSY = 0x8b;
const NT = 1 << 14;
const TS = 1n << 3n;
/** Offsets in a 32-bit TSS. */
const TSS = {
  link: 0,
  cr3: 28,
  eip: 32,
  eflags: 36,
  eax: 40,
  esp: 56,
  es: 72,
  cs: 76,
  ss: 80,
  ldt: 96,
  trap: 100,
};

function systemDescriptor(base: number, limit: number, access: number): bigint {
  return (BigInt(base & 0xff_ffff) << 16n) | BigInt(limit) | (BigInt(access) << 40n);
}

/** Two tasks: the running one, with TR loaded, and one that waits at NEW_CODE. */
function twoTasks(program: string, task: string, handler = "hlt"): Core {
  const core = flatMachine(program, handler);
  const { ramView } = core;
  ramView.setBigUint64(GDT + OLD, systemDescriptor(OLD_TSS, 103, BUSY), true);
  ramView.setBigUint64(GDT + NEW, systemDescriptor(NEW_TSS, 103, AVAILABLE), true);
  ramView.setBigUint64(GDT + GATE, (0x85n << 40n) | (BigInt(NEW) << 16n), true);
  core.set("gdtrLimit", 0x2f);
  core.set("trSelector", OLD);
  core.set("trBase", OLD_TSS);
  core.set("trLimit", 103);
  core.set("trAccess", BUSY);
  core.ram.set(assemble(`bits 32\norg ${NEW_CODE}\n${task}`).bytes, NEW_CODE);
  const state = { eip: NEW_CODE, eflags: 2, eax: 0x1234_5678, esp: NEW_STACK, cs: 8, ss: 16, es: 16 };
  for (const [name, value] of Object.entries(state))
    ramView.setUint32(NEW_TSS + TSS[name as keyof typeof TSS], value, true);
  for (let slot = 0; slot < 3; slot++) ramView.setUint32(NEW_TSS + TSS.ss + 4 + 4 * slot, 16, true);
  return core;
}

function access(core: Core, selector: number): number {
  return core.ram[GDT + selector + 5]!;
}

describe("a far JMP", () => {
  for (const [name, selector] of Object.entries({ "to a TSS": NEW, "through a task gate": GATE }))
    it(`${name} saves the old task, loads the new one and moves the busy mark`, () => {
      const core = twoTasks(`mov eax, 7\nstc\njmp ${selector}:0\nback: hlt`, "hlt");
      expect(core.run(100)).toBe(true);
      expect(core.get("rip")).toBe(BigInt(NEW_CODE + 1));
      expect(core.get("rax")).toBe(0x1234_5678n);
      expect(core.get("rsp")).toBe(BigInt(NEW_STACK));
      expect(core.get("trSelector")).toBe(BigInt(NEW));
      expect(core.get("cr0") & TS).toBe(TS);
      expect(core.flags & NT).toBe(0);
      expect([access(core, OLD), access(core, NEW)]).toEqual([AVAILABLE, BUSY]);
      const saved = (field: number): number => core.ramView.getUint32(OLD_TSS + field, true);
      expect([saved(TSS.eax), saved(TSS.eflags) & 1, saved(TSS.cs), saved(TSS.es)]).toEqual([7, 1, 8, 16]);
      expect(core.ram[saved(TSS.eip)]).toBe(0xf4); // the HLT behind the jump
    });

  it("to a busy TSS is #GP of its selector, in the old task", () => {
    const core = twoTasks(`jmp ${OLD}:0`, "hlt", "pop ebx\nhlt");
    expect(core.run(100)).toBe(true);
    expect(core.get("rbx")).toBe(BigInt(OLD));
    expect(core.get("trSelector")).toBe(BigInt(OLD));
  });

  it("to a TSS too small is #TS", () => {
    const core = twoTasks(`jmp ${NEW}:0`, "hlt", "pop ebx\nhlt");
    core.ramView.setUint16(GDT + NEW, 102, true);
    core.ramView.setBigUint64(IDT + 13 * 8, 0n, true);
    expect(core.run(100)).toBe(true);
    expect(core.get("rbx")).toBe(BigInt(NEW));
    expect(access(core, OLD)).toBe(BUSY);
  });

  it("to a task whose data segment is bad is #TS in the new task, at its first instruction", () => {
    const core = twoTasks(`jmp ${NEW}:0`, "inc eax\nhlt", "pop ebx\npop ecx\nhlt");
    core.ramView.setUint32(NEW_TSS + TSS.es, 0x100, true);
    expect(core.run(100)).toBe(true);
    expect([core.get("rbx"), core.get("rcx")]).toEqual([0x100n, BigInt(NEW_CODE)]);
    expect(core.get("trSelector")).toBe(BigInt(NEW));
  });

  it("raises the debug trap that the new TSS asks for", () => {
    const core = twoTasks(`jmp ${NEW}:0`, "inc eax\nhlt", "pop ecx\nhlt");
    core.ramView.setUint16(NEW_TSS + TSS.trap, 1, true);
    expect(core.run(100)).toBe(true);
    expect(core.get("rcx")).toBe(BigInt(NEW_CODE));
    expect(core.get("dr6") & 0x8000n).toBe(0x8000n);
  });
});

describe("a far CALL", () => {
  it("nests: IRET returns behind it, and the called task goes on where it returned", () => {
    const call = `call ${NEW}:0\n`;
    const core = twoTasks(
      `mov eax, 7\n${call}mov ebx, eax\n${call}hlt`,
      "inc eax\niret\nadd eax, 0x10\niret",
    );
    expect(core.run(100)).toBe(true);
    expect(core.get("rbx")).toBe(7n);
    expect(core.ramView.getUint32(NEW_TSS + TSS.eax, true)).toBe(0x1234_5689);
    expect(core.ramView.getUint16(NEW_TSS + TSS.link, true)).toBe(OLD);
    expect([access(core, OLD), access(core, NEW)]).toEqual([BUSY, AVAILABLE]);
    expect(core.ramView.getUint32(NEW_TSS + TSS.eflags, true) & NT).toBe(0);
    expect(core.flags & NT).toBe(0);
  });

  it("sets NT in the task called", () => {
    const core = twoTasks(`call ${NEW}:0`, "pushfd\npop ebx\nhlt");
    expect(core.run(100)).toBe(true);
    expect(Number(core.get("rbx")) & NT).toBe(NT);
    expect([access(core, OLD), access(core, NEW)]).toEqual([BUSY, BUSY]);
  });

  it("enters a 16-bit task with its 16-bit state", () => {
    const core = twoTasks(`mov ebp, 0x55\ncall ${NEW}:0\nhlt`, "");
    core.ramView.setBigUint64(GDT + NEW, systemDescriptor(NEW_TSS, 43, 0x81), true);
    core.ram.set(assemble(`bits 32\norg ${NEW_CODE}\nmov [0x9000], ax\niret`).bytes, NEW_CODE);
    const words = [NEW_CODE, 2, 0xabcd, 0, 0, 0, NEW_STACK, 0, 0, 0, 16, 8, 16, 16, 0];
    words.forEach((word, n) => core.ramView.setUint16(NEW_TSS + 14 + 2 * n, word, true));
    expect(core.run(100)).toBe(true);
    expect(core.ramView.getUint16(0x9000, true)).toBe(0xabcd);
    expect(core.get("rbp")).toBe(0x55n);
  });
});

describe("a task gate of the IDT", () => {
  it("takes an exception, its error code on the new stack, and returns to the instruction that faulted", () => {
    const core = twoTasks(
      "mov eax, 0x100\nfault: mov fs, ax\nhlt",
      "pop ebx\nmov [0x9000], ebx\nmov dword [0x8000 + 40], 16\niret",
    );
    core.ramView.setBigUint64(IDT + 13 * 8, (0x85n << 40n) | (BigInt(NEW) << 16n), true);
    expect(core.run(100)).toBe(true);
    expect(core.ramView.getUint32(0x9000, true)).toBe(0x100);
    expect(core.get("fsSelector")).toBe(16n);
    expect(core.get("trSelector")).toBe(BigInt(OLD));
  });
});
