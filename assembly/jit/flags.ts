// Flags at translation time. Between two flag writers the translator knows which operation the record is of, so a
// condition becomes one comparison of its operands; the record in the locals FLAG_* is settled only where paths meet
// or the region is left.
//
// What is known is a base and an override. The base is an operation with operands and result in locals (RECORD: not
// known, see FLAG_OP). The override is a set of flags whose values stand in the local OVERRIDE: what rotates, bit
// tests and shifts change without touching the rest. Nothing here costs run time until somebody asks.
import {
  FLAGS_ADD,
  FLAGS_DEC,
  FLAGS_EXPLICIT,
  FLAGS_INC,
  FLAGS_LOGIC,
  FLAGS_SBB,
  FLAGS_SHIFT,
  FLAGS_SUB,
} from "../cpu/flags";
import { AF, ARITHMETIC_FLAGS, CF, OF, PF, SF, ZF } from "../cpu/state";
import {
  CONDITION,
  FLAG_A,
  FLAG_B,
  FLAG_OP,
  FLAG_RESULT,
  NARROW_FLAG_A,
  NARROW_FLAG_B,
  NARROW_FLAG_RESULT,
  OVERRIDE,
  operandA,
  operandB,
  result,
} from "./locals";
import { FLAGS, HOLDS, PRODUCT_FLAGS, SET_RECORD, callCore } from "./module";
import {
  AND,
  EQ,
  EQZ,
  I32_EQZ,
  I32_POPCNT,
  I32_WRAP,
  I64_EXTEND_S,
  I64_EXTEND_U,
  LE_S,
  LE_U,
  LT_S,
  LT_U,
  NE,
  OR,
  SHL,
  SHR_U,
  XOR,
  byte,
  call,
  const32,
  const64,
  constant,
  get,
  op,
  opConstant,
  set,
} from "./wasm";

// Bases besides FLAGS_ADD … FLAGS_DEC.
/** The record in FLAG_* holds; its operation is not known. */
const RECORD: u32 = 32;
/** a * b, signed, 64 bits: CF and OF cost a long multiplication, so they wait until asked for. */
export const PRODUCT: u32 = 33;
/** a + b + carry. */
export const ADD_CARRY: u32 = 34;

let base: u32 = RECORD;
let wide: bool = false;
let overridden: u32 = 0;

/** What is known, as a value to go back to on another path. */
export function flagState(): u32 {
  return base | (wide ? 0x100 : 0) | (overridden << 16);
}

export function setFlagState(state: u32): void {
  base = state & 0xff;
  wide = (state & 0x100) != 0;
  overridden = state >> 16;
}

/** Nothing known: where paths meet. */
export function forgetFlags(): void {
  base = RECORD;
  overridden = 0;
}

function a(): u32 {
  return wide ? FLAG_A : NARROW_FLAG_A;
}

function b(): u32 {
  return wide ? FLAG_B : NARROW_FLAG_B;
}

function r(): u32 {
  return wide ? FLAG_RESULT : NARROW_FLAG_RESULT;
}

/** The instruction's operands and result, in their locals, become the record of `operation`. */
export function recordFlags(operation: u32, isWide: bool): void {
  base = operation;
  wide = isWide;
  overridden = 0;
  get(operandA(wide));
  set(a());
  get(operandB(wide));
  set(b());
  get(result(wide));
  set(r());
}

/** Only the result counts: FLAGS_LOGIC, or the base below an override. */
export function recordResult(isWide: bool): void {
  base = FLAGS_LOGIC;
  wide = isWide;
  overridden = 0;
  get(result(wide));
  set(r());
}

/** FLAGS_INC or FLAGS_DEC: the carry stays. */
export function recordStep(operation: u32, isWide: bool): void {
  pushFlag(CF);
  set(CONDITION);
  recordFlags(operation, isWide);
  get(CONDITION);
  set(OVERRIDE);
  overridden = CF;
}

/** Takes from the stack the values of `flags`, all other bits 0: they stand above what was known. */
export function overrideFlags(flags: u32): void {
  if (overridden & ~flags) {
    get(OVERRIDE);
    opConstant(AND, <i64>(<i32>~flags), false);
    op(OR, false);
  }
  set(OVERRIDE);
  overridden |= flags;
}

