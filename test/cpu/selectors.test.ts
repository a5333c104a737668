// SLDT and STR (SDM 2): 16 bits to memory, zero-extended to a register.
import { describe, expect, it } from "vitest";
import { flatMachine } from "../support/flat-machine.ts";

const [TO_EAX, TO_AX, TO_MEMORY] = ["0xc0", "0xc0", "0x05"];

describe.each([
  ["SLDT", "ldtrSelector", 0],
  ["STR", "trSelector", 8],
])("%s", (_, name, reg) => {
  const modrm = (base: string): number => Number(base) + reg;

  it("to 32, to 16 bits and to memory", () => {
    const core = flatMachine(
      `db 0x0f, 0, ${modrm(TO_EAX!)}
       mov ebx, eax
       mov eax, 0xffffffff
       db 0x66, 0x0f, 0, ${modrm(TO_AX!)}
       db 0x0f, 0, ${modrm(TO_MEMORY!)}
       dd 0x9000
       hlt`,
    );
    core.set(name, 0x28);
    core.set("rax", 0xffff_ffff);
    core.ramView.setUint32(0x9000, 0xffff_ffff, true);
    expect(core.run(100)).toBe(true);
    expect([core.get("rbx"), core.get("rax")]).toEqual([0x28n, 0xffff_0028n]);
    expect(core.ramView.getUint32(0x9000, true)).toBe(0xffff_0028);
  });
});
