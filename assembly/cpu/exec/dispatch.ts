// Dispatch: one switch over the operation, dense, so that it becomes a table of branches; each case calls its handler
// directly (an indirect call costs four times as much). Cases that return have set RIP: they end the block.
import { followLink, nextBlock } from "../decode/block";
import { INSN_SIZE, Insn } from "../decode/insn";
import {
  AAA,
  AAD,
  AAM,
  AAS,
  ADC,
  ADD,
  AND,
  ARPL,
  BLOCK_END,
  BLOCK_LEAVE,
  BLOCK_NEXT,
  BOUND,
  BSF,
  BSR,
  BSWAP,
  BT,
  BTC,
  BTR,
  BTS,
  CALL_FAR,
  CALL_FAR_INDIRECT,
  CALL_INDIRECT,
  CALL_NEAR,
  CBW,
  CLAC,
  CLC,
  CLD,
  CLI,
  CLTS,
  CMC,
  CMOV,
  CMP,
  CMPS,
  CMPXCHG,
  CMPXCHG16B,
  CMPXCHG8B,
  CPUID,
  CWD,
  DAA,
  DAS,
  DEC,
  DIV,
  ENTER,
  FENCE,
  FWAIT,
  FXRSTOR,
  FXSAVE,
  HLT,
  IDIV,
  IMUL,
  IMUL_ONE,
  IN,
  INC,
  INS,
  INT,
  INT1,
  INT3,
  INTO,
  INVD,
  INVLPG,
  INVPCID,
  IRET,
  JCC,
  JCXZ,
  JMP,
  JMP_FAR,
  JMP_FAR_INDIRECT,
  JMP_INDIRECT,
  LAHF,
  LAR,
  LDMXCSR,
  LEA,
  LEAVE,
  LGDT,
  LIDT,
  LLDT,
  LMSW,
  LOAD_FAR_POINTER,
  LODS,
  LOOP,
  LOOPE,
  LOOPNE,
  LSL,
  LTR,
  LZCNT,
  MOV,
  MOVBE,
  MOVS,
  MOVSX16,
  MOVSX8,
  MOVSXD,
  MOVZX16,
  MOVZX8,
  MOV_FROM_CR,
  MOV_FROM_DR,
  MOV_FROM_SREG,
  MOV_TO_CR,
  MOV_TO_DR,
  MOV_TO_SREG,
  MUL,
  NEG,
  NOP,
  PAUSE,
  NOT,
  OR,
  OUT,
  OUTS,
  POP,
  POPA,
  POPCNT,
  POPF,
  POP_SREG,
  PUSH,
  PUSHA,
  PUSHF,
  PUSH_SREG,
  RCL,
  RCR,
  RDFSBASE,
  RDGSBASE,
  RDMSR,
  RDPMC,
  RDRAND,
  RDTSC,
  RDTSCP,
  REP_CMPS,
  REP_INS,
  REP_LODS,
  REP_MOVS,
  REP_OUTS,
  REP_SCAS,
  REP_STOS,
  RET,
  RETF,
  RETF_POP,
  RET_POP,
  ROL,
  ROR,
  SAHF,
  SALC,
  SAR,
  SBB,
  SCAS,
  SETCC,
  SGDT,
  SHL,
  SHLD,
  SHR,
  SHRD,
  SIDT,
  SLDT,
  SMSW,
  SSE_FIRST,
  STAC,
  STC,
  STD,
  STI,
  STMXCSR,
  STOS,
  STR,
  SUB,
  SWAPGS,
  SYSCALL,
  SYSENTER,
  SYSEXIT,
  SYSRET,
  TEST,
  TZCNT,
  VERR,
  VERW,
  W16,
  W32,
  W64,
  WRFSBASE,
  WRGSBASE,
  WRMSR,
  X87,
  XGETBV,
  XRSTOR,
  XSAVE,
  XSETBV,
  XADD,
  XCHG,
  XLAT,
  XOR,
} from "../decode/operations";
import { cpuid } from "../features";
import { carryFlag } from "../flags";
import { FS, GS, LDTR, TR, cpu } from "../state";
import {
  bswap,
  cmov,
  enter,
  lea,
  leave,
  loadFarPointer,
  mov,
  movFromSegment,
  movToSegment,
  movbe,
  movsx,
  movzx,
  popOperand,
  popSegment,
  popa,
  pushOperand,
  pushSegment,
  pusha,
  setcc,
  xchg,
  xlat,
} from "./move";
import {
  aad,
  aam,
  adc,
  add,
  asciiAdjust,
  bound,
  cbw,
  cmp,
  cmpxchg,
  cwd,
  dec,
  decimalAdjust,
  div,
  idiv,
  imul,
  imulOne,
  inc,
  mul,
  neg,
  sbb,
  sub,
  xadd,
} from "./arith";
import {
  and,
  bsf,
  bsr,
  bt,
  btc,
  btr,
  bts,
  lzcnt,
  not,
  or,
  popcount,
  rcl,
  rcr,
  rol,
  ror,
  salc,
  sar,
  setCarry,
  shl,
  shld,
  shr,
  shrd,
  test,
  tzcnt,
  xor,
} from "./bits";
import {
  cmps,
  ins,
  lods,
  movs,
  outs,
  repCmps,
  repIns,
  repLods,
  repMovs,
  repOuts,
  repScas,
  repStos,
  scas,
  stos,
} from "./string";
import { blockEnd, callIndirect, callNear, jcc, jcxz, jmp, jmpIndirect, loop, ret, retPop } from "./branch";
import {
  callFar,
  callFarIndirect,
  int,
  int1,
  int3,
  into,
  iretFrom,
  jmpFar,
  jmpFarIndirect,
  retf,
  retfPop,
} from "./far";
import { arpl, lar, lldt, lsl, ltr, verify } from "./protection";
import {
  cli,
  clts,
  cmpxchg16b,
  cmpxchg8b,
  hlt,
  pause,
  input,
  invd,
  invlpg,
  invpcid,
  lahf,
  lmsw,
  loadTable,
  movFromCr,
  movFromDr,
  movToCr,
  movToDr,
  output,
  popf,
  pushf,
  rdmsr,
  rdpmc,
  rdrand,
  rdtsc,
  rdtscp,
  readBase,
  sahf,
  setAccess,
  setDirection,
  smsw,
  sti,
  storeSelector,
  storeTable,
  swapgs,
  syscall,
  sysenter,
  sysexit,
  sysret,
  undefined,
  writeBase,
  wrmsr,
} from "./system";
import { fxrstor, fxsave } from "./fxsave";
import { xgetbv, xrstor, xsave, xsetbv } from "./xsave";
import { executeSse, ldmxcsr, stmxcsr } from "./sse";
import { executeX87, fwait } from "./x87";

