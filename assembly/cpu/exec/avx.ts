// What AVX and AVX2 add: permutations, broadcasts, variable shifts, blends with a fourth operand; and F16C.
import { Insn } from "../decode/insn";
import * as op from "../decode/operations-sse";
import { roundingControl, settle } from "../mxcsr";
import { fromHalf, toHalf } from "../soft-half";
import { probeWrite } from "../../memory/access";
import { linearAddressForWrite } from "./operand";
import { blendBySign, dwordNumbers } from "./sse-shuffle";
import { flagTest, isWide, setVector, setWide, upperSource, vvvv } from "./vex";
import {
  inMemory,
  readMemory,
  scalarSource,
  setXmmUpper,
  unaligned,
  writeMemory,
  xmm,
  xmmUpper,
} from "./xmm";

const ZERO: v128 = i64x2(0, 0);
const SIGNS_32: v128 = i32x4(i32.MIN_VALUE, i32.MIN_VALUE, i32.MIN_VALUE, i32.MIN_VALUE);
const SIGNS_64: v128 = i64x2(i64.MIN_VALUE, i64.MIN_VALUE);

/** Lane operations that exist only with VEX. */
export function avxLane(operation: u32, a: v128, b: v128, immediate: u32): v128 {
  switch (operation) {
    case op.VPERMILPS:
      return i8x16.swizzle(a, elementBytes(b));
    case op.VPERMILPD:
      return permuteQwords(
        a,
        (<u32>(i64x2.extract_lane(b, 0) >> 1)) & 1,
        (<u32>(i64x2.extract_lane(b, 1) >> 1)) & 1,
      );
    case op.VPERMILPS_IMM:
      return i8x16.swizzle(b, dwordNumbers(immediate));
    case op.VPERMILPD_IMM:
      return permuteQwords(b, immediate & 1, (immediate >> 1) & 1);
    case op.VPBLENDD: {
      const bits = i32x4(1, 2, 4, 8);
      return v128.bitselect(b, a, i32x4.eq(v128.and(i32x4.splat(immediate), bits), bits));
    }
    case op.VPSRLVQ:
      return i64x2(
        shiftRightOrClear(i64x2.extract_lane(a, 0), i64x2.extract_lane(b, 0)),
        shiftRightOrClear(i64x2.extract_lane(a, 1), i64x2.extract_lane(b, 1)),
      );
    case op.VPSLLVQ:
      return i64x2(
        shiftLeftOrClear(i64x2.extract_lane(a, 0), i64x2.extract_lane(b, 0)),
        shiftLeftOrClear(i64x2.extract_lane(a, 1), i64x2.extract_lane(b, 1)),
      );
    default:
      return i32x4(
        shiftDword(operation, i32x4.extract_lane(a, 0), i32x4.extract_lane(b, 0)),
        shiftDword(operation, i32x4.extract_lane(a, 1), i32x4.extract_lane(b, 1)),
        shiftDword(operation, i32x4.extract_lane(a, 2), i32x4.extract_lane(b, 2)),
        shiftDword(operation, i32x4.extract_lane(a, 3), i32x4.extract_lane(b, 3)),
      );
  }
}

/** Byte numbers, for `swizzle`, of the dwords whose numbers are the low two bits of each dword. */
function elementBytes(numbers: v128): v128 {
  const dwords = v128.and(numbers, i32x4.splat(3));
  return i32x4.add(i32x4.mul(dwords, i32x4.splat(0x0404_0404)), i32x4.splat(0x0302_0100));
}

function qword(x: v128, index: u32): u64 {
  return index ? i64x2.extract_lane(x, 1) : i64x2.extract_lane(x, 0);
}

function permuteQwords(x: v128, low: u32, high: u32): v128 {
  return i64x2(qword(x, low), qword(x, high));
}

function shiftRightOrClear(x: u64, count: u64): u64 {
  return count > 63 ? 0 : x >> count;
}

function shiftLeftOrClear(x: u64, count: u64): u64 {
  return count > 63 ? 0 : x << count;
}

