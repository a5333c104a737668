// ModRM and SIB (SDM 2A §2.1.5, tables 2-1 to 2-3): the memory operand's base, index, scale, displacement, segment.
import { DS, FLAT, FLAT_STACK, REG_RIP_BASE, REG_ZERO, SS } from "../state";
import { fetchByte, fetchValue } from "./fetch";
import { ADDRESS_16, ADDRESS_32_LONG, Insn } from "./insn";

export const NO_OVERRIDE: u32 = 0xff;
const RBP: u32 = 5;
const RSP: u32 = 4;
const SI: u32 = 6 << 3;
const DI: u32 = 7 << 3;
const BX: u32 = 3 << 3;
const BP: u32 = 5 << 3;

/** The segment of a memory operand: the segmentOverride, or SS for stack bases, or DS. */
export function segmentFor(address: u32, segmentOverride: u32, stack: bool): u8 {
  if (address <= ADDRESS_32_LONG) {
    // 64-bit code: only FS and GS have a base (SDM 1 §3.3.7.1).
    if (segmentOverride != NO_OVERRIDE && segmentOverride > DS) return <u8>segmentOverride;
    return <u8>(stack ? FLAT_STACK : FLAT);
  }
  return <u8>(segmentOverride != NO_OVERRIDE ? segmentOverride : stack ? SS : DS);
}

/** Decodes the memory operand of a ModRM byte whose mod is not 3. */
export function decodeMemory(i: Insn, modrm: u32, rex: u32, segmentOverride: u32): void {
  if (i.address == ADDRESS_16) decodeMemory16(i, modrm, segmentOverride);
  else decodeMemory32(i, modrm, rex, segmentOverride);
}

function decodeMemory16(i: Insn, modrm: u32, segmentOverride: u32): void {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  let base = REG_ZERO;
  let index = REG_ZERO;
  let displacement: i64 = 0;
  switch (rm) {
    case 0:
      base = BX;
      index = SI;
      break;
    case 1:
      base = BX;
      index = DI;
      break;
    case 2:
      base = BP;
      index = SI;
      break;
    case 3:
      base = BP;
      index = DI;
      break;
    case 4:
      base = SI;
      break;
    case 5:
      base = DI;
      break;
    case 6:
      if (mod != 0) base = BP;
      break;
    default:
      base = BX;
  }
  if (mod == 1) displacement = <i64>(<i8>fetchByte());
  else if (mod == 2 || (rm == 6 && mod == 0)) displacement = <i64>(<i16>fetchValue(2));
  i.base = <u8>base;
  i.index = <u8>index;
  i.scale = 0;
  i.displacement = displacement;
  i.seg = segmentFor(i.address, segmentOverride, base == BP);
}

function decodeMemory32(i: Insn, modrm: u32, rex: u32, segmentOverride: u32): void {
  const mod = modrm >> 6;
  let rm = modrm & 7;
  let base = rm | ((rex & 1) << 3);
  let index = REG_ZERO;
  let noBase = mod == 0 && rm == RBP;
  const ripRelative = noBase && i.address <= ADDRESS_32_LONG;
  i.scale = 0;
  if (rm == RSP) {
    const sib = fetchByte();
    const number = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (number != RSP) index = number << 3;
    i.scale = <u8>(sib >> 6);
    rm = sib & 7;
    base = rm | ((rex & 1) << 3);
    noBase = mod == 0 && rm == RBP;
  }
  let displacement: i64 = 0;
  if (mod == 1) displacement = <i64>(<i8>fetchByte());
  else if (mod == 2 || noBase) displacement = <i64>(<i32>fetchValue(4));
  i.base = <u8>(ripRelative ? REG_RIP_BASE : noBase ? REG_ZERO : base << 3);
  i.index = <u8>index;
  i.displacement = displacement;
  i.seg = segmentFor(i.address, segmentOverride, !noBase && (base == RSP || base == RBP));
}
