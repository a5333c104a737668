// Bytes → Insn: prefixes, opcode maps, operands, immediates (SDM 2A chapter 2).
import {
  BYTE_SOURCE,
  COLUMN_66,
  COLUMN_F2,
  COLUMN_F3,
  COLUMN_NONE,
  DI_OPERAND,
  GROUP as SSE_GROUP,
  IMM8,
  MEM_ONLY,
  NO_MODRM,
  REG_ONLY,
  sseGroupRow,
  sseRow,
} from "./opcodes-sse";
import { decodeVex } from "./vex";
import {
  CS,
  DS,
  ES,
  FS,
  GS,
  MODE_CODE32,
  MODE_CODE64,
  MODE_FLAT,
  MODE_PROTECTED,
  REG_RDI,
  REG_RIP_BASE,
  REG_ZERO,
  SS,
} from "../state";
import { beginFetch, crossedPage, fetchByte, fetchValue, fetched } from "./fetch";
import { GROUPS, NO_ROW } from "./groups";
import {
  ADDRESS_16,
  ADDRESS_32,
  ADDRESS_32_FLAT,
  ADDRESS_32_LONG,
  ADDRESS_64,
  DST_MEMORY,
  Insn,
  LOCKED,
  PREFIX_OPERAND,
  PREFIX_REP,
  PREFIX_REPNE,
  PREFIX_REX_W,
  PREFIX_WIDTH_SHIFT,
  SRC_IMMEDIATE,
  SRC_MEMORY,
} from "./insn";
import { NO_OVERRIDE, decodeMemory, segmentFor } from "./modrm";
import {
  AP,
  C,
  CONDITIONAL,
  D,
  DST_SHIFT,
  E,
  ENDS_BLOCK,
  G,
  GROUP,
  GROUP_15,
  GROUP_7,
  GROUP_9,
  IB,
  IMM_SHIFT,
  IUB,
  IV,
  IW,
  IZ,
  JB,
  JZ,
  LOCKABLE,
  MODRM,
  NOT_64,
  O,
  ONE,
  ONE_BYTE,
  S,
  SRC_SHIFT,
  TWO_BYTE,
  WIDTH_Q,
  WIDTH_SHIFT,
  WIDTH_V,
  WIDTH_W,
  WIDTH_Y,
  Z,
} from "./opcodes";
import {
  BOUND,
  CALL_FAR_INDIRECT,
  CLAC,
  CMPXCHG16B,
  CMPXCHG8B,
  FENCE,
  FXRSTOR,
  FXSAVE,
  IMUL,
  INS,
  INVLPG,
  INVPCID,
  JCC,
  JMP_FAR_INDIRECT,
  LDMXCSR,
  LEA,
  LGDT,
  LIDT,
  LMSW,
  LOAD_FAR_POINTER,
  LZCNT,
  MOVBE,
  MOVS,
  MOVSX8,
  MOVSXD,
  MOVZX8,
  MOV_FROM_CR,
  NOP,
  OUTS,
  PAUSE,
  POPCNT,
  POPF,
  POP_SREG,
  RDFSBASE,
  RDRAND,
  RDTSCP,
  REP_INS,
  REP_MOVS,
  SCAS,
  SGDT,
  SHLD,
  SHRD,
  SIDT,
  SMSW,
  STAC,
  STMXCSR,
  SWAPGS,
  TZCNT,
  UNDEFINED,
  W16,
  W32,
  W64,
  X87,
  XGETBV,
  XLAT,
  MOV_FROM_SREG,
  MOV_TO_SREG,
  XRSTOR,
  XSAVE,
  XSETBV,
} from "./operations";

const REX_W: u32 = 8;
const REX_R: u32 = 4;

// What the prefixes of the instruction under decoding say.
let code64: bool = false;
let protectedMode: bool = false;
let rex: u32 = 0;
let segmentOverride: u32 = NO_OVERRIDE;
let operandPrefix: bool = false;
let addressPrefix: bool = false;
let lock: bool = false;
let repeat: u32 = 0;
let operandWidth: u32 = W32;
let modrm: u32 = 0;

/**
 * Decodes the instruction at `physical` into `i`, whose `offset` is set; `crossing` allows it to go on in the next
 * page (which may raise #PF). Returns whether it ends its block. Check `crossedPage()` when crossing is not allowed.
 */
