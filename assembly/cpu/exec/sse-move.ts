// Moves between vector registers, memory and general registers.
import { Insn, PREFIX_REX_W } from "../decode/insn";
import * as op from "../decode/operations-sse";
import { register, setRegister } from "../state";
import { probeWrite, write } from "../../memory/access";
import { linearAddressForWrite } from "./operand";
import { insertSingle } from "./sse-shuffle";
import {
  element,
  inMemory,
  lowDword,
  lowQword,
  readMemory,
  scalarSource,
  setElement,
  setXmm,
  unaligned,
  writeAligned,
  writeMemory,
  xmm,
} from "./xmm";

export function executeMove(i: Insn, operation: u32): void {
  switch (operation) {
    case op.LOADU:
      setXmm(i.dst, unaligned(i));
      break;
    case op.STOREU:
      if (inMemory(i)) writeMemory<v128>(i, xmm(i.dst));
      else setXmm(i.src, xmm(i.dst));
      break;
    case op.STOREA:
      if (inMemory(i)) writeAligned(i, xmm(i.dst));
      else setXmm(i.src, xmm(i.dst));
      break;
    case op.MOVSS_LOAD:
      // From memory the rest is cleared, from a register it is kept (SDM 2B MOVSS).
      if (inMemory(i)) setXmm(i.dst, lowDword(readMemory<u32>(i)));
      else setElement<u32>(i.dst, 0, element<u32>(i.src));
      break;
    case op.MOVSD_LOAD:
      if (inMemory(i)) setXmm(i.dst, lowQword(readMemory<u64>(i)));
      else setElement<u64>(i.dst, 0, element<u64>(i.src));
      break;
    case op.MOVSS_STORE:
      if (inMemory(i)) writeMemory<u32>(i, element<u32>(i.dst));
      else setElement<u32>(i.src, 0, element<u32>(i.dst));
      break;
    case op.MOVSD_STORE:
      if (inMemory(i)) writeMemory<u64>(i, element<u64>(i.dst));
      else setElement<u64>(i.src, 0, element<u64>(i.dst));
      break;
    case op.MOVLPS_LOAD: // MOVHLPS between registers
      setElement<u64>(i.dst, 0, inMemory(i) ? readMemory<u64>(i) : element<u64>(i.src, 1));
      break;
    case op.MOVHPS_LOAD: // MOVLHPS between registers
      setElement<u64>(i.dst, 1, scalarSource<u64>(i));
      break;
    case op.MOVLPS_STORE:
      writeMemory<u64>(i, element<u64>(i.dst));
      break;
    case op.MOVHPS_STORE:
      writeMemory<u64>(i, element<u64>(i.dst, 1));
      break;
    case op.MOVD_LOAD:
      if (i.prefix & PREFIX_REX_W) setXmm(i.dst, lowQword(generalSource<u64>(i)));
      else setXmm(i.dst, lowDword(generalSource<u32>(i)));
      break;
    case op.MOVD_STORE:
      if (i.prefix & PREFIX_REX_W) storeGeneral<u64>(i, element<u64>(i.dst));
      else storeGeneral<u32>(i, element<u32>(i.dst));
      break;
    case op.MOVQ_STORE:
      if (inMemory(i)) writeMemory<u64>(i, element<u64>(i.dst));
      else setXmm(i.src, lowQword(element<u64>(i.dst)));
      break;
    case op.MOVMSKPS:
      setRegister<u32>(i.dst, i32x4.bitmask(xmm(i.src)));
      break;
    case op.MOVMSKPD:
      setRegister<u32>(i.dst, i64x2.bitmask(xmm(i.src)));
      break;
    case op.PMOVMSKB:
      setRegister<u32>(i.dst, i8x16.bitmask(xmm(i.src)));
      break;
    case op.MASKMOVDQU:
      storeMasked(i, xmm(i.dst), i8x16.bitmask(xmm(i.src)), 16);
      break;
    case op.MOVNTI:
      if (i.prefix & PREFIX_REX_W) writeMemory<u64>(i, register<u64>(i.dst));
      else writeMemory<u32>(i, register<u32>(i.dst));
      break;
    case op.PINSRB:
      setElement<u8>(i.dst, (<u32>i.immediate) & 15, generalSource<u8>(i));
      break;
    case op.PINSRW:
      setElement<u16>(i.dst, (<u32>i.immediate) & 7, generalSource<u16>(i));
      break;
    case op.PINSRD:
      if (i.prefix & PREFIX_REX_W) setElement<u64>(i.dst, (<u32>i.immediate) & 1, generalSource<u64>(i));
      else setElement<u32>(i.dst, (<u32>i.immediate) & 3, generalSource<u32>(i));
      break;
    case op.INSERTPS:
      setXmm(i.dst, insertSingle(xmm(i.dst), singleToInsert(i), <u32>i.immediate));
      break;
    case op.PEXTRB:
      storeExtended<u8>(i, element<u8>(i.dst, (<u32>i.immediate) & 15));
      break;
    case op.PEXTRW:
      storeExtended<u16>(i, element<u16>(i.dst, (<u32>i.immediate) & 7));
      break;
    case op.PEXTRD:
      if (i.prefix & PREFIX_REX_W) storeGeneral<u64>(i, element<u64>(i.dst, (<u32>i.immediate) & 1));
      else storeGeneral<u32>(i, element<u32>(i.dst, (<u32>i.immediate) & 3));
      break;
    case op.EXTRACTPS:
      storeGeneral<u32>(i, element<u32>(i.dst, (<u32>i.immediate) & 3));
      break;
    default: // PEXTRW_REG: here the general register is ModRM.reg
      setRegister<u32>(i.dst, element<u16>(i.src, (<u32>i.immediate) & 7));
  }
}

/** The second operand where it is a general register or memory. */
export function generalSource<T>(i: Insn): T {
  return inMemory(i) ? readMemory<T>(i) : register<T>(i.src);
}

export function storeGeneral<T>(i: Insn, value: T): void {
  if (inMemory(i)) writeMemory<T>(i, value);
  else setRegister<T>(i.src, value);
}

/** Memory takes a byte or word as it is, a register takes it zero-extended. */
function storeExtended<T>(i: Insn, value: T): void {
  if (inMemory(i)) writeMemory<T>(i, value);
  else setRegister<u32>(i.src, <u32>value);
}

/** INSERTPS: from a register bits 6-7 of the immediate choose the element, memory has only one. */
export function singleToInsert(i: Insn): u32 {
  return inMemory(i) ? readMemory<u32>(i) : element<u32>(i.src, ((<u32>i.immediate) >> 6) & 3);
}

/**
 * MASKMOVDQU, MASKMOVQ: the bytes of `value` that `mask` chooses, to DS:rDI. The decoded operand is that address
 * only for this purpose; a page of which no byte is chosen is not touched.
 */
export function storeMasked(i: Insn, value: v128, mask: u32, size: u32): void {
  if (mask == 0) return;
  const at = linearAddressForWrite(i, size);
  const last: u32 = 31 - clz(mask);
  const first: u32 = ctz(mask);
  probeWrite(at + first, last - first + 1);
  for (let n = first; n <= last; n++)
    if ((mask >> n) & 1)
      write<u8>(at + n, <u8>i8x16.extract_lane_u(i8x16.swizzle(value, i8x16.splat(<i8>n)), 0));
}
