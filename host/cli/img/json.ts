// JSON as qemu-img prints it: four blanks a level, an empty list is two brackets on lines of their own.
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
      Object.entries(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${toJson(item, inner)}`),
      indent,
    );
  return JSON.stringify(value);
}

function block(open: string, close: string, lines: string[], indent: string): string {
  return [open, ...(lines.length ? [lines.join(",\n")] : []), indent + close].join("\n");
}
