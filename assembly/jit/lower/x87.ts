// x87 in translated code (assembly/cpu/exec/x87.ts): what moves whole registers is in line, what computes calls the core
// with its operand. The octal cases are those of the interpreter.
import { DST_MEMORY, Insn } from "../../cpu/decode/insn";
import { W16, W32, W64 } from "../../cpu/decode/operations";
import { ARITHMETIC_FLAGS } from "../../cpu/state";
import { Float80, SIGN } from "../../cpu/float80";
import { C1, REGISTER_FORMS, TOP_SHIFT, X87, x87 } from "../../cpu/x87-state";
import { X87_AT } from "../../machine/layout";
import { overrideFlags } from "../flags";
import { interpret, leaveBlock, stop } from "../leave";
import { PLACE, SOURCE, X87_A, X87_B, X87_TOP, result } from "../locals";
import {
  X87_ARITHMETIC,
  X87_COMPARE,
  X87_CONTROL,
  X87_OPERAND,
  X87_PUSH,
  X87_REGISTER,
  X87_VALUE,
  callX87,
} from "../module";
import { isPlainAddress, popRegister, pushMemory, pushReachable, setAddress, writeMemory } from "../operand";
import { V128_LOAD, V128_STORE, vectorAccess } from "../simd";
import { DEMANDS_X87, demand } from "../vector";
import { loadTop, notePointers } from "../x87";
import {
  ADD,
  AND,
  DROP,
  EQZ,
  I32_LOAD,
  I32_LOAD16_U,
  I32_STORE,
  I32_STORE16,
  I32_WRAP,
  I64_EXTEND_U,
  I64_LOAD,
  I64_STORE,
  IF,
  NO_RESULT,
  OR,
  ROTL,
  SHL,
  SHR_U,
  XOR,
  access,
  byte,
  const32,
  const64,
  end,
  enter,
  get,
  loadAt,
  op,
  opConstant,
  otherwise,
  set,
  tee,
} from "../wasm";

const UNIT: usize = changetype<usize>(x87);
const STATUS: usize = UNIT + offsetof<X87>("status");
const CONTROL: usize = UNIT + offsetof<X87>("control");
const TOP: usize = UNIT + offsetof<X87>("top");
const VALID: usize = UNIT + offsetof<X87>("valid");
const RAISED: usize = UNIT + offsetof<X87>("raised");
const SIGN_EXPONENT: usize = X87_AT + offsetof<Float80>("signExponent");
const RAX: u32 = 0;
/** The position of what the next push fills. */
const ABOVE: u32 = 7;

/** Emits `i`; false, with nothing emitted, where the interpreter must run it. */
export function lowerX87(i: Insn): bool {
  return i.form & DST_MEMORY ? lowerMemory(i, i.extra) : lowerRegister(i, i.extra);
}

/** After FLDENV and FRSTOR, which the interpreter has, exceptions may be unmasked. */
function lowerMemory(i: Insn, extra: u32): bool {
  if (extra == 0o14 || extra == 0o54 || (extra == 0o15 && !isPlainAddress(i))) {
    demand(DEMANDS_X87);
    interpret();
    loadAt(I32_LOAD, CONTROL);
    leaveIfUnmasked();
    return true;
  }
  if (!isPlainAddress(i) || !isMemoryCovered(extra)) return false;
  demand(DEMANDS_X87);
  switch (extra) {
    case 0o15: // FLDCW
      setAddress(i, 2, false);
      pushMemory(W16, false);
      leaveIfUnmasked();
      return true;
    case 0o17: // FNSTCW
      storeWord(i, false);
      return true;
    case 0o57: // FNSTSW
      storeWord(i, true);
      return true;
    case 0o35: // FLD m80
      loadExtended(i);
      break;
    case 0o37: // FSTP m80
      storeExtended(i);
      break;
    default:
      if (isStore(extra)) storeTop(i, extra);
      else takeOperand(i, extra);
  }
  notePointers(i);
  return true;
}

/** All but saved environments and states, and decimals; the odd opcodes have gaps. */
function isMemoryCovered(extra: u32): bool {
  switch (extra) {
    case 0o11:
    case 0o16: // FNSTENV
    case 0o34:
    case 0o36:
    case 0o55:
    case 0o56: // FNSAVE
    case 0o74: // FBLD
    case 0o76: // FBSTP
      return false;
    default:
      return true;
  }
}

/** FST, FIST and FISTTP: /1, /2, /3 of the odd opcodes, and DF /7. */
function isStore(extra: u32): bool {
  return extra == 0o77 || (extra & 8 && (extra & 7) - 1 < 3);
}

function operandWidth(extra: u32): u32 {
  if (extra == 0o75 || extra == 0o77) return W64;
  const opcode = extra >> 3;
  return opcode < 4 ? W32 : opcode < 6 ? W64 : W16;
}

/** The core pushes the memory operand or computes with it. */
function takeOperand(i: Insn, extra: u32): void {
  const width = operandWidth(extra);
  setAddress(i, 1 << width, false);
  pushMemory(width, false);
  if (width != W64) byte(I64_EXTEND_U);
  set(result(true));
  const64(extra);
  get(result(true));
  callStack(X87_OPERAND);
}

