// Rows of the VEX-encoded instructions (SDM 2A §2.3, 2D appendix A). Most stand where their SSE kin stand in the
// opcode maps: their rows are made from those (opcodes-sse.ts), with the rules that VEX adds. The others follow.
import { LDMXCSR, STMXCSR } from "./operations";
import * as op from "./operations-sse";
import {
  COLUMN_66,
  COLUMN_F2,
  COLUMN_F3,
  COLUMN_NONE,
  GROUP,
  IMM8,
  MEM_ONLY,
  NO_MODRM,
  sseGroupRow,
  sseRow,
} from "./opcodes-sse";

/** VEX.vvvv names no operand and must be 1111. */
export const NO_VVVV: u32 = 1 << 19;
/** VEX.vvvv names an operand only where ModRM.rm names a register. */
export const NO_VVVV_WITH_MEMORY: u32 = 1 << 20;
/** #UD unless VEX.L = 0; unless 1; VEX.W likewise. */
export const L_ZERO: u32 = 1 << 21;
export const L_ONE: u32 = 1 << 22;
export const W_ZERO: u32 = 1 << 23;
export const W_ONE: u32 = 1 << 24;
/** The memory operand has a vector of indices. */
export const VSIB: u32 = 1 << 25;

const GROUP_15: u32 = 0xae;

/** Row of `opcode` in `map` under the prefix of `column` with VEX.W = `w`; 0 for none. */
export function vexRow(map: u32, column: u32, opcode: u32, w: u32): u32 {
  const own = ownRow(map, column, opcode, w);
  if (own) return own == GROUP ? GROUP : own + op.VEX_FORM;
  const row = sseRow(map, column, opcode);
  return row & GROUP ? GROUP : fromSse(row);
}

/** Row of the shift groups, of group 15 or of group 17 (0F38 F3: BLSR and its kin), for ModRM.reg = `reg`. */
export function vexGroupRow(map: u32, column: u32, opcode: u32, reg: u32): u32 {
  if (map == 1 && opcode == GROUP_15) {
    if (reg == 2) return LDMXCSR | MEM_ONLY | L_ZERO | NO_VVVV;
    return reg == 3 ? STMXCSR | MEM_ONLY | L_ZERO | NO_VVVV : 0;
  }
  if (map == 1) return column == COLUMN_66 ? fromSse(sseGroupRow(opcode, column, reg)) : 0;
  if (reg == 1) return (op.BLSR | L_ZERO) + op.VEX_FORM;
  if (reg == 2) return (op.BLSMSK | L_ZERO) + op.VEX_FORM;
  return reg == 3 ? (op.BLSI | L_ZERO) + op.VEX_FORM : 0;
}

/** The VEX row of an SSE instruction. */
function fromSse(row: u32): u32 {
  const operation = row & 0xfff;
  if (row == 0 || operation & op.MMX_FORM || !hasVexForm(operation)) return 0;
  return (row + op.VEX_FORM) | rules(operation);
}

function hasVexForm(operation: u32): bool {
  switch (operation) {
    case op.MOVNTI:
    case op.MOVQ2DQ:
    case op.MOVDQ2Q:
    case op.PBLENDVB:
    case op.BLENDVPS:
    case op.BLENDVPD:
    case op.CVTPI2PS:
    case op.CVTPI2PD:
    case op.CVTPS2PI:
    case op.CVTPD2PI:
    case op.CVTTPS2PI:
    case op.CVTTPD2PI:
      return false;
    default:
      return operation < op.SHA256RNDS2 && !(operation >= op.SHA1RNDS4 && operation <= op.SHA256MSG2);
  }
}

