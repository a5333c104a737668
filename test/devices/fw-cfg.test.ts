import { describe, expect, test } from "vitest";
import { type Told, tellGuest } from "../../host/core/told.ts";
import { Board } from "./board.ts";

const SELECTOR = 0x510;
const DATA = 0x511;
const DMA = 0x514;
const DIRECTORY = 0x19;

class FirmwareBoard extends Board {
  constructor(vcpus = 1, told: Told = {}) {
    super({ vcpus });
    const names = ["TOLD_AT", "TOLD_SIZE", "TOLD_FILE", "TOLD_NAME", "TOLD_UUID"] as const;
    const constants = Object.fromEntries(names.map((name) => [name, this.address(name)]));
    tellGuest(
      {
        constants: constants as Record<(typeof names)[number], number>,
        bytes: (at, length) => new Uint8Array(this.memory.buffer, at, length),
      },
      told,
    );
    this.chips.fillConfiguration();
  }

  item(selector: number, length: number): Buffer {
    this.out(SELECTOR, selector, 2);
    return Buffer.from(Array.from({ length }, () => this.in(DATA)));
  }

  /** The directory: selector and size by name. */
  files(): Map<string, { selector: number; size: number }> {
    const count = this.item(DIRECTORY, 4).readUInt32BE();
    const rows = Array.from({ length: count }, () =>
      Buffer.from(Array.from({ length: 64 }, () => this.in(DATA))),
    );
    return new Map(
      rows.map((row) => [
        row.subarray(8).toString("latin1").replace(/\0+$/, ""),
        { size: row.readUInt32BE(0), selector: row.readUInt16BE(4) },
      ]),
    );
  }

  file(name: string): Buffer {
    const { selector, size } = this.files().get(name)!;
    return this.item(selector, size);
  }

  /** Asks for a DMA transfer; returns the control field as the device leaves it. */
  transfer(control: number, length: number, address: number): number {
    const request = Buffer.from(this.ram.buffer, this.ram.byteOffset + 0x8000, 16);
    request.writeUInt32BE(control >>> 0, 0);
    request.writeUInt32BE(length, 4);
    request.writeBigUInt64BE(BigInt(address), 8);
    this.out(DMA, 0, 4);
    this.out(DMA + 4, Buffer.from([0, 0, 0x80, 0]).readUInt32LE(), 4);
    return request.readUInt32BE(0);
  }
}

const READ = 2;
const SKIP = 4;
const SELECT = 8;

test("says what it is, and what it can do", () => {
  const b = new FirmwareBoard();
  expect(b.item(0, 4).toString()).toBe("QEMU");
  expect(b.item(1, 4).readUInt32LE()).toBe(3);
  expect(b.in(SELECTOR, 2)).toBe(0);
  expect(Buffer.from(Uint32Array.of(b.in(DMA, 4), b.in(DMA + 4, 4)).buffer).toString()).toBe("QEMU CFG");
});

test("numbers are little-endian; behind an item there are zeros, and in one that does not exist", () => {
  const b = new FirmwareBoard(2);
  expect(b.item(3, 8).readBigUInt64LE()).toBe(16n << 20n);
  expect(b.item(5, 4).readUInt32LE()).toBe(2);
  expect([...b.item(0x7777, 4)]).toEqual([0, 0, 0, 0]);
});

test("files by name, in its order", () => {
  const names = [...new FirmwareBoard().files().keys()];
  expect(names).toEqual([...names].sort());
  expect(names).toContain("etc/e820");
});

test("memory that CMOS does not tell", () => {
  const e820 = new FirmwareBoard().file("etc/e820");
  expect(e820.readBigUInt64LE(0)).toBe(0xfd_0000_0000n);
  expect([e820.readBigUInt64LE(20), e820.readBigUInt64LE(28), e820.readUInt32LE(36)]).toEqual([
    0n,
    16n << 20n,
    1,
  ]);
});

describe("DMA", () => {
  test("selects, skips and reads on; what is behind the end is zeros", () => {
    const b = new FirmwareBoard();
    b.ram.fill(0xff, 0x200000, 0x200010);
    expect(b.transfer(SELECT | SKIP, 1, 0)).toBe(0);
    expect(b.transfer(READ, 2, 0x200000)).toBe(0);
    expect(b.transfer(READ, 4, 0x200002)).toBe(0);
    expect([...b.ram.subarray(0x200000, 0x200007)]).toEqual([0x45, 0x4d, 0x55, 0, 0, 0, 0xff]);
  });

  test("fails outside memory, and when it is to write", () => {
    const b = new FirmwareBoard();
    expect(b.transfer(SELECT | READ, 4, 0xfffffff0)).toBe(1);
    expect(b.transfer(0x10, 4, 0x200000)).toBe(1);
  });
});

