// The words of encryption beside qemu-img's: what cannot be made, opened or trusted is refused as it refuses it.
import { randomBytes } from "node:crypto";
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { make, opened, patiently, SECRETS } from "../support/encrypted.ts";
import { imgHere } from "../support/in-process.ts";
import { native, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const folder = scratchFolder();
process.chdir(folder);
const path = (name: string): string => join(folder, name);
writeFileSync(path("content.raw"), randomBytes(4096));

const made = async (...args: string[]): Promise<void> => {
  expect(await imgHere(...args)).toMatchObject({ code: 0, err: "" });
};

describe.skipIf(withoutNative("refusals beside qemu-img"))("refuses in the same words", () => {
  const same = async (...args: string[]): Promise<void> => {
    expect(await imgHere(...args), args.join(" ")).toEqual(patiently(folder, ...args));
  };

  it("what cannot be made", async () => {
    for (const options of [
      "encrypt.format=luks",
      "encrypt.format=luks,encrypt.key-secret=nope",
      "encrypt.format=foo,encrypt.key-secret=s",
      "encrypt.key-secret=s",
      "encryption=on",
      "encryption=on,encrypt.format=aes,encrypt.key-secret=s",
      "encryption=maybe",
      "encrypt.format=aes,encrypt.key-secret=s,encrypt.cipher-alg=aes-128",
      "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=1k",
      "encrypt.bad=1",
    ])
      for (const format of ["qcow2", "qcow"])
        await same("create", ...SECRETS, "-f", format, "-o", options, "no.img", "1M");
    for (const options of [
      "iter-time=50",
      "key-secret=nope",
      "key-secret=s,cipher-alg=foo",
      "key-secret=s,cipher-alg=des",
      "key-secret=s,cipher-alg=cast5-128",
      "key-secret=s,cipher-alg=twofish-128,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=sha512",
      "key-secret=s,cipher-mode=foo",
      "key-secret=s,ivgen-alg=foo",
      "key-secret=s,hash-alg=foo",
      "key-secret=s,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=sha512",
      "help",
    ])
      await same("create", ...SECRETS, "-f", "luks", "-o", options, "no.img", "1M");
    await same(...make("qcow2", "no.img", "encrypt.format=luks"));
    await same(...make("luks", "no.img", "key-secret=nope"));
    await same(
      "convert",
      "-c",
      ...make("qcow2", "no.img", "encrypt.format=luks,encrypt.key-secret=s").slice(1),
    );
    await same("convert", "-c", ...make("luks", "no.img", "key-secret=s").slice(1));
  });

  it("what cannot be opened", async () => {
    await made(...make("luks", "l.img", "key-secret=s,iter-time=20"));
    await made(...make("qcow2", "q.img", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=20"));
    await made(...make("qcow2", "a.img", "encrypt.format=aes,encrypt.key-secret=s"));
    await made("create", "-q", "-f", "qcow2", "p.img", "1M");
    for (const image of ["l.img", "q.img", "a.img"])
      for (const command of ["map", "check", "resize", "bench"])
        await same(command, image, ...(command === "resize" ? ["2M"] : []));
    for (const secret of ["w", "nope"]) {
      await same("map", ...opened("luks", "l.img", secret));
      await same("map", ...opened("qcow2", "q.img", secret));
    }
    await same("map", ...opened("qcow2", "p.img", "s"));
    for (const [file, format] of [
      ["q.img", "aes"],
      ["a.img", "luks"],
      ["p.img", "luks"],
    ])
      await same(
        "map",
        ...SECRETS,
        "--image-opts",
        `driver=qcow2,encrypt.format=${format},encrypt.key-secret=s,file.filename=${file}`,
      );
    await same("map", ...opened("luks", "l.img"));
    await same("map", "--output=json", ...opened("luks", "l.img"));
    await same("map", "--output=json", ...opened("qcow2", "q.img"));
    await same("map", ...SECRETS, `json:{"driver":"luks","key-secret":"s","file.filename":"l.img"}`);
  });

  it("a secret that is none", async () => {
    writeFileSync(path("pass"), "hunter2");
    writeFileSync(path("pass-and-newline"), "hunter2\n");
    writeFileSync(path("not-text"), Buffer.from([0x61, 0xff, 0x62]));
    writeFileSync(path("key"), Buffer.alloc(32, "k"));
    const wrapped = "data=vI0OE2kgFIpNoQunC9nnRg==,format=base64"; // openssl enc -aes-256-cbc -K 6b… -iv 69…
    const vector = `iv=${Buffer.alloc(16, "i").toString("base64")}`;
    await made(...make("luks", "l.img", "key-secret=s,iter-time=20"));
    for (const object of [
      "secret,data=hunter2",
      "secret,id=s",
      "secret,id=s,data=hunter2,file=pass",
      "secret,id=s,file=pass",
      "secret,id=s,file=pass-and-newline",
      "secret,id=s,file=nowhere",
      "secret,id=s,data=aHVudGVyMg==,format=base64",
      "secret,id=s,data=aHVudGVyMg,format=base64",
      "secret,id=s,data=%%%,format=base64",
      "secret,id=s,data=x,format=hex",
      "secret,id=s,file=not-text",
      "secret,id=s,data=",
      "secret,id=s,data",
      "secret,id=s,data=hun,,ter2",
      "secret,id=1s,data=x",
      "secret,id=s,data=x,foo=bar",
      "foo,id=s,data=x",
      "id=s,data=x",
      "qom-type=secret,id=s,data=hunter2",
      '{"qom-type":"secret","id":"s","data":"hunter2"}',
      `secret,id=s,${wrapped},keyid=key,${vector}`,
      `secret,id=s,${wrapped},keyid=key`,
      `secret,id=s,${wrapped},keyid=key,iv=aaaa`,
      `secret,id=s,${wrapped},keyid=short,${vector}`,
      `secret,id=s,${wrapped},keyid=nope,${vector}`,
      `secret,id=s,data=aaaa,format=base64,keyid=key,${vector}`,
    ])
      await same(
        "map",
        ...["secret,id=key,file=key", "secret,id=short,data=x", object].flatMap((text) => ["--object", text]),
        "--image-opts",
        "driver=luks,key-secret=s,file.filename=l.img",
      );
    await same("map", "--object", "secret,id=s,data=x", "--object", "secret,id=s,data=y", "l.img");
  });

  it("a damaged header", async () => {
    await made(...make("luks", "good.img", "key-secret=s,iter-time=20"));
    const good = readFileSync(path("good.img"));
    const text =
      (at: number, value: string): ((bytes: Buffer) => void) =>
      (bytes) => {
        bytes.fill(0, at, at + 32);
        bytes.write(value, at);
      };
    const word =
      (at: number, value: number): ((bytes: Buffer) => void) =>
      (bytes) => {
        bytes.writeUInt32BE(value, at);
      };
    const damages: readonly ((bytes: Buffer) => void)[] = [
      text(0, "XUKS"),
      (bytes) => bytes.writeUInt16BE(2, 6),
      text(8, "foo"),
      text(8, "a".repeat(32)),
      text(40, "xts"),
      text(40, "foo-plain"),
      text(40, "xts-foo"),
      text(40, "x".repeat(32)),
      text(40, "cbc-essiv:foo"),
      text(72, "foo"),
      text(72, "x".repeat(32)),
      word(104, 0),
      word(104, 8),
      word(104, 0x7fffffff),
      word(108, 0),
      word(108, 16),
      word(108, 33),
      word(108, 0x40000000),
      word(112, 0),
      word(164, 0),
      word(208, 0x1234),
      word(208, 0xdead),
      word(212, 0),
      word(248, 1),
      word(248, 508),
      word(252, 3999),
      word(256, 0xac71f3),
    ];
    for (const damage of damages) {
      const bytes = Buffer.from(good);
      damage(bytes);
      writeFileSync(path("bad.img"), bytes);
      await same("info", "-f", "luks", "bad.img");
      await same("map", "--output=json", ...opened("luks", "bad.img"));
    }
    for (const length of [0, 100, 591, 592, 100_000, 2_068_480, 2_068_580, 2_069_480]) {
      copyFileSync(path("good.img"), path("bad.img"));
      truncateSync(path("bad.img"), length);
      await same("info", "-f", "luks", "bad.img");
    }
  });
});

describe.skipIf(withoutNative("encrypted qcow beside qemu-img"))("qcow, version 1, with aes", () => {
  it("is read and written as QEMU does", async () => {
    const secret = ["--object", "secret,id=s,data=abc123"];
    const name = "driver=qcow,file.filename=old.qcow,encrypt.key-secret=s";
    native(
      folder,
      "create",
      "-fqcow",
      ...secret,
      "-oencrypt.format=aes,encrypt.key-secret=s",
      "old.qcow",
      "4M",
    );
    native(folder, "create", "-f", "raw", "plain.raw", "4M");
    const bytes = readFileSync(join(folder, "plain.raw"));
    bytes.fill(5, 100_000, 400_000);
    bytes.fill(6, 3_000_001, 3_000_900);
    writeFileSync(join(folder, "plain.raw"), bytes);
    // Ours writes through whole and partial clusters and sectors; QEMU reads.
    expect(
      await imgHere("convert", "-n", ...secret, "-f", "raw", "--target-image-opts", "plain.raw", name),
    ).toMatchObject({ code: 0, err: "" });
    const compare = ["compare", ...secret, "--image-opts", name, "driver=raw,file.filename=plain.raw"];
    expect(native(folder, ...compare).code).toBe(0);
    expect(await imgHere(...compare)).toEqual(native(folder, ...compare));
    expect(await imgHere("map", ...secret, "--image-opts", "--output=json", name)).toEqual(
      native(folder, "map", ...secret, "--image-opts", "--output=json", name),
    );
    expect(await imgHere("map", "old.qcow")).toEqual(native(folder, "map", "old.qcow"));
  });
});
