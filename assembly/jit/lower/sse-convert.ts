// Conversions between vector and general registers, and comparisons that set the flags: the same names as
// cpu/exec/sse-convert.ts, in wasm. What is not the ordinary case (jit/lower/sse-float.ts) the interpreter runs.
import { Insn, PREFIX_REX_W } from "../../cpu/decode/insn";
import * as sse from "../../cpu/decode/operations-sse";
import { W32, W64 } from "../../cpu/decode/operations";
import { ARITHMETIC_FLAGS } from "../../cpu/state";
import { overrideFlags } from "../flags";
import { interpretAside } from "../leave";
import { DOUBLE_A, DOUBLE_B, FLOAT_LIMIT, SINGLE_A, SINGLE_B, SOURCE, operandA } from "../locals";
import { FLAGS, callCore, pushStoredRegister } from "../module";
import { popRegister, pushMemory, pushRegister, setAddress } from "../operand";
import { F32X4_REPLACE, F64X2_REPLACE, lane } from "../simd";
import { DEMANDS_FLOAT, demand, inMemory, loadFloatLimit, pushStoredXmm, readPart, xmm } from "../vector";
import {
  ADD,
  BLOCK,
  BR,
  BR_IF,
  EQZ,
  AND,
  I32,
  I32_WRAP,
  I64,
  NO_RESULT,
  OR,
  SHL,
  V128,
  branch,
  byte,
  const64,
  constDouble,
  constant,
  end,
  enter,
  get,
  op,
  opConstant,
  set,
} from "../wasm";
import { demandVectors, firstOf, popVector } from "./sse";
import { pushIsDenormal, pushIsNaN, setScalar } from "./sse-float";

const I32_GT_U: u32 = 0x4b;
const I64_GT_U: u32 = 0x56;
const F32_EQ: u32 = 0x5b;
const F32_LT: u32 = 0x5d;
const F64_EQ: u32 = 0x61;
const F64_LT: u32 = 0x63;
const F64_ABS: u32 = 0x99;
const F64_NEAREST: u32 = 0x9e;
const F64_PROMOTE: u32 = 0xbb;
// Conversions from i32 and i64, signed.
const F32_CONVERT: u32 = 0xb2;
const F64_CONVERT: u32 = 0xb7;
const FROM_I64: u32 = 2;
/** Behind FCh: i32.trunc_sat_f64_s and i64.trunc_sat_f64_s. */
const TRUNCATE_TO_I32: u32 = 2;
const TRUNCATE_TO_I64: u32 = 6;

let slow: u32 = 0;
let done: u32 = 0;

function beginFast(result: u32): void {
  done = enter(BLOCK, result);
  slow = enter(BLOCK, NO_RESULT);
}

function slowIf(): void {
  branch(BR_IF, slow);
}

/** Behind the fast result; what follows up to `end` leaves the slow one. */
function beginSlow(): void {
  branch(BR, done);
  end();
  interpretAside();
  loadFloatLimit();
}

/** CVTSI2SS … COMISD. */
export function lowerConversion(i: Insn, operation: u32): bool {
  demandVectors(i);
  demand(DEMANDS_FLOAT);
  if (operation <= sse.CVTSI2SD) fromGeneral(i, operation == sse.CVTSI2SD);
  else if (operation <= sse.CVTSD2SI) toGeneral(i, operation);
  else compareToFlags(i, operation == sse.UCOMISD || operation == sse.COMISD);
  return true;
}

function widthOf(i: Insn): u32 {
  return i.prefix & PREFIX_REX_W ? W64 : W32;
}

/** An integer of as many bits as the significand has is exact; others must not raise a precision flag now clear. */
function fromGeneral(i: Insn, double: bool): void {
  const width = widthOf(i);
  const wide = width == W64;
  const integer = operandA(wide);
  if (inMemory(i)) {
    setAddress(i, 1 << width, false);
    pushMemory(width, true);
  } else pushRegister((<u32>i.src) << 3, width);
  set(integer);
  beginFast(V128);
  if (wide || !double) {
    const limit: i64 = (<i64>1) << (double ? 53 : 24);
    get(integer);
    opConstant(ADD, limit, wide);
    constant(limit * 2, wide);
    byte(wide ? I64_GT_U : I32_GT_U);
    get(FLOAT_LIMIT);
    op(EQZ, false);
    op(AND, false);
    slowIf();
  }
  get(xmm(firstOf(i)));
  get(integer);
  byte((double ? F64_CONVERT : F32_CONVERT) + (wide ? FROM_I64 : 0));
  lane(double ? F64X2_REPLACE : F32X4_REPLACE, 0);
  beginSlow();
  pushStoredXmm(i.dst);
  end();
  popVector(i, i.dst);
}

/** The second operand as a vector local. */
function sourceOf(i: Insn, double: bool): u32 {
  if (!inMemory(i)) return xmm(i.src);
  readPart(i, double ? W64 : W32);
  return SOURCE;
}

/** What fits, and is exact or may be inexact unseen. */
function toGeneral(i: Insn, operation: u32): void {
  const double = operation == sse.CVTTSD2SI || operation == sse.CVTSD2SI;
  const width = widthOf(i);
  const wide = width == W64;
  setScalar(sourceOf(i, double), double ? DOUBLE_B : SINGLE_B, double);
  beginFast(wide ? I64 : I32);
  get(double ? DOUBLE_B : SINGLE_B);
  if (!double) byte(F64_PROMOTE);
  if (operation >= sse.CVTSS2SI) byte(F64_NEAREST);
  set(DOUBLE_A);
  // Below 2^31 or 2^63 in magnitude; no NaN is.
  get(DOUBLE_A);
  byte(F64_ABS);
  constDouble(wide ? 9223372036854775808.0 : 2147483648.0);
  byte(F64_LT);
  get(FLOAT_LIMIT);
  op(AND, false);
  op(EQZ, false);
  slowIf();
  get(DOUBLE_A);
  byte(0xfc);
  byte(wide ? TRUNCATE_TO_I64 : TRUNCATE_TO_I32);
  beginSlow();
  pushStoredRegister(i.dst, wide);
  end();
  popRegister((<u32>i.dst) << 3, width);
}

/** COMISD and UCOMISD (SDM 2A): ZF PF CF = 001 less, 100 equal, 000 greater; a NaN is the interpreter's. */
function compareToFlags(i: Insn, double: bool): void {
  const a = double ? DOUBLE_A : SINGLE_A;
  const b = double ? DOUBLE_B : SINGLE_B;
  setScalar(sourceOf(i, double), b, double);
  setScalar(xmm(i.dst), a, double);
  beginFast(I32);
  pushIsDenormal(a, double);
  slowIf();
  pushIsDenormal(b, double);
  slowIf();
  pushIsNaN(a, double);
  slowIf();
  pushIsNaN(b, double);
  slowIf();
  get(a);
  get(b);
  byte(double ? F64_LT : F32_LT);
  get(a);
  get(b);
  byte(double ? F64_EQ : F32_EQ);
  opConstant(SHL, 6, false);
  op(OR, false);
  beginSlow();
  const64(0);
  const64(0);
  callCore(FLAGS);
  byte(I32_WRAP);
  end();
  overrideFlags(ARITHMETIC_FLAGS);
}
