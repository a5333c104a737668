// The VEX prefix (SDM 2A §2.3.5), the opcode behind it and its operands.
//
//   C5   R̄ v̄v̄v̄v̄ L pp                         map 0F
//   C4   R̄ X̄ B̄ mmmmm   W v̄v̄v̄v̄ L pp           map m: 1 = 0F, 2 = 0F38, 3 = 0F3A; bars: stored inverted
//
// In the record, `extra` is vvvv (bits 0-3), L (8) and W (9).
import { REG_RDI, REG_ZERO } from "../state";
import { fetchByte } from "./fetch";
import { Insn, PREFIX_REX_W, SRC_MEMORY } from "./insn";
import { decodeMemory, segmentFor } from "./modrm";
import { DI_OPERAND, GROUP, IMM8, MEM_ONLY, NO_MODRM, REG_ONLY } from "./opcodes-sse";
import {
  L_ONE,
  L_ZERO,
  NO_VVVV,
  NO_VVVV_WITH_MEMORY,
  VSIB,
  W_ONE,
  W_ZERO,
  vexGroupRow,
  vexRow,
} from "./opcodes-vex";

export const VEX_L: u32 = 1 << 8;
export const VEX_W: u32 = 1 << 9;
const RM_SIB: u32 = 4;

/**
 * Decodes what follows C5 (`short`) or C4 and `payload`, the byte behind it. False where the instruction does not
 * exist, or not with these fields.
 */
export function decodeVex(i: Insn, short: bool, payload: u32, code64: bool, segmentOverride: u32): bool {
  let map: u32 = 1;
  let rex = (~payload >> 5) & 4;
  if (!short) {
    map = payload & 31;
    rex = (~payload >> 5) & 7;
    payload = fetchByte();
    rex |= (payload >> 4) & 8;
  }
  // Outside 64-bit code there are eight registers, and the bits that would say more are ignored.
  if (!code64) rex = 0;
  const w = (payload >> 7) & (<u32>!short);
  const l = (payload >> 2) & 1;
  const vvvv = (~payload >> 3) & (code64 ? 15 : 7);
  const opcode = fetchByte();
  if (map == 0 || map > 3) return false;

  const column = payload & 3; // none, 66, F3, F2, as the tables count them
  let row = vexRow(map, column, opcode, w);
  if (row == 0) return false;
  i.extra = <u16>(vvvv | (l << 8) | (w << 9));
  i.prefix = <u8>(w && code64 ? PREFIX_REX_W : 0);
  if (row & NO_MODRM) {
    i.op = <u16>(row & 0xfff);
    return fits(row, (~payload >> 3) & 15, l, w, false);
  }
  const modrm = fetchByte();
  if (row & GROUP) row = vexGroupRow(map, column, opcode, (modrm >> 3) & 7);
  const isMemory = modrm >> 6 != 3;
  if (row == 0 || !fits(row, (~payload >> 3) & 15, l, w, isMemory)) return false;
  i.op = <u16>(row & 0xfff);
  i.dst = <u8>(((modrm >> 3) & 7) | ((rex & 4) << 1));
  if (isMemory) {
    if (row & VSIB && (modrm & 7) != RM_SIB) return false;
    i.form = <u8>SRC_MEMORY;
    decodeMemory(i, modrm, rex, segmentOverride);
    if (row & VSIB) takeVectorIndex(i);
  } else {
    i.src = <u8>((modrm & 7) | ((rex & 1) << 3));
    if (row & DI_OPERAND) {
      i.base = <u8>REG_RDI;
      i.seg = segmentFor(i.address, segmentOverride, false);
    }
  }
  if (row & IMM8) i.immediate = <u64>fetchByte();
  return true;
}

/** Whether the fields are what the row demands. */
function fits(row: u32, vvvv: u32, l: u32, w: u32, isMemory: bool): bool {
  if (row & (isMemory ? REG_ONLY : MEM_ONLY)) return false;
  if (vvvv && (row & NO_VVVV || (isMemory && row & NO_VVVV_WITH_MEMORY))) return false;
  return (row & (l ? L_ZERO : L_ONE)) == 0 && (row & (w ? W_ZERO : W_ONE)) == 0;
}

/** The index of a gather is a vector register, also where SIB would mean none: its number moves to `src`. */
function takeVectorIndex(i: Insn): void {
  i.src = i.index == REG_ZERO ? <u8>RM_SIB : <u8>(i.index >> 3);
  i.index = <u8>REG_ZERO;
}
