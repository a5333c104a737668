// guests/asm: the assembler, against NASM where the machine has it, and against bytes from the manual.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";

const EVERY_FORM = new URL("every-form.asm", import.meta.url).pathname;
const DEMO = new URL("../../guests/demo/demo.asm", import.meta.url).pathname;
const hasNasm = spawnSync("nasm", ["-v"]).status === 0;

function hex(source: string, bits: 16 | 32 | 64 = 64): string {
  return Buffer.from(assemble(source, { bits }).bytes).toString("hex");
}

test.skipIf(!hasNasm).each([EVERY_FORM, DEMO])("%s: the same bytes as NASM", (path) => {
  const folder = mkdtempSync(join(tmpdir(), "asm-"));
  try {
    execFileSync("nasm", ["-f", "bin", "-o", join(folder, "out"), path]);
    const ours = Buffer.from(assemble(readFileSync(path, "utf8")).bytes);
    expect(ours.toString("hex")).toBe(readFileSync(join(folder, "out")).toString("hex"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("prefixes, opcode, ModRM, SIB, displacement, immediate: in this order", () => {
  expect(hex("add qword [r8 + r9*4 + 0x12345678], 0x11223344")).toBe("4b818488" + "78563412" + "44332211");
});

test("the operand-size prefix follows the mode", () => {
  expect(hex("mov eax, ebx", 16)).toBe("6689d8");
  expect(hex("mov eax, ebx", 32)).toBe("89d8");
  expect(hex("mov rax, rbx", 64)).toBe("4889d8");
});

test("a jump grows where its target is out of reach, and only there", () => {
  expect(hex("jmp end\ntimes 127 db 0\nend:").slice(0, 4)).toBe("eb7f");
  expect(hex("jmp end\ntimes 128 db 0\nend:").slice(0, 10)).toBe("e980000000");
});

test("labels, local labels, equ and the origin", () => {
  const { labels } = assemble("one: nop\n.x: nop\ntwo: nop\n.x:\nlength equ $ - one", { org: 0x100 });
  expect(Object.fromEntries(labels)).toEqual({ one: 256, "one.x": 257, two: 258, "two.x": 259, length: 3 });
});

test.each([
  ["frob eax", 'line 1: there is no instruction "frob": frob eax'],
  ["nop\ninc [rax]", 'line 2: these operands do not fit "inc", or their size is not clear: inc [ rax ]'],
  ["jmp short end\ntimes 128 nop\nend:", "line 1: the target is out of reach: jmp short end"],
  ["mov eax, nowhere", 'line 1: "nowhere" is not defined: mov eax , nowhere'],
  ["mov ah, r8b", "line 1: AH, CH, DH and BH cannot stand beside a REX prefix: mov ah , r8b"],
  ["lea eax, [rax + rbx*3]", "line 1: an index cannot be scaled by 3: lea eax , [ rax + rbx * 3 ]"],
])("%j is refused", (source, message) => {
  expect(() => assemble(source, { bits: 64 })).toThrow(message);
});