export function decode(i: Insn, linear: u64, physical: u32, mode: u32, crossing: bool): bool {
  const offset = i.offset;
  memory.fill(changetype<usize>(i), 0, offsetof<Insn>());
  i.offset = offset;
  i.base = <u8>REG_ZERO;
  i.index = <u8>REG_ZERO;
  beginFetch(linear, physical, crossing);
  code64 = (mode & MODE_CODE64) != 0;
  protectedMode = (mode & MODE_PROTECTED) != 0;
  const code32 = (mode & MODE_CODE32) != 0;
  let opcode = prefixes();
  operandWidth = code32 || code64 ? (operandPrefix ? W16 : W32) : operandPrefix ? W32 : W16;
  if (rex & REX_W) operandWidth = W64;
  i.address = <u8>addressForm(code32, (mode & MODE_FLAT) != 0);
  i.prefix = <u8>(repeat | (operandPrefix ? PREFIX_OPERAND : 0) | (rex & REX_W ? PREFIX_REX_W : 0));
  const ends = decodeOpcode(i, opcode);
  i.length = <u8>fetched();
  if (i.base == REG_RIP_BASE) i.displacement += <i64>i.offset + <i64>i.length;
  return ends || crossedPage();
}

function addressForm(code32: bool, flat: bool): u32 {
  if (code64) return addressPrefix ? ADDRESS_32_LONG : ADDRESS_64;
  if (code32 == addressPrefix) return ADDRESS_16;
  return flat ? ADDRESS_32_FLAT : ADDRESS_32;
}

/** Takes the prefixes; returns the first byte that is none. */
function prefixes(): u32 {
  rex = 0;
  segmentOverride = NO_OVERRIDE;
  operandPrefix = false;
  addressPrefix = false;
  lock = false;
  repeat = 0;
  while (true) {
    const byte = fetchByte();
    switch (byte) {
      case 0x26:
        segmentOverride = ES;
        break;
      case 0x2e:
        segmentOverride = CS;
        break;
      case 0x36:
        segmentOverride = SS;
        break;
      case 0x3e:
        segmentOverride = DS;
        break;
      case 0x64:
        segmentOverride = FS;
        break;
      case 0x65:
        segmentOverride = GS;
        break;
      case 0x66:
        operandPrefix = true;
        break;
      case 0x67:
        addressPrefix = true;
        break;
      case 0xf0:
        lock = true;
        break;
      case 0xf2:
        repeat = PREFIX_REPNE;
        break;
      case 0xf3:
        repeat = PREFIX_REP;
        break;
      default:
        if (code64 && byte >> 4 == 4) {
          // REX counts only right before the opcode.
          rex = (byte & 15) | 0x10;
          continue;
        }
        return byte;
    }
    rex = 0;
  }
}

function undefined(i: Insn): bool {
  i.op = <u16>UNDEFINED;
  i.form = 0;
  return true;
}

function decodeOpcode(i: Insn, opcode: u32): bool {
  if (opcode == 0x0f) return decodeTwoByte(i, fetchByte());
  if (opcode >= 0xd8 && opcode <= 0xdf) return decodeX87(i, opcode);
  if (opcode == 0x63 && code64) {
    modrm = fetchByte();
    return operands(i, MOVSXD | (WIDTH_V << WIDTH_SHIFT) | (G << DST_SHIFT) | (E << SRC_SHIFT), opcode);
  }
  // NOP is XCHG with itself, but leaves the upper half alone (SDM 2 "NOP"); with F3 it is PAUSE.
  if (opcode == 0x90 && (rex & 1) == 0) {
    if (lock) return undefined(i);
    i.op = <u16>(repeat == PREFIX_REP ? PAUSE : NOP);
    return repeat == PREFIX_REP;
  }
  const row = load<u32>(ONE_BYTE + ((<usize>opcode) << 2));
  if (row == 0 && opcode != 0) return undefined(i);
  if (needsModrm(row)) {
    modrm = fetchByte();
    // LES and LDS with a register are VEX, in 64-bit mode always (SDM 2A §2.3.5).
    if ((opcode == 0xc4 || opcode == 0xc5) && (code64 || modrm >> 6 == 3))
      return decodeAsVex(i, opcode == 0xc5);
  }
  return operands(i, row, opcode);
}

