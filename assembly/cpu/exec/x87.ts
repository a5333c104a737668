// The x87 instructions: which of them an escape opcode D8-DF names (SDM 2D appendix A.5, tables ).
//
// A case in octal reads as the opcode map is drawn: 0o35 is DB /5 (cpu/x87-state.ts: REGISTER_FORMS).
// A control instruction returns early, because it leaves the instruction and data pointers alone.
import { DST_MEMORY, Insn } from "../decode/insn";
import { NM, UD, raise } from "../exceptions";
import { CR0_MP, CR0_TS, CS, GS, SEG_SELECTOR_AT, cpu } from "../state";
import { REGISTER_FORMS, SUMMARY, checkAvailable, checkPending, opcodeOf, resetX87, x87 } from "../x87-state";
import { effectiveAddress } from "./operand";
import { arithmeticMemory, arithmeticRegister } from "./x87-arith";
import { compareFlags, compareRegister, comparePopTwo } from "./x87-compare";
import {
  clearExceptions,
  loadControlWord,
  loadEnvironment,
  restoreState,
  saveState,
  storeControlWord,
  storeEnvironment,
  storeStatusWord,
  storeStatusWordToAx,
} from "./x87-control";
import { constant, functionOfTop, inspectTop } from "./x87-functions";
import {
  conditionalMove,
  exchange,
  free,
  loadBcd,
  loadExtended,
  loadFloat,
  loadInteger,
  loadRegister,
  storeBcd,
  storeExtended,
  storeFloat,
  storeInteger,
  storeIntegerTruncated,
  storeRegister,
  storeRegisterUnchecked,
} from "./x87-transfer";

export function executeX87(i: Insn): void {
  checkAvailable();
  if (x87.status & SUMMARY && waits(i)) checkPending();
  x87.raised = 0;
  if (i.form & DST_MEMORY) executeMemory(i);
  else if (executeRegister(<u32>i.extra)) recordPointers(i);
}

/** FWAIT: unlike the others it heeds TS only together with MP, and EM not at all (SDM 3A §2.5). */
export function fwait(_i: Insn): void {
  const waiting = CR0_MP | CR0_TS;
  if ((cpu.cr0 & waiting) == waiting) raise(NM);
  checkPending();
}

/** Whether the instruction looks at pending exceptions: all do but those named FN…. */
function waits(i: Insn): bool {
  switch (<u32>i.extra) {
    case 0o16: // FNSTENV
    case 0o17: // FNSTCW
    case 0o56: // FNSAVE
    case 0o57: // FNSTSW
    case REGISTER_FORMS + 0o342: // FNCLEX
    case REGISTER_FORMS + 0o343: // FNINIT
    case REGISTER_FORMS + 0o740: // FNSTSW AX
      return false;
    default:
      return true;
  }
}

/** Keeps where this instruction stood and what memory it named, for FSTENV and FXSAVE (SDM 1 §8.1.8). */
function recordPointers(i: Insn): void {
  x87.opcode = <u16>opcodeOf(i);
  x87.instructionPointer = cpu.ripBase + i.offset;
  x87.instructionSelector = load<u16>(SEG_SELECTOR_AT + <usize>CS * 4);
  if (i.form & DST_MEMORY) {
    x87.dataPointer = effectiveAddress(i);
    x87.dataSelector = i.seg <= GS ? load<u16>(SEG_SELECTOR_AT + <usize>i.seg * 4) : 0;
  }
}

