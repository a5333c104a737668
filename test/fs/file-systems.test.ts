// Files out of images that Debian's own tools made: what ls prints and cp writes, beside the tree they were made from.
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missingTools, skipped } from "../support/needs.ts";
import { ours } from "../support/qemu-img.ts";
import { pattern } from "../support/qcow2.ts";

const folder = mkdtempSync(join(tmpdir(), "wasmqemu-fs-"));
const path = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

/** Debian keeps the makers of file systems where users' PATH does not look. */
process.env["PATH"] += ":/usr/sbin:/sbin";

function without(what: string, ...tools: string[]): boolean {
  const missing = missingTools(...tools);
  if (missing.length) skipped(what, `${missing.join(" and ")} is not installed`);
  return missing.length > 0;
}

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/** Sparse and dense files, many names, links of both lengths, odd modes and an old date. */
function makeTree(name: string, posix: boolean): void {
  const tree = path(name);
  mkdirSync(join(tree, "sub/deep"), { recursive: true });
  writeFileSync(join(tree, "big"), pattern(2_500_000, 1));
  writeFileSync(join(tree, "empty"), "");
  for (let n = 0; n < 150; n++)
    writeFileSync(join(tree, `sub/A long name, Grüße number ${n}.text`), `${n}\n`);
  utimesSync(join(tree, "empty"), 0, 981_173_106);
  if (!posix) return;
  writeFileSync(join(tree, "tiny"), "a few bytes\n", { mode: 0o600 });
  writeFileSync(join(tree, "sparse"), "start");
  truncateSync(join(tree, "sparse"), 9_000_000);
  writeFileSync(join(tree, "sparse"), "end", { flag: "a" });
  symlinkSync("tiny", join(tree, "link"));
  symlinkSync("/sub/deep", join(tree, "absolute"));
  symlinkSync("../../../../etc/passwd", join(tree, "sub/outside"));
  symlinkSync("loop", join(tree, "loop"));
  symlinkSync("x".repeat(180), join(tree, "long"));
  chmodSync(join(tree, "big"), 0o4751);
}

/** Path, kind, mode, time and content of everything below; sizes of directories and times of links apart. */
function describeTree(root: string, modes: boolean): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name !== "lost+found")
    .sort()
    .map((name) => {
      const file = join(root, name);
      const { mode, mtimeMs } = lstatSync(file);
      const kind = mode & 0o170000;
      const permissions = modes ? (mode & 0o777).toString(8) : "";
      // FAT counts in two seconds.
      const time = Math.floor(mtimeMs / 2000);
      if (kind === 0o120000) return `${name} -> ${readlinkSync(file)}`;
      if (kind === 0o040000) return `${name}/ ${permissions} ${modes ? time : ""}`;
      return `${name} ${permissions} ${time} ${readFileSync(file).toString("base64")}`;
    });
}

function expectCopied(image: string, tree: string, modes: boolean): void {
  rmSync(path("out"), { recursive: true, force: true });
  expect(ours(folder, "cp", "-r", `${image}:/`, "out")).toMatchObject({ code: 0, err: "" });
  expect(describeTree(path("out"), modes)).toEqual(describeTree(path(tree), modes));
}

beforeAll(() => {
  makeTree("tree", true);
  makeTree("plain", false);
});

