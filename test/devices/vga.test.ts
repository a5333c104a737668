import { expect, test } from "vitest";
import { Board } from "./board.ts";

function indexed(b: Board, port: number, index: number, value: number): void {
  b.out(port, index);
  b.out(port + 1, value);
}

function textBoard(): Board {
  const b = new Board();
  b.chips.powerOnSelfTest();
  return b;
}

/** The mode-12h way: planes, no odd/even, window at A0000h. */
function planarBoard(): Board {
  const b = textBoard();
  indexed(b, 0x3c4, 4, 6);
  indexed(b, 0x3c4, 2, 15);
  indexed(b, 0x3ce, 5, 0);
  indexed(b, 0x3ce, 6, 5);
  return b;
}

const peek = (b: Board, address: number): number => Number(b.chips.mmioRead(address, 1) & 0xffn);
const poke = (b: Board, address: number, value: number): void => b.chips.mmioWrite(address, 1, BigInt(value));
const planes = (b: Board, offset: number): number[] =>
  [0, 1, 2, 3].map((plane) => b.memory.getUint8(b.address("VRAM_AT") + offset * 4 + plane));

test("firmware leaves mode 3: a blank screen of 80 columns", () => {
  const b = textBoard();
  expect(b.in(0x3cc)).toBe(0x67);
  b.out(0x3d4, 1);
  expect(b.in(0x3d5)).toBe(0x4f);
  expect(b.read(0xb8000)).toBe(0x07200720);
});

test("text: characters go to plane 0, attributes to plane 1; A0000h is not decoded", () => {
  const b = textBoard();
  b.write(0xb8000 + 160, 0x1e421e41);
  expect(planes(b, 160)).toEqual([0x41, 0x1e, 0, 0]);
  expect(planes(b, 162)).toEqual([0x42, 0x1e, 0, 0]);
  expect(b.read(0xb80a0)).toBe(0x1e421e41);
  expect(peek(b, 0xa0000)).toBe(0xff);
});

test("the window is open whatever bit 1 of the miscellaneous output register says, as QEMU's is", () => {
  const b = textBoard();
  b.out(0x3c2, b.in(0x3cc) & ~2);
  poke(b, 0xb8000, 0x41);
  expect(peek(b, 0xb8000)).toBe(0x41);
});

test("write mode 0: planes, bit mask, set/reset, function", () => {
  const b = planarBoard();
  poke(b, 0xa0000, 0x0f);
  expect(planes(b, 0)).toEqual([0x0f, 0x0f, 0x0f, 0x0f]);
  indexed(b, 0x3ce, 8, 0xf0);
  indexed(b, 0x3ce, 1, 0x0f);
  indexed(b, 0x3ce, 0, 0x05);
  peek(b, 0xa0000);
  poke(b, 0xa0000, 0);
  expect(planes(b, 0)).toEqual([0xff, 0x0f, 0xff, 0x0f]);
  indexed(b, 0x3ce, 3, 0x18); // exclusive or
  peek(b, 0xa0000);
  poke(b, 0xa0000, 0);
  expect(planes(b, 0)).toEqual([0x0f, 0x0f, 0x0f, 0x0f]);
});

test("write modes 1, 2, 3", () => {
  const b = planarBoard();
  indexed(b, 0x3ce, 5, 2);
  poke(b, 0xa0001, 0x0a);
  expect(planes(b, 1)).toEqual([0, 0xff, 0, 0xff]);
  indexed(b, 0x3ce, 5, 1);
  peek(b, 0xa0001);
  poke(b, 0xa0002, 0);
  expect(planes(b, 2)).toEqual([0, 0xff, 0, 0xff]);
  indexed(b, 0x3ce, 5, 3);
  indexed(b, 0x3ce, 0, 0x01);
  peek(b, 0xa0002);
  poke(b, 0xa0002, 0x3c);
  expect(planes(b, 2)).toEqual([0x3c, 0xc3, 0, 0xc3]);
});

test("read mode 1 compares colours", () => {
  const b = planarBoard();
  indexed(b, 0x3ce, 5, 2);
  indexed(b, 0x3ce, 8, 0x81);
  poke(b, 0xa0003, 0x05);
  indexed(b, 0x3ce, 5, 8);
  indexed(b, 0x3ce, 2, 0x05);
  indexed(b, 0x3ce, 7, 0x0f);
  expect(peek(b, 0xa0003)).toBe(0x81);
});

test("the DAC takes and gives three parts a colour", () => {
  const b = textBoard();
  b.out(0x3c8, 5);
  for (const part of [1, 2, 3]) b.out(0x3c9, part);
  b.out(0x3c7, 4);
  expect([1, 2, 3, 4, 5, 6].map(() => b.in(0x3c9))).toEqual([0x2a, 0, 0, 1, 2, 3]);
});

test("3DAh resets the attribute flip-flop and shows retrace", () => {
  const b = textBoard();
  b.in(0x3da);
  b.out(0x3c0, 0x10);
  b.out(0x3c0, 0x0c);
  b.out(0x3c0, 0x30);
  expect(b.in(0x3c1)).toBe(0x0c);
  const seen = new Set<number>();
  for (let i = 0; i < 1000; i++, b.pass(50_000)) seen.add(b.in(0x3da) & 8);
  expect(seen).toEqual(new Set([0, 8]));
});

