import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Board } from "../devices/board.ts";

interface Table {
  signature: string;
  bytes: Uint8Array;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Finds the tables as an operating system does: by the RSDP's signature, through the RSDT. */
function tables(board: Board): Map<string, Table> {
  const { ram } = board;
  const text = (at: number, length: number): string => String.fromCharCode(...ram.subarray(at, at + length));
  let rsdp = 0xe0000;
  while (text(rsdp, 8) !== "RSD PTR ") rsdp += 16;
  const read = (at: number): Table => {
    const length = view(ram).getUint32(at + 4, true);
    return { signature: text(at, 4), bytes: ram.slice(at, at + length) };
  };
  const rsdt = read(view(ram).getUint32(rsdp + 16, true));
  const found = new Map([
    ["RSDP", { signature: "RSDP", bytes: ram.slice(rsdp, rsdp + 20) }],
    ["RSDT", rsdt],
  ]);
  for (let at = 36; at < rsdt.bytes.length; at += 4) {
    const table = read(view(rsdt.bytes).getUint32(at, true));
    found.set(table.signature, table);
  }
  const fadt = view(found.get("FACP")!.bytes);
  found.set("FACS", read(fadt.getUint32(36, true)));
  found.set("DSDT", read(fadt.getUint32(40, true)));
  return found;
}

function firmware(vcpus = 1): Board {
  const board = new Board({ vcpus });
  board.chips.attachHpet();
  board.chips.powerOnSelfTest();
  return board;
}

test("every table is reached from the RSDP and sums to zero", () => {
  const found = tables(firmware());
  expect([...found.keys()]).toEqual(["RSDP", "RSDT", "FACP", "APIC", "HPET", "FACS", "DSDT"]);
  for (const { signature, bytes } of found.values())
    if (signature !== "FACS")
      expect([signature, bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0)]).toEqual([signature, 0]);
  expect(found.get("FACP")!.bytes.length).toBe(0x74);
});

test("the MADT counts the processors", () => {
  expect(tables(firmware(1)).get("APIC")!.bytes.length).toBe(0x78);
  expect(tables(firmware(4)).get("APIC")!.bytes.length).toBe(0x90);
});

test("firmware leaves the chips as an operating system finds them", () => {
  const b = firmware();
  expect([b.in(0x21), b.in(0xa1), b.in(0x4d0), b.in(0x4d1)]).toEqual([0xb8, 0x8e, 0, 0x0c]);
  expect(b.read(0xfee00350)).toBe(0x8700);
  expect(b.in(0x604, 2)).toBe(0);
  b.out(0xb2, 0xf1);
  expect(b.in(0x604, 2)).toBe(1);
  expect(b.in(0xc000 + 2)).toBe(0);
});

const iasl = spawnSync("iasl", ["-v"]).status === 0;

test.skipIf(!iasl)(
  "ACPICA's disassembler and compiler accept the DSDT (skipped where iasl is not installed)",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "acpi-"));
    writeFileSync(join(folder, "dsdt.aml"), tables(firmware()).get("DSDT")!.bytes);
    spawnSync("iasl", ["-d", "dsdt.aml"], { cwd: folder });
    const asl = readFileSync(join(folder, "dsdt.dsl"), "latin1");
    for (const word of ["PNP0A03", "PNP0103", "0xFED00000", "Name (\\_S5", "Method (_SRS", "LNKD", "PNP0C0F"])
      expect(asl).toContain(word);
    const compiled = spawnSync("iasl", ["-p", "again", "dsdt.dsl"], { cwd: folder, encoding: "utf8" });
    expect(compiled.stdout + compiled.stderr).toMatch(/0 Errors/);
  },
);
