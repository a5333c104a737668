// Opcode rows of MMX, SSE … SSE4.2, AES, PCLMULQDQ, SHA, CRC32 and ADX (SDM 2D tables ): a column for
// each mandatory prefix. UNPCKLPS is PUNPCKLDQ by another name, MOVAPS is MOVDQA, and so on: bits have no type.
//
//  31     19  18   17     16     15     14    13    12 11                                    0
//  ├ 0 ─────┼─DI─┼─byte─┼─no───┼─group┼─reg─┼─mem─┼─imm┼ operation (decode/operations-sse.ts) ┤
//                        ModRM         only  only   8
import * as op from "./operations-sse";

/** An 8-bit immediate follows. */
export const IMM8: u32 = 1 << 12;
/** #UD where ModRM.rm names a register. */
export const MEM_ONLY: u32 = 1 << 13;
/** #UD where ModRM.rm names memory. */
export const REG_ONLY: u32 = 1 << 14;
/** The operation depends on ModRM.reg: ask `sseGroupRow`. */
export const GROUP: u32 = 1 << 15;
/** The instruction has no ModRM byte (op.EMMS). */
export const NO_MODRM: u32 = 1 << 16;

/** ModRM.rm, where it names a register, names a byte register (CRC32). */
export const BYTE_SOURCE: u32 = 1 << 17;
/** The memory operand is at DS:rDI besides (MASKMOVDQU). */
export const DI_OPERAND: u32 = 1 << 18;

const MMX: u32 = op.MMX_FORM;

/** Mandatory prefix, as `sseRow` and the columns count them: none, 66, F3, F2. */
export const COLUMN_NONE: u32 = 0;
export const COLUMN_66: u32 = 1;
export const COLUMN_F3: u32 = 2;
export const COLUMN_F2: u32 = 3;

