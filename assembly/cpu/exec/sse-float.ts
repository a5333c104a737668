// Floating-point lane operations. A packed operation whose numbers are all ordinary is one instruction of
// WebAssembly; otherwise its lanes go one by one through sse-scalar.ts. A scalar operation keeps the rest of `a`.
import * as op from "../decode/operations-sse";
import { ROUND_TO_ZERO, isOrdinaryAndInexact, roundingControl } from "../mxcsr";
import { fromInteger } from "../soft-float";
import {
  add,
  compares,
  divide,
  fromBits,
  maximum,
  minimum,
  multiply,
  reciprocal,
  reciprocalSquareRoot,
  roundToIntegral,
  squareRoot,
  subtract,
  toDouble,
  toInteger,
  toSingle,
} from "./sse-scalar";

export function floatLane(operation: u32, a: v128, b: v128, immediate: u32): v128 {
  switch (operation) {
    case op.ADDSD:
      return f64x2.replace_lane(a, 0, add<f64>(double0(a), double0(b)));
    case op.SUBSD:
      return f64x2.replace_lane(a, 0, subtract<f64>(double0(a), double0(b)));
    case op.MULSD:
      return f64x2.replace_lane(a, 0, multiply<f64>(double0(a), double0(b)));
    case op.DIVSD:
      return f64x2.replace_lane(a, 0, divide<f64>(double0(a), double0(b)));
    case op.ADDSS:
      return f32x4.replace_lane(a, 0, add<f32>(single0(a), single0(b)));
    case op.SUBSS:
      return f32x4.replace_lane(a, 0, subtract<f32>(single0(a), single0(b)));
    case op.MULSS:
      return f32x4.replace_lane(a, 0, multiply<f32>(single0(a), single0(b)));
    case op.DIVSS:
      return f32x4.replace_lane(a, 0, divide<f32>(single0(a), single0(b)));
    case op.ADDPS:
    case op.SUBPS:
    case op.MULPS:
    case op.DIVPS:
      return packedSingles(operation, a, b);
    case op.ADDPD:
    case op.SUBPD:
    case op.MULPD:
    case op.DIVPD:
      return packedDoubles(operation, a, b);
    case op.MINPS:
    case op.MAXPS:
    case op.SQRTPS:
    case op.RCPPS:
    case op.RSQRTPS:
    case op.CMPPS:
    case op.ROUNDPS:
      return eachSingle(operation, a, b, immediate);
    case op.MINPD:
    case op.MAXPD:
    case op.SQRTPD:
    case op.CMPPD:
    case op.ROUNDPD:
      return eachDouble(operation, a, b, immediate);
    case op.HADDPS:
      return packedSingles(op.ADDPS, evenSingles(a, b), oddSingles(a, b));
    case op.HSUBPS:
      return packedSingles(op.SUBPS, evenSingles(a, b), oddSingles(a, b));
    case op.HADDPD:
      return packedDoubles(op.ADDPD, v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(a, b, 1, 3));
    case op.HSUBPD:
      return packedDoubles(op.SUBPD, v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(a, b, 1, 3));
    case op.ADDSUBPS:
      return addSubtractSingles(a, b);
    case op.ADDSUBPD:
      return f64x2(subtract<f64>(double0(a), double0(b)), add<f64>(double1(a), double1(b)));
    case op.DPPS:
      return dotSingles(a, b, immediate);
    case op.DPPD:
      return dotDoubles(a, b, immediate);
    case op.CVTPS2PD:
      return f64x2(toDouble(single0(b)), toDouble(f32x4.extract_lane(b, 1)));
    case op.CVTPD2PS:
      return f32x4(toSingle(double0(b)), toSingle(double1(b)), 0, 0);
    case op.CVTDQ2PD:
      return f64x2.convert_low_i32x4_s(b);
    case op.CVTDQ2PS:
      return integersToSingles(b);
    case op.CVTPS2DQ:
      return singlesToIntegers(b, roundingControl());
    case op.CVTTPS2DQ:
      return singlesToIntegers(b, ROUND_TO_ZERO);
    case op.CVTPD2DQ:
      return doublesToIntegers(b, roundingControl());
    case op.CVTTPD2DQ:
      return doublesToIntegers(b, ROUND_TO_ZERO);
    case op.CVTSD2SS:
      return f32x4.replace_lane(a, 0, toSingle(double0(b)));
    case op.CVTSS2SD:
      return f64x2.replace_lane(a, 0, toDouble(single0(b)));
    default:
      if (operation < op.CVTSS2SD)
        return f64x2.replace_lane(a, 0, scalar<f64>(operation, double0(a), double0(b), immediate));
      return f32x4.replace_lane(a, 0, scalar<f32>(operation, single0(a), single0(b), immediate));
  }
}

