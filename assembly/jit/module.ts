// The wasm module around one region: imports from the core, the function `spill`, the function `run`.
//
// `spill` puts the guest's state into memory for the slow paths: their code is then a list of local.get and one call.
import { CPU_AT, JIT_BODY_AT, JIT_MODULE_AT } from "../machine/layout";
import { CpuState } from "../cpu/state";
import { BUDGET, FLAG_A, FLAG_B, FLAG_OP, FLAG_RESULT, I32_LOCALS, I64_LOCALS, RIP } from "./locals";
import {
  END,
  I32,
  I32_LOAD,
  I32_STORE,
  I64,
  I64_LOAD,
  I64_STORE,
  access,
  beginAt,
  byte,
  const32,
  get,
  loadAt,
  position,
  set,
  unsigned,
} from "./wasm";

// Function numbers: the imports in the order of IMPORTS, then our own.
export const CORE_READ: u32 = 0; // by log2 of the size
export const CORE_READ_FOR_WRITE: u32 = 4;
export const CORE_WRITE: u32 = 8;
export const CORE_EXECUTE: u32 = 12;
export const CORE_CONDITION: u32 = 13;
export const CORE_FLAGS: u32 = 14;
export const CORE_PRODUCT_FLAGS: u32 = 15;
export const CORE_HIGH_UNSIGNED: u32 = 16;
export const CORE_HIGH_SIGNED: u32 = 17;
export const CORE_EXECUTE_LAST: u32 = 18;
const IMPORTS: u32 = 19;
export const SPILL: u32 = IMPORTS;

// Types.
const RUN_TYPE: u32 = 0; // () → ()
const TYPE_I64_I32: u32 = 1;
const TYPE_I64_I64: u32 = 2;
const TYPE_WRITE: u32 = 3; // (i64, i32) → i32
const TYPE_WRITE_64: u32 = 4; // (i64, i64) → i32
const TYPE_I32_I32: u32 = 5;
const TYPE_CONDITION: u32 = 6; // (i64, i64, i64, i32, i32) → i32
const TYPE_FLAGS: u32 = 7; // (i64, i64, i64, i32) → i32
const TYPE_HIGH: u32 = 8; // (i64, i64) → i64
const TYPE_I32: u32 = 9; // i32 → ()
const SPILL_TYPE: u32 = 10;

const STATE_INSN: usize = CPU_AT + offsetof<CpuState>("insn");
const STATE_BLOCK: usize = CPU_AT + offsetof<CpuState>("block");
const STATE_RIP: usize = CPU_AT + offsetof<CpuState>("rip");
const STATE_RIP_BASE: usize = CPU_AT + offsetof<CpuState>("ripBase");
const STATE_BUDGET: usize = CPU_AT + offsetof<CpuState>("budget");
const STATE_FLAG_A: usize = CPU_AT + offsetof<CpuState>("flagA");
const STATE_FLAG_B: usize = CPU_AT + offsetof<CpuState>("flagB");
const STATE_FLAG_RESULT: usize = CPU_AT + offsetof<CpuState>("flagResult");
const STATE_FLAG_OP: usize = CPU_AT + offsetof<CpuState>("flagOp");

/**
 * Builds the module around the body that lies at JIT_BODY_AT up to `bodyEnd` and leaves by its last END with RIP set.
 * `touched` and `written` are the general registers it uses and changes. Returns the module's end.
 */
export function buildModule(bodyEnd: usize, touched: u32, written: u32): usize {
  beginAt(JIT_MODULE_AT);
  byte(0x00);
  byte(0x61);
  byte(0x73);
  byte(0x6d);
  byte(0x01);
  byte(0);
  byte(0);
  byte(0);
  types(written);
  imports();
  // Functions: spill, run.
  section(3, 3);
  byte(2);
  byte(SPILL_TYPE);
  byte(RUN_TYPE);
  // Exports: "r".
  section(7, 5);
  byte(1);
  name(0x72);
  byte(0);
  byte(SPILL + 1);
  code(bodyEnd, touched, written);
  return position();
}

function section(number: u32, size: u32): void {
  byte(number);
  unsigned(size);
}

function name(letter: u32): void {
  byte(1);
  byte(letter);
}

/** Leaves room for a size that is known later: five bytes of LEB128. */
function openSize(): usize {
  const at = position();
  beginAt(at + 5);
  return at;
}

function closeSize(at: usize): void {
  const size = <u32>(position() - at - 5);
  for (let n: usize = 0; n < 4; n++) store<u8>(at + n, ((size >> (<u32>n * 7)) & 0x7f) | 0x80);
  store<u8>(at + 4, size >> 28);
}

function funcType(wide: u32, narrow: u32, result: u32): void {
  byte(0x60);
  unsigned(wide + narrow);
  for (let n: u32 = 0; n < wide; n++) byte(I64);
  for (let n: u32 = 0; n < narrow; n++) byte(I32);
  byte(result ? 1 : 0);
  if (result) byte(result);
}

