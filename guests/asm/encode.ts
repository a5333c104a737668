// One instruction → bytes: finds the first row of the table that fits, then writes prefixes, opcode, ModRM,
// displacement and immediate in the order of SDM 2A §2.1.
import { type Address, encodeAddress } from "./address.ts";
import { type Encoding, INSTRUCTIONS } from "./instructions.ts";
import { type Operand, type Register, SEGMENTS } from "./parse.ts";

/** Where an instruction stands. */
export interface Place {
  bits: number;
  address: number;
  /** A jump that did not reach its target in the short form in an earlier pass. */
  far: boolean;
  /** The last pass: what does not fit is an error now. */
  final: boolean;
}

export interface Encoded {
  bytes: number[];
  /** A short jump that misses its target, and has a long form. */
  tooShort: boolean;
}

const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
const FIXED_REGISTERS: Record<string, [number, number[]]> = {
  AL: [0, [8]],
  CL: [1, [8]],
  DX: [2, [16]],
  eAX: [0, [16, 32]],
  rAX: [0, [16, 32, 64]],
};
const WIDTHS: Record<string, number[]> = { b: [8], w: [16], d: [32], q: [64], v: [16, 32, 64], y: [32, 64] };

export function encode(mnemonic: string, operands: Operand[], place: Place): Encoded {
  const rows = INSTRUCTIONS.get(mnemonic);
  if (!rows) throw new Error(`there is no instruction "${mnemonic}"`);
  for (const row of rows) {
    const size = operandSize(row, operands, place, rows.length === 1);
    if (size === undefined) continue;
    const { bytes, overrun } = emit(row, operands, size, place);
    const canGrow = overrun && rows.some((other) => fits("Jz", other, operands));
    if (overrun && !canGrow && place.final) throw new Error("the target is out of reach");
    return { bytes, tooShort: canGrow };
  }
  throw new Error(`these operands do not fit "${mnemonic}", or their size is not clear`);
}

function fits(pattern: string, row: Encoding, [operand]: Operand[]): boolean {
  return row.operands[0] === pattern && operand.kind === "immediate" && operand.distance !== "short";
}

/** 16, 32 or 64; 0 where none is to be told; undefined where the operands do not fit the row. */
function operandSize(row: Encoding, operands: Operand[], place: Place, onlyRow: boolean): number | undefined {
  if (row.operands.length !== operands.length) return undefined;
  if (place.bits === 64 && row.tokens.includes("legacy")) return undefined;
  let size: number | undefined;
  const bind = (code: string, width: number): boolean => {
    if (!WIDTHS[code].includes(width)) return false;
    if (code !== "v" && code !== "y") return true;
    if (size !== undefined && size !== width) return false;
    size = width;
    return true;
  };
  // Registers first: they give an unsized memory operand its size.
  const byRegister = (a: number, b: number): number => rank(operands[a]) - rank(operands[b]);
  for (const i of operands.map((_, n) => n).sort(byRegister)) {
    const sizedByRegister = row.operands.some(
      (code, n) => operands[n].kind === "register" && code[1] === row.operands[i][1],
    );
    if (!matches(row.operands[i], operands[i], place, bind, onlyRow || sizedByRegister, () => size))
      return undefined;
  }
  const told = row.tokens.find((token) => /^o\d\d$/.test(token));
  if (told) return Number(told.slice(1));
  if (row.tokens.includes("any")) return 0;
  if (size === undefined) {
    const code = row.operands.find((pattern) => /^[EGRZ][wdq]$/.test(pattern));
    if (code) size = WIDTHS[code[1]][0];
  }
  if (row.tokens.includes("f64") && place.bits === 64) return size === 32 ? undefined : size === 16 ? 16 : 0;
  return size ?? 0;
}

function rank(operand: Operand): number {
  return ["register", "memory", "immediate"].indexOf(operand.kind);
}

