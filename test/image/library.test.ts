// Images as a program uses them: the library's door, on real files.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { MemorySource } from "../../host/block/memory.ts";
import { type Bitmap, bitsOf } from "../../host/image/qcow2/bitmaps.ts";
import type { Qcow2Image } from "../../host/image/qcow2/image.ts";
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
    { start: 131072, length: 2 ** 30 - 131072, zero: true },
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

it("opens an image in any source, tells of it, resizes it, and closes the source with it", async () => {
  await wasmqemu.createImage(path("held.qcow2"), { size: 2 ** 20 });
  const file = new MemorySource(readFileSync(path("held.qcow2")));
  const close = vi.spyOn(file, "close");
  const image = await wasmqemu.openImage(file, { readOnly: false });
  await image.write!(pattern(4096, 3), 512);
  await expect(wasmqemu.resize(image, 2 ** 19)).rejects.toThrow(/shrink: true/);
  await wasmqemu.resize(image, 2 ** 21);
  await wasmqemu.addBitmap(image, "since");
  await image.write!(pattern(512, 4), 2 ** 20);
  expect(wasmqemu.listBitmaps(image)).toEqual([
    { name: "since", granularity: 65536, recording: true, broken: false },
  ]);
  await image[Symbol.asyncDispose]();
  expect(close).toHaveBeenCalledOnce();
  expect(await wasmqemu.info(file)).toMatchObject({ format: "qcow2", size: 2 ** 21, clusterSize: 65536 });
  await wasmqemu.convert(file, path("held.raw"), { format: "raw" });
  expect(readFileSync(path("held.raw")).subarray(512, 4608).equals(pattern(4096, 3))).toBe(true);
});

it("commits and rebases overlays, and stops at a signal with the same content as before", async () => {
  const content = pattern(8 * 2 ** 20, 5);
  for (const base of ["low.qcow2", "other.qcow2"])
    await wasmqemu.createImage(path(base), { size: 8 * 2 ** 20 });
  const over = { size: 8 * 2 ** 20, backingFile: "low.qcow2", backingFormat: "qcow2" };
  await wasmqemu.createImage(path("top.qcow2"), over);
  const open = (): Promise<wasmqemu.OpenImage> =>
    wasmqemu.openImage(path("top.qcow2"), { readOnly: false, followNames: true });
  const seen = async (): Promise<boolean> => {
    const image = await open();
    const bytes = new Uint8Array(content.length);
    await image.read(bytes, 0);
    await image.close();
    return Buffer.compare(bytes, content) === 0;
  };
  const image = await open();
  await image.write!(content, 0);
  await image.flush!();
  const abort = new AbortController();
  const watch = { signal: abort.signal, onProgress: () => abort.abort(new Error("enough")) };
  await expect(wasmqemu.commit(image, watch)).rejects.toThrow("enough");
  await image.close();
  expect(await seen()).toBe(true);
  const again = await open();
  await wasmqemu.commit(again);
  await again.close();
  expect(await seen()).toBe(true);
  const moved = await open();
  await wasmqemu.rebase(moved, "other.qcow2", { format: "qcow2" });
  await moved.close();
  expect(await wasmqemu.info(path("top.qcow2"))).toMatchObject({ backingFile: "other.qcow2" });
  expect(await seen()).toBe(true);
});

it("converts into any source, and out of it again", async () => {
  const content = Buffer.from(pattern(3 * 2 ** 20, 6)).fill(0, 2 ** 20, 2 ** 21);
  writeFileSync(path("into.raw"), content);
  for (const format of ["qcow2", "raw"] as const) {
    const held = new MemorySource();
    const close = vi.spyOn(held, "close");
    await wasmqemu.convert(path("into.raw"), held, { format, compress: format === "qcow2" });
    expect(close).toHaveBeenCalledOnce();
    await wasmqemu.convert(held, path("out.raw"), { format: "raw" });
    expect(readFileSync(path("out.raw")).equals(content)).toBe(true);
  }
  const target = { size: 0, read: async () => {}, close: async () => {} };
  await expect(wasmqemu.convert(path("into.raw"), target)).rejects.toThrow(/written, flushed and resized/);
  await expect(
    wasmqemu.createImage(new MemorySource(), { size: 512, dataFile: "beside.raw" }),
  ).rejects.toThrow(/'beside.raw' would have to lie beside/);
});

