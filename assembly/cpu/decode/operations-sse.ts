// Operation numbers of MMX, SSE … SSE4.2, AES, PCLMULQDQ, SHA, CRC32 and ADX; dense, so that a switch over them is a
// jump table. The same number plus MMX_FORM works on MMX registers, plus VEX_FORM on VEX-encoded operands.
//
// A *lane operation* makes 128 bits of its first operand, its second operand and the immediate, and touches
// nothing else: one body serves XMM, both lanes of YMM, and (the low half of it) MMX. They come first, family by family,
// and in each by the size of the memory operand. What exists only with VEX has numbers of its own behind the others.
import { SSE_FIRST } from "./operations";
export { SSE_FIRST };
export const MMX_FORM: u32 = 512;
export const VEX_FORM: u32 = 1024;

// Packed floating point, 16-byte memory operand (exec/sse-float.ts), in the order of the 0F map:
export const SQRTPS: u32 = SSE_FIRST + 0;
export const SQRTPD: u32 = SSE_FIRST + 1;
export const RSQRTPS: u32 = SSE_FIRST + 2;
export const RCPPS: u32 = SSE_FIRST + 3;
export const ADDPS: u32 = SSE_FIRST + 4;
export const ADDPD: u32 = SSE_FIRST + 5;
export const MULPS: u32 = SSE_FIRST + 6;
export const MULPD: u32 = SSE_FIRST + 7;
export const SUBPS: u32 = SSE_FIRST + 8;
export const SUBPD: u32 = SSE_FIRST + 9;
export const MINPS: u32 = SSE_FIRST + 10;
export const MINPD: u32 = SSE_FIRST + 11;
export const DIVPS: u32 = SSE_FIRST + 12;
export const DIVPD: u32 = SSE_FIRST + 13;
export const MAXPS: u32 = SSE_FIRST + 14;
export const MAXPD: u32 = SSE_FIRST + 15;
export const HADDPS: u32 = SSE_FIRST + 16;
export const HADDPD: u32 = SSE_FIRST + 17;
export const HSUBPS: u32 = SSE_FIRST + 18;
export const HSUBPD: u32 = SSE_FIRST + 19;
export const ADDSUBPS: u32 = SSE_FIRST + 20;
export const ADDSUBPD: u32 = SSE_FIRST + 21;
export const CMPPS: u32 = SSE_FIRST + 22;
export const CMPPD: u32 = SSE_FIRST + 23;
export const DPPS: u32 = SSE_FIRST + 24;
export const DPPD: u32 = SSE_FIRST + 25;
export const ROUNDPS: u32 = SSE_FIRST + 26;
export const ROUNDPD: u32 = SSE_FIRST + 27;
export const CVTPD2PS: u32 = SSE_FIRST + 28;
export const CVTDQ2PS: u32 = SSE_FIRST + 29;
export const CVTPS2DQ: u32 = SSE_FIRST + 30;
export const CVTTPS2DQ: u32 = SSE_FIRST + 31;
export const CVTPD2DQ: u32 = SSE_FIRST + 32;
export const CVTTPD2DQ: u32 = SSE_FIRST + 33;

// Floating point, 8 bytes (exec/sse-float.ts):
export const CVTPS2PD: u32 = SSE_FIRST + 34;
export const CVTDQ2PD: u32 = SSE_FIRST + 35;
export const CVTSD2SS: u32 = SSE_FIRST + 36;
export const SQRTSD: u32 = SSE_FIRST + 37;
export const ADDSD: u32 = SSE_FIRST + 38;
export const MULSD: u32 = SSE_FIRST + 39;
export const SUBSD: u32 = SSE_FIRST + 40;
export const MINSD: u32 = SSE_FIRST + 41;
export const DIVSD: u32 = SSE_FIRST + 42;
export const MAXSD: u32 = SSE_FIRST + 43;
export const CMPSD: u32 = SSE_FIRST + 44;
export const ROUNDSD: u32 = SSE_FIRST + 45;

// … 4 bytes:
export const CVTSS2SD: u32 = SSE_FIRST + 46;
export const SQRTSS: u32 = SSE_FIRST + 47;
export const RSQRTSS: u32 = SSE_FIRST + 48;
export const RCPSS: u32 = SSE_FIRST + 49;
export const ADDSS: u32 = SSE_FIRST + 50;
export const MULSS: u32 = SSE_FIRST + 51;
export const SUBSS: u32 = SSE_FIRST + 52;
export const MINSS: u32 = SSE_FIRST + 53;
export const DIVSS: u32 = SSE_FIRST + 54;
export const MAXSS: u32 = SSE_FIRST + 55;
export const CMPSS: u32 = SSE_FIRST + 56;
export const ROUNDSS: u32 = SSE_FIRST + 57;

