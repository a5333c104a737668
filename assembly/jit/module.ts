// The wasm module around one region: two imports from the core, the functions `spill`, `setRecord` and `run`.
//
// V8 compiles a wrapper for every signature that a module imports, whether it will be needed or not, at 45 microseconds
// each: ten times what the rest of a small module costs. So all services of the core come through one function, and
// those of x87 through a second with the same signature: its additions would wait for the first one's table of branches.
//
// `spill` puts the guest's state into memory for the slow paths: their code is then a list of local.get and one call.
import { CPU_AT, JIT_BODY_AT, JIT_MODULE_AT } from "../machine/layout";
import { CpuState, MODE_CODE64, cpu } from "../cpu/state";
import {
  BUDGET,
  ENTRY,
  FLAG_A,
  FLAG_B,
  FLAG_OP,
  FLAG_RESULT,
  I32_LOCALS,
  I64_LOCALS,
  PARAMETER,
  RIP,
} from "./locals";
import { F32_LOCALS, F64_LOCALS, V128_LOCALS, X87_LOCALS } from "./locals";
import { loadTop } from "./x87";
import {
  DEMANDS_FLOAT,
  DEMANDS_X87,
  demandsOfRegion,
  loadFloatLimit,
  loadVectors,
  storeSpilledVectors,
  storeVectors,
  touchedVectors,
  writtenVectors,
} from "./vector";
import {
  AND,
  END,
  F32,
  F64,
  I32,
  I32_LOAD,
  I32_STORE,
  I32_WRAP,
  I64,
  I64_LOAD,
  I64_STORE,
  SHR_S,
  SUB,
  V128,
  access,
  beginAt,
  byte,
  call,
  const32,
  get,
  loadAt,
  op,
  opConstant,
  position,
  set,
  unsigned,
} from "./wasm";

// Functions.
/** (a: i64, b: i64, service: i32) → i64. */
const CORE: u32 = 0;
const X87_CORE: u32 = 1;
export const SPILL: u32 = 2;
/** (a, b, result: i64, op: i32): the lazy-flag record in memory. */
export const SET_RECORD: u32 = 3;
const RUN: u32 = 4;

// Services of the core (jit/core.ts).
export const REACH: u32 = 0; // address; size | alignment << 8 | write << 16 → place, or 0 to stop
export const CHECK_SEGMENT: u32 = 1; // offset; segment | size << 8 | write << 16
export const EXECUTE: u32 = 2; // instruction → whether the region must be left
export const EXECUTE_ON: u32 = 3; // the last of a block, demands of the region → whether it goes on
export const EXECUTE_LAST: u32 = 4;
export const HOLDS: u32 = 5; // a condition of the record in memory
export const FLAGS: u32 = 6; // the six flags of that record
export const PRODUCT_FLAGS: u32 = 7;
export const HIGH_UNSIGNED: u32 = 8;
export const HIGH_SIGNED: u32 = 9;
export const LANE: u32 = 10; // operation, immediate
export const LEADS_TO: u32 = 11; // address, physical page → whether code there is fetched from that page

// Services of the x87 unit (jit/core-x87.ts).
export const X87_REGISTER: u32 = 0; // `extra`
export const X87_ARITHMETIC: u32 = 1; // the same of what computes with two registers
export const X87_OPERAND: u32 = 2; // `extra`, memory operand
export const X87_PUSH: u32 = 3; // mantissa, sign and exponent
export const X87_VALUE: u32 = 4; // `extra` → what a store writes
export const X87_COMPARE: u32 = 5; // `extra` → CF, PF and ZF
export const X87_CONTROL: u32 = 6; // control word → whether the region's demands hold no more

// Types.
const CORE_TYPE: u32 = 0;
const SPILL_TYPE: u32 = 1;
const SET_RECORD_TYPE: u32 = 2;
const RUN_TYPE: u32 = 3;

const STATE_INSN: usize = CPU_AT + offsetof<CpuState>("insn");
const STATE_BLOCK: usize = CPU_AT + offsetof<CpuState>("block");
const STATE_RIP: usize = CPU_AT + offsetof<CpuState>("rip");
const STATE_RIP_BASE: usize = CPU_AT + offsetof<CpuState>("ripBase");
const STATE_BUDGET: usize = CPU_AT + offsetof<CpuState>("budget");
const STATE_FLAG_A: usize = CPU_AT + offsetof<CpuState>("flagA");
const STATE_FLAG_B: usize = CPU_AT + offsetof<CpuState>("flagB");
const STATE_FLAG_RESULT: usize = CPU_AT + offsetof<CpuState>("flagResult");
const STATE_FLAG_OP: usize = CPU_AT + offsetof<CpuState>("flagOp");

/** Where in the module the body lies. */
let bodyPlace: usize = 0;