/** No other prefix may stand in front but those of segment and address size; no VEX outside protected mode. */
function decodeAsVex(i: Insn, short: bool): bool {
  if (rex || operandPrefix || repeat || lock || !protectedMode) return undefined(i);
  return decodeVex(i, short, modrm, code64, segmentOverride) ? false : undefined(i);
}

function needsModrm(row: u32): bool {
  const dst = (row >> DST_SHIFT) & 15;
  const src = (row >> SRC_SHIFT) & 15;
  return (row & (MODRM | GROUP)) != 0 || dst == E || dst == G || src == E || src == G;
}

function decodeTwoByte(i: Insn, opcode: u32): bool {
  if (opcode == 0x38) return decodeThreeByte(i, 2, fetchByte());
  if (opcode == 0x3a) return decodeThreeByte(i, 3, fetchByte());
  // The bit scans become counts with F3, where CPUID promises them.
  if (repeat == PREFIX_REP && (opcode == 0xb8 || opcode == 0xbc || opcode == 0xbd)) {
    modrm = fetchByte();
    const op = opcode == 0xb8 ? POPCNT : opcode == 0xbc ? TZCNT : LZCNT;
    return operands(i, op | (WIDTH_V << WIDTH_SHIFT) | (G << DST_SHIFT) | (E << SRC_SHIFT), opcode);
  }
  const row = load<u32>(TWO_BYTE + ((<usize>opcode) << 2));
  if (row == 0) return decodeVector(i, 1, opcode);
  if (needsModrm(row)) modrm = fetchByte();
  return operands(i, row, opcode);
}

function decodeThreeByte(i: Insn, map: u32, opcode: u32): bool {
  if (map == 2 && opcode >> 1 == 0x78 && repeat != PREFIX_REPNE) {
    modrm = fetchByte();
    if (modrm >> 6 == 3) return undefined(i);
    const load = (opcode & 1) == 0;
    const row = load ? (G << DST_SHIFT) | (E << SRC_SHIFT) : (E << DST_SHIFT) | (G << SRC_SHIFT);
    return operands(i, MOVBE | (WIDTH_V << WIDTH_SHIFT) | row, opcode);
  }
  if (map == 2 && opcode == 0x82 && operandPrefix && repeat == 0) {
    modrm = fetchByte();
    if (modrm >> 6 == 3) return undefined(i);
    const row: u32 = (G << DST_SHIFT) | (E << SRC_SHIFT) | (WIDTH_Y << WIDTH_SHIFT) | ENDS_BLOCK;
    return operands(i, INVPCID | row, opcode);
  }
  return decodeVector(i, map, opcode);
}

/** x87: `extra` is the dense number of the operation (cpu/exec/x87.ts). */
function decodeX87(i: Insn, opcode: u32): bool {
  if (lock) return undefined(i);
  modrm = fetchByte();
  i.op = <u16>X87;
  i.immediate = <u64>modrm;
  if (modrm >> 6 != 3) {
    i.form = <u8>DST_MEMORY;
    i.extra = <u16>(((opcode & 7) << 3) | ((modrm >> 3) & 7));
    decodeMemory(i, modrm, rex, segmentOverride);
  } else i.extra = <u16>(64 + ((opcode & 7) << 6) + (modrm & 63));
  return false;
}

function mandatoryColumn(): u32 {
  if (repeat) return repeat == PREFIX_REP ? COLUMN_F3 : COLUMN_F2;
  return operandPrefix ? COLUMN_66 : COLUMN_NONE;
}

