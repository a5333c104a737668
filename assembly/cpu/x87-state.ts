// The x87 unit: registers, control words and stack (SDM 1 §8.1). The MMX registers are its mantissas.
//
//   X87_AT +0    R0 … R7, a Float80 every 16 bytes, in physical order
//          +128  control words (class X87)
//          +192  scratch: an operand read from memory, the result not yet committed, a second result
import { X87_AT } from "../machine/layout";
import { reportFpuError, withdrawIgnne } from "../devices/bus";
import { MF, NM, UD, raise, waitForInterrupt } from "./exceptions";
import { DST_MEMORY, Insn } from "./decode/insn";
import { Float80 } from "./float80";
import { CR0_EM, CR0_NE, CR0_TS, cpu } from "./state";

/** Status word (SDM 1 §8.1.3). The six exceptions have the same bits in the control word, where 1 masks. */
export const INVALID: u32 = 1 << 0;
export const DENORMAL: u32 = 1 << 1;
export const ZERO_DIVIDE: u32 = 1 << 2;
export const OVERFLOW: u32 = 1 << 3;
export const UNDERFLOW: u32 = 1 << 4;
export const PRECISION: u32 = 1 << 5;
export const EXCEPTIONS: u32 = 0x3f;
export const STACK_FAULT: u32 = 1 << 6;
export const SUMMARY: u32 = 1 << 7;
export const C0: u32 = 1 << 8;
export const C1: u32 = 1 << 9;
export const C2: u32 = 1 << 10;
export const TOP_SHIFT: u32 = 11;
export const C3: u32 = 1 << 14;
export const BUSY: u32 = 1 << 15;

/** Raised before anything is computed: unmasked, they leave every operand as it was (SDM 1 §8.4.1, §8.5). */
const FAULTS: u32 = INVALID | DENORMAL | ZERO_DIVIDE;

/** Control word (SDM 1 §8.1.5): masks, precision, rounding, and the infinity bit that nothing reads. */
const CONTROL_BITS: u32 = 0x1f3f;
const CONTROL_ONES: u32 = 1 << 6;
const CONTROL_INITIAL: u32 = 0x37f;
const ROUNDING_AND_PRECISION: u32 = 0xf00;
const FULL_PRECISION: u32 = 0x300;
export const ROUND_NEAREST: u32 = 0;
export const ROUND_DOWN: u32 = 1;
export const ROUND_UP: u32 = 2;
export const ROUND_TO_ZERO: u32 = 3;

@final
@unmanaged
export class X87 {
  control: u32;
  /** The status word but TOP. */
  status: u32;
  top: u32;
  /** One bit for each physical register that is not empty: FXSAVE's abridged tag word. */
  valid: u32;
  /** Last instruction that was not a control instruction, and its memory operand (SDM 1 §8.1.8). */
  instructionPointer: u64;
  dataPointer: u64;
  instructionSelector: u16;
  dataSelector: u16;
  /** FOP: low three bits of the opcode, then ModRM (SDM 1 §8.1.9). */
  opcode: u16;
  /** What the running instruction raises: exceptions, STACK_FAULT and C1, at their place in the status word. */
  raised: u32;

  /** 0 nearest, 1 down, 2 up, 3 to zero. */
  get rounding(): u32 {
    return (this.control >> 10) & 3;
  }

  /** How many bits at the end of a 64-bit mantissa the precision control takes away. */
  get lostBits(): u32 {
    const precision = (this.control >> 8) & 3;
    return precision == 3 ? 0 : precision == 2 ? 11 : precision == 0 ? 40 : 0;
  }

  /** To the nearest, at full precision: as FNINIT leaves it. */
  get roundsPlainly(): bool {
    return (this.control & ROUNDING_AND_PRECISION) == FULL_PRECISION;
  }

  get statusWord(): u32 {
    return this.status | (this.top << TOP_SHIFT);
  }

  set statusWord(word: u32) {
    this.top = (word >> TOP_SHIFT) & 7;
    this.status = word & (EXCEPTIONS | STACK_FAULT | C0 | C1 | C2 | C3);
    this.summarize();
  }

  set controlWord(word: u32) {
    this.control = (word & CONTROL_BITS) | CONTROL_ONES;
    this.summarize();
  }

  /** ES and B follow the exceptions that are flagged and not masked. */
  summarize(): void {
    this.status &= ~(SUMMARY | BUSY);
    if (this.status & ~this.control & EXCEPTIONS) this.status |= SUMMARY | BUSY;
  }
}

export const x87 = changetype<X87>(X87_AT + 128);
export const operand = changetype<Float80>(X87_AT + 192);
export const result = changetype<Float80>(X87_AT + 208);
export const secondResult = changetype<Float80>(X87_AT + 224);

export function physicalRegister(number: u32): Float80 {
  return changetype<Float80>(X87_AT + ((<usize>number) << 4));
}

export function st(position: u32): Float80 {
  return physicalRegister((x87.top + position) & 7);
}

