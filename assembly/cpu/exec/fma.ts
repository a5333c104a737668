// FMA: ±(x * y) ± z with one rounding. The opcode tells all (SDM 2C VFMADD132PD …): its high digit which operands
// are x, y and z, its low digit the signs, and whether one element or all.
import { Insn } from "../decode/insn";
import * as op from "../decode/operations-sse";
import { VEX_W } from "../decode/vex";
import { settle } from "../mxcsr";
import { softFma } from "../soft-fma";
import { isWide, setVector, setWide, upperSource, vvvv } from "./vex";
import { inMemory, lowDword, lowQword, readMemory, unaligned, xmm, xmmUpper } from "./xmm";

const FIRST_OPCODE: u32 = 0x96;
/** Low digit of the opcode. */
const ADDSUB: u32 = 6;
const SUBADD: u32 = 7;
const FIRST_SCALAR: u32 = 9;

export function executeFma(i: Insn, operation: u32): void {
  const opcode = operation - op.VFMA + FIRST_OPCODE;
  const kind = opcode & 15;
  const isDouble = ((<u32>i.extra) & VEX_W) != 0;
  const isScalar = kind >= FIRST_SCALAR && (kind & 1) != 0;
  const third = isScalar ? scalarOperand(i, isDouble) : unaligned(i);
  const first = xmm(i.dst);
  const second = xmm(vvvv(i));
  if (isScalar) {
    const result = arrange(opcode, isDouble, 1, first, second, third);
    settle();
    setVector(i.dst, result);
    return;
  }
  const all: u32 = isDouble ? 2 : 4;
  if (isWide(i)) {
    const thirdUpper = upperSource(i);
    const low = arrange(opcode, isDouble, all, first, second, third);
    const upper = arrange(opcode, isDouble, all, xmmUpper(i.dst), xmmUpper(vvvv(i)), thirdUpper);
    settle();
    setWide(i.dst, low, upper);
  } else {
    const result = arrange(opcode, isDouble, all, first, second, third);
    settle();
    setVector(i.dst, result);
  }
}

function scalarOperand(i: Insn, isDouble: bool): v128 {
  if (!inMemory(i)) return xmm(i.src);
  if (isDouble) return lowQword(readMemory<u64>(i));
  return lowDword(readMemory<u32>(i));
}

/** 132: first * third + second; 213: second * first + third; 231: second * third + first. */
function arrange(opcode: u32, isDouble: bool, count: u32, first: v128, second: v128, third: v128): v128 {
  const kind = opcode & 15;
  switch (opcode >> 4) {
    case 0x9:
      return fuse(kind, isDouble, count, first, third, second, first);
    case 0xa:
      return fuse(kind, isDouble, count, second, first, third, first);
    default:
      return fuse(kind, isDouble, count, second, third, first, first);
  }
}

/** The first `count` elements; the others stay those of `rest`. */
function fuse(kind: u32, isDouble: bool, count: u32, x: v128, y: v128, z: v128, rest: v128): v128 {
  let result = rest;
  if (isDouble) {
    result = i64x2.replace_lane(
      result,
      0,
      element<f64>(kind, 0, i64x2.extract_lane(x, 0), i64x2.extract_lane(y, 0), i64x2.extract_lane(z, 0)),
    );
    if (count > 1)
      result = i64x2.replace_lane(
        result,
        1,
        element<f64>(kind, 1, i64x2.extract_lane(x, 1), i64x2.extract_lane(y, 1), i64x2.extract_lane(z, 1)),
      );
    return result;
  }
  result = i32x4.replace_lane(
    result,
    0,
    <u32>(
      element<f32>(
        kind,
        0,
        <u32>i32x4.extract_lane(x, 0),
        <u32>i32x4.extract_lane(y, 0),
        <u32>i32x4.extract_lane(z, 0),
      )
    ),
  );
  if (count == 1) return result;
  result = i32x4.replace_lane(
    result,
    1,
    <u32>(
      element<f32>(
        kind,
        1,
        <u32>i32x4.extract_lane(x, 1),
        <u32>i32x4.extract_lane(y, 1),
        <u32>i32x4.extract_lane(z, 1),
      )
    ),
  );
  result = i32x4.replace_lane(
    result,
    2,
    <u32>(
      element<f32>(
        kind,
        2,
        <u32>i32x4.extract_lane(x, 2),
        <u32>i32x4.extract_lane(y, 2),
        <u32>i32x4.extract_lane(z, 2),
      )
    ),
  );
  return i32x4.replace_lane(
    result,
    3,
    <u32>(
      element<f32>(
        kind,
        3,
        <u32>i32x4.extract_lane(x, 3),
        <u32>i32x4.extract_lane(y, 3),
        <u32>i32x4.extract_lane(z, 3),
      )
    ),
  );
}

function element<T>(kind: u32, index: u32, x: u64, y: u64, z: u64): u64 {
  const odd = (index & 1) != 0;
  // FMADDSUB subtracts in even elements, FMSUBADD in odd ones; then 8-9 add, A-B subtract, C-D and E-F with -(x * y).
  if (kind == ADDSUB) return softFma<T>(x, y, z, false, !odd);
  if (kind == SUBADD) return softFma<T>(x, y, z, false, odd);
  return softFma<T>(x, y, z, kind >= 0xc, (kind & 2) != 0);
}
