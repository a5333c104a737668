// MMX: the lane operations of SSE on 64-bit registers, which are the mantissas of the x87 registers (SDM 1 §9.2).
// An operand stands in the low half of 128 bits, zeros above, and the low half of the result counts; where the
// wide operation would mix in the upper half, the two operands are first laid side by side.
import { Insn, PREFIX_REX_W } from "../decode/insn";
import * as op from "../decode/operations-sse";
import { setRegister } from "../state";
import { checkMmx, emms, enterMmx, mmx, setMmx } from "../x87-state";
import { integerLane } from "./sse-int";
import { generalSource, storeGeneral, storeMasked } from "./sse-move";
import { permuteWords, shuffleLane } from "./sse-shuffle";
import { shiftByImmediate } from "./sse";
import { inMemory, lowQword, readMemory, writeMemory } from "./xmm";

/** `operation` is the number of the SSE instruction of that name. */
export function executeMmx(i: Insn, operation: u32): void {
  if (operation == op.EMMS) {
    emms();
    return;
  }
  checkMmx();
  if (operation < op.LOADU) {
    const b = operation >= op.PUNPCKLBW && operation <= op.PUNPCKLDQ ? lowHalfSource(i) : mmxSource<u64>(i);
    const result = mmxLane(operation, mmx(i.dst & 7), b, <u32>i.immediate);
    enterMmx();
    setMmx(i.dst & 7, result);
  } else executeMmxMove(i, operation);
}

export function mmxSource<T>(i: Insn): T {
  return inMemory(i) ? readMemory<T>(i) : <T>mmx(i.src & 7);
}

/** PUNPCKLBW and its kin read only the dword that they interleave. */
function lowHalfSource(i: Insn): u64 {
  return inMemory(i) ? <u64>readMemory<u32>(i) : mmx(i.src & 7);
}

function mmxLane(operation: u32, low: u64, high: u64, immediate: u32): u64 {
  const a = lowQword(low);
  const b = lowQword(high);
  const both = i64x2.replace_lane(a, 1, high);
  switch (operation) {
    case op.PACKSSWB:
    case op.PACKSSDW:
    case op.PACKUSWB:
      return lowHalf(shuffleLane(operation, both, both, 0));
    case op.PHADDW:
    case op.PHADDD:
    case op.PHADDSW:
    case op.PHSUBW:
    case op.PHSUBD:
    case op.PHSUBSW:
      return lowHalf(integerLane(operation, both, both, 0));
    case op.PUNPCKHBW:
      return highHalf(shuffleLane(op.PUNPCKLBW, a, b, 0));
    case op.PUNPCKHWD:
      return highHalf(shuffleLane(op.PUNPCKLWD, a, b, 0));
    case op.PUNPCKHDQ:
      return highHalf(shuffleLane(op.PUNPCKLDQ, a, b, 0));
    case op.PSHUFB:
      return lowHalf(i8x16.swizzle(a, v128.and(b, i8x16.splat(<i8>0x87))));
    case op.PALIGNR:
      return lowHalf(shuffleLane(op.PALIGNR, i64x2(0, 0), i64x2.replace_lane(b, 1, low), immediate));
    case op.PUNPCKLBW:
    case op.PUNPCKLWD:
    case op.PUNPCKLDQ:
      return lowHalf(shuffleLane(operation, a, b, 0));
    default:
      return lowHalf(integerLane(operation, a, b, 0));
  }
}

function lowHalf(x: v128): u64 {
  return i64x2.extract_lane(x, 0);
}

function highHalf(x: v128): u64 {
  return i64x2.extract_lane(x, 1);
}

function executeMmxMove(i: Insn, operation: u32): void {
  switch (operation) {
    case op.MOVQ_LOAD:
      commit(i.dst, mmxSource<u64>(i));
      break;
    case op.MOVQ_STORE:
      if (inMemory(i)) writeMemory<u64>(i, mmx(i.dst & 7));
      else setMmx(i.src & 7, mmx(i.dst & 7));
      enterMmx();
      break;
    case op.MOVD_LOAD:
      commit(i.dst, i.prefix & PREFIX_REX_W ? generalSource<u64>(i) : <u64>generalSource<u32>(i));
      break;
    case op.MOVD_STORE:
      if (i.prefix & PREFIX_REX_W) storeGeneral<u64>(i, mmx(i.dst & 7));
      else storeGeneral<u32>(i, <u32>mmx(i.dst & 7));
      enterMmx();
      break;
    case op.PSHUFW:
      commit(i.dst, permuteWords(mmxSource<u64>(i), <u32>i.immediate));
      break;
    case op.PINSRW: {
      const place = (i.immediate & 3) << 4;
      const word = (<u64>generalSource<u16>(i)) << place;
      commit(i.dst, (mmx(i.dst & 7) & ~((<u64>0xffff) << place)) | word);
      break;
    }
    case op.PEXTRW_REG:
      setRegister<u32>(i.dst, <u32>((mmx(i.src & 7) >> ((i.immediate & 3) << 4)) & 0xffff));
      enterMmx();
      break;
    case op.PMOVMSKB:
      setRegister<u32>(i.dst, i8x16.bitmask(lowQword(mmx(i.src & 7))));
      enterMmx();
      break;
    case op.MASKMOVDQU:
      storeMasked(i, lowQword(mmx(i.dst & 7)), i8x16.bitmask(lowQword(mmx(i.src & 7))), 8);
      enterMmx();
      break;
    default: // the shifts by an immediate
      commit(i.src, lowHalf(shiftByImmediate(operation, lowQword(mmx(i.src & 7)), <u32>i.immediate)));
  }
}

function commit(number: u32, value: u64): void {
  enterMmx();
  setMmx(number & 7, value);
}
