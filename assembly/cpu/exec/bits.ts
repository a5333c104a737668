// Logic, shifts and rotates, bit tests and scans.
import { DST_MEMORY, Insn, SRC_IMMEDIATE } from "../decode/insn";
import { arithmeticFlags, carryFlag, extend, recordLogic, recordShift, setArithmeticFlags } from "../flags";
import { CF, OF, ZF, cpu } from "../state";
import { read, readForWrite, write } from "../../memory/access";
import { cutAddress, effectiveAddress, Operand, reg, segmented, setReg } from "./operand";

export function and<T>(i: Insn): void {
  const r = <T>(Operand.firstForWrite<T>(i) & Operand.source<T>(i));
  Operand.setFirst<T>(i, r);
  recordLogic<T>(r);
}

export function or<T>(i: Insn): void {
  const r = <T>(Operand.firstForWrite<T>(i) | Operand.source<T>(i));
  Operand.setFirst<T>(i, r);
  recordLogic<T>(r);
}

export function xor<T>(i: Insn): void {
  const r = <T>(Operand.firstForWrite<T>(i) ^ Operand.source<T>(i));
  Operand.setFirst<T>(i, r);
  recordLogic<T>(r);
}

export function test<T>(i: Insn): void {
  recordLogic<T>(<T>(Operand.first<T>(i) & Operand.source<T>(i)));
}

export function not<T>(i: Insn): void {
  Operand.setFirst<T>(i, <T>~Operand.firstForWrite<T>(i));
}

/** Count of a shift or rotate: 5 bits, 6 for 64-bit operands (SDM 2 "SAL/SAR/SHL/SHR"). */
function shiftCount<T>(i: Insn): u64 {
  const count = i.form & SRC_IMMEDIATE ? i.immediate : <u64>reg<u8>(i.src);
  return count & (sizeof<T>() == 8 ? 63 : 31);
}

/** Width of T in bits. */
function bits<T>(): u64 {
  return (<u64>sizeof<T>()) << 3;
}

function topBit<T>(value: T): bool {
  return <i64>extend<T>(value) < 0;
}

/** A 32-bit register shifted by 0 is zero-extended all the same. */
function unchanged<T>(i: Insn, value: T): void {
  if (sizeof<T>() == 4) Operand.setFirst<T>(i, value);
}

export function shl<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const count = shiftCount<T>(i);
  if (count == 0) {
    unchanged<T>(i, a);
    return;
  }
  const r = count < bits<T>() ? <T>((<u64>a) << count) : <T>0;
  const carry = count <= bits<T>() && (((<u64>a) >> (bits<T>() - count)) & 1) != 0;
  Operand.setFirst<T>(i, r);
  recordShift<T>(r, carry, topBit<T>(r) != carry);
}

export function shr<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const count = shiftCount<T>(i);
  if (count == 0) {
    unchanged<T>(i, a);
    return;
  }
  const r = count < bits<T>() ? <T>((<u64>a) >> count) : <T>0;
  const carry = count <= bits<T>() && (((<u64>a) >> (count - 1)) & 1) != 0;
  Operand.setFirst<T>(i, r);
  recordShift<T>(r, carry, topBit<T>(a));
}

export function sar<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const count = shiftCount<T>(i);
  if (count == 0) {
    unchanged<T>(i, a);
    return;
  }
  const wide = <i64>extend<T>(a);
  const r = <T>(wide >> (<i64>count));
  Operand.setFirst<T>(i, r);
  recordShift<T>(r, ((wide >> (<i64>count - 1)) & 1) != 0, false);
}

/** Rotates change CF and OF only. */
function recordRotate(carry: bool, overflow: bool): void {
  setArithmeticFlags((arithmeticFlags() & ~(CF | OF)) | (carry ? CF : 0) | (overflow ? OF : 0));
}

