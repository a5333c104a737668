// Our bzip2 reader against what bzip2 packs, by itself and as the chunks of a macOS image; and against damage.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MemorySource } from "../../host/block/memory.ts";
import { loadEngine } from "../../host/core/load.ts";
import { bunzip2 } from "../../host/image/codecs/foreign-codecs.ts";
import type { BlockExports } from "../../host/image/qcow2/engine.ts";
import { dmg } from "../../host/image/formats/dmg.ts";
import { node } from "../../host/runtimes/node.ts";
import { dmgOf } from "../support/dmg.ts";
import { openIn } from "../support/formats.ts";
import { missingTools, skipped } from "../support/needs.ts";
import { pattern, random } from "../support/qcow2.ts";

const core = await loadEngine<BlockExports>(node, "block.wasm");

function bzip2(plain: Uint8Array, level: number): Uint8Array {
  const { stdout } = spawnSync("bzip2", [`-${level}`], { input: plain, maxBuffer: 2 ** 26 });
  return stdout;
}

/** Noise that is the same on every run. */
function noise(length: number): Buffer {
  const parts: Buffer[] = [];
  for (let n = 0; n * 32 < length; n++) parts.push(createHash("sha256").update(`${n}`).digest());
  return Buffer.concat(parts).subarray(0, length);
}

const TEXT = Buffer.from(Array.from({ length: 40_000 }, (_, n) => `${(n * 7919) % 1000} of ${n}\n`).join(""));
const SAMPLES: readonly (readonly [string, () => Uint8Array])[] = [
  ["nothing", () => new Uint8Array(0)],
  ["one byte", () => Buffer.from("a")],
  ["zeros over several blocks", () => new Uint8Array(6_000_000)],
  [
    "runs around the length that is spelled out",
    () => Buffer.concat(Array.from({ length: 600 }, (_, n) => Buffer.alloc(n % 270, n & 1 ? 0 : 255))),
  ],
  ["text", () => TEXT],
  ["noise over several blocks", () => noise(950_000)],
  ["a program", () => readFileSync(process.execPath).subarray(8_000_000, 10_500_000)],
  ["a period that sorts badly", () => Buffer.alloc(300_000, "ab")],
];

const missing = missingTools("bzip2");
if (missing.length) skipped("the bzip2 reader", "bzip2 is not installed");
describe.skipIf(missing.length > 0)("bzip2", () => {
  it.each(SAMPLES)("unpacks %s", (_, make) => {
    const plain = Buffer.from(make());
    for (const level of [1, 9]) {
      const packed = bzip2(plain, level);
      expect(Buffer.compare(bunzip2(core, packed, plain.length)!, plain)).toBe(0);
      // No room for all of it, and a stream that breaks off.
      if (plain.length > 1) expect(bunzip2(core, packed, plain.length - 1)).toBeUndefined();
      if (plain.length)
        expect(bunzip2(core, packed.subarray(0, packed.length / 2), plain.length)).toBeUndefined();
    }
  });

  it("finds every flipped bit of the data by its checksum, or reads the same", () => {
    const plain = TEXT.subarray(0, 20_000);
    const packed = bzip2(plain, 1);
    const next = random(5);
    for (let round = 0; round < 300; round++) {
      const damaged = packed.slice();
      const at = next(packed.length);
      damaged[at]! ^= 1 << next(8);
      const got = bunzip2(core, damaged, plain.length);
      if (got && at >= 4) expect(Buffer.compare(got, plain)).toBe(0);
    }
  });

  it("reads the chunks of a macOS image in any order", async () => {
    const plain = pattern(3 * 262_144, 9);
    const chunks = [0, 1, 2].map((n) => plain.subarray(n * 262_144, (n + 1) * 262_144));
    const file = dmgOf(
      chunks.map((chunk) => ({ type: 0x80000006, packed: bzip2(chunk, 9), length: chunk.length })),
    );
    const image = await openIn(dmg, new MemorySource(file), true);
    const bytes = new Uint8Array(plain.length);
    for (const at of [500_000, 100, 262_000]) {
      await image.read(bytes.subarray(0, 70_000), at);
      expect(Buffer.compare(bytes.subarray(0, 70_000), plain.subarray(at, at + 70_000))).toBe(0);
    }
    await image.close();
  });
});
