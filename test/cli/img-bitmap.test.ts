// Persistent bitmaps and preallocation beside qemu-img: what one program writes, the other reads.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { native, ours, qemuIo, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const folder = scratchFolder();
const done = { code: 0, out: "", err: "" };

/** `info` without what names and disks decide. */
const facts = (file: string): string =>
  native(folder, "info", file).out.replace(/^(image|disk size): .*$/gm, "");

describe.skipIf(withoutNative("bitmaps beside qemu-img"))("img bitmap", () => {
  it("does to a bitmap what qemu-img does, step by step", () => {
    for (const file of ["ours.qcow2", "theirs.qcow2"]) native(folder, "create", "-f", "qcow2", file, "10M");
    const both = (...args: string[]): void => {
      expect(ours(folder, "bitmap", ...args, "ours.qcow2", "b0").code).toBe(
        native(folder, "bitmap", ...args, "theirs.qcow2", "b0").code,
      );
      expect(facts("ours.qcow2")).toBe(facts("theirs.qcow2"));
      expect(native(folder, "check", "ours.qcow2").code).toBe(0);
    };
    both("--add");
    both("--add");
    both("--disable");
    both("--enable", "--clear");
    both("--merge", "nope");
    both("--remove");
    both("--add", "-g", "512");
    both("--add", "-g", "100");
  });

  it("records what we write, so that qemu-img finds it", () => {
    native(folder, "create", "-f", "qcow2", "kept.qcow2", "10M");
    native(folder, "bitmap", "--add", "kept.qcow2", "b0");
    expect(
      ours(folder, "bench", "-w", "-c", "2", "-s", "64k", "-o", "1M", "--pattern=1", "kept.qcow2").code,
    ).toBe(0);
    expect(ours(folder, "resize", "-q", "kept.qcow2", "20M")).toEqual(done);
    expect(ours(folder, "check", "kept.qcow2").code).toBe(0);
    // 1 MiB to 1 MiB + 128 KiB is dirty: only that is copied where only dirty parts are asked for.
    expect(dirtyGranules("kept.qcow2")).toEqual([16, 17]);
    expect(ours(folder, "convert", "-O", "qcow2", "--bitmaps", "kept.qcow2", "copy.qcow2")).toEqual(done);
    expect(native(folder, "check", "copy.qcow2").code).toBe(0);
    expect(dirtyGranules("copy.qcow2")).toEqual([16, 17]);
  });

  it("refuses in the same words", () => {
    native(folder, "create", "-f", "qcow2", "-o", "compat=0.10", "two.qcow2", "1M");
    native(folder, "create", "-f", "qcow2", "words.qcow2", "1M");
    for (const args of [
      ["words.qcow2", "b0"],
      ["-g", "512", "--clear", "words.qcow2", "b0"],
      ["-F", "raw", "--merge", "y", "words.qcow2", "b0"],
      ["--remove", "words.qcow2", "zz"],
      ["--add", "words.qcow2", ""],
      ["--add", "words.qcow2"],
    ])
      expect(ours(folder, "bitmap", ...args)).toEqual(native(folder, "bitmap", ...args));
    expect(ours(folder, "bitmap", "--add", "two.qcow2", "b0").err).toMatch(
      /Cannot store dirty bitmaps in qcow2 v2 files\n$/,
    );
    native(folder, "create", "-f", "qcow2", "-o", "cluster_size=2M", "vast.qcow2", "1P");
    expect(ours(folder, "bitmap", "--add", "vast.qcow2", "b0").err).toMatch(
      /Too much space will be occupied by the bitmap. Use larger granularity\n$/,
    );
  });
});

/** The bits set in an image's only bitmap of one cluster of bits, read from its directory. */
function dirtyGranules(file: string): number[] {
  const bytes = readFileSync(join(folder, file));
  let at = bytes.readUInt32BE(100);
  while (bytes.readUInt32BE(at) !== 0x23852875) at += 8 + ((bytes.readUInt32BE(at + 4) + 7) & ~7);
  const directory = Number(bytes.readBigUInt64BE(at + 24));
  const table = Number(bytes.readBigUInt64BE(directory));
  const bits = Number(bytes.readBigUInt64BE(table));
  expect(bytes.readUInt32BE(directory + 12) & 1).toBe(0); // not in use
  return [...Array(320).keys()].filter((bit) => bytes[bits + (bit >> 3)]! & (1 << (bit & 7)));
}

describe.skipIf(withoutNative("preallocation beside qemu-img"))("preallocation", () => {
  it.each(["metadata", "falloc", "full"])("%s, when made and when grown", (mode) => {
    expect(
      ours(folder, "create", "-q", "-f", "qcow2", "-o", `preallocation=${mode}`, "p.qcow2", "3M"),
    ).toEqual(done);
    expect(ours(folder, "resize", "-q", `--preallocation=${mode}`, "p.qcow2", "5M")).toEqual(done);
    expect(native(folder, "check", "p.qcow2").out).toMatch(/^80\/80 = 100\.00% allocated/m);
    qemuIo(folder, "p.qcow2", "read -P 0 0 5M", "write -P 1 1M 2M");
    expect(native(folder, "check", "p.qcow2").code).toBe(0);
  });

  it("hides a longer backing file from a disk that grows", () => {
    native(folder, "create", "-f", "raw", "long.raw", "4M");
    qemuIo(folder, "long.raw", "write -P 7 1k 3M");
    native(folder, "create", "-f", "qcow2", "-b", "long.raw", "-F", "raw", "short.qcow2", "1M");
    expect(ours(folder, "resize", "-q", "short.qcow2", "8M")).toEqual(done);
    qemuIo(folder, "short.qcow2", "read -P 7 1k 1023k", "read -P 0 1M 7M");
    expect(native(folder, "check", "short.qcow2").code).toBe(0);
  });
});