function single0(x: v128): f32 {
  return f32x4.extract_lane(x, 0);
}

function double0(x: v128): f64 {
  return f64x2.extract_lane(x, 0);
}

function double1(x: v128): f64 {
  return f64x2.extract_lane(x, 1);
}

function scalar<T>(operation: u32, a: T, b: T, immediate: u32): T {
  switch (operation) {
    case op.ADDPS:
    case op.ADDPD:
      return add<T>(a, b);
    case op.MULPS:
    case op.MULPD:
      return multiply<T>(a, b);
    case op.SUBPS:
    case op.SUBPD:
      return subtract<T>(a, b);
    case op.DIVPS:
    case op.DIVPD:
      return divide<T>(a, b);
    case op.MINSD:
    case op.MINSS:
    case op.MINPS:
    case op.MINPD:
      return minimum<T>(a, b);
    case op.MAXSD:
    case op.MAXSS:
    case op.MAXPS:
    case op.MAXPD:
      return maximum<T>(a, b);
    case op.SQRTSD:
    case op.SQRTSS:
    case op.SQRTPS:
    case op.SQRTPD:
      return squareRoot<T>(b);
    case op.CMPSD:
    case op.CMPSS:
    case op.CMPPS:
    case op.CMPPD:
      return fromBits<T>(compares<T>(a, b, immediate & 31) ? ~(<u64>0) : 0);
    case op.RCPSS:
    case op.RCPPS:
      return <T>reciprocal(<f32>b);
    case op.RSQRTSS:
    case op.RSQRTPS:
      return <T>reciprocalSquareRoot(<f32>b);
    default:
      return roundToIntegral<T>(b, immediate);
  }
}

function eachSingle(operation: u32, a: v128, b: v128, immediate: u32): v128 {
  return f32x4(
    scalar<f32>(operation, f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0), immediate),
    scalar<f32>(operation, f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1), immediate),
    scalar<f32>(operation, f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2), immediate),
    scalar<f32>(operation, f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3), immediate),
  );
}

function eachDouble(operation: u32, a: v128, b: v128, immediate: u32): v128 {
  return f64x2(
    scalar<f64>(operation, double0(a), double0(b), immediate),
    scalar<f64>(operation, double1(a), double1(b), immediate),
  );
}

/** Whether no lane is zero, denormal, infinite or NaN: no exponent field is at either end. */
function areNormalSingles(x: v128): bool {
  const raised = i32x4.add(x, i32x4.splat(0x0080_0000));
  return i32x4.all_true(v128.and(raised, i32x4.splat(0x7f00_0000)));
}

function areNormalDoubles(x: v128): bool {
  const raised = i64x2.add(x, i64x2.splat(0x0010_0000_0000_0000));
  return i64x2.all_true(v128.and(raised, i64x2.splat(0x7fe0_0000_0000_0000)));
}

/** ADDPS, SUBPS, MULPS, DIVPS. */
function packedSingles(operation: u32, a: v128, b: v128): v128 {
  if (isOrdinaryAndInexact() && areNormalSingles(a) && areNormalSingles(b)) {
    const result = nativeSingles(operation, a, b);
    if (areNormalSingles(result)) return result;
  }
  return eachSingle(operation, a, b, 0);
}