/** MMX and SSE: rows of opcodes-sse.ts; the operands are plain register numbers. */
function decodeVector(i: Insn, map: u32, opcode: u32): bool {
  if (lock) return undefined(i);
  let row = sseRow(map, mandatoryColumn(), opcode);
  if (row == 0) return undefined(i);
  if (row & NO_MODRM) {
    i.op = <u16>(row & 0xfff);
    return false;
  }
  modrm = fetchByte();
  if (row & SSE_GROUP) row = sseGroupRow(opcode, mandatoryColumn(), (modrm >> 3) & 7);
  if (row == 0) return undefined(i);
  const isRegister = modrm >> 6 == 3;
  if ((row & MEM_ONLY && isRegister) || (row & REG_ONLY && !isRegister)) return undefined(i);
  i.op = <u16>(row & 0xfff);
  i.dst = <u8>(((modrm >> 3) & 7) | ((rex & REX_R) << 1));
  if (isRegister) {
    const number = (modrm & 7) | ((rex & 1) << 3);
    i.src = row & BYTE_SOURCE ? registerOffset(number, 0) : <u8>number;
    if (row & DI_OPERAND) {
      i.base = <u8>REG_RDI;
      i.seg = segmentFor(i.address, segmentOverride, false);
    }
  } else {
    i.form = <u8>SRC_MEMORY;
    decodeMemory(i, modrm, rex, segmentOverride);
  }
  if (row & IMM8) i.immediate = <u64>fetchByte();
  return false;
}

/** The row chosen by ModRM: a group's own fields win over its opcode's. NO_ROW where there is none. */
function groupRow(row: u32): u32 {
  const group = row & 0x3ff;
  const memoryOperand = modrm >> 6 != 3;
  const number = (modrm >> 3) & 7;
  if (group == GROUP_7) return group7(number, memoryOperand);
  if (group == GROUP_9) {
    if (number == 6 && !memoryOperand) return RDRAND | (E << DST_SHIFT) | (WIDTH_V << WIDTH_SHIFT);
    if (number != 1 || !memoryOperand) return NO_ROW;
    return (rex & REX_W ? CMPXCHG16B : CMPXCHG8B) | (E << DST_SHIFT) | LOCKABLE;
  }
  if (group == GROUP_15) return group15(number, memoryOperand);
  const own = load<u32>(GROUPS + ((<usize>(group * 8 + number)) << 2));
  if (own == NO_ROW) return NO_ROW;
  const widthField: u32 = 15 << WIDTH_SHIFT;
  const sourceField: u32 = 15 << SRC_SHIFT;
  const immField: u32 = 15 << IMM_SHIFT;
  let fields = row & ~(GROUP | 0x3ff);
  if (own & widthField) fields &= ~widthField;
  if (own & immField) fields &= ~immField;
  // PUSH of group 5 reads the operand that the others write.
  if (own & sourceField) fields &= ~(sourceField | (15 << DST_SHIFT));
  return own | fields;
}

/** 0F 01 (SDM 2D table A-6). */
function group7(number: u32, memoryOperand: bool): u32 {
  const row: u32 = (E << DST_SHIFT) | MODRM;
  const word: u32 = WIDTH_W << WIDTH_SHIFT;
  if (memoryOperand)
    switch (number) {
      case 0:
        return SGDT | row;
      case 1:
        return SIDT | row;
      case 2:
        return LGDT | row;
      case 3:
        return LIDT | row;
      case 4:
        return SMSW | row | word;
      case 6:
        return LMSW | row | word | ENDS_BLOCK;
      case 7:
        return INVLPG | row | ENDS_BLOCK;
      default:
        return NO_ROW;
    }
  if (modrm == 0xca) return CLAC | MODRM;
  if (modrm == 0xcb) return STAC | MODRM;
  if (modrm == 0xd0) return XGETBV | MODRM;
  if (modrm == 0xd1) return XSETBV | MODRM | ENDS_BLOCK;
  if (number == 4) return SMSW | row | (WIDTH_V << WIDTH_SHIFT);
  if (number == 6) return LMSW | row | word | ENDS_BLOCK;
  if (modrm == 0xf8) return code64 ? SWAPGS | MODRM : NO_ROW;
  return modrm == 0xf9 ? RDTSCP | MODRM : NO_ROW;
}

/** 0F AE (SDM 2D table A-6). */
function group15(number: u32, memoryOperand: bool): u32 {
  if (memoryOperand) {
    if (repeat || operandPrefix) return NO_ROW;
    const row: u32 = (E << DST_SHIFT) | MODRM;
    if (number == 0) return FXSAVE | row;
    if (number == 1) return FXRSTOR | row | ENDS_BLOCK;
    if (number == 2) return LDMXCSR | row | ENDS_BLOCK;
    if (number == 3) return STMXCSR | row;
    if (number == 4) return XSAVE | row;
    if (number == 5) return XRSTOR | row | ENDS_BLOCK;
    return number == 7 ? NOP | MODRM : NO_ROW; // CLFLUSH
  }
  if (repeat == PREFIX_REP && code64 && number < 4)
    return (RDFSBASE + (number << 2)) | (E << DST_SHIFT) | MODRM | (WIDTH_Y << WIDTH_SHIFT);
  return number >= 5 && !repeat ? FENCE | MODRM : NO_ROW;
}

