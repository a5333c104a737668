// Floating-point lane operations: the same names as cpu/exec/sse-float.ts, in wasm.
//
// The region runs only while MXCSR masks everything and rounds to nearest (jit/vector.ts), so WebAssembly's arithmetic
// is the processor's wherever the sticky flags stay as they are: no denormal operand, a normal result, and the
// precision flag set before; FLOAT_LIMIT is 0 while it is not. The checks are branches never taken in ordinary code;
// behind them the core computes the lane with all flags.
//
// A number's exponent field stands at the top once the sign is shifted out: for f64, of a zero minus 1 it is all ones,
// of a denormal minus 1 it is 0. A result is normal if its exponent minus 1 is below the range; 0, infinity and NaN
// are not.
import * as sse from "../../cpu/decode/operations-sse";
import {
  DOUBLE_A,
  DOUBLE_B,
  DOUBLE_RESULT,
  FLOAT_LIMIT,
  SINGLE_A,
  SINGLE_B,
  SINGLE_RESULT,
  VECTOR_RESULT,
} from "../locals";
import {
  F32X4_EXTRACT,
  F32X4_REPLACE,
  F64X2_EXTRACT,
  F64X2_REPLACE,
  I32X4_ADD,
  I32X4_ALL_TRUE,
  I32X4_SHL,
  I32X4_SHR_U,
  I64X2_ADD,
  I64X2_ALL_TRUE,
  I64X2_REPLACE,
  I64X2_SHL,
  I64X2_SHR_U,
  I32X4_REPLACE,
  V128_AND,
  constVector,
  lane,
  shuffleElements,
  simd,
} from "../simd";
import { loadFloatLimit } from "../vector";
import {
  BLOCK,
  BR,
  BR_IF,
  EQZ,
  I32_WRAP,
  I64_EXTEND_U,
  NO_RESULT,
  SELECT,
  SHL,
  SHR_U,
  SUB,
  V128,
  branch,
  byte,
  const32,
  constant,
  end,
  enter,
  get,
  op,
  opConstant,
  set,
  tee,
} from "../wasm";
import { pushLaneByCore } from "./sse";

const GE_U: u32 = 0x4f;
const I32_REINTERPRET: u32 = 0xbc;
const I64_REINTERPRET: u32 = 0xbd;
const F32_DEMOTE: u32 = 0xb6;
const F64_PROMOTE: u32 = 0xbb;
const PROMOTE_LOW: u32 = 0x5f;
const CONVERT_LOW: u32 = 0xfe;
const CONVERT_DWORDS: u32 = 0xfa;
const TRUNCATE_SINGLES: u32 = 0xf8;
const F32X4_ABS: u32 = 0xe0;
const F32X4_LT: u32 = 0x43;

// Arithmetic by the f32 opcode; f64's, f32x4's and f64x2's lie at fixed distances.
const SQRT: u32 = 0x91;
const ADD: u32 = 0x92;
const SUBTRACT: u32 = 0x93;
const MULTIPLY: u32 = 0x94;
const DIVIDE: u32 = 0x95;
const TO_F64: u32 = 0x0e;
const TO_F32X4: u32 = 0x52;
const TO_F64X2: u32 = 0x5e;

// Comparisons likewise, from f32.eq on: EQ NE LT GT LE GE.
const EQ: u32 = 0x5b;
const NE: u32 = 0x5c;
const LT: u32 = 0x5d;
const GT: u32 = 0x5e;
const LE: u32 = 0x5f;
const GE: u32 = 0x60;
const COMPARE_TO_F64: u32 = 6;

let slow: u32 = 0;
let done: u32 = 0;

/** Code up to `endFast` may branch to the slow path by `slowIf`. */
function beginFast(): void {
  done = enter(BLOCK, V128);
  slow = enter(BLOCK, NO_RESULT);
}

/** Takes a condition from the stack. */
function slowIf(): void {
  branch(BR_IF, slow);
}

/** Behind the fast result; the slow one is the core's. */
function endFast(operation: u32, a: u32, b: u32, immediate: u32): void {
  branch(BR, done);
  end();
  pushLaneByCore(operation, a, b, immediate);
  loadFloatLimit();
  end();
}

