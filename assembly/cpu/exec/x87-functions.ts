// The instructions on D9 E0 … D9 FF: sign, constants, and the functions of one or two registers.
import { UD, raise } from "../exceptions";
import { SIGN } from "../float80";
import { arctangentOfRatio } from "../float80-arctangent";
import { setConstant } from "../float80-constants";
import { powerMinusOne, yLog2, yLog2OfOnePlus } from "../float80-logarithm";
import { squareRoot } from "../float80-multiply";
import { extract, remainder, roundToInteger, scaleByPower } from "../float80-remainder";
import { cosineOf, isOutOfRange, sineAndCosine, sineOf, tangentOf } from "../float80-sine";
import {
  C0,
  C1,
  C2,
  C3,
  INVALID,
  STACK_FAULT,
  isEmpty,
  markValid,
  operand,
  pop,
  push,
  result,
  secondResult,
  settle,
  st,
  x87,
} from "../x87-state";
import { stackUnderflow } from "./x87-arith";
import { examineTop, testTop } from "./x87-compare";
import { pushResult } from "./x87-transfer";

/** Stores `result` in ST(0) unless an unmasked fault keeps it back. */
function replaceTop(): void {
  if (!settle()) return;
  st(0).copy(result);
  markValid(0);
}

/** Stores `result` in ST(1) and pops, so that it becomes the top. */
function replaceTwo(): void {
  if (!settle()) return;
  st(1).copy(result);
  markValid(1);
  pop();
}

/** Stores `result` in ST(0) and pushes `secondResult`. */
function replaceTopAndPush(): void {
  if (!settle()) return;
  st(0).copy(result);
  markValid(0);
  push(secondResult);
}

/** D9 E0 FCHS, E1 FABS, E4 FTST, E5 FXAM */
export function inspectTop(which: u32): void {
  switch (which) {
    case 0:
      setTopSign((<u32>st(0).signExponent) ^ SIGN);
      break;
    case 1:
      setTopSign((<u32>st(0).signExponent) & ~SIGN);
      break;
    case 4:
      testTop();
      break;
    case 5:
      examineTop();
      break;
    default:
      raise(UD);
  }
}

/** NaNs and unsupported encodings have signs too: nothing but an empty register is refused. */
function setTopSign(signExponent: u32): void {
  if (isEmpty(0)) stackUnderflow(result);
  else result.set(signExponent, st(0).mantissa);
  replaceTop();
}

/** D9 E8 … EE */
export function constant(number: u32): void {
  if (number > 6) raise(UD);
  setConstant(number, operand);
  pushResult(operand);
}

/** D9 F0 … FF */
export function functionOfTop(number: u32): void {
  switch (number) {
    case 0x0:
      if (isEmpty(0)) stackUnderflow(result);
      else powerMinusOne(st(0), result);
      replaceTop();
      break;
    case 0x1:
      if (isEmpty(0) || isEmpty(1)) stackUnderflow(result);
      else yLog2(st(0), st(1), result);
      replaceTwo();
      break;
    case 0x2:
      tangent();
      break;
    case 0x3:
      if (isEmpty(0) || isEmpty(1)) stackUnderflow(result);
      else arctangentOfRatio(st(1), st(0), result);
      replaceTwo();
      break;
    case 0x4:
      if (!checkRoomForTwo()) extract(st(0), result, secondResult);
      replaceTopAndPush();
      break;
    case 0x5:
      partialRemainder(true);
      break;
    case 0x6: // FDECSTP
      x87.top = (x87.top - 1) & 7;
      x87.status &= ~C1;
      break;
    case 0x7: // FINCSTP
      x87.top = (x87.top + 1) & 7;
      x87.status &= ~C1;
      break;
    case 0x8:
      partialRemainder(false);
      break;
    case 0x9:
      if (isEmpty(0) || isEmpty(1)) stackUnderflow(result);
      else yLog2OfOnePlus(st(0), st(1), result);
      replaceTwo();
      break;
    case 0xa:
      if (isEmpty(0)) stackUnderflow(result);
      else squareRoot(st(0), result);
      replaceTop();
      break;
    case 0xb:
      sineCosine();
      break;
    case 0xc:
      if (isEmpty(0)) stackUnderflow(result);
      else roundToInteger(st(0), result);
      replaceTop();
      break;
    case 0xd:
      if (isEmpty(0) || isEmpty(1)) stackUnderflow(result);
      else scaleByPower(st(0), st(1), result);
      replaceTop();
      break;
    case 0xe:
      if (leavesOutOfRange()) break;
      if (isEmpty(0)) stackUnderflow(result);
      else sineOf(st(0), result, secondResult);
      replaceTop();
      break;
    default:
      if (leavesOutOfRange()) break;
      if (isEmpty(0)) stackUnderflow(result);
      else cosineOf(st(0), result, secondResult);
      replaceTop();
  }
}

/** FSIN …: C2 tells whether ST(0) was too large, and then it is left alone (SDM 1 §8.3.8). */
function leavesOutOfRange(): bool {
  if (isEmpty(0) || !isOutOfRange(st(0))) {
    x87.status &= ~C2;
    return false;
  }
  x87.status = (x87.status & ~C1) | C2;
  return true;
}

/** For what replaces ST(0) and pushes: an empty ST(0) or a full stack answers two indefinite QNaNs. */
function checkRoomForTwo(): bool {
  if (!isEmpty(0) && isEmpty(7)) return false;
  x87.raised = INVALID | STACK_FAULT | (isEmpty(0) ? 0 : C1);
  result.setIndefinite();
  secondResult.setIndefinite();
  return true;
}

function tangent(): void {
  x87.status &= ~C2;
  if (!checkRoomForTwo()) {
    if (leavesOutOfRange()) return;
    tangentOf(st(0), result, secondResult);
    if (result.isNaN) secondResult.copy(result);
    else secondResult.setOne(0);
  }
  replaceTopAndPush();
}

function sineCosine(): void {
  x87.status &= ~C2;
  if (!checkRoomForTwo()) {
    if (leavesOutOfRange()) return;
    sineAndCosine(st(0), result, secondResult);
  }
  replaceTopAndPush();
}

function partialRemainder(nearest: bool): void {
  x87.status &= ~C2;
  let codes: u32 = 0;
  if (isEmpty(0) || isEmpty(1)) stackUnderflow(result);
  else codes = remainder(st(0), st(1), nearest, result);
  if (!settle()) return;
  // Without a remainder there is no quotient: C0 and C3 keep what they had.
  if (!result.isNaN) x87.status = (x87.status & ~(C0 | C1 | C3)) | codes;
  st(0).copy(result);
  markValid(0);
}