// Map 0F.
// prettier-ignore
const MOVES = memory.data<u32>([
  /* 10 */ op.LOADU, op.LOADU, op.MOVSS_LOAD, op.MOVSD_LOAD,
  /* 11 */ op.STOREU, op.STOREU, op.MOVSS_STORE, op.MOVSD_STORE,
  /* 12 */ op.MOVLPS_LOAD, op.MOVLPS_LOAD | MEM_ONLY, op.MOVSLDUP, op.MOVDDUP,
  /* 13 */ op.MOVLPS_STORE | MEM_ONLY, op.MOVLPS_STORE | MEM_ONLY, 0, 0,
  /* 14 */ op.PUNPCKLDQ, op.PUNPCKLQDQ, 0, 0,
  /* 15 */ op.PUNPCKHDQ, op.PUNPCKHQDQ, 0, 0,
  /* 16 */ op.MOVHPS_LOAD, op.MOVHPS_LOAD | MEM_ONLY, op.MOVSHDUP, 0,
  /* 17 */ op.MOVHPS_STORE | MEM_ONLY, op.MOVHPS_STORE | MEM_ONLY, 0, 0,
]);
// prettier-ignore
const CONVERSIONS = memory.data<u32>([
  /* 28 */ op.MOVA, op.MOVA, 0, 0,
  /* 29 */ op.STOREA, op.STOREA, 0, 0,
  /* 2a */ op.CVTPI2PS, op.CVTPI2PD, op.CVTSI2SS, op.CVTSI2SD,
  /* 2b */ op.STOREA | MEM_ONLY, op.STOREA | MEM_ONLY, 0, 0,
  /* 2c */ op.CVTTPS2PI, op.CVTTPD2PI, op.CVTTSS2SI, op.CVTTSD2SI,
  /* 2d */ op.CVTPS2PI, op.CVTPD2PI, op.CVTSS2SI, op.CVTSD2SI,
  /* 2e */ op.UCOMISS, op.UCOMISD, 0, 0,
  /* 2f */ op.COMISS, op.COMISD, 0, 0,
]);
// prettier-ignore
const PACKED = memory.data<u32>([
  /* 50 */ op.MOVMSKPS | REG_ONLY, op.MOVMSKPD | REG_ONLY, 0, 0,
  /* 51 */ op.SQRTPS, op.SQRTPD, op.SQRTSS, op.SQRTSD,
  /* 52 */ op.RSQRTPS, 0, op.RSQRTSS, 0,
  /* 53 */ op.RCPPS, 0, op.RCPSS, 0,
  /* 54 */ op.PAND, op.PAND, 0, 0,
  /* 55 */ op.PANDN, op.PANDN, 0, 0,
  /* 56 */ op.POR, op.POR, 0, 0,
  /* 57 */ op.PXOR, op.PXOR, 0, 0,
  /* 58 */ op.ADDPS, op.ADDPD, op.ADDSS, op.ADDSD,
  /* 59 */ op.MULPS, op.MULPD, op.MULSS, op.MULSD,
  /* 5a */ op.CVTPS2PD, op.CVTPD2PS, op.CVTSS2SD, op.CVTSD2SS,
  /* 5b */ op.CVTDQ2PS, op.CVTPS2DQ, op.CVTTPS2DQ, 0,
  /* 5c */ op.SUBPS, op.SUBPD, op.SUBSS, op.SUBSD,
  /* 5d */ op.MINPS, op.MINPD, op.MINSS, op.MINSD,
  /* 5e */ op.DIVPS, op.DIVPD, op.DIVSS, op.DIVSD,
  /* 5f */ op.MAXPS, op.MAXPD, op.MAXSS, op.MAXSD,
  /* 60 */ MMX | op.PUNPCKLBW, op.PUNPCKLBW, 0, 0,
  /* 61 */ MMX | op.PUNPCKLWD, op.PUNPCKLWD, 0, 0,
  /* 62 */ MMX | op.PUNPCKLDQ, op.PUNPCKLDQ, 0, 0,
  /* 63 */ MMX | op.PACKSSWB, op.PACKSSWB, 0, 0,
  /* 64 */ MMX | op.PCMPGTB, op.PCMPGTB, 0, 0,
  /* 65 */ MMX | op.PCMPGTW, op.PCMPGTW, 0, 0,
  /* 66 */ MMX | op.PCMPGTD, op.PCMPGTD, 0, 0,
  /* 67 */ MMX | op.PACKUSWB, op.PACKUSWB, 0, 0,
  /* 68 */ MMX | op.PUNPCKHBW, op.PUNPCKHBW, 0, 0,
  /* 69 */ MMX | op.PUNPCKHWD, op.PUNPCKHWD, 0, 0,
  /* 6a */ MMX | op.PUNPCKHDQ, op.PUNPCKHDQ, 0, 0,
  /* 6b */ MMX | op.PACKSSDW, op.PACKSSDW, 0, 0,
  /* 6c */ 0, op.PUNPCKLQDQ, 0, 0,
  /* 6d */ 0, op.PUNPCKHQDQ, 0, 0,
  /* 6e */ MMX | op.MOVD_LOAD, op.MOVD_LOAD, 0, 0,
  /* 6f */ MMX | op.MOVQ_LOAD, op.MOVA, op.LOADU, 0,
  /* 70 */ MMX | op.PSHUFW | IMM8, op.PSHUFD | IMM8, op.PSHUFHW | IMM8, op.PSHUFLW | IMM8,
  /* 71 */ GROUP, GROUP, 0, 0,
  /* 72 */ GROUP, GROUP, 0, 0,
  /* 73 */ GROUP, GROUP, 0, 0,
  /* 74 */ MMX | op.PCMPEQB, op.PCMPEQB, 0, 0,
  /* 75 */ MMX | op.PCMPEQW, op.PCMPEQW, 0, 0,
  /* 76 */ MMX | op.PCMPEQD, op.PCMPEQD, 0, 0,
  /* 77 */ MMX | op.EMMS | NO_MODRM, 0, 0, 0,
  /* 78 */ 0, 0, 0, 0,
  /* 79 */ 0, 0, 0, 0,
  /* 7a */ 0, 0, 0, 0,
  /* 7b */ 0, 0, 0, 0,
  /* 7c */ 0, op.HADDPD, 0, op.HADDPS,
  /* 7d */ 0, op.HSUBPD, 0, op.HSUBPS,
  /* 7e */ MMX | op.MOVD_STORE, op.MOVD_STORE, op.MOVQ, 0,
  /* 7f */ MMX | op.MOVQ_STORE, op.STOREA, op.STOREU, 0,
]);
// prettier-ignore
const INSERTS = memory.data<u32>([
  /* c2 */ op.CMPPS | IMM8, op.CMPPD | IMM8, op.CMPSS | IMM8, op.CMPSD | IMM8,
  /* c3 */ op.MOVNTI | MEM_ONLY, 0, 0, 0,
  /* c4 */ MMX | op.PINSRW | IMM8, op.PINSRW | IMM8, 0, 0,
  /* c5 */ MMX | op.PEXTRW_REG | IMM8 | REG_ONLY, op.PEXTRW_REG | IMM8 | REG_ONLY, 0, 0,
  /* c6 */ op.SHUFPS | IMM8, op.SHUFPD | IMM8, 0, 0,
]);
// prettier-ignore
const INTEGERS = memory.data<u32>([
  /* d0 */ 0, op.ADDSUBPD, 0, op.ADDSUBPS,
  /* d1 */ MMX | op.PSRLW, op.PSRLW, 0, 0,
  /* d2 */ MMX | op.PSRLD, op.PSRLD, 0, 0,
  /* d3 */ MMX | op.PSRLQ, op.PSRLQ, 0, 0,
  /* d4 */ MMX | op.PADDQ, op.PADDQ, 0, 0,
  /* d5 */ MMX | op.PMULLW, op.PMULLW, 0, 0,
  /* d6 */ 0, op.MOVQ_STORE, op.MOVQ2DQ | REG_ONLY, op.MOVDQ2Q | REG_ONLY,
  /* d7 */ MMX | op.PMOVMSKB | REG_ONLY, op.PMOVMSKB | REG_ONLY, 0, 0,
  /* d8 */ MMX | op.PSUBUSB, op.PSUBUSB, 0, 0,
  /* d9 */ MMX | op.PSUBUSW, op.PSUBUSW, 0, 0,
  /* da */ MMX | op.PMINUB, op.PMINUB, 0, 0,
  /* db */ MMX | op.PAND, op.PAND, 0, 0,
  /* dc */ MMX | op.PADDUSB, op.PADDUSB, 0, 0,
  /* dd */ MMX | op.PADDUSW, op.PADDUSW, 0, 0,
  /* de */ MMX | op.PMAXUB, op.PMAXUB, 0, 0,
  /* df */ MMX | op.PANDN, op.PANDN, 0, 0,
  /* e0 */ MMX | op.PAVGB, op.PAVGB, 0, 0,
  /* e1 */ MMX | op.PSRAW, op.PSRAW, 0, 0,
  /* e2 */ MMX | op.PSRAD, op.PSRAD, 0, 0,
  /* e3 */ MMX | op.PAVGW, op.PAVGW, 0, 0,
  /* e4 */ MMX | op.PMULHUW, op.PMULHUW, 0, 0,
  /* e5 */ MMX | op.PMULHW, op.PMULHW, 0, 0,
  /* e6 */ 0, op.CVTTPD2DQ, op.CVTDQ2PD, op.CVTPD2DQ,
  /* e7 */ MMX | op.MOVQ_STORE | MEM_ONLY, op.STOREA | MEM_ONLY, 0, 0,
  /* e8 */ MMX | op.PSUBSB, op.PSUBSB, 0, 0,
  /* e9 */ MMX | op.PSUBSW, op.PSUBSW, 0, 0,
  /* ea */ MMX | op.PMINSW, op.PMINSW, 0, 0,
  /* eb */ MMX | op.POR, op.POR, 0, 0,
  /* ec */ MMX | op.PADDSB, op.PADDSB, 0, 0,
  /* ed */ MMX | op.PADDSW, op.PADDSW, 0, 0,
  /* ee */ MMX | op.PMAXSW, op.PMAXSW, 0, 0,
  /* ef */ MMX | op.PXOR, op.PXOR, 0, 0,
  /* f0 */ 0, 0, 0, op.LOADU | MEM_ONLY,
  /* f1 */ MMX | op.PSLLW, op.PSLLW, 0, 0,
  /* f2 */ MMX | op.PSLLD, op.PSLLD, 0, 0,
  /* f3 */ MMX | op.PSLLQ, op.PSLLQ, 0, 0,
  /* f4 */ MMX | op.PMULUDQ, op.PMULUDQ, 0, 0,
  /* f5 */ MMX | op.PMADDWD, op.PMADDWD, 0, 0,
  /* f6 */ MMX | op.PSADBW, op.PSADBW, 0, 0,
  /* f7 */ MMX | op.MASKMOVDQU | REG_ONLY | DI_OPERAND, op.MASKMOVDQU | REG_ONLY | DI_OPERAND, 0, 0,
  /* f8 */ MMX | op.PSUBB, op.PSUBB, 0, 0,
  /* f9 */ MMX | op.PSUBW, op.PSUBW, 0, 0,
  /* fa */ MMX | op.PSUBD, op.PSUBD, 0, 0,
  /* fb */ MMX | op.PSUBQ, op.PSUBQ, 0, 0,
  /* fc */ MMX | op.PADDB, op.PADDB, 0, 0,
  /* fd */ MMX | op.PADDW, op.PADDW, 0, 0,
  /* fe */ MMX | op.PADDD, op.PADDD, 0, 0,
  /* ff */ 0, 0, 0, 0,
]);