function width(row: u32): u32 {
  switch ((row >> WIDTH_SHIFT) & 15) {
    case WIDTH_V:
      return operandWidth;
    case WIDTH_W:
      return W16;
    case WIDTH_Q:
      return code64 ? (operandPrefix && !(rex & REX_W) ? W16 : W64) : operandWidth;
    case WIDTH_Y:
      return rex & REX_W ? W64 : W32;
    default:
      return 0;
  }
}

/** Byte offset of register `number` in the register file; without REX, byte registers 4 to 7 are AH … BH. */
function registerOffset(number: u32, log2: u32): u8 {
  if (log2 == 0 && rex == 0 && number >= 4 && number < 8) return <u8>(((number - 4) << 3) + 1);
  return <u8>(number << 3);
}

function operands(i: Insn, row: u32, opcode: u32): bool {
  if (row & GROUP) {
    row = groupRow(row);
    if (row == NO_ROW) return undefined(i);
  }
  if (row & NOT_64 && code64) return undefined(i);
  let op = row & 0x3ff;
  let log2 = width(row);
  // Near branches in 64-bit code are 64 bits wide whatever the prefix (SDM 2A §2.2.1.7, Intel's reading).
  const isBranch = row & ENDS_BLOCK && op != POPF && op != POP_SREG;
  if (code64 && isBranch && ((row >> WIDTH_SHIFT) & 15) == WIDTH_Q) log2 = W64;
  if (row & CONDITIONAL) i.extra = <u16>(opcode & 15);
  const form = operandFields(i, row, op, log2, opcode);
  immediate(i, row, log2, op);
  if (lock) {
    if (!(row & LOCKABLE) || !(i.form & DST_MEMORY)) return undefined(i);
    i.form |= <u8>LOCKED;
  }
  if (!form || op == UNDEFINED) return undefined(i);
  let ends = (row & ENDS_BLOCK) != 0;
  if (op < JCC) {
    if (op >= MOVS && op <= SCAS + 3) {
      i.seg = segmentFor(i.address, segmentOverride, false);
      if (repeat) {
        op += REP_MOVS - MOVS;
        ends = true;
      }
    } else if (op >= INS && op <= OUTS + 3) {
      i.seg = segmentFor(i.address, segmentOverride, false);
      if (repeat) {
        op += REP_INS - INS;
        ends = true;
      }
    }
    op += log2;
  } else {
    i.prefix |= <u8>(log2 << PREFIX_WIDTH_SHIFT);
    if (op == XLAT) i.seg = segmentFor(i.address, segmentOverride, false);
  }
  i.op = <u16>op;
  return ends;
}

