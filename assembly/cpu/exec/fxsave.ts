// FXSAVE and FXRSTOR: the 512-byte image of x87, MXCSR and XMM registers (SDM 1 §10.5). XSAVE's legacy region has
// the same layout, so the parts stand by themselves.
//
//   +0   FCW u16   FSW u16   FTW u8   FOP u16 (at 6)
//   +8   FIP and FCS, or with REX.W a 64-bit FIP      +16  FDP and FDS likewise
//   +24  MXCSR   +28 MXCSR_MASK
//   +32  ST(0) … ST(7), 16 bytes each                 +160 XMM0 … XMM15
import { VECTORS_AT } from "../../machine/layout";
import { probeRead, probeWrite, read, wrap, write } from "../../memory/access";
import { Insn, PREFIX_REX_W } from "../decode/insn";
import { GP, raiseWithError } from "../exceptions";
import { MXCSR_MASK } from "../mxcsr";
import { MODE_CODE64, cpu } from "../state";
import { checkAvailable, st, x87 } from "../x87-state";
import { linearAddress, linearAddressForWrite } from "./operand";

const IMAGE_SIZE: u32 = 512;
const MXCSR: u64 = 24;
const MXCSR_MASK_AT: u64 = 28;
const REGISTERS: u64 = 32;
const VECTORS: u64 = 160;
const VECTOR_STRIDE: usize = 32;

export function fxsave(i: Insn): void {
  checkAvailable();
  const linear = linearAddressForWrite(i, IMAGE_SIZE);
  checkAlignment(linear, 16);
  probeWrite(linear, IMAGE_SIZE);
  saveX87Area(linear, isLong(i));
  saveMxcsr(linear);
  saveVectors(linear);
}

export function fxrstor(i: Insn): void {
  checkAvailable();
  const linear = linearAddress(i, IMAGE_SIZE);
  checkAlignment(linear, 16);
  probeRead(linear, IMAGE_SIZE);
  checkMxcsr(linear);
  restoreX87Area(linear, isLong(i));
  restoreMxcsr(linear);
  restoreVectors(linear);
}

export function checkAlignment(linear: u64, size: u64): void {
  if (linear & (size - 1)) raiseWithError(GP, 0);
}

export function isLong(i: Insn): bool {
  return (i.prefix & PREFIX_REX_W) != 0;
}

export function saveX87Area(linear: u64, long: bool): void {
  write<u16>(linear, <u16>x87.control);
  write<u16>(wrap(linear + 2), <u16>x87.statusWord);
  write<u16>(wrap(linear + 4), <u16>x87.valid);
  write<u16>(wrap(linear + 6), x87.opcode);
  if (long) {
    write<u64>(wrap(linear + 8), x87.instructionPointer);
    write<u64>(wrap(linear + 16), x87.dataPointer);
  } else {
    write<u32>(wrap(linear + 8), <u32>x87.instructionPointer);
    write<u32>(wrap(linear + 12), x87.instructionSelector);
    write<u32>(wrap(linear + 16), <u32>x87.dataPointer);
    write<u32>(wrap(linear + 20), x87.dataSelector);
  }
  for (let position: u32 = 0; position < 8; position++) {
    const at = linear + REGISTERS + position * 16;
    write<u64>(wrap(at), st(position).mantissa);
    write<u64>(wrap(at + 8), st(position).signExponent);
  }
}

export function restoreX87Area(linear: u64, long: bool): void {
  x87.controlWord = read<u16>(linear);
  x87.statusWord = read<u16>(wrap(linear + 2));
  x87.valid = read<u8>(wrap(linear + 4));
  x87.opcode = <u16>(read<u16>(wrap(linear + 6)) & 0x7ff);
  if (long) {
    x87.instructionPointer = read<u64>(wrap(linear + 8));
    x87.dataPointer = read<u64>(wrap(linear + 16));
  } else {
    x87.instructionPointer = read<u32>(wrap(linear + 8));
    x87.instructionSelector = read<u16>(wrap(linear + 12));
    x87.dataPointer = read<u32>(wrap(linear + 16));
    x87.dataSelector = read<u16>(wrap(linear + 20));
  }
  for (let position: u32 = 0; position < 8; position++) {
    const at = linear + REGISTERS + position * 16;
    st(position).set(read<u16>(wrap(at + 8)), read<u64>(wrap(at)));
  }
}

export function saveMxcsr(linear: u64): void {
  write<u32>(wrap(linear + MXCSR), cpu.mxcsr);
  write<u32>(wrap(linear + MXCSR_MASK_AT), MXCSR_MASK);
}

/** #GP for reserved bits in the image's MXCSR. */
export function checkMxcsr(linear: u64): void {
  if (read<u32>(wrap(linear + MXCSR)) & ~MXCSR_MASK) raiseWithError(GP, 0);
}

export function restoreMxcsr(linear: u64): void {
  cpu.mxcsr = read<u32>(wrap(linear + MXCSR));
}

/** XMM8-15 exist in 64-bit code only. */
export function vectorCount(): u32 {
  return cpu.mode & MODE_CODE64 ? 16 : 8;
}

export function saveVectors(linear: u64): void {
  for (let number: u32 = 0; number < vectorCount(); number++)
    write<v128>(wrap(linear + VECTORS + number * 16), v128.load(VECTORS_AT + <usize>number * VECTOR_STRIDE));
}

export function restoreVectors(linear: u64): void {
  for (let number: u32 = 0; number < vectorCount(); number++)
    v128.store(VECTORS_AT + <usize>number * VECTOR_STRIDE, read<v128>(wrap(linear + VECTORS + number * 16)));
}
