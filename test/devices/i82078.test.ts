import { expect, test } from "vitest";
import { Board, type BlockRequest } from "./board.ts";

const DOR = 0x3f2;
const MSR = 0x3f4;
const FIFO = 0x3f5;
const DIR = 0x3f7;
const CCR = 0x3f7;
const FLOPPY = 4;
const DRIVE_FLOPPY = 3;
const SECTORS_1440K = 2880;

/** Drive A with a disk, as firmware leaves the controller; the test is the host, and knows sectors by their number. */
class FloppyBoard extends Board {
  readonly image: Uint8Array;

  constructor({ sectors = SECTORS_1440K, ready = true } = {}) {
    super({ drives: [[FLOPPY, DRIVE_FLOPPY, sectors]] });
    this.image = Uint8Array.from({ length: sectors * 512 }, (_, i) => (i >> 9) + i);
    this.initialisePics();
    if (!ready) return;
    this.out(DOR, 0x1c);
    for (let i = 0; i < 4; i++) this.command(0x08);
    this.out(CCR, sectors === SECTORS_1440K ? 0 : 1);
    this.command(0x03, 0xaf, 0x02);
    this.command(0x07, 0);
    this.command(0x08);
  }

  /** Sends a command's bytes, lets the host serve, and returns the results. */
  command(...bytes: number[]): number[] {
    for (const byte of bytes) {
      expect(this.in(MSR) & 0xc0).toBe(0x80);
      this.out(FIFO, byte);
    }
    this.serve();
    return this.results();
  }

  results(): number[] {
    const results = [];
    while ((this.in(MSR) & 0xc0) === 0xc0 && results.length < 16) results.push(this.in(FIFO));
    return results;
  }

  serve(): BlockRequest[] {
    const all: BlockRequest[] = [];
    const memory = new Uint8Array(this.chips.memory.buffer);
    for (let requests = this.takeRequests(); requests.length > 0; requests = this.takeRequests())
      for (const request of requests) {
        const at = request.sector * 512;
        const [{ address, length }] = request.segments as [{ address: number; length: number }];
        if (request.operation === 0) memory.set(this.image.subarray(at, at + length), address);
        else this.image.set(memory.subarray(address, address + length), at);
        this.chips.completeBlock(request.slot, 0);
        all.push(request);
      }
    return all;
  }

  /** DMA channel 2: `mode` 44h or 46h to memory, 48h or 4Ah from memory. */
  dma(mode: number, address: number, bytes: number): void {
    this.out(0x0a, 0x06);
    this.out(0x0c, 0);
    this.out(0x04, address & 0xff);
    this.out(0x04, (address >> 8) & 0xff);
    this.out(0x81, address >> 16);
    this.out(0x05, (bytes - 1) & 0xff);
    this.out(0x05, (bytes - 1) >> 8);
    this.out(0x0b, mode);
    this.out(0x0a, 0x02);
  }

  sectors(first: number, count: number): Uint8Array {
    return this.image.slice(first * 512, (first + count) * 512);
  }
}

const READ = 0xe6; // several tracks, double density, skip deleted
const WRITE = 0xc5;
const TO_MEMORY = 0x46;
const FROM_MEMORY = 0x4a;

test("after reset four drives answer, then there is nothing to tell", () => {
  const b = new FloppyBoard({ ready: false });
  expect(b.in(MSR)).toBe(0);
  b.out(DOR, 0x0c);
  expect(b.in(MSR)).toBe(0x80);
  expect(b.acknowledge()).toBe(0x0e);
  for (let drive = 0; drive < 4; drive++) expect(b.command(0x08)).toEqual([0xc0 | drive, 0]);
  expect(b.command(0x08)).toEqual([0x80]);
});

test("what the controller says of itself", () => {
  const b = new FloppyBoard();
  expect(b.command(0x10)).toEqual([0x90]);
  expect(b.command(0x18)).toEqual([0x41]);
  expect(b.command(0x94)).toEqual([0x10]);
  expect(b.command(0x14)).toEqual([0x00]);
  expect(b.command(0x1f)).toEqual([0x80]);
  expect(b.command(0x04, 0)).toEqual([0x38]);
});

test("SEEK and RECALIBRATE move the heads and interrupt", () => {
  const b = new FloppyBoard();
  b.out(0x20, 0x20);
  b.command(0x0f, 0, 40);
  expect(b.acknowledge()).toBe(0x0e);
  expect(b.command(0x08)).toEqual([0x20, 40]);
  b.command(0x07, 0);
  expect(b.command(0x08)).toEqual([0x20, 0]);
});

test("READ DATA by DMA ends at terminal count and names the next sector", () => {
  const b = new FloppyBoard();
  b.dma(TO_MEMORY, 0x20000, 3 * 512);
  expect(b.command(READ, 0, 0, 0, 2, 2, 18, 0x1b, 0xff)).toEqual([0, 0, 0, 0, 0, 5, 2]);
  expect(b.ram.slice(0x20000, 0x20600)).toEqual(b.sectors(1, 3));
  expect(b.in(0x08) & 0x0f).toBe(4);
});

