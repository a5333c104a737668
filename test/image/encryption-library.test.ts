// Encryption through the library, and headers that lie: whatever their bytes, one sentence or a key, never a trap.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { UserError } from "../../host/core/errors.ts";
import { createImage, openImage } from "../../host/index.ts";
import { pattern, random } from "../support/qcow2.ts";
import { scratchFolder } from "../support/qemu-img.ts";

const folder = scratchFolder();
const SIZE = 2 ** 20;

it.each(["luks", "aes"] as const)("keeps a disk under a passphrase with %s", async (format) => {
  const file = join(folder, `${format}.qcow2`);
  await createImage(file, { size: SIZE, encryption: { format, passphrase: "hunter2", iterTime: 5 } });
  const written = pattern(70_001, 3);
  const image = await openImage(file, { readOnly: false, passphrase: "hunter2" });
  await image.write!(written, 1000);
  await image.close();
  expect(readFileSync(file).includes(Buffer.from(written.subarray(600, 700)))).toBe(false);

  const again = await openImage(file, { passphrase: new TextEncoder().encode("hunter2") });
  const read = new Uint8Array(written.length + 24);
  await again.read(read, 1000);
  expect(read.subarray(0, written.length)).toEqual(written);
  expect(read.subarray(written.length)).toEqual(new Uint8Array(24));
  await again.close();

  await expect(openImage(file)).rejects.toThrow("Parameter 'encrypt.key-secret' is required for cipher");
  if (format === "luks")
    await expect(openImage(file, { passphrase: "wrong" })).rejects.toThrow("Invalid password");
});

it("answers on damaged LUKS headers", async () => {
  const file = join(folder, "fuzz.qcow2");
  await createImage(file, { size: SIZE, encryption: { passphrase: "hunter2", iterTime: 1 } });
  const good = readFileSync(file);
  const header = good.indexOf("LUKS\xba\xbe", "latin1");
  const next = random(99);
  let opened = 0;
  for (let round = 0; round < 150; round++) {
    const bytes = Buffer.from(good);
    for (let n = 1 + next(3); n > 0; n--) {
      const at = next(592);
      // High bytes of iteration counts ask for hours of work, as they would of anyone.
      if ([164, 165].includes(at) || (at >= 208 && [4, 5].includes((at - 208) % 48))) continue;
      bytes[header + at] = [0, 255, next(256), bytes[header + at]! ^ (1 << next(8))][next(4)]!;
    }
    writeFileSync(file, bytes);
    try {
      await (await openImage(file, { passphrase: "hunter2" })).close();
      opened++;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      expect(error.message).toMatch(/^\S.*\S$/s);
    }
  }
  expect(opened).toBeGreaterThan(10);
});
