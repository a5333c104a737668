// Sizes as words and back, by qemu-img's rules: 1024-based suffixes, decimal fractions only with a suffix.
import { UserError } from "../core/errors.ts";

const SUFFIXES = "bkmgtpe";

/** Bytes of a size such as 10G, 1.5k, 0x100000; undefined: not a size. `Infinity`: 2^63 or more. */
export function parseSize(text: string): number | undefined {
  const hex = /^\s*\+?(0x[0-9a-f]+)$/i.exec(text);
  if (hex) return bounded(BigInt(hex[1]!));
  const match = /^\s*\+?(\d+)(\.\d*)?([bkmgtpe])?$/i.exec(text);
  if (!match) return undefined;
  const [, whole, fraction, suffix] = match;
  const unit = 1024 ** Math.max(0, SUFFIXES.indexOf(suffix?.toLowerCase() ?? "b"));
  if (fraction !== undefined && unit === 1) return undefined;
  const part = Math.floor(Number(`0${fraction ?? ""}`) * unit);
  return bounded(BigInt(whole!) * BigInt(unit) + BigInt(part));
}

function bounded(bytes: bigint): number {
  return bytes >= 2n ** 63n ? Infinity : Number(bytes);
}

/** Parses or refuses in the tool's words; `what` names the value. */
export function requireSize(text: string, what: string): number {
  const size = parseSize(text);
  if (size === undefined)
    throw new UserError(
      `Invalid ${what} specified. You may use k, M, G, T, P or E suffixes for\n` +
        "wasmqemu img: kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.",
    );
  if (size === Infinity)
    throw new UserError(`Invalid ${what} specified. Must be between 0 and 9223372036854775807.`);
  return size;
}

/** What is wrong with the value of a size among options. */
export function sizeFault(key: string): UserError {
  return new UserError(
    `Parameter '${key}' expects a non-negative number below 2^64\n` +
      "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.",
    "EINVAL",
  );
}

/** All digits of a size, where a number's own words would round: sizes beyond 2^53 are multiples of large powers of 2. */
export function digits(bytes: number): string {
  return Number.isInteger(bytes) ? BigInt(bytes).toString() : String(bytes);
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** Three significant digits and a binary unit: `196 KiB`, `1.02 MiB`, `0 B`. */
export function humanSize(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${threeDigits(value)} ${UNITS[unit]}`;
}

/** As printf's %.3g: an exact half goes to the even digit, where toPrecision goes up. */
function threeDigits(value: number): number {
  const scale = value >= 100 ? 1 : value >= 10 ? 10 : 100;
  const scaled = value * scale;
  const floor = Math.floor(scaled);
  return (scaled - floor === 0.5 ? floor + (floor % 2) : Math.round(scaled)) / scale;
}
