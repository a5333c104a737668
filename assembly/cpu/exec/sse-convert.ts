// Conversions between vector and general (or MMX) registers, and comparisons that set the flags.
import { Insn, PREFIX_REX_W } from "../decode/insn";
import * as op from "../decode/operations-sse";
import { setArithmeticFlags } from "../flags";
import { ROUND_TO_ZERO, roundingControl, settle } from "../mxcsr";
import { fromInteger } from "../soft-float";
import { CF, PF, ZF, setRegister } from "../state";
import { checkMmx, enterMmx, setMmx } from "../x87-state";
import { mmxSource } from "./mmx";
import { generalSource } from "./sse-move";
import { EQUAL, LESS, UNORDERED, bitsOf, compare, fromBits, toInteger } from "./sse-scalar";
import { element, inMemory, laneSource, scalarSource, setElement, setXmm, xmm } from "./xmm";

export function executeConversion(i: Insn, operation: u32): void {
  switch (operation) {
    case op.CVTSI2SS:
      setElement<u32>(i.dst, 0, <u32>fromGeneral<f32>(i));
      break;
    case op.CVTSI2SD:
      setElement<u64>(i.dst, 0, fromGeneral<f64>(i));
      break;
    case op.CVTTSS2SI:
      toGeneral<f32>(i, ROUND_TO_ZERO);
      break;
    case op.CVTTSD2SI:
      toGeneral<f64>(i, ROUND_TO_ZERO);
      break;
    case op.CVTSS2SI:
      toGeneral<f32>(i, roundingControl());
      break;
    case op.CVTSD2SI:
      toGeneral<f64>(i, roundingControl());
      break;
    case op.UCOMISS:
      compareToFlags<f32>(i, false);
      break;
    case op.UCOMISD:
      compareToFlags<f64>(i, false);
      break;
    case op.COMISS:
      compareToFlags<f32>(i, true);
      break;
    case op.COMISD:
      compareToFlags<f64>(i, true);
      break;
    case op.CVTPI2PS:
      setElement<u64>(i.dst, 0, singlesFromMmx(i));
      break;
    case op.CVTPI2PD:
      doublesFromMmx(i);
      break;
    case op.CVTPS2PI:
      mmxFromSingles(i, roundingControl());
      break;
    case op.CVTTPS2PI:
      mmxFromSingles(i, ROUND_TO_ZERO);
      break;
    case op.CVTPD2PI:
      mmxFromDoubles(i, roundingControl());
      break;
    case op.CVTTPD2PI:
      mmxFromDoubles(i, ROUND_TO_ZERO);
      break;
    default: // PTEST
      testBits(xmm(i.dst), laneSource(i, op.PAND));
  }
}

/** The bits of T for the general register or memory operand, 32 or 64 bits wide. */
export function fromGeneral<T>(i: Insn): u64 {
  const integer: i64 =
    i.prefix & PREFIX_REX_W ? <i64>generalSource<u64>(i) : <i64>(<i32>generalSource<u32>(i));
  const bits = fromInteger<T>(integer);
  settle();
  return bits;
}

export function toGeneral<T>(i: Insn, control: u32): void {
  const x = floatSource<T>(i);
  if (i.prefix & PREFIX_REX_W) {
    const integer = toInteger<T, i64>(x, control);
    settle();
    setRegister<u64>(i.dst, integer);
  } else {
    const integer = toInteger<T, i32>(x, control);
    settle();
    setRegister<u32>(i.dst, integer);
  }
}

function floatSource<T>(i: Insn): T {
  if (sizeof<T>() == 4) return fromBits<T>(<u64>scalarSource<u32>(i));
  return fromBits<T>(scalarSource<u64>(i));
}

/** COMISD and UCOMISD (SDM 2A): ZF PF CF = 111 unordered, 001 less, 100 equal, 000 greater. */
export function compareToFlags<T>(i: Insn, signals: bool): void {
  const b = floatSource<T>(i);
  const a = fromBits<T>(sizeof<T>() == 4 ? <u64>element<u32>(i.dst) : element<u64>(i.dst));
  const outcome = compare<T>(a, b, signals);
  settle();
  let flags: u32 = 0;
  if (outcome == UNORDERED) flags = ZF | PF | CF;
  else if (outcome == LESS) flags = CF;
  else if (outcome == EQUAL) flags = ZF;
  setArithmeticFlags(flags);
}

/** PTEST: ZF for no common bit, CF for none of `b` outside `a`. */
export function testBits(a: v128, b: v128): void {
  const zero: u32 = v128.any_true(v128.and(a, b)) ? 0 : ZF;
  const carry: u32 = v128.any_true(v128.andnot(b, a)) ? 0 : CF;
  setArithmeticFlags(zero | carry);
}

function singlesFromMmx(i: Insn): u64 {
  checkMmx();
  const integers = mmxSource<u64>(i);
  const low = fromInteger<f32>(<i32>integers);
  const high = fromInteger<f32>(<i32>(integers >> 32));
  settle();
  enterMmx();
  return low | (high << 32);
}

/** The memory form touches no MMX register, and so leaves the x87 state alone (SDM 2A CVTPI2PD). */
function doublesFromMmx(i: Insn): void {
  if (!inMemory(i)) checkMmx();
  const integers = mmxSource<u64>(i);
  if (!inMemory(i)) enterMmx();
  const low = bitsOf<f64>(<f64>(<i32>integers));
  const high = bitsOf<f64>(<f64>(<i32>(integers >> 32)));
  setXmm(i.dst, i64x2(low, high));
}

function mmxFromSingles(i: Insn, control: u32): void {
  checkMmx();
  const singles = scalarSource<u64>(i);
  const low = toInteger<f32, i32>(fromBits<f32>(<u32>singles), control);
  const high = toInteger<f32, i32>(fromBits<f32>(singles >> 32), control);
  commitIntegers(i, low, high);
}

function mmxFromDoubles(i: Insn, control: u32): void {
  checkMmx();
  const doubles = laneSource(i, op.CVTPD2DQ);
  const low = toInteger<f64, i32>(f64x2.extract_lane(doubles, 0), control);
  const high = toInteger<f64, i32>(f64x2.extract_lane(doubles, 1), control);
  commitIntegers(i, low, high);
}

function commitIntegers(i: Insn, low: u32, high: u32): void {
  settle();
  enterMmx();
  setMmx(i.dst & 7, (<u64>low) | ((<u64>high) << 32));
}
