// Our zstd reader against images that native qemu-img has compressed, and against damage; our writer against both readers.
import { randomBytes } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadEngine } from "../../host/core/load.ts";
import type { BlockExports } from "../../host/image/qcow2/engine.ts";
import { node } from "../../host/runtimes/node.ts";
import { random } from "../support/qcow2.ts";
import { native, ours, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const folder = scratchFolder();
const MIB = 2 ** 20;
/** A frame's first bytes. */
const MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** The header's incompatible feature bit, and its compression type. */
const COMPRESSION = 8;
const ZSTD = 1;

/** A program, text, long repeats, near-noise and noise: every kind of block, literals and table. */
function writeSample(): Buffer {
  const program = readFileSync(process.execPath).subarray(8 * MIB, 12 * MIB);
  const text = Buffer.from(
    Array.from({ length: 60_000 }, (_, n) => `line ${(n * 7919) % 1000} of ${n}\n`).join(""),
  );
  const noise = randomBytes(MIB);
  const steep = noise.map((byte) => Math.clz32(byte << 24));
  const sample = Buffer.alloc(10 * MIB);
  let at = 0;
  for (const part of [program, text, noise.subarray(0, 300_000), steep, noise.subarray(0, 100_000)]) {
    sample.set(part, at);
    at += part.length;
  }
  sample.fill("abc", 9 * MIB, 9 * MIB + 500_000);
  writeFileSync(join(folder, "sample.raw"), sample);
  return sample;
}

function pack(clusterSize: number): void {
  const options = `compression_type=zstd,cluster_size=${clusterSize}`;
  native(folder, "convert", "-c", "-O", "qcow2", "-o", options, "sample.raw", "packed.qcow2");
}

describe.skipIf(withoutNative("zstd beside qemu-img"))("zstd", () => {
  it.each([512, 4096, 65536, 2 * MIB])("reads clusters of %i bytes", (clusterSize) => {
    const sample = writeSample();
    pack(clusterSize);
    expect(ours(folder, "convert", "packed.qcow2", "unpacked.raw")).toEqual({ code: 0, out: "", err: "" });
    expect(readFileSync(join(folder, "unpacked.raw")).equals(sample)).toBe(true);
    expect(ours(folder, "check", "packed.qcow2")).toEqual(native(folder, "check", "packed.qcow2"));
  });

  it("says which cluster is damaged, and nothing worse", () => {
    writeSample();
    pack(65536);
    const bytes = readFileSync(join(folder, "packed.qcow2"));
    bytes[bytes.indexOf(MAGIC)] = 0;
    writeFileSync(join(folder, "packed.qcow2"), bytes);
    const { code, err } = ours(folder, "convert", "packed.qcow2", "unpacked.raw");
    expect(code).toBe(1);
    expect(err).toMatch(/Cannot read the cluster at 0x[0-9a-f]+: its compressed data is damaged/);
  });

  it("takes any damage within a frame, and writes nothing past the cluster", async () => {
    const size = 65536;
    writeSample();
    pack(size);
    const file = readFileSync(join(folder, "packed.qcow2"));
    const frames: number[] = [];
    for (let at = file.indexOf(MAGIC); at >= 0; at = file.indexOf(MAGIC, at + 4)) frames.push(at);
    expect(frames.length).toBeGreaterThan(50);
    const core = await loadEngine<BlockExports>(node, "block.wasm");
    core.reserve(0);
    core.formatImage(3, Math.log2(size), 4, COMPRESSION, 0, ZSTD);
    const view = (global: WebAssembly.Global, length: number): Uint8Array =>
      new Uint8Array(core.memory.buffer as ArrayBuffer, global.value as number, length);
    const next = random(8878);
    let refused = 0;
    for (let round = 0; round < 3000; round++) {
      const at = frames[round % frames.length]!;
      const length = Math.min(size, file.length - at);
      const packed = view(core.PACKED_AT, length);
      packed.set(file.subarray(at, at + length));
      // Heads and tables lie in front: most of the damage goes there.
      for (let hits = 1 + next(3); hits > 0; hits--) packed[4 + next(next(2) ? 60 : 4000)] = next(256);
      const guard = view(core.UNPACKED_AT, size + 4096).subarray(size);
      guard.fill(0xa5);
      if (!core.unpackCluster(1 + next(length))) refused++;
      expect(guard.every((byte) => byte === 0xa5)).toBe(true);
    }
    expect(refused).toBeGreaterThan(1000);
  });

  it.each([4096, 65536])(
    "writes clusters of %i bytes that qemu-img reads, no larger than its own",
    (clusterSize) => {
      const sample = writeSample();
      const options = `compression_type=zstd,cluster_size=${clusterSize}`;
      const arguments_ = ["convert", "-c", "-O", "qcow2", "-o", options, "sample.raw"];
      expect(ours(folder, ...arguments_, "ours.qcow2")).toEqual({ code: 0, out: "", err: "" });
      expect(native(folder, "compare", "sample.raw", "ours.qcow2").code).toBe(0);
      expect(native(folder, "check", "ours.qcow2").code).toBe(0);
      native(folder, ...arguments_, "theirs.qcow2");
      const sizes = ["ours.qcow2", "theirs.qcow2"].map((name) => statSync(join(folder, name)).size);
      expect(sizes[0]).toBeLessThanOrEqual(sizes[1]!);
      expect(ours(folder, "convert", "ours.qcow2", "unpacked.raw").code).toBe(0);
      expect(readFileSync(join(folder, "unpacked.raw")).equals(sample)).toBe(true);
    },
  );
});

/** Bytes of which each is like those before it, or is not: by `kinds` symbols and repeats of up to `reach`. */
function mixture(next: (below: number) => number, length: number): Uint8Array {
  const kinds = 1 + next(next(2) ? 256 : 8);
  const reach = 1 + next(length);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    let run = 1 + next(1 << next(16));
    const distance = at && next(4) ? 1 + next(Math.min(at, reach)) : 0;
    for (; run > 0 && at < length; run--, at++)
      bytes[at] = distance ? bytes[at - distance]! : Math.floor(next(kinds) * (next(256) / 256));
  }
  return bytes;
}