// Logic and packed integers, 16 bytes (exec/sse-int.ts):
export const MOVA: u32 = SSE_FIRST + 58;
export const PAND: u32 = SSE_FIRST + 59;
export const PANDN: u32 = SSE_FIRST + 60;
export const POR: u32 = SSE_FIRST + 61;
export const PXOR: u32 = SSE_FIRST + 62;
export const PADDB: u32 = SSE_FIRST + 63;
export const PADDW: u32 = SSE_FIRST + 64;
export const PADDD: u32 = SSE_FIRST + 65;
export const PADDQ: u32 = SSE_FIRST + 66;
export const PSUBB: u32 = SSE_FIRST + 67;
export const PSUBW: u32 = SSE_FIRST + 68;
export const PSUBD: u32 = SSE_FIRST + 69;
export const PSUBQ: u32 = SSE_FIRST + 70;
export const PADDSB: u32 = SSE_FIRST + 71;
export const PADDSW: u32 = SSE_FIRST + 72;
export const PADDUSB: u32 = SSE_FIRST + 73;
export const PADDUSW: u32 = SSE_FIRST + 74;
export const PSUBSB: u32 = SSE_FIRST + 75;
export const PSUBSW: u32 = SSE_FIRST + 76;
export const PSUBUSB: u32 = SSE_FIRST + 77;
export const PSUBUSW: u32 = SSE_FIRST + 78;
export const PMINUB: u32 = SSE_FIRST + 79;
export const PMINSB: u32 = SSE_FIRST + 80;
export const PMINUW: u32 = SSE_FIRST + 81;
export const PMINSW: u32 = SSE_FIRST + 82;
export const PMINUD: u32 = SSE_FIRST + 83;
export const PMINSD: u32 = SSE_FIRST + 84;
export const PMAXUB: u32 = SSE_FIRST + 85;
export const PMAXSB: u32 = SSE_FIRST + 86;
export const PMAXUW: u32 = SSE_FIRST + 87;
export const PMAXSW: u32 = SSE_FIRST + 88;
export const PMAXUD: u32 = SSE_FIRST + 89;
export const PMAXSD: u32 = SSE_FIRST + 90;
export const PAVGB: u32 = SSE_FIRST + 91;
export const PAVGW: u32 = SSE_FIRST + 92;
export const PCMPEQB: u32 = SSE_FIRST + 93;
export const PCMPEQW: u32 = SSE_FIRST + 94;
export const PCMPEQD: u32 = SSE_FIRST + 95;
export const PCMPEQQ: u32 = SSE_FIRST + 96;
export const PCMPGTB: u32 = SSE_FIRST + 97;
export const PCMPGTW: u32 = SSE_FIRST + 98;
export const PCMPGTD: u32 = SSE_FIRST + 99;
export const PCMPGTQ: u32 = SSE_FIRST + 100;
export const PMULLW: u32 = SSE_FIRST + 101;
export const PMULHW: u32 = SSE_FIRST + 102;
export const PMULHUW: u32 = SSE_FIRST + 103;
export const PMULHRSW: u32 = SSE_FIRST + 104;
export const PMULLD: u32 = SSE_FIRST + 105;
export const PMULUDQ: u32 = SSE_FIRST + 106;
export const PMULDQ: u32 = SSE_FIRST + 107;
export const PMADDWD: u32 = SSE_FIRST + 108;
export const PMADDUBSW: u32 = SSE_FIRST + 109;
export const PSADBW: u32 = SSE_FIRST + 110;
export const MPSADBW: u32 = SSE_FIRST + 111;
export const PHADDW: u32 = SSE_FIRST + 112;
export const PHADDD: u32 = SSE_FIRST + 113;
export const PHADDSW: u32 = SSE_FIRST + 114;
export const PHSUBW: u32 = SSE_FIRST + 115;
export const PHSUBD: u32 = SSE_FIRST + 116;
export const PHSUBSW: u32 = SSE_FIRST + 117;
export const PSIGNB: u32 = SSE_FIRST + 118;
export const PSIGNW: u32 = SSE_FIRST + 119;
export const PSIGND: u32 = SSE_FIRST + 120;
export const PABSB: u32 = SSE_FIRST + 121;
export const PABSW: u32 = SSE_FIRST + 122;
export const PABSD: u32 = SSE_FIRST + 123;
export const PHMINPOSUW: u32 = SSE_FIRST + 124;
export const PSRLW: u32 = SSE_FIRST + 125;
export const PSRLD: u32 = SSE_FIRST + 126;
export const PSRLQ: u32 = SSE_FIRST + 127;
export const PSRAW: u32 = SSE_FIRST + 128;
export const PSRAD: u32 = SSE_FIRST + 129;
export const PSLLW: u32 = SSE_FIRST + 130;
export const PSLLD: u32 = SSE_FIRST + 131;
export const PSLLQ: u32 = SSE_FIRST + 132;
export const PCLMULQDQ: u32 = SSE_FIRST + 133;
export const AESENC: u32 = SSE_FIRST + 134;
export const AESENCLAST: u32 = SSE_FIRST + 135;
export const AESDEC: u32 = SSE_FIRST + 136;
export const AESDECLAST: u32 = SSE_FIRST + 137;
export const AESIMC: u32 = SSE_FIRST + 138;
export const AESKEYGENASSIST: u32 = SSE_FIRST + 139;
export const SHA1RNDS4: u32 = SSE_FIRST + 140;
export const SHA1NEXTE: u32 = SSE_FIRST + 141;
export const SHA1MSG1: u32 = SSE_FIRST + 142;
export const SHA1MSG2: u32 = SSE_FIRST + 143;
export const SHA256MSG1: u32 = SSE_FIRST + 144;
export const SHA256MSG2: u32 = SSE_FIRST + 145;

