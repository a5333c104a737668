// The power fails after every single write, and of what was not flushed any part may be lost: what was flushed is there,
// whoever opens the image next.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { MemorySource } from "../../host/block/memory.ts";
import type { Driver, Settings } from "../../host/image/driver.ts";
import { loadDriver } from "../../host/image/format.ts";
import { openIn, sample } from "../support/formats.ts";
import { PowerSupply } from "../support/power-cut.ts";
import { native, scratchFolder, withoutNative } from "../support/qemu-img.ts";
import { pattern, random } from "../support/qcow2.ts";

const folder = scratchFolder();
const MIB = 2 ** 20;

const FORMATS: readonly [format: string, settings: Settings][] = [
  ["vdi", {}],
  ["vmdk", {}],
  ["vpc", {}],
  ["vhdx", { block_size: MIB }],
  ["qed", { cluster_size: 4096, table_size: 1 }],
  ["qcow", {}],
  ["parallels", { cluster_size: 65_536 }],
];

/** What `sample` has written and flushed. */
const FIRST = pattern(131_072, 1);
const SECOND = pattern(70_000, 7);
const SECOND_AT = MIB + 1000;

async function reads(
  driver: Driver,
  disk: MemorySource,
  readOnly: boolean,
  expected: Uint8Array,
  at: number,
): Promise<void> {
  const image = await openIn(driver, disk, readOnly);
  const bytes = new Uint8Array(expected.length);
  await image.read(bytes, at);
  expect(Buffer.compare(bytes, expected)).toBe(0);
  await image.close();
}

it.each(FORMATS)("%s keeps what was flushed", async (format, settings) => {
  const driver = (await loadDriver(format))!;
  const power = new PowerSupply();
  const file = power.file(await sample(driver, settings));
  const image = await openIn(driver, file, false);
  await image.write!(SECOND, SECOND_AT);
  await image.flush!();
  const flushed = power.acts.length;
  await image.write!(pattern(5000, 8), 400_000);
  await image.flush!();
  await image.close();

  const next = random(5);
  const ways = [(): boolean => true, (): boolean => false, (): boolean => next(2) === 0];
  for (let count = 0; count <= power.acts.length; count++)
    for (const keep of ways) {
      const disk = (await power.cutAfter(count, keep))[0]!;
      // An image that was not closed may ask for a check before it is written again; to be read it asks for nothing.
      await reads(driver, disk, true, FIRST, 0);
      if (count >= flushed) await reads(driver, disk, true, SECOND, SECOND_AT);
      const tidied = await openIn(driver, disk, false).catch(() => undefined);
      await tidied?.close();
      await reads(driver, disk, true, FIRST, 0);
    }
});

it.skipIf(withoutNative("replay of our logs by qemu-img"))(
  "vhdx logs of ours are replayed by qemu-img",
  async () => {
    const driver = (await loadDriver("vhdx"))!;
    const power = new PowerSupply();
    const file = power.file(await sample(driver, { block_size: MIB }));
    const image = await openIn(driver, file, false);
    await image.write!(SECOND, SECOND_AT);
    await image.flush!();
    const [whole, cut] = [join(folder, "whole.vhdx"), join(folder, "cut.vhdx")];
    // All that follows the log entry's flush is lost: the table itself has not been written.
    const entry = power.acts.findIndex(
      (act) => act.kind === "write" && act.bytes[0] === 0x6c && act.bytes[3] === 0x65,
    );
    expect(entry).toBeGreaterThan(0);
    const table = power.acts.findIndex(
      (act, index) => index > entry && act.kind === "write" && act.offset === 2 * MIB,
    );
    writeFileSync(cut, (await power.cutAfter(table, () => false))[0]!.content);
    expect(native(folder, "info", "cut.vhdx").err).toContain("log");
    expect(native(folder, "check", "-r", "all", "cut.vhdx").code).toBe(0);
    await image.close();
    writeFileSync(whole, file.content);
    expect(native(folder, "compare", "cut.vhdx", "whole.vhdx").code).toBe(0);
  },
);
