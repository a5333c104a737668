// Opcode maps: one row per opcode, in the order of SDM 2D appendix A: operation | operand form | attributes.
//
//  31     28       26        22          18      14       10           0
//  ├ attributes ────┼ imm ────┼ src ──────┼ dst ───┼ width ┼ operation ──┤
//
// A row of 0 is no instruction (#UD). Prefix bytes and escapes are no rows: the decoder knows them.
import {
  AAA,
  AAD,
  AAM,
  AAS,
  ADC,
  ADD,
  AND,
  ARPL,
  BOUND,
  BSF,
  BSR,
  BSWAP,
  BT,
  BTC,
  BTR,
  BTS,
  CALL_FAR,
  CALL_NEAR,
  CBW,
  CLC,
  CLD,
  CLI,
  CLTS,
  CMC,
  CMOV,
  CMP,
  CMPS,
  CMPXCHG,
  CPUID,
  CWD,
  DAA,
  DAS,
  DEC,
  ENTER,
  FWAIT,
  HLT,
  IMUL,
  IN,
  INC,
  INS,
  INT,
  INT1,
  INT3,
  INTO,
  INVD,
  IRET,
  JCC,
  JCXZ,
  JMP,
  JMP_FAR,
  LAHF,
  LAR,
  LEA,
  LEAVE,
  LOAD_FAR_POINTER,
  LODS,
  LOOP,
  LOOPE,
  LOOPNE,
  LSL,
  MOV,
  MOVS,
  MOVSX16,
  MOVSX8,
  MOVZX16,
  MOVZX8,
  MOV_FROM_CR,
  MOV_FROM_DR,
  MOV_FROM_SREG,
  MOV_TO_CR,
  MOV_TO_DR,
  MOV_TO_SREG,
  NOP,
  OR,
  OUT,
  OUTS,
  POP,
  POPA,
  POPF,
  POP_SREG,
  PUSH,
  PUSHA,
  PUSHF,
  PUSH_SREG,
  RDMSR,
  RDPMC,
  RDTSC,
  RET,
  RETF,
  RETF_POP,
  RET_POP,
  RSM,
  SAHF,
  SALC,
  SBB,
  SCAS,
  SETCC,
  SHLD,
  SHRD,
  STC,
  STD,
  STI,
  STOS,
  SUB,
  SYSCALL,
  SYSENTER,
  SYSEXIT,
  SYSRET,
  TEST,
  UNDEFINED,
  WRMSR,
  XADD,
  XCHG,
  XLAT,
  XOR,
} from "./operations";

/** Width: b = byte; v = operand size; w = word; q = 64 bits in long mode, else operand size (stack, near branches). */
const b: u32 = 1 << 10;
const v: u32 = 2 << 10;
const w: u32 = 3 << 10;
const q: u32 = 4 << 10;
/** y = 64 bits with REX.W, else 32. f = 64 bits in long mode, else 32, whatever the prefixes (control registers). */
const y: u32 = 5 << 10;
export const WIDTH_SHIFT: u32 = 10;
export const WIDTH_B: u32 = 1;
export const WIDTH_V: u32 = 2;
export const WIDTH_W: u32 = 3;
export const WIDTH_Q: u32 = 4;
export const WIDTH_Y: u32 = 5;

/** Operands: E = ModRM.rm, G = ModRM.reg, Z = low bits of the opcode, A = accumulator, O = memory at moffs. */
export const E: u32 = 1;
export const G: u32 = 2;
export const Z: u32 = 3;
export const A: u32 = 4;
export const O: u32 = 5;
/** Constants among the operands: C = CL, ONE = 1, D = DX, S = segment number in bits 3-5 of opcode or ModRM. */
export const C: u32 = 6;
export const ONE: u32 = 7;
export const D: u32 = 8;
export const S: u32 = 9;
export const DST_SHIFT: u32 = 14;
export const SRC_SHIFT: u32 = 18;
const dE: u32 = E << 14;
const dG: u32 = G << 14;
const dZ: u32 = Z << 14;
const dA: u32 = A << 14;
const dO: u32 = O << 14;
const dS: u32 = S << 14;
const sE: u32 = E << 18;
const sG: u32 = G << 18;
const sZ: u32 = Z << 18;
const sA: u32 = A << 18;
const sO: u32 = O << 18;
const sC: u32 = C << 18;
const s1: u32 = ONE << 18;
const sD: u32 = D << 18;
const sS: u32 = S << 18;