/** What VEX.vvvv and VEX.L must be, for the SSE instructions (SDM 2B and 2C, each one's encoding line). */
function rules(operation: u32): u32 {
  switch (operation) {
    case op.SQRTPS:
    case op.SQRTPD:
    case op.RSQRTPS:
    case op.RCPPS:
    case op.ROUNDPS:
    case op.ROUNDPD:
    case op.CVTPD2PS:
    case op.CVTDQ2PS:
    case op.CVTPS2DQ:
    case op.CVTTPS2DQ:
    case op.CVTPD2DQ:
    case op.CVTTPD2DQ:
    case op.CVTPS2PD:
    case op.CVTDQ2PD:
    case op.MOVA:
    case op.PABSB:
    case op.PABSW:
    case op.PABSD:
    case op.PSHUFD:
    case op.PSHUFHW:
    case op.PSHUFLW:
    case op.MOVSLDUP:
    case op.MOVSHDUP:
    case op.MOVDDUP:
    case op.LOADU:
    case op.STOREU:
    case op.STOREA:
    case op.MOVMSKPS:
    case op.MOVMSKPD:
    case op.PMOVMSKB:
    case op.CVTTSS2SI:
    case op.CVTTSD2SI:
    case op.CVTSS2SI:
    case op.CVTSD2SI:
    case op.UCOMISS:
    case op.UCOMISD:
    case op.COMISS:
    case op.COMISD:
    case op.PTEST:
      return NO_VVVV;
    case op.MOVSS_LOAD:
    case op.MOVSD_LOAD:
    case op.MOVSS_STORE:
    case op.MOVSD_STORE:
      return NO_VVVV_WITH_MEMORY;
    case op.PHMINPOSUW:
    case op.AESIMC:
    case op.AESKEYGENASSIST:
    case op.MOVQ:
    case op.MOVLPS_STORE:
    case op.MOVHPS_STORE:
    case op.MOVD_LOAD:
    case op.MOVD_STORE:
    case op.MOVQ_STORE:
    case op.MASKMOVDQU:
    case op.PEXTRD:
    case op.EXTRACTPS:
    case op.PCMPESTRM:
    case op.PCMPESTRI:
    case op.PCMPISTRM:
    case op.PCMPISTRI:
    case op.PEXTRB:
    case op.PEXTRW:
    case op.PEXTRW_REG:
      return NO_VVVV | L_ZERO;
    case op.DPPD:
    case op.MOVLPS_LOAD:
    case op.MOVHPS_LOAD:
    case op.PINSRB:
    case op.PINSRW:
    case op.PINSRD:
    case op.INSERTPS:
      return L_ZERO;
    default:
      return operation >= op.PMOVSXBW && operation <= op.PMOVZXBQ ? NO_VVVV : 0;
  }
}

/** Row of what exists only with VEX. */
function ownRow(map: u32, column: u32, opcode: u32, w: u32): u32 {
  if (map == 1) {
    if (opcode == GROUP_15 && column == COLUMN_NONE) return GROUP;
    return opcode == 0x77 && column == COLUMN_NONE ? op.VZEROUPPER | NO_MODRM | NO_VVVV : 0;
  }
  if (map == 2 && opcode >= 0xf2 && opcode <= 0xf7) return bmi(column, opcode);
  if (map == 3 && opcode == 0xf0) return column == COLUMN_F2 ? op.RORX | IMM8 | L_ZERO | NO_VVVV : 0;
  if (column != COLUMN_66) return 0;
  return map == 2 ? own38(opcode, w) : own3a(opcode);
}

function own3a(opcode: u32): u32 {
  switch (opcode) {
    case 0x00: // VPERMQ
    case 0x01: // VPERMPD
      return op.VPERMQ | IMM8 | L_ONE | W_ONE | NO_VVVV;
    case 0x02:
      return op.VPBLENDD | IMM8 | W_ZERO;
    case 0x04:
      return op.VPERMILPS_IMM | IMM8 | W_ZERO | NO_VVVV;
    case 0x05:
      return op.VPERMILPD_IMM | IMM8 | W_ZERO | NO_VVVV;
    case 0x06: // VPERM2F128
    case 0x46: // VPERM2I128
      return op.VPERM2F128 | IMM8 | L_ONE | W_ZERO;
    case 0x18: // VINSERTF128
    case 0x38: // VINSERTI128
      return op.VINSERTF128 | IMM8 | L_ONE | W_ZERO;
    case 0x19: // VEXTRACTF128
    case 0x39: // VEXTRACTI128
      return op.VEXTRACTF128 | IMM8 | L_ONE | W_ZERO | NO_VVVV;
    case 0x1d:
      return op.VCVTPS2PH | IMM8 | W_ZERO | NO_VVVV;
    case 0x4a:
      return op.VBLENDVPS | IMM8 | W_ZERO;
    case 0x4b:
      return op.VBLENDVPD | IMM8 | W_ZERO;
    case 0x4c:
      return op.VPBLENDVB | IMM8 | W_ZERO;
    default:
      return 0;
  }
}