function shiftDword(operation: u32, x: u32, count: u32): u32 {
  if (operation == op.VPSRAVD) return (<i32>x) >> (<i32>min<u32>(count, 31));
  if (count > 31) return 0;
  return operation == op.VPSRLVD ? x >> count : x << count;
}

export function executeAvx(i: Insn, operation: u32): void {
  switch (operation) {
    case op.VPERMD:
      permuteDwords(i);
      break;
    case op.VPERMQ:
      permuteWideQwords(i);
      break;
    case op.VPERM2F128:
      permuteHalves(i);
      break;
    case op.VINSERTF128: {
      const half = unaligned(i);
      const low = xmm(vvvv(i));
      if (i.immediate & 1) setWide(i.dst, low, half);
      else setWide(i.dst, half, xmmUpper(vvvv(i)));
      break;
    }
    case op.VEXTRACTF128: {
      const half = i.immediate & 1 ? xmmUpper(i.dst) : xmm(i.dst);
      if (inMemory(i)) writeMemory<v128>(i, half);
      else setVector(i.src, half);
      break;
    }
    case op.VBROADCASTB:
      broadcast(i, i8x16.splat(scalarSource<u8>(i)));
      break;
    case op.VBROADCASTW:
      broadcast(i, i16x8.splat(scalarSource<u16>(i)));
      break;
    case op.VBROADCASTD:
      broadcast(i, i32x4.splat(scalarSource<u32>(i)));
      break;
    case op.VBROADCASTQ:
      broadcast(i, i64x2.splat(scalarSource<u64>(i)));
      break;
    case op.VBROADCASTF128:
      broadcast(i, readMemory<v128>(i));
      break;
    case op.VBLENDVPS:
    case op.VBLENDVPD:
    case op.VPBLENDVB:
      blend(i, operation);
      break;
    case op.VTESTPS:
      testSigns(i, SIGNS_32);
      break;
    case op.VTESTPD:
      testSigns(i, SIGNS_64);
      break;
    case op.VZEROUPPER:
      clearVectors(i);
      break;
    case op.VCVTPH2PS:
      widenHalves(i);
      break;
    default: // VCVTPS2PH
      narrowSingles(i);
  }
}

/** VPERMD, VPERMPS: any of the eight dwords of the second operand, by the numbers in the first. */
function permuteDwords(i: Insn): void {
  const low = unaligned(i);
  const high = upperSource(i);
  setWide(i.dst, pickDwords(low, high, xmm(vvvv(i))), pickDwords(low, high, xmmUpper(vvvv(i))));
}

function pickDwords(low: v128, high: v128, numbers: v128): v128 {
  const bytes = elementBytes(numbers);
  const four = i32x4.splat(4);
  const fromHigh = i32x4.eq(v128.and(numbers, four), four);
  return v128.bitselect(i8x16.swizzle(high, bytes), i8x16.swizzle(low, bytes), fromHigh);
}

/** VPERMQ, VPERMPD: any of the four qwords, by two bits of the immediate each. */
function permuteWideQwords(i: Insn): void {
  const low = unaligned(i);
  const high = upperSource(i);
  const numbers = <u32>i.immediate;
  setWide(
    i.dst,
    i64x2(wideQword(low, high, numbers), wideQword(low, high, numbers >> 2)),
    i64x2(wideQword(low, high, numbers >> 4), wideQword(low, high, numbers >> 6)),
  );
}

function wideQword(low: v128, high: v128, number: u32): u64 {
  return number & 2 ? qword(high, number & 1) : qword(low, number & 1);
}

/** VPERM2F128: each half of the result one of four halves, or zero where bit 3 of its nibble says so. */
function permuteHalves(i: Insn): void {
  const low = unaligned(i);
  const high = upperSource(i);
  const first = vvvv(i);
  const selector = <u32>i.immediate;
  const resultLow = pickHalf(selector, xmm(first), xmmUpper(first), low, high);
  setWide(i.dst, resultLow, pickHalf(selector >> 4, xmm(first), xmmUpper(first), low, high));
}