// Shuffles, 16 bytes (exec/sse-shuffle.ts):
export const PACKSSWB: u32 = SSE_FIRST + 146;
export const PACKSSDW: u32 = SSE_FIRST + 147;
export const PACKUSWB: u32 = SSE_FIRST + 148;
export const PACKUSDW: u32 = SSE_FIRST + 149;
export const PUNPCKLBW: u32 = SSE_FIRST + 150;
export const PUNPCKLWD: u32 = SSE_FIRST + 151;
export const PUNPCKLDQ: u32 = SSE_FIRST + 152;
export const PUNPCKLQDQ: u32 = SSE_FIRST + 153;
export const PUNPCKHBW: u32 = SSE_FIRST + 154;
export const PUNPCKHWD: u32 = SSE_FIRST + 155;
export const PUNPCKHDQ: u32 = SSE_FIRST + 156;
export const PUNPCKHQDQ: u32 = SSE_FIRST + 157;
export const PSHUFB: u32 = SSE_FIRST + 158;
export const PSHUFD: u32 = SSE_FIRST + 159;
export const PSHUFHW: u32 = SSE_FIRST + 160;
export const PSHUFLW: u32 = SSE_FIRST + 161;
export const PALIGNR: u32 = SSE_FIRST + 162;
export const SHUFPS: u32 = SSE_FIRST + 163;
export const SHUFPD: u32 = SSE_FIRST + 164;
export const BLENDPS: u32 = SSE_FIRST + 165;
export const BLENDPD: u32 = SSE_FIRST + 166;
export const PBLENDW: u32 = SSE_FIRST + 167;
export const MOVSLDUP: u32 = SSE_FIRST + 168;
export const MOVSHDUP: u32 = SSE_FIRST + 169;

// … 8 bytes:
export const MOVQ: u32 = SSE_FIRST + 170;
export const MOVDDUP: u32 = SSE_FIRST + 171;
export const PMOVSXBW: u32 = SSE_FIRST + 172;
export const PMOVSXWD: u32 = SSE_FIRST + 173;
export const PMOVSXDQ: u32 = SSE_FIRST + 174;
export const PMOVZXBW: u32 = SSE_FIRST + 175;
export const PMOVZXWD: u32 = SSE_FIRST + 176;
export const PMOVZXDQ: u32 = SSE_FIRST + 177;

// … 4 bytes:
export const PMOVSXBD: u32 = SSE_FIRST + 178;
export const PMOVSXWQ: u32 = SSE_FIRST + 179;
export const PMOVZXBD: u32 = SSE_FIRST + 180;
export const PMOVZXWQ: u32 = SSE_FIRST + 181;

// … 2 bytes:
export const PMOVSXBQ: u32 = SSE_FIRST + 182;
export const PMOVZXBQ: u32 = SSE_FIRST + 183;

