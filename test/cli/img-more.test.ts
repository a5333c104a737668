// The image tool's smaller commands beside qemu-img's.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { CLI, native, ours, qemuIo, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const folder = scratchFolder();

/** Same stdout, stderr and code from both. */
function expectSame(...args: string[]): void {
  expect(ours(folder, ...args)).toEqual(native(folder, ...args));
}

describe.skipIf(withoutNative("measure beside qemu-img"))("img measure", () => {
  const measureSame = (...args: string[]): void => expectSame("measure", ...args);

  it.each([
    "cluster_size=64k",
    "cluster_size=512",
    "cluster_size=2M,refcount_bits=1",
    "cluster_size=512,refcount_bits=64",
    "extended_l2=on",
    "compat=0.10",
    "preallocation=full",
  ])("knows what an empty disk takes with %s", (options) => {
    for (const size of ["0", "1000", "1G", "7777M", "100G"])
      measureSame("-O", "qcow2", "-o", options, "--size", size);
  });

  it("counts the clusters of a chain, and its bitmaps", () => {
    native(folder, "create", "-f", "qcow2", "low.qcow2", "64M");
    qemuIo(folder, "low.qcow2", "write -P 1 0 3M", "write -P 1 8M 512");
    native(
      folder,
      "create",
      "-f",
      "qcow2",
      "-b",
      "low.qcow2",
      "-F",
      "qcow2",
      "-o",
      "cluster_size=4k",
      "high.qcow2",
    );
    qemuIo(folder, "high.qcow2", "write -P 2 2M 2M", "write -z 1M 20k", "write -P 2 60M 5000");
    for (const options of ["cluster_size=512", "cluster_size=64k", "cluster_size=2M", "compat=0.10"])
      for (const image of ["low.qcow2", "high.qcow2"]) measureSame("-O", "qcow2", "-o", options, image);
    native(folder, "bitmap", "--add", "low.qcow2", "one");
    native(folder, "bitmap", "--add", "-g", "512", "low.qcow2", "a longer name");
    for (const options of ["cluster_size=512", "cluster_size=64k", "compat=0.10"])
      measureSame("-O", "qcow2", "-o", options, "low.qcow2");
    measureSame("--output=json", "-O", "qcow2", "low.qcow2");
    measureSame("-O", "raw", "low.qcow2");
    measureSame("--output=json", "low.qcow2");
  });

  it("refuses in the same words", () => {
    measureSame();
    measureSame("--size", "1G", "low.qcow2");
    measureSame("--size", "1X");
    measureSame("-O", "vdi", "--size", "1M");
    measureSame("-f", "qcow2", "--size", "1G");
    measureSame("low.qcow2", "high.qcow2");
    measureSame("missing.qcow2");
    measureSame("-O", "nope", "--size", "1M");
    measureSame("-O", "qcow2", "-o", "cluster_size=512", "--size", "100T");
  });
});

describe.skipIf(withoutNative("dd beside qemu-img"))("img dd", () => {
  it.each([
    "bs=512",
    "bs=1000",
    "bs=1000 count=3",
    "bs=64k skip=2",
    "bs=64k skip=2 count=3",
    "bs=1.5k skip=7 count=1M",
    "bs=1M skip=9",
    "count=0",
  ])("copies what qemu-img copies: %s", (words) => {
    const operands = words.split(" ");
    writeFileSync(join(folder, "dd.raw"), randomBytes(3_000_000));
    const theirs = native(folder, "dd", ...operands, "if=dd.raw", "of=theirs.raw");
    expect(ours(folder, "dd", ...operands, "if=dd.raw", "of=ours.raw")).toEqual(theirs);
    expect(readFileSync(join(folder, "ours.raw")).equals(readFileSync(join(folder, "theirs.raw")))).toBe(
      true,
    );
    expect(ours(folder, "dd", "-O", "qcow2", ...operands, "if=dd.raw", "of=ours.qcow2").code).toBe(0);
    expect(native(folder, "check", "ours.qcow2").code).toBe(0);
    expect(native(folder, "compare", "-s", "-f", "raw", "theirs.raw", "ours.qcow2").out).not.toMatch(
      /mismatch at|size/,
    );
  });

  it("refuses in the same words", () => {
    for (const operands of [
      ["if=dd.raw"],
      [],
      ["foo=1"],
      ["bs=0", "if=dd.raw", "of=x"],
      ["bs=3G", "if=dd.raw", "of=x"],
      ["bs=foo", "if=dd.raw", "of=x"],
      ["count=foo", "if=dd.raw", "of=x"],
      ["if=missing", "of=x"],
    ])
      expectSame("dd", ...operands);
  });
});

