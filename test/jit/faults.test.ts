// Page faults in translated code: the handler sees the state before the instruction, which then runs again.
import { expect, it } from "vitest";
import { type Core } from "../support/core.ts";
import { flatMachine, pageWithHole } from "../support/flat-machine.ts";

const HOLE = 0x30000;
/** Where `pageWithHole` has the page's entry. */
const ENTRY = 0x11000 + (HOLE >> 12) * 4;
const ROUNDS = 200;
const SUMS = 0x9000;

const accesses = [
  "mov eax, [edi]",
  "mov [edi+4], esi",
  "add [edi+8], esi",
  "movzx edx, byte [edi+12]",
  "mov eax, [edi-2]",
  "mov [edi-2], eax",
  "db 0x0f, 0x10, 0x4f, 16", // MOVUPS XMM1, [EDI+16]
  "db 0x0f, 0x11, 0x4f, 32", // MOVUPS [EDI+32], XMM1
  "db 0xdd, 0x47, 48, 0xdd, 0x5f, 56", // FLD QWORD [EDI+48]; FSTP QWORD [EDI+56]
  "inc word [edi+0xffe]",
];

const program = `
  mov esi, ${ROUNDS}
round:
  mov edi, ${HOLE}
  ${accesses.map((access) => `mov dword [${ENTRY}], 0\ninvlpg [edi]\nstc\n${access}\nadc ebx, 0`).join("\n")}
  dec esi
  jnz round
  hlt`;

// Adds up CR2 and error codes, counts, and maps the page.
const handler = `
  push eax
  mov eax, cr2
  add [${SUMS}], eax
  mov eax, [esp+4]
  add [${SUMS + 4}], eax
  mov eax, [esp+8]
  add [${SUMS + 8}], eax
  inc dword [${SUMS + 12}]
  mov dword [${ENTRY}], ${HOLE | 3}
  pop eax
  add esp, 4
  iret`;

function machine(warm: number): Core {
  const core = flatMachine(program, handler);
  core.exports.setTranslator(warm);
  pageWithHole(core, HOLE);
  core.set("cr4", 0x600);
  core.set("rbx", 0);
  core.settle();
  return core;
}

it("faults of every kind of access are those of the interpreter, slice by slice", () => {
  const [interpreter, translator] = [machine(0), machine(3)];
  for (let slice = 0; ; slice++) {
    const halted = interpreter.run(97);
    expect(translator.run(97), `slice ${slice}`).toBe(halted);
    for (const name of ["rip", "rsp", "rax", "rbx", "rdx", "rsi", "cr2"])
      expect(translator.get(name), `${name} after slice ${slice}`).toBe(interpreter.get(name));
    expect(translator.flags, `slice ${slice}`).toBe(interpreter.flags);
    if (halted) break;
  }
  expect(Buffer.compare(translator.ram, interpreter.ram)).toBe(0);
  expect(translator.ramView.getUint32(SUMS + 12, true)).toBe(ROUNDS * accesses.length);
});