// Map 0F38: columns none and 66.
// prettier-ignore
const MAP_0F38 = memory.data<u32>([
  /* 00 */ MMX | op.PSHUFB, op.PSHUFB,
  /* 01 */ MMX | op.PHADDW, op.PHADDW,
  /* 02 */ MMX | op.PHADDD, op.PHADDD,
  /* 03 */ MMX | op.PHADDSW, op.PHADDSW,
  /* 04 */ MMX | op.PMADDUBSW, op.PMADDUBSW,
  /* 05 */ MMX | op.PHSUBW, op.PHSUBW,
  /* 06 */ MMX | op.PHSUBD, op.PHSUBD,
  /* 07 */ MMX | op.PHSUBSW, op.PHSUBSW,
  /* 08 */ MMX | op.PSIGNB, op.PSIGNB,
  /* 09 */ MMX | op.PSIGNW, op.PSIGNW,
  /* 0a */ MMX | op.PSIGND, op.PSIGND,
  /* 0b */ MMX | op.PMULHRSW, op.PMULHRSW,
  /* 0c */ 0, 0,
  /* 0d */ 0, 0,
  /* 0e */ 0, 0,
  /* 0f */ 0, 0,
  /* 10 */ 0, op.PBLENDVB,
  /* 11 */ 0, 0,
  /* 12 */ 0, 0,
  /* 13 */ 0, 0,
  /* 14 */ 0, op.BLENDVPS,
  /* 15 */ 0, op.BLENDVPD,
  /* 16 */ 0, 0,
  /* 17 */ 0, op.PTEST,
  /* 18 */ 0, 0,
  /* 19 */ 0, 0,
  /* 1a */ 0, 0,
  /* 1b */ 0, 0,
  /* 1c */ MMX | op.PABSB, op.PABSB,
  /* 1d */ MMX | op.PABSW, op.PABSW,
  /* 1e */ MMX | op.PABSD, op.PABSD,
  /* 1f */ 0, 0,
  /* 20 */ 0, op.PMOVSXBW,
  /* 21 */ 0, op.PMOVSXBD,
  /* 22 */ 0, op.PMOVSXBQ,
  /* 23 */ 0, op.PMOVSXWD,
  /* 24 */ 0, op.PMOVSXWQ,
  /* 25 */ 0, op.PMOVSXDQ,
  /* 26 */ 0, 0,
  /* 27 */ 0, 0,
  /* 28 */ 0, op.PMULDQ,
  /* 29 */ 0, op.PCMPEQQ,
  /* 2a */ 0, op.MOVA | MEM_ONLY,
  /* 2b */ 0, op.PACKUSDW,
  /* 2c */ 0, 0,
  /* 2d */ 0, 0,
  /* 2e */ 0, 0,
  /* 2f */ 0, 0,
  /* 30 */ 0, op.PMOVZXBW,
  /* 31 */ 0, op.PMOVZXBD,
  /* 32 */ 0, op.PMOVZXBQ,
  /* 33 */ 0, op.PMOVZXWD,
  /* 34 */ 0, op.PMOVZXWQ,
  /* 35 */ 0, op.PMOVZXDQ,
  /* 36 */ 0, 0,
  /* 37 */ 0, op.PCMPGTQ,
  /* 38 */ 0, op.PMINSB,
  /* 39 */ 0, op.PMINSD,
  /* 3a */ 0, op.PMINUW,
  /* 3b */ 0, op.PMINUD,
  /* 3c */ 0, op.PMAXSB,
  /* 3d */ 0, op.PMAXSD,
  /* 3e */ 0, op.PMAXUW,
  /* 3f */ 0, op.PMAXUD,
  /* 40 */ 0, op.PMULLD,
  /* 41 */ 0, op.PHMINPOSUW,
]);

