// Flags beyond arithmetic, segment registers: the same names as cpu/exec/system.ts, in wasm.
import { Insn } from "../../cpu/decode/insn";
import { W16, W32, W64, W8 } from "../../cpu/decode/operations";
import {
  AC,
  AF,
  ARITHMETIC_FLAGS,
  CF,
  CpuState,
  DF,
  IF as INTERRUPT_FLAG,
  PF,
  RF,
  SEG_SELECTOR_AT,
  SF,
  VM,
  ZF,
} from "../../cpu/state";
import { CPU_AT } from "../../machine/layout";
import { overrideFlags, pushArithmeticFlags, settleFlags } from "../flags";
import { interpretAside, interpretOn } from "../leave";
import { BUDGET, result } from "../locals";
import { isWide, popRegister, pushRegister } from "../operand";
import { pushResult } from "./move";
import {
  AND,
  EQZ,
  I32_LOAD,
  I32_STORE,
  I64_EXTEND_U,
  I64_LOAD,
  I64_STORE,
  IF,
  LE_S,
  NO_RESULT,
  OR,
  access,
  byte,
  const32,
  end,
  enter,
  get,
  loadAt,
  op,
  opConstant,
  otherwise,
  set,
} from "../wasm";

const EFLAGS: usize = CPU_AT + offsetof<CpuState>("eflags");
const CPL: usize = CPU_AT + offsetof<CpuState>("cpl");
const EVENTS: usize = CPU_AT + offsetof<CpuState>("events");
const OPEN_PAGES: usize = CPU_AT + offsetof<CpuState>("openPages");
const INTERRUPT_SHADOW: usize = CPU_AT + offsetof<CpuState>("interruptShadow");
const GS_BASE: usize = CPU_AT + offsetof<CpuState>("gsBase");
const KERNEL_GS_BASE: usize = CPU_AT + offsetof<CpuState>("kernelGsBase");
const AH: u32 = 1;
/** Bit 1 of EFLAGS. */
const ALWAYS_SET: u32 = 1 << 1;
/** The flags in its low byte. */
const LOW_FLAGS: u32 = CF | PF | AF | ZF | SF;

export function setDirection(down: bool): void {
  changeEflags(down ? 0 : DF, down ? DF : 0);
}

/** eflags = eflags without `clear`, with `put`. */
function changeEflags(clear: u32, put: u32): void {
  const32(0);
  loadAt(I32_LOAD, EFLAGS);
  if (clear) opConstant(AND, <i64>(<i32>~clear), false);
  if (put) opConstant(OR, put, false);
  access(I32_STORE, EFLAGS);
}

/** Opens an IF for the most privileged code; the other way is the interpreter's, by `endPrivileged`. */
function ifPrivileged(): void {
  loadAt(I32_LOAD, CPL);
  op(EQZ, false);
  enter(IF, NO_RESULT);
}

function endPrivileged(): void {
  otherwise();
  interpretAside();
  end();
}

export function cli(): void {
  ifPrivileged();
  changeEflags(INTERRUPT_FLAG, 0);
  endPrivileged();
}

/** Where no event waits, STI is a flag; its shadow counts only if the run loop looks around before the next block. */
export function sti(): void {
  settleFlags();
  loadAt(I32_LOAD, CPL);
  loadAt(I32_LOAD, EVENTS);
  op(OR, false);
  op(EQZ, false);
  enter(IF, NO_RESULT);
  loadAt(I32_LOAD, EFLAGS);
  opConstant(AND, INTERRUPT_FLAG, false);
  op(EQZ, false);
  enter(IF, NO_RESULT);
  changeEflags(0, INTERRUPT_FLAG);
  const32(0);
  get(BUDGET);
  opConstant(LE_S, 0, false);
  access(I32_STORE, INTERRUPT_SHADOW);
  end();
  otherwise();
  interpretOn();
  end();
}

export function stac(): void {
  ifPrivileged();
  changeEflags(0, AC);
  endPrivileged();
}

/** Where supervisor code has reached no user page, CLAC is a flag. */
export function clac(): void {
  loadAt(I32_LOAD, CPL);
  loadAt(I32_LOAD, OPEN_PAGES);
  op(OR, false);
  op(EQZ, false);
  enter(IF, NO_RESULT);
  changeEflags(AC, 0);
  endPrivileged();
}

export function swapgs(): void {
  ifPrivileged();
  loadAt(I64_LOAD, GS_BASE);
  set(result(true));
  const32(0);
  loadAt(I64_LOAD, KERNEL_GS_BASE);
  access(I64_STORE, GS_BASE);
  const32(0);
  get(result(true));
  access(I64_STORE, KERNEL_GS_BASE);
  endPrivileged();
}

/** RF and VM are not pushed (SDM 2B). */
export function pushf(width: u32): void {
  loadAt(I32_LOAD, EFLAGS);
  opConstant(AND, <i64>(<i32>~(ARITHMETIC_FLAGS | RF | VM)), false);
  pushArithmeticFlags();
  op(OR, false);
  opConstant(OR, ALWAYS_SET, false);
  if (isWide(width)) byte(I64_EXTEND_U);
  set(result(isWide(width)));
  pushResult(width);
}

export function lahf(): void {
  pushArithmeticFlags();
  opConstant(AND, LOW_FLAGS, false);
  opConstant(OR, ALWAYS_SET, false);
  popRegister(AH, W8);
}

export function sahf(): void {
  pushRegister(AH, W8);
  opConstant(AND, LOW_FLAGS, false);
  overrideFlags(LOW_FLAGS);
}

function pushSelector(i: Insn, width: u32): void {
  loadAt(I32_LOAD, SEG_SELECTOR_AT + ((<usize>i.extra) << 2));
  if (width == W64) byte(I64_EXTEND_U);
}

export function movFromSegment(i: Insn, width: u32): void {
  pushSelector(i, width);
  popRegister(i.dst, width);
}

/** A 32-bit push of a segment register writes two bytes only (SDM 2 "PUSH"). */
export function pushSegment(i: Insn, width: u32): void {
  pushSelector(i, width);
  set(result(isWide(width)));
  pushResult(width, width == W32 ? W16 : width);
}
