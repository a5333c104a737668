// Files inside images, as ls, cat and cp name them: IMAGE:/path, or IMAGE:PARTITION:/path.
import { UserError } from "../../core/errors.ts";
import type { FileSystem } from "../../fs/file-system.ts";
import { readVolumes, type Volume } from "../../fs/partitions.ts";
import { openFileSystem } from "../../fs/probe.ts";
import type { DiskImage } from "../../library.ts";
import type { Parsed } from "./getopt.ts";
import { openNamed } from "./open.ts";

export interface ImagePath {
  image: string;
  partition?: number;
  /** Undefined: the word names an image only. */
  path?: string;
}

/** The colon of `https://`, of `file:` and those within `json:{…}` belong to the image's name. */
const FORM = /^((?:json:.*\}|file:|[a-z][a-z0-9+.-]*:\/\/)?.*?)(?::(\d+))?:(\/.*)$/s;

export function parseImagePath(word: string): ImagePath {
  const [, image, partition, path] = FORM.exec(word) ?? [];
  if (image === undefined || image === "") return { image: word };
  return { image, path: path!, ...(partition === undefined ? {} : { partition: Number(partition) }) };
}

const isReadable = ({ content }: Volume): boolean => /^(ext[234]|vfat|iso9660)$/.test(content ?? "");

/** Opens an image for reading and closes it after `work`. */
export async function withImage<T>(
  parsed: Parsed,
  name: string,
  work: (image: DiskImage) => Promise<T>,
): Promise<T> {
  const image = await openNamed(parsed, name);
  try {
    return await work(image);
  } finally {
    await image.close();
  }
}

/** The file system that is meant: in the partition that was named, or the only one there is. */
export async function chooseFileSystem(
  image: DiskImage,
  { image: name, partition }: ImagePath,
): Promise<FileSystem> {
  const volumes = await readVolumes(image);
  if (partition !== undefined) {
    const volume = volumes.find((one) => one.partition.number === partition);
    if (volume) return openFileSystem(volume.source, `partition ${partition} of '${name}'`);
    const numbers = volumes.map((one) => one.partition.number).filter((number) => number > 0);
    throw new UserError(
      `'${name}' has no partition ${partition}; ${numbers.length ? `it has ${numbers.join(", ")}` : "it is not partitioned"}`,
      "ENOENT",
    );
  }
  if (volumes[0]?.partition.number === 0) return openFileSystem(image, `'${name}'`);
  const readable = volumes.filter(isReadable);
  const [first, ...others] = readable.length ? readable : volumes.filter(({ content }) => content);
  if (!first) throw new UserError(`'${name}' holds no file system that can be read`, "EINVAL");
  if (others.length > 0)
    throw new UserError(
      `'${name}' has several file systems: say which, as in ${name}:${first.partition.number}:/ (` +
        [first, ...others].map((one) => `${one.partition.number}: ${one.content}`).join(", ") +
        ")",
      "EINVAL",
    );
  return openFileSystem(first.source, `partition ${first.partition.number} of '${name}'`);
}

/** For people's eyes: control characters in names out of an image must not reach the terminal. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
}

export function warn(sentence: string): void {
  process.stderr.write(`wasmqemu img: ${sentence}\n`);
}
