// Opcode groups (SDM 2D table A-6): eight rows each, chosen by ModRM.reg. A group's row replaces the operation of
// the opcode's row; width, operands and immediate stay as the opcode's row says unless named here.
import {
  ADC,
  ADD,
  AND,
  BT,
  BTC,
  BTR,
  BTS,
  CALL_FAR_INDIRECT,
  CALL_INDIRECT,
  CMP,
  DEC,
  DIV,
  IDIV,
  IMUL_ONE,
  INC,
  JMP_FAR_INDIRECT,
  JMP_INDIRECT,
  LLDT,
  LTR,
  MOV,
  MUL,
  NEG,
  NOT,
  OR,
  POP,
  PUSH,
  RCL,
  RCR,
  ROL,
  ROR,
  SAR,
  SBB,
  SHL,
  SHR,
  SLDT,
  STR,
  SUB,
  TEST,
  VERR,
  VERW,
  XOR,
} from "./operations";
import { ENDS_BLOCK, IB, IMM_SHIFT, IZ, LOCKABLE, SRC_SHIFT, E, WIDTH_SHIFT, WIDTH_Q } from "./opcodes";

const L: u32 = LOCKABLE;
const X: u32 = ENDS_BLOCK;
const q: u32 = WIDTH_Q << WIDTH_SHIFT;
const sE: u32 = E << SRC_SHIFT;
const ib: u32 = IB << IMM_SHIFT;
const iz: u32 = IZ << IMM_SHIFT;
/** Marks an empty place: operation 0 is ADD. */
export const NO_ROW: u32 = 0xffff_ffff;
const o: u32 = NO_ROW;

// prettier-ignore
/** Indexed by group * 8 + ModRM.reg. Groups 7, 9 and 15 depend on more than ModRM.reg: cpu/decode/decoder.ts. */
export const GROUPS = memory.data<u32>([
  /* 1  */ ADD | L, OR | L, ADC | L, SBB | L, AND | L, SUB | L, XOR | L, CMP,
  /* 1A */ POP, o, o, o, o, o, o, o,
  /* 2  */ ROL, ROR, RCL, RCR, SHL, SHR, SHL, SAR,
  /* 3b */ TEST | ib, TEST | ib, NOT | L, NEG | L, MUL, IMUL_ONE, DIV, IDIV,
  /* 3v */ TEST | iz, TEST | iz, NOT | L, NEG | L, MUL, IMUL_ONE, DIV, IDIV,
  /* 4  */ INC | L, DEC | L, o, o, o, o, o, o,
  /* 5  */ INC | L, DEC | L, CALL_INDIRECT | q | X, CALL_FAR_INDIRECT | X, JMP_INDIRECT | q | X, JMP_FAR_INDIRECT | X, PUSH | q | sE, o,
  /* 6  */ SLDT, STR, LLDT, LTR, VERR, VERW, o, o,
  /* 7  */ o, o, o, o, o, o, o, o,
  /* 8  */ o, o, o, o, BT, BTS | L, BTR | L, BTC | L,
  /* 9  */ o, o, o, o, o, o, o, o,
  /* 11 */ MOV, o, o, o, o, o, o, o,
]);