/**
 * Row of `opcode` in `map` (1 = 0F, 2 = 0F38, 3 = 0F3A) under the mandatory prefix of `column`, of which F2 and F3
 * go before 66. 0 where there is none, or where the opcode is not of these extensions.
 */
export function sseRow(map: u32, column: u32, opcode: u32): u32 {
  if (map == 2) return row38(column, opcode);
  if (map == 3) return row3a(column, opcode);
  if (opcode >= 0x10 && opcode <= 0x17) return at(MOVES, opcode - 0x10, column);
  if (opcode >= 0x28 && opcode <= 0x2f) return at(CONVERSIONS, opcode - 0x28, column);
  if (opcode >= 0x50 && opcode <= 0x7f) return at(PACKED, opcode - 0x50, column);
  if (opcode >= 0xc2 && opcode <= 0xc6) return at(INSERTS, opcode - 0xc2, column);
  if (opcode >= 0xd0) return at(INTEGERS, opcode - 0xd0, column);
  return 0;
}

function at(table: usize, row: u32, column: u32): u32 {
  return load<u32>(table + ((<usize>((row << 2) | column)) << 2));
}

function row38(column: u32, opcode: u32): u32 {
  if (opcode <= 0x41) {
    if (column > COLUMN_66) return 0;
    return load<u32>(MAP_0F38 + ((<usize>((opcode << 1) | column)) << 2));
  }
  if (opcode >= 0xc8 && opcode <= 0xcd) return column == COLUMN_NONE ? rowSha(opcode) : 0;
  if (opcode >= 0xdb && opcode <= 0xdf) return column == COLUMN_66 ? rowAes(opcode) : 0;
  if (opcode == 0xf0 && column == COLUMN_F2) return op.CRC32_BYTE | BYTE_SOURCE;
  if (opcode == 0xf1 && column == COLUMN_F2) return op.CRC32;
  if (opcode == 0xf6 && column == COLUMN_66) return op.ADCX;
  if (opcode == 0xf6 && column == COLUMN_F3) return op.ADOX;
  return 0;
}

