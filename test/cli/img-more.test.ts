// The image tool's smaller commands beside qemu-img's.
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { imgHere } from "../support/in-process.ts";
import { native, qemuIo, type Result, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const folder = scratchFolder();
process.chdir(folder);

/** Same stdout, stderr and code from both. */
async function expectSame(...args: string[]): Promise<void> {
  expect(await imgHere(...args)).toEqual(native(folder, ...args));
}

describe.skipIf(withoutNative("measure beside qemu-img"))("img measure", () => {
  const measureSame = (...args: string[]): Promise<void> => expectSame("measure", ...args);

  it.each([
    "cluster_size=64k",
    "cluster_size=512",
    "cluster_size=2M,refcount_bits=1",
    "cluster_size=512,refcount_bits=64",
    "extended_l2=on",
    "compat=0.10",
    "preallocation=full",
  ])("knows what an empty disk takes with %s", async (options) => {
    for (const size of ["0", "1000", "1G", "7777M", "100G"])
      await measureSame("-O", "qcow2", "-o", options, "--size", size);
  });

  it("counts the clusters of a chain, and its bitmaps", async () => {
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
      for (const image of ["low.qcow2", "high.qcow2"]) await measureSame("-O", "qcow2", "-o", options, image);
    native(folder, "bitmap", "--add", "low.qcow2", "one");
    native(folder, "bitmap", "--add", "-g", "512", "low.qcow2", "a longer name");
    for (const options of ["cluster_size=512", "cluster_size=64k", "compat=0.10"])
      await measureSame("-O", "qcow2", "-o", options, "low.qcow2");
    await measureSame("--output=json", "-O", "qcow2", "low.qcow2");
    await measureSame("-O", "raw", "low.qcow2");
    await measureSame("--output=json", "low.qcow2");
  });

  it("refuses in the same words", async () => {
    await measureSame();
    await measureSame("--size", "1G", "low.qcow2");
    await measureSame("--size", "1X");
    await measureSame("-O", "vdi", "--size", "1M");
    await measureSame("-f", "qcow2", "--size", "1G");
    await measureSame("low.qcow2", "high.qcow2");
    await measureSame("missing.qcow2");
    await measureSame("-O", "nope", "--size", "1M");
    await measureSame("-O", "qcow2", "-o", "cluster_size=512", "--size", "100T");
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
  ])("copies what qemu-img copies: %s", async (words) => {
    const operands = words.split(" ");
    writeFileSync(join(folder, "dd.raw"), randomBytes(3_000_000));
    const theirs = native(folder, "dd", ...operands, "if=dd.raw", "of=theirs.raw");
    expect(await imgHere("dd", ...operands, "if=dd.raw", "of=ours.raw")).toEqual(theirs);
    expect(readFileSync(join(folder, "ours.raw")).equals(readFileSync(join(folder, "theirs.raw")))).toBe(
      true,
    );
    expect((await imgHere("dd", "-O", "qcow2", ...operands, "if=dd.raw", "of=ours.qcow2")).code).toBe(0);
    expect(native(folder, "check", "ours.qcow2").code).toBe(0);
    expect(native(folder, "compare", "-s", "-f", "raw", "theirs.raw", "ours.qcow2").out).not.toMatch(
      /mismatch at|size/,
    );
  });

  it("refuses in the same words", async () => {
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
      await expectSame("dd", ...operands);
  });
});

describe.skipIf(withoutNative("bench beside qemu-img"))("img bench", () => {
  const timeless = <T extends { out: string }>(result: T): T => ({
    ...result,
    out: result.out.replace(/in [\d.]+ seconds/, "in N seconds"),
  });
  const benchSame = async (...args: string[]): Promise<void> =>
    expect(timeless(await imgHere("bench", ...args))).toEqual(timeless(native(folder, "bench", ...args)));

  it("reads, writes what it was told to, and flushes", async () => {
    native(folder, "create", "-f", "qcow2", "bench.qcow2", "1M");
    await benchSame("-c", "100", "bench.qcow2");
    await benchSame("-c", "0", "bench.qcow2");
    await benchSame("-c", "5", "-d", "2", "-S", "64k", "-o", "12k", "bench.qcow2");
    await benchSame("-w", "-c", "300", "--flush-interval=100", "bench.qcow2");
    await benchSame("-w", "-c", "300", "--flush-interval=100", "--no-drain", "bench.qcow2");
    expect((await imgHere("bench", "-w", "-c", "16", "-s", "64k", "--pattern=7", "bench.qcow2")).code).toBe(
      0,
    );
    qemuIo(folder, "bench.qcow2", "read -P 7 0 1M");
    expect(native(folder, "check", "bench.qcow2").code).toBe(0);
  });

  it("refuses in the same words", async () => {
    await benchSame("-o", "2M", "-c", "2", "bench.qcow2");
    await benchSame("-s", "2M", "-c", "2", "bench.qcow2");
    await benchSame("--pattern", "300", "bench.qcow2");
    await benchSame("-d", "x", "bench.qcow2");
    await benchSame("-s", "3G", "bench.qcow2");
    await benchSame("-S", "x", "bench.qcow2");
    await benchSame("--flush-interval", "2", "bench.qcow2");
    await benchSame("-w", "--flush-interval", "2", "bench.qcow2");
    await benchSame("-i", "foo", "bench.qcow2");
    await benchSame();
  });
});

describe.skipIf(withoutNative("cache modes beside qemu-img"))("cache modes", () => {
  it("are checked by every command that takes them, in the same words", async () => {
    native(folder, "create", "-f", "qcow2", "modes.qcow2", "1M");
    native(folder, "create", "-f", "qcow2", "-b", "modes.qcow2", "-F", "qcow2", "upper.qcow2");
    for (const command of [
      "convert -t foo -O raw modes.qcow2 x",
      "convert -T foo -O raw modes.qcow2 x",
      "compare -T foo modes.qcow2 modes.qcow2",
      "check -T foo modes.qcow2",
      "commit -t foo upper.qcow2",
      "rebase -t foo -b x upper.qcow2",
      "rebase -T foo -b x upper.qcow2",
      "amend -t foo -o size=4M modes.qcow2",
      "bench -t foo modes.qcow2",
      "bench -n modes.qcow2",
      "bench -i foo modes.qcow2",
      "check -T none modes.qcow2",
      "snapshot --image-opts -l driver=qcow2,file.filename=modes.qcow2",
    ])
      await expectSame(...command.split(" "));
  });
});

describe.skipIf(withoutNative("convert between overlays and from snapshots"))("img convert", () => {
  it("makes an overlay of the same backing file with -B, and only of what is the source's own", async () => {
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
      expect(await imgHere(...words, "ours.qcow2")).toEqual(native(folder, ...words, "theirs.qcow2"));
      for (const other of ["over.qcow2", "theirs.qcow2"])
        expect(native(folder, "compare", other, "ours.qcow2").code).toBe(0);
      expect(native(folder, "check", "ours.qcow2").code).toBe(0);
      // The backing file's data was not copied: 1 + 1 MiB of data, zeros, tables.
      if (!extra.includes("cluster_size=2M"))
        expect(readFileSync(join(folder, "ours.qcow2")).length).toBeLessThan(3 * 2 ** 20);
    }
  });

  it("overwrites every byte of a target that held others, compressed or not", async () => {
    for (const extra of [[], ["-c"]]) {
      native(folder, "create", "-f", "qcow2", "used.qcow2", "12M");
      qemuIo(folder, "used.qcow2", "write -P 9 0 12M");
      expect((await imgHere("convert", "-n", "-O", "qcow2", ...extra, "over.qcow2", "used.qcow2")).code).toBe(
        0,
      );
      expect(native(folder, "compare", "over.qcow2", "used.qcow2").code).toBe(0);
      expect(native(folder, "check", "used.qcow2").code).toBe(0);
    }
  });

  it("keeps to a rate", async () => {
    writeFileSync(join(folder, "rate.raw"), randomBytes(4 * 2 ** 20));
    const before = performance.now();
    expect((await imgHere("convert", "-r", "4M", "-m", "1", "rate.raw", "slow.raw")).code).toBe(0);
    expect(performance.now() - before).toBeGreaterThan(990);
    expect(readFileSync(join(folder, "slow.raw")).equals(readFileSync(join(folder, "rate.raw")))).toBe(true);
  });

  it("copies and measures a snapshot with -l", async () => {
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
      expect(await imgHere("convert", "-l", choice, "shot.qcow2", "ours.raw")).toEqual(
        native(folder, "convert", "-l", choice, "shot.qcow2", "theirs.raw"),
      );
      expect(readFileSync(join(folder, "ours.raw")).equals(readFileSync(join(folder, "theirs.raw")))).toBe(
        true,
      );
    }
    await expectSame("measure", "-l", "one", "-O", "qcow2", "shot.qcow2");
    // A snapshot of a larger disk comes out whole; qemu-img 7.2 cuts it to the size of today.
    native(folder, "resize", "--shrink", "shot.qcow2", "2M");
    expect((await imgHere("convert", "-l", "one", "shot.qcow2", "whole.raw")).code).toBe(0);
    expect(readFileSync(join(folder, "whole.raw")).equals(readFileSync(join(folder, "ours.raw")))).toBe(true);
  });

  it("refuses in the same words", async () => {
    for (const choice of ["zz", "snapshot.foo=1", "snapshot.name=1"])
      await expectSame("convert", "-l", choice, "shot.qcow2", "x.raw");
    await expectSame("convert", "-l", "one", "shot.qcow2", "shot.qcow2", "x.raw");
    await expectSame("convert", "-l", "one", "-f", "raw", "rate.raw", "x.raw");
    await expectSame("convert", "-O", "qcow2", "-B", "base.qcow2", "over.qcow2", "x.qcow2");
    await expectSame("convert", "-O", "raw", "-B", "base.qcow2", "-F", "qcow2", "over.qcow2", "x.raw");
    await expectSame("convert", "-O", "qcow2", "-F", "qcow2", "over.qcow2", "x.qcow2");
    await expectSame("convert", "-O", "qcow2", "-B", "none.qcow2", "-F", "qcow2", "over.qcow2", "x.qcow2");
    await expectSame(
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
    await imgHere("convert", "-O", "qcow2", "-B", "none.qcow2", "-F", "qcow2", "over.qcow2", "gone.qcow2");
    expect(existsSync(join(folder, "gone.qcow2"))).toBe(false);
    await expectSame("convert", "-m", "17", "over.qcow2", "x.raw");
    await expectSame("convert", "-r", "fast", "over.qcow2", "x.raw");
  });
});

