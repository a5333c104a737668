// Compression in threads gives what compression without threads gives, and stops with a sentence where it cannot.
import { createCipheriv, randomBytes } from "node:crypto";
import { inflateRawSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import type { CodecJob, PackJob } from "../../host/image/codecs/codec-jobs.ts";
import { CodecPool } from "../../host/image/codecs/codec-pool.ts";
import { node } from "../../host/runtimes/node.ts";
import type { Runtime } from "../../host/runtimes/runtime.ts";
import { pattern } from "../support/qcow2.ts";

const SIZE = 4096;
const { startThread: _, ...withoutThreads } = node;
const pools: CodecPool[] = [];

function poolOf(runtime: Runtime): CodecPool {
  const pool = new CodecPool(runtime);
  pools.push(pool);
  return pool;
}

afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.stop())));

/** Some zeros, a pattern, noise: a cluster of each kind of answer. */
function packJob(): PackJob {
  const buffer = new ArrayBuffer(2 * 3 * SIZE);
  new Uint8Array(buffer, SIZE, SIZE).set(pattern(SIZE, 3));
  crypto.getRandomValues(new Uint8Array(buffer, 2 * SIZE, SIZE));
  return { kind: "pack", buffer, compression: "zlib", clusterSize: SIZE, clusters: 3 };
}

describe.each([
  ["in threads", { ...node, processors: 3 }],
  ["without threads", withoutThreads as Runtime],
])("codecs %s", (_, runtime) => {
  it("pack many jobs at once, and unpack them", async () => {
    const pool = poolOf(runtime);
    const answers = await Promise.all(Array.from({ length: 8 }, () => pool.run(packJob())));
    for (const { buffer, lengths } of answers) {
      const [zeros, packed, noise] = lengths;
      expect([zeros, noise]).toEqual([0, SIZE]);
      expect(packed).toBeLessThan(SIZE);
      const stream = new Uint8Array(buffer, 3 * SIZE, packed);
      expect(Buffer.compare(inflateRawSync(stream), pattern(SIZE, 3))).toBe(0);
    }
    const jobs = answers.map(({ buffer, lengths }): CodecJob => {
      const parts = [
        { at: 3 * SIZE, length: lengths[1]! },
        { at: 2 * SIZE, length: SIZE },
      ];
      return { kind: "unpack", buffer, compression: "zlib", clusterSize: SIZE, parts };
    });
    for (const { buffer, lengths } of await Promise.all(jobs.map((job) => pool.run(job)))) {
      expect(lengths).toEqual([SIZE, -1]);
      expect(Buffer.compare(new Uint8Array(buffer, 0, SIZE), pattern(SIZE, 3))).toBe(0);
    }
  });

  it("encrypt and decrypt sectors as Node's own AES-XTS does", async () => {
    const pool = poolOf(runtime);
    const spec = { cipher: "aes", keyLength: 32, mode: "xts", generator: "plain64", vectorHash: undefined };
    const key = randomBytes(64);
    const plain = pattern(SIZE, 7);
    const jobs = Array.from({ length: 4 }, (_, n): CodecJob => {
      const buffer = new ArrayBuffer(2 * SIZE);
      new Uint8Array(buffer).set(plain);
      return { kind: "encrypt", buffer, length: SIZE, spec, key, first: n * 1000 };
    });
    const answers = await Promise.all(jobs.map((job) => pool.run(job)));
    for (const [n, { buffer }] of answers.entries()) {
      const vector = Buffer.alloc(16);
      vector.writeUInt32LE(n * 1000);
      const sector = createCipheriv("aes-256-xts", key, vector).update(plain.subarray(0, 512));
      expect(Buffer.compare(sector, new Uint8Array(buffer, 0, 512))).toBe(0);
      const back = await pool.run({ kind: "decrypt", buffer, length: SIZE, spec, key, first: n * 1000 });
      expect(Buffer.compare(plain, new Uint8Array(back.buffer, 0, SIZE))).toBe(0);
    }
  });
});

describe("a codec thread that ends in an error", () => {
  it("fails its jobs, and the next job gets another thread", async () => {
    const pool = poolOf({ ...node, processors: 2 });
    await pool.run(packJob());
    const impossible: CodecJob = { ...packJob(), clusters: 1e9 };
    await expect(pool.run(impossible)).rejects.toThrow(Error);
    expect((await pool.run(packJob())).lengths[0]).toBe(0);
  });
});
