// BMI1 and BMI2 (SDM 2A ANDN, BEXTR, …; 2B MULX, PDEP, …). All but RORX, MULX and the shifts set flags.
import { Insn, PREFIX_REX_W } from "../decode/insn";
import * as op from "../decode/operations-sse";
import { setArithmeticFlags } from "../flags";
import { CF, SF, ZF, register, setRegister } from "../state";
import { multiply, high, low } from "../wide";
import { generalSource } from "./sse-move";
import { vvvv } from "./vex";

const RDX: u32 = 2;

export function executeBmi(i: Insn, operation: u32): void {
  if (i.prefix & PREFIX_REX_W) execute<u64>(i, operation);
  else execute<u32>(i, operation);
}

function execute<T>(i: Insn, operation: u32): void {
  const source = generalSource<T>(i);
  const other = register<T>(vvvv(i));
  switch (operation) {
    case op.ANDN:
      finish<T>(i.dst, ~other & source, false);
      break;
    case op.BEXTR:
      extract<T>(i, source, <u32>other);
      break;
    case op.BLSR:
      finish<T>(vvvv(i), source & (source - 1), source == 0);
      break;
    case op.BLSMSK:
      finish<T>(vvvv(i), source ^ (source - 1), source == 0);
      break;
    case op.BLSI:
      finish<T>(vvvv(i), source & (0 - source), source != 0);
      break;
    case op.BZHI:
      zeroHigh<T>(i, source, (<u32>other) & 0xff);
      break;
    case op.MULX:
      multiplyWide<T>(i, source);
      break;
    case op.PDEP:
      setRegister<T>(i.dst, deposit<T>(other, source));
      break;
    case op.PEXT:
      setRegister<T>(i.dst, gather<T>(other, source));
      break;
    case op.RORX:
      setRegister<T>(i.dst, rotr<T>(source, <T>(i.immediate & (sizeof<T>() * 8 - 1))));
      break;
    case op.SHLX:
      setRegister<T>(i.dst, source << (other & (sizeof<T>() * 8 - 1)));
      break;
    case op.SHRX:
      setRegister<T>(i.dst, source >> (other & (sizeof<T>() * 8 - 1)));
      break;
    default:
      if (sizeof<T>() == 8) setRegister<T>(i.dst, <T>((<i64>source) >> ((<i64>other) & 63)));
      else setRegister<T>(i.dst, <T>((<i32>source) >> ((<i32>other) & 31)));
  }
}

/** Writes the result with its flags: SF, ZF, the carry given; OF, AF and PF clear. */
function finish<T>(number: u32, result: T, carry: bool): void {
  setRegister<T>(number, result);
  const sign: u32 = result >> (sizeof<T>() * 8 - 1) ? SF : 0;
  setArithmeticFlags((carry ? CF : 0) | sign | (result == 0 ? ZF : 0));
}

/** BEXTR: `length` bits from `start` on, which are bytes 1 and 0 of the control. SF is undefined, and clear here. */
function extract<T>(i: Insn, source: T, control: u32): void {
  const start = control & 0xff;
  const length = (control >> 8) & 0xff;
  const bits: u32 = sizeof<T>() * 8;
  const shifted: T = start < bits ? source >> (<T>start) : 0;
  finish<T>(i.dst, length < bits ? shifted & (((<T>1) << (<T>length)) - 1) : shifted, false);
}

/** BZHI: the bits from `index` on are cleared; CF tells that there were none. */
function zeroHigh<T>(i: Insn, source: T, index: u32): void {
  const bits: u32 = sizeof<T>() * 8;
  finish<T>(i.dst, index < bits ? source & (((<T>1) << (<T>index)) - 1) : source, index >= bits);
}

/** MULX: the low half first, so that the high half wins where both go to one register. */
function multiplyWide<T>(i: Insn, source: T): void {
  if (sizeof<T>() == 8) {
    multiply(register<u64>(RDX), source);
    setRegister<u64>(vvvv(i), low);
    setRegister<u64>(i.dst, high);
  } else {
    const product = <u64>register<u32>(RDX) * <u64>source;
    setRegister<u32>(vvvv(i), <u32>product);
    setRegister<u32>(i.dst, <u32>(product >> 32));
  }
}

/** PDEP: the low bits of `value` go to the places where `mask` has ones. */
function deposit<T>(value: T, mask: T): T {
  let result: T = 0;
  while (mask) {
    const lowest = mask & (0 - mask);
    if (value & 1) result |= lowest;
    value >>= 1;
    mask ^= lowest;
  }
  return result;
}

/** PEXT: the bits of `value` where `mask` has ones, side by side. */
function gather<T>(value: T, mask: T): T {
  let result: T = 0;
  let bit: T = 1;
  while (mask) {
    const lowest = mask & (0 - mask);
    if (value & lowest) result |= bit;
    bit <<= 1;
    mask ^= lowest;
  }
  return result;
}
