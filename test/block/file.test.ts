// Files with holes: what is said to be zeros is, byte for byte, and only where nobody can write in between.
import { randomBytes, randomInt } from "node:crypto";
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileSource } from "../../host/block/file.ts";
import { node } from "../../host/runtimes/node.ts";
import { missingTools, skipped } from "../support/needs.ts";
import { native, ours, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const folder = scratchFolder();
const path = join(folder, "sparse.raw");
const SIZE = 64 * 2 ** 20 + 512;

/** 64 MiB with data in odd places, zeros that were written among them. */
function makeSparse(): void {
  const file = openSync(path, "w");
  ftruncateSync(file, SIZE);
  for (let n = 0; n < 200; n++) {
    const bytes = n % 5 === 0 ? Buffer.alloc(20_000) : randomBytes(randomInt(1, 30_000));
    writeSync(file, bytes, 0, bytes.length, randomInt(SIZE - bytes.length));
  }
  closeSync(file);
}

/** Lengths of what is told one after the other, and whether it is zeros. */
async function extents(source: FileSource): Promise<{ start: number; end: number; zero: boolean }[]> {
  const found = [];
  for (let start = 0; start < source.size;) {
    const { length, zero } = await source.extent!(start, source.size - start);
    found.push({ start, end: start + length, zero });
    start += length;
  }
  return found;
}

makeSparse();
const missing = missingTools("perl");
const hasHoles = process.platform === "linux" && missing.length === 0 && statSync(path).blocks * 512 < SIZE;
if (!hasHoles) skipped("holes of files", "it takes Linux, perl and a file system that has holes");

describe.skipIf(!hasHoles)("a file with holes", () => {
  it("tells where it is zeros", async () => {
    const source = await FileSource.open(node, path, "read");
    const bytes = readFileSync(path);
    const all = await extents(source);
    expect(all.some(({ zero }) => zero)).toBe(true);
    expect(all.at(-1)!.end).toBe(SIZE);
    for (const { start, end, zero } of all)
      if (zero)
        expect(
          bytes.subarray(start, end).every((byte) => byte === 0),
          `${start}-${end}`,
        ).toBe(true);
    await source.close();
  });

  it("all of it may be a hole, or none", async () => {
    const of = async (name: string): Promise<unknown> => {
      const source = await FileSource.open(node, join(folder, name), "read");
      const found = await extents(source);
      await source.close();
      return found;
    };
    writeFileSync(join(folder, "full.raw"), Buffer.alloc(8192));
    const empty = openSync(join(folder, "empty.raw"), "w");
    ftruncateSync(empty, 2 ** 41);
    closeSync(empty);
    expect(await of("full.raw")).toEqual([{ start: 0, end: 8192, zero: false }]);
    expect(await of("empty.raw")).toEqual([{ start: 0, end: 2 ** 41, zero: true }]);
  });

  it("says nothing while it or others may write it", async () => {
    const writer = await FileSource.open(node, path, "write");
    expect(writer.extent).toBeUndefined();
    await writer.close();
    const sharer = await FileSource.open(node, path, "read", { shared: true });
    expect(sharer.extent).toBeUndefined();
    await sharer.close();
  });

  it.skipIf(withoutNative("holes beside qemu-img"))("is mapped and converted as by qemu-img", () => {
    const map = ["map", "-f", "raw", "--output=json", "sparse.raw"];
    expect(ours(folder, ...map)).toEqual(native(folder, ...map));
    expect(ours(folder, "convert", "-f", "raw", "-O", "qcow2", "sparse.raw", "copy.qcow2").code).toBe(0);
    expect(native(folder, "compare", "-f", "raw", "sparse.raw", "copy.qcow2").code).toBe(0);
    expect(ours(folder, "compare", "-f", "raw", "sparse.raw", "copy.qcow2").code).toBe(0);
  });
});
