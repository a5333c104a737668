// A kernel of our own (kernel.asm) under every protocol that is not Linux': told the same as under QEMU, where it is
// installed, and what the specifications say.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";
import { missingTools, skipped } from "../support/needs.ts";

const BASE = 0x100000;
const { bytes: code, labels } = assemble(readFileSync("test/firmware/kernel.asm", "utf8"));
const entry = labels.get("start")!;
const folder = mkdtempSync(join(tmpdir(), "kernel-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** An ELF file of one segment at 1 MiB, linked `virtual` bytes higher, with Xen's note for a PVH entry. */
function elf(bits: 32 | 64, { virtual = 0, multiboot = true } = {}): Uint8Array {
  const file = new Uint8Array(0x1000 + code.length);
  const view = new DataView(file.buffer);
  const wide = bits === 64;
  const [headers, size] = wide ? [64, 56] : [52, 32];
  const word = (at: number, value: number): void =>
    wide ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  file.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  view.setUint16(16, 2, true); // executable
  view.setUint16(18, wide ? 62 : 3, true);
  view.setUint32(20, 1, true);
  word(24, entry + virtual);
  word(wide ? 32 : 28, headers);
  [headers, size, 2].forEach((value, n) => view.setUint16((wide ? 52 : 40) + 2 * n, value, true));
  const program = (
    n: number,
    kind: number,
    offset: number,
    at: number,
    length: number,
    memory: number,
  ): void => {
    const to = headers + n * size;
    view.setUint32(to, kind, true);
    if (wide)
      [offset, at + virtual, at, length, memory, 4].forEach((value, i) => word(to + 8 + 8 * i, value));
    else [offset, at + virtual, at, length, memory, 7, 4].forEach((value, i) => word(to + 4 + 4 * i, value));
  };
  program(0, 1, 0x1000, BASE, code.length, code.length + 0x1000);
  program(1, 4, 0x200, 0, 20, 20);
  [4, 4, 18].forEach((value, n) => view.setUint32(0x200 + 4 * n, value, true));
  file.set([0x58, 0x65, 0x6e, 0], 0x20c);
  view.setUint32(0x210, entry, true);
  file.set(code, 0x1000);
  if (!multiboot) view.setUint32(0x1000, 0, true);
  return file;
}

const kernels = { "flat.bin": code, "32.elf": elf(32), "high.elf": elf(32, { virtual: 0xc0000000 }) };
const pvh = { "pvh32.elf": elf(32, { multiboot: false }), "pvh64.elf": elf(64, { multiboot: false }) };
/** More than a page, of which some is text. */
const FIRST = Buffer.concat([Buffer.from("first words"), Buffer.alloc(5000)]);

beforeAll(() => {
  for (const [name, bytes] of Object.entries({ ...kernels, ...pvh }))
    writeFileSync(join(folder, name), bytes);
  writeFileSync(join(folder, "first"), FIRST);
  writeFileSync(join(folder, "second,one"), "two\0");
});

interface Outcome {
  serial: string;
  words: string;
  code: number | null;
}

function boot(command: string, args: readonly string[]): Promise<Outcome> {
  const child = spawn(command, args, { cwd: folder });
  let [serial, words] = ["", ""];
  child.stdout.on("data", (bytes: Buffer) => (serial += bytes.toString("latin1")));
  child.stderr.on("data", (bytes: Buffer) => (words += bytes.toString()));
  return new Promise((done) => child.on("close", (code) => done({ serial, words, code })));
}

const common = (kernel: string, serial: string, more: readonly string[]): string[] =>
  `-m 64 -kernel ${kernel} -serial ${serial} -display none -monitor none -nodefaults -device isa-debug-exit,iobase=0x501,iosize=1`
    .split(" ")
    .concat(more);
const ours = (kernel: string, ...more: string[]): Promise<Outcome> =>
  boot(process.execPath, [join(process.cwd(), "dist/cli.js"), ...common(kernel, "stdio", more)]);

/** Into a file: what QEMU has not written yet when the guest ends it is lost to a pipe. */
async function qemu(kernel: string, ...more: string[]): Promise<string> {
  await boot("qemu-system-x86_64", ["-accel", "tcg", ...common(kernel, "file:serial", more)]);
  return readFileSync(join(folder, "serial"), "latin1");
}

const MODULES = ["-initrd", "first and more,second,,one", "-append", "some words"];

it.each(Object.keys(kernels))("Multiboot kernel %s", async (kernel) => {
  const { serial, code: exit, words } = await ours(kernel, ...MODULES);
  expect(words).toBe("");
  expect(exit).toBe(1);
  const lines = serial.split("\n");
  expect(lines.slice(0, 5)).toEqual([
    "2badb002 00000011 00000008 00000010 00000000 ",
    "0000024f 0000027f 0000fb80 8000ffff ",
    `${kernel} some words`,
    "00000000 00001393 first and more first words",
    "00000000 00000004 second,one two",
  ]);
  expect(lines[5]).toBe("00000014 00000000 00000000 0009fc00 00000000 00000001 ");
});

it.each(Object.keys(pvh))("PVH kernel %s", async (kernel) => {
  const { serial, code: exit } = await ours(kernel, "-initrd", "first", "-append", "some words");
  expect(exit).toBe(1);
  expect(serial.split("\n").slice(0, 4)).toEqual([
    "00000000 00000011 00000008 00000010 00000000 ",
    "336ec578 00000001 00000000 00000001 ",
    "some words",
    "20445352 00000000 00001393 first words",
  ]);
});

it("what is no kernel, and what asks for more than there is, is refused", async () => {
  const refused = async (bytes: Uint8Array): Promise<string> => {
    writeFileSync(join(folder, "wrong"), bytes);
    const { code: exit, words } = await ours("wrong");
    expect(exit).toBe(1);
    return words;
  };
  const changed = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
    const copy = bytes.slice();
    new DataView(copy.buffer).setUint32(at, value, true);
    return copy;
  };
  expect(await refused(new Uint8Array(4096))).toContain("invalid kernel header");
  expect(await refused(changed(pvh["pvh64.elf"], 0x208, 17))).toContain("without PVH ELF Note");
  expect(await refused(pvh["pvh64.elf"].subarray(0, 0x1100))).toContain("cut short");
  expect(await refused(changed(pvh["pvh32.elf"], 52 + 20, 1 << 30))).toContain("give more with -m");
  const demanding = changed(changed(code, 4, 0x0001_0013), 8, 0xffff_ffff & (0 - 0x1badb002 - 0x0001_0013));
  expect(await refused(demanding)).toContain("flags 10h");
});

const missing = missingTools("qemu-system-x86_64");
if (missing.length > 0) skipped("kernels under QEMU", "qemu-system-x86_64 is not installed");

it.skipIf(missing.length > 0).each([...Object.keys(kernels), ...Object.keys(pvh)])(
  "%s is told the same by QEMU",
  async (kernel) => {
    const given = kernel in pvh ? ["-initrd", "first", "-append", "some words"] : MODULES;
    expect((await ours(kernel, ...given)).serial).toBe(await qemu(kernel, ...given));
  },
);
