// img create: a new image, raw or qcow2.
import { UserError } from "../../core/errors.ts";
import { createImage } from "../../image/create.ts";
import type { CreateOption, Driver, Settings } from "../../image/driver.ts";
import { FORMATS, loadDriver } from "../../image/format.ts";
import { resolveBacking } from "../../image/open.ts";
import { checkQcow2Options, QCOW2_DEFAULTS, type Qcow2CreateOptions } from "../../image/qcow2-create.ts";
import { node } from "../../runtimes/node.ts";
import { getopt, has, last, optionList, type Parsed, UsageError } from "./getopt.ts";
import { openNamed } from "./open.ts";
import { parseSize, requireSize, sizeFault } from "../../image/size.ts";

export const QCOW2_KEYS = [
  "backing_file",
  "backing_fmt",
  "cluster_size",
  "compat",
  "compression_type",
  "extended_l2",
  "lazy_refcounts",
  "preallocation",
  "refcount_bits",
  "size",
];
const RAW_KEYS = ["preallocation", "size"];

/** What -o, -b, -F and the size add up to. */
export interface CreateRequest {
  format: string;
  options: Qcow2CreateOptions;
  /** What other formats than raw and qcow2 are told. */
  settings: Settings;
  driver: Driver | undefined;
  /** `compat=` as the user wrote it, to show it again. */
  compat: string | undefined;
}

export async function create(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "f:b:F:uqo:h");
  const [name, sizeText, surplus] = parsed.names;
  if (name === undefined) throw new UsageError("Expecting image file name");
  if (surplus !== undefined) throw new UsageError(`Unexpected argument: ${surplus}`);
  const format = last(parsed, "f") ?? "raw";
  const list = optionList(parsed.options.get("o") ?? []);
  const backingFile = last(parsed, "b") ?? list.get("backing_file");
  const backingFormat = last(parsed, "F") ?? list.get("backing_fmt");
  if (sizeText !== undefined && list.has("size"))
    throw new UserError(`${name}: The image size must be specified only once`);
  let size = sizeText === undefined ? undefined : requireSize(sizeText, "image size");

  return named(name, async () => {
    const request = await parseOptions(format, list);
    if (list.has("size")) size = request.options.size;
    if (backingFile !== undefined) {
      if (!takesBacking(request))
        throw new UserError(`Backing file not supported for file format '${format}'`);
      size = await useBacking(parsed, name, backingFile, backingFormat, has(parsed, "u"), size);
      request.options.backingFile = backingFile;
    }
    if (backingFormat !== undefined) request.options.backingFormat = backingFormat;
    if (size === undefined) throw new UserError("Image creation needs a size parameter");
    request.options.size = size;
    if (!has(parsed, "q")) process.stdout.write(`${describe(name, request)}\n`);
    if (backingFormat !== undefined && backingFile === undefined)
      throw new UserError("Backing format cannot be used without backing file");
    if (request.format === "qcow2") checkQcow2Options(request.options);
    request.driver?.checkOptions?.(size, request.settings);
    await createImage(node, name, request.format, request.options, request.settings);
    return 0;
  });
}

/** Failures of `action` with the image's name in front. */
export async function named<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof UserError && !(error instanceof UsageError))
      throw new UserError(`${name}: ${error.message}`, error.code);
    throw error;
  }
}

export function takesBacking({ format, driver }: CreateRequest): boolean {
  return format === "qcow2" || (driver?.options ?? []).some(({ name }) => name === "backing_file");
}

export async function parseOptions(
  format: string,
  list: ReadonlyMap<string, string>,
): Promise<CreateRequest> {
  if (!FORMATS.some((one) => one.name === format)) throw new UserError(`Unknown file format '${format}'`);
  const own = format === "raw" || format === "qcow2";
  const driver = own ? undefined : await loadDriver(format);
  if (driver && !driver.create)
    throw new UserError(`Format driver '${format}' does not support image creation`);
  if (driver?.options) {
    const settings = parseSettings(driver.options, list);
    return {
      format,
      driver,
      settings,
      options: { ...QCOW2_DEFAULTS, size: parseNumber(list, "size", 0) },
      compat: undefined,
    };
  }
  if (format !== "raw" && format !== "qcow2")
    throw new UserError(`Creating images of format '${format}' is not supported yet`);
  for (const key of list.keys())
    if (!(format === "raw" ? RAW_KEYS : QCOW2_KEYS).includes(key))
      throw new UserError(
        /^(encrypt|data_file|nocow|extent_size_hint)/.test(key) && format === "qcow2"
          ? `Option '${key}' is not supported yet`
          : `Invalid parameter '${key}'`,
      );
  const preallocation = list.get("preallocation") ?? "off";
  if (!["off", "metadata", "falloc", "full"].includes(preallocation))
    throw new UserError(`Parameter 'preallocation' does not accept value '${preallocation}'`);
  if (preallocation !== "off") throw new UserError(`preallocation=${preallocation} is not supported yet`);
  const compression = list.get("compression_type") ?? "zlib";
  if (compression !== "zlib" && compression !== "zstd")
    throw new UserError(`Parameter 'compression-type' does not accept value '${compression}'`);
  if (compression === "zstd") throw new UserError("compression_type=zstd is not supported yet");
  const compat = list.get("compat");
  const options: Qcow2CreateOptions = {
    ...QCOW2_DEFAULTS,
    version: parseCompat(compat),
    size: parseNumber(list, "size", 0),
    clusterSize: parseNumber(list, "cluster_size", QCOW2_DEFAULTS.clusterSize),
    refcountBits: parseNumber(list, "refcount_bits", QCOW2_DEFAULTS.refcountBits),
    extendedL2: parseSwitch(list, "extended_l2"),
    lazyRefcounts: parseSwitch(list, "lazy_refcounts"),
  };
  return { format, options, compat, settings: {}, driver: undefined };
}

