// The locals of a translated region. Guest register n is local n; the others are named here.

// i64.
/** The function's parameter, before the register has its value: where control enters (cpu/decode/block.ts: entry). */
export const PARAMETER: u32 = 0;
/** RIP of the region's head; every other RIP in it is this plus a constant. At an exit: where the guest goes on. */
export const RIP: u32 = 16;
/** The lazy-flag record (cpu/flags.ts), with FLAG_OP. */
export const FLAG_A: u32 = 17;
export const FLAG_B: u32 = 18;
export const FLAG_RESULT: u32 = 19;
/** Linear address of the memory access under way. */
export const ADDRESS: u32 = 20;
/** Operands and result of a 64-bit instruction. */
export const WIDE_A: u32 = 21;
export const WIDE_B: u32 = 22;
export const WIDE_RESULT: u32 = 23;
/** For one instruction. */
export const TEMPORARY: u32 = 24;
export const I64_LOCALS: u32 = 25;

// i32.
export const FLAG_OP: u32 = 25;
/** The same record while the translator knows the operation: sign-extended 32-bit values. */
export const NARROW_FLAG_A: u32 = 26;
export const NARROW_FLAG_B: u32 = 27;
export const NARROW_FLAG_RESULT: u32 = 28;
/** Flags that stand above the record (jit/flags.ts). */
export const OVERRIDE: u32 = 29;
export const BUDGET: u32 = 30;
/** Place in linear memory of an operand that is read, then written. */
export const PLACE: u32 = 31;
export const TLB_ENTRY: u32 = 32;
/** The same two on the way out (jit/leave.ts: stop). */
export const STOPPED_INSN: u32 = PLACE;
export const STOPPED_BLOCK: u32 = TLB_ENTRY;
/** Operands and result of a narrower instruction. */
export const NARROW_A: u32 = 33;
export const NARROW_B: u32 = 34;
export const NARROW_RESULT: u32 = 35;
export const CONDITION: u32 = 36;
/** What decides whether WebAssembly's arithmetic is exact enough (jit/lower/sse-float.ts). */
export const FLOAT_LIMIT: u32 = 37;
/** Number of the entry that the dispatcher goes to. */
export const ENTRY: u32 = 38;
export const I32_LOCALS: u32 = 14;

// v128, in regions that use vectors: the XMM registers, then the upper halves of YMM, in the order of the masks in
// jit/vector.ts.
export const VECTOR: u32 = 39;
export const UPPER: u32 = 55;
/** A memory operand, and its second 16 bytes. */
export const SOURCE: u32 = 71;
export const SOURCE_UPPER: u32 = 72;
export const VECTOR_RESULT: u32 = 73;
export const V128_LOCALS: u32 = 35;

// Operands and result of scalar floating point.
export const DOUBLE_A: u32 = 74;
export const DOUBLE_B: u32 = 75;
export const DOUBLE_RESULT: u32 = 76;
export const F64_LOCALS: u32 = 3;
export const SINGLE_A: u32 = 77;
export const SINGLE_B: u32 = 78;
export const SINGLE_RESULT: u32 = 79;
export const F32_LOCALS: u32 = 3;

/** TOP of the x87 stack; memory has it as well. */
export const X87_TOP: u32 = 80;
/** Addresses of two x87 registers. */
export const X87_A: u32 = 81;
export const X87_B: u32 = 82;
export const X87_LOCALS: u32 = 3;

export function operandA(wide: bool): u32 {
  return wide ? WIDE_A : NARROW_A;
}

export function operandB(wide: bool): u32 {
  return wide ? WIDE_B : NARROW_B;
}

export function result(wide: bool): u32 {
  return wide ? WIDE_RESULT : NARROW_RESULT;
}
