import { expect, test } from "vitest";
import { Board, type BlockRequest } from "./board.ts";

const DATA = 0x1f0;
const STATUS = 0x1f7;
const CONTROL = 0x3f6;
const MASTER = 0xc000;

/** A board with firmware's settings (none of them in IDETIM, as OVMF leaves it), and the test as host of its disk. */
class DiskBoard extends Board {
  readonly image: Uint8Array;

  constructor(sectors = 4096) {
    super({ disks: [sectors] });
    this.image = Uint8Array.from({ length: sectors * 512 }, (_, i) => (i >> 9) * 7 + i);
    this.initialisePics();
    this.configure(0x920, MASTER | 1);
    this.configure(0x904, 5);
  }

  command(command: number, lba: number, count: number, device = 0xe0): void {
    this.out(DATA + 2, count);
    this.out(DATA + 3, lba & 0xff);
    this.out(DATA + 4, (lba >> 8) & 0xff);
    this.out(DATA + 5, (lba >> 16) & 0xff);
    this.out(DATA + 6, device | ((lba >> 24) & 15));
    this.out(STATUS, command);
  }

  /** Serves what waits; returns it. */
  serve(status = 0): BlockRequest[] {
    const requests = this.takeRequests();
    const memory = new Uint8Array(this.chips.memory.buffer);
    for (const request of requests) {
      let at = request.sector * 512;
      for (const { address, length } of request.segments) {
        if (request.operation === 0) memory.set(this.image.subarray(at, at + length), address);
        if (request.operation === 1) this.image.set(memory.subarray(address, address + length), at);
        at += length;
      }
      this.chips.completeBlock(request.slot, status);
    }
    return requests;
  }

  readSector(): Uint8Array {
    const words = Uint16Array.from({ length: 256 }, () => this.in(DATA, 2));
    return new Uint8Array(words.buffer);
  }

  sectors(lba: number, count: number): Uint8Array {
    return this.image.slice(lba * 512, (lba + count) * 512);
  }

  /** A descriptor table at 1000h; rows are [address, bytes]. */
  describe(...rows: [number, number][]): void {
    const view = new DataView(this.ram.buffer, this.ram.byteOffset + 0x1000);
    rows.forEach(([address, bytes], i) => {
      view.setUint32(i * 8, address, true);
      view.setUint32(i * 8 + 4, (bytes & 0xffff) | (i === rows.length - 1 ? 0x80000000 : 0), true);
    });
    this.out(MASTER + 4, 0x1000, 4);
  }
}

test("signature and status after reset", () => {
  const b = new DiskBoard();
  expect([2, 3, 4, 5].map((i) => b.in(DATA + i))).toEqual([1, 1, 0, 0]);
  expect(b.in(STATUS)).toBe(0x50);
  b.out(CONTROL, 4);
  expect(b.in(CONTROL)).toBe(0x80);
  b.out(CONTROL, 0);
  expect(b.in(CONTROL)).toBe(0x50);
});

test("an absent slave reads status 0; a channel without drives floats", () => {
  const b = new DiskBoard();
  b.out(DATA + 6, 0xb0);
  expect(b.in(STATUS)).toBe(0);
  expect(b.in(0x177)).toBe(0x7f);
});

test("IDENTIFY describes the disk", () => {
  const b = new DiskBoard(4096);
  b.command(0xec, 0, 0);
  expect(b.in(STATUS)).toBe(0x58);
  const words = new Uint16Array(b.readSector().buffer);
  const text = (first: number, count: number): string =>
    Array.from(words.subarray(first, first + count), (w) => String.fromCharCode(w >> 8, w & 255)).join("");
  expect(text(27, 20).trim()).toBe("QEMU HARDDISK");
  expect(text(10, 10).trim()).toBe("QM00001");
  expect(words[49]).toBe(0x0b00);
  expect(words[60]! | (words[61]! << 16)).toBe(4096);
  expect(words[100]).toBe(4096);
  expect(words[88]).toBe(0x203f);
  expect(b.in(STATUS)).toBe(0x50);
});

test("READ SECTORS: each sector asks, and the data is the disk's", () => {
  const b = new DiskBoard();
  b.command(0x20, 5, 3);
  expect(b.in(CONTROL)).toBe(0x80);
  expect(b.serve()).toMatchObject([{ sector: 5, length: 1536, operation: 0, drive: 0 }]);
  for (let i = 0; i < 3; i++) {
    expect(b.acknowledge()).toBe(0x76);
    expect(b.in(STATUS)).toBe(0x58);
    b.out(0xa0, 0x20);
    b.out(0x20, 0x20);
    expect(b.readSector()).toEqual(b.sectors(5 + i, 1));
  }
  expect(b.in(STATUS)).toBe(0x50);
  expect(b.acknowledge()).toBe(-1);
});

