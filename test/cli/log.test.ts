// `-d`: the log in QEMU's form, beside QEMU's own of the same floppy.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";
import { missingTools, skipped } from "../support/needs.ts";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "wasmqemu-log-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string): string => join(folder, name);

/** Everything is set before it is used, so that the state does not depend on whose BIOS loaded this. */
const bootSector = (end = ""): string => `
bits 16
org 0x7c00
  cli
  jmp 0:start
start:
  xor eax, eax
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  mov esp, 0x7c00
  mov ebx, 0x12345678
  mov ecx, 5
  xor edx, edx
  xor esi, esi
  xor edi, edi
  xor ebp, ebp
times 0x60-($-$$) nop
again:
  add edx, ebx
  rol ebx, 7
  adc ebp, edx
  push edx
  pop esi
  xor edi, esi
  dec ecx
  jnz again
  mov word [0x3fc], handler
  mov word [0x3fe], 0
  int 0xff
  ${end}
  mov al, 0
  out 0xf4, al
  hlt
handler:
  iret
times 510-($-$$) db 0
dw 0xaa55
`;

/** Reads where nothing is: FS keeps the limit of 4 GiB that it is given in protected mode. */
const READ_NOTHING = `
  lgdt [table]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  mov cx, 8
  mov fs, cx
  and al, 0xfe
  mov cr0, eax
  mov ebx, 0x8000000
  mov cl, [fs:ebx]
  jmp over
gdt:
  dq 0, 0x00cf93000000ffff
table:
  dw 15
  dd gdt
over:
`;

/** Flat 32-bit code that is worth translating. */
const HOT = `
  lgdt [table]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp 8:flat
gdt:
  dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
table:
  dw 23
  dd gdt
bits 32
flat:
  mov cx, 16
  mov ds, cx
  mov es, cx
  mov ss, cx
  mov ecx, 20000
hot:
  add [0x9000], ecx
  dec ecx
  jnz hot
`;

/** Where everything is set: the label `again`. */
const FIRST = "7c60";
/** The logical instructions in there leave AF undefined. */
const FLAGS = "fc5";

function machine(log: string, ...items: string[]): string[] {
  const image = file(
    items.includes("guest_errors") ? "nothing.img" : items.includes("op") ? "hot.img" : "boot.img",
  );
  const floppy = ["-drive", `file=${image},format=raw,if=floppy`, "-boot", "a"];
  const exit = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"];
  return [...floppy, ...exit, "-m", "32", "-display", "none", "-d", items.join(","), "-D", log];
}

/** isa-debug-exit ends with 1 for a written 0. */
async function ends(command: string, args: readonly string[]): Promise<void> {
  const error: unknown = await run(command, args).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 1, stderr: "" });
}

function ours(log: string, ...items: string[]): Promise<void> {
  return ends(process.execPath, [resolve("dist/cli.js"), ...machine(log, ...items)]);
}

beforeAll(() => {
  for (const [name, sector] of [
    ["boot.img", bootSector()],
    ["nothing.img", bootSector(READ_NOTHING)],
    ["hot.img", bootSector(HOT)],
  ] as const) {
    const image = new Uint8Array(1440 << 10);
    image.set(assemble(sector).bytes);
    writeFileSync(file(name), image);
  }
});

describe("-d", () => {
  it("in_asm shows each block once, int what was delivered, guest_errors what nothing answered", async () => {
    await ours(file("items.log"), "in_asm", "int", "guest_errors", "cpu_reset");
    const log = readFileSync(file("items.log"), "utf8");
    expect(log).toContain("\n----------------\nIN: \n0x00007c00:  fa                       cli");
    expect(log).toMatch(/\n0x00007c\w\w: {2}66 01 da {17}addl {5}%ebx, %edx\n/);
    expect(log).toMatch(
      /\n +\d+: v=ff e=0000 i=1 cpl=0 IP=0000:0000000000007c\w\w pc=\w{16} SP=0000:\w{16} env->regs\[R_EAX\]=/,
    );
    expect(log).toContain("Invalid read at addr 0x8000000, size 1, region '(null)', reason: rejected\n");
    expect(log).toMatch(/^CPU Reset \(CPU 0\)\nEAX=/);
  });

  it("op shows what each instruction of a translated region became", async () => {
    const boot = [resolve("dist/cli.js"), ...machine(file("op.log"), "op"), "-dfilter", "0x7c00+0x200"];
    await ends(process.execPath, boot);
    const log = readFileSync(file("op.log"), "utf8");
    expect(log).toMatch(/^OP: \n {2}\(func \$run /m);
    const [, block] = /\n---- 0x00007c\w\w\n([^]*)/.exec(log)!;
    const [before, add, dec, jnz] = block!.split(/^0x00007c\w\w: .*\n/m);
    expect(before).toMatch(/local\.get \$budget/);
    expect(block).toMatch(/: {2}01 0d 00 90 00 00 +addl +%ecx, 0x9000\n/);
    expect(add).toMatch(/i32\.store/);
    expect(dec).toMatch(/i32\.const 1\n *i32\.sub/);
    expect(jnz).toMatch(/br \$label/);
  });

  it("-dfilter leaves only what is in the range", async () => {
    await ends(process.execPath, [
      resolve("dist/cli.js"),
      ...machine(file("some.log"), "exec"),
      "-dfilter",
      "0x7c00+0x200",
    ]);
    const lines = readFileSync(file("some.log"), "utf8").trim().split("\n");
    expect(lines[0]).toBe("Trace 0: 0x0 [0000000000000000/0000000000007c00/00000010/00000001] ");
    expect(lines.every((line) => /\/0000000000007[cd]\w\w\//.test(line))).toBe(true);
    // The loop's five rounds of eight, and what is around it.
    expect(lines.length).toBeGreaterThan(60);
  });

  it("has items that are unknown and files that cannot be opened refused in a sentence", async () => {
    const refused = (...args: string[]): Promise<unknown> =>
      run(process.execPath, [resolve("dist/cli.js"), ...args]).catch((thrown: unknown) => thrown);
    expect(await refused("-d", "everything")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^wasmqemu: -d everything: 'everything' is no log item: use in_asm, /,
      ) as string,
    });
    expect(await refused(...machine("/nowhere/at/all.log", "int"))).toMatchObject({
      code: 1,
      stderr: "wasmqemu: could not open log file '/nowhere/at/all.log': No such file or directory\n",
    });
  });

  const missing = missingTools("qemu-system-x86_64");
  if (missing.length > 0) skipped("logs beside QEMU's", "qemu-system-x86_64 is missing");
  describe.skipIf(missing.length > 0)("beside QEMU", () => {
    it("cpu logs the same registers before each instruction of the guest", async () => {
      const range = ["-dfilter", "0x7c00..0x7dff"];
      await ends(process.execPath, [resolve("dist/cli.js"), ...machine(file("ours.log"), "cpu"), ...range]);
      const qemu = machine(file("theirs.log"), "cpu", "exec", "nochain");
      await ends("qemu-system-x86_64", [...qemu, ...range, "-accel", "tcg", "-singlestep"]);
      const compare = [resolve("scripts/compare-traces.mjs"), file("ours.log"), file("theirs.log")];
      const compared: unknown = await run(process.execPath, [
        ...compare,
        `--from=${FIRST}`,
        `--flags=${FLAGS}`,
      ]).catch((thrown: unknown) => thrown);
      expect(compared).toMatchObject({
        stdout: expect.stringMatching(/^\d\d instructions alike\n$/) as string,
      });
    });
  });
});
