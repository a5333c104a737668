// Where each field of the engine's CpuState lies, read from its source: no offset is written twice.
import { readFileSync } from "node:fs";

export interface Field {
  offset: number;
  size: number;
}

const SIZES: Record<string, number> = { u8: 1, bool: 1, u16: 2, u32: 4, i32: 4, u64: 8, i64: 8 };

/** Fields of the class `name` in an AssemblyScript source, laid out as the compiler does: naturally aligned. */
export function layoutOf(source: URL, name: string): Map<string, Field> {
  const text = readFileSync(source, "utf8");
  const body = text.split(`export class ${name} {`)[1]?.split("\n}")[0];
  if (body === undefined) throw new Error(`${source.pathname} has no class ${name}`);
  const fields = new Map<string, Field>();
  let offset = 0;
  for (const [, field, type] of body.matchAll(/^ {2}(\w+): (\w+);/gm)) {
    const size = SIZES[type];
    if (!size) throw new Error(`${name}.${field} has the unknown type ${type}`);
    offset = Math.ceil(offset / size) * size;
    fields.set(field, { offset, size });
    offset += size;
  }
  return fields;
}
