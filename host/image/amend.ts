// Changing what an existing qcow2 image is: its version, lazy refcounts, its size.
import { UserError } from "../core/errors.ts";
import { downgrade, requireVersion2 } from "./qcow2/downgrade.ts";
import { setDataFile, setLazyRefcounts, setVersion } from "./qcow2/header-edit.ts";
import type { Qcow2Image } from "./qcow2/image.ts";
import { changeRefcountWidth } from "./qcow2/refcount-width.ts";
import { rewriteSnapshots } from "./qcow2/snapshots.ts";
import type { Watch } from "./watch.ts";

export interface AmendOptions {
  version?: 2 | 3 | undefined;
  lazyRefcounts?: boolean | undefined;
  refcountBits?: number | undefined;
  size?: number | undefined;
  /** Another name for the data file; "" takes it out of the header, and who opens the image must say it. */
  dataFile?: string | undefined;
  dataFileRaw?: boolean | undefined;
}

const V2_REFCOUNT_BITS = 16;

export async function amendQcow2(image: Qcow2Image, options: AmendOptions, watch: Watch = {}): Promise<void> {
  const { core } = image.engine;
  const before = core.version();
  const after = options.version ?? before;
  if (options.lazyRefcounts && after < 3)
    throw new UserError(
      "Lazy refcounts only supported with compatibility level 1.1 and above (use compat=1.1 or greater)",
      "EINVAL",
    );
  requireDataFile(image, options);
  requireRefcountBits(image, options.refcountBits, after);
  if (after < before) await requireVersion2(image);

  if (after > before) {
    await image.alone(() => rewriteSnapshots(image));
    await setVersion(image, 3);
  }
  const bits = options.refcountBits;
  if (bits !== undefined && bits !== 2 ** core.refcountOrder()) await changeRefcountWidth(image, bits, watch);
  if (options.lazyRefcounts !== undefined && core.version() === 3)
    await setLazyRefcounts(image, options.lazyRefcounts);
  if (options.dataFile !== undefined || (options.dataFileRaw === false && image.hasRawData))
    await setDataFile(image, options.dataFile, options.dataFileRaw);
  if (options.size !== undefined) await image.resize!(options.size);
  if (after < before) await downgrade(image, watch.signal);
}

/** A data file can be renamed, and stop being raw; what it holds makes all else impossible. */
function requireDataFile(image: Qcow2Image, { dataFile, dataFileRaw }: AmendOptions): void {
  if (dataFile !== undefined && !image.hasExternalData)
    throw new UserError("data-file can only be set for images that use an external data file", "EINVAL");
  if (dataFileRaw && !image.hasRawData)
    throw new UserError("data-file-raw cannot be set on existing images", "EINVAL");
}

function requireRefcountBits(image: Qcow2Image, bits: number | undefined, version: number): void {
  const have = 2 ** image.engine.core.refcountOrder();
  if (version < 3 && (bits ?? have) !== V2_REFCOUNT_BITS)
    throw new UserError(
      bits === undefined
        ? "compat=0.10 requires refcount_bits=16"
        : "Refcount widths other than 16 bits require compatibility level 1.1 or above (use compat=1.1 or greater)",
      "EINVAL",
    );
  if (bits === undefined || bits === have) return;
  if (!Number.isInteger(Math.log2(bits)) || bits > 64)
    throw new UserError("Refcount width must be a power of two and may not exceed 64 bits", "EINVAL");
}
