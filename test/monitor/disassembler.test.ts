// Lines of the disassembler as QEMU 7.2 prints them (observed with `-d in_asm`), but for its colon in far pointers.
import { expect, it } from "vitest";
import { disassemble } from "../../host/debug/disassembler.ts";

it.each([
  [16, 0xfffffff0n, "ea5be000f0", "0xfffffff0:  ea 5b e0 00 f0           ljmpw    $0xf000, $0xe05b"],
  [16, 0xfe05bn, "2e66833ec86100", "0x000fe05b:  2e 66 83 3e c8 61 00     cmpl     $0, %cs:0x61c8"],
  [32, 0xfec48n, "b910000000", "0x000fec48:  b9 10 00 00 00           movl     $0x10, %ecx"],
  [64, 0xffffffff90c79246n, "48891f", "0xffffffff90c79246:  48 89 1f                 movq     %rbx, (%rdi)"],
] as const)("%i-bit code at %i: %s", (bits, address, hex, line) => {
  expect(disassemble({ bytes: Buffer.from(hex, "hex"), address, bits })).toEqual([line]);
});

it("leaves out an instruction that is not there whole, and stops at the count asked for", () => {
  const code = { bytes: Buffer.from("9090b910", "hex"), address: 0n, bits: 32 } as const;
  expect(disassemble(code, 1)).toHaveLength(1);
  expect(disassemble(code, 9)).toEqual([
    "0x00000000:  90                       nop",
    "0x00000001:  90                       nop",
  ]);
});
