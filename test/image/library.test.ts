// Images as a program uses them: the library's door, on real files.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as wasmqemu from "../../host/index.ts";
import { pattern } from "../support/qcow2.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "wasmqemu-library-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

it("creates, writes, snapshots, checks and maps an image", async () => {
  await wasmqemu.createImage(path("disk.qcow2"), { size: 2 ** 30 });
  const image = await wasmqemu.openImage(path("disk.qcow2"), { readOnly: false });
  expect(image.size).toBe(2 ** 30);
  await image.write!(pattern(70_000, 1), 1000);
  await wasmqemu.createSnapshot(image, "before");
  await image.write!(pattern(512, 2), 0);
  expect(await wasmqemu.listSnapshots(image)).toMatchObject([{ id: "1", name: "before", diskSize: 2 ** 30 }]);
  await wasmqemu.applySnapshot(image, "before");
  const bytes = new Uint8Array(70_000);
  await image.read(bytes, 1000);
  expect(Buffer.compare(bytes, pattern(70_000, 1))).toBe(0);
  expect(await wasmqemu.check(image)).toMatchObject({ corruptions: 0, leaks: 0, allocatedClusters: 2 });
  const extents = [];
  for await (const { start, length, zero } of wasmqemu.map(image)) extents.push({ start, length, zero });
  expect(extents).toEqual([
    { start: 0, length: 131072, zero: false },
    { start: 131072, length: 2 ** 29 - 131072, zero: true },
    { start: 2 ** 29, length: 2 ** 29, zero: true },
  ]);
  await image.close();
});

it("converts both ways and compares", async () => {
  const raw = Buffer.concat([
    pattern(300_000 - (300_000 % 512), 1),
    new Uint8Array(2 ** 20),
    pattern(512, 2),
  ]);
  writeFileSync(path("a.raw"), raw);
  const seen: number[] = [];
  await wasmqemu.convert(path("a.raw"), path("a.qcow2"), {
    compress: true,
    onProgress: (done, total) => seen.push(done / total),
  });
  expect(seen.at(-1)).toBe(1);
  await wasmqemu.convert(path("a.qcow2"), path("b.raw"), { format: "raw" });
  expect(readFileSync(path("b.raw")).equals(raw)).toBe(true);
  const a = await wasmqemu.openImage(path("a.raw"));
  const b = await wasmqemu.openImage(path("a.qcow2"));
  expect(await wasmqemu.compare(a, b)).toBeUndefined();
  await Promise.all([a.close(), b.close()]);
});

it("leaves no target behind when a copy is aborted, and does not copy a file onto itself", async () => {
  writeFileSync(path("long.raw"), new Uint8Array(16 * 2 ** 20).fill(1));
  const abort = new AbortController();
  const copy = wasmqemu.convert(path("long.raw"), path("long.qcow2"), {
    signal: abort.signal,
    onProgress: () => abort.abort(),
  });
  await expect(copy).rejects.toThrow(/abort/i);
  expect(existsSync(path("long.qcow2"))).toBe(false);
  await expect(wasmqemu.convert(path("long.raw"), path("long.raw"))).rejects.toThrow(/into itself/);
  expect(readFileSync(path("long.raw")).length).toBe(16 * 2 ** 20);
});

it("opens files that an image names only when told to", async () => {
  await wasmqemu.createImage(path("base.qcow2"), { size: 2 ** 20 });
  await wasmqemu.createImage(path("over.qcow2"), {
    size: 2 ** 20,
    backingFile: "base.qcow2",
    backingFormat: "qcow2",
  });
  await expect(wasmqemu.openImage(path("over.qcow2"))).rejects.toThrow(/names 'base.qcow2'.*followNames/);
  const image = await wasmqemu.openImage(path("over.qcow2"), { followNames: true });
  expect(image.backing?.name).toBe(path("base.qcow2"));
  await image.close();
});
