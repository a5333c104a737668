// Changes of the header as a whole: what it says of the image, once everything that it relies on is in the file.
import type { BlockSource } from "../../block/source.ts";
import type { Engine } from "./engine.ts";
import { CONSISTENT } from "./bitmaps.ts";
import { type Extensions, layExtensions } from "./header.ts";
import { LAZY_REFCOUNTS, type Qcow2Image, RAW_EXTERNAL } from "./image.ts";

/** Lays out and writes the header's cluster as the engine and `extensions` have it. */
export async function writeHeader(
  engine: Engine,
  file: BlockSource,
  extensions: Extensions,
  backingName: string | undefined,
): Promise<void> {
  const { core } = engine;
  const cluster = engine.view(core.HEADER_AT.value as number, 2 ** core.clusterBits());
  const { nameAt, nameLength, end } = layExtensions(
    cluster,
    core.headerLength(),
    extensions,
    backingName,
    core.version(),
  );
  core.setBacking(nameAt, nameLength);
  await file.write!(cluster.subarray(0, end), 0);
}

async function storeHeader(image: Qcow2Image): Promise<void> {
  await writeHeader(image.engine, image.file, image.extensions, image.backingName);
  await image.file.flush!();
}

/** Flushes all that was written, makes `change`, writes the header. */
function change(image: Qcow2Image, apply: () => void): Promise<void> {
  return image.alone(async () => {
    await image.flush!();
    apply();
    await storeHeader(image);
  });
}

/** Makes the header one of that version; the tables say nothing that it does not know. */
export function setVersion(image: Qcow2Image, version: 2 | 3): Promise<void> {
  return change(image, () => image.engine.core.setVersion(version));
}

export function setLazyRefcounts(image: Qcow2Image, lazy: boolean): Promise<void> {
  const { core } = image.engine;
  return change(image, () => {
    const others = core.compatible() & ~LAZY_REFCOUNTS;
    core.setFeatures(core.incompatible(), lazy ? others | LAZY_REFCOUNTS : others, core.autoclear());
  });
}

/** Renames the data file, and says whether it is a raw image by itself; undefined: as it is, "": no name. */
export function setDataFile(
  image: Qcow2Image,
  name: string | undefined,
  raw: boolean | undefined,
): Promise<void> {
  const { core } = image.engine;
  return change(image, () => {
    if (name) image.extensions.dataFile = name;
    else if (name === "") delete image.extensions.dataFile;
    if (raw === undefined) return;
    const others = core.autoclear() & ~RAW_EXTERNAL;
    core.setFeatures(core.incompatible(), core.compatible(), raw ? others | RAW_EXTERNAL : others);
  });
}

/** Names the directory of bitmaps, or none; for those `alone`. */
export async function setBitmapDirectory(image: Qcow2Image, directory: Extensions["bitmaps"]): Promise<void> {
  const { core } = image.engine;
  if (directory) image.extensions.bitmaps = directory;
  else delete image.extensions.bitmaps;
  const others = core.autoclear() & ~CONSISTENT;
  core.setFeatures(core.incompatible(), core.compatible(), directory ? others | CONSISTENT : others);
  await storeHeader(image);
}