// The others have a handler each. Moves (exec/sse-move.ts):
export const LOADU: u32 = SSE_FIRST + 184;
export const STOREU: u32 = SSE_FIRST + 185;
export const STOREA: u32 = SSE_FIRST + 186;
export const MOVSS_LOAD: u32 = SSE_FIRST + 187;
export const MOVSD_LOAD: u32 = SSE_FIRST + 188;
export const MOVSS_STORE: u32 = SSE_FIRST + 189;
export const MOVSD_STORE: u32 = SSE_FIRST + 190;
export const MOVLPS_LOAD: u32 = SSE_FIRST + 191;
export const MOVHPS_LOAD: u32 = SSE_FIRST + 192;
export const MOVLPS_STORE: u32 = SSE_FIRST + 193;
export const MOVHPS_STORE: u32 = SSE_FIRST + 194;
export const MOVD_LOAD: u32 = SSE_FIRST + 195;
export const MOVD_STORE: u32 = SSE_FIRST + 196;
export const MOVQ_STORE: u32 = SSE_FIRST + 197;
export const MOVMSKPS: u32 = SSE_FIRST + 198;
export const MOVMSKPD: u32 = SSE_FIRST + 199;
export const PMOVMSKB: u32 = SSE_FIRST + 200;
export const MASKMOVDQU: u32 = SSE_FIRST + 201;
export const MOVNTI: u32 = SSE_FIRST + 202;
export const MOVQ2DQ: u32 = SSE_FIRST + 203;
export const MOVDQ2Q: u32 = SSE_FIRST + 204;
export const PINSRB: u32 = SSE_FIRST + 205;
export const PINSRW: u32 = SSE_FIRST + 206;
export const PINSRD: u32 = SSE_FIRST + 207;
export const INSERTPS: u32 = SSE_FIRST + 208;
export const PEXTRB: u32 = SSE_FIRST + 209;
export const PEXTRW: u32 = SSE_FIRST + 210;
export const PEXTRD: u32 = SSE_FIRST + 211;
export const EXTRACTPS: u32 = SSE_FIRST + 212;
export const PEXTRW_REG: u32 = SSE_FIRST + 213;
export const PBLENDVB: u32 = SSE_FIRST + 214;
export const BLENDVPS: u32 = SSE_FIRST + 215;
export const BLENDVPD: u32 = SSE_FIRST + 216;

// Conversions and comparisons with the general registers and flags (exec/sse-convert.ts):
export const CVTSI2SS: u32 = SSE_FIRST + 217;
export const CVTSI2SD: u32 = SSE_FIRST + 218;
export const CVTTSS2SI: u32 = SSE_FIRST + 219;
export const CVTTSD2SI: u32 = SSE_FIRST + 220;
export const CVTSS2SI: u32 = SSE_FIRST + 221;
export const CVTSD2SI: u32 = SSE_FIRST + 222;
export const UCOMISS: u32 = SSE_FIRST + 223;
export const UCOMISD: u32 = SSE_FIRST + 224;
export const COMISS: u32 = SSE_FIRST + 225;
export const COMISD: u32 = SSE_FIRST + 226;
export const CVTPI2PS: u32 = SSE_FIRST + 227;
export const CVTPI2PD: u32 = SSE_FIRST + 228;
export const CVTPS2PI: u32 = SSE_FIRST + 229;
export const CVTPD2PI: u32 = SSE_FIRST + 230;
export const CVTTPS2PI: u32 = SSE_FIRST + 231;
export const CVTTPD2PI: u32 = SSE_FIRST + 232;
export const PTEST: u32 = SSE_FIRST + 233;

// Shifts by an immediate; the register is ModRM.rm:
export const PSRLW_IMM: u32 = SSE_FIRST + 234;
export const PSRAW_IMM: u32 = SSE_FIRST + 235;
export const PSLLW_IMM: u32 = SSE_FIRST + 236;
export const PSRLD_IMM: u32 = SSE_FIRST + 237;
export const PSRAD_IMM: u32 = SSE_FIRST + 238;
export const PSLLD_IMM: u32 = SSE_FIRST + 239;
export const PSRLQ_IMM: u32 = SSE_FIRST + 240;
export const PSRLDQ_IMM: u32 = SSE_FIRST + 241;
export const PSLLQ_IMM: u32 = SSE_FIRST + 242;
export const PSLLDQ_IMM: u32 = SSE_FIRST + 243;