test("WRITE MULTIPLE takes blocks and writes them where they belong", () => {
  const b = new DiskBoard();
  b.command(0xc5, 100, 20);
  const words = Uint16Array.from({ length: 20 * 256 }, (_, i) => i * 31);
  for (const word of words) {
    expect(b.in(CONTROL) & 8).toBe(8);
    b.out(DATA, word, 2);
  }
  expect(b.in(CONTROL)).toBe(0x80);
  b.serve();
  expect(b.in(STATUS)).toBe(0x50);
  expect(b.sectors(100, 20)).toEqual(new Uint8Array(words.buffer));
});

test("READ DMA scatters over the descriptor table and ends with an interrupt", () => {
  const b = new DiskBoard();
  b.describe([0x20000, 512], [0x30000, 1024], [0x30400, 512]);
  b.command(0xc8, 9, 4);
  expect(b.takeRequests()).toEqual([]);
  b.out(MASTER, 9);
  const [request] = b.serve();
  // Neighbouring descriptors are one segment.
  expect(request!.segments.map((s) => s.length)).toEqual([512, 1536]);
  expect(b.acknowledge()).toBe(0x76);
  expect(b.in(MASTER + 2)).toBe(4);
  expect(b.in(STATUS)).toBe(0x50);
  expect(b.ram.slice(0x20000, 0x20200)).toEqual(b.sectors(9, 1));
  expect(b.ram.slice(0x30000, 0x30600)).toEqual(b.sectors(10, 3));
  b.out(MASTER, 0);
  b.out(MASTER + 2, 4);
  expect(b.in(MASTER + 2)).toBe(0);
});

test("WRITE DMA EXT with a 48-bit address", () => {
  const b = new DiskBoard();
  b.ram.fill(0xa5, 0x40000, 0x40000 + 1024);
  b.describe([0x40000, 1024]);
  b.out(MASTER, 1);
  for (const [register, high, low] of [
    [2, 0, 2],
    [3, 0, 0x10],
    [4, 0, 0x02],
    [5, 0, 0],
  ] as const) {
    b.out(DATA + register, high);
    b.out(DATA + register, low);
  }
  b.out(DATA + 6, 0x40);
  b.out(STATUS, 0x35);
  expect(b.serve()).toMatchObject([{ sector: 0x210, operation: 1 }]);
  expect(b.sectors(0x210, 2).every((byte) => byte === 0xa5)).toBe(true);
});

test("a descriptor outside RAM fails the transfer", () => {
  const b = new DiskBoard();
  b.describe([0xfffff000, 512]);
  b.command(0xc8, 0, 1);
  b.out(MASTER, 9);
  expect(b.takeRequests()).toEqual([]);
  expect(b.in(MASTER + 2) & 3).toBe(2);
  expect(b.in(STATUS) & 1).toBe(1);
});

test("sectors beyond the end are not found; unknown commands abort", () => {
  const b = new DiskBoard(4096);
  b.command(0x20, 4095, 2);
  expect([b.in(STATUS), b.in(DATA + 1)]).toEqual([0x51, 0x10]);
  b.command(0x22, 0, 1);
  expect([b.in(STATUS), b.in(DATA + 1)]).toEqual([0x51, 0x04]);
});

test("FLUSH CACHE waits for the host; a host error is the guest's error", () => {
  const b = new DiskBoard();
  b.command(0xe7, 0, 0);
  expect(b.in(CONTROL)).toBe(0x80);
  expect(b.serve(1)).toMatchObject([{ operation: 2 }]);
  expect(b.in(STATUS)).toBe(0x51);
});

test("DATA SET MANAGEMENT trims each range", () => {
  const b = new DiskBoard();
  const ranges = new DataView(b.ram.buffer, b.ram.byteOffset + 0x50000);
  ranges.setBigUint64(0, (8n << 48n) | 16n, true);
  ranges.setBigUint64(8, (4n << 48n) | 100n, true);
  b.describe([0x50000, 512]);
  b.out(MASTER, 1);
  b.out(DATA + 1, 1);
  b.command(0x06, 0, 1);
  expect(b.serve()).toMatchObject([{ operation: 3, sector: 16, length: 4096 }]);
  expect(b.serve()).toMatchObject([{ operation: 3, sector: 100, length: 2048 }]);
  expect(b.in(STATUS)).toBe(0x50);
});

test("nIEN keeps the line low", () => {
  const b = new DiskBoard();
  b.out(CONTROL, 2);
  b.command(0xec, 0, 0);
  expect(b.acknowledge()).toBe(-1);
});

test("a reset forgets what is under way", () => {
  const b = new DiskBoard();
  b.command(0x20, 5, 3);
  b.chips.resetChips();
  b.serve();
  b.configure(0x940, 0x80008000);
  expect(b.in(STATUS)).toBe(0x50);
});