export function isEmpty(position: u32): bool {
  return ((x87.valid >> ((x87.top + position) & 7)) & 1) == 0;
}

export function markValid(position: u32): void {
  x87.valid |= 1 << ((x87.top + position) & 7);
}

export function markEmpty(position: u32): void {
  x87.valid &= ~(1 << ((x87.top + position) & 7));
}

export function pop(): void {
  markEmpty(0);
  x87.top = (x87.top + 1) & 7;
}

/** `extra` of an x87 instruction is (opcode & 7) << 3 | ModRM.reg, or from here on (opcode & 7) << 6 | ModRM & 63. */
export const REGISTER_FORMS: u32 = 64;

/** FOP of `i`, whose ModRM byte the decoder leaves in `immediate`. */
export function opcodeOf(i: Insn): u32 {
  const opcode = i.form & DST_MEMORY ? (<u32>i.extra) >> 3 : (<u32>i.extra - REGISTER_FORMS) >> 6;
  return (opcode << 8) | ((<u32>i.immediate) & 0xff);
}

/** Pushes `value`; the caller knows that ST(7) is empty, or answers a stack overflow. */
export function push(value: Float80): void {
  x87.top = (x87.top - 1) & 7;
  st(0).copy(value);
  markValid(0);
}

/** #NM when the unit is not this task's (SDM 3A §2.5). */
export function checkAvailable(): void {
  if (cpu.cr0 & (CR0_EM | CR0_TS)) raise(NM);
}

/**
 * #MF when an unmasked exception of an earlier instruction waits. With CR0.NE = 0 the board is told instead, by FERR#
 * and IRQ 13, and this instruction waits for an interrupt, unless IGNNE# lets it go on (SDM 1 §8.7.2, appendix D).
 */
export function checkPending(): void {
  if ((x87.status & SUMMARY) == 0) return;
  if (cpu.cr0 & CR0_NE) raise(MF);
  if (reportFpuError()) waitForInterrupt();
}

/** Enters what the instruction raised into the status word. False: an unmasked fault, so nothing is stored. */
export function settle(): bool {
  const raised = x87.raised;
  if (raised & ~x87.control & EXCEPTIONS) return settleUnmasked(raised);
  x87.status = (x87.status & ~C1) | raised;
  return true;
}

function settleUnmasked(raised: u32): bool {
  const unmasked = raised & ~x87.control & EXCEPTIONS;
  const fault = (unmasked & FAULTS) != 0;
  // A fault comes before the result, and so before its rounding; only a stack fault has a C1 of its own.
  const reported = fault ? raised & (raised & STACK_FAULT ? FAULTS | STACK_FAULT | C1 : FAULTS) : raised;
  if ((x87.status & SUMMARY) == 0) withdrawIgnne();
  x87.status = (x87.status & ~C1) | reported | SUMMARY | BUSY;
  return !fault;
}

/** Whether a store to memory happens: unmasked, overflow and underflow keep it back too (SDM 1 §8.5.4). */
export function storesToMemory(): bool {
  return (x87.raised & ~x87.control & (FAULTS | OVERFLOW | UNDERFLOW)) == 0;
}

/** The full tag word of FSTENV: 0 valid, 1 zero, 2 special, 3 empty, for each physical register (SDM 1 §8.1.7). */
export function tagWord(): u32 {
  let word: u32 = 0;
  for (let number: u32 = 0; number < 8; number++) {
    const register = physicalRegister(number);
    const full = ((x87.valid >> number) & 1) != 0;
    const tag: u32 = !full ? 3 : register.isZero ? 1 : register.isNormal ? 0 : 2;
    word |= tag << (number << 1);
  }
  return word;
}

export function setTagWord(word: u32): void {
  x87.valid = 0;
  for (let number: u32 = 0; number < 8; number++)
    if (((word >> (number << 1)) & 3) != 3) x87.valid |= 1 << number;
}

/** FNINIT (SDM 2A). The registers keep their bits and are empty. */
export function resetX87(): void {
  x87.control = CONTROL_INITIAL;
  x87.status = 0;
  x87.top = 0;
  x87.valid = 0;
  x87.instructionPointer = 0;
  x87.dataPointer = 0;
  x87.instructionSelector = 0;
  x87.dataSelector = 0;
  x87.opcode = 0;
}

/** What an MMX instruction raises before anything else (SDM 1 §9.5.1). */
export function checkMmx(): void {
  if (cpu.cr0 & CR0_EM) raise(UD);
  checkAvailable();
  checkPending();
}

/** What every MMX instruction but EMMS does to the stack, once its operands are read and cannot fault. */
export function enterMmx(): void {
  x87.top = 0;
  x87.valid = 0xff;
}

export function mmx(number: u32): u64 {
  return physicalRegister(number).mantissa;
}

/** An MMX register that is written reads as a NaN to x87 (SDM 1 §9.2.2). */
export function setMmx(number: u32, value: u64): void {
  physicalRegister(number).set(0xffff, value);
}

export function emms(): void {
  checkMmx();
  x87.valid = 0;
}