function types(written: u32): void {
  byte(1);
  const size = openSize();
  byte(SPILL_TYPE + 1);
  funcType(0, 0, 0);
  funcType(1, 0, I32);
  funcType(1, 0, I64);
  funcType(1, 1, I32);
  funcType(2, 0, I32);
  funcType(0, 1, I32);
  funcType(3, 2, I32);
  funcType(3, 1, I32);
  funcType(2, 0, I64);
  funcType(0, 1, 0);
  // The registers written, flag record, RIP base; then op, budget, instruction, block.
  funcType(<u32>popcnt<u32>(written) + 4, 4, 0);
  closeSize(size);
}

/** The core exports each import under its one-letter name (machine/index.ts). */
function imports(): void {
  byte(2);
  const size = openSize();
  byte(IMPORTS + 1);
  name(0x63);
  name(0x4d);
  byte(2); // memory, at least one page
  byte(0);
  byte(1);
  for (let n: u32 = 0; n < IMPORTS; n++) {
    name(0x63);
    name(0x61 + n);
    byte(0);
    byte(importType(n));
  }
  closeSize(size);
}

function importType(n: u32): u32 {
  if (n < CORE_WRITE) return (n & 3) == 3 ? TYPE_I64_I64 : TYPE_I64_I32;
  if (n < CORE_EXECUTE) return (n & 3) == 3 ? TYPE_WRITE_64 : TYPE_WRITE;
  switch (n) {
    case CORE_EXECUTE:
      return TYPE_I32_I32;
    case CORE_EXECUTE_LAST:
      return TYPE_I32;
    case CORE_CONDITION:
      return TYPE_CONDITION;
    case CORE_FLAGS:
      return TYPE_FLAGS;
    case CORE_PRODUCT_FLAGS:
      return TYPE_WRITE_64;
    default:
      return TYPE_HIGH;
  }
}

function code(bodyEnd: usize, touched: u32, written: u32): void {
  byte(10);
  const size = openSize();
  byte(2);
  const spillSize = openSize();
  spillBody(written);
  closeSize(spillSize);
  const runSize = openSize();
  byte(2);
  byte(I64_LOCALS);
  byte(I64);
  byte(I32_LOCALS);
  byte(I32);
  loadState(touched);
  const length = bodyEnd - JIT_BODY_AT;
  memory.copy(position(), JIT_BODY_AT, length);
  beginAt(position() + length);
  storeState(written);
  byte(END);
  closeSize(runSize);
  closeSize(size);
}

/** Parameters in the order of the function's type. */
function spillBody(written: u32): void {
  byte(0);
  let parameter: u32 = 0;
  for (let register: u32 = 0; register < 16; register++)
    if (written & (1 << register)) storeLocal(I64_STORE, CPU_AT + (register << 3), parameter++);
  storeLocal(I64_STORE, STATE_RIP_BASE, parameter++);
  storeLocal(I64_STORE, STATE_FLAG_A, parameter++);
  storeLocal(I64_STORE, STATE_FLAG_B, parameter++);
  storeLocal(I64_STORE, STATE_FLAG_RESULT, parameter++);
  storeLocal(I32_STORE, STATE_FLAG_OP, parameter++);
  storeLocal(I32_STORE, STATE_BUDGET, parameter++);
  storeLocal(I32_STORE, STATE_INSN, parameter++);
  storeLocal(I32_STORE, STATE_BLOCK, parameter++);
  byte(END);
}

function storeLocal(code: u32, address: usize, local: u32): void {
  const32(0);
  get(local);
  access(code, address);
}

/** Registers, flags and budget from memory. */
export function loadRegisters(touched: u32): void {
  for (let register: u32 = 0; register < 16; register++)
    if (touched & (1 << register)) loadLocal(I64_LOAD, CPU_AT + (register << 3), register);
  loadLocal(I64_LOAD, STATE_FLAG_A, FLAG_A);
  loadLocal(I64_LOAD, STATE_FLAG_B, FLAG_B);
  loadLocal(I64_LOAD, STATE_FLAG_RESULT, FLAG_RESULT);
  loadLocal(I32_LOAD, STATE_FLAG_OP, FLAG_OP);
  loadBudget();
}

export function loadBudget(): void {
  loadLocal(I32_LOAD, STATE_BUDGET, BUDGET);
}

function loadLocal(code: u32, address: usize, local: u32): void {
  loadAt(code, address);
  set(local);
}

function loadState(touched: u32): void {
  loadRegisters(touched);
  loadLocal(I64_LOAD, STATE_RIP, RIP);
}

function storeState(written: u32): void {
  for (let register: u32 = 0; register < 16; register++)
    if (written & (1 << register)) storeLocal(I64_STORE, CPU_AT + (register << 3), register);
  storeLocal(I64_STORE, STATE_FLAG_A, FLAG_A);
  storeLocal(I64_STORE, STATE_FLAG_B, FLAG_B);
  storeLocal(I64_STORE, STATE_FLAG_RESULT, FLAG_RESULT);
  storeLocal(I32_STORE, STATE_FLAG_OP, FLAG_OP);
  storeLocal(I32_STORE, STATE_BUDGET, BUDGET);
  storeLocal(I64_STORE, STATE_RIP, RIP);
}
