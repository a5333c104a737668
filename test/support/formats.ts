// Images of formats other than qcow2, in memory.
import { MemorySource } from "../../host/block/memory.ts";
import { BlockOptions } from "../../host/block/options.ts";
import { UserError } from "../../host/core/errors.ts";
import type { Driver, ImageFile, NewFile, Settings } from "../../host/image/driver.ts";
import type { DiskImage } from "../../host/image/image.ts";
import { node } from "../../host/runtimes/node.ts";
import { pattern } from "./qcow2.ts";

const MIB = 2 ** 20;
export const DISK = 3 * MIB;

/** An image in `file`; what it names is not opened. */
export async function openIn(driver: Driver, file: ImageFile, readOnly: boolean): Promise<DiskImage> {
  return driver.open({
    runtime: node,
    name: "test",
    file,
    options: new BlockOptions([]),
    readOnly,
    tolerant: false,
    chain: false,
    secrets: new Map(),
    warn: () => {},
    openNamed: async () => {
      throw new UserError("no other file is opened here", "EPERM");
    },
    openChild: async () => undefined,
    unlock: true,
  });
}

/** A disk of that format with data at its start and at 2 MiB. */
export async function sample(driver: Driver, settings: Settings): Promise<Uint8Array> {
  const file = new MemorySource();
  await driver.create!({
    runtime: node,
    name: "test",
    file: file as NewFile,
    size: DISK,
    settings: { size: DISK, ...settings },
    secrets: new Map(),
    openBacking: () => Promise.reject(new Error("none")),
    createNamed: () => Promise.reject(new Error("none")),
  });
  const image = await openIn(driver, file, false);
  await image.write!(pattern(131_072, 1), 0);
  await image.write!(pattern(65_536, 2), 2 * MIB);
  await image.flush!();
  await image.close();
  return file.content.slice();
}