/** Pushes record a, b, result (i64) and op (i32), as cpu/flags.ts wants them. */
export function pushRecord(): void {
  if (base == RECORD && overridden == 0) {
    get(FLAG_A);
    get(FLAG_B);
    get(FLAG_RESULT);
    get(FLAG_OP);
  } else if (overridden == ARITHMETIC_FLAGS) {
    get(OVERRIDE);
    pushExplicit();
  } else if (base == FLAGS_LOGIC && overridden && (overridden & ~(CF | OF)) == 0) {
    get(OVERRIDE);
    byte(I64_EXTEND_U);
    pushResult(FLAGS_SHIFT);
  } else if ((base == FLAGS_INC || base == FLAGS_DEC) && overridden == CF) {
    pushExtended(a());
    get(OVERRIDE);
    opConstant(SHL, 8, false);
    byte(I64_EXTEND_U);
    pushExtended(r());
    const32(base);
  } else if (overridden == 0) pushBase();
  else {
    pushBase();
    pushFlagsOf();
    opConstant(AND, <i64>(<i32>~overridden), false);
    get(OVERRIDE);
    op(OR, false);
    pushExplicit();
  }
}

/** Pushes the six flags at their places. */
export function pushArithmeticFlags(): void {
  if (overridden == ARITHMETIC_FLAGS) {
    get(OVERRIDE);
    return;
  }
  pushRecord();
  pushFlagsOf();
}

/** Takes a record from the stack, pushes its six flags. */
function pushFlagsOf(): void {
  call(SET_RECORD);
  const64(0);
  const64(0);
  callCore(FLAGS);
  byte(I32_WRAP);
}

/** Takes a record from the stack, pushes whether condition `code` holds. */
function pushHolds(code: u32): void {
  call(SET_RECORD);
  const64(code);
  const64(0);
  callCore(HOLDS);
  byte(I32_WRAP);
}

/** The record of the six flags on the stack. */
function pushExplicit(): void {
  byte(I64_EXTEND_U);
  const64(0);
  const64(0);
  const32(FLAGS_EXPLICIT);
}

/** Behind operand a: no operand b, the result, `operation`. */
function pushResult(operation: u32): void {
  const64(0);
  pushExtended(r());
  const32(operation);
}

function pushExtended(local: u32): void {
  get(local);
  if (!wide) byte(I64_EXTEND_S);
}

/** The record of the base alone. */
function pushBase(): void {
  switch (base) {
    case RECORD:
      get(FLAG_A);
      get(FLAG_B);
      get(FLAG_RESULT);
      get(FLAG_OP);
      return;
    case FLAGS_LOGIC:
      const64(0);
      pushResult(FLAGS_LOGIC);
      return;
    case PRODUCT:
      get(FLAG_A);
      get(FLAG_B);
      callCore(PRODUCT_FLAGS);
      pushResult(FLAGS_SHIFT);
      return;
    default:
      pushExtended(a());
      pushExtended(b());
      pushExtended(r());
      const32(base == ADD_CARRY ? FLAGS_ADD : base);
  }
}

/** Brings the record in FLAG_* up to date; after it nothing need be known. */
export function settleFlags(): void {
  if (base == RECORD && overridden == 0) return;
  pushRecord();
  set(FLAG_OP);
  set(FLAG_RESULT);
  set(FLAG_B);
  set(FLAG_A);
  forgetFlags();
}

/** Pushes one flag as 0 or 1. */
export function pushFlag(flag: u32): void {
  if (overridden & flag) {
    get(OVERRIDE);
    const shift = ctz<u32>(flag);
    if (shift) opConstant(SHR_U, shift, false);
    opConstant(AND, 1, false);
    return;
  }
  if (base == RECORD) pushRecordFlag(flag);
  else if (flag == ZF) {
    get(r());
    op(EQZ, wide);
  } else if (flag == SF) {
    get(r());
    pushIsNegative();
  } else if (flag == PF) pushParity();
  else if (flag == CF) pushCarry();
  else if (flag == OF) pushOverflow();
  else pushAdjust();
}

function pushIsNegative(): void {
  opConstant(LT_S, 0, wide);
}

function pushRecordFlag(flag: u32): void {
  get(FLAG_A);
  get(FLAG_B);
  get(FLAG_RESULT);
  get(FLAG_OP);
  if (flag == AF) {
    pushFlagsOf();
    opConstant(SHR_U, 4, false);
    opConstant(AND, 1, false);
    return;
  }
  pushHolds(flag == OF ? 0 : flag == CF ? 2 : flag == ZF ? 4 : flag == SF ? 8 : 10);
}