/** Pushes what `operation` makes of `a`, `b` and the immediate. */
export function pushFloatLane(operation: u32, a: u32, b: u32, immediate: u32): void {
  switch (operation) {
    case sse.ADDSD:
    case sse.ADDSS:
      return scalarArithmetic(operation, a, b, ADD);
    case sse.SUBSD:
    case sse.SUBSS:
      return scalarArithmetic(operation, a, b, SUBTRACT);
    case sse.MULSD:
    case sse.MULSS:
      return scalarArithmetic(operation, a, b, MULTIPLY);
    case sse.DIVSD:
    case sse.DIVSS:
      return scalarArithmetic(operation, a, b, DIVIDE);
    case sse.ADDPD:
    case sse.ADDPS:
      return packedArithmetic(operation, a, b, ADD);
    case sse.SUBPD:
    case sse.SUBPS:
      return packedArithmetic(operation, a, b, SUBTRACT);
    case sse.MULPD:
    case sse.MULPS:
      return packedArithmetic(operation, a, b, MULTIPLY);
    case sse.DIVPD:
    case sse.DIVPS:
      return packedArithmetic(operation, a, b, DIVIDE);
    case sse.SQRTSD:
    case sse.SQRTSS:
      return squareRoot(operation, a, b);
    case sse.MINSD:
    case sse.MINSS:
      return scalarExtreme(operation, a, b, LT);
    case sse.MAXSD:
    case sse.MAXSS:
      return scalarExtreme(operation, a, b, GT);
    case sse.MINPS:
    case sse.MINPD:
    case sse.MAXPS:
    case sse.MAXPD:
      return packedExtreme(operation, a, b);
    case sse.CMPSD:
    case sse.CMPSS:
      return scalarCompare(operation, a, b, immediate);
    case sse.CVTSS2SD:
      return toDouble(operation, a, b);
    case sse.CVTSD2SS:
      return toSingle(operation, a, b);
    case sse.ROUNDSD:
    case sse.ROUNDSS:
      return roundScalar(operation, a, b, immediate);
    case sse.CVTDQ2PD:
      get(b);
      return simd(CONVERT_LOW);
    case sse.CVTPS2PD:
      return toDoubles(operation, a, b);
    case sse.CVTDQ2PS:
      return integersToSingles(operation, a, b);
    case sse.CVTTPS2DQ:
      return singlesToIntegers(operation, a, b);
    default:
      pushLaneByCore(operation, a, b, immediate);
      loadFloatLimit();
  }
}

/** Whether the lane operation is on f64 (its name ends in D). */
function isDouble(operation: u32): bool {
  if (operation >= sse.CVTSD2SS) return operation < sse.CVTSS2SD;
  // Packed operations come in pairs, the doubles second; RSQRTPS, RCPPS are such a pair of singles.
  return ((operation - sse.SSE_FIRST) & 1) != 0;
}

function operandA(double: bool): u32 {
  return double ? DOUBLE_A : SINGLE_A;
}

function operandB(double: bool): u32 {
  return double ? DOUBLE_B : SINGLE_B;
}

function resultOf(double: bool): u32 {
  return double ? DOUBLE_RESULT : SINGLE_RESULT;
}

/** Pushes lane 0 of vector local `vector`, and keeps it in `scalar`. */
function teeScalar(vector: u32, scalar: u32, double: bool): void {
  get(vector);
  lane(double ? F64X2_EXTRACT : F32X4_EXTRACT, 0);
  tee(scalar);
}

/** `scalar` = lane 0 of vector local `vector`. */
export function setScalar(vector: u32, scalar: u32, double: bool): void {
  get(vector);
  lane(double ? F64X2_EXTRACT : F32X4_EXTRACT, 0);
  set(scalar);
}

/** Pushes `a` with its lane 0 replaced by the number on the stack. */
function replaceScalar(double: bool): void {
  lane(double ? F64X2_REPLACE : F32X4_REPLACE, 0);
}

/** Pushes whether `scalar` is denormal. */
export function pushIsDenormal(scalar: u32, double: bool): void {
  get(scalar);
  byte(double ? I64_REINTERPRET : I32_REINTERPRET);
  opConstant(SHL, 1, double);
  opConstant(SUB, 1, double);
  opConstant(SHR_U, double ? 53 : 24, double);
  op(EQZ, double);
}

/** Pushes whether `scalar` is no normal number, or the precision flag is clear. */
function pushIsOutOfRange(scalar: u32, double: bool): void {
  get(scalar);
  if (double) {
    byte(I64_REINTERPRET);
    opConstant(SHR_U, 32, true);
    byte(I32_WRAP);
  } else byte(I32_REINTERPRET);
  opConstant(SHL, 1, false);
  opConstant(SUB, double ? 1 << 21 : 1 << 24, false);
  get(FLOAT_LIMIT);
  byte(GE_U);
}

/** Pushes whether `scalar` is a NaN. */
export function pushIsNaN(scalar: u32, double: bool): void {
  get(scalar);
  get(scalar);
  byte(double ? NE + COMPARE_TO_F64 : NE);
}

function slowIfInexact(): void {
  get(FLOAT_LIMIT);
  op(EQZ, false);
  slowIf();
}

