import { expect, test } from "vitest";
import { Board } from "./board.ts";

class PciBoard extends Board {
  get(address: number, size = 4): number {
    this.out(0xcf8, 0x80000000 | (address & ~3), 4);
    return this.in(0xcfc + (address & 3), size);
  }

  set(address: number, value: number, size = 4): void {
    this.out(0xcf8, 0x80000000 | (address & ~3), 4);
    this.out(0xcfc + (address & 3), value, size);
  }
}

test("the chipset's functions answer with their ids, empty slots with ones", () => {
  const b = new PciBoard();
  expect([0x000, 0x800, 0x900, 0xb00, 0x1000, 0x1800].map((address) => b.get(address))).toEqual([
    0x12378086, 0x70008086, 0x70108086, 0x71138086, 0x11111234, 0xffffffff,
  ]);
  expect(b.get(0x80e, 1)).toBe(0x80);
  expect(b.get(0x908)).toBe(0x01018000);
});

test("a base address register tells its size and keeps its address", () => {
  const b = new PciBoard();
  b.set(0x920, 0xffffffff);
  expect(b.get(0x920)).toBe(0xfffffff1);
  b.set(0x920, 0xc041);
  expect(b.get(0x920)).toBe(0xc041);
});

test("configuration decodes dwords at CF8h only, and bus 0 only", () => {
  const b = new PciBoard();
  b.out(0xcf8, 0x80010000, 4);
  expect(b.in(0xcfc, 4)).toBe(0xffffffff);
  b.out(0xcf8, 0x12);
  expect(b.in(0xcf8, 4)).toBe(0x80010000);
});

test("the PM registers appear where PMBASE says: timer, ACPI mode, the power button's interrupt, power off", () => {
  const b = new PciBoard();
  b.initialisePics();
  expect(b.in(0x608, 4)).toBe(0xffffffff);
  b.set(0xb40, 0x601);
  b.set(0xb80, 1, 1);
  b.pass(1e9);
  expect(b.in(0x608, 4)).toBe(3579545);
  b.out(0xb2, 0xf1);
  expect(b.in(0x604, 2)).toBe(1);
  b.out(0x602, 1, 2); // timer event
  b.pass(b.deadline);
  expect(b.in(0x600, 2) & 1).toBe(1);
  expect(b.acknowledge()).toBe(0x71);
  b.out(0x600, 1, 2);
  expect(b.in(0x600, 2)).toBe(0);
  expect(b.chips.takeExit()).toBe(0);
  b.out(0x604, 0x2000, 2);
  expect(b.chips.takeExit()).toBe(2);
});

test("ports 92h and CF9h reset", () => {
  const b = new Board();
  b.out(0x92, 2);
  expect(b.chips.takeExit()).toBe(0);
  b.out(0x92, 3);
  expect(b.chips.takeExit()).toBe(3);
  b.out(0xcf9, 2);
  expect(b.chips.takeExit()).toBe(0);
  b.out(0xcf9, 6);
  expect(b.chips.takeExit()).toBe(3);
});

test("what no chip decodes reads ones", () => {
  const b = new Board();
  expect([b.in(0x300), b.in(0x300, 2), b.in(0x300, 4)]).toEqual([0xff, 0xffff, 0xffffffff]);
  expect(b.read(0xfd000000)).toBe(0xffffffff);
});

test("every port can be read and written without harm", () => {
  const b = new Board({ vcpus: 2, disks: [4096] });
  let seed = 1;
  for (let i = 0; i < 200_000; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const port = seed >>> 16;
    const size = [1, 2, 4][seed % 3]!;
    if (seed & 0x80) b.in(port, size);
    else b.out(port, seed, size);
  }
  b.pass(1e9);
  expect(b.deadline).toBeGreaterThan(0);
});
