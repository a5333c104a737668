// What `info` says about a qcow2 image, in its order.
import { luksDetails } from "../encryption/luks-header.ts";
import { type Bitmap, flagNames } from "./bitmaps.ts";
import type { Qcow2Image } from "./image.ts";

export function qcow2Details(image: Qcow2Image): Record<string, unknown> {
  const { core } = image.engine;
  const encryption =
    image.encryption === "aes"
      ? { encrypt: { format: "aes" } }
      : image.luks
        ? { encrypt: luksDetails(image.luks.header, true) }
        : {};
  if (core.version() < 3)
    return { compat: "0.10", "compression-type": image.compression, "refcount-bits": 16, ...encryption };
  return {
    compat: "1.1",
    "compression-type": image.compression,
    "lazy-refcounts": image.lazyRefcounts,
    ...(image.bitmaps.length ? { bitmaps: image.bitmaps.map(bitmapFacts) } : {}),
    "refcount-bits": 2 ** core.refcountOrder(),
    ...(image.hasExternalData ? { "data-file": image.extensions.dataFile } : {}),
    ...encryption,
    ...(image.hasExternalData ? { "data-file-raw": (core.autoclear() & 2) !== 0 } : {}),
    corrupt: image.corrupt,
    "extended-l2": image.extendedL2,
  };
}

function bitmapFacts(bitmap: Bitmap): object {
  return { flags: flagNames(bitmap), name: bitmap.name, granularity: bitmap.granularity };
}