function own38(opcode: u32, w: u32): u32 {
  if (opcode >= 0x96 && opcode <= 0xbf && (opcode & 15) >= 6) return op.VFMA + opcode - 0x96;
  switch (opcode) {
    case 0x0c:
      return op.VPERMILPS | W_ZERO;
    case 0x0d:
      return op.VPERMILPD | W_ZERO;
    case 0x0e:
      return op.VTESTPS | W_ZERO | NO_VVVV;
    case 0x0f:
      return op.VTESTPD | W_ZERO | NO_VVVV;
    case 0x13:
      return op.VCVTPH2PS | W_ZERO | NO_VVVV;
    case 0x16: // VPERMPS
    case 0x36: // VPERMD
      return op.VPERMD | L_ONE | W_ZERO;
    case 0x18: // VBROADCASTSS
    case 0x58: // VPBROADCASTD
      return op.VBROADCASTD | W_ZERO | NO_VVVV;
    case 0x19: // VBROADCASTSD
      return op.VBROADCASTQ | L_ONE | W_ZERO | NO_VVVV;
    case 0x59: // VPBROADCASTQ
      return op.VBROADCASTQ | W_ZERO | NO_VVVV;
    case 0x1a: // VBROADCASTF128
    case 0x5a: // VBROADCASTI128
      return op.VBROADCASTF128 | L_ONE | W_ZERO | NO_VVVV | MEM_ONLY;
    case 0x78:
      return op.VBROADCASTB | W_ZERO | NO_VVVV;
    case 0x79:
      return op.VBROADCASTW | W_ZERO | NO_VVVV;
    case 0x2c: // VMASKMOVPS
      return op.VMASKMOVD_LOAD | W_ZERO | MEM_ONLY;
    case 0x2d: // VMASKMOVPD
      return op.VMASKMOVQ_LOAD | W_ZERO | MEM_ONLY;
    case 0x2e:
      return op.VMASKMOVD_STORE | W_ZERO | MEM_ONLY;
    case 0x2f:
      return op.VMASKMOVQ_STORE | W_ZERO | MEM_ONLY;
    case 0x8c: // VPMASKMOVD, VPMASKMOVQ
      return (w ? op.VMASKMOVQ_LOAD : op.VMASKMOVD_LOAD) | MEM_ONLY;
    case 0x8e:
      return (w ? op.VMASKMOVQ_STORE : op.VMASKMOVD_STORE) | MEM_ONLY;
    case 0x45:
      return w ? op.VPSRLVQ : op.VPSRLVD;
    case 0x46:
      return op.VPSRAVD | W_ZERO;
    case 0x47:
      return w ? op.VPSLLVQ : op.VPSLLVD;
    case 0x90: // VPGATHERDD, VPGATHERDQ
    case 0x92: // VGATHERDPS, VGATHERDPD
      return op.VGATHERD | MEM_ONLY | VSIB;
    case 0x91: // VPGATHERQD, VPGATHERQQ
    case 0x93: // VGATHERQPS, VGATHERQPD
      return op.VGATHERQ | MEM_ONLY | VSIB;
    default:
      return 0;
  }
}

/** BMI1 and BMI2 in map 0F38. */
function bmi(column: u32, opcode: u32): u32 {
  if (opcode == 0xf3) return column == COLUMN_NONE ? GROUP : 0;
  const operation = bmiOperation(column, opcode);
  return operation ? operation | L_ZERO : 0;
}

function bmiOperation(column: u32, opcode: u32): u32 {
  if (opcode == 0xf2) return column == COLUMN_NONE ? op.ANDN : 0;
  if (opcode == 0xf5) {
    if (column == COLUMN_NONE) return op.BZHI;
    return column == COLUMN_F3 ? op.PEXT : column == COLUMN_F2 ? op.PDEP : 0;
  }
  if (opcode == 0xf6) return column == COLUMN_F2 ? op.MULX : 0;
  if (opcode != 0xf7) return 0;
  if (column == COLUMN_NONE) return op.BEXTR;
  return column == COLUMN_66 ? op.SHLX : column == COLUMN_F3 ? op.SARX : op.SHRX;
}