function rowSha(opcode: u32): u32 {
  switch (opcode) {
    case 0xc8:
      return op.SHA1NEXTE;
    case 0xc9:
      return op.SHA1MSG1;
    case 0xca:
      return op.SHA1MSG2;
    case 0xcb:
      return op.SHA256RNDS2;
    case 0xcc:
      return op.SHA256MSG1;
    default:
      return op.SHA256MSG2;
  }
}

function rowAes(opcode: u32): u32 {
  switch (opcode) {
    case 0xdb:
      return op.AESIMC;
    case 0xdc:
      return op.AESENC;
    case 0xdd:
      return op.AESENCLAST;
    case 0xde:
      return op.AESDEC;
    default:
      return op.AESDECLAST;
  }
}

/** Map 0F3A: every instruction has an immediate. */
function row3a(column: u32, opcode: u32): u32 {
  if (column == COLUMN_66) {
    const operation = operation3a(opcode);
    return operation ? operation | IMM8 : 0;
  }
  if (column != COLUMN_NONE) return 0;
  if (opcode == 0x0f) return MMX | op.PALIGNR | IMM8;
  return opcode == 0xcc ? op.SHA1RNDS4 | IMM8 : 0;
}

function operation3a(opcode: u32): u32 {
  switch (opcode) {
    case 0x08:
      return op.ROUNDPS;
    case 0x09:
      return op.ROUNDPD;
    case 0x0a:
      return op.ROUNDSS;
    case 0x0b:
      return op.ROUNDSD;
    case 0x0c:
      return op.BLENDPS;
    case 0x0d:
      return op.BLENDPD;
    case 0x0e:
      return op.PBLENDW;
    case 0x0f:
      return op.PALIGNR;
    case 0x14:
      return op.PEXTRB;
    case 0x15:
      return op.PEXTRW;
    case 0x16:
      return op.PEXTRD;
    case 0x17:
      return op.EXTRACTPS;
    case 0x20:
      return op.PINSRB;
    case 0x21:
      return op.INSERTPS;
    case 0x22:
      return op.PINSRD;
    case 0x40:
      return op.DPPS;
    case 0x41:
      return op.DPPD;
    case 0x42:
      return op.MPSADBW;
    case 0x44:
      return op.PCLMULQDQ;
    case 0x60:
      return op.PCMPESTRM;
    case 0x61:
      return op.PCMPESTRI;
    case 0x62:
      return op.PCMPISTRM;
    case 0x63:
      return op.PCMPISTRI;
    case 0xdf:
      return op.AESKEYGENASSIST;
    default:
      return 0;
  }
}

