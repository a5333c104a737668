// Virtual-8086 mode: what IOPL and VME let the program do itself, and what goes to the monitor (SDM 3B §20).
import { describe, expect, it } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";
import type { Core } from "../support/core.ts";
import { GDT, flatMachine } from "../support/flat-machine.ts";

const TSS = 0x8000;
const TSS_SELECTOR = 0x18;
const IO_MAP = 136; // offset in the TSS; the redirection map is the 32 bytes before
const PROGRAM = 0x2_0000;
const [IF, IOPL3, VM, VIF, VIP] = [1 << 9, 3 << 12, 1 << 17, 1 << 19, 1 << 20];
const VME = 1;

/** Runs `program` at 2000:0000 in virtual-8086 mode until it faults or halts; the monitor stops with the error code in EBX. */
function virtual(program: string, flags: number, cr4: number, prepare?: (core: Core) => void): Core {
  const core = flatMachine("iret", "pop ebx\npop edx\npop ecx\npop eax\nhlt");
  const { ram, ramView } = core;
  ram.set(assemble(`bits 16\norg 0\n${program}\nhlt`).bytes, PROGRAM);
  ramView.setBigUint64(GDT + TSS_SELECTOR, (BigInt(TSS) << 16n) | (0x8b00_0000_0000n << 8n) | 0x200n, true);
  ramView.setUint32(TSS + 4, 0x5000, true);
  ramView.setUint32(TSS + 8, 16, true);
  ramView.setUint16(TSS + 102, IO_MAP, true);
  ram.fill(0xff, TSS + IO_MAP, TSS + IO_MAP + 16);
  core.set("trSelector", TSS_SELECTOR);
  core.set("trBase", TSS);
  core.set("trLimit", 0x200);
  core.set("trAccess", 0x8b);
  core.set("cr4", cr4);
  // EIP CS EFLAGS ESP SS ES DS FS GS
  const frame = [0, PROGRAM >> 4, flags | VM | 2, 0x1000, 0x3000, 0, 0, 0, 0];
  frame.forEach((word, n) => ramView.setUint32(0x5f00 + 4 * n, word, true));
  core.set("rsp", 0x5f00);
  core.set("gdtrLimit", 0x1f);
  prepare?.(core);
  core.settle();
  expect(core.run(1000)).toBe(true);
  return core;
}

/** Flags that the monitor found, for a program that ended in its HLT (a #GP at CPL 3). */
const endFlags = (core: Core): number => Number(core.get("rax"));
const endIp = (core: Core): number => Number(core.get("rdx"));

describe("without VME", () => {
  it("CLI below IOPL 3 is the monitor's", () => {
    expect(endIp(virtual("nop\ncli", IF, 0))).toBe(1);
  });

  it("INT n below IOPL 3 is #GP(0), with IOPL 3 it takes the monitor's vector", () => {
    expect(endIp(virtual("nop\nint 0x21", IF, 0))).toBe(1);
    const core = virtual("nop\nint 0x21", IF | IOPL3, 0);
    expect(core.get("rbx")).toBe(BigInt(0x21 * 8 + 2)); // which is not open to it: the gate has DPL 0
  });
});

describe("with VME below IOPL 3", () => {
  it("CLI and STI are of VIF, and leave IF alone", () => {
    expect(endFlags(virtual("sti", IF, VME)) & (IF | VIF)).toBe(IF | VIF);
    expect(endFlags(virtual("sti\ncli", IF, VME)) & (IF | VIF)).toBe(IF);
  });

  it("STI with an interrupt waiting in VIP is the monitor's", () => {
    expect(endIp(virtual("nop\nsti\nnop", IF | VIP, VME))).toBe(1);
  });

  it("PUSHF shows VIF as IF, and IOPL 3", () => {
    const core = virtual(
      "sti\npushf\npop cx\nmov [0x9000], cx\ncli\npushf\npop cx\nmov [0x9002], cx",
      IF,
      VME,
    );
    const words = [0x9000, 0x9002].map((at) => core.ramView.getUint16(at, true) & (IF | IOPL3));
    expect(words).toEqual([IF | IOPL3, IOPL3]);
  });

  it("POPF sets VIF from IF; TF is the monitor's", () => {
    expect(endFlags(virtual("push word 0x200\npopf", IF, VME)) & VIF).toBe(VIF);
    expect(endIp(virtual("push word 0x100\npopf\nnop", IF, VME))).toBe(3);
    expect(endIp(virtual("o32 popf", IF, VME))).toBe(0);
  });

  it("INT n with a clear bit stays in the program, with a set bit it is #GP(0)", () => {
    const vector = (core: Core): void => core.ramView.setUint32(0x21 * 4, 0x2000_0020, true);
    const program =
      "sti\nint 0x21\nhlt\ntimes 0x20 - ($ - $$) nop\npop ax\npop ax\npop cx\nmov [0x9000], cx\ninc bp";
    const core = virtual(program.replace("($ - $$)", "4"), IF, VME, vector);
    expect(core.ramView.getUint16(0x9000, true) & (IF | IOPL3)).toBe(IF | IOPL3);
    expect(endFlags(core) & VIF).toBe(0);
    const redirected = virtual("nop\nint 0x21", IF, VME, (c) => {
      vector(c);
      c.ram[TSS + IO_MAP - 32 + (0x21 >> 3)] = 1 << (0x21 & 7);
    });
    expect([redirected.get("rbx"), endIp(redirected)]).toEqual([0n, 1]);
  });

  it("IRET returns to the program with VIF from the image", () => {
    const core = virtual("push word 0x200\npush cs\npush word 7\niret\nhlt", IF, VME);
    expect(endFlags(core) & (VIF | IF)).toBe(VIF | IF);
  });
});
