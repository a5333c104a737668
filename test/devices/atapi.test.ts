import { expect, test } from "vitest";
import { Board } from "./board.ts";

const DATA = 0x170;
const STATUS = 0x177;
const MASTER = 0xc008;
const CD = 2;
const DRIVE_CD = 2;

/** A CD-ROM drive as secondary master; block n of its medium is filled with n + 1. */
class CdBoard extends Board {
  constructor(blocks = 100) {
    super({ drives: [[CD, DRIVE_CD, blocks * 4]] });
    this.initialisePics();
    this.configure(0x940, 0x80008000); // 01.1: both channels decode
    this.configure(0x920, 0xc001);
    this.configure(0x904, 5);
    this.out(DATA + 6, 0xa0);
  }

  serve(): void {
    const memory = new Uint8Array(this.chips.memory.buffer);
    for (const request of this.takeRequests()) {
      expect(request).toMatchObject({ drive: CD, operation: 0 });
      let at = request.sector * 512;
      for (const { address, length } of request.segments)
        for (let i = 0; i < length; i++) memory[address + i] = (at++ >> 11) + 1;
      this.chips.completeBlock(request.slot, 0);
    }
  }

  send(packet: number[], { limit = 0xfffe, features = 0 } = {}): void {
    this.out(DATA + 1, features);
    this.out(DATA + 4, limit & 0xff);
    this.out(DATA + 5, limit >> 8);
    this.out(STATUS, 0xa0);
    expect([this.in(STATUS), this.in(DATA + 2)]).toEqual([0x58, 1]);
    const bytes = Uint8Array.from({ length: 12 }, (_, i) => packet[i] ?? 0);
    for (const word of new Uint16Array(bytes.buffer)) this.out(DATA, word, 2);
    this.serve();
  }

  /** Sends a packet and reads its answer by PIO, block by block; `blocks` are their lengths. */
  ask(packet: number[], options?: { limit?: number }): { bytes: number[]; blocks: number[] } {
    this.send(packet, options);
    const bytes: number[] = [];
    const blocks: number[] = [];
    while (this.in(STATUS) === 0x58) {
      expect(this.in(DATA + 2)).toBe(2);
      const length = this.in(DATA + 4) | (this.in(DATA + 5) << 8);
      blocks.push(length);
      for (let i = 0; i < length; i += 2) {
        const word = this.in(DATA, 2);
        bytes.push(word & 0xff, word >> 8);
      }
      this.serve();
    }
    expect([this.in(STATUS), this.in(DATA + 2)]).toEqual([0x50, 3]);
    return { bytes, blocks };
  }

  /** Sends a packet that fails; returns the sense key and code that the drive tells, as 0xKKCC. */
  refused(packet: number[]): number {
    this.send(packet);
    expect([this.in(STATUS), this.in(DATA + 2)]).toEqual([0x51, 3]);
    const error = this.in(DATA + 1);
    const sense = this.ask([0x03, 0, 0, 0, 18]).bytes;
    expect(error).toBe((sense[2]! << 4) | (sense[2] === 5 ? 4 : 0));
    return (sense[2]! << 8) | sense[12]!;
  }

  change(blocks: number): void {
    this.chips.changeMedium(CD, blocks * 4, 0, 1);
  }
}

const TEST_UNIT_READY = [0x00];
const EJECT = [0x1b, 0, 0, 0, 2];
const LOAD = [0x1b, 0, 0, 0, 3];
const GET_EVENT_STATUS = [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8];
const read10 = (block: number, count: number): number[] => [0x28, 0, 0, 0, 0, block, 0, 0, count];

test("the signature, and IDENTIFY DEVICE refused with it", () => {
  const b = new CdBoard();
  const signature = (): number[] => [2, 3, 4, 5].map((i) => b.in(DATA + i));
  expect(signature()).toEqual([1, 1, 0x14, 0xeb]);
  b.out(STATUS, 0xec);
  expect([b.in(STATUS), b.in(DATA + 1)]).toEqual([0x51, 0x04]);
  expect(signature()).toEqual([1, 1, 0x14, 0xeb]);
});

test("IDENTIFY PACKET DEVICE", () => {
  const b = new CdBoard();
  b.out(STATUS, 0xa1);
  const words = Array.from({ length: 256 }, () => b.in(DATA, 2));
  expect(words[0]).toBe(0x85c0);
  const model = words.slice(27, 47).map((w) => String.fromCharCode(w >> 8, w & 0xff));
  expect(model.join("").trim()).toBe("QEMU DVD-ROM");
  expect(words[49]).toBe(0x0300);
});

test("INQUIRY gives no more than the guest has room for", () => {
  const b = new CdBoard();
  const whole = b.ask([0x12, 0, 0, 0, 96]).bytes;
  expect(whole).toHaveLength(36);
  expect(whole.slice(0, 5)).toEqual([0x05, 0x80, 0x00, 0x21, 31]);
  expect(String.fromCharCode(...whole.slice(8, 36))).toBe("QEMU    QEMU DVD-ROM    2.5+");
  expect(b.ask([0x12, 0, 0, 0, 8]).bytes).toEqual(whole.slice(0, 8));
});

