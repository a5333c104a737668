// The monitor's integer expressions: 64-bit, C's operators, registers by `$name`.
import { UserError } from "../core/errors.ts";
import type { CpuRegisters } from "../core/inspector.ts";

const U64 = 64;
const TOKEN = /\s*(0[xX][0-9a-fA-F]+|\d+|\$[a-z0-9.]+|[-+*/%&|^~()])/y;

/** Names of 32-bit registers, as QEMU's monitor knows them, and what they stand for. */
function register(name: string, registers: CpuRegisters): bigint {
  const [, segment, base] = /^([cdefgs]s)(\.base)?$/.exec(name) ?? [];
  if (segment) {
    const { selector, base: start } = registers.segments.get(segment as "cs")!;
    return base ? start : BigInt(selector);
  }
  if (name === "pc" || name === "eip" || name === "rip") return registers.values.get("rip")!;
  if (name === "eflags") return registers.values.get("rflags")!;
  const wide = /^r(8|9|1[0-5])$/.test(name) ? name : name.replace(/^e/, "r");
  const value = registers.values.get(name) ?? registers.values.get(wide);
  if (value === undefined) throw new UserError("unknown register");
  return value;
}

/** The value of `text` as an unsigned 64-bit number. */
export function evaluate(text: string, registers: () => CpuRegisters): bigint {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
    tokens.push(match[1]!);
    if (TOKEN.lastIndex === text.length) break;
  }
  if (tokens.join("") !== text.replaceAll(/\s/g, "")) throw new UserError("invalid char in expression");
  let at = 0;

  function primary(): bigint {
    const token = tokens[at++];
    if (token === undefined) throw new UserError("unexpected end of expression");
    if (token === "(") {
      const value = sum();
      if (tokens[at++] !== ")") throw new UserError("')' expected");
      return value;
    }
    if (token === "-") return BigInt.asUintN(U64, -primary());
    if (token === "+") return primary();
    if (token === "~") return BigInt.asUintN(U64, ~primary());
    if (token.startsWith("$")) return register(token.slice(1), registers());
    if (/^\d/.test(token)) return BigInt(/^0\d/.test(token) ? `0o${token.slice(1)}` : token);
    throw new UserError("invalid char in expression");
  }

  function product(): bigint {
    let value = primary();
    while (/^[*/%]$/.test(tokens[at] ?? "")) {
      const operator = tokens[at++];
      const right = primary();
      if (operator !== "*" && right === 0n) throw new UserError("division by zero");
      value = BigInt.asUintN(
        U64,
        operator === "*" ? value * right : operator === "/" ? value / right : value % right,
      );
    }
    return value;
  }

  function bits(): bigint {
    let value = product();
    while (/^[&|^]$/.test(tokens[at] ?? "")) {
      const operator = tokens[at++];
      const right = product();
      value = operator === "&" ? value & right : operator === "|" ? value | right : value ^ right;
    }
    return value;
  }

  function sum(): bigint {
    let value = bits();
    while (/^[-+]$/.test(tokens[at] ?? "")) {
      const operator = tokens[at++];
      const right = bits();
      value = BigInt.asUintN(U64, operator === "+" ? value + right : value - right);
    }
    return value;
  }

  const value = sum();
  if (at < tokens.length) throw new UserError("extraneous characters at the end of expression");
  return value;
}