describe("a checksum of the content", () => {
  const content = Buffer.from(Array.from({ length: 9 }, (_, n) => `checksum ${n}, `).join(""));
  // Frames that `zstd --check` made of so many bytes of it.
  it.each([
    [0, "28b52ffd240001000099e9d851"],
    [7, "28b52ffd0458390000636865636b7375775189a5"],
    [
      103,
      "28b52ffd045835010098636865636b73756d20302c20313233343536370800a00830070c03468039601830e24549029804440e",
    ],
  ])("is verified: %i bytes", async (length, frame) => {
    const core = await loadEngine<BlockExports>(node, "block.wasm");
    core.reserve(0);
    const memory = Buffer.from(core.memory.buffer as ArrayBuffer);
    const from = core.PACKED_AT.value as number;
    const to = core.UNPACKED_AT.value as number;
    const unpack = (bytes: Buffer): number => {
      memory.set(bytes, from);
      return core.unpackZstd(from, bytes.length, to, 4096);
    };
    const packed = Buffer.from(frame, "hex");
    expect(unpack(packed)).toBe(length);
    expect(memory.subarray(to, to + length).equals(content.subarray(0, length))).toBe(true);
    expect(unpack(packed.subarray(0, -1))).toBe(-1);
    packed[packed.length - 1]! ^= 1;
    expect(unpack(packed)).toBe(-1);
  });
});

describe("zstd writing", () => {
  it("comes back by our reader, whatever the bytes and their number", async () => {
    const core = await loadEngine<BlockExports>(node, "block.wasm");
    core.reserve(0);
    const from = core.UNPACKED_AT.value as number;
    const to = core.PACKED_AT.value as number;
    const next = random(1999);
    for (let round = 0; round < 400; round++) {
      const bytes = mixture(next, 1 + next(1 << (4 + next(15))));
      const memory = Buffer.from(core.memory.buffer as ArrayBuffer);
      memory.set(bytes, from);
      // A frame's header and three bytes for each block are all that may be gained.
      const length = core.packZstd(from, bytes.length, to, bytes.length + 32);
      expect(length).toBeGreaterThan(0);
      expect(core.packZstd(from, bytes.length, to, length - 1)).toBe(0);
      expect(core.packZstd(from, bytes.length, to, length)).toBe(length);
      memory.fill(0xa5, from, from + bytes.length);
      expect(core.unpackZstd(to, length, from, bytes.length)).toBe(bytes.length);
      expect(memory.subarray(from, from + bytes.length).equals(bytes)).toBe(true);
    }
  });
});