/** Immediates: how many bytes follow, and how they are extended. */
export const IB: u32 = 1; // byte, sign-extended
export const IUB: u32 = 2; // byte, zero-extended
export const IZ: u32 = 3; // word or doubleword by operand size, sign-extended
export const IV: u32 = 4; // as wide as the operand, up to 64 bits
export const IW: u32 = 5; // word, zero-extended
export const JB: u32 = 6; // relative branch, byte
export const JZ: u32 = 7; // relative branch, word or doubleword
export const AP: u32 = 8; // far pointer
export const IWB: u32 = 9; // word, then byte (ENTER)
export const IMM_SHIFT: u32 = 22;
const ib: u32 = IB << 22;
const iub: u32 = IUB << 22;
const iz: u32 = IZ << 22;
const iv: u32 = IV << 22;
const iw: u32 = IW << 22;
const jb: u32 = JB << 22;
const jz: u32 = JZ << 22;
const ap: u32 = AP << 22;
const iwb: u32 = IWB << 22;

/** Attributes. */
export const LOCKABLE: u32 = 1 << 26; // LOCK allowed where the first operand is memory
export const GROUP: u32 = 1 << 27; // `operation` is a group of cpu/decode/groups.ts, chosen by ModRM.reg
export const ENDS_BLOCK: u32 = 1 << 28; // sets RIP, or changes what decoding depends on
export const NOT_64: u32 = 1 << 29; // #UD in 64-bit mode
export const CONDITIONAL: u32 = 1 << 30; // bits 0-3 of the opcode are the condition code
export const MODRM: u32 = 1 << 31; // a ModRM byte though neither operand says so
const L: u32 = LOCKABLE;
const X: u32 = ENDS_BLOCK;
const N: u32 = NOT_64;
const CC: u32 = CONDITIONAL;
const GR: u32 = GROUP | MODRM;

/** Groups (SDM 2D table A-6): numbers for `operation` in GROUP rows; groups.ts has their eight rows. */
export const GROUP_1: u32 = 0;
export const GROUP_1A: u32 = 1;
export const GROUP_2: u32 = 2;
export const GROUP_3B: u32 = 3;
export const GROUP_3V: u32 = 4;
export const GROUP_4: u32 = 5;
export const GROUP_5: u32 = 6;
export const GROUP_6: u32 = 7;
export const GROUP_7: u32 = 8;
export const GROUP_8: u32 = 9;
export const GROUP_9: u32 = 10;
export const GROUP_11: u32 = 11;
export const GROUP_15: u32 = 12;

