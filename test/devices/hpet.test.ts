import { expect, test } from "vitest";
import { Board } from "./board.ts";

const HPET = 0xfed00000;
const [CONFIGURATION, STATUS, COUNTER] = [HPET + 0x10, HPET + 0x20, HPET + 0xf0];
const timer = (n: number): number => HPET + 0x100 + 0x20 * n;
const comparator = (n: number): number => timer(n) + 8;
const [LEVEL, INTERRUPTS, PERIODIC, VALUE_SET, NARROW] = [2, 4, 8, 0x40, 0x100];
const [ENABLE, LEGACY] = [1, 2];
const TICK = 10;
const MS = 1_000_000;

function board(): Board {
  const b = new Board();
  b.chips.attachHpet();
  b.initialisePics();
  return b;
}

/** Vectors that wait, each taken and ended. */
function vectors(b: Board): number[] {
  const taken = [];
  while (b.chips.interruptPending()) {
    taken.push(b.acknowledge());
    b.out(0xa0, 0x20);
    b.out(0x20, 0x20);
  }
  return taken;
}

test("tells what it is, and is not there unless plugged in", () => {
  const b = board();
  expect([b.read(HPET), b.read(HPET + 4)]).toEqual([0x8086a201, 10_000_000]);
  expect([b.read(timer(2)), b.read(timer(2) + 4), b.read(timer(3))]).toEqual([0x30, 4, 0]);
  expect(b.chips.mmioRead(HPET, 8)).toBe(0x0098_9680_8086_a201n);
  expect(new Board().read(HPET)).toBe(0xffffffff);
});

test("the counter runs at 100 MHz while it is enabled, and can be set while it is not", () => {
  const b = board();
  b.pass(MS);
  expect(b.read(COUNTER)).toBe(0);
  b.write(COUNTER, 0xffffff00);
  b.write(COUNTER + 4, 7);
  b.write(CONFIGURATION, ENABLE);
  b.pass(MS);
  expect(b.chips.mmioRead(COUNTER, 8)).toBe(0x7_ffffff00n + BigInt(MS / TICK));
  b.write(CONFIGURATION, 0);
  b.pass(MS);
  expect(b.read(COUNTER)).toBe((0xffffff00 + MS / TICK) >>> 0);
});

test("replaces the 8254 on line 0 and the clock chip on line 8", () => {
  const b = board();
  // Counter 0 of the 8254 at 1 kHz: silent as long as the HPET stands in its place.
  b.out(0x43, 0x34);
  b.out(0x40, 1193 & 0xff);
  b.out(0x40, 1193 >> 8);
  b.write(CONFIGURATION, ENABLE | LEGACY);
  vectors(b);
  b.pass(5 * MS);
  expect(vectors(b)).toEqual([]);

  b.write(timer(0), INTERRUPTS);
  b.write(comparator(0), b.read(COUNTER) + 100);
  b.write(comparator(0) + 4, 0);
  b.write(timer(1), INTERRUPTS);
  b.write(comparator(1), b.read(COUNTER) + 200);
  b.write(comparator(1) + 4, 0);
  expect(b.deadline).toBe(100 * TICK);
  b.pass(100 * TICK - 1);
  expect(vectors(b)).toEqual([]);
  b.pass(1);
  expect(vectors(b)).toEqual([0x08]);
  b.pass(100 * TICK);
  expect(vectors(b)).toEqual([0x70]);
  b.pass(5 * MS);
  expect(vectors(b)).toEqual([]);

  b.write(CONFIGURATION, ENABLE);
  b.pass(2 * MS);
  expect(vectors(b)).toEqual([0x08]);
});

test("a periodic timer takes its next match once, and its period ever after", () => {
  const b = board();
  b.write(CONFIGURATION, ENABLE | LEGACY);
  b.write(timer(0), INTERRUPTS | PERIODIC | VALUE_SET | NARROW);
  expect(b.read(timer(0))).toBe(0x30 | INTERRUPTS | PERIODIC | VALUE_SET | NARROW);
  b.write(comparator(0), 1000);
  expect(b.read(timer(0)) & VALUE_SET).toBe(0);
  b.write(comparator(0), 300);
  const fired = [];
  for (let ticks = 100; ticks <= 2000; ticks += 100) {
    b.pass(100 * TICK);
    if (vectors(b).length > 0) fired.push(ticks);
  }
  expect(fired).toEqual([1000, 1300, 1600, 1900]);
  expect(b.read(comparator(0))).toBe(2200);
  // Periods that nobody looked at are one interrupt, and the rhythm stays.
  b.pass(10_000 * TICK);
  expect(vectors(b)).toEqual([0x08]);
  expect(b.read(comparator(0)) % 300).toBe(100);
});

test("a narrow timer matches once a turn of 32 bits, a wide one does not", () => {
  const b = board();
  b.write(COUNTER, 0xffff_fff0);
  b.write(CONFIGURATION, ENABLE | LEGACY);
  b.write(timer(0), INTERRUPTS | NARROW);
  b.write(comparator(0), 16);
  b.write(timer(1), INTERRUPTS);
  b.write(comparator(1), 16);
  b.write(comparator(1) + 4, 0);
  b.pass(32 * TICK);
  expect(vectors(b)).toEqual([0x08]);
});

test("a level stays until it is served; without legacy replacement it goes to pin 2 of the I/O APIC", () => {
  const b = board();
  b.write(0xfec00000, 0x10 + 2 * 2);
  b.write(0xfec00010, 0x8041); // vector 41h, level, to APIC 0
  b.write(CONFIGURATION, ENABLE);
  b.write(timer(2), INTERRUPTS | LEVEL | (2 << 9));
  b.write(comparator(2), 10);
  b.write(comparator(2) + 4, 0);
  b.pass(10 * TICK);
  expect([b.acknowledge(), b.read(STATUS)]).toEqual([0x41, 4]);
  b.write(0xfee000b0, 0);
  expect(b.acknowledge()).toBe(0x41);
  b.write(STATUS, 4);
  b.write(0xfee000b0, 0);
  expect([b.chips.interruptPending(), b.read(STATUS)]).toEqual([0, 0]);
});
