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
      "create -q -f qcow2 -o lazy_refcounts=yes a.qcow2 1M",
      "create -q -f qcow2 -o lazy_refcounts=true,extended_l2=n a.qcow2 1M",
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
});