/** FST and alike: computed, then written, then entered into the status word, so that a fault leaves the unit as it was. */
function storeTop(i: Insn, extra: u32): void {
  const width = operandWidth(extra);
  const value = result(width == W64);
  const64(extra);
  const64(0);
  callX87(X87_VALUE);
  if (width != W64) byte(I32_WRAP);
  set(value);
  setAddress(i, 1 << width, true);
  writeMemory(width, value);
  // status = status without C1 | raised
  const32(0);
  loadAt(I32_LOAD, STATUS);
  opConstant(AND, <i64>(<i32>~C1), false);
  loadAt(I32_LOAD, RAISED);
  op(OR, false);
  access(I32_STORE, STATUS);
  if ((extra & 7) != 2) pop();
}

/** The value on the stack becomes the control word; if it lets exceptions through, the region is left behind this instruction. */
function leaveIfUnmasked(): void {
  byte(I64_EXTEND_U);
  const64(0);
  callX87(X87_CONTROL);
  byte(I32_WRAP);
  enter(IF, NO_RESULT);
  leaveBlock();
  end();
}

/** FNSTCW, FNSTSW m16 */
function storeWord(i: Insn, status: bool): void {
  if (status) pushStatusWord();
  else loadAt(I32_LOAD, CONTROL);
  set(result(false));
  setAddress(i, 2, true);
  writeMemory(W16, result(false));
}

function pushStatusWord(): void {
  loadAt(I32_LOAD, STATUS);
  get(X87_TOP);
  opConstant(SHL, TOP_SHIFT, false);
  op(OR, false);
}

/** FLD m80 */
function loadExtended(i: Insn): void {
  setAddress(i, 10, false);
  pushReachable(10, false);
  set(PLACE);
  pushIsFull(ABOVE);
  op(EQZ, false);
  enter(IF, NO_RESULT);
  push();
  pushPlaceOf(0);
  tee(X87_A);
  get(PLACE);
  access(I64_LOAD, 0);
  access(I64_STORE, X87_AT);
  get(X87_A);
  get(PLACE);
  access(I32_LOAD16_U, 8);
  access(I32_STORE16, SIGN_EXPONENT);
  clearC1();
  otherwise();
  get(PLACE);
  access(I64_LOAD, 0);
  get(PLACE);
  access(I32_LOAD16_U, 8);
  byte(I64_EXTEND_U);
  callStack(X87_PUSH);
  end();
}

/** FSTP m80; an empty register is the interpreter's. */
function storeExtended(i: Insn): void {
  pushIsFull(0);
  op(EQZ, false);
  enter(IF, NO_RESULT);
  stop();
  end();
  setAddress(i, 10, true);
  pushReachable(10, true);
  set(PLACE);
  pushPlaceOf(0);
  set(X87_A);
  get(PLACE);
  get(X87_A);
  access(I64_LOAD, X87_AT);
  access(I64_STORE, 0);
  get(PLACE);
  get(X87_A);
  access(I32_LOAD16_U, SIGN_EXPONENT);
  access(I32_STORE16, 8);
  pop();
  clearC1();
}

function lowerRegister(i: Insn, extra: u32): bool {
  const group = (extra - REGISTER_FORMS) >> 3;
  const position = extra & 7;
  if (!isRegisterCovered(group, position)) return false;
  demand(DEMANDS_X87);
  switch (group) {
    case 0o10:
      loadRegister(extra, position);
      break;
    case 0o11:
    case 0o51:
    case 0o71:
      exchange(extra, position);
      break;
    case 0o53:
    case 0o72:
    case 0o73:
      storeRegister(extra, position);
      break;
    case 0o14:
      if (position < 2) changeSign(extra, position == 0);
      else callRegister(extra);
      break;
    case 0o34:
      callRegister(extra);
      return true;
    case 0o35:
    case 0o36:
    case 0o75:
    case 0o76:
      const64(extra);
      const64(0);
      callX87(X87_COMPARE);
      byte(I32_WRAP);
      overrideFlags(ARITHMETIC_FLAGS);
      loadTop();
      break;
    case 0o74:
      pushStatusWord();
      popRegister(RAX, W16);
      return true;
    default:
      if (isArithmetic(group)) computeRegister(extra, group);
      else callRegister(extra);
  }
  notePointers(i);
  return true;
}

/** D8, DC and DE but for the comparisons. */
function isArithmetic(group: u32): bool {
  const opcode = group >> 3;
  return (opcode == 0 || opcode == 4 || opcode == 6) && (group & 6) != 2;
}

/** FADD … FDIVR with two registers; those of DE pop. */
function computeRegister(extra: u32, group: u32): void {
  const64(extra);
  const64(0);
  callX87(X87_ARITHMETIC);
  byte(DROP);
  if (group >> 3 == 6) loadTop();
}