function scalarArithmetic(operation: u32, a: u32, b: u32, code: u32): void {
  const double = isDouble(operation);
  const result = resultOf(double);
  beginFast();
  teeScalar(a, operandA(double), double);
  teeScalar(b, operandB(double), double);
  byte(double ? code + TO_F64 : code);
  set(result);
  pushIsDenormal(operandA(double), double);
  slowIf();
  pushIsDenormal(operandB(double), double);
  slowIf();
  pushIsOutOfRange(result, double);
  slowIf();
  get(a);
  get(result);
  replaceScalar(double);
  endFast(operation, a, b, 0);
}

/** The root of a positive normal number is one. */
function squareRoot(operation: u32, a: u32, b: u32): void {
  const double = isDouble(operation);
  const x = operandB(double);
  beginFast();
  setScalar(b, x, double);
  get(x);
  if (double) {
    byte(I64_REINTERPRET);
    opConstant(SHR_U, 32, true);
    byte(I32_WRAP);
  } else byte(I32_REINTERPRET);
  const least = double ? 0x0010_0000 : 0x0080_0000;
  opConstant(SUB, least, false);
  const32((double ? 0x7ff0_0000 : 0x7f80_0000) - least);
  byte(GE_U);
  slowIf();
  slowIfInexact();
  get(a);
  get(x);
  byte(double ? SQRT + TO_F64 : SQRT);
  replaceScalar(double);
  endFast(operation, a, b, 0);
}

/** Neither is denormal or a NaN, or the slow path has them; both stand in their locals. */
function setOrderedOperands(a: u32, b: u32, double: bool): void {
  setScalar(a, operandA(double), double);
  setScalar(b, operandB(double), double);
  pushIsDenormal(operandA(double), double);
  slowIf();
  pushIsDenormal(operandB(double), double);
  slowIf();
  pushIsNaN(operandA(double), double);
  slowIf();
  pushIsNaN(operandB(double), double);
  slowIf();
}

/** MIN (LT) and MAX (GT): the first operand if it is the lesser or greater, else the second (SDM 2B MINSD). */
function scalarExtreme(operation: u32, a: u32, b: u32, compare: u32): void {
  const double = isDouble(operation);
  beginFast();
  setOrderedOperands(a, b, double);
  get(a);
  get(operandA(double));
  get(operandB(double));
  get(operandA(double));
  get(operandB(double));
  byte(double ? compare + COMPARE_TO_F64 : compare);
  byte(SELECT);
  replaceScalar(double);
  endFast(operation, a, b, 0);
}

/** The comparison for predicate `kind` of two ordered numbers; 0 for UNORD, ORD, FALSE, TRUE. */
function comparisonOf(kind: u32): u32 {
  switch (kind) {
    case 0:
      return EQ;
    case 1:
      return LT;
    case 2:
      return LE;
    case 4:
      return NE;
    case 5:
      return GE;
    case 6:
      return GT;
    default:
      return 0;
  }
}

function scalarCompare(operation: u32, a: u32, b: u32, predicate: u32): void {
  const code = comparisonOf(predicate);
  const double = isDouble(operation);
  if (code == 0) {
    pushLaneByCore(operation, a, b, predicate);
    loadFloatLimit();
    return;
  }
  beginFast();
  setOrderedOperands(a, b, double);
  get(a);
  constant(0, double);
  get(operandA(double));
  get(operandB(double));
  byte(double ? code + COMPARE_TO_F64 : code);
  if (double) byte(I64_EXTEND_U);
  op(SUB, double);
  lane(double ? I64X2_REPLACE : I32X4_REPLACE, 0);
  endFast(operation, a, b, predicate);
}

function toDouble(operation: u32, a: u32, b: u32): void {
  beginFast();
  setScalar(b, SINGLE_B, false);
  pushIsDenormal(SINGLE_B, false);
  slowIf();
  pushIsNaN(SINGLE_B, false);
  slowIf();
  get(a);
  get(SINGLE_B);
  byte(F64_PROMOTE);
  replaceScalar(true);
  endFast(operation, a, b, 0);
}

function toSingle(operation: u32, a: u32, b: u32): void {
  beginFast();
  setScalar(b, DOUBLE_B, true);
  get(DOUBLE_B);
  byte(F32_DEMOTE);
  set(SINGLE_RESULT);
  pushIsOutOfRange(SINGLE_RESULT, false);
  slowIf();
  get(a);
  get(SINGLE_RESULT);
  replaceScalar(false);
  endFast(operation, a, b, 0);
}