describe.skipIf(withoutNative("bench beside qemu-img"))("img bench", () => {
  const timeless = <T extends { out: string }>(result: T): T => ({
    ...result,
    out: result.out.replace(/in [\d.]+ seconds/, "in N seconds"),
  });
  const benchSame = (...args: string[]): void =>
    expect(timeless(ours(folder, "bench", ...args))).toEqual(timeless(native(folder, "bench", ...args)));

  it("reads, writes what it was told to, and flushes", () => {
    native(folder, "create", "-f", "qcow2", "bench.qcow2", "1M");
    benchSame("-c", "100", "bench.qcow2");
    benchSame("-c", "0", "bench.qcow2");
    benchSame("-c", "5", "-d", "2", "-S", "64k", "-o", "12k", "bench.qcow2");
    benchSame("-w", "-c", "300", "--flush-interval=100", "bench.qcow2");
    benchSame("-w", "-c", "300", "--flush-interval=100", "--no-drain", "bench.qcow2");
    expect(ours(folder, "bench", "-w", "-c", "16", "-s", "64k", "--pattern=7", "bench.qcow2").code).toBe(0);
    qemuIo(folder, "bench.qcow2", "read -P 7 0 1M");
    expect(native(folder, "check", "bench.qcow2").code).toBe(0);
  });

  it("refuses in the same words", () => {
    benchSame("-o", "2M", "-c", "2", "bench.qcow2");
    benchSame("-s", "2M", "-c", "2", "bench.qcow2");
    benchSame("--pattern", "300", "bench.qcow2");
    benchSame("-d", "x", "bench.qcow2");
    benchSame("-s", "3G", "bench.qcow2");
    benchSame("-S", "x", "bench.qcow2");
    benchSame("--flush-interval", "2", "bench.qcow2");
    benchSame("-w", "--flush-interval", "2", "bench.qcow2");
    benchSame("-i", "foo", "bench.qcow2");
    benchSame();
  });
});

