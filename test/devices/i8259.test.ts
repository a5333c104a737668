import { expect, test } from "vitest";
import { Board } from "./board.ts";

function board(): Board {
  const board = new Board();
  board.initialisePics();
  return board;
}

test("an edge asks once, under the vector that ICW2 set", () => {
  const b = board();
  b.chips.driveLine(4, 1);
  expect(b.chips.interruptPending()).toBe(1);
  expect(b.acknowledge()).toBe(0x0c);
  b.out(0x20, 0x20);
  expect(b.acknowledge()).toBe(-1);
});

test("the lower line wins, and what is in service holds back the same and lower priorities", () => {
  const b = board();
  b.chips.driveLine(6, 1);
  b.chips.driveLine(1, 1);
  expect(b.acknowledge()).toBe(0x09);
  b.chips.driveLine(3, 1);
  expect(b.chips.interruptPending()).toBe(0);
  b.out(0x20, 0x20);
  expect(b.acknowledge()).toBe(0x0b);
  b.out(0x20, 0x63); // specific EOI of line 3
  expect(b.acknowledge()).toBe(0x0e);
});

test("the secondary asks through line 2 and needs its own end of interrupt", () => {
  const b = board();
  b.chips.driveLine(14, 1);
  expect(b.acknowledge()).toBe(0x76);
  b.chips.driveLine(8, 1);
  expect(b.chips.interruptPending()).toBe(0);
  b.out(0xa0, 0x20);
  b.out(0x20, 0x20);
  expect(b.acknowledge()).toBe(0x70);
});

test("a masked line stays latched until it is unmasked", () => {
  const b = board();
  b.out(0x21, 0x10);
  b.chips.driveLine(4, 1);
  expect(b.chips.interruptPending()).toBe(0);
  b.out(0x20, 0x0a);
  expect(b.in(0x20) & 0x10).toBe(0x10);
  b.out(0x21, 0);
  expect(b.acknowledge()).toBe(0x0c);
});

test("a level line asks again until it falls", () => {
  const b = board();
  b.out(0x4d1, 0x0c);
  b.chips.driveLine(10, 1);
  for (let i = 0; i < 2; i++) {
    expect(b.acknowledge()).toBe(0x72);
    b.out(0xa0, 0x20);
    b.out(0x20, 0x20);
  }
  b.chips.driveLine(10, 0);
  expect(b.chips.interruptPending()).toBe(0);
});

test("rotation makes the served line the last", () => {
  const b = board();
  b.chips.driveLine(0, 1);
  expect(b.acknowledge()).toBe(0x08);
  b.out(0x20, 0xa0); // rotate on non-specific EOI
  b.chips.driveLine(0, 0);
  b.chips.driveLine(0, 1);
  b.chips.driveLine(7, 1);
  expect(b.acknowledge()).toBe(0x0f);
});

test("a poll answers with the line and takes it into service", () => {
  const b = board();
  b.chips.driveLine(5, 1);
  b.out(0x20, 0x0c);
  expect(b.in(0x20)).toBe(0x85);
  b.out(0x20, 0x0b);
  expect(b.in(0x20)).toBe(0x20);
});

test("ELCR keeps lines 0-2, 8 and 13 as edges", () => {
  const b = board();
  b.out(0x4d0, 0xff);
  b.out(0x4d1, 0xff);
  expect([b.in(0x4d0), b.in(0x4d1)]).toEqual([0xf8, 0xde]);
});
