// img amend beside qemu-img.
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { imgHere } from "../support/in-process.ts";
import { native, qemuIo, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const folder = scratchFolder();
process.chdir(folder);

/** Same stdout, stderr and code from both. */
async function expectSame(...args: string[]): Promise<void> {
  expect(await imgHere(...args)).toEqual(native(folder, ...args));
}

describe.skipIf(withoutNative("amend beside qemu-img"))("img amend", () => {
  /** Two images with data, a zero cluster and a tail, and what they hold as raw. */
  const make = (...names: string[]): void => {
    for (const name of names) {
      native(folder, "create", "-f", "qcow2", name, "10M");
      qemuIo(folder, name, "write -P 1 0 3M", "write -z 1M 640k", "write -P 2 9M 1M");
    }
    native(folder, "convert", "-O", "raw", names[0]!, "held.raw");
  };
  const amendBoth = async (options: string): Promise<void> => {
    expect(await imgHere("amend", "-o", options, "ours.qcow2")).toEqual(
      native(folder, "amend", "-o", options, "theirs.qcow2"),
    );
    await expectSame("check", "ours.qcow2");
    expect(native(folder, "check", "ours.qcow2").code).toBe(0);
    const facts = (name: string): string =>
      native(folder, "info", name).out.replace(/^(image|disk size): .*$|[\d-]+ [\d:]+(?= 00:)/gm, "");
    expect(facts("ours.qcow2")).toBe(facts("theirs.qcow2"));
  };

  it("goes down and up in version, and keeps the content", async () => {
    make("ours.qcow2", "theirs.qcow2");
    for (const options of [
      "compat=0.10",
      "compat=1.1",
      "lazy_refcounts=on",
      "compat=0.10",
      "compat=v3,lazy_refcounts=on",
    ]) {
      await amendBoth(options);
      expect(native(folder, "compare", "held.raw", "ours.qcow2").code).toBe(0);
    }
    for (const options of ["lazy_refcounts=off", "size=20M", "size=1M", "size=4M,compat=0.10"])
      await amendBoth(options);
  });

  it("renames a data file, and lets it stop being raw", async () => {
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
      for (const options of ["data_file=other.raw", "data_file_raw=off"]) await amendBoth(options);
      await expectSame("amend", "-o", "data_file_raw=on", "ours.qcow2");
      await expectSame("amend", "-o", "compat=0.10", "ours.qcow2");
      expect((await imgHere("amend", "-o", "data_file=", "ours.qcow2")).code).toBe(0);
      await expectSame("check", "ours.qcow2");
    }
    make("plain.qcow2");
    for (const options of ["data_file=other.raw", "data_file_raw=on", "data_file_raw=off"])
      await expectSame("amend", "-o", options, "plain.qcow2");
  });

  it("changes the width of the counts", async () => {
    make("ours.qcow2");
    native(folder, "snapshot", "-c", "one", "ours.qcow2");
    native(folder, "snapshot", "-c", "two", "ours.qcow2");
    qemuIo(folder, "ours.qcow2", "write -P 7 4M 1M");
    // Taken twice, the snapshots could be a second apart.
    copyFileSync(join(folder, "ours.qcow2"), join(folder, "theirs.qcow2"));
    native(folder, "convert", "-O", "raw", "ours.qcow2", "held.raw");
    for (const bits of [2, 64, 16]) {
      await amendBoth(`refcount_bits=${bits}`);
      qemuIo(folder, "ours.qcow2", "write -P 1 0 64k", "write -P 7 4M 1M");
      expect(native(folder, "compare", "held.raw", "ours.qcow2").code).toBe(0);
    }
    const error = await imgHere("amend", "-o", "refcount_bits=1", "ours.qcow2");
    expect(error.err).toMatch(
      /^wasmqemu img: Cannot decrease refcount entry width to 1 bits: Cluster at offset/,
    );
    for (const bits of [3, 128]) await expectSame("amend", "-o", `refcount_bits=${bits}`, "ours.qcow2");
    // Counts that cover 128 clusters of 512 bytes a block: many blocks, and several of them count blocks.
    native(folder, "create", "-f", "qcow2", "-o", "cluster_size=512", "tiny.qcow2", "4M");
    qemuIo(folder, "tiny.qcow2", "write -P 9 0 3M");
    for (const bits of [64, 1]) {
      expect((await imgHere("amend", "-o", `refcount_bits=${bits}`, "tiny.qcow2")).code).toBe(0);
      expect(native(folder, "check", "tiny.qcow2").code).toBe(0);
      qemuIo(folder, "tiny.qcow2", "read -P 9 0 3M");
    }
  });

  it("goes down to version 2 with what zeros its snapshots hold", async () => {
    native(folder, "create", "-f", "qcow2", "ours.qcow2", "4M");
    qemuIo(folder, "ours.qcow2", "write -P 1 0 1M", "write -z 512k 256k", "write -z 2M 128k");
    native(folder, "snapshot", "-c", "one", "ours.qcow2");
    qemuIo(folder, "ours.qcow2", "write -z 0 128k", "write -z 3M 64k");
    native(folder, "snapshot", "-c", "two", "ours.qcow2");
    native(folder, "snapshot", "-c", "three", "ours.qcow2");
    qemuIo(folder, "ours.qcow2", "write -z 128k 128k");
    const states = ["one", "two", "three"].map((name) => ["-l", name]).concat([[]]);
    for (const [index, how] of states.entries())
      native(folder, "convert", ...how, "-O", "raw", "ours.qcow2", `held${index}.raw`);
    expect(await imgHere("amend", "-o", "compat=0.10", "ours.qcow2")).toEqual({ code: 0, out: "", err: "" });
    expect(native(folder, "check", "ours.qcow2")).toMatchObject({ code: 0 });
    expect(native(folder, "info", "ours.qcow2").out).toContain("compat: 0.10");
    for (const [index, how] of states.entries()) {
      native(folder, "convert", ...how, "-O", "raw", "ours.qcow2", "now.raw");
      expect(native(folder, "compare", "-s", `held${index}.raw`, "now.raw").code).toBe(0);
    }
    native(folder, "amend", "-o", "compat=1.1", "ours.qcow2");
    native(folder, "resize", "ours.qcow2", "5M");
    await expectSame("amend", "-o", "compat=0.10", "ours.qcow2");
  });

  it("keeps snapshots through an upgrade", async () => {
    native(folder, "create", "-f", "qcow2", "-o", "compat=0.10", "ours.qcow2", "10M");
    qemuIo(folder, "ours.qcow2", "write -P 1 0 3M");
    native(folder, "snapshot", "-c", "old", "ours.qcow2");
    const list = native(folder, "snapshot", "-l", "ours.qcow2").out;
    expect(await imgHere("amend", "-o", "compat=1.1", "ours.qcow2")).toEqual({ code: 0, out: "", err: "" });
    expect(native(folder, "check", "ours.qcow2").code).toBe(0);
    expect(native(folder, "snapshot", "-l", "ours.qcow2").out).toBe(list);
  });

  it("writes zeros out where a backing file would shine through version 2", async () => {
    make("below.qcow2");
    native(folder, "create", "-f", "qcow2", "-b", "below.qcow2", "-F", "qcow2", "ours.qcow2");
    qemuIo(folder, "ours.qcow2", "write -z 64k 128k", "write -P 3 5M 64k");
    const states: string[][] = [[]];
    for (const name of ["one", "two", "three"]) {
      native(folder, "snapshot", "-c", name, "ours.qcow2");
      // Zeros over data, over zeros that are the snapshot's, and data over zeros.
      if (name !== "two")
        qemuIo(folder, "ours.qcow2", "write -z 5M 64k", "write -z 128k 1M", "write -P 4 64k 64k");
      states.push(["-l", name]);
    }
    for (const [index, how] of states.entries())
      native(folder, "convert", ...how, "-O", "raw", "ours.qcow2", `held${index}.raw`);
    expect(await imgHere("amend", "-o", "compat=0.10", "ours.qcow2")).toEqual({ code: 0, out: "", err: "" });
    expect(native(folder, "check", "ours.qcow2")).toMatchObject({ code: 0, err: "" });
    for (const [index, how] of states.entries()) {
      native(folder, "convert", ...how, "-O", "raw", "ours.qcow2", "now.raw");
      expect(native(folder, "compare", `held${index}.raw`, "now.raw").code).toBe(0);
    }
  });

  it("refuses in the same words", async () => {
    native(folder, "create", "-f", "qcow2", "-o", "compat=0.10", "two.qcow2", "1M");
    native(folder, "create", "-f", "qcow2", "-o", "extended_l2=on", "sub.qcow2", "1M");
    native(folder, "create", "-f", "qcow2", "-o", "refcount_bits=8", "narrow.qcow2", "1M");
    await expectSame("amend", "two.qcow2");
    for (const options of [
      "foo=1",
      "cluster_size=4096",
      "compression_type=zstd",
      "compat=3",
      "backing_file=two.qcow2,backing_fmt=qcow2",
      "lazy_refcounts=on",
      "refcount_bits=8",
    ])
      await expectSame("amend", "-o", options, "two.qcow2");
    await expectSame("amend", "-o", "compat=0.10", "sub.qcow2");
    await expectSame("amend", "-o", "compat=0.10", "narrow.qcow2");
    writeFileSync(join(folder, "plain.raw"), Buffer.alloc(512));
    await expectSame("amend", "-o", "size=1M", "plain.raw");
  });
});