function matches(
  pattern: string,
  operand: Operand,
  place: Place,
  bind: (code: string, width: number) => boolean,
  sized: boolean,
  size: () => number | undefined,
): boolean {
  const kind = pattern[0];
  const code = pattern.slice(1);
  if (pattern === "1")
    return operand.kind === "immediate" && operand.value.labels === 0 && operand.value.constant === 1n;
  if (operand.kind === "register") {
    if (pattern in FIXED_REGISTERS) {
      const [number, widths] = FIXED_REGISTERS[pattern];
      if (operand.file !== "general" || operand.number !== number || !widths.includes(operand.size))
        return false;
      return operand.rex === "free" && (widths.length === 1 || bind("v", operand.size));
    }
    if (operand.file === "segment")
      return pattern === "Sw" || pattern.toLowerCase() === SEGMENTS[operand.number];
    if (operand.file === "control") return kind === "C";
    if (operand.file === "debug") return kind === "D";
    return "EGRZ".includes(kind) && code in WIDTHS && bind(code, operand.size);
  }
  if (operand.kind === "memory") {
    if (pattern === "Mp") return operand.far && (operand.size === undefined || bind("v", operand.size));
    if (operand.far) return false;
    if (pattern === "M") return true;
    if (kind === "O")
      return operand.address.registers.size === 0 && (operand.size === undefined || bind(code, operand.size));
    if (kind !== "E") return false;
    return operand.size === undefined ? sized : bind(code, operand.size);
  }
  if (pattern === "Ap") return operand.selector !== undefined && bind("v", operand.size ?? place.bits);
  if (operand.selector !== undefined) return false;
  if (pattern === "Jb") return operand.distance !== "near" && operand.size === undefined && !place.far;
  if (pattern === "Jz")
    return operand.distance !== "short" && (operand.size === undefined || bind("v", operand.size));
  if (kind !== "I") return false;
  // PUSH has nothing else that could tell the size.
  if (size() === undefined && (code === "s" || code === "z")) bind("v", operand.size ?? place.bits);
  return immediateFits(code, operand.value.constant, operand.value.labels === 0, size());
}

function immediateFits(code: string, value: bigint, known: boolean, size: number | undefined): boolean {
  if (code === "b") return !known || (value >= -128n && value < 256n);
  if (code === "s") return known && BigInt.asIntN(8, value) === BigInt.asIntN(size ?? 64, value);
  if (code === "u") return known && BigInt.asUintN(32, value) === BigInt.asUintN(64, value);
  if (code === "l") return known && BigInt.asIntN(32, value) === BigInt.asIntN(64, value);
  return true;
}

function emit(
  row: Encoding,
  operands: Operand[],
  size: number,
  place: Place,
): { bytes: number[]; overrun: boolean } {
  const memory = operands.find((operand) => operand.kind === "memory");
  const address = memory && encodeAddress(memory, place.bits);
  const opcode = row.tokens.filter((token) => /^[\dA-F]{2}(\+r)?$/.test(token));
  const mandatory =
    /^(66|F2|F3)$/.test(opcode[0]) && opcode.length > 1 ? [parseInt(opcode.shift()!, 16)] : [];

  const inOpcode = registerOf(row, operands, "Z");
  const inReg = registerOf(row, operands, "GSCD");
  const inRm = registerOf(row, operands, "ER");
  const bytes = [
    ...prefixes(memory?.segment, address, row, size, place.bits),
    ...mandatory,
    ...rexPrefix(operands, size, inReg, inRm ?? inOpcode, address, row, place.bits),
  ];

  for (const byte of opcode)
    bytes.push(parseInt(byte, 16) | (byte.endsWith("+r") ? inOpcode!.number & 7 : 0));
  let relativeAt = 0;
  let relativeSize = 0;
  let target = 0n;
  const relative = (value: bigint, length: number): void => {
    relativeAt = bytes.length;
    relativeSize = length;
    target = value;
    push(bytes, 0n, length);
  };

  const modrm = row.tokens.find((token) => token.startsWith("/"));
  if (modrm) {
    const reg = modrm === "/r" ? inReg!.number & 7 : Number(modrm[1]);
    if (!address) bytes.push(0xc0 | (reg << 3) | (inRm!.number & 7));
    else {
      bytes.push((address.mod << 6) | (reg << 3) | address.rm);
      if (address.sib !== undefined) bytes.push(address.sib);
      if (memory!.ripRelative) relative(address.displacement, 4);
      else push(bytes, address.displacement, address.displacementSize);
    }
  }
  if (row.tokens.includes("moffs")) push(bytes, address!.displacement, address!.size / 8);
  const wide = (size || place.bits) === 16 ? 2 : 4;
  const numbers = operands.filter((operand, n) => operand.kind === "immediate" && row.operands[n] !== "1");
  for (const token of row.tokens) {
    const operand = numbers[0];
    if (!/^(i[bwdqz]|j[bz]|far)$/.test(token) || operand?.kind !== "immediate") continue;
    const length = { b: 1, w: 2, d: 4, q: 8, z: wide }[token[1]] ?? wide;
    if (token[0] === "j") relative(operand.value.constant, length);
    else push(bytes, operand.value.constant, length);
    if (token === "far") push(bytes, operand.selector!.constant, 2);
    if (token[0] === "i" && place.final) checkImmediate(operand.value.constant, length, size);
    numbers.shift();
  }

  if (relativeSize === 0) return { bytes, overrun: false };
  const distance = target - BigInt(place.address + bytes.length);
  const overrun = relativeSize === 1 && BigInt.asIntN(8, distance) !== distance;
  const patch: number[] = [];
  push(patch, distance, relativeSize);
  bytes.splice(relativeAt, relativeSize, ...patch);
  return { bytes, overrun };
}