export function rol<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const count = shiftCount<T>(i);
  if (count == 0) {
    unchanged<T>(i, a);
    return;
  }
  const turn = count & (bits<T>() - 1);
  const r = turn ? <T>(((<u64>a) << turn) | ((<u64>a) >> (bits<T>() - turn))) : a;
  Operand.setFirst<T>(i, r);
  const carry = ((<u64>r) & 1) != 0;
  recordRotate(carry, topBit<T>(r) != carry);
}

export function ror<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const count = shiftCount<T>(i);
  if (count == 0) {
    unchanged<T>(i, a);
    return;
  }
  const turn = count & (bits<T>() - 1);
  const rest = bits<T>() - turn;
  const r = turn ? <T>(((<u64>a) >> turn) | ((<u64>a) << rest)) : a;
  Operand.setFirst<T>(i, r);
  recordRotate(topBit<T>(r), topBit<T>(r) != topBit<T>(<T>((<u64>r) << 1)));
}

export function rcl<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  let count = shiftCount<T>(i);
  if (sizeof<T>() < 4) count %= bits<T>() + 1;
  if (count == 0) {
    unchanged<T>(i, a);
    return;
  }
  let r = a;
  let carry = carryFlag();
  for (; count > 0; count--) {
    const out = topBit<T>(r);
    r = <T>(((<u64>r) << 1) | (<u64>carry));
    carry = out;
  }
  Operand.setFirst<T>(i, r);
  recordRotate(carry, topBit<T>(r) != carry);
}

export function rcr<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  let count = shiftCount<T>(i);
  if (sizeof<T>() < 4) count %= bits<T>() + 1;
  if (count == 0) {
    unchanged<T>(i, a);
    return;
  }
  const top = bits<T>() - 1;
  let r = a;
  let carry = carryFlag();
  for (; count > 0; count--) {
    const out = ((<u64>r) & 1) != 0;
    r = <T>(((<u64>r) >> 1) | ((<u64>carry) << top));
    carry = out;
  }
  Operand.setFirst<T>(i, r);
  recordRotate(carry, topBit<T>(r) != topBit<T>(<T>((<u64>r) << 1)));
}

/** Count of SHLD and SHRD: the immediate (`extra` set), or CL. */
function doubleCount<T>(i: Insn): u64 {
  return (i.extra ? i.immediate : cpu.rcx) & (sizeof<T>() == 8 ? 63 : 31);
}

export function shld<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const count = doubleCount<T>(i);
  if (count == 0) {
    unchanged<T>(i, a);
    return;
  }
  const b = reg<T>(i.src);
  let r: T;
  let carry: bool;
  if (sizeof<T>() == 2) {
    // Counts above 16 shift the pattern a:b:a, as processors do; the manual leaves them undefined.
    const wide = ((<u64>a) << 32) | ((<u64>b) << 16) | (<u64>a);
    r = <T>(wide >> (32 - count));
    carry = ((wide >> (48 - count)) & 1) != 0;
  } else {
    r = <T>(((<u64>a) << count) | ((<u64>b) >> (bits<T>() - count)));
    carry = (((<u64>a) >> (bits<T>() - count)) & 1) != 0;
  }
  Operand.setFirst<T>(i, r);
  recordShift<T>(r, carry, topBit<T>(r) != topBit<T>(a));
}

export function shrd<T>(i: Insn): void {
  const a = Operand.firstForWrite<T>(i);
  const count = doubleCount<T>(i);
  if (count == 0) {
    unchanged<T>(i, a);
    return;
  }
  const b = reg<T>(i.src);
  let r: T;
  let carry: bool;
  if (sizeof<T>() == 2) {
    const wide = ((<u64>a) << 32) | ((<u64>b) << 16) | (<u64>a);
    r = <T>(wide >> count);
    carry = ((wide >> (count - 1)) & 1) != 0;
  } else {
    const rest = bits<T>() - count;
    r = <T>(((<u64>a) >> count) | ((<u64>b) << rest));
    carry = (((<u64>a) >> (count - 1)) & 1) != 0;
  }
  Operand.setFirst<T>(i, r);
  recordShift<T>(r, carry, topBit<T>(r) != topBit<T>(a));
}