/** Runs decoded instructions from `i` on to the end of their block. A fault unwinds out of here. */
export function execute(i: Insn): void {
  for (;;) {
    cpu.insn = <u32>changetype<usize>(i);
    // prettier-ignore
    switch (<u32>i.op) {
      case ADD: add<u8>(i); break;
      case ADD + W16: add<u16>(i); break;
      case ADD + W32: add<u32>(i); break;
      case ADD + W64: add<u64>(i); break;
      case OR: or<u8>(i); break;
      case OR + W16: or<u16>(i); break;
      case OR + W32: or<u32>(i); break;
      case OR + W64: or<u64>(i); break;
      case ADC: adc<u8>(i); break;
      case ADC + W16: adc<u16>(i); break;
      case ADC + W32: adc<u32>(i); break;
      case ADC + W64: adc<u64>(i); break;
      case SBB: sbb<u8>(i); break;
      case SBB + W16: sbb<u16>(i); break;
      case SBB + W32: sbb<u32>(i); break;
      case SBB + W64: sbb<u64>(i); break;
      case AND: and<u8>(i); break;
      case AND + W16: and<u16>(i); break;
      case AND + W32: and<u32>(i); break;
      case AND + W64: and<u64>(i); break;
      case SUB: sub<u8>(i); break;
      case SUB + W16: sub<u16>(i); break;
      case SUB + W32: sub<u32>(i); break;
      case SUB + W64: sub<u64>(i); break;
      case XOR: xor<u8>(i); break;
      case XOR + W16: xor<u16>(i); break;
      case XOR + W32: xor<u32>(i); break;
      case XOR + W64: xor<u64>(i); break;
      case CMP: cmp<u8>(i); break;
      case CMP + W16: cmp<u16>(i); break;
      case CMP + W32: cmp<u32>(i); break;
      case CMP + W64: cmp<u64>(i); break;
      case TEST: test<u8>(i); break;
      case TEST + W16: test<u16>(i); break;
      case TEST + W32: test<u32>(i); break;
      case TEST + W64: test<u64>(i); break;
      case MOV: mov<u8>(i); break;
      case MOV + W16: mov<u16>(i); break;
      case MOV + W32: mov<u32>(i); break;
      case MOV + W64: mov<u64>(i); break;
      case XCHG: xchg<u8>(i); break;
      case XCHG + W16: xchg<u16>(i); break;
      case XCHG + W32: xchg<u32>(i); break;
      case XCHG + W64: xchg<u64>(i); break;
      case INC: inc<u8>(i); break;
      case INC + W16: inc<u16>(i); break;
      case INC + W32: inc<u32>(i); break;
      case INC + W64: inc<u64>(i); break;
      case DEC: dec<u8>(i); break;
      case DEC + W16: dec<u16>(i); break;
      case DEC + W32: dec<u32>(i); break;
      case DEC + W64: dec<u64>(i); break;
      case NOT: not<u8>(i); break;
      case NOT + W16: not<u16>(i); break;
      case NOT + W32: not<u32>(i); break;
      case NOT + W64: not<u64>(i); break;
      case NEG: neg<u8>(i); break;
      case NEG + W16: neg<u16>(i); break;
      case NEG + W32: neg<u32>(i); break;
      case NEG + W64: neg<u64>(i); break;
      case MUL: mul<u8>(i); break;
      case MUL + W16: mul<u16>(i); break;
      case MUL + W32: mul<u32>(i); break;
      case MUL + W64: mul<u64>(i); break;
      case IMUL_ONE: imulOne<u8>(i); break;
      case IMUL_ONE + W16: imulOne<u16>(i); break;
      case IMUL_ONE + W32: imulOne<u32>(i); break;
      case IMUL_ONE + W64: imulOne<u64>(i); break;
      case DIV: div<u8>(i); break;
      case DIV + W16: div<u16>(i); break;
      case DIV + W32: div<u32>(i); break;
      case DIV + W64: div<u64>(i); break;
      case IDIV: idiv<u8>(i); break;
      case IDIV + W16: idiv<u16>(i); break;
      case IDIV + W32: idiv<u32>(i); break;
      case IDIV + W64: idiv<u64>(i); break;
      case IMUL + W16: imul<u16>(i); break;
      case IMUL + W32: imul<u32>(i); break;
      case IMUL + W64: imul<u64>(i); break;
      case ROL: rol<u8>(i); break;
      case ROL + W16: rol<u16>(i); break;
      case ROL + W32: rol<u32>(i); break;
      case ROL + W64: rol<u64>(i); break;
      case ROR: ror<u8>(i); break;
      case ROR + W16: ror<u16>(i); break;
      case ROR + W32: ror<u32>(i); break;
      case ROR + W64: ror<u64>(i); break;
      case RCL: rcl<u8>(i); break;
      case RCL + W16: rcl<u16>(i); break;
      case RCL + W32: rcl<u32>(i); break;
      case RCL + W64: rcl<u64>(i); break;
      case RCR: rcr<u8>(i); break;
      case RCR + W16: rcr<u16>(i); break;
      case RCR + W32: rcr<u32>(i); break;
      case RCR + W64: rcr<u64>(i); break;
      case SHL: shl<u8>(i); break;
      case SHL + W16: shl<u16>(i); break;
      case SHL + W32: shl<u32>(i); break;
      case SHL + W64: shl<u64>(i); break;
      case SHR: shr<u8>(i); break;
      case SHR + W16: shr<u16>(i); break;
      case SHR + W32: shr<u32>(i); break;
      case SHR + W64: shr<u64>(i); break;
      case SAR: sar<u8>(i); break;
      case SAR + W16: sar<u16>(i); break;
      case SAR + W32: sar<u32>(i); break;
      case SAR + W64: sar<u64>(i); break;
      case SHLD + W16: shld<u16>(i); break;
      case SHLD + W32: shld<u32>(i); break;
      case SHLD + W64: shld<u64>(i); break;
      case SHRD + W16: shrd<u16>(i); break;
      case SHRD + W32: shrd<u32>(i); break;
      case SHRD + W64: shrd<u64>(i); break;
      case BT + W16: bt<u16>(i); break;
      case BT + W32: bt<u32>(i); break;
      case BT + W64: bt<u64>(i); break;
      case BTS + W16: bts<u16>(i); break;
      case BTS + W32: bts<u32>(i); break;
      case BTS + W64: bts<u64>(i); break;
      case BTR + W16: btr<u16>(i); break;
      case BTR + W32: btr<u32>(i); break;
      case BTR + W64: btr<u64>(i); break;
      case BTC + W16: btc<u16>(i); break;
      case BTC + W32: btc<u32>(i); break;
      case BTC + W64: btc<u64>(i); break;
      case BSF + W16: bsf<u16>(i); break;
      case BSF + W32: bsf<u32>(i); break;
      case BSF + W64: bsf<u64>(i); break;
      case BSR + W16: bsr<u16>(i); break;
      case BSR + W32: bsr<u32>(i); break;
      case BSR + W64: bsr<u64>(i); break;
      case TZCNT + W16: tzcnt<u16>(i); break;
      case TZCNT + W32: tzcnt<u32>(i); break;
      case TZCNT + W64: tzcnt<u64>(i); break;
      case LZCNT + W16: lzcnt<u16>(i); break;
      case LZCNT + W32: lzcnt<u32>(i); break;
      case LZCNT + W64: lzcnt<u64>(i); break;
      case POPCNT + W16: popcount<u16>(i); break;
      case POPCNT + W32: popcount<u32>(i); break;
      case POPCNT + W64: popcount<u64>(i); break;
      case BSWAP + W16: bswap<u16>(i); break;
      case BSWAP + W32: bswap<u32>(i); break;
      case BSWAP + W64: bswap<u64>(i); break;
      case CMPXCHG: cmpxchg<u8>(i); break;
      case CMPXCHG + W16: cmpxchg<u16>(i); break;
      case CMPXCHG + W32: cmpxchg<u32>(i); break;
      case CMPXCHG + W64: cmpxchg<u64>(i); break;
      case XADD: xadd<u8>(i); break;
      case XADD + W16: xadd<u16>(i); break;
      case XADD + W32: xadd<u32>(i); break;
      case XADD + W64: xadd<u64>(i); break;
      case CMOV + W16: cmov<u16>(i); break;
      case CMOV + W32: cmov<u32>(i); break;
      case CMOV + W64: cmov<u64>(i); break;
      case MOVZX8 + W16: movzx<u16, u8>(i); break;
      case MOVZX8 + W32: movzx<u32, u8>(i); break;
      case MOVZX8 + W64: movzx<u64, u8>(i); break;
      case MOVZX16 + W16: movzx<u16, u16>(i); break;
      case MOVZX16 + W32: movzx<u32, u16>(i); break;
      case MOVZX16 + W64: movzx<u64, u16>(i); break;
      case MOVSX8 + W16: movsx<u16, u8, i8>(i); break;
      case MOVSX8 + W32: movsx<u32, u8, i8>(i); break;
      case MOVSX8 + W64: movsx<u64, u8, i8>(i); break;
      case MOVSX16 + W16: movsx<u16, u16, i16>(i); break;
      case MOVSX16 + W32: movsx<u32, u16, i16>(i); break;
      case MOVSX16 + W64: movsx<u64, u16, i16>(i); break;
      case MOVSXD + W16: movsx<u16, u32, i32>(i); break;
      case MOVSXD + W32: movsx<u32, u32, i32>(i); break;
      case MOVSXD + W64: movsx<u64, u32, i32>(i); break;
      case LEA + W16: lea<u16>(i); break;
      case LEA + W32: lea<u32>(i); break;
      case LEA + W64: lea<u64>(i); break;
      case PUSH + W16: pushOperand<u16>(i); break;
      case PUSH + W32: pushOperand<u32>(i); break;
      case PUSH + W64: pushOperand<u64>(i); break;
      case POP + W16: popOperand<u16>(i); break;
      case POP + W32: popOperand<u32>(i); break;
      case POP + W64: popOperand<u64>(i); break;
      case MOVS: movs<u8>(i); break;
      case MOVS + W16: movs<u16>(i); break;
      case MOVS + W32: movs<u32>(i); break;
      case MOVS + W64: movs<u64>(i); break;
      case CMPS: cmps<u8>(i); break;
      case CMPS + W16: cmps<u16>(i); break;
      case CMPS + W32: cmps<u32>(i); break;
      case CMPS + W64: cmps<u64>(i); break;
      case STOS: stos<u8>(i); break;
      case STOS + W16: stos<u16>(i); break;
      case STOS + W32: stos<u32>(i); break;
      case STOS + W64: stos<u64>(i); break;
      case LODS: lods<u8>(i); break;
      case LODS + W16: lods<u16>(i); break;
      case LODS + W32: lods<u32>(i); break;
      case LODS + W64: lods<u64>(i); break;
      case SCAS: scas<u8>(i); break;
      case SCAS + W16: scas<u16>(i); break;
      case SCAS + W32: scas<u32>(i); break;
      case SCAS + W64: scas<u64>(i); break;
      case REP_MOVS: repMovs<u8>(i); return;
      case REP_MOVS + W16: repMovs<u16>(i); return;
      case REP_MOVS + W32: repMovs<u32>(i); return;
      case REP_MOVS + W64: repMovs<u64>(i); return;
      case REP_CMPS: repCmps<u8>(i); return;
      case REP_CMPS + W16: repCmps<u16>(i); return;
      case REP_CMPS + W32: repCmps<u32>(i); return;
      case REP_CMPS + W64: repCmps<u64>(i); return;
      case REP_STOS: repStos<u8>(i); return;
      case REP_STOS + W16: repStos<u16>(i); return;
      case REP_STOS + W32: repStos<u32>(i); return;
      case REP_STOS + W64: repStos<u64>(i); return;
      case REP_LODS: repLods<u8>(i); return;
      case REP_LODS + W16: repLods<u16>(i); return;
      case REP_LODS + W32: repLods<u32>(i); return;
      case REP_LODS + W64: repLods<u64>(i); return;
      case REP_SCAS: repScas<u8>(i); return;
      case REP_SCAS + W16: repScas<u16>(i); return;
      case REP_SCAS + W32: repScas<u32>(i); return;
      case REP_SCAS + W64: repScas<u64>(i); return;
      case INS: ins<u8>(i); break;
      case INS + W16: ins<u16>(i); break;
      case INS + W32: ins<u32>(i); break;
      case OUTS: outs<u8>(i); break;
      case OUTS + W16: outs<u16>(i); break;
      case OUTS + W32: outs<u32>(i); break;
      case REP_INS: repIns<u8>(i); return;
      case REP_INS + W16: repIns<u16>(i); return;
      case REP_INS + W32: repIns<u32>(i); return;
      case REP_OUTS: repOuts<u8>(i); return;
      case REP_OUTS + W16: repOuts<u16>(i); return;
      case REP_OUTS + W32: repOuts<u32>(i); return;
      case IN: input<u8>(i); break;
      case IN + W16: input<u16>(i); break;
      case IN + W32: input<u32>(i); break;
      case OUT: output<u8>(i); break;
      case OUT + W16: output<u16>(i); break;
      case OUT + W32: output<u32>(i); break;
      case CBW + W16: cbw<u16>(i); break;
      case CBW + W32: cbw<u32>(i); break;
      case CBW + W64: cbw<u64>(i); break;
      case CWD + W16: cwd<u16>(i); break;
      case CWD + W32: cwd<u32>(i); break;
      case CWD + W64: cwd<u64>(i); break;
      case MOVBE + W16: movbe<u16>(i); break;
      case MOVBE + W32: movbe<u32>(i); break;
      case MOVBE + W64: movbe<u64>(i); break;
      case MOV_FROM_SREG + W16: movFromSegment<u16>(i); break;
      case MOV_FROM_SREG + W32: movFromSegment<u32>(i); break;
      case MOV_FROM_SREG + W64: movFromSegment<u64>(i); break;
      case CALL_NEAR + W16: callNear<u16>(i); break;
      case CALL_NEAR + W32: callNear<u32>(i); break;
      case CALL_NEAR + W64: callNear<u64>(i); break;
      case CALL_INDIRECT + W16: callIndirect<u16>(i); break;
      case CALL_INDIRECT + W32: callIndirect<u32>(i); break;
      case CALL_INDIRECT + W64: callIndirect<u64>(i); break;
      case JMP_INDIRECT + W16: jmpIndirect<u16>(i); break;
      case JMP_INDIRECT + W32: jmpIndirect<u32>(i); break;
      case JMP_INDIRECT + W64: jmpIndirect<u64>(i); break;
      case RET + W16: ret<u16>(i); break;
      case RET + W32: ret<u32>(i); break;
      case RET + W64: ret<u64>(i); break;
      case RET_POP + W16: retPop<u16>(i); break;
      case RET_POP + W32: retPop<u32>(i); break;
      case RET_POP + W64: retPop<u64>(i); break;
      case CALL_FAR + W16: callFar<u16>(i); return;
      case CALL_FAR + W32: callFar<u32>(i); return;
      case CALL_FAR + W64: callFar<u64>(i); return;
      case JMP_FAR + W16: jmpFar<u16>(i); return;
      case JMP_FAR + W32: jmpFar<u32>(i); return;
      case JMP_FAR + W64: jmpFar<u64>(i); return;
      case CALL_FAR_INDIRECT + W16: callFarIndirect<u16>(i); return;
      case CALL_FAR_INDIRECT + W32: callFarIndirect<u32>(i); return;
      case CALL_FAR_INDIRECT + W64: callFarIndirect<u64>(i); return;
      case JMP_FAR_INDIRECT + W16: jmpFarIndirect<u16>(i); return;
      case JMP_FAR_INDIRECT + W32: jmpFarIndirect<u32>(i); return;
      case JMP_FAR_INDIRECT + W64: jmpFarIndirect<u64>(i); return;
      case RETF + W16: retf<u16>(i); return;
      case RETF + W32: retf<u32>(i); return;
      case RETF + W64: retf<u64>(i); return;
      case RETF_POP + W16: retfPop<u16>(i); return;
      case RETF_POP + W32: retfPop<u32>(i); return;
      case RETF_POP + W64: retfPop<u64>(i); return;
      case IRET + W16: iretFrom<u16>(i); return;
      case IRET + W32: iretFrom<u32>(i); return;
      case IRET + W64: iretFrom<u64>(i); return;
      case PUSHF + W16: pushf<u16>(i); break;
      case PUSHF + W32: pushf<u32>(i); break;
      case PUSHF + W64: pushf<u64>(i); break;
      case POPF + W16: popf<u16>(i); break;
      case POPF + W32: popf<u32>(i); break;
      case POPF + W64: popf<u64>(i); break;
      case PUSHA + W16: pusha<u16>(i); break;
      case PUSHA + W32: pusha<u32>(i); break;
      case POPA + W16: popa<u16>(i); break;
      case POPA + W32: popa<u32>(i); break;
      case ENTER + W16: enter<u16>(i); break;
      case ENTER + W32: enter<u32>(i); break;
      case ENTER + W64: enter<u64>(i); break;
      case LEAVE + W16: leave<u16>(i); break;
      case LEAVE + W32: leave<u32>(i); break;
      case LEAVE + W64: leave<u64>(i); break;
      case PUSH_SREG + W16: pushSegment<u16>(i); break;
      case PUSH_SREG + W32: pushSegment<u32>(i); break;
      case PUSH_SREG + W64: pushSegment<u64>(i); break;
      case POP_SREG + W16: popSegment<u16>(i); break;
      case POP_SREG + W32: popSegment<u32>(i); break;
      case POP_SREG + W64: popSegment<u64>(i); break;
      case LOAD_FAR_POINTER + W16: loadFarPointer<u16>(i); break;
      case LOAD_FAR_POINTER + W32: loadFarPointer<u32>(i); break;
      case LOAD_FAR_POINTER + W64: loadFarPointer<u64>(i); break;
      case BOUND + W16: bound<u16>(i); break;
      case BOUND + W32: bound<u32>(i); break;
      case LAR + W16: lar<u16>(i); break;
      case LAR + W32: lar<u32>(i); break;
      case LAR + W64: lar<u64>(i); break;
      case LSL + W16: lsl<u16>(i); break;
      case LSL + W32: lsl<u32>(i); break;
      case LSL + W64: lsl<u64>(i); break;
      case SYSRET + W32: sysret<u32>(i); return;
      case SYSRET + W64: sysret<u64>(i); return;
      case SYSEXIT + W32: sysexit<u32>(i); return;
      case SYSEXIT + W64: sysexit<u64>(i); return;
      case SGDT: storeTable(i, cpu.gdtrBase, cpu.gdtrLimit); break;
      case SIDT: storeTable(i, cpu.idtrBase, cpu.idtrLimit); break;
      case LGDT: loadTable(i, false); break;
      case LIDT: loadTable(i, true); break;
      case SMSW + W16: smsw<u16>(i); break;
      case SMSW + W32: smsw<u32>(i); break;
      case SMSW + W64: smsw<u64>(i); break;
      case SLDT + W16: storeSelector(i, LDTR); break;
      case STR + W16: storeSelector(i, TR); break;
      case RDFSBASE + W32: readBase<u32>(i, FS); break;
      case RDFSBASE + W64: readBase<u64>(i, FS); break;
      case RDGSBASE + W32: readBase<u32>(i, GS); break;
      case RDGSBASE + W64: readBase<u64>(i, GS); break;
      case WRFSBASE + W32: writeBase<u32>(i, FS); break;
      case WRFSBASE + W64: writeBase<u64>(i, FS); break;
      case WRGSBASE + W32: writeBase<u32>(i, GS); break;
      case WRGSBASE + W64: writeBase<u64>(i, GS); break;
      case RDRAND + W16: rdrand<u16>(i); break;
      case RDRAND + W32: rdrand<u32>(i); break;
      case RDRAND + W64: rdrand<u64>(i); break;
      case JCC: {
        const taken = jcc(i);
        if (cpu.budget <= 0) return;
        i = followLink(i, taken);
        continue;
      }
      case JMP:
        jmp(i);
        if (cpu.budget <= 0) return;
        i = followLink(i, true);
        continue;
      case LOOP: loop(i, 2); break;
      case LOOPE: loop(i, 1); return;
      case LOOPNE: loop(i, 0); return;
      case JCXZ: jcxz(i); break;
      case SETCC: setcc(i); break;
      case NOP: break;
      case INT: int(i); return;
      case INT1: int1(i); return;
      case INT3: int3(i); return;
      case INTO: into(i); return;
      case HLT: hlt(i); break;
      case PAUSE: pause(i); break;
      case CLC: setCarry(false); break;
      case STC: setCarry(true); break;
      case CMC: setCarry(!carryFlag()); break;
      case CLD: setDirection(false); break;
      case STD: setDirection(true); break;
      case CLI: cli(i); break;
      case STI: sti(i); break;
      case LAHF: lahf(i); break;
      case SAHF: sahf(i); break;
      case SALC: salc(i); break;
      case XLAT: xlat(i); break;
      case AAA: asciiAdjust(1); break;
      case AAS: asciiAdjust(-1); break;
      case AAM: aam(i); break;
      case AAD: aad(i); break;
      case DAA: decimalAdjust(1); break;
      case DAS: decimalAdjust(-1); break;
      case ARPL: arpl(i); break;
      case MOV_TO_SREG: movToSegment(i); break;
      case MOV_FROM_CR: movFromCr(i); break;
      case MOV_TO_CR: movToCr(i); break;
      case MOV_FROM_DR: movFromDr(i); break;
      case MOV_TO_DR: movToDr(i); break;
      case LMSW: lmsw(i); break;
      case CLTS: clts(i); break;
      case INVLPG: invlpg(i); break;
      case INVPCID: invpcid(i); break;
      case INVD: invd(i); break;
      case RDMSR: rdmsr(i); break;
      case WRMSR: wrmsr(i); break;
      case RDTSC: rdtsc(i); break;
      case RDTSCP: rdtscp(i); break;
      case RDPMC: rdpmc(i); break;
      case CPUID: cpuid(); break;
      case SYSCALL: syscall(i); return;
      case SYSENTER: sysenter(i); return;
      case LLDT: lldt(i); break;
      case LTR: ltr(i); break;
      case VERR: verify(i, false); break;
      case VERW: verify(i, true); break;
      case SWAPGS: swapgs(i); break;
      case CMPXCHG8B: cmpxchg8b(i); break;
      case CMPXCHG16B: cmpxchg16b(i); break;
      case FENCE: break;
      case FXSAVE: fxsave(i); break;
      case CLAC: setAccess(false); break;
      case STAC: setAccess(true); break;
      case XGETBV: xgetbv(); break;
      case XSETBV: xsetbv(); break;
      case XSAVE: xsave(i); break;
      case XRSTOR: xrstor(i); break;
      case FXRSTOR: fxrstor(i); break;
      case LDMXCSR: ldmxcsr(i); break;
      case STMXCSR: stmxcsr(i); break;
      case FWAIT: fwait(i); break;
      case X87: executeX87(i); break;
      case BLOCK_NEXT:
        if (cpu.budget <= 0) return;
        i = nextBlock(i);
        continue;
      case BLOCK_END: blockEnd(i); return;
      case BLOCK_LEAVE: return;
      default:
        if (<u32>i.op < SSE_FIRST) undefined(i);
        else executeSse(i);
    }
    i = changetype<Insn>(changetype<usize>(i) + INSN_SIZE);
  }
}