test("the script places ACPI tables whose sums and pointers then hold", () => {
  const b = new FirmwareBoard(2);
  const script = b.file("etc/table-loader");
  const bases: Record<string, number> = { "etc/acpi/tables": 0x30000, "etc/acpi/rsdp": 0x10000 };
  const memory = Buffer.alloc(0x60000);
  const text = (at: number): string =>
    script
      .subarray(at, at + 56)
      .toString("latin1")
      .replace(/\0+$/, "");
  for (let at = 0; script.readUInt32LE(at) !== 0; at += 128) {
    const name = text(at + 4);
    const base = bases[name]!;
    switch (script.readUInt32LE(at)) {
      case 1:
        b.file(name).copy(memory, base);
        break;
      case 2: {
        const field = base + script.readUInt32LE(at + 116);
        memory.writeUInt32LE(memory.readUInt32LE(field) + bases[text(at + 60)]!, field);
        break;
      }
      case 3: {
        const [offset, start, length] = [60, 64, 68].map((field) => script.readUInt32LE(at + field));
        const bytes = memory.subarray(base + start!, base + start! + length!);
        expect(memory[base + offset!], "a byte that SeaBIOS counts down and OVMF replaces").toBe(0);
        memory[base + offset!]! -= bytes.reduce((sum, byte) => sum + byte, 0);
      }
    }
  }
  const sum = (at: number, length: number): number =>
    memory.subarray(at, at + length).reduce((total, byte) => (total + byte) & 0xff, 0);
  const signature = (at: number): string => memory.toString("latin1", at, at + 4);
  expect(sum(0x10000, 20)).toBe(0);
  const rsdt = memory.readUInt32LE(0x10010);
  expect(signature(rsdt)).toBe("RSDT");
  const tables = [];
  for (let at = rsdt + 36; at < rsdt + memory.readUInt32LE(rsdt + 4); at += 4)
    tables.push(memory.readUInt32LE(at));
  const fadt = tables.find((at) => signature(at) === "FACP")!;
  expect(signature(memory.readUInt32LE(fadt + 36))).toBe("FACS");
  const dsdt = memory.readUInt32LE(fadt + 40);
  expect(signature(dsdt)).toBe("DSDT");
  for (const at of [rsdt, dsdt, ...tables]) expect(sum(at, memory.readUInt32LE(at + 4))).toBe(0);
});

test("the FADT tells where firmware has put the PM registers", () => {
  const b = new FirmwareBoard();
  b.configure(0xb40, 0xb001); // 01.3: base
  b.configure(0xb80, 1); // and on
  const tables = b.file("etc/acpi/tables");
  const fadt = tables.indexOf("FACP");
  expect([56, 64, 76].map((field) => tables.readUInt32LE(fadt + field))).toEqual([0xb000, 0xb004, 0xb008]);
});

test("SMBIOS: the structures that the entry point counts", () => {
  const b = new FirmwareBoard();
  const entry = b.file("etc/smbios/smbios-anchor");
  const table = b.file("etc/smbios/smbios-tables");
  expect(entry.toString("latin1", 0, 4)).toBe("_SM_");
  expect(entry.readUInt16LE(22)).toBe(table.length);
  const kinds = structures(table).map(({ type }) => type);
  expect(kinds).toEqual([1, 3, 4, 16, 17, 19, 32, 127]);
  expect(entry.readUInt16LE(28)).toBe(kinds.length);
});

interface Structure {
  type: number;
  bytes: Buffer;
  /** The string that the field at `offset` names. */
  text(offset: number): string | undefined;
}

function structures(table: Buffer): Structure[] {
  const found = [];
  for (let at = 0; at < table.length;) {
    const bytes = table.subarray(at, at + table[at + 1]!);
    const end = table.indexOf("\0\0", at + bytes.length, "latin1");
    const texts = table.toString("latin1", at + bytes.length, end).split("\0");
    found.push({ type: bytes[0]!, bytes, text: (offset: number) => texts[bytes[offset]! - 1] });
    at = end + 2;
  }
  return found;
}

describe("what the user has the guest told", () => {
  const told: Told = {
    uuid: "00112233-4455-6677-8899-aabbccddeeff",
    smbios: [
      { type: 1, field: 7, text: "serial" },
      { type: 1, field: 4, text: "Maker" },
      { type: 2, field: 10, text: "here" },
      { type: 11, field: 4, text: "one" },
      { type: 11, field: 4, text: "two" },
    ],
    files: new Map([
      ["opt/b", Buffer.from("bytes of b")],
      ["opt/a", Buffer.from("")],
    ]),
  };
  const b = new FirmwareBoard(1, told);

  test("files, behind ours and in their order", () => {
    expect([...b.files().keys()].slice(-2)).toEqual(["opt/a", "opt/b"]);
    expect(b.file("opt/b").toString()).toBe("bytes of b");
    expect(b.file("opt/a")).toHaveLength(0);
  });

  test("words in SMBIOS, ours where there are none; the UUID begins little-endian there", () => {
    const all = structures(b.file("etc/smbios/smbios-tables"));
    const of = (type: number): Structure => all.find((structure) => structure.type === type)!;
    expect([4, 5, 7, 0x19].map(of(1).text)).toEqual([
      "Maker",
      "Standard PC (i440FX + PIIX, 1996)",
      "serial",
      undefined,
    ]);
    expect(of(1).bytes.toString("hex", 8, 24)).toBe("33221100554477668899aabbccddeeff");
    expect(of(2).text(10)).toBe("here");
    expect([...of(11).bytes.subarray(4)]).toEqual([2]);
    expect(b.item(2, 16).toString("hex")).toBe(told.uuid!.replaceAll("-", ""));
  });

  test("is refused where there is no room for it", () => {
    const files = new Map([["opt/large", Buffer.alloc(1 << 18)]]);
    expect(() => new FirmwareBoard(1, { files })).toThrow(/-fw_cfg has room for 256 KiB in all/);
    const smbios = [{ type: 11, field: 4, text: "x".repeat(0x6000) }];
    expect(() => new FirmwareBoard(1, { smbios })).toThrow(/SMBIOS has room/);
  });
});
