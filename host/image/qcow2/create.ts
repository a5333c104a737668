// A new qcow2 image, written through the engine: a blank one of no size, which then grows to the size asked for.
import { UserError } from "../../core/errors.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import { Engine, nothing } from "./engine.ts";
import type { NewFile } from "../driver.ts";
import { createHeader, CRYPT_METHODS, type Qcow2Encryption } from "./encryption.ts";
import type { Extensions } from "./header.ts";
import { preallocate } from "./preallocate.ts";
import { writeHeader } from "./header-edit.ts";
import { Qcow2Image, RAW_EXTERNAL } from "./image.ts";

export interface Qcow2CreateOptions {
  size: number;
  version: 2 | 3;
  clusterSize: number;
  refcountBits: number;
  extendedL2: boolean;
  lazyRefcounts: boolean;
  compression: "zlib" | "zstd";
  preallocation: Preallocation;
  /** Guest data lies in a file of this name, relative to the image's folder; `dataFileRaw`: as a raw image. */
  dataFile?: string;
  dataFileRaw: boolean;
  backingFile?: string;
  backingFormat?: string;
  encryption?: Qcow2Encryption;
}

/** How much of the disk is there from the start: nothing, its tables, its space, or zeros written to it. */
export type Preallocation = "off" | "metadata" | "falloc" | "full";

export const QCOW2_DEFAULTS = {
  version: 3,
  clusterSize: 65536,
  refcountBits: 16,
  extendedL2: false,
  lazyRefcounts: false,
  compression: "zlib",
  preallocation: "off",
  dataFileRaw: false,
} as const;

/** Incompatible features. */
const EXTERNAL_DATA = 4;
const COMPRESSION_TYPE = 8;
const EXTENDED_L2 = 16;
/** L1 tables end at 32 MiB, 8 bytes an entry. */
const L1_ENTRIES_MAX = 2 ** 22;

/** What cannot be made is refused before anything is written. */
export function checkQcow2Options(options: Qcow2CreateOptions): void {
  const { clusterSize, refcountBits, version } = options;
  const v3 = (what: string): string =>
    `${what} compatibility level 1.1 and above (use version=v3 or greater)`;
  if (!isPowerOfTwo(clusterSize) || clusterSize < 512 || clusterSize > 2 ** 21)
    throw new UserError("Cluster size must be a power of two between 512 and 2048k", "EINVAL");
  if (options.extendedL2 && version < 3)
    throw new UserError(v3("Extended L2 entries are only supported with"), "EINVAL");
  if (options.extendedL2 && clusterSize < 16384)
    throw new UserError(
      "Extended L2 entries are only supported with cluster sizes of at least 16384 bytes",
      "EINVAL",
    );
  if (options.lazyRefcounts && version < 3)
    throw new UserError(v3("Lazy refcounts only supported with"), "EINVAL");
  if (!isPowerOfTwo(refcountBits) || refcountBits > 64)
    throw new UserError("Refcount width must be a power of two and may not exceed 64 bits", "EINVAL");
  if (refcountBits !== 16 && version < 3)
    throw new UserError(
      "Different refcount widths than 16 bits require compatibility level 1.1 or above (use version=v3 or greater)",
      "EINVAL",
    );
  if (options.compression !== "zlib" && version < 3)
    throw new UserError(v3("Non-zlib compression type is only supported with"), "EINVAL");
  if (options.dataFileRaw && options.dataFile === undefined)
    throw new UserError("data-file-raw requires data-file", "EINVAL");
  if (options.dataFileRaw && options.backingFile !== undefined)
    throw new UserError("Backing file and data-file-raw cannot be used at the same time", "EINVAL");
  if (options.dataFile !== undefined && version < 3)
    throw new UserError(v3("External data files are only supported with"), "EINVAL");
  if (options.preallocation !== "off" && options.backingFile !== undefined && !options.extendedL2)
    throw new UserError(
      "Backing file and preallocation can only be used at the same time if extended_l2 is on",
      "EINVAL",
    );
  const perTable = clusterSize * (clusterSize / (options.extendedL2 ? 16 : 8));
  if (options.size / perTable > L1_ENTRIES_MAX)
    throw new UserError(
      "The image size is too large for file format 'qcow2' (try using a larger cluster size)",
      "EFBIG",
    );
}

function isPowerOfTwo(value: number): boolean {
  return value >= 1 && Number.isInteger(Math.log2(value));
}

/** Makes `file`, which is empty, a qcow2 image; `dataFile`, also empty, is the file that `options.dataFile` names. */
export async function createQcow2(
  runtime: Runtime,
  file: NewFile,
  options: Qcow2CreateOptions,
  dataFile?: NewFile,
): Promise<void> {
  checkQcow2Options(options);
  const engine = await Engine.start(runtime, file);
  engine.core.formatImage(
    options.version,
    Math.log2(options.clusterSize),
    Math.log2(options.refcountBits),
    (options.extendedL2 ? EXTENDED_L2 : 0) |
      (options.compression === "zstd" ? COMPRESSION_TYPE : 0) |
      (options.dataFile === undefined ? 0 : EXTERNAL_DATA),
    options.lazyRefcounts ? 1 : 0,
    options.compression === "zstd" ? 1 : 0,
  );
  if (options.dataFileRaw)
    engine.core.setFeatures(engine.core.incompatible(), engine.core.compatible(), RAW_EXTERNAL);
  const { encryption } = options;
  if (encryption) engine.core.setCryptMethod(CRYPT_METHODS[encryption.format]);
  const extensions: Extensions = {
    featureNames: new Map<number, string>(),
    unknown: [],
    ...(options.backingFormat ? { backingFormat: options.backingFormat } : {}),
    ...(options.dataFile === undefined ? {} : { dataFile: options.dataFile }),
  };
  await writeHeader(engine, file, extensions, options.backingFile);
  await engine.flush();
  const size = Math.ceil(options.size / 512) * 512;
  await engine.run((core) => core.resize(size), nothing);
  await engine.flush();
  if (encryption?.format === "luks") {
    extensions.encryption = await createHeader(runtime, engine, file, encryption);
    await writeHeader(engine, file, extensions, options.backingFile);
  }
  await dataFile?.resize(size);
  // A raw data file says nothing about what is unallocated: then nothing is.
  const preallocation =
    options.dataFileRaw && options.preallocation === "off" ? "metadata" : options.preallocation;
  if (preallocation === "off") return;
  const image = await Qcow2Image.open(runtime, "", file, { readOnly: false });
  image.dataFile = dataFile;
  await preallocate(image, 0, preallocation);
  await image.flush!();
}
