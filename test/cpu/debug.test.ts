// Debug registers (SDM 3B §17): breakpoints on instructions, data and ports; single step; DR6 and DR7.
import { describe, expect, it } from "vitest";
import type { Core } from "../support/core.ts";
import { CODE, flatMachine } from "../support/flat-machine.ts";

const BS = 0x4000n;
const BD = 0x2000n;
/** R/W and LEN fields of breakpoint 0. */
const [EXECUTE, WRITE, PORT, ACCESS] = [0, 1, 2, 3].map((kind) => kind << 16);
const LEN4 = 3 << 18;
const ENABLE = 1;

/** Stops at the first #DB: EBX is its return address, ECX the flags pushed. */
function debugged(program: string, dr0: number, dr7: number, prepare?: (core: Core) => void): Core {
  const core = flatMachine(
    `mov eax, ${dr0}\nmov dr0, eax\nmov eax, ${dr7}\nmov dr7, eax\n${program}`,
    "pop ebx\npop edx\npop ecx\nmov esi, dr6\nhlt",
  );
  prepare?.(core);
  expect(core.run(1000)).toBe(true);
  return core;
}

const SET_UP = 16; // bytes of the four instructions before `program`

describe("a breakpoint", () => {
  it("on an instruction stops before it, with RF in the flags pushed", () => {
    const at = CODE + SET_UP + 1;
    const core = debugged("nop\ninc edi\nhlt", at, EXECUTE! | ENABLE, (c) => c.set("rdi", 0));
    expect(core.get("rbx")).toBe(BigInt(at));
    expect(core.get("rdi")).toBe(0n);
    expect(core.get("rsi") & 15n).toBe(1n);
    expect(Number(core.get("rcx")) & 0x10000).toBe(0x10000);
  });

  it("on an instruction lets it run behind an IRET with RF", () => {
    const at = CODE + SET_UP + 1;
    const core = flatMachine(
      `mov eax, ${at}\nmov dr0, eax\nmov eax, ${ENABLE}\nmov dr7, eax\nnop\ninc edi\njmp ${at}`,
      "inc ebp\ncmp ebp, 3\nje done\niret\ndone: hlt",
    );
    core.set("rdi", 0);
    core.set("rbp", 0);
    expect(core.run(1000)).toBe(true);
    expect([core.get("rbp"), core.get("rdi")]).toEqual([3n, 2n]);
  });

  const data: Record<string, [program: string, kind: number, hit: boolean]> = {
    "writes traps behind a write": ["mov [0x9002], al\nhlt", WRITE! | LEN4, true],
    "writes ignores a read": ["mov al, [0x9002]\nhlt", WRITE! | LEN4, false],
    "writes ignores its neighbour": ["mov [0x9004], al\nhlt", WRITE! | LEN4, false],
    "accesses traps behind a read": ["mov al, [0x9000]\nhlt", ACCESS! | LEN4, true],
    "accesses traps on one byte of a wider access": ["mov eax, [0x8ffd]\nhlt", ACCESS!, true],
    "accesses traps within a string": [
      "mov esi, 0x9000\nmov edi, 0xa000\nmov ecx, 4\nrep movsb\nhlt",
      ACCESS! | LEN4,
      true,
    ],
  };
  for (const [name, [program, kind, hit]] of Object.entries(data))
    it(`on ${name}`, () => {
      const core = debugged(program, 0x9000, kind | ENABLE);
      expect(core.get("dr6") & 15n).toBe(hit ? 1n : 0n);
    });

  it("on data reports the instruction behind", () => {
    const core = debugged("mov [0x9000], al\ninc edi\nhlt", 0x9000, WRITE! | LEN4 | ENABLE, (c) =>
      c.set("rdi", 0),
    );
    expect(core.get("rbx")).toBe(BigInt(CODE + SET_UP + 5));
    expect(core.get("rdi")).toBe(0n);
  });

  it("on a port needs CR4.DE", () => {
    const program = "in al, 0x61\nhlt";
    const kind = PORT! | ENABLE;
    expect(debugged(program, 0x61, kind).get("dr6") & 15n).toBe(0n);
    expect(debugged(program, 0x61, kind, (c) => c.set("cr4", 8)).get("dr6") & 15n).toBe(1n);
  });
});

describe("MOV DR", () => {
  it("under GD is #DB with BD, and GD is clear for the handler", () => {
    const core = debugged("mov eax, dr3\nhlt", 0, 1 << 13);
    expect(core.get("rsi") & BD).toBe(BD);
    expect(core.get("dr7")).toBe(0x400n);
  });

  it("takes DR4 for DR6 unless CR4.DE is set", () => {
    expect(debugged("mov edi, dr4\nhlt", 0, 0).get("rdi")).toBe(0xffff_0ff0n);
    const undefined4 = debugged("mov edi, dr4\nhlt", 0, 0, (c) => c.set("cr4", 8));
    expect(undefined4.get("rbx")).toBe(BigInt(CODE + SET_UP));
  });
});

describe("single step", () => {
  it("traps behind each instruction with BS, RF clear", () => {
    const core = debugged("pushfd\nor dword [esp], 0x100\npopfd\nnop\ninc edi\nhlt", 0, 0, (c) =>
      c.set("rdi", 0),
    );
    expect(core.get("rsi") & BS).toBe(BS);
    expect(core.get("rdi")).toBe(0n);
  });
});
