// Whether two images hold the same bytes; where both are known to be zero, nothing is read.
import { loadEngine } from "../core/load.ts";
import { UserError, codeOf, isExpected, reason } from "../core/errors.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { BlockExports } from "./engine.ts";
import { chainExtent, type ChainExtent, type DiskImage } from "./image.ts";
import type { Watch } from "./watch.ts";

const CHUNK = 2 * 2 ** 20;
const SECTOR = 512;

export interface Difference {
  kind: "content" | "size" | "allocation";
  offset: number;
}

export interface CompareOptions extends Watch {
  /** Sizes and what is allocated must be the same too. */
  strict?: boolean;
  /** One is longer, and the comparison has reached what the other lacks. */
  onSizeMismatch?: () => void;
}

export async function compareImages(
  runtime: Runtime,
  a: DiskImage,
  b: DiskImage,
  options: CompareOptions = {},
): Promise<Difference | undefined> {
  if (options.strict && a.size !== b.size) return { kind: "size", offset: 0 };
  const core = await loadEngine<BlockExports>(runtime, "block.wasm");
  if (!core.reserve(2 * CHUNK)) throw new UserError("Not enough memory to compare images", "ENOMEM");
  const at = core.WORK_AT.value as number;
  const view = (index: number, length: number): Uint8Array =>
    new Uint8Array(core.memory.buffer as ArrayBuffer, at + index * CHUNK, length);
  const total = Math.max(a.size, b.size);
  const common = Math.min(a.size, b.size);

  for (let offset = 0; offset < common;) {
    options.signal?.throwIfAborted();
    const [left, right] = await Promise.all([look(a, offset, common), look(b, offset, common)]);
    let length = Math.min(left.length, right.length);
    if (options.strict && left.present !== right.present) return { kind: "allocation", offset };
    if (!(left.zero && right.zero)) {
      length = Math.min(length, CHUNK);
      await Promise.all([
        readFrom(a, left, view(0, length), offset),
        readFrom(b, right, view(1, length), offset),
      ]);
      const same = core.firstDifference(at, at + CHUNK, length);
      if (same < length) return { kind: "content", offset: offset + same - (same % SECTOR) };
    }
    offset += length;
    options.onProgress?.(offset, total);
  }
  if (a.size === b.size) return undefined;
  options.onSizeMismatch?.();
  const longer = a.size > b.size ? a : b;
  for (let offset = common; offset < total;) {
    const extent = await look(longer, offset, total);
    const length = extent.zero ? extent.length : Math.min(extent.length, CHUNK);
    if (!extent.zero) {
      await readFrom(longer, extent, view(0, length), offset);
      for (let sector = 0; sector < length; sector += SECTOR)
        if (!core.isZero(at + sector, Math.min(SECTOR, length - sector)))
          return { kind: "content", offset: offset + sector };
    }
    offset += length;
    options.onProgress?.(offset, total);
  }
  return undefined;
}

function look(image: DiskImage, offset: number, end: number): Promise<ChainExtent> {
  return chainExtent(image, offset, end - offset);
}

async function readFrom(
  image: DiskImage,
  extent: ChainExtent,
  into: Uint8Array,
  offset: number,
): Promise<void> {
  try {
    if (extent.zero) into.fill(0);
    else await image.read(into, offset);
  } catch (error) {
    if (!isExpected(error)) throw error;
    throw new UserError(
      `Error while reading offset ${offset} of ${image.name}: ${reason(error)}`,
      codeOf(error),
    );
  }
}
