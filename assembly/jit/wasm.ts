// The bytes of a wasm function: opcodes by name, LEB128 numbers (WebAssembly core specification 1.0 §5), written one
// behind the other into the code buffer.
import { JIT_BODY_AT, JIT_BODY_SIZE } from "../machine/layout";

export const I32: u32 = 0x7f;
export const I64: u32 = 0x7e;
export const F32: u32 = 0x7d;
export const F64: u32 = 0x7c;
export const V128: u32 = 0x7b;
export const NO_RESULT: u32 = 0x40;

export const LOOP: u32 = 0x03;
export const BLOCK: u32 = 0x02;
export const IF: u32 = 0x04;
export const ELSE: u32 = 0x05;
export const END: u32 = 0x0b;
export const BR: u32 = 0x0c;
export const BR_IF: u32 = 0x0d;
export const BR_TABLE: u32 = 0x0e;
export const RETURN: u32 = 0x0f;
export const CALL: u32 = 0x10;
export const DROP: u32 = 0x1a;
export const SELECT: u32 = 0x1b;
export const LOCAL_GET: u32 = 0x20;
export const LOCAL_SET: u32 = 0x21;
export const LOCAL_TEE: u32 = 0x22;
export const I32_LOAD: u32 = 0x28;
export const I64_LOAD: u32 = 0x29;
export const I32_LOAD8_S: u32 = 0x2c;
export const I32_LOAD8_U: u32 = 0x2d;
export const I32_LOAD16_S: u32 = 0x2e;
export const I32_LOAD16_U: u32 = 0x2f;
export const I32_STORE: u32 = 0x36;
export const I64_STORE: u32 = 0x37;
export const I32_STORE8: u32 = 0x3a;
export const I32_STORE16: u32 = 0x3b;
export const I32_CONST: u32 = 0x41;
export const I64_CONST: u32 = 0x42;
export const F64_CONST: u32 = 0x44;
export const I32_EQZ: u32 = 0x45;
export const I32_NE: u32 = 0x47;
export const I32_LT_S: u32 = 0x48;
export const I32_LE_S: u32 = 0x4c;
export const I64_EQZ: u32 = 0x50;
export const I64_EQ: u32 = 0x51;
export const I64_NE: u32 = 0x52;
export const I64_LT_S: u32 = 0x53;
const BULK_PREFIX: u32 = 0xfc;
export const MEMORY_COPY: u32 = 10;
export const MEMORY_FILL: u32 = 11;
export const I32_POPCNT: u32 = 0x69;
export const I32_WRAP: u32 = 0xa7;
export const I64_EXTEND_S: u32 = 0xac;
export const I64_EXTEND_U: u32 = 0xad;
export const I32_EXTEND8_S: u32 = 0xc0;
export const I32_EXTEND16_S: u32 = 0xc1;

// Operations that both widths have, by their i32 opcode; `op(…, wide)` finds the i64 one.
export const EQZ: u32 = 0x45;
export const EQ: u32 = 0x46;
export const NE: u32 = 0x47;
export const LT_S: u32 = 0x48;
export const LT_U: u32 = 0x49;
export const GT_U: u32 = 0x4b;
export const LE_S: u32 = 0x4c;
export const LE_U: u32 = 0x4d;
export const CLZ: u32 = 0x67;
export const CTZ: u32 = 0x68;
export const POPCNT: u32 = 0x69;
export const ADD: u32 = 0x6a;
export const SUB: u32 = 0x6b;
export const MUL: u32 = 0x6c;
export const DIV_S: u32 = 0x6d;
export const DIV_U: u32 = 0x6e;
export const REM_S: u32 = 0x6f;
export const REM_U: u32 = 0x70;
export const AND: u32 = 0x71;
export const OR: u32 = 0x72;
export const XOR: u32 = 0x73;
export const SHL: u32 = 0x74;
export const SHR_S: u32 = 0x75;
export const SHR_U: u32 = 0x76;
export const ROTL: u32 = 0x77;
export const ROTR: u32 = 0x78;

const LAST: usize = JIT_BODY_AT + JIT_BODY_SIZE - 1;

let at: usize = JIT_BODY_AT;
/** Blocks, loops and ifs that are open at `at`: what a branch counts. */
let open: u32 = 0;

export function beginAt(address: usize): void {
  at = address;
}

export function position(): usize {
  return at;
}

/** Whether the body did not fit: nothing was written beyond its end. */
export function isFull(): bool {
  return at >= LAST;
}

export function byte(value: u32): void {
  store<u8>(at, value);
  if (at != LAST) at++;
}

export function unsigned(value: u32): void {
  while (value >= 0x80) {
    byte((value & 0x7f) | 0x80);
    value >>= 7;
  }
  byte(value);
}

function signed(value: i64): void {
  while (value < -64 || value > 63) {
    byte(((<u32>value) & 0x7f) | 0x80);
    value >>= 7;
  }
  byte((<u32>value) & 0x7f);
}

/** An operation in the width of its operands: `wide` is i64. */
export function op(code: u32, wide: bool): void {
  if (wide) byte(code < 0x50 ? code + 0x0b : code < 0x79 ? code + 0x12 : code);
  else byte(code);
}

export function get(local: u32): void {
  byte(LOCAL_GET);
  unsigned(local);
}

export function set(local: u32): void {
  byte(LOCAL_SET);
  unsigned(local);
}

export function tee(local: u32): void {
  byte(LOCAL_TEE);
  unsigned(local);
}

export function const32(value: i32): void {
  byte(I32_CONST);
  signed(value);
}

export function const64(value: i64): void {
  byte(I64_CONST);
  signed(value);
}

export function constDouble(value: f64): void {
  byte(F64_CONST);
  const bits = reinterpret<u64>(value);
  for (let n: u64 = 0; n < 64; n += 8) byte((<u32>(bits >> n)) & 0xff);
}

/** A constant in the width of an operand. */
export function constant(value: i64, wide: bool): void {
  if (wide) const64(value);
  else const32(<i32>value);
}

/** `code` with a constant second operand. */
export function opConstant(code: u32, value: i64, wide: bool): void {
  constant(value, wide);
  op(code, wide);
}

/** A load or store at the address on the stack plus `offset`; guest data has any alignment. */
export function access(code: u32, offset: usize): void {
  byte(code);
  byte(0);
  unsigned(<u32>offset);
}

/** memory.copy, of destination, source and bytes, or memory.fill, of destination, byte and bytes. */
export function bulk(code: u32): void {
  byte(BULK_PREFIX);
  byte(code);
  byte(0);
  if (code == MEMORY_COPY) byte(0);
}

/** Pushes what lies at a constant address. */
export function loadAt(code: u32, address: usize): void {
  const32(0);
  access(code, address);
}

export function call(func: u32): void {
  byte(CALL);
  unsigned(func);
}

/** Opens a BLOCK, LOOP or IF; returns its label for `branch`. */
export function enter(kind: u32, result: u32): u32 {
  byte(kind);
  byte(result);
  return ++open;
}

export function otherwise(): void {
  byte(ELSE);
}

export function end(): void {
  byte(END);
  open--;
}

/** Branches (BR or BR_IF) to the label that `enter` returned. */
export function branch(kind: u32, to: u32): void {
  byte(kind);
  label(to);
}

/** The label that `enter` returned, as branches count it from here. */
export function label(to: u32): void {
  unsigned(open - to);
}

export function beginBody(): void {
  open = 0;
}