// Strings (exec/sse-string.ts), then what works on general registers (exec/sse-general.ts):
export const PCMPESTRM: u32 = SSE_FIRST + 244;
export const PCMPESTRI: u32 = SSE_FIRST + 245;
export const PCMPISTRM: u32 = SSE_FIRST + 246;
export const PCMPISTRI: u32 = SSE_FIRST + 247;
export const SHA256RNDS2: u32 = SSE_FIRST + 248;
export const CRC32_BYTE: u32 = SSE_FIRST + 249;
export const CRC32: u32 = SSE_FIRST + 250;
export const ADCX: u32 = SSE_FIRST + 251;
export const ADOX: u32 = SSE_FIRST + 252;

// MMX only (exec/mmx.ts):
export const PSHUFW: u32 = SSE_FIRST + 253;
export const MOVQ_LOAD: u32 = SSE_FIRST + 254;
export const EMMS: u32 = SSE_FIRST + 255;

// VEX only, lane operations (exec/avx.ts):
export const VPERMILPS: u32 = SSE_FIRST + 256;
export const VPERMILPD: u32 = SSE_FIRST + 257;
export const VPERMILPS_IMM: u32 = SSE_FIRST + 258;
export const VPERMILPD_IMM: u32 = SSE_FIRST + 259;
export const VPBLENDD: u32 = SSE_FIRST + 260;
export const VPSRLVD: u32 = SSE_FIRST + 261;
export const VPSRLVQ: u32 = SSE_FIRST + 262;
export const VPSRAVD: u32 = SSE_FIRST + 263;
export const VPSLLVD: u32 = SSE_FIRST + 264;
export const VPSLLVQ: u32 = SSE_FIRST + 265;

// VEX only, across the lanes (exec/avx.ts):
export const VPERMD: u32 = SSE_FIRST + 266;
export const VPERMQ: u32 = SSE_FIRST + 267;
export const VPERM2F128: u32 = SSE_FIRST + 268;
export const VINSERTF128: u32 = SSE_FIRST + 269;
export const VEXTRACTF128: u32 = SSE_FIRST + 270;
export const VBROADCASTB: u32 = SSE_FIRST + 271;
export const VBROADCASTW: u32 = SSE_FIRST + 272;
export const VBROADCASTD: u32 = SSE_FIRST + 273;
export const VBROADCASTQ: u32 = SSE_FIRST + 274;
export const VBROADCASTF128: u32 = SSE_FIRST + 275;
export const VBLENDVPS: u32 = SSE_FIRST + 276;
export const VBLENDVPD: u32 = SSE_FIRST + 277;
export const VPBLENDVB: u32 = SSE_FIRST + 278;
export const VTESTPS: u32 = SSE_FIRST + 279;
export const VTESTPD: u32 = SSE_FIRST + 280;
export const VZEROUPPER: u32 = SSE_FIRST + 281;
export const VCVTPH2PS: u32 = SSE_FIRST + 282;
export const VCVTPS2PH: u32 = SSE_FIRST + 283;

// VEX only, by mask or by vector of addresses; two numbers for the width of an element (exec/avx-memory.ts):
export const VMASKMOVD_LOAD: u32 = SSE_FIRST + 284;
export const VMASKMOVQ_LOAD: u32 = SSE_FIRST + 285;
export const VMASKMOVD_STORE: u32 = SSE_FIRST + 286;
export const VMASKMOVQ_STORE: u32 = SSE_FIRST + 287;
export const VGATHERD: u32 = SSE_FIRST + 288;
export const VGATHERQ: u32 = SSE_FIRST + 289;

/** Fused multiply-add, opcodes 0F38 96 to BF: the opcode counts on from here (exec/fma.ts). */
export const VFMA: u32 = SSE_FIRST + 290;

// VEX-encoded, but on general registers (exec/bmi.ts):
export const ANDN: u32 = SSE_FIRST + 332;
export const BEXTR: u32 = SSE_FIRST + 333;
export const BLSR: u32 = SSE_FIRST + 334;
export const BLSMSK: u32 = SSE_FIRST + 335;
export const BLSI: u32 = SSE_FIRST + 336;
export const BZHI: u32 = SSE_FIRST + 337;
export const MULX: u32 = SSE_FIRST + 338;
export const PDEP: u32 = SSE_FIRST + 339;
export const PEXT: u32 = SSE_FIRST + 340;
export const RORX: u32 = SSE_FIRST + 341;
export const SARX: u32 = SSE_FIRST + 342;
export const SHLX: u32 = SSE_FIRST + 343;
export const SHRX: u32 = SSE_FIRST + 344;
