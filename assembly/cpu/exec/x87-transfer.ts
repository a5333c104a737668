// Loads, stores, exchanges and conditional moves. A store reads, computes, writes memory, and only then commits:
// a page fault leaves the unit as it was.
import { probeWrite, read, wrap, write } from "../../memory/access";
import { Insn } from "../decode/insn";
import { condition } from "../flags";
import { Float80, SIGN } from "../float80";
import {
  fromBcd,
  fromFloat,
  fromInteger,
  packDigits,
  toDecimalMagnitude,
  toFloat,
  toInteger,
  toIntegerTruncated,
} from "../float80-convert";
import { answersNaN } from "../float80-nan";
import {
  C1,
  DENORMAL,
  INVALID,
  STACK_FAULT,
  isEmpty,
  markEmpty,
  markValid,
  operand,
  pop,
  push,
  result,
  settle,
  st,
  storesToMemory,
  x87,
} from "../x87-state";
import { linearAddress, linearAddressForWrite } from "./operand";
import { stackUnderflow } from "./x87-arith";

/** Pushes `value`, or answers a full stack with the indefinite QNaN; C1 = 1 tells overflow (SDM 1 §8.5.1.1). */
export function pushResult(value: Float80): void {
  if (!isEmpty(7) && (x87.raised & STACK_FAULT) == 0) {
    x87.raised = INVALID | STACK_FAULT | C1;
    value.setIndefinite();
  }
  if (settle()) push(value);
}

/** FLD m32, m64. Of a denormal, #D is reported and the number pushed all the same, as processors do. */
export function loadFloat<T>(i: Insn): void {
  pushFloat<T>(read<T>(linearAddress(i, sizeof<T>())));
}

export function pushFloat<T>(bits: T): void {
  fromFloat<T>(bits, operand);
  const denormal = x87.raised & DENORMAL;
  x87.raised = 0;
  answersNaN(operand, operand);
  pushResult(operand);
  if (x87.raised == 0 && denormal) {
    x87.raised = denormal;
    settle();
  }
}

/** FLD m80: no exception but a full stack; every encoding is taken as it is. */
export function loadExtended(i: Insn): void {
  const linear = linearAddress(i, 10);
  const mantissa = read<u64>(linear);
  pushExtended(read<u16>(wrap(linear + 8)), mantissa);
}

export function pushExtended(signExponent: u32, mantissa: u64): void {
  operand.set(signExponent, mantissa);
  pushResult(operand);
}

/** FILD. T: i16, i32, i64 */
export function loadInteger<T>(i: Insn): void {
  pushInteger(<i64>read<T>(linearAddress(i, sizeof<T>())));
}

export function pushInteger(value: i64): void {
  fromInteger(value, operand);
  pushResult(operand);
}

export function loadBcd(i: Insn): void {
  const linear = linearAddress(i, 10);
  const top = read<u16>(wrap(linear + 8));
  fromBcd(read<u64>(linear), top, operand);
  pushResult(operand);
}

/** FLD ST(i) */
export function loadRegister(position: u32): void {
  if (isEmpty(position)) stackUnderflow(operand);
  else operand.copy(st(position));
  pushResult(operand);
}

/** ST(0), or what an empty register stores. */
function sourceForStore(): Float80 {
  if (!isEmpty(0)) return st(0);
  stackUnderflow(operand);
  return operand;
}

/** Enters what a store raised and pops. */
function finishStore(popping: bool): void {
  const stored = storesToMemory();
  settle();
  if (stored && popping) pop();
}

/** What FST, FIST and FISTTP store. T: u16, u32, u64 */
export function floatOfTop<T>(): T {
  return toFloat<T>(sourceForStore());
}

export function integerOfTop<T>(): T {
  return <T>toInteger(sourceForStore(), sizeof<T>() * 8);
}

export function truncatedTop<T>(): T {
  return <T>toIntegerTruncated(sourceForStore(), sizeof<T>() * 8);
}

/** FST, FSTP m32, m64 */
export function storeFloat<T>(i: Insn, popping: bool): void {
  const bits = floatOfTop<T>();
  if (storesToMemory()) write<T>(linearAddressForWrite(i, sizeof<T>()), bits);
  finishStore(popping);
}

/** FSTP m80 */
export function storeExtended(i: Insn): void {
  const value = sourceForStore();
  if (storesToMemory()) writeTenBytes(linearAddressForWrite(i, 10), value.mantissa, value.signExponent);
  finishStore(true);
}

function writeTenBytes(linear: u64, low: u64, high: u16): void {
  probeWrite(linear, 10);
  write<u64>(linear, low);
  write<u16>(wrap(linear + 8), high);
}

/** FIST, FISTP. T: u16, u32, u64 */
export function storeInteger<T>(i: Insn, popping: bool): void {
  const integer = integerOfTop<T>();
  if (storesToMemory()) write<T>(linearAddressForWrite(i, sizeof<T>()), integer);
  finishStore(popping);
}

/** FISTTP */
export function storeIntegerTruncated<T>(i: Insn): void {
  const integer = truncatedTop<T>();
  if (storesToMemory()) write<T>(linearAddressForWrite(i, sizeof<T>()), integer);
  finishStore(true);
}

/** FBSTP */
export function storeBcd(i: Insn): void {
  const value = sourceForStore();
  const magnitude = toDecimalMagnitude(value);
  if (storesToMemory()) {
    const linear = linearAddressForWrite(i, 10);
    if (x87.raised & INVALID)
      writeTenBytes(linear, 0xc000_0000_0000_0000, 0xffff); // BCD indefinite (SDM 1 table 4-4)
    else {
      const top = <u16>((value.sign ? SIGN : 0) | (<u32>packDigits(magnitude / 10_000_000_000_000_000, 2)));
      writeTenBytes(linear, packDigits(magnitude, 16), top);
    }
  }
  finishStore(true);
}

/** FST ST(i), FSTP ST(i) */
export function storeRegister(position: u32, popping: bool): void {
  const value = sourceForStore();
  if (!settle()) return;
  st(position).copy(value);
  markValid(position);
  if (popping) pop();
}

/** D9 D8, which no manual lists: FSTP without the check of an empty register, which is popped and moves nothing. */
export function storeRegisterUnchecked(position: u32): void {
  if (!isEmpty(0)) storeRegister(position, true);
  else {
    x87.status &= ~C1;
    pop();
  }
}

/** FXCH. Empty registers are answered one by one: each becomes the indefinite QNaN first. */
export function exchange(position: u32): void {
  const top = st(0);
  const other = st(position);
  operand.copy(top);
  result.copy(other);
  const topEmpty = isEmpty(0);
  const otherEmpty = isEmpty(position);
  if (topEmpty) stackUnderflow(operand);
  if (otherEmpty) stackUnderflow(result);
  if (!settle()) return;
  top.copy(result);
  other.copy(operand);
  markValid(0);
  markValid(position);
}

/** FCMOVcc, which leaves C1 alone: B, E, BE, U in this order; `taken` tells whether the condition or its opposite moves. */
export function conditionalMove(position: u32, kind: u32, taken: bool): void {
  if (isEmpty(0) || isEmpty(position)) {
    stackUnderflow(result);
    if (settle()) {
      st(0).copy(result);
      markValid(0);
    }
    return;
  }
  const CONDITIONS: u32 = 0xa642; // condition codes of B, E, BE and U, four bits each
  if (condition((CONDITIONS >> (kind << 2)) & 15) == taken) st(0).copy(st(position));
}

/** FFREE, FFREEP */
export function free(position: u32, popping: bool): void {
  x87.status &= ~C1;
  markEmpty(position);
  if (popping) pop();
}
