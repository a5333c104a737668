// QMP's input: JSON values one behind another, with or without blanks between them. Strings may have single quotes.

/** A value, or what is wrong with it. */
export type Parsed = { value: unknown } | { error: string };

const KEYWORDS = /[A-Za-z_][\w-]*/g;

export class JsonStream {
  private text = "";
  private depth = 0;
  private quote = "";
  private escaped = false;

  /** The values that `more` completes. */
  push(more: string): Parsed[] {
    const values: Parsed[] = [];
    for (const character of more) if (this.take(character)) values.push(this.finish());
    return values;
  }

  /** Adds a character; true: a value ends with it. */
  private take(character: string): boolean {
    const { quote } = this;
    if (quote === "" && this.depth === 0 && /\s/.test(character)) return this.text !== "";
    this.text += character;
    if (quote !== "") {
      if (this.escaped) this.escaped = false;
      else if (character === "\\") this.escaped = true;
      else if (character === quote) this.quote = "";
      return this.quote === "" && this.depth === 0;
    }
    if (character === '"' || character === "'") this.quote = character;
    else if (character === "{" || character === "[") this.depth++;
    else if (character === "}" || character === "]") return --this.depth <= 0;
    return false;
  }

  private finish(): Parsed {
    const parsed = parse(this.text);
    this.text = "";
    this.depth = 0;
    return parsed;
  }
}

function parse(text: string): Parsed {
  try {
    return { value: JSON.parse(withDoubleQuotes(text)) as unknown };
  } catch {
    const bare = text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, "").match(KEYWORDS) ?? [];
    const wrong = bare.find((word) => !["true", "false", "null"].includes(word));
    return {
      error: wrong ? `JSON parse error, invalid keyword '${wrong}'` : "JSON parse error, expecting value",
    };
  }
}

function withDoubleQuotes(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|'((?:[^'\\]|\\.)*)'/g, (whole, single: string | undefined) =>
    single === undefined ? whole : `"${single.replaceAll("\\'", "'").replaceAll('"', '\\"')}"`,
  );
}

/** JSON as QEMU spaces it: a blank behind commas and colons. */
export function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}: ${spaced(member)}`).join(", ")}}`;
}