function executeMemory(i: Insn): void {
  const opcode = (<u32>i.extra) >> 3;
  const reg = (<u32>i.extra) & 7;
  switch (<u32>i.extra) {
    case 0o10:
      loadFloat<u32>(i);
      break;
    case 0o12:
    case 0o13:
      storeFloat<u32>(i, reg == 3);
      break;
    case 0o14:
      loadEnvironment(i);
      return;
    case 0o15:
      loadControlWord(i);
      return;
    case 0o16:
      storeEnvironment(i);
      return;
    case 0o17:
      storeControlWord(i);
      return;
    case 0o30:
      loadInteger<i32>(i);
      break;
    case 0o31:
      storeIntegerTruncated<u32>(i);
      break;
    case 0o32:
    case 0o33:
      storeInteger<u32>(i, reg == 3);
      break;
    case 0o35:
      loadExtended(i);
      break;
    case 0o37:
      storeExtended(i);
      break;
    case 0o50:
      loadFloat<u64>(i);
      break;
    case 0o51:
      storeIntegerTruncated<u64>(i);
      break;
    case 0o52:
    case 0o53:
      storeFloat<u64>(i, reg == 3);
      break;
    case 0o54:
      restoreState(i);
      return;
    case 0o56:
      saveState(i);
      return;
    case 0o57:
      storeStatusWord(i);
      return;
    case 0o70:
      loadInteger<i16>(i);
      break;
    case 0o71:
      storeIntegerTruncated<u16>(i);
      break;
    case 0o72:
    case 0o73:
      storeInteger<u16>(i, reg == 3);
      break;
    case 0o74:
      loadBcd(i);
      break;
    case 0o75:
      loadInteger<i64>(i);
      break;
    case 0o76:
      storeBcd(i);
      break;
    case 0o77:
      storeInteger<u64>(i, true);
      break;
    default:
      if (opcode & 1) raise(UD);
      arithmeticMemory(i, opcode, reg);
  }
  recordPointers(i);
}

/** Returns whether the instruction sets the instruction and data pointers. */
export function executeRegister(extra: u32): bool {
  const group = (extra - REGISTER_FORMS) >> 3;
  const position = extra & 7;
  const reg = group & 7;
  switch (group) {
    case 0o02:
    case 0o03:
    case 0o42: // DC D0, DC D8, DE D0: aliases that processors know and manuals list as reserved
    case 0o43:
    case 0o62:
      compareRegister(position, false, group != 0o02 && group != 0o42);
      break;
    case 0o10:
      loadRegister(position);
      break;
    case 0o11:
    case 0o51: // DD C8, DF C8: aliases
    case 0o71:
      exchange(position);
      break;
    case 0o12:
      if (position != 0) raise(UD); // FNOP
      break;
    case 0o13:
      storeRegisterUnchecked(position);
      break;
    case 0o53:
    case 0o72: // DF D0, DF D8: aliases
    case 0o73:
      storeRegister(position, true);
      break;
    case 0o14:
      inspectTop(position);
      break;
    case 0o15:
      constant(position);
      break;
    case 0o16:
    case 0o17:
      functionOfTop(extra & 15);
      break;
    case 0o20:
    case 0o21:
    case 0o22:
    case 0o23:
    case 0o30:
    case 0o31:
    case 0o32:
    case 0o33:
      conditionalMove(position, reg, group < 0o30);
      break;
    case 0o25:
      if (position != 1) raise(UD);
      comparePopTwo(true); // FUCOMPP
      break;
    case 0o34:
      if (position > 4) raise(UD);
      if (position == 2) clearExceptions();
      if (position == 3) resetX87();
      return false; // the other three are FNENI, FNDISI and FNSETPM, which do nothing since the 80387
    case 0o35:
    case 0o36:
    case 0o75:
    case 0o76:
      compareFlags(position, reg == 5, group >= 0o70);
      break;
    case 0o50:
      free(position, false);
      break;
    case 0o52:
      storeRegister(position, false);
      break;
    case 0o54:
    case 0o55:
      compareRegister(position, true, reg == 5);
      break;
    case 0o63:
      if (position != 1) raise(UD);
      comparePopTwo(false); // FCOMPP
      break;
    case 0o70:
      free(position, true); // FFREEP
      break;
    case 0o74:
      if (position != 0) raise(UD);
      storeStatusWordToAx();
      return false;
    default:
      // What is left of D9, DA, DB, DD and DF is reserved; D8, DC and DE are arithmetic.
      if (group & 0o10 || group >> 3 == 2) raise(UD);
      arithmeticRegister(group >> 3, reg, position);
  }
  return true;
}