/** Bit 2 of the immediate: as MXCSR rounds; bit 3: no precision exception (SDM 2B ROUNDSD). */
function roundScalar(operation: u32, a: u32, b: u32, immediate: u32): void {
  const double = isDouble(operation);
  const x = operandB(double);
  beginFast();
  setScalar(b, x, double);
  pushIsDenormal(x, double);
  slowIf();
  pushIsNaN(x, double);
  slowIf();
  if (!(immediate & 8)) slowIfInexact();
  get(a);
  get(x);
  byte(double ? roundingCode(immediate) + TO_F64 : roundingCode(immediate));
  replaceScalar(double);
  endFast(operation, a, b, immediate);
}

/** f32.ceil, floor, trunc, nearest. */
function roundingCode(immediate: u32): u32 {
  if (immediate & 4) return 0x90;
  switch (immediate & 3) {
    case 0:
      return 0x90;
    case 1:
      return 0x8e;
    case 2:
      return 0x8d;
    default:
      return 0x8f;
  }
}

// Packed.

/** To the slow path if any lane of `vector` is denormal. */
function slowIfAnyDenormal(vector: u32, double: bool): void {
  get(vector);
  const32(1);
  simd(double ? I64X2_SHL : I32X4_SHL);
  constVector(~(<u64>0), ~(<u64>0));
  simd(double ? I64X2_ADD : I32X4_ADD);
  const32(double ? 53 : 24);
  simd(double ? I64X2_SHR_U : I32X4_SHR_U);
  slowUnlessAll(double);
}

function slowUnlessAll(double: bool): void {
  simd(double ? I64X2_ALL_TRUE : I32X4_ALL_TRUE);
  op(EQZ, false);
  slowIf();
}

/** To the slow path unless all lanes are normal numbers: the exponent field plus 1 exceeds 1. */
function slowUnlessNormal(vector: u32, double: bool): void {
  get(vector);
  const one: u64 = double ? 0x0010_0000_0000_0000 : 0x0080_0000_0080_0000;
  const field: u64 = double ? 0x7fe0_0000_0000_0000 : 0x7f00_0000_7f00_0000;
  constVector(one, one);
  simd(double ? I64X2_ADD : I32X4_ADD);
  constVector(field, field);
  simd(V128_AND);
  slowUnlessAll(double);
}

function slowIfAnyNaN(vector: u32, double: bool): void {
  get(vector);
  get(vector);
  simd(double ? 0x47 : 0x41); // eq
  slowUnlessAll(double);
}

function packedArithmetic(operation: u32, a: u32, b: u32, code: u32): void {
  const double = isDouble(operation);
  beginFast();
  slowIfInexact();
  slowIfAnyDenormal(a, double);
  slowIfAnyDenormal(b, double);
  get(a);
  get(b);
  simd(double ? code + TO_F64X2 : code + TO_F32X4);
  set(VECTOR_RESULT);
  slowUnlessNormal(VECTOR_RESULT, double);
  get(VECTOR_RESULT);
  endFast(operation, a, b, 0);
}

/** pmin(x, y) is y < x ? y : x, and pmax(x, y) is x < y ? y : x. */
function packedExtreme(operation: u32, a: u32, b: u32): void {
  const double = isDouble(operation);
  const least = operation <= sse.MINPD;
  beginFast();
  slowIfAnyDenormal(a, double);
  slowIfAnyDenormal(b, double);
  slowIfAnyNaN(a, double);
  slowIfAnyNaN(b, double);
  get(b);
  get(a);
  simd((double ? 0xf6 : 0xea) + (least ? 0 : 1));
  endFast(operation, a, b, 0);
}

function toDoubles(operation: u32, a: u32, b: u32): void {
  beginFast();
  get(b);
  get(b);
  shuffleElements(8, 0);
  set(VECTOR_RESULT);
  slowIfAnyDenormal(VECTOR_RESULT, false);
  slowIfAnyNaN(VECTOR_RESULT, false);
  get(b);
  simd(PROMOTE_LOW);
  endFast(operation, a, b, 0);
}

function integersToSingles(operation: u32, a: u32, b: u32): void {
  beginFast();
  slowIfInexact();
  get(b);
  simd(CONVERT_DWORDS);
  endFast(operation, a, b, 0);
}

/** What fits into 32 bits: below 2^31 in magnitude, which no NaN is. */
function singlesToIntegers(operation: u32, a: u32, b: u32): void {
  beginFast();
  slowIfInexact();
  get(b);
  simd(F32X4_ABS);
  constVector(0x4f00_0000_4f00_0000, 0x4f00_0000_4f00_0000);
  simd(F32X4_LT);
  slowUnlessAll(false);
  get(b);
  simd(TRUNCATE_SINGLES);
  endFast(operation, a, b, 0);
}
