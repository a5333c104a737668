// Images with a damaged header or damaged tables, repaired: as far as qemu-img comes, and with nothing lost that was there.
import { copyFileSync, openSync, writeSync, closeSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { imgHere } from "../support/in-process.ts";
import { native, qemuIo, run, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const CLUSTER = 4096;
const folder = scratchFolder();
process.chdir(folder);

const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};

/** Where something goes, and what. qcow2 as qemu-img lays it: header, refcount table, its first block, L1 table. */
const DAMAGES: Readonly<Record<string, [at: number, bytes: Buffer]>> = {
  "refcount table on the header": [48, u64(0)],
  "refcount table on the L1 table": [48, u64(3 * CLUSTER)],
  "refcount table past the end": [48, u64(2 ** 30)],
  "block on the L1 table": [CLUSTER, u64(3 * CLUSTER)],
  "block past the end": [CLUSTER, u64(2 ** 30)],
  "a count of 0": [2 * CLUSTER + 2 * 6, Buffer.alloc(2)],
  "a count too low": [2 * CLUSTER + 2 * 6, Buffer.from([0, 1])],
  "a count too high": [2 * CLUSTER + 2 * 6, Buffer.from([0, 9])],
  "an L1 entry without COPIED": [3 * CLUSTER, Buffer.from([0])],
  "snapshot table past the end": [64, u64(2 ** 30)],
};

describe.skipIf(withoutNative("repairs beside qemu-img's"))("check -r", () => {
  native(folder, "create", "-f", "qcow2", "-o", "cluster_size=4k", "sound.qcow2", "1M");
  qemuIo(folder, "sound.qcow2", "write -P 1 0 64k", "write -P 2 512k 64k");
  native(folder, "snapshot", "-c", "one", "sound.qcow2");
  qemuIo(folder, "sound.qcow2", "write -P 3 32k 64k");
  native(folder, "convert", "-O", "raw", "sound.qcow2", "content.raw");

  it.each(Object.keys(DAMAGES))("of an image: %s", async (name) => {
    const [at, bytes] = DAMAGES[name]!;
    for (const level of ["leaks", "all"]) {
      for (const file of ["ours.qcow2", "theirs.qcow2"]) {
        copyFileSync("sound.qcow2", file);
        const handle = openSync(file, "r+");
        writeSync(handle, bytes, 0, bytes.length, at);
        closeSync(handle);
      }
      const theirs = run(folder, "qemu-img", ["check", "-r", level, "theirs.qcow2"]);
      const ours = await imgHere("check", "-r", level, "ours.qcow2");
      expect({ level, code: ours.code }).toEqual({ level, code: theirs.code });
      const left = native(folder, "check", "ours.qcow2").code;
      expect({ level, left }).toEqual({ level, left: native(folder, "check", "theirs.qcow2").code });
    }
    expect(native(folder, "compare", "ours.qcow2", "content.raw").out).toBe("Images are identical.\n");
  });
});
