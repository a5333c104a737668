// What images say of themselves.
import { UserError } from "../core/errors.ts";
import { resolveBacking } from "../image/open.ts";
import { readSnapshots, type Snapshot } from "../image/qcow2/snapshots.ts";
import { Qcow2Image } from "../image/qcow2/image.ts";
import { thisRuntime } from "../runtimes/this.ts";
import { type ImageOrigin, openImage, type OpenImageOptions } from "./open.ts";

/** What an image says of itself. */
export interface ImageInfo {
  /** Its file's, or all that was said to open it as `json:{…}`. */
  name: string;
  format: string;
  /** Of the disk, in bytes. */
  size: number;
  /** Bytes that the image takes on its disk; undefined: unknown. */
  allocated: number | undefined;
  clusterSize: number | undefined;
  /** As the image names it. */
  backingFile: string | undefined;
  /** Where that is, seen from here. */
  backingPath: string | undefined;
  backingFormat: string | undefined;
  encrypted: boolean;
  /** Its last writer did not close it; undefined: the format has no mark for that. */
  dirty: boolean | undefined;
  /** The snapshots within, oldest first. */
  snapshots: readonly Snapshot[];
  /** What else the format has to say, by the names of `qemu-img info --output=json`; undefined: nothing. */
  details: Record<string, unknown> | undefined;
}

export type InfoOptions = Pick<
  OpenImageOptions,
  "format" | "blockdev" | "secrets" | "shared" | "onWarning" | "asQemuImg"
>;

/** What an image says of itself. Nothing that it names is opened, and no key is asked for. */
export async function info(from: ImageOrigin, options: InfoOptions = {}): Promise<ImageInfo> {
  const image = await openImage(from, { ...options, headerOnly: true, unlock: false });
  try {
    const { name, format, size, clusterSize, backingName, backingFormat } = image;
    return {
      name,
      format,
      size,
      allocated: await image.allocated(),
      clusterSize,
      backingFile: backingName,
      backingPath: backingName && resolveBacking(name, backingName),
      backingFormat,
      encrypted: image.encrypted ?? false,
      dirty: image.dirty,
      snapshots: image instanceof Qcow2Image ? (await readSnapshots(image)).list : [],
      details: image.details?.(),
    };
  } finally {
    await image.close();
  }
}

/** An image and those it lies over, from the top: each opened by the name that the one above has for it. */
export async function* backingChain(
  from: string,
  options: InfoOptions = {},
): AsyncGenerator<ImageInfo, void> {
  const { format: _, blockdev: __, ...below } = options;
  const seen = new Set<string>();
  let next: [name: string, options: InfoOptions] | undefined = [from, options];
  while (next) {
    const [name] = next;
    const one = await info(...next);
    const identity = (await thisRuntime().identity(one.name)) ?? one.name;
    if (seen.has(identity)) throw new UserError(`Backing file '${name}' creates an infinite loop.`, "LOOP");
    seen.add(identity);
    yield one;
    next = one.backingPath ? [one.backingPath, { ...below, format: one.backingFormat }] : undefined;
  }
}
