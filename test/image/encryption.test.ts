// Encrypted images beside qemu-img: what either writes the other reads, in the same words and with the same refusals.
import { randomBytes } from "node:crypto";
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { missingTools, skipped } from "../support/needs.ts";
import { native, ours, qemuIo, type Result, run, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const folder = scratchFolder();
const path = (name: string): string => join(folder, name);
const SECRETS = ["secret,id=s,data=hunter2", "secret,id=t,data=other", "secret,id=w,data=wrong"].flatMap(
  (text) => ["--object", text],
);
const KIB = 1024;

/** Content with holes, of a size that is no multiple of a cluster. */
const content = Buffer.concat([randomBytes(300 * KIB), Buffer.alloc(500 * KIB), randomBytes(100 * KIB + 512)]);
writeFileSync(path("content.raw"), content);

/** qemu-img measures CPU time and gives up where the machine is too busy to tell. */
function patiently(...args: string[]): Result {
  for (let tries = 0; ; tries++) {
    const result = native(folder, ...args);
    if (tries === 20 || !result.err.includes("Unable to get accurate CPU usage")) return result;
  }
}

/** An image by its options, its passphrase by the secret's id. */
function opened(format: "luks" | "qcow2", file: string, secret = "s"): string[] {
  const key = format === "luks" ? "key-secret" : "encrypt.key-secret";
  return [...SECRETS, "--image-opts", `driver=${format},${key}=${secret},file.filename=${file}`];
}

function expectDone({ code, err }: Result): void {
  expect({ code, err }).toEqual({ code: 0, err: "" });
}

function expectContent(tool: typeof ours, format: "luks" | "qcow2", file: string, secret = "s"): void {
  expectDone(tool(folder, "convert", ...opened(format, file, secret), "-O", "raw", "back.raw"));
  expect(readFileSync(path("back.raw")).equals(content)).toBe(true);
}

const make = (format: string, file: string, options: string): string[] => [
  "convert",
  ...SECRETS,
  ...["-f", "raw", "-O", format, "-o", options, "content.raw", file],
];

describe.skipIf(withoutNative("encrypted images beside qemu-img"))("both ways", () => {
  it.each([
    ["luks", ""],
    ["luks", "cipher-alg=aes-128,hash-alg=sha512"],
    ["luks", "cipher-alg=aes-192"],
    ["luks", "cipher-alg=aes-256,cipher-mode=cbc,ivgen-alg=essiv,hash-alg=sha1"],
    ["luks", "cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=plain,hash-alg=sha224"],
    ["luks", "cipher-mode=ctr,hash-alg=ripemd160"],
    ["luks", "cipher-mode=ecb,ivgen-hash-alg=sha1,hash-alg=sha384"],
    ["qcow2", "encrypt.format=luks"],
    ["qcow2", "encrypt.format=luks,cluster_size=4k,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv"],
    ["qcow2", "encrypt.format=luks,cluster_size=2M,extended_l2=on,encrypt.cipher-alg=aes-128"],
    ["qcow2", "encrypt.format=luks,compat=0.10,cluster_size=512"],
    ["qcow2", "encrypt.format=luks,preallocation=metadata"],
    ["qcow2", "encrypt.format=luks,data_file=outside"],
    ["qcow2", "encrypt.format=aes"],
    ["qcow2", "encryption=on,cluster_size=1k"],
  ] as const)("%s with %j", (format, options) => {
    const prefix = format === "luks" ? "" : "encrypt.";
    const aes = /encryption=on|format=aes/.test(options);
    const all = [options, `${prefix}key-secret=s`, ...(aes ? [] : [`${prefix}iter-time=60`])]
      .filter(Boolean)
      .join(",");
    expectDone(ours(folder, ...make(format, "ours.img", all)));
    expectContent(native, format, "ours.img");
    if (format === "qcow2") expectDone(native(folder, "check", ...opened(format, "ours.img")));
    expectDone(patiently(...make(format, "native.img", all)));
    expectContent(ours, format, "native.img");
    const info = (tool: typeof ours): unknown[] =>
      ["ours.img", "native.img"].map((file) => tool(folder, "info", file));
    expect(info(ours)).toEqual(info(native));
  });

  it("snapshots, writes in part and overlays keep their content", () => {
    expectDone(ours(folder, ...make("qcow2", "base.img", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=60")));
    const base = opened("qcow2", "base.img");
    const io = (options: string, ...commands: string[]): void =>
      qemuIo(folder, options, ...SECRETS.concat("--image-opts"), ...commands.flatMap((word) => ["-c", word]));
    expectDone(ours(folder, "snapshot", "-c", "one", ...base));
    io(base.at(-1)!, "write -P 7 1000 70000", "write -z 200k 100k", "write -P 8 400000 1");
    expectDone(ours(folder, "check", ...base));
    expectDone(ours(folder, "convert", ...base, "-O", "raw", "changed.raw"));
    expectDone(native(folder, "convert", ...base, "-O", "raw", "back.raw"));
    expect(readFileSync(path("changed.raw")).equals(readFileSync(path("back.raw")))).toBe(true);
    expectDone(ours(folder, "snapshot", "-a", "one", ...base));
    expectContent(native, "qcow2", "base.img");

    // An overlay with a passphrase of its own, over one that needs another.
    const backing = `json:{"driver":"qcow2","encrypt.key-secret":"s","file.filename":"base.img"}`;
    const options = "encrypt.format=luks,encrypt.key-secret=t,encrypt.iter-time=60";
    const made = ["-q", ...SECRETS, "-f", "qcow2", "-o", options, "-b", backing, "-F", "qcow2", "top.img"];
    expectDone(ours(folder, "create", ...made));
    io(opened("qcow2", "top.img", "t").at(-1)!, "write -P 9 64k 1k");
    const expected = Buffer.from(content).fill(9, 64 * KIB, 65 * KIB);
    expectDone(ours(folder, "convert", ...opened("qcow2", "top.img", "t"), "-O", "raw", "back.raw"));
    expect(readFileSync(path("back.raw")).equals(expected)).toBe(true);
    expectDone(ours(folder, "rebase", ...opened("qcow2", "top.img", "t"), "-b", ""));
    expectDone(native(folder, "convert", ...opened("qcow2", "top.img", "t"), "-O", "raw", "back.raw"));
    expect(readFileSync(path("back.raw")).equals(expected)).toBe(true);
  });

  it("a LUKS file grows and shrinks", () => {
    expectDone(ours(folder, ...make("luks", "size.img", "key-secret=s,iter-time=60")));
    const image = opened("luks", "size.img");
    const resize = (tool: typeof ours, size: string): Result => tool(folder, "resize", "--shrink", ...image, size);
    expect(resize(ours, "2M")).toEqual({ code: 0, out: "Image resized.\n", err: "" });
    expect(ours(folder, "info", "size.img")).toEqual(native(folder, "info", "size.img"));
    expect(resize(ours, String(content.length)).code).toBe(0);
    expectContent(native, "luks", "size.img");
  });

  it("measures as qemu-img does", () => {
    for (const options of [
      ["-O", "luks", "-o", "key-secret=s", "--size", "1G"],
      ["-O", "luks", "-o", "key-secret=s,cipher-alg=aes-128,cipher-mode=cbc", "content.raw"],
      ["-O", "luks", "--size", "1G"],
      ["-O", "qcow2", "-o", "encrypt.format=luks,encrypt.key-secret=s", "--size", "1G"],
      ["-O", "qcow2", "-o", "encrypt.format=luks,encrypt.key-secret=s,cluster_size=512", "content.raw"],
      ["-O", "qcow2", "-o", "encrypt.format=aes,encrypt.key-secret=s", "--size", "1G"],
      ["-O", "qcow2", "-o", "encrypt.format=luks", "--size", "1G"],
    ]) {
      const args = ["measure", ...SECRETS, ...options];
      expect(ours(folder, ...args), args.join(" ")).toEqual(native(folder, ...args));
    }
  });
});

describe.skipIf(withoutNative("refusals beside qemu-img"))("refuses in the same words", () => {
  const same = (...args: string[]): void => {
    expect(ours(folder, ...args), args.join(" ")).toEqual(patiently(...args));
  };

  it("what cannot be made", () => {
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
      same("create", ...SECRETS, "-f", "qcow2", "-o", options, "no.img", "1M");
    for (const options of [
      "iter-time=50",
      "key-secret=nope",
      "key-secret=s,cipher-alg=foo",
      "key-secret=s,cipher-alg=des",
      "key-secret=s,cipher-mode=foo",
      "key-secret=s,ivgen-alg=foo",
      "key-secret=s,hash-alg=foo",
      "key-secret=s,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=sha512",
      "help",
    ])
      same("create", ...SECRETS, "-f", "luks", "-o", options, "no.img", "1M");
    same(...make("qcow2", "no.img", "encrypt.format=luks"));
    same(...make("luks", "no.img", "key-secret=nope"));
    same("convert", "-c", ...make("qcow2", "no.img", "encrypt.format=luks,encrypt.key-secret=s").slice(1));
    same("convert", "-c", ...make("luks", "no.img", "key-secret=s").slice(1));
  });

  it("what cannot be opened", () => {
    expectDone(ours(folder, ...make("luks", "l.img", "key-secret=s,iter-time=20")));
    expectDone(
      ours(folder, ...make("qcow2", "q.img", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=20")),
    );
    expectDone(ours(folder, ...make("qcow2", "a.img", "encrypt.format=aes,encrypt.key-secret=s")));
    expectDone(ours(folder, "create", "-q", "-f", "qcow2", "p.img", "1M"));
    for (const image of ["l.img", "q.img", "a.img"])
      for (const command of ["map", "check", "resize", "bench"])
        same(command, image, ...(command === "resize" ? ["2M"] : []));
    for (const secret of ["w", "nope"]) {
      same("map", ...opened("luks", "l.img", secret));
      same("map", ...opened("qcow2", "q.img", secret));
    }
    same("map", ...opened("qcow2", "p.img", "s"));
    for (const [file, format] of [
      ["q.img", "aes"],
      ["a.img", "luks"],
      ["p.img", "luks"],
    ])
      same(
        "map",
        ...SECRETS,
        "--image-opts",
        `driver=qcow2,encrypt.format=${format},encrypt.key-secret=s,file.filename=${file}`,
      );
    same("map", ...opened("luks", "l.img"));
    same("map", "--output=json", ...opened("luks", "l.img"));
    same("map", "--output=json", ...opened("qcow2", "q.img"));
    same("map", ...SECRETS, `json:{"driver":"luks","key-secret":"s","file.filename":"l.img"}`);
  });

  it("a secret that is none", () => {
    writeFileSync(path("pass"), "hunter2");
    writeFileSync(path("pass-and-newline"), "hunter2\n");
    writeFileSync(path("not-text"), Buffer.from([0x61, 0xff, 0x62]));
    writeFileSync(path("key"), Buffer.alloc(32, "k"));
    const wrapped = "data=vI0OE2kgFIpNoQunC9nnRg==,format=base64"; // openssl enc -aes-256-cbc -K 6b… -iv 69…
    const vector = `iv=${Buffer.alloc(16, "i").toString("base64")}`;
    expectDone(ours(folder, ...make("luks", "l.img", "key-secret=s,iter-time=20")));
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
      same(
        ...["map", "--object", "secret,id=key,file=key", "--object", "secret,id=short,data=x"],
        ...["--object", object, "--image-opts", "driver=luks,key-secret=s,file.filename=l.img"],
      );
    same("map", "--object", "secret,id=s,data=x", "--object", "secret,id=s,data=y", "l.img");
  });

  it("a damaged header", () => {
    expectDone(ours(folder, ...make("luks", "good.img", "key-secret=s,iter-time=20")));
    const good = readFileSync(path("good.img"));
    const text = (at: number, value: string): ((bytes: Buffer) => void) => (bytes) => {
      bytes.fill(0, at, at + 32);
      bytes.write(value, at);
    };
    const word = (at: number, value: number): ((bytes: Buffer) => void) => (bytes) => {
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
      same("info", "-f", "luks", "bad.img");
      same("map", "--output=json", ...opened("luks", "bad.img"));
    }
    for (const length of [0, 100, 591, 592, 100_000, 2_068_480, 2_068_580, 2_069_480]) {
      copyFileSync(path("good.img"), path("bad.img"));
      truncateSync(path("bad.img"), length);
      same("info", "-f", "luks", "bad.img");
    }
  });
});

describe.skipIf(withoutNative("img amend of key slots beside qemu-img"))("img amend of key slots", () => {
  it.each(["luks", "qcow2"] as const)("does to %s what qemu-img does", (format) => {
    const prefix = format === "luks" ? "" : "encrypt.";
    const kind = format === "luks" ? "" : "encrypt.format=luks,";
    const options = `${kind}${prefix}key-secret=s,${prefix}iter-time=20`;
    expectDone(ours(folder, ...make(format, "a.img", options)));
    copyFileSync(path("a.img"), path("b.img"));
    const active = (file: string): string[] =>
      native(folder, "info", file).out.match(/\[\d\]:\n\s+active: true/g) ?? [];
    const amend = (change: string, secret = "s", ...more: string[]): void => {
      const list = change
        .split(",")
        .map((item) => prefix + item)
        .join(",");
      const args = (file: string): string[] => ["amend", ...more, "-o", list, ...opened(format, file, secret)];
      const [a, b] = [ours(folder, ...args("a.img")), patiently(...args("b.img"))];
      expect({ ...a, err: a.err.replaceAll("a.img", "b.img") }, change).toEqual(b);
      expect(active("a.img"), change).toEqual(active("b.img"));
    };
    amend("state=active,new-secret=t,iter-time=60");
    expectContent(native, format, "a.img", "t");
    expectContent(ours, format, "b.img", "t");
    amend("state=active,new-secret=w,keyslot=5,iter-time=60");
    amend("state=active,new-secret=w,keyslot=5,iter-time=60");
    amend("state=active,new-secret=w,keyslot=8");
    amend("state=active");
    amend("state=active,new-secret=nope");
    amend("state=active,new-secret=t,old-secret=s");
    amend("new-secret=t");
    amend("state=foo,new-secret=t");
    amend("state=inactive");
    amend("state=inactive,new-secret=t");
    amend("state=inactive,old-secret=t,iter-time=10");
    amend("state=inactive,old-secret=t,keyslot=5");
    amend("state=inactive,old-secret=w,keyslot=5");
    amend("state=inactive,keyslot=3");
    amend("state=inactive,old-secret=w");
    amend("cipher-alg=aes-128");
    amend("state=inactive,old-secret=s", "t");
    expect(native(folder, "map", ...opened(format, "a.img")).err).toContain("Invalid password");
    amend("state=inactive,old-secret=t", "t");
    amend("state=inactive,keyslot=1", "t");
    amend("state=active,new-secret=w,keyslot=1,iter-time=60", "t", "--force");
    expectContent(native, format, "a.img", "w");
    expect(ours(folder, "amend", "-f", format, "-o", "help").out).toBe(
      native(folder, "amend", "-f", format, "-o", "help").out,
    );
  });

  const missing = missingTools("cryptsetup");
  if (missing.length) skipped("LUKS beside cryptsetup", "cryptsetup is not installed");
  it.skipIf(missing.length > 0)("makes key slots that cryptsetup opens, and opens cryptsetup's", () => {
    expectDone(ours(folder, ...make("luks", "c.img", "key-secret=s,iter-time=20")));
    const cryptsetup = (...args: string[]): Result => run(folder, "cryptsetup", args);
    writeFileSync(path("pass"), "hunter2");
    expect(cryptsetup("luksOpen", "--test-passphrase", "--key-file", "pass", "c.img").code).toBe(0);
    truncateSync(path("c.img"), 0);
    truncateSync(path("c.img"), 2_097_152 + content.length);
    const format = ["luksFormat", "--batch-mode", "--type", "luks1", "--pbkdf-force-iterations", "1000"];
    expect(cryptsetup(...format, "--key-file", "pass", "c.img")).toMatchObject({ code: 0 });
    expect(ours(folder, "map", "--output=json", ...opened("luks", "c.img")).err).toBe("");
    expect(ours(folder, "info", "c.img")).toEqual(native(folder, "info", "c.img"));
  });
});
