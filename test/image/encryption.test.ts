// Encrypted images beside qemu-img: what either writes the other reads, in the same words and with the same refusals.
import { randomBytes } from "node:crypto";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Format, make, opened, patiently, SECRETS } from "../support/encrypted.ts";
import { missingTools, skipped } from "../support/needs.ts";
import { imgHere } from "../support/in-process.ts";
import { native, type Result, run, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const folder = scratchFolder();
process.chdir(folder);
const path = (name: string): string => join(folder, name);
const KIB = 1024;

/** Content with holes, of a size that is no multiple of a cluster. */
const content = Buffer.concat([
  randomBytes(300 * KIB),
  Buffer.alloc(500 * KIB),
  randomBytes(100 * KIB + 512),
]);
writeFileSync(path("content.raw"), content);

function expectDone({ code, err }: Result): void {
  expect({ code, err }).toEqual({ code: 0, err: "" });
}

type Tool = (folder: string, ...args: string[]) => Result | Promise<Result>;
const ours: Tool = (_folder, ...args) => imgHere(...args);

async function expectContent(tool: Tool, format: Format, file: string, secret = "s"): Promise<void> {
  expectDone(await tool(folder, "convert", ...opened(format, file, secret), "-O", "raw", "back.raw"));
  expect(readFileSync(path("back.raw")).equals(content)).toBe(true);
}

describe.skipIf(withoutNative("encrypted images beside qemu-img"))("both ways", () => {
  it.each([
    ["luks", ""],
    ["luks", "cipher-alg=aes-128,hash-alg=sha512"],
    ["luks", "cipher-alg=aes-192"],
    ["luks", "cipher-alg=aes-256,cipher-mode=cbc,ivgen-alg=essiv,hash-alg=sha1"],
    ["luks", "cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=plain,hash-alg=sha224"],
    ["luks", "cipher-mode=ctr,hash-alg=ripemd160"],
    ["luks", "cipher-alg=serpent-256,hash-alg=md5"],
    ["luks", "cipher-alg=serpent-128,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=md5"],
    ["luks", "cipher-alg=twofish-256,cipher-mode=cbc,ivgen-alg=essiv"],
    ["luks", "cipher-alg=twofish-128,cipher-mode=ctr"],
    ["luks", "cipher-mode=ecb,ivgen-hash-alg=sha1,hash-alg=sha384"],
    ["qcow2", "encrypt.format=luks"],
    ["qcow2", "encrypt.format=luks,cluster_size=4k,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv"],
    ["qcow2", "encrypt.format=luks,cluster_size=2M,extended_l2=on,encrypt.cipher-alg=aes-128"],
    ["qcow2", "encrypt.format=luks,compat=0.10,cluster_size=512"],
    ["qcow2", "encrypt.format=luks,preallocation=metadata"],
    ["qcow2", "encrypt.format=luks,data_file=outside"],
    ["qcow2", "encrypt.format=aes"],
    ["qcow2", "encryption=on,cluster_size=1k"],
    ["qcow", "encryption=on"],
    ["qcow", "encrypt.format=aes"],
  ] as const)("%s with %j", async (format, options) => {
    const prefix = format === "luks" ? "" : "encrypt.";
    const aes = /encryption=on|format=aes/.test(options);
    const all = [options, `${prefix}key-secret=s`, ...(aes ? [] : [`${prefix}iter-time=60`])]
      .filter(Boolean)
      .join(",");
    expectDone(await imgHere(...make(format, "ours.img", all)));
    await expectContent(native, format, "ours.img");
    if (format === "qcow2") expectDone(native(folder, "check", ...opened(format, "ours.img")));
    expect(await imgHere("info", "ours.img")).toEqual(native(folder, "info", "ours.img"));
    // Images of qemu-img's with other options are in the corpus (corpus.test.ts): it takes seconds to make one.
    if (!aes && options !== "" && options !== "encrypt.format=luks") return;
    expectDone(patiently(folder, ...make(format, "native.img", all)));
    await expectContent(ours, format, "native.img");
    expect(await imgHere("info", "native.img")).toEqual(native(folder, "info", "native.img"));
  });

  it("snapshots, writes in part and overlays keep their content", async () => {
    expectDone(
      await imgHere(
        ...make("qcow2", "base.img", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=60"),
      ),
    );
    const base = opened("qcow2", "base.img");
    const io = (options: string, ...commands: string[]): void => {
      const words = commands.flatMap((word) => ["-c", word]);
      expect(run(folder, "qemu-io", [...SECRETS, "--image-opts", ...words, options])).toMatchObject({
        code: 0,
        err: "",
      });
    };
    expectDone(await imgHere("snapshot", "-c", "one", ...base));
    io(base.at(-1)!, "write -P 7 1000 70000", "write -z 200k 100k", "write -P 8 400000 1");
    expectDone(await imgHere("check", ...base));
    expectDone(await imgHere("convert", ...base, "-O", "raw", "changed.raw"));
    expectDone(native(folder, "convert", ...base, "-O", "raw", "back.raw"));
    expect(readFileSync(path("changed.raw")).equals(readFileSync(path("back.raw")))).toBe(true);
    expectDone(await imgHere("snapshot", "-a", "one", ...base));
    await expectContent(native, "qcow2", "base.img");

    // An overlay with a passphrase of its own, over one that needs another.
    const backing = `json:{"driver":"qcow2","encrypt.key-secret":"s","file.filename":"base.img"}`;
    const options = "encrypt.format=luks,encrypt.key-secret=t,encrypt.iter-time=60";
    const made = ["-q", ...SECRETS, "-f", "qcow2", "-o", options, "-b", backing, "-F", "qcow2", "top.img"];
    expectDone(await imgHere("create", ...made));
    io(opened("qcow2", "top.img", "t").at(-1)!, "write -P 9 64k 1k");
    const expected = Buffer.from(content).fill(9, 64 * KIB, 65 * KIB);
    expectDone(await imgHere("convert", ...opened("qcow2", "top.img", "t"), "-O", "raw", "back.raw"));
    expect(readFileSync(path("back.raw")).equals(expected)).toBe(true);
    expectDone(await imgHere("rebase", ...opened("qcow2", "top.img", "t"), "-b", ""));
    expectDone(native(folder, "convert", ...opened("qcow2", "top.img", "t"), "-O", "raw", "back.raw"));
    expect(readFileSync(path("back.raw")).equals(expected)).toBe(true);
  });

  it("a LUKS file grows and shrinks", async () => {
    expectDone(await imgHere(...make("luks", "size.img", "key-secret=s,iter-time=60")));
    const image = opened("luks", "size.img");
    const resize = (size: string): Promise<Result> => imgHere("resize", "--shrink", ...image, size);
    expect(await resize("2M")).toEqual({ code: 0, out: "Image resized.\n", err: "" });
    expect(await imgHere("info", "size.img")).toEqual(native(folder, "info", "size.img"));
    expect((await resize(String(content.length))).code).toBe(0);
    await expectContent(native, "luks", "size.img");
  });

  it("measures as qemu-img does, whose answers take it seconds of key derivation each", async () => {
    for (const [options, required, fully] of [
      ["-O luks -o key-secret=s --size 1G", 1075810304, 1075810304],
      ["-O luks -o key-secret=s,cipher-alg=aes-128,cipher-mode=cbc --size 1M", 1576960, 1576960],
      ["-O qcow2 -o encrypt.format=luks,encrypt.key-secret=s --size 1G", 2490368, 1076232192],
      ["-O qcow2 -o encrypt.format=aes,encrypt.key-secret=s --size 1G", 393216, 1074135040],
    ] as const)
      expect((await imgHere("measure", ...SECRETS, ...options.split(" "))).out, options).toBe(
        `required size: ${required}\nfully allocated size: ${fully}\n`,
      );
    for (const options of ["-O luks --size 1G", "-O qcow2 -o encrypt.format=luks --size 1G"]) {
      const args = ["measure", ...SECRETS, ...options.split(" ")];
      expect(await imgHere(...args)).toEqual(native(folder, ...args));
    }
  });
});

describe.skipIf(withoutNative("img amend of key slots beside qemu-img"))("img amend of key slots", () => {
  it.each(["luks", "qcow2"] as const)("does to %s what qemu-img does", async (format) => {
    const prefix = format === "luks" ? "" : "encrypt.";
    const kind = format === "luks" ? "" : "encrypt.format=luks,";
    const options = `${kind}${prefix}key-secret=s,${prefix}iter-time=20`;
    expectDone(await imgHere(...make(format, "a.img", options)));
    const run = (tool: Tool, change: string, secret: string, ...more: string[]): Result | Promise<Result> => {
      const list = change.split(",").map((item) => prefix + item);
      return tool(folder, "amend", ...more, "-o", list.join(","), ...opened(format, "a.img", secret));
    };
    /** Leaves these slots active, as qemu-img sees them. */
    const amend = async (active: string, change: string, secret = "s", ...more: string[]): Promise<void> => {
      expectDone(await run(ours, change, secret, ...more));
      const slots = native(folder, "info", "a.img").out.matchAll(/\[(\d)\]:\n\s+active: true/g);
      expect(Array.from(slots, ([, slot]) => slot).join("")).toBe(active);
    };
    const refuse = async (change: string, secret = "s"): Promise<void> => {
      expect(await run(ours, change, secret), change).toEqual(await run(native, change, secret));
    };
    await amend("01", "state=active,new-secret=t,iter-time=20");
    await expectContent(native, format, "a.img", "t");
    await amend("015", "state=active,new-secret=w,keyslot=5,iter-time=20");
    for (const change of [
      "state=active,new-secret=w,keyslot=5",
      "state=active,new-secret=w,keyslot=8",
      "state=active",
      "state=active,new-secret=nope",
      "state=active,new-secret=t,old-secret=s",
      "new-secret=t",
      "state=foo,new-secret=t",
      "state=inactive",
      "state=inactive,new-secret=t",
      "state=inactive,old-secret=t,iter-time=10",
      "state=inactive,old-secret=t,keyslot=5",
      "state=inactive,keyslot=3",
      "cipher-alg=aes-128",
    ])
      await refuse(change);
    await amend("01", "state=inactive,old-secret=w,keyslot=5");
    await refuse("state=inactive,old-secret=w");
    await amend("1", "state=inactive,old-secret=s");
    expect(native(folder, "map", ...opened(format, "a.img")).err).toContain("Invalid password");
    await refuse("state=inactive,old-secret=t", "t");
    await refuse("state=inactive,keyslot=1", "t");
    await refuse("state=active,new-secret=w,keyslot=1", "t");
    await amend("1", "state=active,new-secret=w,keyslot=1,iter-time=20", "t", "--force");
    await expectContent(native, format, "a.img", "w");
    expect((await imgHere("amend", "-f", format, "-o", "help")).out).toBe(
      native(folder, "amend", "-f", format, "-o", "help").out,
    );
  });

  const missing = missingTools("cryptsetup");
  if (missing.length) skipped("LUKS beside cryptsetup", "cryptsetup is not installed");
  it.skipIf(missing.length > 0)("makes key slots that cryptsetup opens, and opens cryptsetup's", async () => {
    expectDone(await imgHere(...make("luks", "c.img", "key-secret=s,iter-time=20")));
    const cryptsetup = (...args: string[]): Result => run(folder, "cryptsetup", args);
    writeFileSync(path("pass"), "hunter2");
    expect(cryptsetup("luksOpen", "--test-passphrase", "--key-file", "pass", "c.img").code).toBe(0);
    truncateSync(path("c.img"), 0);
    truncateSync(path("c.img"), 2_097_152 + content.length);
    const format = ["luksFormat", "--batch-mode", "--type", "luks1", "--pbkdf-force-iterations", "1000"];
    expect(cryptsetup(...format, "--key-file", "pass", "c.img")).toMatchObject({ code: 0 });
    expect((await imgHere("map", "--output=json", ...opened("luks", "c.img"))).err).toBe("");
    expect(await imgHere("info", "c.img")).toEqual(native(folder, "info", "c.img"));
  });
});