test("CRTC registers 0-7 are locked by bit 7 of register 11h", () => {
  const b = textBoard();
  indexed(b, 0x3d4, 0, 0x12);
  expect(b.in(0x3d5)).toBe(0x5f);
});

test("VBE: identity, capabilities, a mode, and its frame buffer in BAR 0", () => {
  const b = textBoard();
  const get = (index: number): number => (b.out(0x1ce, index, 2), b.in(0x1cf, 2));
  const set = (index: number, value: number): void => (b.out(0x1ce, index, 2), b.out(0x1cf, value, 2));
  expect([get(0), get(10)]).toEqual([0xb0c5, 0x100]);
  set(4, 2);
  expect([get(1), get(2), get(3)]).toEqual([16000, 12000, 32]);
  set(4, 0);
  set(1, 800);
  set(2, 600);
  set(3, 32);
  set(4, 0x41);
  expect([get(1), get(2), get(6), get(7)]).toEqual([800, 600, 800, 5242]);
  b.write(0xfd000000 + 0x12345 * 4, 0xaabbccdd);
  expect(b.read(0xfd000000 + 0x12345 * 4)).toBe(0xaabbccdd);
  expect(b.memory.getUint32(b.address("VRAM_AT") + 0x12345 * 4, true)).toBe(0xaabbccdd);
  expect(b.read(0xfebf0500) & 0xffff).toBe(0xb0c5);
});

/** What decides on a planar write (IBM VGA, graphics controller; FreeVGA, "Graphics Registers"). */
interface Settings {
  writeMode: number;
  rotate: number;
  logic: number;
  bitMask: number;
  setReset: number;
  enableSetReset: number;
  planeMask: number;
}

/** One bit of one plane after a write: `data` is the CPU's byte, `latch` what the last read left there. */
function bitAfter(s: Settings, plane: number, bit: number, data: number, latch: number, old: number): number {
  const of = (value: number, n: number): number => (value >> n) & 1;
  if (!of(s.planeMask, plane)) return old;
  if (s.writeMode === 1) return latch;
  // Rotation to the right: bit n comes from bit n + count.
  const rotated = of(data, (bit + s.rotate) & 7);
  const source = [
    of(s.enableSetReset, plane) ? of(s.setReset, plane) : rotated,
    0,
    of(data, plane),
    of(s.setReset, plane),
  ][s.writeMode]!;
  const mixed = [source, source & latch, source | latch, source ^ latch][s.logic]!;
  const masked = of(s.bitMask, bit) && (s.writeMode !== 3 || rotated);
  return masked ? mixed : latch;
}

test("planar writes of every mode and width are what the manual says, bit by bit", () => {
  const b = planarBoard();
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let round = 0; round < 400; round++) {
    const s: Settings = {
      writeMode: random(4),
      rotate: random(8),
      logic: random(4),
      bitMask: random(256),
      setReset: random(16),
      enableSetReset: random(16),
      planeMask: random(16),
    };
    const registers = [
      [0x3c4, 2, s.planeMask],
      [0x3ce, 0, s.setReset],
      [0x3ce, 1, s.enableSetReset],
      [0x3ce, 3, s.rotate | (s.logic << 3)],
      [0x3ce, 5, s.writeMode],
      [0x3ce, 8, s.bitMask],
    ] as const;
    for (const [port, index, value] of registers) indexed(b, port, index, value);
    const width = [1, 2, 4, 8][random(4)]!;
    const offset = random(64);
    const from = random(64);
    peek(b, 0xa0000 + from);
    const latches = planes(b, from);
    const data = Array.from({ length: width }, () => random(256));
    const before = data.map((_, n) => planes(b, offset + n));
    const value = data.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    b.chips.mmioWrite(0xa0000 + offset, width, value);
    const expected = data.map((byte, n) =>
      [0, 1, 2, 3].map((plane) =>
        [0, 1, 2, 3, 4, 5, 6, 7].reduce((sum, bit) => {
          const [latch, old] = [latches[plane]!, before[n]![plane]!].map((whole) => (whole >> bit) & 1);
          return sum | (bitAfter(s, plane, bit, byte, latch!, old!) << bit);
        }, 0),
      ),
    );
    expect(data.map((_, n) => planes(b, offset + n)), JSON.stringify({ round, s, width })).toEqual(expected); // prettier-ignore
  }
});

test("odd/even and chain-4: which planes a byte reaches", () => {
  const b = planarBoard();
  indexed(b, 0x3c4, 4, 2); // odd/even
  for (const [n, value] of [0x11, 0x22, 0x33, 0x44].entries()) poke(b, 0xa0010 + n, value);
  expect([planes(b, 0x10), planes(b, 0x12)]).toEqual([
    [0x11, 0x22, 0x11, 0x22],
    [0x33, 0x44, 0x33, 0x44],
  ]);
  expect(peek(b, 0xa0013)).toBe(0x44);
  indexed(b, 0x3c4, 4, 0xe); // chain-4
  b.write(0xa0040, 0x44332211);
  expect(planes(b, 0x10)).toEqual([0x11, 0x22, 0x33, 0x44]);
  expect(b.read(0xa0040)).toBe(0x44332211);
});
