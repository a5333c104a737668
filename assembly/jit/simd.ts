// WebAssembly's vector instructions (core specification 2.0 §5.4.9) by name, and the emitting of those that carry more
// than an opcode.
import { access, byte, const32, get, unsigned } from "./wasm";

export const V128_LOAD: u32 = 0x00;
export const V128_STORE: u32 = 0x0b;
export const LOAD32_ZERO: u32 = 0x5c;
export const LOAD64_ZERO: u32 = 0x5d;
const V128_CONST: u32 = 0x0c;
const SHUFFLE: u32 = 0x0d;
export const SWIZZLE: u32 = 0x0e;
export const I8X16_SPLAT: u32 = 0x0f;
export const I16X8_SPLAT: u32 = 0x10;
export const I32X4_SPLAT: u32 = 0x11;
export const I64X2_SPLAT: u32 = 0x12;
export const I8X16_EXTRACT_U: u32 = 0x16;
export const I8X16_REPLACE: u32 = 0x17;
export const I16X8_EXTRACT_U: u32 = 0x19;
export const I16X8_REPLACE: u32 = 0x1a;
export const I32X4_EXTRACT: u32 = 0x1b;
export const I32X4_REPLACE: u32 = 0x1c;
export const I64X2_EXTRACT: u32 = 0x1d;
export const I64X2_REPLACE: u32 = 0x1e;
export const F32X4_EXTRACT: u32 = 0x1f;
export const F32X4_REPLACE: u32 = 0x20;
export const F64X2_EXTRACT: u32 = 0x21;
export const F64X2_REPLACE: u32 = 0x22;
export const V128_NOT: u32 = 0x4d;
export const V128_AND: u32 = 0x4e;
export const V128_ANDNOT: u32 = 0x4f;
export const V128_OR: u32 = 0x50;
export const V128_XOR: u32 = 0x51;
export const BITSELECT: u32 = 0x52;
export const ANY_TRUE: u32 = 0x53;
export const I8X16_BITMASK: u32 = 0x64;
export const I32X4_ALL_TRUE: u32 = 0xa3;
export const I32X4_BITMASK: u32 = 0xa4;
export const I32X4_SHL: u32 = 0xab;
export const I32X4_SHR_U: u32 = 0xad;
export const I32X4_ADD: u32 = 0xae;
export const I64X2_ALL_TRUE: u32 = 0xc3;
export const I64X2_BITMASK: u32 = 0xc4;
export const I64X2_SHL: u32 = 0xcb;
export const I64X2_SHR_U: u32 = 0xcd;
export const I64X2_ADD: u32 = 0xce;
export const I64X2_MUL: u32 = 0xd5;

export function simd(code: u32): void {
  byte(0xfd);
  unsigned(code);
}

/** A load or store at the address on the stack plus `offset`; guest data has any alignment. */
export function vectorAccess(code: u32, offset: usize): void {
  byte(0xfd);
  access(code, offset);
}

/** An instruction on one lane. */
export function lane(code: u32, number: u32): void {
  simd(code);
  byte(number);
}

export function constVector(low: u64, high: u64): void {
  simd(V128_CONST);
  for (let n: u64 = 0; n < 64; n += 8) byte((<u32>(low >> n)) & 0xff);
  for (let n: u64 = 0; n < 64; n += 8) byte((<u32>(high >> n)) & 0xff);
}

export function zeroVector(): void {
  constVector(0, 0);
}

/** Shuffles the two vectors on the stack: the numbers of 16 bytes are to follow, 0-15 of the first, 16-31 of the second. */
export function beginShuffle(): void {
  simd(SHUFFLE);
}

/** Shuffles by elements of `size` bytes; `numbers` holds their numbers, 8 bits each, the first lowest. */
export function shuffleElements(size: u32, numbers: u64): void {
  simd(SHUFFLE);
  for (let n: u32 = 0; n < 16; n++)
    byte(((<u32>(numbers >> ((n / size) << 3))) & 0xff) * size + (n & (size - 1)));
}

/** Pushes the v128 at a constant address. */
export function loadVectorAt(address: usize): void {
  const32(0);
  vectorAccess(V128_LOAD, address);
}

/** Stores `local` at a constant address. */
export function storeVectorAt(address: usize, local: u32): void {
  const32(0);
  get(local);
  vectorAccess(V128_STORE, address);
}