describe.skipIf(withoutNative("commands beside qemu-img"))("every command", () => {
  it("says what qemu-img says", async () => {
    native(folder, "create", "-f", "qcow2", "said.qcow2", "10M");
    native(folder, "create", "-f", "qcow2", "-b", "said.qcow2", "-F", "qcow2", "above.qcow2");
    qemuIo(folder, "above.qcow2", "write -P 1 0 128k");
    // Its size is none that a geometry spans.
    native(folder, "create", "-f", "vpc", "-o", "force_size=on", "said.vpc", "10M");
    native(folder, "snapshot", "-c", "\u00fc\u20ac\u{1f600}", "said.qcow2");
    for (const command of [
      "create --image-opts x 1M",
      "create -f qcow2 foo:bar 1M",
      "create -f qcow2 -o cluster_size=64k, x.qcow2 1M",
      "create -f qcow x.qcow 0",
      "info --image-opts driver=null-co,size=1M",
      "info --image-opts driver=qcow2,backing=,file.filename=said.qcow2",
      "map --image-opts driver=qcow2,backing=,file.filename=above.qcow2",
      "info --image-opts driver=vpc,force_size_calc=chs,file.filename=said.vpc",
      "info --image-opts driver=vpc,force_size_calc=current_size,file.filename=said.vpc",
      "info --image-opts driver=vpc,force_size_calc=auto,file.filename=said.vpc",
      "info --image-opts driver=qcow2,overlap-check=foo,file.filename=said.qcow2",
      "info --image-opts driver=qcow2,overlap-check.main-header=off,file.filename=said.qcow2",
      "info --image-opts driver=qcow2,l2-cache-size=foo,file.filename=said.qcow2",
      "info --image-opts driver=qcow2,cache-clean-interval=x,file.filename=said.qcow2",
      "snapshot -l said.qcow2",
      "info --output=json --image-opts driver=qcow2,file.filename=said.qcow2",
      "compare -p said.qcow2 said.qcow2",
      "resize",
      "resize said.qcow2",
      "resize said.qcow2 +foo",
      "resize said.qcow2 3P",
      "commit -r foo above.qcow2",
      "commit -r 100M -d above.qcow2",
      "rebase -b nope above.qcow2",
      "rebase -u -b nope above.qcow2",
      "rebase -U -b said.qcow2 -F qcow2 above.qcow2",
      "convert -O qcow2 said.qcow2 said.qcow2",
      "convert -O qcow2 -o preallocation=full -c said.qcow2 x.qcow2",
      "dd if=said.qcow2 of=said.qcow2",
      "dd -O nope if=said.qcow2 of=x",
    ])
      // A disk takes what its file system gives it.
      expect(sizeless(await imgHere(...command.split(" "))), command).toEqual(
        sizeless(native(folder, ...command.split(" "))),
      );
  });

  const sizeless = (result: Result): Result => ({
    ...result,
    out: result.out.replace(/^disk size: .*$|"actual-size": \d+/m, "disk size: N"),
  });
});
