import { expect, test } from "vitest";
import { Board } from "./board.ts";

const COM1 = 0x3f8;
const LSR = COM1 + 5;

function board(): Board {
  const b = new Board();
  b.initialisePics();
  b.out(COM1 + 4, 0x0b); // DTR, RTS, OUT2
  return b;
}

function sent(b: Board): string {
  const at = b.address("SERIAL_OUT_AT");
  const count = b.memory.getUint32(at + 4, true) - b.memory.getUint32(at, true);
  return String.fromCharCode(...new Uint8Array(b.chips.memory.buffer, at + 8, count));
}

function type(b: Board, text: string): void {
  const at = b.address("SERIAL_IN_AT");
  let written = b.memory.getUint32(at + 4, true);
  for (const character of text) b.memory.setUint8(at + 8 + (written++ & 0xfff), character.charCodeAt(0));
  b.memory.setUint32(at + 4, written, true);
  b.pass(0);
}

test("bytes written to THR reach the ring, and THR is empty again", () => {
  const b = board();
  for (const c of "Hi") b.out(COM1, c.charCodeAt(0));
  expect(sent(b)).toBe("Hi");
  expect(b.in(LSR)).toBe(0x60);
});

test("the transmitter-empty interrupt comes when it is enabled, and reading IIR ends it", () => {
  const b = board();
  b.out(COM1 + 1, 2);
  expect(b.acknowledge()).toBe(0x0c);
  b.out(0x20, 0x20);
  expect(b.in(COM1 + 2)).toBe(0x02);
  expect(b.in(COM1 + 2)).toBe(0x01);
  b.out(COM1, 0x41);
  expect(b.acknowledge()).toBe(0x0c);
});

test("received bytes interrupt: as data from the trigger level on, as a timeout below it", () => {
  const b = board();
  b.out(COM1 + 2, 0x81); // FIFOs on, trigger at 8
  b.out(COM1 + 1, 1);
  type(b, "abc");
  expect(b.acknowledge()).toBe(0x0c);
  expect(b.in(COM1 + 2)).toBe(0xcc);
  type(b, "defghij");
  expect(b.in(COM1 + 2)).toBe(0xc4);
  let text = "";
  while (b.in(LSR) & 1) text += String.fromCharCode(b.in(COM1));
  expect(text).toBe("abcdefghij");
  expect(b.in(COM1 + 2)).toBe(0xc1);
});

test("more bytes than the FIFO holds wait in the ring; none is lost", () => {
  const b = board();
  b.out(COM1 + 2, 1);
  const line = "0123456789abcdefghijklmnopqrstuvwxyz";
  type(b, line);
  let text = "";
  while (b.in(LSR) & 1) text += String.fromCharCode(b.in(COM1));
  expect(text).toBe(line);
});

test("a full ring holds the guest back, and drains when the host reads", () => {
  const b = board();
  b.out(COM1 + 2, 1);
  for (let i = 0; i < 0x4000; i++) b.out(COM1, 0x2e);
  expect(b.in(LSR) & 0x60).toBe(0x60);
  b.out(COM1, 0x21);
  expect(b.in(LSR) & 0x60).toBe(0);
  expect(b.deadline).toBeLessThan(Infinity);
  b.memory.setUint32(b.address("SERIAL_OUT_AT"), 0x4000, true);
  b.pass(1e6);
  expect(b.in(LSR) & 0x60).toBe(0x60);
});

test("loopback: what is sent is received, and modem outputs are inputs", () => {
  const b = board();
  b.out(COM1 + 4, 0x1a); // loop, OUT2, RTS
  b.out(COM1, 0x55);
  expect(b.in(COM1)).toBe(0x55);
  expect(b.in(COM1 + 6) & 0xf0).toBe(0x90);
  expect(sent(b)).toBe("");
});

test("OUT2 gates the interrupt pin", () => {
  const b = board();
  b.out(COM1 + 4, 0);
  b.out(COM1 + 1, 2);
  expect(b.acknowledge()).toBe(-1);
});

test("divisor and scratch hold what is written", () => {
  const b = board();
  b.out(COM1 + 3, 0x83);
  b.out(COM1, 1);
  b.out(COM1 + 1, 0);
  expect([b.in(COM1), b.in(COM1 + 1)]).toEqual([1, 0]);
  b.out(COM1 + 3, 3);
  b.out(COM1 + 7, 0xa5);
  expect(b.in(COM1 + 7)).toBe(0xa5);
});

test("a break is a null character that LSR marks when it is the next to be read", () => {
  const b = board();
  b.out(COM1 + 2, 0x01); // FIFOs on
  b.out(COM1 + 1, 4); // line status interrupts
  type(b, "a");
  b.chips.sendBreak(0);
  type(b, "h");
  expect(b.in(LSR)).toBe(0x61);
  expect(b.in(COM1)).toBe(0x61);
  expect(b.acknowledge()).toBe(0x0c);
  expect(b.in(COM1 + 2)).toBe(0xc6);
  expect(b.in(LSR)).toBe(0x71);
  expect(b.in(LSR)).toBe(0x61);
  expect(b.in(COM1)).toBe(0);
  expect(b.in(LSR)).toBe(0x61);
  expect(String.fromCharCode(b.in(COM1))).toBe("h");
});