describe.skipIf(withoutNative("amend beside qemu-img"))("img amend", () => {
  /** Two images with data, a zero cluster and a tail, and what they hold as raw. */
  const make = (...names: string[]): void => {
    for (const name of names) {
      native(folder, "create", "-f", "qcow2", name, "10M");
      qemuIo(folder, name, "write -P 1 0 3M", "write -z 1M 640k", "write -P 2 9M 1M");
    }
    native(folder, "convert", "-O", "raw", names[0]!, "held.raw");
  };
  const amendBoth = (options: string): void => {
    expect(ours(folder, "amend", "-o", options, "ours.qcow2")).toEqual(
      native(folder, "amend", "-o", options, "theirs.qcow2"),
    );
    expectSame("check", "ours.qcow2");
    expect(native(folder, "check", "ours.qcow2").code).toBe(0);
    const facts = (name: string): string =>
      native(folder, "info", name).out.replace(/^(image|disk size): .*$/gm, "");
    expect(facts("ours.qcow2")).toBe(facts("theirs.qcow2"));
  };

  it("goes down and up in version, and keeps the content", () => {
    make("ours.qcow2", "theirs.qcow2");
    for (const options of [
      "compat=0.10",
      "compat=1.1",
      "lazy_refcounts=on",
      "compat=0.10",
      "compat=v3,lazy_refcounts=on",
    ]) {
      amendBoth(options);
      expect(native(folder, "compare", "held.raw", "ours.qcow2").code).toBe(0);
    }
    for (const options of ["lazy_refcounts=off", "size=20M", "size=1M", "size=4M,compat=0.10"])
      amendBoth(options);
  });

  it("renames a data file, and lets it stop being raw", () => {
    writeFileSync(join(folder, "other.raw"), Buffer.alloc(1 << 20));
    for (const raw of ["off", "on"]) {
      for (const name of ["ours", "theirs"])
        native(
          folder,
          "create",
          "-fqcow2",
          `-odata_file=${name}.raw,data_file_raw=${raw}`,
          `${name}.qcow2`,
          "1M",
        );
      for (const options of ["data_file=other.raw", "data_file_raw=off"]) amendBoth(options);
      expectSame("amend", "-o", "data_file_raw=on", "ours.qcow2");
      expectSame("amend", "-o", "compat=0.10", "ours.qcow2");
      expect(ours(folder, "amend", "-o", "data_file=", "ours.qcow2").code).toBe(0);
      expectSame("check", "ours.qcow2");
    }
    make("plain.qcow2");
    for (const options of ["data_file=other.raw", "data_file_raw=on", "data_file_raw=off"])
      expectSame("amend", "-o", options, "plain.qcow2");
  });

  it("changes the width of the counts", () => {
    make("ours.qcow2", "theirs.qcow2");
    for (const name of ["ours.qcow2", "theirs.qcow2"]) {
      native(folder, "snapshot", "-c", "one", name);
      native(folder, "snapshot", "-c", "two", name);
      qemuIo(folder, name, "write -P 7 4M 1M");
    }
    native(folder, "convert", "-O", "raw", "ours.qcow2", "held.raw");
    for (const bits of [2, 64, 16]) {
      amendBoth(`refcount_bits=${bits}`);
      qemuIo(folder, "ours.qcow2", "write -P 1 0 64k", "write -P 7 4M 1M");
      expect(native(folder, "compare", "held.raw", "ours.qcow2").code).toBe(0);
    }
    const error = ours(folder, "amend", "-o", "refcount_bits=1", "ours.qcow2");
    expect(error.err).toMatch(
      /^wasmqemu img: Cannot decrease refcount entry width to 1 bits: Cluster at offset/,
    );
    for (const bits of [3, 128]) expectSame("amend", "-o", `refcount_bits=${bits}`, "ours.qcow2");
    // Counts that cover 128 clusters of 512 bytes a block: many blocks, and several of them count blocks.
    native(folder, "create", "-f", "qcow2", "-o", "cluster_size=512", "tiny.qcow2", "4M");
    qemuIo(folder, "tiny.qcow2", "write -P 9 0 3M");
    for (const bits of [64, 1]) {
      expect(ours(folder, "amend", "-o", `refcount_bits=${bits}`, "tiny.qcow2").code).toBe(0);
      expect(native(folder, "check", "tiny.qcow2").code).toBe(0);
      qemuIo(folder, "tiny.qcow2", "read -P 9 0 3M");
    }
  });

  it("keeps snapshots through an upgrade", () => {
    native(folder, "create", "-f", "qcow2", "-o", "compat=0.10", "ours.qcow2", "10M");
    qemuIo(folder, "ours.qcow2", "write -P 1 0 3M");
    native(folder, "snapshot", "-c", "old", "ours.qcow2");
    const list = native(folder, "snapshot", "-l", "ours.qcow2").out;
    expect(ours(folder, "amend", "-o", "compat=1.1", "ours.qcow2")).toEqual({ code: 0, out: "", err: "" });
    expect(native(folder, "check", "ours.qcow2").code).toBe(0);
    expect(native(folder, "snapshot", "-l", "ours.qcow2").out).toBe(list);
  });

  it("writes zeros out where a backing file would shine through version 2", () => {
    make("below.qcow2");
    native(folder, "create", "-f", "qcow2", "-b", "below.qcow2", "-F", "qcow2", "ours.qcow2");
    qemuIo(folder, "ours.qcow2", "write -z 64k 128k", "write -P 3 5M 64k");
    native(folder, "convert", "-O", "raw", "ours.qcow2", "held.raw");
    expect(ours(folder, "amend", "-o", "compat=0.10", "ours.qcow2")).toEqual({ code: 0, out: "", err: "" });
    expect(native(folder, "compare", "held.raw", "ours.qcow2").code).toBe(0);
    expect(native(folder, "check", "ours.qcow2").code).toBe(0);
  });

  it("refuses in the same words", () => {
    native(folder, "create", "-f", "qcow2", "-o", "compat=0.10", "two.qcow2", "1M");
    native(folder, "create", "-f", "qcow2", "-o", "extended_l2=on", "sub.qcow2", "1M");
    native(folder, "create", "-f", "qcow2", "-o", "refcount_bits=8", "narrow.qcow2", "1M");
    expectSame("amend", "two.qcow2");
    for (const options of [
      "foo=1",
      "cluster_size=4096",
      "compression_type=zstd",
      "compat=3",
      "backing_file=two.qcow2,backing_fmt=qcow2",
      "lazy_refcounts=on",
      "refcount_bits=8",
    ])
      expectSame("amend", "-o", options, "two.qcow2");
    expectSame("amend", "-o", "compat=0.10", "sub.qcow2");
    expectSame("amend", "-o", "compat=0.10", "narrow.qcow2");
    writeFileSync(join(folder, "plain.raw"), Buffer.alloc(512));
    expect(ours(folder, "amend", "-o", "size=1M", "plain.raw")).toMatchObject({
      code: 1,
      err: "wasmqemu img: Format driver 'raw' does not support option amendment\n",
    });
  });
});

