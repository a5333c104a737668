// The driver `qcow2`: its options for opening, making and amending, and the data file that an image may name.
import type { BlockOptions } from "../../block/options.ts";
import { UserError } from "../../core/errors.ts";
import { amendQcow2 } from "../amend.ts";
import {
  type CreateContext,
  type CreateOption,
  type Driver,
  type OpenContext,
  type Settings,
  SIZE_OPTION,
} from "../driver.ts";
import { parseSize, sizeFault } from "../size.ts";
import { checkQcow2Options, createQcow2, QCOW2_DEFAULTS, type Qcow2CreateOptions } from "./create.ts";
import {
  amendEncryption,
  ENCRYPTION_AMEND_OPTIONS,
  ENCRYPTION_OPTIONS,
  openEncryption,
  qcow2Encryption,
} from "./encryption.ts";
import { Qcow2Image } from "./image.ts";

/** Options that tune caches and checks of QEMU's that are here always on, or bounded already. */
const TUNING_SIZES = ["cache-size", "l2-cache-size", "l2-cache-entry-size", "refcount-cache-size"];
const OVERLAP_CHECKS = ["none", "constant", "cached", "all"];
const OVERLAP_PARTS = [
  "main-header",
  "active-l1",
  "active-l2",
  "refcount-table",
  "refcount-block",
  "snapshot-table",
  "inactive-l1",
  "inactive-l2",
  "bitmap-directory",
];
const TUNING_SWITCHES = [
  "lazy-refcounts",
  "pass-discard-request",
  "pass-discard-snapshot",
  "pass-discard-other",
  "discard-no-unref",
];

function takeTuning(options: BlockOptions): void {
  for (const key of TUNING_SIZES) {
    const text = options.take(key);
    if (text !== undefined && parseSize(text) === undefined) throw sizeFault(key);
  }
  const interval = options.take("cache-clean-interval");
  if (interval !== undefined && !/^\d+$/.test(interval))
    throw new UserError("Parameter 'cache-clean-interval' expects a number", "EINVAL");
  for (const key of ["overlap-check", "overlap-check.template"]) {
    const value = options.take(key);
    if (value !== undefined && !OVERLAP_CHECKS.includes(value))
      throw new UserError(
        `Unsupported value '${value}' for qcow2 option 'overlap-check'. ` +
          `Allowed are any of the following: ${OVERLAP_CHECKS.join(", ")}`,
        "EINVAL",
      );
  }
  for (const part of OVERLAP_PARTS) options.takeSwitch(`overlap-check.${part}`);
  for (const key of TUNING_SWITCHES) options.takeSwitch(key);
}

