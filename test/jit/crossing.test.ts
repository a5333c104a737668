// An instruction that begins in one page and ends in the next, in a hot loop: it runs translated, and still is what the
// second page says at the time: patched, mapped elsewhere, or not mapped at all.
import { expect, test } from "vitest";
import type { Core } from "../support/core.ts";
import { flatMachine, HANDLER, pageWithHole } from "../support/flat-machine.ts";

/** ADD EAX, imm32; DEC ECX; JNZ to it; RET: two bytes before SECOND, the rest in it. */
const LOOP = [0x05, 0x11, 0x22, 0x33, 0x44, 0x49, 0x75, 0xf8, 0xc3];
const SECOND = 0x3000;
const FIRST_BYTE = SECOND - 2;
/** What is mapped in turn with SECOND. */
const OTHER = 0x5000;
const ENTRY = 0x11000 + 4 * (SECOND >> 12);
const PHASES = 24;
const ROUNDS = 100;

const PROGRAM = `
  mov edx, ${PHASES}
phase:
  mov ecx, ${ROUNDS}
  call ${FIRST_BYTE}
  test edx, 16 ; from 15 on nothing is patched, so that regions live on
  jz patched
  inc byte [${SECOND + 1}]
patched:
  test edx, 2
  jz same
  xor dword [${ENTRY}], ${SECOND ^ OTHER}
  invlpg [${SECOND}]
same:
  dec edx
  jnz phase
  and dword [${ENTRY}], ~1
  invlpg [${SECOND}]
  call ${FIRST_BYTE}
  hlt
`;

function machine(warm: number): Core {
  const core = flatMachine(PROGRAM);
  core.ram.set(LOOP, FIRST_BYTE);
  core.ram.set(LOOP.slice(2), OTHER);
  core.ram[OTHER] = 0x55;
  pageWithHole(core, 0x3f_f000);
  core.exports.setTranslator(warm);
  core.exports.countJit(1);
  return core;
}

/** EAX after all phases. */
function sum(): number {
  const immediates = [Uint8Array.of(0x11, 0x22, 0x33, 0x44), Uint8Array.of(0x11, 0x55, 0x33, 0x44)];
  let mapped = 0;
  let eax = 0;
  for (let edx = PHASES; edx > 0; edx--) {
    const bytes = immediates[mapped]!;
    eax = (eax + ROUNDS * new DataView(bytes.buffer).getUint32(0, true)) >>> 0;
    if (edx & 16) bytes[2]!++;
    if (edx & 2) mapped ^= 1;
  }
  return eax;
}

test.each([0, 3])("an instruction across two pages, translated after %i runs", (warm) => {
  const core = machine(warm);
  while (!core.run(97));
  expect(Number(core.get("rax"))).toBe(sum());
  // The last call finds its second page gone: #PF for the fetch there, at the instruction itself.
  expect(Number(core.get("rip"))).toBe(HANDLER + 1);
  expect(Number(core.get("cr2"))).toBe(SECOND);
  expect(core.ramView.getUint32(Number(core.get("rsp")) + 4, true)).toBe(FIRST_BYTE);
  if (warm) expect(core.counter("STAT_INSTRUCTIONS")).toBeGreaterThan(PHASES * ROUNDS);
});
