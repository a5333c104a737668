// Our readers of what only macOS images are packed by: xz against what xz packs, ADC against a packer of our own; both
// against damage, and as chunks.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MemorySource } from "../../host/block/memory.ts";
import { loadEngine } from "../../host/core/load.ts";
import { dmg } from "../../host/image/formats/dmg.ts";
import type { BlockExports } from "../../host/image/qcow2/engine.ts";
import { unadc, unxz } from "../../host/image/codecs/foreign-codecs.ts";
import { node } from "../../host/runtimes/node.ts";
import { dmgOf } from "../support/dmg.ts";
import { openIn } from "../support/formats.ts";
import { missingTools, skipped } from "../support/needs.ts";
import { pattern, random } from "../support/qcow2.ts";

const core = await loadEngine<BlockExports>(node, "block.wasm");

function xz(plain: Uint8Array, ...options: string[]): Uint8Array {
  return spawnSync("xz", ["-c", ...options], { input: plain, maxBuffer: 2 ** 26 }).stdout;
}

/** Repeats where the last three bytes were seen before, literals elsewhere. */
function adc(plain: Uint8Array): Uint8Array {
  const packed: number[] = [];
  const seen = new Map<number, number>();
  let literals: number[] = [];
  const spell = (): void => {
    for (let at = 0; at < literals.length; at += 128) {
      const part = literals.slice(at, at + 128);
      packed.push(0x80 | (part.length - 1), ...part);
    }
    literals = [];
  };
  for (let at = 0; at < plain.length;) {
    const key = (plain[at]! << 16) | (plain[at + 1]! << 8) | plain[at + 2]!;
    const back = at + 3 <= plain.length ? at - (seen.get(key) ?? -Infinity) : Infinity;
    seen.set(key, at);
    let length = 0;
    if (back <= 65536)
      while (length < 67 && at + length < plain.length && plain[at + length] === plain[at + length - back])
        length++;
    if (back <= 1024 && length >= 3 && length <= 18) {
      spell();
      packed.push(((length - 3) << 2) | ((back - 1) >> 8), (back - 1) & 255);
    } else if (length >= 4) {
      spell();
      packed.push(0x40 | (length - 4), (back - 1) >> 8, (back - 1) & 255);
    } else {
      literals.push(plain[at]!);
      length = 1;
    }
    at += length;
  }
  spell();
  return Uint8Array.from(packed);
}

const TEXT = Buffer.from(Array.from({ length: 40_000 }, (_, n) => `${(n * 7919) % 1000} of ${n}\n`).join(""));
const SAMPLES: readonly (readonly [string, () => Uint8Array])[] = [
  ["one byte", () => Buffer.from("a")],
  ["zeros", () => new Uint8Array(3_000_000)],
  ["text", () => TEXT],
  ["noise, which is stored", () => pattern(300_000, 7)],
  ["a program", () => readFileSync(process.execPath).subarray(8_000_000, 8_700_000)],
  ["a period", () => Buffer.alloc(300_000, "abcab")],
];

const missing = missingTools("xz");
if (missing.length) skipped("the xz reader", "xz is not installed");
describe.skipIf(missing.length > 0)("xz", () => {
  const OPTIONS = [
    ["-0"],
    ["-9e"],
    ["--check=none", "--lzma2=preset=1,lc=0,lp=4,pb=0"],
    ["--block-size=100000", "-C", "sha256"],
  ];
  it.each(SAMPLES)("unpacks %s", (_, make) => {
    const plain = Buffer.from(make());
    for (const options of OPTIONS) {
      const packed = xz(plain, ...options);
      expect(Buffer.compare(unxz(core, packed, plain.length)!, plain)).toBe(0);
      // No room for all of it, and a stream that breaks off.
      expect(unxz(core, packed, plain.length - 1)).toBeUndefined();
      expect(unxz(core, packed.subarray(0, packed.length / 2), plain.length)).toBeUndefined();
    }
  });

  it("is not led astray by flipped bits", () => {
    const packed = xz(TEXT.subarray(0, 20_000));
    const next = random(5);
    for (let round = 0; round < 500; round++) {
      const damaged = packed.slice();
      damaged[next(packed.length)]! ^= 1 << next(8);
      expect(unxz(core, damaged, 20_000)?.length ?? 0).toBeLessThanOrEqual(20_000);
    }
  });

  it("refuses another filter", () => {
    expect(unxz(core, xz(TEXT, "--x86", "--lzma2"), TEXT.length)).toBeUndefined();
  });
});

describe("ADC", () => {
  it.each(SAMPLES)("unpacks %s", (_, make) => {
    const plain = Buffer.from(make()).subarray(0, 500_000);
    const packed = adc(plain);
    expect(Buffer.compare(unadc(core, packed, plain.length)!, plain)).toBe(0);
    expect(unadc(core, packed, plain.length - 1)).toBeUndefined();
    expect(unadc(core, packed.subarray(0, packed.length - 1), plain.length)).toBeUndefined();
  });

  it("refuses to look back past the start", () => {
    expect(unadc(core, Uint8Array.of(0x80, 1, 0, 1), 100)).toBeUndefined();
    expect(unadc(core, Uint8Array.of(0x80, 1, 0, 0), 100)).toEqual(Uint8Array.of(1, 1, 1, 1));
  });
});

it.skipIf(missing.length > 0)("reads the chunks of a macOS image, each packed in its own way", async () => {
  const plain = Buffer.concat([TEXT.subarray(0, 262_144), pattern(262_144, 9), Buffer.alloc(262_144, "xyz")]);
  const chunks = [0, 1, 2].map((n) => plain.subarray(n * 262_144, (n + 1) * 262_144));
  const packers = [
    { type: 0x80000004, pack: adc },
    { type: 0x80000008, pack: (part: Uint8Array) => xz(part) },
    { type: 0x80000008, pack: (part: Uint8Array) => xz(part, "-9") },
  ];
  const file = dmgOf(
    chunks.map((chunk, n) => ({
      type: packers[n]!.type,
      packed: packers[n]!.pack(chunk),
      length: chunk.length,
    })),
  );
  const image = await openIn(dmg, new MemorySource(file), true);
  const bytes = new Uint8Array(plain.length);
  for (const at of [500_000, 100, 262_000]) {
    await image.read(bytes.subarray(0, 70_000), at);
    expect(Buffer.compare(bytes.subarray(0, 70_000), plain.subarray(at, at + 70_000))).toBe(0);
  }
  await image.close();
});
