// Our deflate against Node's zlib, both ways, and our inflate against streams that are damaged.
import { readFileSync } from "node:fs";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { loadEngine } from "../../host/core/load.ts";
import type { BlockExports } from "../../host/image/qcow2/engine.ts";
import { node } from "../../host/runtimes/node.ts";
import { random } from "../support/qcow2.ts";

const ROOM = 4 * 2 ** 20;
let core: BlockExports;
let at: number;

beforeAll(async () => {
  core = await loadEngine<BlockExports>(node, "block.wasm");
  core.reserve(3 * ROOM);
  at = core.WORK_AT.value as number;
});

const view = (offset: number, length: number): Uint8Array =>
  new Uint8Array(core.memory.buffer as ArrayBuffer, at + offset, length);

function ourDeflate(bytes: Uint8Array): Uint8Array {
  view(0, bytes.length).set(bytes);
  return view(ROOM, core.packDeflate(at, bytes.length, at + ROOM, ROOM)).slice();
}

/** Undefined: damaged. */
function ourInflate(packed: Uint8Array, capacity: number): Uint8Array | undefined {
  view(0, packed.length).set(packed);
  const length = core.unpackDeflate(at, packed.length, at + ROOM, capacity);
  return length < 0 ? undefined : view(ROOM, length).slice();
}

const next = random(5);
const noise = (length: number, symbols: number): Uint8Array =>
  Uint8Array.from({ length }, () => next(symbols));
const words = ["cluster ", "table ", "entry\n", "offset=", "0x1000 ", "\0\0\0\0", "refcount"];
const text = Buffer.from(Array.from({ length: 40_000 }, () => words[next(words.length)]!).join(""));

// Machine code: its code lengths are spread so widely that their own code meets its limit of 7 bits.
const program = readFileSync(process.execPath).subarray(8 * 2 ** 20, 10 * 2 ** 20);

const SAMPLES: [name: string, bytes: Uint8Array][] = [
  ["one byte", new Uint8Array([7])],
  ["three bytes", new Uint8Array([1, 2, 3])],
  ...Array.from({ length: 32 }, (_, n): [string, Uint8Array] => [
    `cluster ${n} of a program`,
    program.subarray(n * 65536, (n + 1) * 65536),
  ]),
  ["zeros", new Uint8Array(65536)],
  ["noise", noise(65536, 256)],
  ["two symbols", noise(65536, 2)],
  ["text", text],
  ["text of a cluster", text.subarray(0, 65536)],
  ["long repeats far apart", Buffer.concat([noise(4096, 256), noise(4000, 256), noise(4096, 256)])],
  // Frequencies like Fibonacci numbers make codes as long as they get.
  [
    "steep frequencies",
    Uint8Array.from({ length: 200_000 }, () => Math.floor(-Math.log2(1 - next(2 ** 30) / 2 ** 30))),
  ],
];

describe("deflate", () => {
  it.each(SAMPLES)("is read by zlib with a window of 4 KiB: %s", (_, bytes) => {
    const packed = ourDeflate(bytes);
    expect(packed.length).toBeGreaterThan(0);
    expect(Buffer.compare(inflateRawSync(packed, { windowBits: 12 }), bytes)).toBe(0);
  });

  it.each([
    ["text", text],
    ["a program", program],
  ])("is no larger than zlib's at its default level: %s", (_, bytes) => {
    let ours = 0;
    let theirs = 0;
    for (let from = 0; from < bytes.length; from += 65536) {
      const cluster = bytes.subarray(from, from + 65536);
      ours += ourDeflate(cluster).length;
      theirs += deflateRawSync(cluster, { windowBits: 12 }).length;
    }
    expect(ours).toBeLessThanOrEqual(theirs);
  });

  it("says so when the output does not fit", () => {
    const bytes = noise(65536, 256);
    view(0, bytes.length).set(bytes);
    expect(core.packDeflate(at, bytes.length, at + ROOM, 65535)).toBe(0);
  });
});

describe("inflate", () => {
  it.each(SAMPLES)("reads what zlib writes at every level: %s", (_, bytes) => {
    for (const strategy of [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY])
      for (const level of [0, 1, 6, 9]) {
        const unpacked = ourInflate(deflateRawSync(bytes, { level, strategy }), bytes.length);
        expect(unpacked && Buffer.compare(unpacked, bytes)).toBe(0);
      }
  });

  it("stops at the capacity", () => {
    expect(ourInflate(deflateRawSync(text), 1000)).toEqual(new Uint8Array(text.subarray(0, 1000)));
  });

  it("calls cut streams damaged, and survives any change of a byte", () => {
    const packed = deflateRawSync(text.subarray(0, 20_000));
    for (let length = 0; length < packed.length - 1; length += 7)
      expect(ourInflate(packed.subarray(0, length), 20_000)).toBeUndefined();
    for (let round = 0; round < 2000; round++) {
      const changed = Buffer.from(packed);
      changed[next(changed.length)] = next(256);
      const result = ourInflate(changed, 20_000);
      let theirs: Buffer | undefined;
      try {
        theirs = inflateRawSync(changed);
      } catch {
        theirs = undefined;
      }
      if (theirs && theirs.length <= 20_000) expect(result && Buffer.compare(result, theirs)).toBe(0);
    }
  });
});