export function bodyOffset(): u32 {
  return <u32>(bodyPlace - JIT_MODULE_AT);
}

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
  section(3, 4);
  byte(3);
  byte(SPILL_TYPE);
  byte(SET_RECORD_TYPE);
  byte(RUN_TYPE);
  // Exports: "r".
  section(7, 5);
  byte(1);
  name(0x72);
  byte(0);
  byte(RUN);
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

/** The registers written, RIP base, flag record; then op, budget, instruction, block; then the vectors written. */
function spillType(wide: u32, narrow: u32, vectors: u32): void {
  byte(0x60);
  unsigned(wide + narrow + vectors);
  for (let n: u32 = 0; n < wide; n++) byte(I64);
  for (let n: u32 = 0; n < narrow; n++) byte(I32);
  for (let n: u32 = 0; n < vectors; n++) byte(V128);
  byte(0);
}

function types(written: u32): void {
  byte(1);
  const size = openSize();
  byte(4);
  funcType(2, 1, I64);
  spillType(<u32>popcnt<u32>(written) + 4, 4, <u32>popcnt<u32>(writtenVectors()));
  funcType(3, 1, 0);
  funcType(1, 0, 0);
  closeSize(size);
}

/** "c" "M", the memory, "c" "f", the core's services, and "c" "x", those of x87. */
function imports(): void {
  section(2, 20);
  byte(3);
  name(0x63);
  name(0x4d);
  byte(2); // memory, at least one page
  byte(0);
  byte(1);
  importCore(0x66);
  importCore(0x78);
}

/** Functions of one type, in the order of their numbers. */
function importCore(letter: u32): void {
  name(0x63);
  name(letter);
  byte(0); // function
  byte(CORE_TYPE);
}

function code(bodyEnd: usize, touched: u32, written: u32): void {
  byte(10);
  const size = openSize();
  byte(3);
  const spillSize = openSize();
  spillBody(written);
  closeSize(spillSize);
  const recordSize = openSize();
  setRecordBody();
  closeSize(recordSize);
  const runSize = openSize();
  locals();
  loadState(touched);
  const length = bodyEnd - JIT_BODY_AT;
  bodyPlace = position();
  memory.copy(bodyPlace, JIT_BODY_AT, length);
  beginAt(bodyPlace + length);
  storeState(written);
  byte(END);
  closeSize(runSize);
  closeSize(size);
}

/** The locals of a region (jit/locals.ts); those of vectors only where there are any. */
function locals(): void {
  const vectors = demandsOfRegion() != 0;
  byte(vectors ? 6 : 2);
  localGroup(I64_LOCALS - 1, I64); // the first is the parameter
  localGroup(I32_LOCALS, I32);
  if (!vectors) return;
  localGroup(V128_LOCALS, V128);
  localGroup(F64_LOCALS, F64);
  localGroup(F32_LOCALS, F32);
  localGroup(X87_LOCALS, I32);
}

function localGroup(count: u32, type: u32): void {
  unsigned(count);
  byte(type);
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
  storeSpilledVectors(writtenVectors(), parameter);
  byte(END);
}

export function storeLocal(code: u32, address: usize, local: u32): void {
  const32(0);
  get(local);
  access(code, address);
}

function setRecordBody(): void {
  byte(0);
  storeLocal(I64_STORE, STATE_FLAG_A, 0);
  storeLocal(I64_STORE, STATE_FLAG_B, 1);
  storeLocal(I64_STORE, STATE_FLAG_RESULT, 2);
  storeLocal(I32_STORE, STATE_FLAG_OP, 3);
  byte(END);
}

/** Calls a service of the core with the two i64 on the stack; its result is an i64. */
export function callCore(service: u32): void {
  const32(<i32>service);
  call(CORE);
}

/** The same for a service of the x87 unit. */
export function callX87(service: u32): void {
  const32(<i32>service);
  call(X87_CORE);
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

/** Pushes general register `number` as the interpreter left it in memory. */
export function pushStoredRegister(number: u32, wide: bool): void {
  loadAt(wide ? I64_LOAD : I32_LOAD, CPU_AT + (number << 3));
}

export function loadBudget(): void {
  loadLocal(I32_LOAD, STATE_BUDGET, BUDGET);
}

function loadLocal(code: u32, address: usize, local: u32): void {
  loadAt(code, address);
  set(local);
}

/** The parameter says which entry it is, and in its upper half how far behind the head it lies. */
function loadState(touched: u32): void {
  get(PARAMETER);
  byte(I32_WRAP);
  set(ENTRY);
  loadAt(I64_LOAD, STATE_RIP);
  get(PARAMETER);
  opConstant(SHR_S, 32, true);
  op(SUB, true);
  if (!(cpu.mode & MODE_CODE64)) opConstant(AND, 0xffff_ffff, true);
  set(RIP);
  loadRegisters(touched);
  loadVectors(touchedVectors());
  if (demandsOfRegion() & DEMANDS_FLOAT) loadFloatLimit();
  if (demandsOfRegion() & DEMANDS_X87) loadTop();
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
  storeVectors(writtenVectors());
}
