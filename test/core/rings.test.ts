import { describe, expect, it } from "vitest";
import { ByteRing } from "../../host/core/rings.ts";

const CAPACITY = 8;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** A ring whose indices start at `start`, as after so many bytes. */
function ring(start = 0): ByteRing {
  const memory = new ArrayBuffer(64);
  new Uint32Array(memory, 16, 2).fill(start);
  return new ByteRing(memory, 16, CAPACITY);
}

describe("a byte ring", () => {
  it("gives back what was put in, in order", () => {
    const one = ring();
    expect(one.put(bytes(1, 2, 3))).toBe(3);
    expect(one.put(bytes(4))).toBe(1);
    expect(one.drain()).toEqual(bytes(1, 2, 3, 4));
    expect(one.drain()).toEqual(bytes());
  });

  it("takes only what it has room for", () => {
    const one = ring();
    expect(one.put(bytes(1, 2, 3, 4, 5, 6))).toBe(6);
    expect(one.put(bytes(7, 8, 9))).toBe(2);
    expect(one.put(bytes(10))).toBe(0);
    expect(one.drain()).toEqual(bytes(1, 2, 3, 4, 5, 6, 7, 8));
  });

  it.each([6, 0xffff_fffd])("wraps round its end and round 2³² (from %d)", (start) => {
    const one = ring(start);
    expect(one.put(bytes(1, 2, 3, 4, 5))).toBe(5);
    expect(one.put(bytes(6, 7, 8, 9))).toBe(3);
    expect(one.drain()).toEqual(bytes(1, 2, 3, 4, 5, 6, 7, 8));
  });
});
