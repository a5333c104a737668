// Compressed clusters share host clusters: room that has been given back is nobody's to share.
import { deflateRawSync } from "node:zlib";
import { expect, it, vi } from "vitest";
import { blank, check, open, pattern } from "../support/qcow2.ts";

const CLUSTER = 4096;

it("puts no compressed data behind that of a cluster that was freed and is another's now", async () => {
  const file = await blank({ size: 16 * CLUSTER, clusterSize: CLUSTER });
  const image = await open(file);
  const plain = new Uint8Array(CLUSTER).fill(7);
  const packed = deflateRawSync(plain, { windowBits: 12 });
  await image.writePacked([{ packed, offset: 0 }]);
  await image.flush!();
  await image.discard!(0, CLUSTER);
  await image.flush!();
  const others = pattern(3 * CLUSTER, 1);
  await image.write!(others, CLUSTER);
  await image.writePacked([{ packed, offset: 8 * CLUSTER }]);
  await image.flush!();
  await image.close();
  const found = new Uint8Array(3 * CLUSTER);
  await (await open(file, true)).read(found, CLUSTER);
  expect(Buffer.compare(found, others)).toBe(0);
  expect(await check(file)).toMatchObject({ findings: [], corruptions: 0, leaks: 0 });
});

it("writes at once what lies together in memory and comes to lie together in the file", async () => {
  const file = await blank({ size: 16 * CLUSTER, clusterSize: CLUSTER });
  const image = await open(file);
  const plain = Array.from({ length: 8 }, (_, n) => new Uint8Array(CLUSTER).fill(n + 1));
  const row = Buffer.concat(plain.map((bytes) => deflateRawSync(bytes, { windowBits: 12 })));
  let at = 0;
  const clusters = plain.map((bytes, n) => {
    const { length } = deflateRawSync(bytes, { windowBits: 12 });
    at += length;
    // Every other cluster of the disk.
    return { packed: row.subarray(at - length, at), offset: 2 * n * CLUSTER };
  });
  const write = vi.spyOn(file, "write");
  await image.writePacked(clusters);
  expect(write.mock.calls.map(([bytes]) => bytes.length)).toEqual([row.length]);
  await image.flush!();
  await image.close();
  const again = await open(file, true);
  const found = new Uint8Array(CLUSTER);
  for (const [n, bytes] of plain.entries()) {
    await again.read(found, 2 * n * CLUSTER);
    expect(Buffer.compare(found, bytes)).toBe(0);
  }
  expect(await check(file)).toMatchObject({ findings: [], corruptions: 0, leaks: 0 });
});
