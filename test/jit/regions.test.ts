// What a region holds: loops that should stay in one do.
import { expect, it } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";
import type { Core } from "../support/core.ts";
import { CODE, flatMachine, pageWithHole } from "../support/flat-machine.ts";

const ROUNDS = 5000;
/** Its translation takes the place of CODE's in the TLB, and the other way round (assembly/memory/tlb.ts). */
const SAME_PLACE = CODE + 512 * 4096;
const UNUSED_PAGE = 0x30_0000;

/** Runs `program` with paging on and a translator that warms up at once; EAX counts its rounds. */
function translated(program: string, handler?: string): Core {
  const core = flatMachine(program, handler);
  core.ram.set(assemble(`bits 32\norg ${SAME_PLACE}\ninc eax\nret`).bytes, SAME_PLACE);
  core.exports.setTranslator(3);
  core.exports.countJit(1);
  core.set("rax", 0);
  pageWithHole(core, UNUSED_PAGE);
  expect(core.run(100 * ROUNDS), "halted").toBe(true);
  expect(core.get("rax")).toBe(BigInt(ROUNDS));
  return core;
}

it("a loop over two pages that drive each other out of the TLB is never left", () => {
  const core = translated(`
    mov ecx, ${ROUNDS}
  again:
    call ${SAME_PLACE}
    dec ecx
    jnz again
    hlt`);
  expect(core.counter("LEFT_PAGE")).toBe(0);
  expect(core.counter("STAT_ENTRIES")).toBeLessThan(ROUNDS / 10);
});

it("code behind a system call holds the callers that it always returns to, up to the next call", () => {
  const core = translated(
    `
    mov ecx, ${ROUNDS}
  again:
    call enter
    inc eax
    dec ecx
    jnz again
    hlt
  enter:
    int 0x80
    ret`,
    "iret",
  );
  // Once a round for the handler, once for all the rest.
  expect(core.counter("STAT_ENTRIES")).toBeLessThan(2.2 * ROUNDS);
});