describe.skipIf(withoutNative("convert between overlays and from snapshots"))("img convert", () => {
  it("makes an overlay of the same backing file with -B, and only of what is the source's own", () => {
    native(folder, "create", "-f", "qcow2", "base.qcow2", "10M");
    qemuIo(folder, "base.qcow2", "write -P 1 0 3M", "write -P 1 6M 1M");
    native(folder, "create", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "over.qcow2", "12M");
    qemuIo(
      folder,
      "over.qcow2",
      "write -P 2 1M 1M",
      "write -z 2M 256k",
      "write -P 0 6M 128k",
      "write -P 3 11M 1M",
    );
    for (const extra of [
      [],
      ["-c"],
      ["-o", "cluster_size=4k"],
      ["-o", "cluster_size=2M"],
      ["-W", "-m", "16"],
    ]) {
      const words = ["convert", "-O", "qcow2", "-B", "base.qcow2", "-F", "qcow2", ...extra, "over.qcow2"];
      expect(ours(folder, ...words, "ours.qcow2")).toEqual(native(folder, ...words, "theirs.qcow2"));
      for (const other of ["over.qcow2", "theirs.qcow2"])
        expect(native(folder, "compare", other, "ours.qcow2").code).toBe(0);
      expect(native(folder, "check", "ours.qcow2").code).toBe(0);
      // The backing file's data was not copied: 1 + 1 MiB of data, zeros, tables.
      if (!extra.includes("cluster_size=2M"))
        expect(readFileSync(join(folder, "ours.qcow2")).length).toBeLessThan(3 * 2 ** 20);
    }
  });

  it("overwrites every byte of a target that held others, compressed or not", () => {
    for (const extra of [[], ["-c"]]) {
      native(folder, "create", "-f", "qcow2", "used.qcow2", "12M");
      qemuIo(folder, "used.qcow2", "write -P 9 0 12M");
      expect(ours(folder, "convert", "-n", "-O", "qcow2", ...extra, "over.qcow2", "used.qcow2").code).toBe(0);
      expect(native(folder, "compare", "over.qcow2", "used.qcow2").code).toBe(0);
      expect(native(folder, "check", "used.qcow2").code).toBe(0);
    }
  });

  it("keeps to a rate", () => {
    writeFileSync(join(folder, "rate.raw"), randomBytes(4 * 2 ** 20));
    const before = performance.now();
    expect(ours(folder, "convert", "-r", "4M", "-m", "1", "rate.raw", "slow.raw").code).toBe(0);
    expect(performance.now() - before).toBeGreaterThan(990);
    expect(readFileSync(join(folder, "slow.raw")).equals(readFileSync(join(folder, "rate.raw")))).toBe(true);
  });

  it("copies and measures a snapshot with -l", () => {
    native(folder, "create", "-f", "qcow2", "shot.qcow2", "10M");
    qemuIo(folder, "shot.qcow2", "write -P 1 0 3M");
    native(folder, "snapshot", "-c", "one", "shot.qcow2");
    qemuIo(folder, "shot.qcow2", "write -P 2 1M 9M");
    for (const choice of [
      "one",
      "1",
      "snapshot.id=1",
      "snapshot.name=one",
      "snapshot.name=one,snapshot.id=1",
    ]) {
      expect(ours(folder, "convert", "-l", choice, "shot.qcow2", "ours.raw")).toEqual(
        native(folder, "convert", "-l", choice, "shot.qcow2", "theirs.raw"),
      );
      expect(readFileSync(join(folder, "ours.raw")).equals(readFileSync(join(folder, "theirs.raw")))).toBe(
        true,
      );
    }
    expectSame("measure", "-l", "one", "-O", "qcow2", "shot.qcow2");
    // A snapshot of a larger disk comes out whole; qemu-img 7.2 cuts it to the size of today.
    native(folder, "resize", "--shrink", "shot.qcow2", "2M");
    expect(ours(folder, "convert", "-l", "one", "shot.qcow2", "whole.raw").code).toBe(0);
    expect(readFileSync(join(folder, "whole.raw")).equals(readFileSync(join(folder, "ours.raw")))).toBe(true);
  });

  it("refuses in the same words", () => {
    for (const choice of ["zz", "snapshot.foo=1", "snapshot.name=1"])
      expectSame("convert", "-l", choice, "shot.qcow2", "x.raw");
    expectSame("convert", "-l", "one", "shot.qcow2", "shot.qcow2", "x.raw");
    expectSame("convert", "-l", "one", "-f", "raw", "rate.raw", "x.raw");
    expectSame("convert", "-O", "qcow2", "-B", "base.qcow2", "over.qcow2", "x.qcow2");
    expectSame("convert", "-O", "raw", "-B", "base.qcow2", "-F", "qcow2", "over.qcow2", "x.raw");
    expectSame("convert", "-O", "qcow2", "-F", "qcow2", "over.qcow2", "x.qcow2");
    expectSame("convert", "-O", "qcow2", "-B", "none.qcow2", "-F", "qcow2", "over.qcow2", "x.qcow2");
    expectSame(
      "convert",
      "-O",
      "qcow2",
      "-B",
      "base.qcow2",
      "-F",
      "qcow2",
      "over.qcow2",
      "base.qcow2",
      "x.qcow2",
    );
    ours(folder, "convert", "-O", "qcow2", "-B", "none.qcow2", "-F", "qcow2", "over.qcow2", "gone.qcow2");
    expect(existsSync(join(folder, "gone.qcow2"))).toBe(false);
    expectSame("convert", "-m", "17", "over.qcow2", "x.raw");
    expectSame("convert", "-r", "fast", "over.qcow2", "x.raw");
  });
});

