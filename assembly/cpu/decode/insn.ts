// The decoded instruction that every tier reads: 32 bytes, laid one behind the other in a block.
//
//  0       2     3       4    5    6     7      8      9     10        11      12       14     16
//  ├ op ───┼form─┼length─┼dst─┼src─┼base─┼index─┼scale─┼seg──┼address──┼prefix─┼offset──┼extra─┤
//  16                       24                                                                32
//  ├ displacement (i64) ────┼ immediate (u64) ─────────────────────────────────────────────────┤
//
// General registers are byte offsets into the register file (cpu/state.ts): RCX is 8, AH is 1. x87, MMX and
// vector operands are plain register numbers: `dst` is ModRM.reg, `src` is ModRM.rm where it names a register;
// general registers among the operands of such an instruction are plain numbers too.

/** Operand form. */
export const DST_MEMORY: u32 = 1 << 0; // the first operand is in memory
export const SRC_MEMORY: u32 = 1 << 1; // the second operand is in memory
export const SRC_IMMEDIATE: u32 = 1 << 2; // the second operand is `immediate`
export const LOCKED: u32 = 1 << 3; // LOCK prefix

/** How `linearAddress` treats base + index * scale + displacement. */
export const ADDRESS_64: u32 = 0; // 64-bit address in 64-bit code
export const ADDRESS_32_LONG: u32 = 1; // address-size prefix in 64-bit code
export const ADDRESS_32_FLAT: u32 = 2; // 32-bit address, flat segments: no checks
export const ADDRESS_32: u32 = 3; // 32-bit address, segment checks
export const ADDRESS_16: u32 = 4; // 16-bit address, segment checks

/** Prefixes that a handler must know. */
export const PREFIX_REP: u32 = 1 << 0; // F3
export const PREFIX_REPNE: u32 = 1 << 1; // F2
export const PREFIX_OPERAND: u32 = 1 << 2; // 66
export const PREFIX_REX_W: u32 = 1 << 3;
/** Operations that are not sized: log2 of the operand size in bits 4-5 (branches: the width of RIP). */
export const PREFIX_WIDTH_SHIFT: u32 = 4;

@final
@unmanaged
export class Insn {
  /** Operation; sized operations take four numbers, one per log2(width) (cpu/decode/operations.ts). */
  op: u16;
  form: u8;
  length: u8;
  dst: u8;
  src: u8;
  base: u8;
  index: u8;
  scale: u8;
  seg: u8;
  address: u8;
  prefix: u8;
  /** Bytes from the start of the block: RIP of this instruction is ripBase + offset. */
  offset: u16;
  /** Condition code, segment number, control register, x87 opcode … as the operation says. */
  extra: u16;
  displacement: i64;
  /**
   * Sign-extended as the operand size demands. A relative branch holds its target, from the block's start; an x87
   * instruction its ModRM byte, for FOP.
   */
  immediate: u64;
}

export const INSN_SIZE: usize = 32;