/** Places the operands; false where a form does not exist with a register, or with memory. */
function operandFields(i: Insn, row: u32, op: u32, log2: u32, opcode: u32): bool {
  const dst = (row >> DST_SHIFT) & 15;
  const src = (row >> SRC_SHIFT) & 15;
  const memoryOperand = modrm >> 6 != 3;
  const isControl = op >= MOV_FROM_CR && op < MOV_FROM_CR + 4;
  if (isControl) {
    // MOV to and from control and debug registers: mod is ignored (SDM 2 "MOV – Move to/from Control Registers").
    i.dst = <u8>(((modrm & 7) | ((rex & 1) << 3)) << 3);
    i.extra = <u16>(((modrm >> 3) & 7) | ((rex & REX_R) << 1));
    return true;
  }
  // A byte source beside a wider destination.
  const srcLog2 = op == MOVZX8 || op == MOVSX8 ? 0 : log2;
  if (dst == E || src == E || (row & MODRM && memoryOperand)) {
    if (memoryOperand) {
      i.form |= <u8>(src == E ? SRC_MEMORY : DST_MEMORY);
      decodeMemory(i, modrm, rex, segmentOverride);
    } else {
      const number = (modrm & 7) | ((rex & 1) << 3);
      if (dst == E) i.dst = registerOffset(number, log2);
      else i.src = registerOffset(number, srcLog2);
    }
  }
  const regNumber = ((modrm >> 3) & 7) | ((rex & REX_R) << 1);
  if (dst == G) i.dst = registerOffset(regNumber, log2);
  if (src == G) i.src = registerOffset(regNumber, log2);
  if (dst == Z) i.dst = registerOffset((opcode & 7) | ((rex & 1) << 3), log2);
  if (src == Z) i.src = registerOffset((opcode & 7) | ((rex & 1) << 3), log2);
  if (dst == S) i.extra = <u16>(src == E ? (modrm >> 3) & 7 : (opcode >> 3) & 7);
  if (src == S) i.extra = <u16>((modrm >> 3) & 7);
  // There are six segment registers, and CS is not loaded by MOV (SDM 2 "MOV").
  if (op == MOV_FROM_SREG && i.extra > <u16>GS) return false;
  if (op == MOV_TO_SREG && (i.extra > <u16>GS || i.extra == <u16>CS)) return false;
  if (src == C) i.src = 8;
  if (src == D) i.src = 16;
  if (src == ONE) {
    i.form |= <u8>SRC_IMMEDIATE;
    i.immediate = 1;
  }
  if (dst == O || src == O) {
    i.form |= <u8>(src == O ? SRC_MEMORY : DST_MEMORY);
    i.displacement = <i64>fetchValue(i.address == ADDRESS_64 ? 8 : i.address == ADDRESS_16 ? 2 : 4);
    i.seg = segmentFor(i.address, segmentOverride, false);
  }
  return memoryForm(i, op, opcode, memoryOperand);
}

/** The forms that exist for memory only; LES and its kin name their segment by the opcode. */
function memoryForm(i: Insn, op: u32, opcode: u32, memoryOperand: bool): bool {
  if (op == LOAD_FAR_POINTER) i.extra = <u16>farPointerSegment(opcode);
  else if (op != LEA && op != BOUND && op != CALL_FAR_INDIRECT && op != JMP_FAR_INDIRECT) return true;
  return memoryOperand;
}

function farPointerSegment(opcode: u32): u32 {
  switch (opcode) {
    case 0xc4:
      return ES;
    case 0xc5:
      return DS;
    case 0xb2:
      return SS;
    case 0xb4:
      return FS;
    default:
      return GS;
  }
}

function immediate(i: Insn, row: u32, log2: u32, op: u32): void {
  const kind = (row >> IMM_SHIFT) & 15;
  if (kind == 0) return;
  i.form |= <u8>SRC_IMMEDIATE;
  switch (kind) {
    case IB:
      i.immediate = <u64>(<i64>(<i8>fetchByte()));
      break;
    case IUB:
      i.immediate = <u64>fetchByte();
      break;
    case IZ:
      i.immediate = log2 == W16 ? <u64>(<i64>(<i16>fetchValue(2))) : <u64>(<i64>(<i32>fetchValue(4)));
      break;
    case IV:
      i.immediate = fetchValue(1 << log2);
      break;
    case IW:
      i.immediate = fetchValue(2);
      break;
    case JB:
      i.immediate = <u64>(<i64>(<i8>fetchByte()));
      break;
    case JZ:
      i.immediate = log2 == W16 ? <u64>(<i64>(<i16>fetchValue(2))) : <u64>(<i64>(<i32>fetchValue(4)));
      break;
    case AP:
      i.immediate = fetchValue(log2 == W16 ? 2 : 4);
      i.extra = <u16>fetchValue(2);
      break;
    default:
      // IWB: ENTER's size and level.
      i.immediate = fetchValue(2);
      i.immediate |= (<u64>fetchByte()) << 16;
  }
  if (kind == JB || kind == JZ) i.immediate += <u64>i.offset + <u64>fetched();
  // Three operands: the immediate stands beside a register or memory source.
  if (op == IMUL || op == SHLD || op == SHRD) {
    i.form &= ~(<u8>SRC_IMMEDIATE);
    i.extra = 1;
  }
}