function pickHalf(selector: u32, a0: v128, a1: v128, b0: v128, b1: v128): v128 {
  if (selector & 8) return ZERO;
  if (selector & 2) return selector & 1 ? b1 : b0;
  return selector & 1 ? a1 : a0;
}

function broadcast(i: Insn, value: v128): void {
  setWide(i.dst, value, isWide(i) ? value : ZERO);
}

/** VBLENDVPS and its kin: the mask is the register in bits 4-7 of the immediate. */
function blend(i: Insn, operation: u32): void {
  const kind =
    operation == op.VBLENDVPS ? op.BLENDVPS : operation == op.VBLENDVPD ? op.BLENDVPD : op.PBLENDVB;
  const mask = ((<u32>i.immediate) >> 4) & 15;
  const low = blendBySign(kind, xmm(vvvv(i)), unaligned(i), xmm(mask));
  if (isWide(i)) setWide(i.dst, low, blendBySign(kind, xmmUpper(vvvv(i)), upperSource(i), xmmUpper(mask)));
  else setVector(i.dst, low);
}

/** VTESTPS, VTESTPD: PTEST of nothing but signs. */
function testSigns(i: Insn, signs: v128): void {
  const b = unaligned(i);
  let common = v128.and(xmm(i.dst), b);
  let outside = v128.andnot(b, xmm(i.dst));
  if (isWide(i)) {
    const bHigh = upperSource(i);
    common = v128.or(common, v128.and(xmmUpper(i.dst), bHigh));
    outside = v128.or(outside, v128.andnot(bHigh, xmmUpper(i.dst)));
  }
  flagTest(v128.and(common, signs), v128.and(outside, signs));
}

/** VZEROUPPER, and with VEX.L VZEROALL. */
function clearVectors(i: Insn): void {
  for (let number: u32 = 0; number < 16; number++)
    if (isWide(i)) setWide(number, ZERO, ZERO);
    else setXmmUpper(number, ZERO);
}

function halvesToSingles(halves: u64): v128 {
  return i32x4(
    fromHalf((<u32>halves) & 0xffff),
    fromHalf((<u32>(halves >> 16)) & 0xffff),
    fromHalf((<u32>(halves >> 32)) & 0xffff),
    fromHalf(<u32>(halves >> 48)),
  );
}

function widenHalves(i: Insn): void {
  if (!isWide(i)) {
    const result = halvesToSingles(scalarSource<u64>(i));
    settle();
    setVector(i.dst, result);
    return;
  }
  const halves = unaligned(i);
  const low = halvesToSingles(i64x2.extract_lane(halves, 0));
  const high = halvesToSingles(i64x2.extract_lane(halves, 1));
  settle();
  setWide(i.dst, low, high);
}

function singlesToHalves(x: v128, control: u32): u64 {
  return (
    (<u64>toHalf(i32x4.extract_lane(x, 0), control)) |
    ((<u64>toHalf(i32x4.extract_lane(x, 1), control)) << 16) |
    ((<u64>toHalf(i32x4.extract_lane(x, 2), control)) << 32) |
    ((<u64>toHalf(i32x4.extract_lane(x, 3), control)) << 48)
  );
}

/** VCVTPS2PH: bit 2 of the immediate means MXCSR's rounding. */
function narrowSingles(i: Insn): void {
  const size: u32 = isWide(i) ? 16 : 8;
  // A page fault comes before anything is raised.
  if (inMemory(i)) probeWrite(linearAddressForWrite(i, size), size);
  const control = (<u32>i.immediate) & 4 ? roundingControl() : (<u32>i.immediate) & 3;
  const low = singlesToHalves(xmm(i.dst), control);
  const high: u64 = isWide(i) ? singlesToHalves(xmmUpper(i.dst), control) : 0;
  settle();
  if (!inMemory(i)) setVector(i.src, i64x2(low, high));
  else if (isWide(i)) writeMemory<v128>(i, i64x2(low, high));
  else writeMemory<u64>(i, low);
}
