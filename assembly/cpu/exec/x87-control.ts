// The control instructions: control and status word, and the images of FSTENV and FSAVE (SDM 1 §8.1.10-8.1.11).
import { probeRead, probeWrite, read, wrap, write } from "../../memory/access";
import { Insn, PREFIX_OPERAND } from "../decode/insn";
import { MODE_CODE32, MODE_CODE64, MODE_PROTECTED, cpu, setRegister } from "../state";
import { BUSY, EXCEPTIONS, STACK_FAULT, SUMMARY, resetX87, setTagWord, st, tagWord, x87 } from "../x87-state";
import { linearAddress, linearAddressForWrite } from "./operand";

const RAX: u32 = 0;
/** Eight registers of ten bytes follow the environment in FSAVE's image. */
const REGISTERS_SIZE: u32 = 80;

export function clearExceptions(): void {
  x87.status &= ~(EXCEPTIONS | STACK_FAULT | SUMMARY | BUSY);
}

export function loadControlWord(i: Insn): void {
  x87.controlWord = read<u16>(linearAddress(i, 2));
}

export function storeControlWord(i: Insn): void {
  write<u16>(linearAddressForWrite(i, 2), <u16>x87.control);
}

export function storeStatusWord(i: Insn): void {
  write<u16>(linearAddressForWrite(i, 2), <u16>x87.statusWord);
}

export function storeStatusWordToAx(): void {
  setRegister<u16>(RAX, <u16>x87.statusWord);
}

/** Whether the image has 32-bit fields. */
function isWide(i: Insn): bool {
  return ((cpu.mode & (MODE_CODE32 | MODE_CODE64)) != 0) != ((i.prefix & PREFIX_OPERAND) != 0);
}

function environmentSize(i: Insn): u32 {
  return isWide(i) ? 28 : 14;
}

/** Reads or writes field `number` of an environment: 16-bit words, or the low halves of 32-bit ones. */
function field(linear: u64, number: u32, wide: bool): u32 {
  return wide ? read<u32>(wrap(linear + number * 4)) : <u32>read<u16>(wrap(linear + number * 2));
}

function setField(linear: u64, number: u32, wide: bool, value: u32): void {
  if (wide) write<u32>(wrap(linear + number * 4), value);
  else write<u16>(wrap(linear + number * 2), <u16>value);
}

/**
 * The seven fields (SDM 1 figures 8-9 to 8-12): control, status, tags, then in protected mode
 *
 *   FIP │ FCS with FOP above it (32-bit) │ FDP │ FDS
 *
 * and in real mode linear addresses, bits 16 and up in the top of the second field (above FOP in its low bits).
 */
function writeEnvironment(linear: u64, wide: bool): void {
  const reserved: u32 = 0xffff_0000;
  setField(linear, 0, wide, x87.control | reserved);
  setField(linear, 1, wide, x87.statusWord | reserved);
  setField(linear, 2, wide, tagWord() | reserved);
  const ip = <u32>x87.instructionPointer;
  const data = <u32>x87.dataPointer;
  if (cpu.mode & MODE_PROTECTED) {
    setField(linear, 3, wide, ip);
    setField(linear, 4, wide, x87.instructionSelector | ((<u32>x87.opcode) << 16));
    setField(linear, 5, wide, data);
    setField(linear, 6, wide, x87.dataSelector | reserved);
  } else {
    const ipLinear = ip + ((<u32>x87.instructionSelector) << 4);
    const dataLinear = data + ((<u32>x87.dataSelector) << 4);
    setField(linear, 3, wide, (ipLinear & 0xffff) | reserved);
    setField(linear, 4, wide, ((ipLinear >> 16) << 12) | x87.opcode);
    setField(linear, 5, wide, (dataLinear & 0xffff) | reserved);
    setField(linear, 6, wide, (dataLinear >> 16) << 12);
  }
}

function readEnvironment(linear: u64, wide: bool): void {
  const control = field(linear, 0, wide);
  const status = field(linear, 1, wide);
  const tags = field(linear, 2, wide);
  const third = field(linear, 3, wide);
  const fourth = field(linear, 4, wide);
  const fifth = field(linear, 5, wide);
  const sixth = field(linear, 6, wide);
  x87.controlWord = control;
  x87.statusWord = status;
  setTagWord(tags);
  if (cpu.mode & MODE_PROTECTED) {
    x87.instructionPointer = third;
    x87.instructionSelector = <u16>fourth;
    if (wide) x87.opcode = <u16>((fourth >> 16) & 0x7ff);
    x87.dataPointer = fifth;
    x87.dataSelector = <u16>sixth;
  } else {
    x87.instructionPointer = (third & 0xffff) | ((fourth >> 12) << 16);
    x87.instructionSelector = 0;
    x87.opcode = <u16>(fourth & 0x7ff);
    x87.dataPointer = (fifth & 0xffff) | ((sixth >> 12) << 16);
    x87.dataSelector = 0;
  }
}

/** FNSTENV: masks all exceptions afterwards (SDM 2A). */
export function storeEnvironment(i: Insn): void {
  const size = environmentSize(i);
  const linear = linearAddressForWrite(i, size);
  probeWrite(linear, size);
  writeEnvironment(linear, isWide(i));
  x87.controlWord = x87.control | EXCEPTIONS;
}

export function loadEnvironment(i: Insn): void {
  const size = environmentSize(i);
  const linear = linearAddress(i, size);
  probeRead(linear, size);
  readEnvironment(linear, isWide(i));
}

/** FNSAVE: environment, ST(0) … ST(7), then FNINIT. */
export function saveState(i: Insn): void {
  const size = environmentSize(i);
  const linear = linearAddressForWrite(i, size + REGISTERS_SIZE);
  probeWrite(linear, size + REGISTERS_SIZE);
  writeEnvironment(linear, isWide(i));
  for (let position: u32 = 0; position < 8; position++) {
    const at = linear + size + position * 10;
    write<u64>(wrap(at), st(position).mantissa);
    write<u16>(wrap(at + 8), st(position).signExponent);
  }
  resetX87();
}

export function restoreState(i: Insn): void {
  const size = environmentSize(i);
  const linear = linearAddress(i, size + REGISTERS_SIZE);
  probeRead(linear, size + REGISTERS_SIZE);
  readEnvironment(linear, isWide(i));
  for (let position: u32 = 0; position < 8; position++) {
    const at = linear + size + position * 10;
    st(position).set(read<u16>(wrap(at + 8)), read<u64>(wrap(at)));
  }
}
