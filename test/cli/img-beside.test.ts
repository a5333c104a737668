// Command lines that are seldom typed, run by qemu-img and by ours: same words, same exit codes.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { imgHere } from "../support/in-process.ts";
import { native, run, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const folder = scratchFolder();

/** Each tool works in a folder of its own, which `setup`, a line of shell, has filled alike. */
async function expectSame(name: string, setup: string, lines: readonly string[]): Promise<void> {
  const [theirs, ours] = ["theirs", "ours"].map((tool) => join(folder, name, tool)) as [string, string];
  mkdirSync(theirs, { recursive: true });
  expect(run(theirs, "bash", ["-c", setup])).toMatchObject({ code: 0, err: "" });
  run(folder, "cp", ["-a", theirs, ours]);
  process.chdir(ours);
  for (const line of lines) {
    const words = line.split(" ").map((word) => word.replace(/^''$/, ""));
    expect({ line, ...masked(await imgHere(...words)) }).toEqual({
      line,
      ...masked(native(theirs, ...words)),
    });
  }
}

/** Without what depends on the disk or the moment. */
function masked<T extends { out: string; err: string }>({ out, ...rest }: T): T {
  const masks: [RegExp, string][] = [
    [/disk size: .*/g, "disk size: ?"],
    [/in [\d.]+ seconds/g, "in ? seconds"],
  ];
  return { ...rest, out: masks.reduce((text, [what, mask]) => text.replace(what, mask), out) } as T;
}

describe.skipIf(withoutNative("command lines beside qemu-img"))("the same words as qemu-img", () => {
  it("of options and their values", async () => {
    await expectSame("options", "truncate -s 1M a.raw", [
      "create -f qcow2 -o lazy_refcounts=yes a.qcow2 1M",
      "create -f qcow2 -o lazy_refcounts=true,extended_l2=n a.qcow2 1M",
      "create -f qcow2 -o nolazy_refcounts a.qcow2 1M",
      "create -f qcow2 -o nocluster_size a.qcow2 1M",
      "create -f qcow2 -o lazy_refcounts=1 a.qcow2 1M",
      "create -f raw -o nocow b.raw 1M",
      "create -f vdi -o static=on,preallocation=metadata a.vdi 3M",
      "create -f vhdx -o preallocation=foo a.vhdx 3M",
      "create -f vpc -o preallocation=full a.vpc 3M",
      "create --object foo,id=s b.raw 1M",
      "create --object secret,id=s,file=nope b.raw 1M",
      "convert -O qcow2 -o lazy_refcounts=yes -f raw a.raw a.qcow2",
      "amend -o lazy_refcounts=off a.qcow2",
      "amend -o encrypt.state=active,encrypt.new-secret=s --object secret,id=s,data=a a.qcow2",
      "amend -f nope -o help",
      "info --image-opts driver=qcow2,file.filename=a.qcow2,lazy-refcounts=yes",
      "info --o=json a.qcow2",
      "dd if=a.raw of=nodir/b.raw",
      "bench -w -c 1 --pattern=0x41 a.qcow2",
      "--help-me",
    ]);
  });

  it("of sizes at the edge of what can be", async () => {
    await expectSame("sizes", "truncate -s 1M a.raw; qemu-img create -q -f qcow2 a.qcow2 1M", [
      "create -f qcow2 -o cluster_size=2M b.qcow2 2E",
      "info b.qcow2",
      "create -f qcow2 b.qcow2 7E",
      "create -f qcow2 b.qcow2 8E",
      "create b.raw 8000P",
      "dd if=a.raw of=b.raw bs=1M count=9223372036854775807",
      "dd if=a.raw of=b.raw bs=1M skip=9223372036854775807",
      "resize a.qcow2 8E",
      "resize a.qcow2 +1000",
      "resize -f raw a.raw +1000",
      "info -f raw a.raw",
      "resize a.raw 2M",
      "create -q -f qed a.qed 1M",
      "resize a.qed +1000",
      "measure -O qcow2 -o cluster_size=foo --size 1M",
      "measure -O raw -o foo=1 --size 1M",
      "measure -O qcow2 -o backing_file=x --size 1M",
      "measure -O qcow2 -o backing_file=x a.qcow2",
    ]);
  });

  it("of names with colons, images that others use, and what is no file", async () => {
    await expectSame("names", "truncate -s 1M a.raw; qemu-img create -q -f qcow2 a.qcow2 1M; mkdir d", [
      "create -f qcow2 file:b:c.qcow2 1M",
      "info file:b:c.qcow2",
      "map file:b:c.qcow2",
      "info file:nope:c.qcow2",
      "info b:c.qcow2",
      "info null-co://",
      "info null-co://,size=5",
      'info json:{"driver":"null-co","size":"1048576"}',
      "convert -U -O qcow2 a.qcow2 b.qcow2",
      "dd -U if=a.qcow2 of=c.raw",
      "convert -n --target-image-opts -O qcow2 a.qcow2 driver=qcow2,file.filename=b.qcow2",
      "convert a.qcow2 d",
      "rebase -u -b x -F raw a.raw",
      "amend -o compat=0.10 a.raw",
    ]);
  });

  it("of downgrades", async () => {
    const setup = `
      qemu-img create -q -f qcow2 -o compression_type=zstd empty.qcow2 1M
      head -c 1M /dev/zero | tr '\\0' 'a' > a.raw
      qemu-img convert -c -f raw -O qcow2 -o compression_type=zstd a.raw packed.qcow2
      cp packed.qcow2 under.qcow2
      qemu-img snapshot -c s under.qcow2
      qemu-io -c 'write 0 1M' under.qcow2 > out`;
    await expectSame("downgrades", setup, [
      "amend -o compat=0.10 empty.qcow2",
      "info empty.qcow2",
      "check empty.qcow2",
      "amend -o compat=0.10 packed.qcow2",
      "create -f qcow2 -o compat=0.10 v2.qcow2 1M",
      "snapshot -c s v2.qcow2",
      "resize v2.qcow2 2M",
      "amend -o size=2M v2.qcow2",
    ]);
    // qemu-img does not look into snapshots, whose compressed clusters nobody could read any more.
    expect((await imgHere("amend", "-o", "compat=0.10", "under.qcow2")).err).toMatch(
      /existing compressed clusters/,
    );
  });
});