function pushParity(): void {
  get(r());
  if (wide) byte(I32_WRAP);
  opConstant(AND, 0xff, false);
  byte(I32_POPCNT);
  opConstant(AND, 1, false);
  byte(I32_EQZ);
}

/** ~local. */
function pushNot(local: u32): void {
  get(local);
  opConstant(XOR, -1, wide);
}

function pushCarry(): void {
  switch (base) {
    case FLAGS_LOGIC:
      const32(0);
      return;
    case FLAGS_ADD:
      get(r());
      get(a());
      op(LT_U, wide);
      return;
    case FLAGS_SUB:
      get(a());
      get(b());
      op(LT_U, wide);
      return;
    case ADD_CARRY:
      // (a & b) | ((a | b) & ~r), top bit.
      get(a());
      get(b());
      op(AND, wide);
      get(a());
      get(b());
      op(OR, wide);
      pushNot(r());
      break;
    case FLAGS_SBB:
      // (~a & b) | ((~a | b) & r), top bit.
      pushNot(a());
      get(b());
      op(AND, wide);
      pushNot(a());
      get(b());
      op(OR, wide);
      get(r());
      break;
    default:
      pushProductFlag();
      return;
  }
  op(AND, wide);
  op(OR, wide);
  pushIsNegative();
}

function pushProductFlag(): void {
  get(FLAG_A);
  get(FLAG_B);
  callCore(PRODUCT_FLAGS);
  byte(I32_WRAP);
  opConstant(AND, 1, false);
}

function pushOverflow(): void {
  switch (base) {
    case FLAGS_LOGIC:
      const32(0);
      return;
    case PRODUCT:
      pushProductFlag();
      return;
    case FLAGS_INC:
      pushNot(a());
      get(r());
      break;
    case FLAGS_DEC:
      get(a());
      pushNot(r());
      break;
    default: {
      const isSum = base == FLAGS_ADD || base == ADD_CARRY;
      get(a());
      get(isSum ? r() : b());
      op(XOR, wide);
      get(isSum ? b() : a());
      get(r());
      op(XOR, wide);
    }
  }
  op(AND, wide);
  pushIsNegative();
}

function pushAdjust(): void {
  if (base == FLAGS_LOGIC || base == PRODUCT) {
    const32(0);
    return;
  }
  get(a());
  get(r());
  op(XOR, wide);
  if (base == FLAGS_INC || base == FLAGS_DEC) constant(1, wide);
  else get(b());
  op(XOR, wide);
  if (wide) byte(I32_WRAP);
  opConstant(SHR_U, 4, false);
  opConstant(AND, 1, false);
}

/** Pushes condition `code` (SDM 2 appendix B.1.4.7) as 0 or 1. */
export function pushCondition(code: u32): void {
  const inverted = (code & 1) != 0;
  if (overridden == 0 && base == RECORD) {
    get(FLAG_A);
    get(FLAG_B);
    get(FLAG_RESULT);
    get(FLAG_OP);
    pushHolds(code);
    return;
  }
  if (overridden == 0 && base == FLAGS_SUB && pushComparison(code >> 1, inverted)) return;
  switch (code >> 1) {
    case 0:
      pushFlag(OF);
      break;
    case 1:
      pushFlag(CF);
      break;
    case 2:
      pushFlag(ZF);
      break;
    case 3:
      pushFlag(CF);
      pushFlag(ZF);
      op(OR, false);
      break;
    case 4:
      pushFlag(SF);
      break;
    case 5:
      pushFlag(PF);
      break;
    case 6:
      pushFlag(SF);
      pushFlag(OF);
      op(NE, false);
      break;
    default:
      pushFlag(SF);
      pushFlag(OF);
      op(NE, false);
      pushFlag(ZF);
      op(OR, false);
  }
  if (inverted) byte(I32_EQZ);
}

/** A condition after CMP or SUB is one comparison of the operands; false for O, S and P. */
function pushComparison(pair: u32, inverted: bool): bool {
  let code: u32;
  switch (pair) {
    case 1:
      code = LT_U;
      break;
    case 2:
      code = inverted ? NE : EQ;
      inverted = false;
      break;
    case 3:
      code = LE_U;
      break;
    case 6:
      code = LT_S;
      break;
    case 7:
      code = LE_S;
      break;
    default:
      return false;
  }
  get(a());
  get(b());
  op(code, wide);
  if (inverted) byte(I32_EQZ);
  return true;
}