test("a transfer goes on with the other side, and ends behind the cylinder", () => {
  const b = new FloppyBoard();
  b.command(0x0f, 0, 1);
  b.command(0x08);
  b.dma(TO_MEMORY, 0x30000, 36 * 512);
  expect(b.command(READ, 0, 1, 0, 1, 2, 18, 0x1b, 0xff)).toEqual([4, 0, 0, 2, 0, 1, 2]);
  expect(b.ram.slice(0x30000, 0x30000 + 36 * 512)).toEqual(b.sectors(36, 36));
});

test("without terminal count the end of the cylinder is an error", () => {
  const b = new FloppyBoard();
  b.dma(TO_MEMORY, 0x20000, 0x8000);
  expect(b.command(0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff)).toEqual([0x40, 0x80, 0, 1, 0, 1, 2]);
});

test("WRITE DATA by DMA", () => {
  const b = new FloppyBoard();
  b.ram.fill(0x5a, 0x40000, 0x40400);
  b.dma(FROM_MEMORY, 0x40000, 1024);
  expect(b.command(WRITE, 4, 0, 1, 3, 2, 18, 0x1b, 0xff)).toEqual([4, 0, 0, 0, 1, 5, 2]);
  expect(b.sectors(20, 2).every((byte) => byte === 0x5a)).toBe(true);
  expect(b.image[22 * 512]).toBe((22 + 22 * 512) & 0xff);
});

test("FORMAT TRACK fills the sectors of one side", () => {
  const b = new FloppyBoard();
  b.dma(FROM_MEMORY, 0x40000, 18 * 4);
  expect(b.command(0x4d, 0, 2, 18, 0x6c, 0xf6)[0]).toBe(0);
  expect(b.sectors(0, 18).every((byte) => byte === 0xf6)).toBe(true);
  expect(b.image[18 * 512]).toBe((18 + 18 * 512) & 0xff);
});

test("without DMA the processor takes each byte", () => {
  const b = new FloppyBoard();
  b.command(0x03, 0xaf, 0x03);
  for (const byte of [READ, 0, 0, 0, 18, 2, 18, 0x1b, 0xff]) b.out(FIFO, byte);
  b.serve();
  const bytes = [];
  while ((b.in(MSR) & 0xf0) === 0xf0) {
    bytes.push(b.in(FIFO));
    if (bytes.length % 512 === 0) b.serve();
    if (bytes.length === 512 * 19) break;
  }
  expect(Uint8Array.from(bytes)).toEqual(b.sectors(17, 19));
  expect(b.results().slice(0, 2)).toEqual([0x44, 0x80]);
});

test("the wrong data rate, cylinder, sector size finds nothing", () => {
  const b = new FloppyBoard();
  b.dma(TO_MEMORY, 0x20000, 512);
  b.out(CCR, 2);
  expect(b.command(READ, 0, 0, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0x40, 0x01, 0]);
  b.out(CCR, 0);
  expect(b.command(READ, 0, 5, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0x40, 0x04, 0x10]);
  expect(b.command(READ, 0, 0, 0, 1, 3, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0x40, 0x04, 0]);
  expect(b.command(READ, 0, 0, 0, 19, 2, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0x40, 0x04, 0]);
  expect(b.command(0x4a, 0)).toEqual([0, 0, 0, 0, 0, 1, 2]);
});

test("the change line falls with a step, once a disk is in", () => {
  const b = new FloppyBoard();
  expect(b.in(DIR)).toBe(0);
  b.chips.changeMedium(FLOPPY, 0, 0, 0);
  expect(b.in(DIR)).toBe(0x80);
  b.command(0x0f, 0, 1);
  expect(b.in(DIR)).toBe(0x80);
  b.chips.changeMedium(FLOPPY, SECTORS_1440K, 0, 1);
  b.command(0x0f, 0, 0);
  expect(b.in(DIR)).toBe(0);
  b.command(0x08);
  b.dma(FROM_MEMORY, 0x40000, 512);
  expect(b.command(WRITE, 0, 0, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 2)).toEqual([0x40, 0x02]);
});

test("a reset forgets what is under way", () => {
  const b = new FloppyBoard();
  b.dma(TO_MEMORY, 0x20000, 512);
  for (const byte of [READ, 0, 0, 0, 1, 2, 18, 0x1b, 0xff]) b.out(FIFO, byte);
  b.out(DOR, 0x18);
  b.out(DOR, 0x1c);
  b.serve();
  expect(b.in(MSR)).toBe(0x80);
  expect(b.ram[0x20000]).toBe(0);
});

test.each([
  [720, 0x20],
  [1440, 0x40],
  [2400, 0x20],
  [2880, 0x40],
  [5760, 0x50],
  [0, 0x50],
  [1234, 0x50],
])("an image of %d sectors makes CMOS say drive %i", (sectors, type) => {
  const b = new FloppyBoard({ sectors, ready: false });
  b.out(0x70, 0x10);
  expect(b.in(0x71)).toBe(type);
  b.out(0x70, 0x14);
  expect(b.in(0x71)).toBe(0x07);
});
