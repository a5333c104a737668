// An x87 error with CR0.NE = 0: FERR#, IRQ 13, port F0h and IGNNE# (SDM 1 appendix D), as DOS programs know them.
import { expect, it } from "vitest";
import { flatMachine, IDT } from "../support/flat-machine.ts";

const HANDLER_13 = 0x3000;
/** The local APIC on, its LINT0 taking the 8259's interrupts, as firmware leaves it (SDM 3A §11.5.1). */
const VIRTUAL_WIRE = "mov dword [0xfee000f0], 0x1ff\nmov dword [0xfee00350], 0x700";
/** Both 8259s at vectors 20h and 28h, everything masked but the cascade and IRQ 13. */
const PICS = [
  [0x20, 0x11],
  [0x21, 0x20],
  [0x21, 0x04],
  [0x21, 0x01],
  [0x21, 0xfb],
  [0xa0, 0x11],
  [0xa1, 0x28],
  [0xa1, 0x02],
  [0xa1, 0x01],
  [0xa1, 0xdf],
]
  .map(([port, value]) => `mov al, ${value}\nout ${port}, al`)
  .join("\n");

/** 1 / 0 with the exception unmasked, then a store: EDX counts what was stored, EBX interrupts, ECX other vectors. */
function divides(handler: string[], ne = false): [bigint, bigint, bigint, boolean] {
  const program = `${VIRTUAL_WIRE}
    ${PICS}
    xor ebx, ebx
    xor ecx, ecx
    xor edx, edx
    db 0xdb, 0xe3                       ; fninit
    db 0xd9, 0x2d, 0x00, 0xa0, 0, 0     ; fldcw [0xa000]
    sti
    db 0xd9, 0xee                       ; fldz
    db 0xd9, 0xe8                       ; fld1
    db 0xd8, 0xf1                       ; fdiv st0, st1
    db 0xd9, 0x1d, 0x10, 0xa0, 0, 0     ; fstp dword [0xa010]
    inc edx
    cli
    hlt`;
  const core = flatMachine(program, "inc ecx\nhlt");
  core.ramView.setUint16(0xa000, 0x037b, true); // all masked but division by zero
  const source = handler.join("\n");
  const other = flatMachine(source).ram.slice(0x1000, 0x1100);
  core.ram.set(other, HANDLER_13);
  core.ramView.setBigUint64(IDT + 0x2d * 8, 0x0000_8e00_0008_0000n | BigInt(HANDLER_13), true);
  if (ne) core.set("cr0", 0x31);
  core.settle();
  const halted = core.run(10_000);
  return [core.get("rbx"), core.get("rcx"), core.get("rdx"), halted];
}

const EOI = ["mov al, 0x20", "out 0xa0, al", "out 0x20, al", "iret"];

it("interrupts by IRQ 13; after port F0h the program goes on in spite of the error", () => {
  expect(divides(["inc ebx", "out 0xf0, al", ...EOI])).toEqual([1n, 0n, 1n, true]);
});

it("goes on when the handler has cleared the exception", () => {
  expect(divides(["inc ebx", "db 0xdb, 0xe2", "out 0xf0, al", ...EOI])).toEqual([1n, 0n, 1n, true]);
});

it("waits for ever for an interrupt that does not come", () => {
  expect(divides(["inc ebx", ...EOI])).toEqual([1n, 0n, 0n, true]);
});

it("is #MF with CR0.NE = 1", () => {
  expect(divides(["inc ebx", "out 0xf0, al", ...EOI], true)).toEqual([0n, 1n, 0n, true]);
});