function nativeSingles(operation: u32, a: v128, b: v128): v128 {
  switch (operation) {
    case op.ADDPS:
      return f32x4.add(a, b);
    case op.SUBPS:
      return f32x4.sub(a, b);
    case op.MULPS:
      return f32x4.mul(a, b);
    default:
      return f32x4.div(a, b);
  }
}

/** ADDPD, SUBPD, MULPD, DIVPD. */
function packedDoubles(operation: u32, a: v128, b: v128): v128 {
  if (isOrdinaryAndInexact() && areNormalDoubles(a) && areNormalDoubles(b)) {
    const result = nativeDoubles(operation, a, b);
    if (areNormalDoubles(result)) return result;
  }
  return eachDouble(operation, a, b, 0);
}

function nativeDoubles(operation: u32, a: v128, b: v128): v128 {
  switch (operation) {
    case op.ADDPD:
      return f64x2.add(a, b);
    case op.SUBPD:
      return f64x2.sub(a, b);
    case op.MULPD:
      return f64x2.mul(a, b);
    default:
      return f64x2.div(a, b);
  }
}

function evenSingles(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 0, 2, 4, 6);
}

function oddSingles(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 1, 3, 5, 7);
}

function addSubtractSingles(a: v128, b: v128): v128 {
  return f32x4(
    subtract<f32>(single0(a), single0(b)),
    add<f32>(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1)),
    subtract<f32>(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2)),
    add<f32>(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3)),
  );
}

/** DPPS: products chosen by bits 4-7 of the immediate, summed in pairs, stored where bits 0-3 say (SDM 2A). */
function dotSingles(a: v128, b: v128, immediate: u32): v128 {
  const sum = add<f32>(
    add<f32>(
      immediate & 0x10 ? multiply<f32>(single0(a), single0(b)) : 0,
      immediate & 0x20 ? multiply<f32>(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1)) : 0,
    ),
    add<f32>(
      immediate & 0x40 ? multiply<f32>(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2)) : 0,
      immediate & 0x80 ? multiply<f32>(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3)) : 0,
    ),
  );
  return f32x4(
    immediate & 1 ? sum : 0,
    immediate & 2 ? sum : 0,
    immediate & 4 ? sum : 0,
    immediate & 8 ? sum : 0,
  );
}

function dotDoubles(a: v128, b: v128, immediate: u32): v128 {
  const sum = add<f64>(
    immediate & 0x10 ? multiply<f64>(double0(a), double0(b)) : 0,
    immediate & 0x20 ? multiply<f64>(double1(a), double1(b)) : 0,
  );
  return f64x2(immediate & 1 ? sum : 0, immediate & 2 ? sum : 0);
}

function singleOf(integer: i32): f32 {
  return fromBits<f32>(fromInteger<f32>(integer));
}

function integersToSingles(x: v128): v128 {
  if (isOrdinaryAndInexact()) return f32x4.convert_i32x4_s(x);
  return f32x4(
    singleOf(i32x4.extract_lane(x, 0)),
    singleOf(i32x4.extract_lane(x, 1)),
    singleOf(i32x4.extract_lane(x, 2)),
    singleOf(i32x4.extract_lane(x, 3)),
  );
}

function singlesToIntegers(x: v128, control: u32): v128 {
  return i32x4(
    toInteger<f32, i32>(single0(x), control),
    toInteger<f32, i32>(f32x4.extract_lane(x, 1), control),
    toInteger<f32, i32>(f32x4.extract_lane(x, 2), control),
    toInteger<f32, i32>(f32x4.extract_lane(x, 3), control),
  );
}

function doublesToIntegers(x: v128, control: u32): v128 {
  return i32x4(toInteger<f64, i32>(double0(x), control), toInteger<f64, i32>(double1(x), control), 0, 0);
}
