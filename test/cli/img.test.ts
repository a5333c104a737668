// The image tool beside qemu-img: the same words give the same text, the same codes, and images that both understand.
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { native, ours, qemuIo, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const folder = scratchFolder();
const KIB = 1024;
const MIB = 1024 * KIB;

/** Same stdout, stderr and code from both. */
function expectSame(...args: string[]): void {
  expect(ours(folder, ...args)).toEqual(native(folder, ...args));
}

/** Clean for qemu-img check, and the same guest content as `other`. */
function expectSound(image: string, other: string): void {
  expect(native(folder, "check", "-q", image)).toMatchObject({ code: 0, err: "" });
  expect(native(folder, "compare", image, other)).toMatchObject({ code: 0 });
}

/** Data, zeros and odd ends, 5 MiB and a sector. */
function writeRaw(name: string): void {
  const bytes = Buffer.alloc(5 * MIB + 512);
  randomBytes(700 * KIB + 100).copy(bytes, 300 * KIB);
  randomBytes(KIB).copy(bytes, 3 * MIB - 512);
  randomBytes(512).copy(bytes, bytes.length - 512);
  writeFileSync(join(folder, name), bytes);
}

describe.skipIf(withoutNative("the image tool beside qemu-img"))("img beside qemu-img", () => {
  it("creates, by the five lines that everyone types", () => {
    writeRaw("in.raw");
    expectSame("create", "-f", "qcow2", "my.qcow2", "10G");
    expectSame("create", "-f", "qcow2", "base.qcow2", "1G");
    expectSame("create", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "new.qcow2");
    expectSame("convert", "-f", "raw", "-O", "qcow2", "in.raw", "out.qcow2");
    expect(ours(folder, "create", "-f", "qcow2", "my.qcow2", "10G").code).toBe(0);
    expect(ours(folder, "create", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "new.qcow2").code).toBe(
      0,
    );
    expect(ours(folder, "convert", "-f", "raw", "-O", "qcow2", "in.raw", "out.qcow2").code).toBe(0);
    for (const image of ["my.qcow2", "new.qcow2", "out.qcow2"]) {
      expectSame("info", image);
      expectSame("info", "--output=json", image);
      expectSame("check", image);
      expectSame("check", "--output=json", image);
    }
    expectSound("out.qcow2", "in.raw");
  });

  const shapes = [
    ...[512, 1024, 4096, 16384, 65536, 2 * MIB].flatMap((size) => [
      `cluster_size=${size},compat=1.1`,
      `cluster_size=${size},compat=0.10`,
    ]),
    ...[1, 2, 4, 8, 32, 64].map((bits) => `cluster_size=512,refcount_bits=${bits}`),
    "extended_l2=on",
    "lazy_refcounts=on",
  ];
  it.each(shapes)("converts both ways with %s", (shape) => {
    writeRaw("shape.raw");
    expect(ours(folder, "convert", "-O", "qcow2", "-o", shape, "shape.raw", "ours.qcow2")).toMatchObject({
      code: 0,
    });
    expectSound("ours.qcow2", "shape.raw");
    expect(native(folder, "convert", "-O", "qcow2", "-o", shape, "shape.raw", "theirs.qcow2").code).toBe(0);
    expect(ours(folder, "convert", "theirs.qcow2", "back.raw")).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, "back.raw")).equals(readFileSync(join(folder, "shape.raw")))).toBe(true);
    expectSame("check", "theirs.qcow2");
    expectSame("map", "--output=json", "theirs.qcow2");
  });

  it.each([512, 4096, 65536, 2 * MIB])("reads zlib clusters of %i bytes", (size) => {
    const text = Buffer.from("compressible, but not all of it: ".repeat(60_000));
    randomBytes(200 * KIB).copy(text, 500 * KIB);
    writeFileSync(join(folder, "text.raw"), text.subarray(0, text.length - (text.length % 512)));
    native(folder, "convert", "-c", "-O", "qcow2", "-o", `cluster_size=${size}`, "text.raw", "packed.qcow2");
    expect(ours(folder, "convert", "packed.qcow2", "unpacked.raw")).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, "unpacked.raw")).equals(readFileSync(join(folder, "text.raw")))).toBe(
      true,
    );
    expectSame("check", "packed.qcow2");
  });

  it("sees through overlays three deep, and moves them about", () => {
    native(folder, "create", "-f", "qcow2", "deep.qcow2", "20M");
    qemuIo(folder, "deep.qcow2", "write -P 1 0 8M");
    ours(folder, "create", "-f", "qcow2", "-b", "deep.qcow2", "-F", "qcow2", "mid.qcow2");
    qemuIo(folder, "mid.qcow2", "write -P 2 4M 1M", "write -z 6M 128k");
    ours(folder, "create", "-f", "qcow2", "-b", "mid.qcow2", "-F", "qcow2", "top.qcow2", "24M");
    qemuIo(folder, "top.qcow2", "write -P 3 5M 1M", "write -P 4 20M 1M", "write -P 5 0x7f000 0x2000");
    for (const image of ["deep.qcow2", "mid.qcow2", "top.qcow2"]) {
      expectSame("map", "--output=json", image);
      expectSame("map", image);
      expectSame("check", image);
    }
    expectSame("info", "--backing-chain", "top.qcow2");
    expectSame("info", "--backing-chain", "--output=json", "top.qcow2");
    expectSame("compare", "deep.qcow2", "top.qcow2");
    expect(ours(folder, "convert", "top.qcow2", "top.raw").code).toBe(0);
    expectSame("compare", "top.raw", "top.qcow2");
    expect(native(folder, "compare", "top.raw", "top.qcow2").code).toBe(0);

    expect(ours(folder, "rebase", "-b", "deep.qcow2", "-F", "qcow2", "top.qcow2")).toEqual({
      code: 0,
      out: "",
      err: "",
    });
    expectSound("top.qcow2", "top.raw");
    expect(ours(folder, "commit", "top.qcow2")).toEqual({ code: 0, out: "Image committed.\n", err: "" });
    expectSound("top.qcow2", "top.raw");
    expectSound("deep.qcow2", "top.raw");
  });

  it("grows and shrinks", () => {
    native(folder, "create", "-f", "qcow2", "-o", "cluster_size=512", "size.qcow2", "1M");
    expect(ours(folder, "resize", "size.qcow2", "+10G")).toEqual({
      code: 0,
      out: "Image resized.\n",
      err: "",
    });
    qemuIo(folder, "size.qcow2", "write -P 7 9G 3M", "read -P 7 9G 3M", "write -P 8 0 1M");
    expectSame("resize", "size.qcow2", "1M");
    expect(ours(folder, "resize", "--shrink", "size.qcow2", "1M").code).toBe(0);
    expectSame("check", "size.qcow2");
    qemuIo(folder, "size.qcow2", "read -P 8 0 1M");
  });

  it("takes, lists, applies and deletes snapshots that qemu-img understands", () => {
    native(folder, "create", "-f", "qcow2", "snap.qcow2", "64M");
    qemuIo(folder, "snap.qcow2", "write -P 1 0 3M");
    ours(folder, "snapshot", "-c", "one", "snap.qcow2");
    qemuIo(folder, "snap.qcow2", "write -P 2 1M 1M", "write -P 3 60M 70k");
    native(folder, "snapshot", "-c", "two", "snap.qcow2");
    expectSame("snapshot", "-l", "snap.qcow2");
    expectSame("info", "snap.qcow2");
    expectSame("info", "--output=json", "snap.qcow2");
    expectSame("check", "snap.qcow2");
    expect(ours(folder, "snapshot", "-a", "one", "snap.qcow2")).toEqual({ code: 0, out: "", err: "" });
    qemuIo(folder, "snap.qcow2", "read -P 1 0 3M", "read -P 0 60M 70k");
    expectSame("check", "snap.qcow2");
    ours(folder, "snapshot", "-a", "2", "snap.qcow2");
    qemuIo(folder, "snap.qcow2", "read -P 2 1M 1M", "read -P 3 60M 70k");
    ours(folder, "snapshot", "-d", "one", "snap.qcow2");
    ours(folder, "snapshot", "-d", "two", "snap.qcow2");
    expectSame("snapshot", "-d", "two", "snap.qcow2");
    expectSame("check", "snap.qcow2");
    expect(native(folder, "check", "snap.qcow2").code).toBe(0);
  });

  it("finds and repairs what is wrong with the counts", () => {
    const damage = (name: string): void => {
      native(folder, "create", "-f", "qcow2", name, "4M");
      qemuIo(folder, name, "write -P 1 0 1M");
      const bytes = readFileSync(join(folder, name));
      bytes.writeUInt16BE(3, 2 * 65536 + 2 * 6); // cluster 6: a leak, and COPIED where the count is not 1
      bytes.writeUInt16BE(1, 2 * 65536 + 2 * 40); // cluster 40: a leak past the end
      writeFileSync(join(folder, name), bytes);
    };
    damage("ours.qcow2");
    damage("theirs.qcow2");
    expectSame("check", "ours.qcow2");
    const fixed = ours(folder, "check", "-r", "all", "ours.qcow2");
    expect(fixed).toEqual(native(folder, "check", "-r", "all", "theirs.qcow2"));
    expectSame("check", "ours.qcow2");
    qemuIo(folder, "ours.qcow2", "read -P 1 0 1M");
  });

  it("refuses in the same words", () => {
    ours(folder, "create", "-f", "qcow2", "good.qcow2", "1M");
    const cut = readFileSync(join(folder, "good.qcow2"));
    const edit = (name: string, at: number, value: number): void => {
      const bytes = Buffer.from(cut);
      bytes.writeUInt32BE(value, at);
      writeFileSync(join(folder, name), bytes);
    };
    writeFileSync(join(folder, "short.qcow2"), cut.subarray(0, 50));
    edit("version.qcow2", 4, 9);
    edit("clusters.qcow2", 20, 30);
    edit("l1.qcow2", 36, 0x7fffffff);
    edit("feature.qcow2", 72 + 4, 1 << 20);
    edit("table.qcow2", 56, 0);
    for (const image of ["short", "version", "clusters", "l1", "feature", "table", "missing"])
      expectSame("info", `${image}.qcow2`);
    expectSame("info");
    expectSame("info", "--outptu", "x");
    expectSame("create", "-f", "nope", "x", "1M");
    expectSame("create", "-f", "qcow2", "x.qcow2");
    expectSame("create", "-f", "qcow2", "x.qcow2", "1X");
    expectSame("create", "-f", "qcow2", "-o", "cluster_size=1000", "x.qcow2", "1M");
    expectSame("create", "-f", "qcow2", "-b", "missing.qcow2", "-F", "qcow2", "x.qcow2");
    // qemu-img leaves this message without its last newline.
    const { code, err } = native(folder, "create", "-f", "qcow2", "-b", "good.qcow2", "x.qcow2");
    expect(ours(folder, "create", "-f", "qcow2", "-b", "good.qcow2", "x.qcow2")).toMatchObject({
      code,
      err: `${err}\n`,
    });
    expectSame("convert", "-O", "qcow2", "missing.raw", "x.qcow2");
    expectSame("check", "in.raw");
    expectSame("compare", "missing.raw", "good.qcow2");
  });

  it("removes what a failed or interrupted copy has begun, and keeps the source", async () => {
    native(folder, "create", "-f", "qcow2", "torn.qcow2", "16M");
    qemuIo(folder, "torn.qcow2", "write -P 1 0 8M");
    const bytes = readFileSync(join(folder, "torn.qcow2"));
    bytes.writeUInt32BE(0x80000000, 4 * 65536 + 8 * 70); // an entry whose offset is no cluster's
    bytes.writeUInt32BE(0x00000200, 4 * 65536 + 8 * 70 + 4);
    writeFileSync(join(folder, "torn.qcow2"), bytes);
    const torn = ours(folder, "convert", "torn.qcow2", "torn.raw");
    expect(torn.code).toBe(1);
    expect(torn.err).toMatch(/unaligned.*; the incomplete 'torn.raw' is removed\n$/);
    expect(existsSync(join(folder, "torn.raw"))).toBe(false);
    expect(readFileSync(join(folder, "torn.qcow2")).equals(bytes)).toBe(true);
  });

  it("names a loop of backing files instead of following it", () => {
    ours(folder, "create", "-f", "qcow2", "a.qcow2", "1M");
    ours(folder, "create", "-f", "qcow2", "-b", "a.qcow2", "-F", "qcow2", "b.qcow2");
    native(folder, "rebase", "-u", "-b", "b.qcow2", "-F", "qcow2", "a.qcow2");
    const { code, err } = ours(folder, "convert", "a.qcow2", "x.raw");
    expect(code).toBe(1);
    expect(err).toMatch(/^wasmqemu img: .*infinite loop\.\n$/);
  });
});
