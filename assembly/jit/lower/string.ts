// String instructions without REP: the same names as cpu/exec/string.ts, in wasm. With REP the interpreter has them.
import { ADDRESS_64, Insn } from "../../cpu/decode/insn";
import { W64 } from "../../cpu/decode/operations";
import { FLAGS_SUB } from "../../cpu/flags";
import { CpuState, DF } from "../../cpu/state";
import { CPU_AT } from "../../machine/layout";
import { recordFlags } from "../flags";
import { ADDRESS, operandA, operandB, result } from "../locals";
import { isWide, popRegister, pushMemory, pushRegister, setAddressOf, writeMemory } from "../operand";
import { setResult } from "./arith";
import { ADD, AND, I32_LOAD, SELECT, SUB, byte, const64, loadAt, op, opConstant, set } from "../wasm";

const RAX: u32 = 0;
const RSI: u32 = 48;
const RDI: u32 = 56;

export function movs(i: Insn, width: u32): void {
  const value = result(isWide(width));
  readSource(i, width);
  set(value);
  setDestination(i);
  writeMemory(width, value);
  advance(i, RSI, width);
  advance(i, RDI, width);
}

export function stos(i: Insn, width: u32): void {
  const value = result(isWide(width));
  pushRegister(RAX, width);
  set(value);
  setDestination(i);
  writeMemory(width, value);
  advance(i, RDI, width);
}

export function lods(i: Insn, width: u32): void {
  readSource(i, width);
  popRegister(RAX, width);
  advance(i, RSI, width);
}

export function scas(i: Insn, width: u32): void {
  pushRegister(RAX, width);
  compareWithDestination(i, width);
}

export function cmps(i: Insn, width: u32): void {
  readSource(i, width);
  compareWithDestination(i, width);
  advance(i, RSI, width);
}

/** Flags of the value on the stack minus the destination. */
function compareWithDestination(i: Insn, width: u32): void {
  const wide = isWide(width);
  set(operandA(wide));
  setDestination(i);
  pushMemory(width, true);
  set(operandB(wide));
  setResult(SUB, width);
  recordFlags(FLAGS_SUB, wide);
  advance(i, RDI, width);
}

/** Pushes an index register, cut to the address size. */
function pushIndex(i: Insn, register: u32): void {
  pushRegister(register, W64);
  cut(i);
}

function cut(i: Insn): void {
  if (i.address != ADDRESS_64) opConstant(AND, 0xffff_ffff, true);
}

/** Pushes what lies at the source, in DS or the segment of a prefix. */
function readSource(i: Insn, width: u32): void {
  pushIndex(i, RSI);
  setAddressOf(i, 1 << width, false);
  pushMemory(width, true);
}

/** ADDRESS = the destination, always in ES, which is flat. */
function setDestination(i: Insn): void {
  pushIndex(i, RDI);
  set(ADDRESS);
}

/** An index register goes on by the operand's size, down where DF is set. */
function advance(i: Insn, register: u32, width: u32): void {
  pushRegister(register, W64);
  const64(-(1 << width));
  const64(1 << width);
  loadAt(I32_LOAD, CPU_AT + offsetof<CpuState>("eflags"));
  opConstant(AND, DF, false);
  byte(SELECT);
  op(ADD, true);
  cut(i);
  popRegister(register, W64);
}
