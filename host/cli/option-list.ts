// The small grammar inside QEMU's arguments: `key=value,key=value`, sizes, switches.

import { UserError } from "../core/errors.ts";

/** One `key=value`; a key without a value stands alone. */
export interface Setting {
  key: string;
  value: string | undefined;
}

/** Splits `text` at its commas; a doubled comma is a comma. */
export function splitList(text: string): string[] {
  return (text.match(/(?:[^,]|,,)+/g) ?? []).map((word) => word.replaceAll(",,", ","));
}

/**
 * Splits `text` at its commas (a doubled comma is a comma of the value). With `implied`, a first word without `=` is
 * that key's value: `-m 512` is `-m size=512`.
 */
export function parseList(text: string, implied?: string): Setting[] {
  return splitList(text).map((unescaped, position) => {
    const equals = unescaped.indexOf("=");
    if (equals >= 0) return { key: unescaped.slice(0, equals), value: unescaped.slice(equals + 1) };
    if (position === 0 && implied) return { key: implied, value: unescaped };
    return { key: unescaped, value: undefined };
  });
}

const SUFFIXES = "bkmgtpe";

/** Bytes of `1536`, `64M`, `1.5G`; a bare number counts in `unit` bytes. A fraction needs a suffix. */
export function parseSize(key: string, text: string, unit: number): number {
  const [, digits, fraction, suffix] = /^(\d+)(\.\d+)?([bkmgtpe]?)$/i.exec(text) ?? [];
  const bytes = suffix
    ? Number(digits + (fraction ?? "")) * 1024 ** SUFFIXES.indexOf(suffix.toLowerCase())
    : Number(digits) * unit;
  if (digits === undefined || (fraction && !suffix) || bytes >= 2 ** 64)
    throw new UserError(
      `Parameter '${key}' expects a non-negative number below 2^64\n` +
        "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.",
    );
  return Math.floor(bytes);
}

export function parseInteger(key: string, text: string): number {
  if (!/^(\d+|0x[\da-f]+)$/i.test(text)) throw new UserError(`Parameter '${key}' expects integer`);
  return Number(text);
}

/** `on` or `off`; a key that stands alone is on. */
export function parseSwitch(key: string, text: string | undefined): boolean {
  if (text === undefined || text === "on") return true;
  if (text === "off") return false;
  throw new UserError(`Parameter '${key}' expects 'on' or 'off'`);
}
