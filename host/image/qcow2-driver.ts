// The driver `qcow2`: its runtime options, and the data file that an image may name.
import type { BlockOptions } from "../block/options.ts";
import type { Driver, OpenContext } from "./driver.ts";
import { Qcow2Image } from "./qcow2.ts";

/** Options that tune caches and checks of QEMU's that are here always on, or bounded already. */
const TUNING = [
  "cache-size",
  "l2-cache-size",
  "l2-cache-entry-size",
  "refcount-cache-size",
  "cache-clean-interval",
  "overlap-check",
  "overlap-check.template",
];
const TUNING_SWITCHES = [
  "lazy-refcounts",
  "pass-discard-request",
  "pass-discard-snapshot",
  "pass-discard-other",
  "discard-no-unref",
];

function takeTuning(options: BlockOptions): void {
  for (const key of TUNING) options.take(key);
  for (const key of TUNING_SWITCHES) options.takeSwitch(key);
}

async function openQcow2(context: OpenContext): Promise<Qcow2Image> {
  const { runtime, name, file, readOnly, tolerant, chain } = context;
  takeTuning(context.options);
  const image = await Qcow2Image.open(runtime, name, file, { readOnly, tolerant });
  if (!chain) return image;
  const { dataFile } = image.extensions;
  if (image.hasExternalData)
    image.dataFile =
      (await context.openChild("data-file")) ?? (dataFile ? await context.openNamed(dataFile) : undefined);
  try {
    image.requireReadable();
    return image;
  } catch (error) {
    await image.dataFile?.close();
    throw error;
  }
}

export const qcow2: Driver = { open: openQcow2 };