describe.skipIf(process.platform !== "linux" || withoutNative("locks of a running QEMU"))(
  "a held image",
  () => {
    it("is written by one of us at a time, machine or img, and free again after kill -9", async () => {
      native(folder, "create", "-f", "qcow2", "own.qcow2", "1M");
      native(folder, "create", "-f", "qcow2", "-b", "own.qcow2", "-F", "qcow2", "above.qcow2");
      const refused = (...args: string[]): void => {
        expect(ours(folder, ...args)).toMatchObject({
          code: 1,
          err: expect.stringMatching(
            /Failed to get (shared )?"write" lock\nIs another process using the image \[own.qcow2\]/,
          ),
        });
      };
      for (const command of [
        "img serve -p 0 own.qcow2",
        "-display none -serial stdio -monitor none -hda own.qcow2",
      ]) {
        const before = readFileSync(join(folder, "own.qcow2"));
        const holder = spawn(process.execPath, [CLI, ...command.split(" ")], { cwd: folder, stdio: "pipe" });
        await vi.waitFor(() => expect(ours(folder, "info", "own.qcow2").code).toBe(1), 10_000);
        refused("resize", "own.qcow2", "2M");
        refused("create", "-q", "-f", "qcow2", "own.qcow2", "1M");
        refused("map", "above.qcow2");
        refused("commit", "above.qcow2");
        expect(ours(folder, "info", "-U", "own.qcow2").code).toBe(0);
        expect(
          ours(folder, "create", "-f", "qcow2", "-b", "own.qcow2", "-F", "qcow2", "new.qcow2").code,
        ).toBe(0);
        expect(readFileSync(join(folder, "own.qcow2")).equals(before)).toBe(true);
        holder.kill("SIGKILL");
        await once(holder, "exit");
        expect(ours(folder, "check", "own.qcow2").code).toBe(0);
      }
    });

    it("is not read while a QEMU writes it, but with -U", async () => {
      native(folder, "create", "-f", "qcow2", "theirs.qcow2", "1M");
      const holder = spawn("qemu-io", ["theirs.qcow2"], { cwd: folder, stdio: "pipe" });
      holder.stdin.write("length\n");
      await once(holder.stdout, "data");
      for (const command of ["info", "map", "check"]) expectSame(command, "theirs.qcow2");
      expectSame("map", "-U", "theirs.qcow2");
      holder.stdin.end();
      await once(holder, "exit");
    });

    it("is not written by a second program, and is left as it was", async () => {
      native(folder, "create", "-f", "qcow2", "held.qcow2", "1M");
      const before = readFileSync(join(folder, "held.qcow2"));
      const holder = spawn("qemu-io", ["held.qcow2"], { cwd: folder, stdio: "pipe" });
      try {
        holder.stdin.write("length\n");
        await once(holder.stdout, "data");
        expectSame("snapshot", "-c", "one", "held.qcow2");
        expectSame("resize", "held.qcow2", "2M");
        expect(ours(folder, "create", "-q", "-f", "qcow2", "held.qcow2", "2M").code).toBe(1);
        expect(ours(folder, "convert", "-O", "qcow2", "over.qcow2", "held.qcow2").code).toBe(1);
        expect(readFileSync(join(folder, "held.qcow2")).equals(before)).toBe(true);
      } finally {
        holder.stdin.end();
        await once(holder, "exit");
      }
      expect(ours(folder, "resize", "held.qcow2", "2M").code).toBe(0);
    });
  },
);