describe.skipIf(without("ext2, ext3 and ext4", "mke2fs", "debugfs"))("ext", () => {
  it.each([
    ["ext2", "ext2", "-b", "1024"],
    ["ext3", "ext3", "-b", "4096"],
    ["ext4", "ext4", "-b", "1024"],
    ["ext4", "ext4", "-b", "4096", "-O", "^64bit,^metadata_csum"],
    ["ext4", "ext4", "-O", "inline_data", "-I", "256"],
    ["ext4", "ext4", "-b", "1024", "-O", "meta_bg,^resize_inode"],
    ["ext4", "ext4", "-b", "4096", "-O", "bigalloc"],
  ])("reads %s made with -t %s %s %s %s %s", (content, type, ...options) => {
    rmSync(path("ext.img"), { force: true });
    run("mke2fs", "-q", "-t", type, ...options, "-L", "a label", "-d", "tree", "ext.img", "32M");
    expectCopied("ext.img", "tree", true);
    expect(ours(folder, "ls", "ext.img").out).toMatch(
      new RegExp(`-\\s+0 B\\s+32 MiB\\s+${content}\\s+whole disk`),
    );
  });

  it("lists like ls, keeps holes, and follows links inside the image only", () => {
    run("mke2fs", "-q", "-t", "ext4", "-d", "tree", "ext4.img", "32M");
    run("qemu-img", "convert", "-O", "qcow2", "ext4.img", "ext4.qcow2");
    const listed = ours(folder, "ls", "-l", "ext4.qcow2:/").out.split("\n");
    const { uid, gid } = statSync(path("tree"));
    const line = (name: string): string =>
      listed.find((one) => one.includes(` ${name}`))!.replace(/ +/g, " ");
    expect(line("big")).toMatch(
      new RegExp(`^-rwsr-x--x 1 ${uid} ${gid} 2500000 \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d big$`),
    );
    expect(line("link")).toMatch(/^lrwxrwxrwx 1 .* link -> tiny$/);
    const when = execFileSync("date", ["-d", "@981173106", "+%F %H:%M"], { encoding: "utf8" }).trim();
    expect(line("empty")).toContain(`0 ${when} empty`);
    expect(ours(folder, "cat", "ext4.qcow2:/link").out).toBe("a few bytes\n");
    expect(ours(folder, "ls", "ext4.qcow2:/absolute/../A long name, Grüße number 7.text").code).toBe(0);
    expect(ours(folder, "cat", "ext4.qcow2:/sub/outside")).toMatchObject({
      code: 1,
      err: "wasmqemu img: ext4.qcow2:/sub/outside: No such file or directory\n",
    });
    expect(ours(folder, "cat", "ext4.qcow2:/loop").err).toMatch(/Too many levels of symbolic links\n$/);
    expect(ours(folder, "cp", "ext4.qcow2:/sparse", "sparse.out").code).toBe(0);
    expect(readFileSync(path("sparse.out")).equals(readFileSync(path("tree/sparse")))).toBe(true);
    expect(statSync(path("sparse.out")).blocks * 512).toBeLessThan(200_000);
    const facts = JSON.parse(ours(folder, "ls", "--output=json", "ext4.qcow2:/sub/outside").out) as object[];
    expect(facts).toMatchObject([{ type: "symlink", target: "../../../../etc/passwd" }]);
  });

  it("shows what is in the journal of a file system that was not unmounted", () => {
    mkdirSync(path("small"));
    writeFileSync(path("small/file"), "a".repeat(4096));
    writeFileSync(path("new"), "b".repeat(4096));
    run("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-d", "small", "journal.img", "40M");
    const block = run("debugfs", "-R", "bmap /file 0", "journal.img").trim();
    writeFileSync(path("script"), `jo\njw -b ${block} new\njc\n`);
    run("debugfs", "-w", "-f", "script", "journal.img");
    expect(ours(folder, "cat", "journal.img:/file").out).toBe("b".repeat(4096));
  });

  it("writes nothing outside of the target, whatever stands there", () => {
    mkdirSync(path("trap/sub"), { recursive: true });
    mkdirSync(path("elsewhere"));
    writeFileSync(path("trap/sub/file"), "from the image");
    run("mke2fs", "-q", "-t", "ext2", "-d", "trap", "trap.img", "1M");
    mkdirSync(path("target"));
    symlinkSync("../elsewhere", path("target/sub"));
    const { code, err } = ours(folder, "cp", "-r", "trap.img:/", "target/.");
    expect(code).toBe(1);
    expect(err).toContain("'target/sub' is a symbolic link, which is not followed");
    expect(readdirSync(path("elsewhere"))).toEqual([]);
  });
});

describe.skipIf(without("FAT", "mkfs.fat", "mcopy"))("FAT", () => {
  it.each([
    [12, "4M", "4"],
    [16, "20M", "2"],
    [32, "40M", "1"],
  ])("reads FAT%i with long names", (bits, size, perCluster) => {
    rmSync(path("fat.img"), { force: true });
    writeFileSync(path("fat.img"), "");
    run("truncate", "-s", size, "fat.img");
    run("mkfs.fat", "-F", String(bits), "-s", perCluster, "fat.img");
    run(
      "mcopy",
      "-s",
      "-m",
      "-i",
      "fat.img",
      ...readdirSync(path("plain")).map((name) => `plain/${name}`),
      "::",
    );
    expectCopied("fat.img", "plain", false);
    expect(ours(folder, "cat", "fat.img:/SUB/a LONG name, grüße NUMBER 3.text").out).toBe("3\n");
  });
});