// prettier-ignore
/** One-byte opcodes (SDM 2D table A-2). Prefixes, 0F and D8-DF are 0 here. */
export const ONE_BYTE = memory.data<u32>([
  /* 00 */ ADD | b | dE | sG | L, ADD | v | dE | sG | L, ADD | b | dG | sE, ADD | v | dG | sE,
  /* 04 */ ADD | b | dA | ib, ADD | v | dA | iz, PUSH_SREG | v | dS | N, POP_SREG | v | dS | N | X,
  /* 08 */ OR | b | dE | sG | L, OR | v | dE | sG | L, OR | b | dG | sE, OR | v | dG | sE,
  /* 0c */ OR | b | dA | ib, OR | v | dA | iz, PUSH_SREG | v | dS | N, 0,
  /* 10 */ ADC | b | dE | sG | L, ADC | v | dE | sG | L, ADC | b | dG | sE, ADC | v | dG | sE,
  /* 14 */ ADC | b | dA | ib, ADC | v | dA | iz, PUSH_SREG | v | dS | N, POP_SREG | v | dS | N | X,
  /* 18 */ SBB | b | dE | sG | L, SBB | v | dE | sG | L, SBB | b | dG | sE, SBB | v | dG | sE,
  /* 1c */ SBB | b | dA | ib, SBB | v | dA | iz, PUSH_SREG | v | dS | N, POP_SREG | v | dS | N | X,
  /* 20 */ AND | b | dE | sG | L, AND | v | dE | sG | L, AND | b | dG | sE, AND | v | dG | sE,
  /* 24 */ AND | b | dA | ib, AND | v | dA | iz, 0, DAA | N,
  /* 28 */ SUB | b | dE | sG | L, SUB | v | dE | sG | L, SUB | b | dG | sE, SUB | v | dG | sE,
  /* 2c */ SUB | b | dA | ib, SUB | v | dA | iz, 0, DAS | N,
  /* 30 */ XOR | b | dE | sG | L, XOR | v | dE | sG | L, XOR | b | dG | sE, XOR | v | dG | sE,
  /* 34 */ XOR | b | dA | ib, XOR | v | dA | iz, 0, AAA | N,
  /* 38 */ CMP | b | dE | sG, CMP | v | dE | sG, CMP | b | dG | sE, CMP | v | dG | sE,
  /* 3c */ CMP | b | dA | ib, CMP | v | dA | iz, 0, AAS | N,
  /* 40 */ INC | v | dZ | N, INC | v | dZ | N, INC | v | dZ | N, INC | v | dZ | N,
  /* 44 */ INC | v | dZ | N, INC | v | dZ | N, INC | v | dZ | N, INC | v | dZ | N,
  /* 48 */ DEC | v | dZ | N, DEC | v | dZ | N, DEC | v | dZ | N, DEC | v | dZ | N,
  /* 4c */ DEC | v | dZ | N, DEC | v | dZ | N, DEC | v | dZ | N, DEC | v | dZ | N,
  /* 50 */ PUSH | q | sZ, PUSH | q | sZ, PUSH | q | sZ, PUSH | q | sZ,
  /* 54 */ PUSH | q | sZ, PUSH | q | sZ, PUSH | q | sZ, PUSH | q | sZ,
  /* 58 */ POP | q | dZ, POP | q | dZ, POP | q | dZ, POP | q | dZ,
  /* 5c */ POP | q | dZ, POP | q | dZ, POP | q | dZ, POP | q | dZ,
  /* 60 */ PUSHA | v | N, POPA | v | N, BOUND | v | dG | sE | N, ARPL | w | dE | sG,
  /* 64 */ 0, 0, 0, 0,
  /* 68 */ PUSH | q | iz, IMUL | v | dG | sE | iz, PUSH | q | ib, IMUL | v | dG | sE | ib,
  /* 6c */ INS | b, INS | v, OUTS | b, OUTS | v,
  /* 70 */ JCC | q | jb | CC | X, JCC | q | jb | CC | X, JCC | q | jb | CC | X, JCC | q | jb | CC | X,
  /* 74 */ JCC | q | jb | CC | X, JCC | q | jb | CC | X, JCC | q | jb | CC | X, JCC | q | jb | CC | X,
  /* 78 */ JCC | q | jb | CC | X, JCC | q | jb | CC | X, JCC | q | jb | CC | X, JCC | q | jb | CC | X,
  /* 7c */ JCC | q | jb | CC | X, JCC | q | jb | CC | X, JCC | q | jb | CC | X, JCC | q | jb | CC | X,
  /* 80 */ GROUP_1 | b | dE | ib | GR, GROUP_1 | v | dE | iz | GR, GROUP_1 | b | dE | ib | GR | N, GROUP_1 | v | dE | ib | GR,
  /* 84 */ TEST | b | dE | sG, TEST | v | dE | sG, XCHG | b | dE | sG | L, XCHG | v | dE | sG | L,
  /* 88 */ MOV | b | dE | sG, MOV | v | dE | sG, MOV | b | dG | sE, MOV | v | dG | sE,
  /* 8c */ MOV_FROM_SREG | v | dE | sS, LEA | v | dG | sE, MOV_TO_SREG | w | dS | sE | X, GROUP_1A | q | dE | GR,
  /* 90 */ XCHG | v | dZ | sA, XCHG | v | dZ | sA, XCHG | v | dZ | sA, XCHG | v | dZ | sA,
  /* 94 */ XCHG | v | dZ | sA, XCHG | v | dZ | sA, XCHG | v | dZ | sA, XCHG | v | dZ | sA,
  /* 98 */ CBW | v, CWD | v, CALL_FAR | v | ap | N | X, FWAIT,
  /* 9c */ PUSHF | q, POPF | q | X, SAHF, LAHF,
  /* a0 */ MOV | b | dA | sO, MOV | v | dA | sO, MOV | b | dO | sA, MOV | v | dO | sA,
  /* a4 */ MOVS | b, MOVS | v, CMPS | b, CMPS | v,
  /* a8 */ TEST | b | dA | ib, TEST | v | dA | iz, STOS | b, STOS | v,
  /* ac */ LODS | b, LODS | v, SCAS | b, SCAS | v,
  /* b0 */ MOV | b | dZ | ib, MOV | b | dZ | ib, MOV | b | dZ | ib, MOV | b | dZ | ib,
  /* b4 */ MOV | b | dZ | ib, MOV | b | dZ | ib, MOV | b | dZ | ib, MOV | b | dZ | ib,
  /* b8 */ MOV | v | dZ | iv, MOV | v | dZ | iv, MOV | v | dZ | iv, MOV | v | dZ | iv,
  /* bc */ MOV | v | dZ | iv, MOV | v | dZ | iv, MOV | v | dZ | iv, MOV | v | dZ | iv,
  /* c0 */ GROUP_2 | b | dE | iub | GR, GROUP_2 | v | dE | iub | GR, RET_POP | q | iw | X, RET | q | X,
  /* c4 */ LOAD_FAR_POINTER | v | dG | sE | N | MODRM | X, LOAD_FAR_POINTER | v | dG | sE | N | MODRM | X, GROUP_11 | b | dE | ib | GR, GROUP_11 | v | dE | iz | GR,
  /* c8 */ ENTER | q | iwb, LEAVE | q, RETF_POP | v | iw | X, RETF | v | X,
  /* cc */ INT3 | X, INT | iub | X, INTO | N | X, IRET | v | X,
  /* d0 */ GROUP_2 | b | dE | s1 | GR, GROUP_2 | v | dE | s1 | GR, GROUP_2 | b | dE | sC | GR, GROUP_2 | v | dE | sC | GR,
  /* d4 */ AAM | iub | N, AAD | iub | N, SALC | N, XLAT | b,
  /* d8 */ 0, 0, 0, 0, 0, 0, 0, 0,
  /* e0 */ LOOPNE | q | jb | X, LOOPE | q | jb | X, LOOP | q | jb | X, JCXZ | q | jb | X,
  /* e4 */ IN | b | iub, IN | v | iub, OUT | b | iub, OUT | v | iub,
  /* e8 */ CALL_NEAR | q | jz | X, JMP | q | jz | X, JMP_FAR | v | ap | N | X, JMP | q | jb | X,
  /* ec */ IN | b | sD, IN | v | sD, OUT | b | sD, OUT | v | sD,
  /* f0 */ 0, INT1 | X, 0, 0, HLT | X, CMC, GROUP_3B | b | dE | GR, GROUP_3V | v | dE | GR,
  /* f8 */ CLC, STC, CLI, STI | X, CLD, STD, GROUP_4 | b | dE | GR, GROUP_5 | v | dE | GR,
]);