test("READ CAPACITY names the last block", () => {
  expect(new CdBoard(100).ask([0x25]).bytes).toEqual([0, 0, 0, 99, 0, 0, 8, 0]);
});

test("READ(10) by PIO: blocks as long as the byte count allows, each with an interrupt", () => {
  const b = new CdBoard();
  const { bytes, blocks } = b.ask(read10(3, 40), { limit: 4096 });
  expect(blocks).toEqual(Array(20).fill(4096));
  expect(bytes).toEqual(Array.from({ length: 40 * 2048 }, (_, i) => 4 + (i >> 11)));
  b.send(read10(0, 1));
  expect(b.acknowledge()).toBe(0x77);
});

test("READ(10) by DMA lands in memory", () => {
  const b = new CdBoard();
  const view = new DataView(b.ram.buffer, b.ram.byteOffset);
  view.setUint32(0x1000, 0x20000, true);
  view.setUint32(0x1004, 0x80001000, true);
  b.out(MASTER + 4, 0x1000, 4);
  b.out(MASTER, 9);
  b.send(read10(7, 2), { features: 1 });
  expect([b.in(STATUS), b.in(DATA + 2)]).toEqual([0x50, 3]);
  expect(b.in(MASTER + 2) & 7).toBe(4);
  expect([...b.ram.subarray(0x207fe, 0x20802)]).toEqual([8, 8, 9, 9]);
});

test("an answer by DMA", () => {
  const b = new CdBoard();
  const view = new DataView(b.ram.buffer, b.ram.byteOffset);
  view.setUint32(0x1000, 0x30000, true);
  view.setUint32(0x1004, 0x80000000 | 8, true);
  b.out(MASTER + 4, 0x1000, 4);
  b.send([0x25], { features: 1 });
  b.out(MASTER, 9);
  expect(b.in(STATUS)).toBe(0x50);
  expect([...b.ram.subarray(0x30000, 0x30008)]).toEqual([0, 0, 0, 99, 0, 0, 8, 0]);
});

test("READ TOC: one data track and the lead-out, by block or by time", () => {
  const b = new CdBoard(100);
  const toc = (flags: number): number[] => b.ask([0x43, flags, 0, 0, 0, 0, 0, 0, 64]).bytes;
  expect(toc(0)).toEqual([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 0, 100]);
  expect(toc(2)).toEqual([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 2, 0, 0, 0x14, 0xaa, 0, 0, 0, 3, 25]);
});

test("GET CONFIGURATION: a CD, a DVD by its size, nothing in an empty tray", () => {
  const profiles = (blocks: number): number[] => {
    const bytes = new CdBoard(blocks).ask([0x46, 0, 0, 0, 0, 0, 0, 0, 64]).bytes;
    return [bytes[7]!, bytes[14]!, bytes[18]!];
  };
  expect(profiles(100)).toEqual([0x08, 0, 1]);
  expect(profiles(524288)).toEqual([0x10, 1, 0]);
  expect(profiles(0)).toEqual([0, 0, 0]);
});

test("MODE SENSE(10) knows three pages", () => {
  const b = new CdBoard();
  const page = b.ask([0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 64]).bytes;
  expect(page.slice(0, 14)).toEqual([0, 28, 0x70, 0, 0, 0, 0, 0, 0x2a, 0x14, 0x3b, 0x00, 0x71, 0x60]);
  expect(b.refused([0x5a, 0, 0x1a, 0, 0, 0, 0, 0, 64])).toBe(0x0524);
});

test("what is refused, and why", () => {
  const b = new CdBoard(100);
  expect(b.refused([0x42])).toBe(0x0520);
  expect(b.refused(read10(99, 2))).toBe(0x0521);
  expect(b.refused([0x4a, 0])).toBe(0x0524);
  const empty = new CdBoard(0);
  expect(empty.refused(TEST_UNIT_READY)).toBe(0x023a);
  expect(empty.refused(read10(0, 1))).toBe(0x023a);
});

test("eject and load; a locked tray stays shut", () => {
  const b = new CdBoard();
  b.ask([0x1e, 0, 0, 0, 1]);
  expect(b.refused(EJECT)).toBe(0x0553);
  b.ask([0x1e]);
  b.ask(EJECT);
  expect(b.refused(TEST_UNIT_READY)).toBe(0x023a);
  expect(b.ask(GET_EVENT_STATUS).bytes).toEqual([0, 4, 4, 0x10, 0, 1, 0, 0]);
  b.ask(LOAD);
  b.ask(TEST_UNIT_READY);
});

test("another medium: gone, changed, ready, and one event", () => {
  const b = new CdBoard(100);
  b.change(50);
  expect(b.refused(TEST_UNIT_READY)).toBe(0x023a);
  expect(b.refused(TEST_UNIT_READY)).toBe(0x0628);
  b.ask(TEST_UNIT_READY);
  expect(b.ask([0x25]).bytes[3]).toBe(49);
  expect(b.ask(GET_EVENT_STATUS).bytes[4]).toBe(2);
  expect(b.ask(GET_EVENT_STATUS).bytes[4]).toBe(0);
});
