// What to open, said in full: QEMU's block device options. A tree of settings with dotted keys (`file.filename`),
// written as `driver=qcow2,file.filename=a` on a command line or as `json:{"driver":"qcow2","file":{…}}` in a name.
import { UserError } from "../core/errors.ts";

export type OptionValue = string | number | boolean | null;

export class BlockOptions {
  private readonly entries: Map<string, OptionValue>;

  constructor(entries: Iterable<readonly [string, OptionValue]>) {
    this.entries = new Map(entries);
  }

  /** `k=v,k=v` of --image-opts, `,,` being a comma. A bare word at the start names a node, of which there are none. */
  static fromList(text: string): BlockOptions {
    const items = text.replaceAll(",,", "\0").split(",");
    const entries = items
      .filter((item) => item !== "")
      .map((item, index): [string, OptionValue] => {
        const [key, ...value] = item.replaceAll("\0", ",").split("=");
        if (value.length === 0 && index === 0) throw unknownNode(key!);
        return [key!, value.length ? value.join("=") : "on"];
      });
    return new BlockOptions(entries);
  }

  /** What follows `json:`. */
  static fromJson(text: string): BlockOptions {
    let tree: unknown;
    try {
      tree = JSON.parse(text);
    } catch {
      throw new UserError(`Could not parse the JSON options: ${jsonFault(text)}`, "EINVAL");
    }
    if (typeof tree !== "object" || tree === null || Array.isArray(tree))
      throw new UserError("Invalid JSON object given", "EINVAL");
    return BlockOptions.of(tree as Record<string, unknown>);
  }

  /** From a tree of records; keys may be nested, dotted, or both. */
  static of(tree: Readonly<Record<string, unknown>>): BlockOptions {
    const entries: [string, OptionValue][] = [];
    const flatten = (value: unknown, key: string): void => {
      if (typeof value === "object" && value !== null)
        for (const [name, part] of Object.entries(value)) flatten(part, `${key}.${name}`);
      else if (value !== undefined) entries.push([key, value as OptionValue]);
    };
    for (const [name, part] of Object.entries(tree)) flatten(part, name);
    return new BlockOptions(entries);
  }

  copy(): BlockOptions {
    return new BlockOptions(this.entries);
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  /** Sets what is not there yet. */
  setDefault(key: string, value: OptionValue): void {
    if (!this.entries.has(key)) this.entries.set(key, value);
  }

  /** Takes a setting out; what nobody has taken in the end is an error (`requireEmpty`). */
  take(key: string): string | undefined {
    const value = this.entries.get(key);
    this.entries.delete(key);
    return value === undefined || value === null ? undefined : String(value);
  }

  takeSwitch(key: string): boolean | undefined {
    const value = this.take(key);
    return value === undefined ? undefined : parseSwitch(key, value);
  }

  /** The settings below `key`; what stands at `key` itself: the name of a node, or null for "none". */
  takeChild(key: string): BlockOptions | string | null | undefined {
    const below: [string, OptionValue][] = [];
    for (const [name, value] of new Map(this.entries))
      if (name.startsWith(`${key}.`)) {
        below.push([name.slice(key.length + 1), value]);
        this.entries.delete(name);
      }
    if (!this.entries.has(key)) return below.length ? new BlockOptions(below) : undefined;
    if (this.entries.get(key) === null) {
      this.entries.delete(key);
      return null;
    }
    return this.take(key);
  }

  /** The first setting that nobody has taken. */
  get leftOver(): string | undefined {
    return this.entries.keys().next().value;
  }

  /** By dotted keys. */
  toFlat(): Record<string, OptionValue> {
    return Object.fromEntries(this.entries);
  }

  /** As the tree it is: what a JSON name says. */
  toTree(): Record<string, unknown> {
    const tree: Record<string, unknown> = {};
    for (const [key, value] of this.entries) {
      const path = key.split(".");
      let place = tree;
      for (const name of path.slice(0, -1)) place = (place[name] ??= {}) as Record<string, unknown>;
      place[path.at(-1)!] = value;
    }
    return tree;
  }
}

/** All the words that QEMU takes for a switch. */
export function parseSwitch(key: string, text: string): boolean {
  if (["on", "yes", "true", "y"].includes(text)) return true;
  if (["off", "no", "false", "n"].includes(text)) return false;
  throw new UserError(`Parameter '${key}' expects 'on' or 'off'`, "EINVAL");
}

export function unknownNode(name: string): UserError {
  return new UserError(`Cannot find device='${name}' nor node-name='${name}'`, "EINVAL");
}

/** The words of QEMU's parser for the common faults. */
function jsonFault(text: string): string {
  if (text.trim() === "") return "Expecting a JSON value";
  const outside = text.replace(/"(\\.|[^"\\])*"/g, "");
  const count = (brackets: RegExp): number => outside.match(brackets)?.length ?? 0;
  return count(/[{[]/g) > count(/[}\]]/g)
    ? "JSON parse error, premature EOI"
    : "JSON parse error, invalid syntax";
}
