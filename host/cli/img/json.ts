// JSON as qemu-img prints it: four blanks a level, an empty list is two brackets on lines of their own.
import { digits } from "../../image/size.ts";

export function toJson(value: unknown, indent = ""): string {
  const inner = `${indent}    `;
  if (Array.isArray(value))
    return block(
      "[",
      "]",
      value.map((item) => inner + toJson(item, inner)),
      indent,
    );
  if (typeof value === "object" && value !== null)
    return block(
      "{",
      "}",
      Object.entries(value).map(([key, item]) => `${inner}${word(key)}: ${toJson(item, inner)}`),
      indent,
    );
  return word(value);
}

/** In ASCII, whatever is said. */
function word(value: unknown): string {
  if (typeof value === "number") return digits(value);
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
}

function block(open: string, close: string, lines: string[], indent: string): string {
  return [open, ...(lines.length ? [lines.join(",\n")] : []), indent + close].join("\n");
}