const KEEP: u32 = 0;
const SET: u32 = 1;
const RESET: u32 = 2;
const COMPLEMENT: u32 = 3;

/** BT and its kin: CF = the bit. A register bit number reaches beyond a memory operand (SDM 2 "BT"). */
function bitTest<T>(i: Insn, change: u32): void {
  const width = bits<T>();
  const number = i.form & SRC_IMMEDIATE ? i.immediate : extend<T>(reg<T>(i.src));
  const bit = number & (width - 1);
  const mask = <T>((<u64>1) << bit);
  if (!(i.form & DST_MEMORY)) {
    const a = reg<T>(i.dst);
    setCarry((((<u64>a) >> bit) & 1) != 0);
    if (change != KEEP) setReg<T>(i.dst, changed<T>(a, mask, change));
    return;
  }
  const reach = i.form & SRC_IMMEDIATE ? 0 : ((<i64>number) >> (<i64>ctz<u64>(width))) * sizeof<T>();
  const at = segmented(
    i,
    i.seg,
    cutAddress(i, effectiveAddress(i) + <u64>reach),
    sizeof<T>(),
    change != KEEP,
  );
  const a = change == KEEP ? read<T>(at) : readForWrite<T>(at);
  if (change != KEEP) write<T>(at, changed<T>(a, mask, change));
  setCarry((((<u64>a) >> bit) & 1) != 0);
}

function changed<T>(a: T, mask: T, change: u32): T {
  return <T>(change == SET ? a | mask : change == RESET ? a & ~mask : a ^ mask);
}

export function setCarry(carry: bool): void {
  setArithmeticFlags((arithmeticFlags() & ~CF) | (carry ? CF : 0));
}

export function bt<T>(i: Insn): void {
  bitTest<T>(i, KEEP);
}

export function bts<T>(i: Insn): void {
  bitTest<T>(i, SET);
}

export function btr<T>(i: Insn): void {
  bitTest<T>(i, RESET);
}

export function btc<T>(i: Insn): void {
  bitTest<T>(i, COMPLEMENT);
}

/** ZF from the source; the destination stays when the source is 0, as AMD's manual promises. */
function scanned<T>(i: Insn, zero: bool, result: u32): void {
  if (!zero) setReg<T>(i.dst, <T>result);
  setArithmeticFlags((arithmeticFlags() & ~ZF) | (zero ? ZF : 0));
}

export function bsf<T>(i: Insn): void {
  const a = <u64>Operand.source<T>(i);
  scanned<T>(i, a == 0, <u32>ctz<u64>(a));
}

export function bsr<T>(i: Insn): void {
  const a = <u64>Operand.source<T>(i);
  scanned<T>(i, a == 0, 63 - <u32>clz<u64>(a));
}

/** TZCNT and LZCNT: CF = the source is 0, ZF = the count is 0. */
function counted<T>(i: Insn, zero: bool, count: u64): void {
  setReg<T>(i.dst, <T>count);
  setArithmeticFlags((arithmeticFlags() & ~(CF | ZF)) | (zero ? CF : 0) | (count == 0 ? ZF : 0));
}

export function tzcnt<T>(i: Insn): void {
  const a = <u64>Operand.source<T>(i);
  counted<T>(i, a == 0, a == 0 ? bits<T>() : ctz<u64>(a));
}

export function lzcnt<T>(i: Insn): void {
  const a = <u64>Operand.source<T>(i);
  counted<T>(i, a == 0, clz<u64>(a) - (64 - bits<T>()));
}

export function popcount<T>(i: Insn): void {
  const a = <u64>Operand.source<T>(i);
  setReg<T>(i.dst, <T>popcnt<u64>(a));
  setArithmeticFlags(a == 0 ? ZF : 0);
}

/** SALC, undocumented: AL = CF ? FFh : 0. */
export function salc(i: Insn): void {
  setReg<u8>(0, carryFlag() ? 0xff : 0);
}
