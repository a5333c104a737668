// `-o` of every command that makes an image: parsed by the format's own list of options, told in its order, listed by
// `-o help`.
import { parseSwitch } from "../../block/options.ts";
import { UserError } from "../../core/errors.ts";
import { digits, parseSize, sizeFault } from "../../image/size.ts";
import { findFormat } from "../../library/create.ts";
import type { CreateOption } from "../../library.ts";
import { optionList } from "./getopt.ts";

/** A format that can be made, and what the user said about the image to be. */
export interface NewImage {
  format: string;
  /** All that such an image can be told. */
  options: readonly CreateOption[];
  /** What the user gave, and the options' defaults. */
  settings: Record<string, string | number | boolean>;
  /** In the user's own words. */
  said: ReadonlyMap<string, string>;
}

/** What the file below any format takes, after the format's own options. */
const FILE_OPTIONS: readonly CreateOption[] = [
  { name: "nocow", type: "bool", help: "Turn off copy-on-write (valid only on btrfs)" },
  { name: "preallocation", type: "str", help: "Preallocation mode (allowed values: off, falloc, full)" },
  { name: "extent_size_hint", type: "size", help: "Extent size hint for the image file, 0 to disable" },
];

function withFileOptions(own: readonly CreateOption[]): readonly CreateOption[] {
  return [...own, ...FILE_OPTIONS.filter(({ name }) => own.every((one) => one.name !== name))];
}

/** What new images of `format` can be told. */
async function optionsOf(format: string): Promise<readonly CreateOption[]> {
  const found = await findFormat(format);
  if (!found) throw new UserError(`Unknown file format '${format}'`);
  if (!found.createOptions) throw new UserError(`Format driver '${format}' does not support image creation`);
  return found.createOptions;
}

/** `texts`: the values of all `-o`. */
export async function parseNewImage(format: string, texts: readonly string[]): Promise<NewImage> {
  const options = withFileOptions(await optionsOf(format));
  const said = optionList(texts);
  return { format, options, settings: parseSettings(options, said), said };
}

export function parseSettings(
  options: readonly CreateOption[],
  list: ReadonlyMap<string, string>,
): Record<string, string | number | boolean> {
  const settings: Record<string, string | number | boolean> = {};
  for (const [name, text] of list) {
    const option = options.find((one) => one.name === name);
    if (!option) throw new UserError(`Invalid parameter '${name}'`);
    settings[name] = parseValue(option, text);
  }
  for (const option of options)
    if (option.otherwise !== undefined) settings[option.name] ??= parseValue(option, option.otherwise);
  return settings;
}

function parseValue({ name, type }: CreateOption, text: string): string | number | boolean {
  switch (type) {
    case "str":
      return text;
    case "bool":
      return parseSwitch(name, text);
    case "num":
      if (!/^\s*[+-]?(0x[0-9a-f]+|\d+)$/i.test(text))
        throw new UserError(`Parameter '${name}' expects a number`);
      return Number(text);
    case "size": {
      const size = parseSize(text);
      if (size === undefined || size === Infinity) throw sizeFault(name);
      return size;
    }
  }
}

/** The line that says what is made: every option that is set or has a default, in the format's order. */
export function describe(name: string, { format, options, settings, said }: NewImage): string {
  const words = [`Formatting '${name}', fmt=${format}`];
  for (const { name: key } of options) {
    const value = settings[key];
    const word = typeof value === "boolean" ? said.get(key) : undefined;
    if (value !== undefined) words.push(`${key}=${word ?? spell(value)}`);
  }
  return words.join(" ");
}

function spell(value: string | number | boolean): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return typeof value === "number" ? digits(value) : value.replaceAll(",", ",,");
}

export function takesBacking({ options }: NewImage): boolean {
  return options.some(({ name }) => name === "backing_file");
}

/** Whether one of the `-o` asks for help. */
export function wantsHelp(texts: readonly string[]): boolean {
  return texts.some((text) => text.split(",").some((item) => item === "help" || item === "?"));
}

/** What `-o help` prints; `hasName`: a file is named, so its own options are listed too. */
export async function optionHelp(format: string, hasName: boolean): Promise<string> {
  const options = await optionsOf(format);
  const list = listOptions(hasName ? withFileOptions(options) : options);
  if (hasName) return `Supported options:\n${list}`;
  return (
    `Supported ${format} options:\n${list}\nThe protocol level may support further options.\n` +
    "Specify the target filename to include those options.\n"
  );
}

/** One line an option, sorted by name. */
export function listOptions(options: readonly CreateOption[]): string {
  const types = { str: "str", size: "size", num: "num", bool: "bool (on/off)" } as const;
  return options
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, help }) => `  ${`${name}=<${types[type]}>`.padEnd(22)} - ${help}\n`)
    .join("");
}
