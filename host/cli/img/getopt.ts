// Command-line options as getopt_long(3) reads them: options and names in any order, `--` ends options, long ones may
// be shortened while unique, values attached or in the next word.
import { UserError } from "../../core/errors.ts";

/** Wrong use of a command: the message is followed by where to find help. */
export class UsageError extends UserError {
  readonly hint = "Try 'wasmqemu img --help' for more information";
}

export interface Parsed {
  /** Option letters, or long names of those without a letter, with their values in order of appearance. */
  options: Map<string, string[]>;
  names: string[];
  /** Every option with its value, in order of appearance. */
  order: [key: string, value: string][];
}

/** `--name`: its letter, or itself where it has none; a trailing ":" takes a value. */
export type LongOptions = Readonly<Record<string, string>>;

/** Every command takes these. */
const COMMON: LongOptions = { help: "h", object: "object:", "image-opts": "image-opts" };

/** `letters` as in getopt: each letter an option, a colon behind it if it takes a value. */
export function getopt(argv: readonly string[], letters: string, long: LongOptions = {}): Parsed {
  const table: LongOptions = { ...COMMON, ...long };
  const parsed: Parsed = { options: new Map(), names: [], order: [] };
  const add = (key: string, value: string): void => {
    parsed.options.set(key, [...(parsed.options.get(key) ?? []), value]);
    parsed.order.push([key, value]);
  };
  const takesValue = (letter: string): boolean => letters[letters.indexOf(letter) + 1] === ":";

  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--") {
      parsed.names.push(...argv.slice(i + 1));
      break;
    }
    if (word.startsWith("--")) {
      const [typed, ...rest] = word.slice(2).split("=");
      const key = findLong(table, typed!, word);
      const wantsValue = key.endsWith(":") || (key.length === 1 && takesValue(key));
      const name = key.replace(/:$/, "");
      if (!wantsValue && rest.length) throw new UsageError(`option '--${typed}' doesn't allow an argument`);
      if (!wantsValue) add(name, "");
      else if (rest.length) add(name, rest.join("="));
      else if (++i < argv.length) add(name, argv[i]!);
      else throw new UsageError(`missing argument for option '--${typed}'`);
    } else if (word.startsWith("-") && word.length > 1) {
      for (let at = 1; at < word.length; at++) {
        const letter = word[at]!;
        if (letter !== "h" && (letter === ":" || !letters.includes(letter)))
          throw new UsageError(`unrecognized option '-${letter}'`);
        if (!takesValue(letter) || letter === "h") {
          add(letter, "");
          continue;
        }
        const value = at + 1 < word.length ? word.slice(at + 1) : argv[++i];
        if (value === undefined) throw new UsageError(`missing argument for option '-${letter}'`);
        add(letter, value);
        break;
      }
    } else parsed.names.push(word);
  }
  return parsed;
}

function findLong(table: LongOptions, typed: string, word: string): string {
  if (table[typed]) return table[typed];
  const matches = Object.keys(table).filter((name) => name.startsWith(typed));
  if (matches.length !== 1) throw new UsageError(`unrecognized option '${word}'`);
  return table[matches[0]!]!;
}

/** The last value of an option. */
export function last(parsed: Parsed, key: string): string | undefined {
  return parsed.options.get(key)?.at(-1);
}

export function has(parsed: Parsed, key: string): boolean {
  return parsed.options.has(key);
}

/** `--output=human|json`. */
export function wantsJson(parsed: Parsed): boolean {
  const output = last(parsed, "output") ?? "human";
  if (output !== "human" && output !== "json")
    throw new UserError("--output must be used with human or json as argument.");
  return output === "json";
}

export function oneName(parsed: Parsed): string {
  if (parsed.names.length !== 1) throw new UsageError("Expecting one image file name");
  return parsed.names[0]!;
}

/** `k=v,k=v` of -o: `,,` is a comma, a bare `key` is on and `nokey` off, the last value of a key wins. */
export function optionList(texts: readonly string[]): Map<string, string> {
  const result = new Map<string, string>();
  for (const text of texts) {
    const items = text.replaceAll(",,", "\0").split(",");
    if (items.includes("")) throw new UserError(`Invalid option list: ${text}`);
    for (const item of items) {
      const [key, ...value] = item.replaceAll("\0", ",").split("=");
      if (value.length) result.set(key!, value.join("="));
      else if (key!.startsWith("no")) result.set(key!.slice(2), "off");
      else result.set(key!, "on");
    }
  }
  return result;
}