describe.skipIf(without("ISO 9660", "xorriso"))("ISO 9660", () => {
  it.each([
    ["Rock Ridge", "tree", ["-R", "-J"]],
    ["Joliet", "plain", ["-J"]],
  ])("reads %s", (_, tree, options) => {
    rmSync(path("disc.iso"), { force: true });
    run("xorriso", "-as", "mkisofs", "-quiet", ...options, "-o", "disc.iso", tree);
    expectCopied("disc.iso", tree, tree === "tree");
    expect(ours(folder, "ls", "disc.iso").out).toContain("iso9660");
  });
});

describe.skipIf(without("partitions", "sfdisk", "mke2fs", "mkfs.fat"))("partitions", () => {
  const MIB = 2 ** 20;

  function makeDisk(name: string, table: string): void {
    run("truncate", "-s", "64M", name);
    execFileSync("sfdisk", ["-q", path(name)], { input: table });
    for (const [file, at, ...maker] of [
      ["p1", 1, "mke2fs", "-q", "-t", "ext4", "-d", "small-tree", "p1", "8M"],
      ["p5", 20, "mkfs.fat", "-C", "p5", "8192"],
    ] as const) {
      rmSync(path(file), { force: true });
      run(maker[0], ...maker.slice(1));
      run("dd", `if=${file}`, `of=${name}`, "bs=1M", `seek=${at}`, "conv=notrunc", "status=none");
    }
  }

  it.each([
    ["dos", 5, "label: dos\n2048,16384,83\n18432,98304,5\n40960,16384,c\n"],
    ["gpt", 2, 'label: gpt\nstart=2048,size=16384,type=L,name="my root"\nstart=40960,size=16384,type=U\n'],
  ])("finds file systems in a %s table", (kind, second, table) => {
    mkdirSync(path("small-tree"), { recursive: true });
    writeFileSync(path("small-tree/hello"), "hello\n");
    const disk = `${kind}.img`;
    makeDisk(disk, table);
    const parts = JSON.parse(ours(folder, "ls", "--output=json", disk).out) as object[];
    expect(parts).toMatchObject([
      { partition: 1, start: MIB, size: 8 * MIB, content: "ext4" },
      { partition: second, start: 20 * MIB, content: "vfat" },
    ]);
    expect(ours(folder, "cat", `${disk}:1:/hello`).out).toBe("hello\n");
    expect(ours(folder, "ls", `${disk}:${second}:/`)).toMatchObject({ code: 0, out: "" });
    expect(ours(folder, "ls", `${disk}:/`).err).toMatch(/has several file systems: say which, as in .*:1:\//);
    expect(ours(folder, "ls", `${disk}:9:/`).err).toMatch(/has no partition 9; it has 1, [25]\n/);
    if (kind !== "gpt") return;
    // The copy at the end of the disk serves where the first one is damaged.
    run("dd", "if=/dev/zero", `of=${disk}`, "bs=512", "seek=1", "count=1", "conv=notrunc", "status=none");
    expect(ours(folder, "cat", `${disk}:1:/hello`).out).toBe("hello\n");
  });

  it("names what it cannot read", () => {
    writeFileSync(
      path("lvm.img"),
      Buffer.concat([Buffer.alloc(512), Buffer.from("LABELONE"), Buffer.alloc(4096)]),
    );
    expect(ours(folder, "ls", "lvm.img:/").err).toBe(
      "wasmqemu img: 'lvm.img' is a physical volume of LVM, which is not read yet\n",
    );
    expect(ours(folder, "ls", "none.img:/").err).toMatch(
      /^wasmqemu img: Could not open 'none.img': .*No such file/,
    );
    expect(ours(folder, "cp", "lvm.img", "lvm.img:/in").err).toMatch(/only copied out of images yet/);
    expect(existsSync(path("in"))).toBe(false);
  });
});