// prettier-ignore
/** Two-byte opcodes, 0F xx (SDM 2D table A-3), but the vector ones, which opcodes-sse.ts has. */
export const TWO_BYTE = memory.data<u32>([
  /* 00 */ GROUP_6 | w | dE | GR, GROUP_7 | w | dE | GR, LAR | v | dG | sE, LSL | v | dG | sE, 0, SYSCALL | X, CLTS | X, SYSRET | y | X,
  /* 08 */ INVD, INVD, 0, UNDEFINED, 0, NOP | MODRM, 0, 0,
  /* 10 */ 0, 0, 0, 0, 0, 0, 0, 0,
  /* 18 */ NOP | MODRM, NOP | MODRM, NOP | MODRM, NOP | MODRM, NOP | MODRM, NOP | MODRM, NOP | MODRM, NOP | MODRM,
  /* 20 */ MOV_FROM_CR | MODRM, MOV_FROM_DR | MODRM, MOV_TO_CR | MODRM | X, MOV_TO_DR | MODRM | X, 0, 0, 0, 0,
  /* 28 */ 0, 0, 0, 0, 0, 0, 0, 0,
  /* 30 */ WRMSR | X, RDTSC, RDMSR, RDPMC, SYSENTER | X, SYSEXIT | y | X, 0, 0,
  /* 38 */ 0, 0, 0, 0, 0, 0, 0, 0,
  /* 40 */ CMOV | v | dG | sE | CC, CMOV | v | dG | sE | CC, CMOV | v | dG | sE | CC, CMOV | v | dG | sE | CC,
  /* 44 */ CMOV | v | dG | sE | CC, CMOV | v | dG | sE | CC, CMOV | v | dG | sE | CC, CMOV | v | dG | sE | CC,
  /* 48 */ CMOV | v | dG | sE | CC, CMOV | v | dG | sE | CC, CMOV | v | dG | sE | CC, CMOV | v | dG | sE | CC,
  /* 4c */ CMOV | v | dG | sE | CC, CMOV | v | dG | sE | CC, CMOV | v | dG | sE | CC, CMOV | v | dG | sE | CC,
  /* 50 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  /* 60 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  /* 70 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  /* 80 */ JCC | q | jz | CC | X, JCC | q | jz | CC | X, JCC | q | jz | CC | X, JCC | q | jz | CC | X,
  /* 84 */ JCC | q | jz | CC | X, JCC | q | jz | CC | X, JCC | q | jz | CC | X, JCC | q | jz | CC | X,
  /* 88 */ JCC | q | jz | CC | X, JCC | q | jz | CC | X, JCC | q | jz | CC | X, JCC | q | jz | CC | X,
  /* 8c */ JCC | q | jz | CC | X, JCC | q | jz | CC | X, JCC | q | jz | CC | X, JCC | q | jz | CC | X,
  /* 90 */ SETCC | b | dE | CC, SETCC | b | dE | CC, SETCC | b | dE | CC, SETCC | b | dE | CC,
  /* 94 */ SETCC | b | dE | CC, SETCC | b | dE | CC, SETCC | b | dE | CC, SETCC | b | dE | CC,
  /* 98 */ SETCC | b | dE | CC, SETCC | b | dE | CC, SETCC | b | dE | CC, SETCC | b | dE | CC,
  /* 9c */ SETCC | b | dE | CC, SETCC | b | dE | CC, SETCC | b | dE | CC, SETCC | b | dE | CC,
  /* a0 */ PUSH_SREG | q | dS, POP_SREG | q | dS | X, CPUID, BT | v | dE | sG, SHLD | v | dE | sG | iub, SHLD | v | dE | sG, 0, 0,
  /* a8 */ PUSH_SREG | q | dS, POP_SREG | q | dS | X, RSM | X, BTS | v | dE | sG | L, SHRD | v | dE | sG | iub, SHRD | v | dE | sG, GROUP_15 | GR, IMUL | v | dG | sE,
  /* b0 */ CMPXCHG | b | dE | sG | L, CMPXCHG | v | dE | sG | L, LOAD_FAR_POINTER | v | dG | sE | MODRM | X, BTR | v | dE | sG | L,
  /* b4 */ LOAD_FAR_POINTER | v | dG | sE | MODRM | X, LOAD_FAR_POINTER | v | dG | sE | MODRM | X, MOVZX8 | v | dG | sE, MOVZX16 | v | dG | sE,
  /* b8 */ 0, UNDEFINED | MODRM, GROUP_8 | v | dE | iub | GR, BTC | v | dE | sG | L, BSF | v | dG | sE, BSR | v | dG | sE, MOVSX8 | v | dG | sE, MOVSX16 | v | dG | sE,
  /* c0 */ XADD | b | dE | sG | L, XADD | v | dE | sG | L, 0, 0, 0, 0, 0, GROUP_9 | dE | GR,
  /* c8 */ BSWAP | v | dZ, BSWAP | v | dZ, BSWAP | v | dZ, BSWAP | v | dZ, BSWAP | v | dZ, BSWAP | v | dZ, BSWAP | v | dZ, BSWAP | v | dZ,
  /* d0 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  /* e0 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  /* f0 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, UNDEFINED | MODRM,
]);