function registerOf(row: Encoding, operands: Operand[], kinds: string): Register | undefined {
  const isIt = (operand: Operand, n: number): boolean =>
    operand.kind === "register" && kinds.includes(row.operands[n][0]) && /^[A-Z][a-z]$/.test(row.operands[n]);
  return operands.find(isIt) as Register | undefined;
}

function prefixes(
  segment: number | undefined,
  address: Address | undefined,
  row: Encoding,
  size: number,
  bits: number,
): number[] {
  const told = row.tokens.find((token) => /^a\d\d$/.test(token));
  const addressSize = told ? Number(told.slice(1)) : (address?.size ?? bits);
  const list = segment === undefined ? [] : [SEGMENT_PREFIXES[segment]];
  if (size === 64 && bits !== 64) throw new Error("64-bit operands need 64-bit code");
  if (size === 16 ? bits !== 16 : size === 32 && bits === 16) list.push(0x66);
  if (addressSize !== bits) {
    if (addressSize === 64 || (bits === 64 && addressSize === 16))
      throw new Error("no such address size in this mode");
    list.push(0x67);
  }
  return list;
}

function rexPrefix(
  operands: Operand[],
  size: number,
  reg: Register | undefined,
  rm: Register | undefined,
  address: Address | undefined,
  row: Encoding,
  bits: number,
): number[] {
  const w = size === 64 && !row.tokens.includes("f64");
  const r = reg !== undefined && reg.number >= 8;
  const b = (rm !== undefined && rm.number >= 8) || address?.rexB === true;
  const rex = 0x40 | (w ? 8 : 0) | (r ? 4 : 0) | (address?.rexX ? 2 : 0) | (b ? 1 : 0);
  const registers = operands.filter((operand) => operand.kind === "register");
  const needed = rex !== 0x40 || registers.some((register) => register.rex === "needed");
  if (!needed) return [];
  if (bits !== 64) throw new Error("this register exists in 64-bit code only");
  if (registers.some((register) => register.rex === "forbidden"))
    throw new Error("AH, CH, DH and BH cannot stand beside a REX prefix");
  return [rex];
}

function checkImmediate(value: bigint, length: number, size: number): void {
  const bits = length * 8;
  const signed = BigInt.asIntN(bits, value) === value;
  // A 32-bit immediate of a 64-bit operation is sign-extended: only numbers that survive this are right.
  const unsigned = BigInt.asUintN(bits, value) === value && !(size === 64 && length === 4);
  if (!signed && !unsigned && BigInt.asIntN(bits, value) !== BigInt.asIntN(size || 64, value))
    throw new Error(`${value} does not fit ${bits} bits`);
}

/** Appends `length` bytes of `value`, little-endian. */
export function push(bytes: number[], value: bigint, length: number): void {
  for (let i = 0; i < length; i++) bytes.push(Number((value >> BigInt(i * 8)) & 0xffn));
}
