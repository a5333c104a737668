import { expect, test } from "vitest";
import { Board } from "./board.ts";

const SECOND = 1e9;

function read(b: Board, index: number): number {
  b.out(0x70, index);
  return b.in(0x71);
}

function write(b: Board, index: number, value: number): void {
  b.out(0x70, index);
  b.out(0x71, value);
}

const time = (b: Board): number[] => [4, 2, 0].map((index) => read(b, index));
const date = (b: Board): number[] => [0x32, 9, 8, 7, 6].map((index) => read(b, index));

test("shows the host's time in BCD, Sunday being 1", () => {
  const b = new Board();
  expect(time(b)).toEqual([0x12, 0x34, 0x56]);
  expect(date(b)).toEqual([0x20, 0x26, 0x03, 0x01, 1]);
  b.pass(4 * SECOND);
  expect(time(b)).toEqual([0x12, 0x35, 0x00]);
});

test("binary and 12-hour forms", () => {
  const b = new Board();
  write(b, 0x0b, 0x04);
  b.pass(SECOND * 3600);
  expect(time(b)).toEqual([0x81, 34, 56]); // 1 pm
});

test("update in progress stands before a second changes, never right after", () => {
  const b = new Board();
  expect(read(b, 0x0a) & 0x80).toBe(0);
  b.pass(SECOND - 1e6);
  expect(read(b, 0x0a) & 0x80).toBe(0x80);
  b.pass(1e6);
  expect(read(b, 0x0a) & 0x80).toBe(0);
});

test("a time set by the guest runs on from there", () => {
  const b = new Board();
  write(b, 0x0b, 0x82);
  for (const [index, value] of [
    [4, 0x23],
    [2, 0x59],
    [0, 0x59],
    [7, 0x31],
    [8, 0x12],
    [9, 0x99],
    [0x32, 0x19],
  ] as const)
    write(b, index, value);
  b.pass(5 * SECOND);
  expect(time(b)).toEqual([0x23, 0x59, 0x59]);
  write(b, 0x0b, 0x02);
  b.pass(SECOND);
  expect(time(b)).toEqual([0, 0, 0]);
  expect(date(b)).toEqual([0x20, 0x00, 0x01, 0x01, 7]);
});

test("the periodic interrupt comes at the chosen rate and waits for register C to be read", () => {
  const b = new Board();
  b.initialisePics();
  write(b, 0x0a, 0x26); // 1024 Hz
  write(b, 0x0b, 0x42);
  read(b, 0x0c);
  let interrupts = 0;
  for (; b.now < SECOND / 4; b.pass(b.deadline)) {
    if (b.acknowledge() !== 0x70) continue;
    interrupts++;
    expect(read(b, 0x0c) & 0xc0).toBe(0xc0);
    b.out(0xa0, 0x20);
    b.out(0x20, 0x20);
  }
  expect(interrupts).toBeGreaterThanOrEqual(254);
  expect(interrupts).toBeLessThanOrEqual(256);
});

test("the alarm rings at its time, don't-care fields matching anything", () => {
  const b = new Board();
  write(b, 1, 0x10);
  write(b, 3, 0xff);
  write(b, 5, 0xff);
  write(b, 0x0b, 0x22);
  read(b, 0x0c);
  expect(b.deadline).toBe(14 * SECOND); // from :56 to :10
  b.pass(14 * SECOND);
  expect(read(b, 0x0c) & 0xa0).toBe(0xa0);
});

test("CMOS RAM holds what is written and tells the memory size", () => {
  const b = new Board();
  write(b, 0x0f, 0x0a);
  expect(read(b, 0x0f)).toBe(0x0a);
  expect(read(b, 0x17) | (read(b, 0x18) << 8)).toBe(15 * 1024);
});
