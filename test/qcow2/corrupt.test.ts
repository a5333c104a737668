// A write that damaged counts would have led into the image's own tables: refused, and the image marked.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { blank, check, open, pattern } from "../support/qcow2.ts";
import { native, ours, scratchFolder, withoutNative } from "../support/qemu-img.ts";

const CLUSTER = 4096;
const folder = scratchFolder();

it.each([3, 2] as const)(
  "is marked corrupt on the disk, where version %i can say so, and not written again",
  async (version) => {
    const file = await blank({ size: 2 ** 20, clusterSize: CLUSTER, version });
    let image = await open(file);
    await image.write!(pattern(5 * CLUSTER, 1), 0);
    await image.close();
    // The first block of counts, which is cluster 2: everything is free.
    file.content.fill(0, 2 * CLUSTER, 3 * CLUSTER);
    image = await open(file);
    await expect(image.write!(pattern(CLUSTER, 2), 2 ** 19)).rejects.toThrow(
      /Preventing invalid write on metadata/,
    );
    if (version === 3) {
      await expect(image.write!(pattern(CLUSTER, 2), 0)).rejects.toThrow(/corrupt/);
      await expect(open(file)).rejects.toThrow("qcow2: Image is corrupt; cannot be opened read/write");
      expect((await open(file, true)).corrupt).toBe(true);
    }
    const found = new Uint8Array(5 * CLUSTER);
    await (await open(file, true)).read(found, 0);
    expect(found).toEqual(pattern(5 * CLUSTER, 1));
    expect((await check(file)).corruptions).toBeGreaterThan(0);
    if (withoutNative("qemu-img check of a corrupt image")) return;
    writeFileSync(join(folder, "corrupt.qcow2"), file.content);
    if (version === 3) expect(native(folder, "info", "corrupt.qcow2").out).toContain("corrupt: true");
    expect(ours(folder, "check", "-r", "all", "corrupt.qcow2").code).toBe(0);
    expect(native(folder, "check", "corrupt.qcow2").code).toBe(0);
    expect(native(folder, "info", "corrupt.qcow2").out).not.toContain("corrupt: true");
  },
);
