import { expect, test } from "vitest";
import { Board } from "./board.ts";

const DATA = 0x60;
const STATUS = 0x64;

function board(commandByte = 0x47): Board {
  const b = new Board();
  b.initialisePics();
  b.out(STATUS, 0x60);
  b.out(DATA, commandByte);
  return b;
}

/** Puts an event into the host's ring. */
function event(b: Board, ...bytes: number[]): void {
  const at = b.address("INPUT_AT");
  let written = b.memory.getUint32(at + 4, true);
  for (let i = 0; i < 8; i++) b.memory.setUint8(at + 8 + (written++ & 0x7ff), bytes[i] ?? 0);
  b.memory.setUint32(at + 4, written, true);
  b.pass(0);
}

function drain(b: Board): number[] {
  const bytes = [];
  while (b.in(STATUS) & 1) bytes.push(b.in(DATA));
  return bytes;
}

function toMouse(b: Board, ...bytes: number[]): number[] {
  const answers = [];
  for (const byte of bytes) {
    b.out(STATUS, 0xd4);
    b.out(DATA, byte);
    answers.push(...drain(b));
  }
  return answers;
}

test("self-tests", () => {
  const b = new Board();
  expect(b.in(STATUS)).toBe(0x18);
  b.out(STATUS, 0xaa);
  expect(drain(b)).toEqual([0x55]);
  expect(b.in(STATUS)).toBe(0x1c);
  b.out(STATUS, 0xab);
  expect(drain(b)).toEqual([0]);
});

test("a key interrupts with set-1 codes when translation is on", () => {
  const b = board();
  event(b, 1, 0x1e, 0, 1);
  event(b, 1, 0x1e, 0, 0);
  expect(b.acknowledge()).toBe(0x09);
  expect(b.in(DATA)).toBe(0x1e);
  b.out(0x20, 0x20);
  expect(b.acknowledge()).toBe(0x09);
  expect(b.in(DATA)).toBe(0x9e);
});

test("and set-2 codes when it is off", () => {
  const b = board(0x07);
  event(b, 1, 0x1e, 0, 1);
  event(b, 1, 0x1e, 0, 0);
  event(b, 1, 0x48, 1, 1);
  expect(drain(b)).toEqual([0x1c, 0xf0, 0x1c, 0xe0, 0x75]);
});

test("Pause is one long code", () => {
  const b = board();
  event(b, 1, 0, 2, 1);
  expect(drain(b)).toEqual([0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5]);
});

test("the keyboard's commands", () => {
  const b = board();
  b.out(DATA, 0xf2);
  expect(drain(b)).toEqual([0xfa, 0xab, 0x41]);
  b.out(DATA, 0xff);
  expect(drain(b)).toEqual([0xfa, 0xaa]);
  b.out(DATA, 0xed);
  b.out(DATA, 0x07);
  expect(drain(b)).toEqual([0xfa, 0xfa]);
  b.out(DATA, 0xee);
  expect(drain(b)).toEqual([0xee]);
});

test("a keyboard switched off keeps its codes", () => {
  const b = board();
  b.out(STATUS, 0xad);
  event(b, 1, 0x1e, 0, 1);
  expect(b.in(STATUS) & 1).toBe(0);
  b.out(STATUS, 0xae);
  expect(drain(b)).toEqual([0x1e]);
});

test("the mouse answers its driver, and becomes a wheel mouse by the known rates", () => {
  const b = board();
  expect(toMouse(b, 0xff)).toEqual([0xfa, 0xaa, 0]);
  expect(toMouse(b, 0xe9)).toEqual([0xfa, 0, 2, 100]);
  expect(toMouse(b, 0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf2)).toEqual([...Array(7).fill(0xfa), 3]);
});

test("movement comes as packets on IRQ 12", () => {
  const b = board();
  toMouse(b, 0xf4);
  expect(b.acknowledge()).toBe(0x74);
  b.out(0xa0, 0x20);
  b.out(0x20, 0x20);
  event(b, 2, 1, 5, 0, 0xfd, 0xff, 0, 0); // left button, right 5, up 3
  expect(b.acknowledge()).toBe(0x74);
  expect(b.in(STATUS) & 0x21).toBe(0x21);
  expect(drain(b)).toEqual([0x09, 5, 3]);
});

test("output port: A20, and reset", () => {
  const b = board();
  b.out(STATUS, 0xd1);
  b.out(DATA, 0xdd);
  b.out(STATUS, 0xd0);
  expect(drain(b)).toEqual([0xcd]);
  b.out(STATUS, 0xfe);
  expect(b.chips.takeExit()).toBe(3);
});