it("records, clears, switches and merges bitmaps", async () => {
  const file = new MemorySource();
  await wasmqemu.createImage(file, { size: 2 ** 20 });
  const image = await wasmqemu.openImage(file, { readOnly: false });
  await wasmqemu.addBitmap(image, "a", 65536);
  await image.write!(pattern(512, 1), 0);
  await wasmqemu.switchBitmap(image, "a", false);
  await wasmqemu.addBitmap(image, "b", 4096);
  await image.write!(pattern(512, 1), 2 ** 19);
  await wasmqemu.mergeBitmap(image, "b", "a");
  await image.close();
  const again = await wasmqemu.openImage(file, { readOnly: false });
  expect(wasmqemu.listBitmaps(again)).toMatchObject([
    { name: "a", recording: false, broken: false },
    { name: "b", recording: true, broken: false },
  ]);
  const [a, b] = (again as unknown as Qcow2Image).bitmaps;
  const bits = async (bitmap: Bitmap): Promise<number[]> =>
    [...(await bitsOf(again as unknown as Qcow2Image, bitmap)).entries()].flatMap(([at, byte]) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (1 << bit)).map((bit) => at * 8 + bit),
    );
  expect(await bits(a!)).toEqual([0]);
  expect(await bits(b!)).toEqual([...Array(16).keys(), 128]);
  await wasmqemu.clearBitmap(again, "b");
  expect(await bits(b!)).toEqual([]);
  await wasmqemu.removeBitmap(again, "a");
  expect(wasmqemu.listBitmaps(again)).toHaveLength(1);
  await again.close();
  expect(await wasmqemu.check(await wasmqemu.openImage(file))).toMatchObject({ corruptions: 0, leaks: 0 });
});

it("opens overlays whose backing files have passphrases of their own", async () => {
  const encryption = { passphrase: "low", iterTime: 1 };
  await wasmqemu.createImage(path("deep.qcow2"), { size: 2 ** 20, encryption });
  const below = await wasmqemu.openImage(path("deep.qcow2"), { readOnly: false, passphrase: "low" });
  await below.write!(pattern(4096, 7), 0);
  await below.close();
  const name = `json:{"driver":"qcow2","encrypt.key-secret":"deep","file.filename":"${path("deep.qcow2")}"}`;
  await wasmqemu.createImage(path("over-it.qcow2"), {
    size: 2 ** 20,
    backingFile: name,
    backingFormat: "qcow2",
    encryption: { passphrase: "high", iterTime: 1 },
  });
  const keys = { passphrase: "high", secrets: { deep: "low" } };
  const image = await wasmqemu.openImage(path("over-it.qcow2"), {
    ...keys,
    readOnly: false,
    followNames: true,
  });
  const bytes = new Uint8Array(4096);
  await image.read(bytes, 0);
  expect(Buffer.compare(bytes, pattern(4096, 7))).toBe(0);
  await image.write!(pattern(512, 8), 512);
  await image.close();
  await expect(
    wasmqemu.openImage(path("over-it.qcow2"), { passphrase: "high", followNames: true }),
  ).rejects.toThrow("No secret with id 'deep'");
  await wasmqemu.convert(path("over-it.qcow2"), path("plain.raw"), {
    ...keys,
    format: "raw",
    followNames: true,
  });
  expect(readFileSync(path("plain.raw")).subarray(512, 1024).equals(pattern(512, 8))).toBe(true);
});

it("runs the example as a program of its users would", () => {
  const here = path("example");
  mkdirSync(join(here, "node_modules"), { recursive: true });
  symlinkSync(process.cwd(), join(here, "node_modules/wasmqemu"));
  copyFileSync("examples/images.mjs", join(here, "images.mjs"));
  const said = execFileSync(process.execPath, ["images.mjs"], { cwd: here, encoding: "utf8" });
  expect(said).toBe(
    "[ '1 before' ]\n{ start: 1048576, length: 65536 }\n0 corruptions\nthe copy is the same\nqcow2\n",
  );
});

it("is what the command line is made of: no command reaches past it", () => {
  // How sizes and snapshots are spelled is no image's business.
  const words = ["size.ts", "snapshot-list.ts"];
  const commands = join(import.meta.dirname, "../../host/cli/img");
  const past = readdirSync(commands).flatMap((file) =>
    [...readFileSync(join(commands, file), "utf8").matchAll(/from "\.\.\/\.\.\/image\/(.*)"/g)]
      .filter(([, used]) => !words.includes(used!))
      .map(([, used]) => `${file}: ${used}`),
  );
  expect(past).toEqual([]);
});
