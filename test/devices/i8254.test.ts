import { expect, test } from "vitest";
import { Board } from "./board.ts";

const TICK = 1e9 / 1193182;

function load(b: Board, counter: number, mode: number, count: number): void {
  b.out(0x43, (counter << 6) | 0x30 | (mode << 1));
  b.out(0x40 + counter, count & 0xff);
  b.out(0x40 + counter, count >> 8);
}

function readCount(b: Board, counter: number): number {
  b.out(0x43, counter << 6);
  const low = b.in(0x40 + counter);
  return low | (b.in(0x40 + counter) << 8);
}

test("mode 2 counts down, reloads, and interrupts once a period", () => {
  const b = new Board();
  b.initialisePics();
  load(b, 0, 2, 1000);
  b.pass(Math.ceil(TICK * 101));
  expect(readCount(b, 0)).toBeGreaterThanOrEqual(899);
  expect(readCount(b, 0)).toBeLessThanOrEqual(901);
  const times = [];
  while (times.length < 12) {
    b.pass(b.deadline);
    if (b.acknowledge() !== 0x08) continue;
    times.push(b.now);
    b.out(0x20, 0x20);
  }
  // Eleven periods of 838.1 µs.
  expect(Math.round((times[11]! - times[0]!) / 1000)).toBe(9219);
});

test("a count written while mode 2 runs takes effect at the next period", () => {
  const b = new Board();
  load(b, 0, 2, 10000);
  b.pass(Math.ceil(TICK * 100));
  b.out(0x40, 100);
  b.out(0x40, 0);
  expect(readCount(b, 0)).toBeGreaterThan(9890);
  b.pass(Math.ceil(TICK * 9950));
  expect(readCount(b, 0)).toBeLessThanOrEqual(100);
});

test("mode 3 counts by two and shows a square wave", () => {
  const b = new Board();
  b.out(0x61, 1);
  load(b, 2, 3, 1000);
  b.pass(Math.ceil(TICK * 101));
  expect(readCount(b, 2) & 1).toBe(0);
  expect(Math.abs(readCount(b, 2) - 800)).toBeLessThanOrEqual(4);
  expect(b.in(0x61) & 0x20).toBe(0x20);
  b.pass(Math.ceil(TICK * 450));
  expect(b.in(0x61) & 0x20).toBe(0);
});

test("mode 0 raises timer 2's output when the count has run out, as TSC calibration waits for", () => {
  const b = new Board();
  b.out(0x61, (b.in(0x61) & ~2) | 1);
  load(b, 2, 0, 11932); // 10 ms
  expect(b.in(0x61) & 0x20).toBe(0);
  b.pass(9_990_000);
  expect(b.in(0x61) & 0x20).toBe(0);
  b.pass(20_000);
  expect(b.in(0x61) & 0x20).toBe(0x20);
});

test("a low gate stops timer 2", () => {
  const b = new Board();
  b.out(0x61, 1);
  load(b, 2, 0, 5000);
  b.pass(Math.ceil(TICK * 1000));
  b.out(0x61, 0);
  const held = readCount(b, 2);
  b.pass(Math.ceil(TICK * 1000));
  expect(readCount(b, 2)).toBe(held);
  b.out(0x61, 1);
  b.pass(Math.ceil(TICK * 1000));
  expect(Math.abs(readCount(b, 2) - (held - 1000))).toBeLessThanOrEqual(2);
});

test("mode 4 strobes once: a single interrupt for a one-shot timer", () => {
  const b = new Board();
  b.initialisePics();
  load(b, 0, 4, 1193);
  b.acknowledge();
  b.out(0x20, 0x20);
  expect(Math.abs(b.deadline - 1_000_000)).toBeLessThan(3000);
  b.pass(b.deadline);
  expect(b.acknowledge()).toBe(0x08);
  expect(b.deadline).toBe(Infinity);
});

test("read-back latches state and count together", () => {
  const b = new Board();
  load(b, 0, 2, 4660);
  b.pass(Math.ceil(TICK * 10));
  b.out(0x43, 0xc2);
  expect(b.in(0x40)).toBe(0xb4); // OUT high, both bytes, mode 2
  expect(b.in(0x40) | (b.in(0x40) << 8)).toBeGreaterThan(4640);
});

test("BCD counts in decimal digits", () => {
  const b = new Board();
  b.out(0x43, 0x35);
  b.out(0x40, 0x00);
  b.out(0x40, 0x10); // 1000
  b.pass(Math.ceil(TICK * 2));
  expect(readCount(b, 0) & 0xff0).toBe(0x990);
});
