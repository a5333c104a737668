// img compare beside qemu-img's.
import { readFileSync, writeFileSync } from "node:fs";
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

describe.skipIf(withoutNative("compare beside qemu-img"))("img compare", () => {
  it("tells of the first difference, wherever it is and whatever else is being read", async () => {
    native(folder, "create", "-f", "qcow2", "same.qcow2", "24M");
    qemuIo(folder, "same.qcow2", "write -P 1 0 13M", "write -P 2 15M 64k", "write -z 20M 1M");
    native(folder, "convert", "-c", "-O", "qcow2", "same.qcow2", "packed.qcow2");
    native(folder, "convert", "-O", "raw", "same.qcow2", "same.raw");
    await expectSame("compare", "packed.qcow2", "same.qcow2");
    await expectSame("compare", "same.raw", "packed.qcow2");
    const differences = [
      ["write -P 3 12345678 1", "write -P 3 5M 1"],
      ["write -P 3 8388607 1"],
      ["write -P 3 23M 1", "write -P 0 15M 64k"],
      ["write -P 3 25165823 1"],
    ];
    for (const [n, writes] of differences.entries()) {
      writeFileSync(join(folder, `other-${n}.raw`), readFileSync(join(folder, "same.raw")));
      qemuIo(folder, `other-${n}.raw`, ...writes);
      await expectSame("compare", `other-${n}.raw`, "packed.qcow2");
      await expectSame("compare", "same.qcow2", `other-${n}.raw`);
    }
    native(folder, "resize", "same.qcow2", "30M");
    await expectSame("compare", "packed.qcow2", "same.qcow2");
    await expectSame("compare", "-s", "packed.qcow2", "same.qcow2");
    qemuIo(folder, "same.qcow2", "write -P 4 29M 512");
    await expectSame("compare", "same.qcow2", "packed.qcow2");
  });
});