/** The values that the user gave and those that options have otherwise, by the options' types. */
function parseSettings(options: readonly CreateOption[], list: ReadonlyMap<string, string>): Settings {
  const settings: Record<string, string | number | boolean> = {};
  for (const key of list.keys())
    if (!options.some(({ name }) => name === key)) throw new UserError(`Invalid parameter '${key}'`);
  for (const { name, type, otherwise } of options) {
    const text = list.get(name) ?? otherwise;
    if (text === undefined) continue;
    const value = new Map([[name, text]]);
    if (type === "bool") settings[name] = parseSwitch(value, name);
    else settings[name] = type === "str" ? text : parseNumber(value, name, 0);
  }
  return settings;
}

function parseCompat(compat: string | undefined): 2 | 3 {
  if (compat === undefined || compat === "1.1" || compat === "v3") return 3;
  if (compat === "0.10" || compat === "v2") return 2;
  throw new UserError(`Parameter 'version' does not accept value '${compat}'`);
}

export function parseNumber(list: ReadonlyMap<string, string>, key: string, otherwise: number): number {
  const text = list.get(key);
  if (text === undefined) return otherwise;
  const value = parseSize(text);
  if (value === undefined || value === Infinity) throw sizeFault(key);
  return value;
}

export function parseSwitch(list: ReadonlyMap<string, string>, key: string): boolean {
  const text = list.get(key) ?? "off";
  if (text !== "on" && text !== "off") throw new UserError(`Parameter '${key}' expects 'on' or 'off'`);
  return text === "on";
}

/** Checks the backing file as far as -u lets us, and takes its size if none was given. */
async function useBacking(
  parsed: Parsed,
  name: string,
  backing: string,
  format: string | undefined,
  unchecked: boolean,
  size: number | undefined,
): Promise<number | undefined> {
  if (backing === "") throw new UserError("Expected backing file name, got empty string");
  if (backing === name)
    throw new UserError("Error: Trying to create an image with the same filename as the backing file");
  if (unchecked) return size;
  const path = resolveBacking(name, backing);
  let image;
  try {
    image = await openNamed(parsed, path, { format, imageOpts: false });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // The name once, not once for the image and once for its file.
    const twice = `Could not open '${path}': Could not open '${path}': `;
    const text = error.message.startsWith(twice)
      ? error.message.slice(`Could not open '${path}': `.length)
      : format && error.message.includes("Unknown driver")
        ? `Unknown driver '${format}'`
        : error.message;
    throw new UserError(`${text}\nCould not open backing image.`, error.code);
  }
  try {
    if (format === undefined)
      throw new UserError(
        `Backing file specified without backing format\nDetected format of ${image.format}.`,
        "EINVAL",
      );
    return size ?? image.size;
  } finally {
    await image.close();
  }
}

/** The line that says what is made: every option that is set or has a default, in the format's order. */
export function describe(name: string, { format, driver, settings, options, compat }: CreateRequest): string {
  const escape = (text: string): string => text.replaceAll(",", ",,");
  const onOff = (value: boolean): string => (value ? "on" : "off");
  const words = [`Formatting '${name}', fmt=${format}`];
  if (driver?.options)
    for (const { name: key } of driver.options) {
      const value =
        { size: options.size, backing_file: options.backingFile, backing_fmt: options.backingFormat }[key] ??
        settings[key];
      if (value === undefined) continue;
      words.push(`${key}=${typeof value === "boolean" ? onOff(value) : escape(String(value))}`);
    }
  else if (format === "raw") words.push(`size=${options.size}`);
  else {
    words.push(
      `cluster_size=${options.clusterSize}`,
      `extended_l2=${onOff(options.extendedL2)}`,
      "compression_type=zlib",
      `size=${options.size}`,
    );
    if (compat !== undefined) words.push(`compat=${compat}`);
    if (options.backingFile) words.push(`backing_file=${escape(options.backingFile)}`);
    if (options.backingFormat) words.push(`backing_fmt=${options.backingFormat}`);
    words.push(`lazy_refcounts=${onOff(options.lazyRefcounts)}`, `refcount_bits=${options.refcountBits}`);
  }
  return words.join(" ");
}