/** All but FCMOV, whose condition the interpreter has, and what raises #UD. */
function isRegisterCovered(group: u32, position: u32): bool {
  switch (group) {
    case 0o12: // FNOP
    case 0o74: // FNSTSW AX
      return position == 0;
    case 0o14: // FCHS, FABS, FTST, FXAM
      return position < 2 || position == 4 || position == 5;
    case 0o15: // constants
      return position < 7;
    case 0o25: // FUCOMPP
    case 0o63: // FCOMPP
      return position == 1;
    case 0o34: // FNCLEX, FNINIT
      return position < 5;
    case 0o20:
    case 0o21:
    case 0o22:
    case 0o23:
    case 0o24:
    case 0o26:
    case 0o27:
    case 0o30:
    case 0o31:
    case 0o32:
    case 0o33:
    case 0o37:
    case 0o56:
    case 0o57:
    case 0o77:
      return false;
    default:
      return true;
  }
}

/** The core does it. */
function callRegister(extra: u32): void {
  const64(extra);
  const64(0);
  callStack(X87_REGISTER);
}

/** Calls a service that may change stack and status. */
function callStack(service: u32): void {
  callX87(service);
  byte(DROP);
  loadTop();
}

/** FLD ST(i) */
function loadRegister(extra: u32, position: u32): void {
  pushIsFull(position);
  pushIsFull(ABOVE);
  op(EQZ, false);
  op(AND, false);
  enter(IF, NO_RESULT);
  push();
  pushPlaceOf(0);
  pushPlaceOf(position + 1);
  vectorAccess(V128_LOAD, X87_AT);
  vectorAccess(V128_STORE, X87_AT);
  orElse(extra);
}

/** FXCH */
function exchange(extra: u32, position: u32): void {
  pushIsFull(0);
  pushIsFull(position);
  op(AND, false);
  enter(IF, NO_RESULT);
  if (position) {
    pushPlaceOf(0);
    set(X87_A);
    pushPlaceOf(position);
    tee(X87_B);
    vectorAccess(V128_LOAD, X87_AT);
    set(SOURCE);
    get(X87_B);
    get(X87_A);
    vectorAccess(V128_LOAD, X87_AT);
    vectorAccess(V128_STORE, X87_AT);
    get(X87_A);
    get(SOURCE);
    vectorAccess(V128_STORE, X87_AT);
  }
  orElse(extra);
}

/** FSTP ST(i) */
function storeRegister(extra: u32, position: u32): void {
  pushIsFull(0);
  enter(IF, NO_RESULT);
  if (position) {
    pushPlaceOf(position);
    pushPlaceOf(0);
    vectorAccess(V128_LOAD, X87_AT);
    vectorAccess(V128_STORE, X87_AT);
    const32(0);
    loadAt(I32_LOAD, VALID);
    pushBitOf(position);
    op(OR, false);
    access(I32_STORE, VALID);
  }
  pop();
  orElse(extra);
}

/** FCHS, FABS */
function changeSign(extra: u32, invert: bool): void {
  pushIsFull(0);
  enter(IF, NO_RESULT);
  pushPlaceOf(0);
  tee(X87_A);
  get(X87_A);
  access(I32_LOAD16_U, SIGN_EXPONENT);
  if (invert) opConstant(XOR, SIGN, false);
  else opConstant(AND, SIGN - 1, false);
  access(I32_STORE16, SIGN_EXPONENT);
  orElse(extra);
}

/** The other way where a register is empty that must not be, or full: the core answers the stack fault. */
function orElse(extra: u32): void {
  clearC1();
  otherwise();
  callRegister(extra);
  end();
}

function clearC1(): void {
  const32(0);
  loadAt(I32_LOAD, STATUS);
  opConstant(AND, <i64>(<i32>~C1), false);
  access(I32_STORE, STATUS);
}

/** Pushes the physical number of ST(position). */
function pushNumber(position: u32): void {
  get(X87_TOP);
  if (position == 0) return;
  opConstant(ADD, position, false);
  opConstant(AND, 7, false);
}

/** Pushes where ST(position) lies, from X87_AT. */
function pushPlaceOf(position: u32): void {
  pushNumber(position);
  opConstant(SHL, 4, false);
}

/** Pushes 1 or 0: whether ST(position) holds a value. */
function pushIsFull(position: u32): void {
  loadAt(I32_LOAD, VALID);
  pushNumber(position);
  op(SHR_U, false);
  opConstant(AND, 1, false);
}

/** Pushes the bit of ST(position) in VALID. */
function pushBitOf(position: u32): void {
  const32(1);
  pushNumber(position);
  op(SHL, false);
}

/** A new ST(0), which is full. */
function push(): void {
  moveTop(ABOVE);
  const32(0);
  loadAt(I32_LOAD, VALID);
  pushBitOf(0);
  op(OR, false);
  access(I32_STORE, VALID);
}

/** ST(0) goes. */
function pop(): void {
  const32(0);
  loadAt(I32_LOAD, VALID);
  const32(~1);
  pushNumber(0);
  op(ROTL, false);
  op(AND, false);
  access(I32_STORE, VALID);
  moveTop(1);
}

function moveTop(by: u32): void {
  pushNumber(by);
  set(X87_TOP);
  const32(0);
  get(X87_TOP);
  access(I32_STORE, TOP);
}
