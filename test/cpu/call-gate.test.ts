// Calls through gates to an inner level (SDM 3A §5.8): parameters, and a push that faults half-way.
import { describe, expect, it } from "vitest";
import type { Core } from "../support/core.ts";
import { GDT, IDT, flatMachine } from "../support/flat-machine.ts";

const TSS = 0x8000;
const [USER_CODE, USER_DATA, GATE, TSS_SELECTOR] = [0x18, 0x20, 0x28, 0x30];
const INNER_STACK = 0x9000;
const ENTRY = 0x3000;

/** Code at CPL 3 that may call ENTRY at CPL 0 with two parameters. */
function atUserLevel(program: string, innerLimit = 0xffff): Core {
  const core = flatMachine(program, "pop ebx\npop ecx\npop edx\nhlt");
  const { ramView } = core;
  ramView.setBigUint64(GDT + USER_CODE, 0x00cf_fb00_0000_ffffn, true);
  ramView.setBigUint64(GDT + USER_DATA, 0x00cf_f300_0000_ffffn, true);
  ramView.setBigUint64(GDT + GATE, 0x0000_ec02_0008_0000n | BigInt(ENTRY), true);
  // A second data segment, for the inner stack, whose limit the test sets.
  ramView.setBigUint64(GDT + 0x38, 0x0040_9300_0000_0000n | BigInt(innerLimit), true);
  ramView.setUint32(TSS + 4, INNER_STACK, true);
  ramView.setUint32(TSS + 8, 0x38, true);
  for (const vector of [12, 13]) ramView.setUint16(IDT + vector * 8 + 2, 8, true);
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
  core.settle();
  return core;
}

const CALL = `push dword 0x1111\npush dword 0x2222\ncall ${GATE}:0\nhlt`;

describe("a call through a gate", () => {
  it("copies the parameters to the inner stack, above CS:EIP, below SS:ESP", () => {
    const core = atUserLevel(CALL);
    core.ram[ENTRY] = 0xf4;
    expect(core.run(100)).toBe(true);
    const words = [0, 4, 8, 12, 16, 20].map((n) => core.ramView.getUint32(INNER_STACK - 24 + n, true));
    expect(words.slice(1)).toEqual([USER_CODE | 3, 0x2222, 0x1111, 0x6000 - 8, USER_DATA | 3]);
    expect([core.get("csSelector"), core.get("ssSelector")]).toEqual([8n, 0x38n]);
  });

  it("whose frame does not fit leaves the caller's stack in place", () => {
    // The stack that #SS's handler gets is that of the TSS too, so it goes through a task gate's place: a double fault.
    const core = atUserLevel(CALL, INNER_STACK - 9);
    const before = core.get("ssSelector");
    core.ram.set([0xf4], ENTRY);
    core.run(100);
    expect(core.get("ssSelector")).toBe(before);
    expect(core.get("rsp")).toBe(BigInt(0x6000 - 8));
    expect(core.get("csSelector")).toBe(BigInt(USER_CODE | 3));
  });
});