/** Row of the shift groups 12, 13 and 14 (0F 71, 72, 73; SDM 2D table A-6) for ModRM.reg = `reg`. */
export function sseGroupRow(opcode: u32, column: u32, reg: u32): u32 {
  const operation = shiftOperation(opcode, reg);
  if (operation == 0 || column > COLUMN_66) return 0;
  if (column == COLUMN_66) return operation | IMM8 | REG_ONLY;
  // Whole registers are shifted by bytes only where they have 128 bits.
  if (operation == op.PSRLDQ_IMM || operation == op.PSLLDQ_IMM) return 0;
  return MMX | operation | IMM8 | REG_ONLY;
}

function shiftOperation(opcode: u32, reg: u32): u32 {
  switch (((opcode - 0x71) << 3) | reg) {
    case 2:
      return op.PSRLW_IMM;
    case 4:
      return op.PSRAW_IMM;
    case 6:
      return op.PSLLW_IMM;
    case 8 + 2:
      return op.PSRLD_IMM;
    case 8 + 4:
      return op.PSRAD_IMM;
    case 8 + 6:
      return op.PSLLD_IMM;
    case 16 + 2:
      return op.PSRLQ_IMM;
    case 16 + 3:
      return op.PSRLDQ_IMM;
    case 16 + 6:
      return op.PSLLQ_IMM;
    case 16 + 7:
      return op.PSLLDQ_IMM;
    default:
      return 0;
  }
}