async function openQcow2(context: OpenContext): Promise<Qcow2Image> {
  const { runtime, name, file, readOnly, tolerant, chain } = context;
  takeTuning(context.options);
  const image = await Qcow2Image.open(runtime, name, file, { readOnly, tolerant, warn: context.warn });
  await openEncryption(context, image);
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

/** In the order in which they are told when an image is made. */
const OPTIONS: readonly CreateOption[] = [
  ...ENCRYPTION_OPTIONS,
  {
    name: "cluster_size",
    type: "size",
    help: "qcow2 cluster size",
    otherwise: String(QCOW2_DEFAULTS.clusterSize),
  },
  { name: "extended_l2", type: "bool", help: "Extended L2 tables", otherwise: "off" },
  {
    name: "preallocation",
    type: "str",
    help: "Preallocation mode (allowed values: off, metadata, falloc, full)",
  },
  {
    name: "compression_type",
    type: "str",
    help: "Compression method used for image cluster compression",
    otherwise: QCOW2_DEFAULTS.compression,
  },
  SIZE_OPTION,
  { name: "compat", type: "str", help: "Compatibility level (v2 [0.10] or v3 [1.1])" },
  { name: "backing_file", type: "str", help: "File name of a base image" },
  { name: "backing_fmt", type: "str", help: "Image format of the base image" },
  { name: "data_file", type: "str", help: "File name of an external data file" },
  { name: "data_file_raw", type: "bool", help: "The external data file must stay valid as a raw image" },
  { name: "lazy_refcounts", type: "bool", help: "Postpone refcount updates", otherwise: "off" },
  {
    name: "refcount_bits",
    type: "num",
    help: "Width of a reference count entry in bits",
    otherwise: String(QCOW2_DEFAULTS.refcountBits),
  },
];

const AMENDABLE = [
  "size",
  "compat",
  "backing_file",
  "backing_fmt",
  "data_file",
  "data_file_raw",
  "lazy_refcounts",
  "refcount_bits",
];

/** One of a few words, or the sentence that refuses it. */
function choose<T extends string>(key: string, value: unknown, choices: readonly T[]): T {
  const word = String(value);
  if ((choices as readonly string[]).includes(word)) return word as T;
  throw new UserError(`Parameter '${key}' does not accept value '${word}'`, "EINVAL");
}

/** Settings by their names on the command line, as what they mean. */
export function qcow2Options(settings: Settings): Qcow2CreateOptions {
  const { backing_file, backing_fmt, data_file } = settings;
  const level = choose("version", settings.compat ?? "1.1", ["0.10", "v2", "1.1", "v3"]);
  const bytes = Number(settings.size);
  return {
    size: bytes,
    version: level === "0.10" || level === "v2" ? 2 : 3,
    clusterSize: Number(settings.cluster_size ?? QCOW2_DEFAULTS.clusterSize),
    refcountBits: Number(settings.refcount_bits ?? QCOW2_DEFAULTS.refcountBits),
    extendedL2: settings.extended_l2 === true,
    lazyRefcounts: settings.lazy_refcounts === true,
    compression: choose("compression-type", settings.compression_type ?? "zlib", ["zlib", "zstd"]),
    preallocation: choose("preallocation", settings.preallocation ?? "off", [
      "off",
      "metadata",
      "falloc",
      "full",
    ]),
    dataFileRaw: settings.data_file_raw === true,
    ...(data_file === undefined ? {} : { dataFile: String(data_file) }),
    ...(backing_file === undefined ? {} : { backingFile: String(backing_file) }),
    ...(backing_fmt === undefined ? {} : { backingFormat: String(backing_fmt) }),
  };
}

/** The reverse: what a program has said, as settings. */
export function qcow2Settings(options: Partial<Qcow2CreateOptions>): Settings {
  const { backingFile, backingFormat, dataFile } = options;
  const settings = {
    size: options.size,
    compat: options.version === 2 ? "0.10" : undefined,
    cluster_size: options.clusterSize,
    refcount_bits: options.refcountBits,
    extended_l2: options.extendedL2,
    lazy_refcounts: options.lazyRefcounts,
    compression_type: options.compression,
    preallocation: options.preallocation,
    data_file: dataFile,
    data_file_raw: options.dataFileRaw,
    backing_file: backingFile,
    backing_fmt: backingFormat,
  };
  return Object.fromEntries(
    Object.entries(settings).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}

async function create({ runtime, file, settings, secrets, createNamed }: CreateContext): Promise<void> {
  const options = qcow2Options(settings);
  const encryption = qcow2Encryption(settings, secrets);
  if (encryption) options.encryption = encryption;
  const dataFile = options.dataFile === undefined ? undefined : await createNamed(options.dataFile);
  await createQcow2(runtime, file, options, dataFile);
}

export const qcow2: Driver = {
  open: openQcow2,
  create,
  options: OPTIONS,
  checkOptions: (_size, settings) => checkQcow2Options(qcow2Options(settings)),
  // Without defaults: what is not named stays as it is.
  amendOptions: [
    ...ENCRYPTION_AMEND_OPTIONS,
    ...OPTIONS.filter(({ name }) => AMENDABLE.includes(name)).map(({ name, type, help }) => ({
      name,
      type,
      help,
    })),
  ],
  amend: async (image, settings, how) => {
    const {
      size,
      compat,
      lazy_refcounts,
      refcount_bits,
      backing_file,
      backing_fmt,
      data_file,
      data_file_raw,
    } = settings;
    if (backing_file !== undefined || backing_fmt !== undefined)
      throw new UserError(
        "Cannot amend the backing file\nYou can use 'wasmqemu img rebase' instead.",
        "ENOTSUP",
      );
    await amendEncryption(image as Qcow2Image, settings, how);
    const changes = {
      version: compat === undefined ? undefined : parseLevel(String(compat)),
      lazyRefcounts: lazy_refcounts as boolean | undefined,
      refcountBits: refcount_bits as number | undefined,
      size: size as number | undefined,
      dataFile: data_file as string | undefined,
      dataFileRaw: data_file_raw as boolean | undefined,
    };
    await amendQcow2(image as Qcow2Image, changes, how);
  },
};

function parseLevel(compat: string): 2 | 3 {
  if (compat === "1.1" || compat === "v3") return 3;
  if (compat === "0.10" || compat === "v2") return 2;
  throw new UserError(`Unknown compatibility level ${compat}`, "EINVAL");
}
