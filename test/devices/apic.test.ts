import { expect, test } from "vitest";
import { Board } from "./board.ts";

const LAPIC = 0xfee00000;
const IOAPIC = 0xfec00000;
const EOI = LAPIC + 0xb0;

function board(vcpus = 1): Board {
  const b = new Board({ vcpus });
  b.write(LAPIC + 0xf0, 0x1ff);
  return b;
}

function redirect(b: Board, pin: number, low: number, high = 0): void {
  b.write(IOAPIC, 0x11 + pin * 2);
  b.write(IOAPIC + 0x10, high);
  b.write(IOAPIC, 0x10 + pin * 2);
  b.write(IOAPIC + 0x10, low);
}

function entry(b: Board, pin: number): number {
  b.write(IOAPIC, 0x10 + pin * 2);
  return b.read(IOAPIC + 0x10);
}

test("reset state", () => {
  const b = new Board();
  expect(b.read(LAPIC + 0x20)).toBe(0);
  expect(b.read(LAPIC + 0x30)).toBe(0x00050014);
  expect(b.read(LAPIC + 0xf0)).toBe(0xff);
  expect(b.read(LAPIC + 0x350)).toBe(0x10000);
  b.write(IOAPIC, 1);
  expect(b.read(IOAPIC + 0x10)).toBe(0x00170020);
  expect(entry(b, 5)).toBe(0x10000);
});

test("an edge goes through the I/O APIC once", () => {
  const b = board();
  redirect(b, 4, 0x34);
  b.chips.driveLine(4, 1);
  expect(b.acknowledge()).toBe(0x34);
  b.write(EOI, 0);
  expect(b.acknowledge()).toBe(-1);
});

test("the timer's line is pin 2", () => {
  const b = board();
  redirect(b, 2, 0x30);
  b.chips.driveLine(0, 1);
  expect(b.acknowledge()).toBe(0x30);
});

test("a level stays with the I/O APIC until the end of interrupt, then asks again", () => {
  const b = board();
  redirect(b, 10, 0x802a | 0x8000);
  b.chips.driveLine(10, 1);
  expect(entry(b, 10) & 0x4000).toBe(0x4000);
  expect(b.acknowledge()).toBe(0x2a);
  expect(b.acknowledge()).toBe(-1);
  b.write(EOI, 0);
  expect(b.acknowledge()).toBe(0x2a);
  b.chips.driveLine(10, 0);
  b.write(EOI, 0);
  expect(b.acknowledge()).toBe(-1);
  expect(entry(b, 10) & 0x4000).toBe(0);
});

test("higher vectors interrupt lower ones; task priority holds classes back", () => {
  const b = board();
  redirect(b, 3, 0x51);
  redirect(b, 4, 0x62);
  b.chips.driveLine(3, 1);
  expect(b.acknowledge()).toBe(0x51);
  b.chips.driveLine(4, 1);
  expect(b.acknowledge()).toBe(0x62);
  b.write(EOI, 0);
  b.write(EOI, 0);
  b.chips.setTaskPriority(7);
  b.chips.driveLine(3, 0);
  b.chips.driveLine(3, 1);
  expect(b.acknowledge()).toBe(-1);
  b.chips.setTaskPriority(4);
  expect(b.acknowledge()).toBe(0x51);
});

test("the timer counts down: one-shot, then periodic", () => {
  const b = board();
  b.write(LAPIC + 0x3e0, 3); // divide by 16
  b.write(LAPIC + 0x320, 0xec);
  b.write(LAPIC + 0x380, 1000);
  expect(b.deadline).toBe(16000);
  b.pass(8000);
  expect(b.read(LAPIC + 0x390)).toBe(500);
  b.pass(8000);
  expect(b.acknowledge()).toBe(0xec);
  b.write(EOI, 0);
  expect(b.deadline).toBe(Infinity);
  b.write(LAPIC + 0x320, 0x200ec);
  b.write(LAPIC + 0x380, 1000);
  for (let i = 0; i < 3; i++) {
    b.pass(16000);
    expect(b.acknowledge()).toBe(0xec);
    b.write(EOI, 0);
  }
  expect(b.deadline).toBe(16000);
});

test("an interprocessor interrupt to oneself arrives", () => {
  const b = board();
  b.write(LAPIC + 0x300, 0x400fb);
  expect(b.acknowledge()).toBe(0xfb);
});

test("disabling masks the local vector table", () => {
  const b = board();
  b.write(LAPIC + 0x320, 0xec);
  b.write(LAPIC + 0xf0, 0xff);
  expect(b.read(LAPIC + 0x320)).toBe(0x100ec);
  b.write(LAPIC + 0x320, 0xec);
  expect(b.read(LAPIC + 0x320)).toBe(0x100ec);
});

test("in-service and request registers show their vector", () => {
  const b = board();
  redirect(b, 4, 0x45);
  b.chips.driveLine(4, 1);
  expect(b.read(LAPIC + 0x220)).toBe(1 << 5);
  b.acknowledge();
  expect(b.read(LAPIC + 0x220)).toBe(0);
  expect(b.read(LAPIC + 0x120)).toBe(1 << 5);
  expect(b.read(LAPIC + 0xa0)).toBe(0x40);
});
