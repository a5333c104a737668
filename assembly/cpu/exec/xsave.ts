// XSAVE, XRSTOR, XGETBV, XSETBV (SDM 1 chapter 13) in the standard form, for x87, SSE and AVX.
//
//   +0    the FXSAVE image (exec/fxsave.ts)
//   +512  XSTATE_BV u64: the components that the area holds     +520  XCOMP_BV u64: 0     +528  zeros
//   +576  upper halves of YMM0 … YMM15, 16 bytes each
//
// We report every component as in use, always: the optimization for initial states is the processor's choice
// (SDM 1 §13.6).
import { probeRead, probeWrite, read, wrap, write } from "../../memory/access";
import { Insn } from "../decode/insn";
import { GP, NM, UD, raise, raiseWithError } from "../exceptions";
import { CR0_TS, CR4_OSXSAVE, cpu, setRegister } from "../state";
import { resetX87 } from "../x87-state";
import {
  checkAlignment,
  checkMxcsr,
  isLong,
  restoreMxcsr,
  restoreVectors,
  restoreX87Area,
  saveMxcsr,
  saveVectors,
  saveX87Area,
  vectorCount,
} from "./fxsave";
import { linearAddress, linearAddressForWrite } from "./operand";
import { setXmm, setXmmUpper, xmmUpper } from "./xmm";

/** Components of the state: bits of XCR0 (SDM 1 §13.1). */
const X87: u64 = 1 << 0;
const SSE: u64 = 1 << 1;
const AVX: u64 = 1 << 2;
export const XCR0_COMPONENTS: u64 = X87 | SSE | AVX;

const HEADER: u64 = 512;
export const AVX_OFFSET: u32 = 576;
export const AVX_SIZE: u32 = 256;

const RAX: u32 = 0;
const RDX: u32 = 2;

/** Bytes of an area for the components in `enabled`. */
export function areaSize(enabled: u64): u32 {
  return enabled & AVX ? AVX_OFFSET + AVX_SIZE : AVX_OFFSET;
}

export function xsave(i: Insn): void {
  checkXsave();
  const components = requested();
  const linear = linearAddressForWrite(i, areaSize(components));
  checkAlignment(linear, 64);
  probeWrite(linear, areaSize(components));
  const held = read<u64>(wrap(linear + HEADER));
  if (components & X87) saveX87Area(linear, isLong(i));
  if (components & (SSE | AVX)) saveMxcsr(linear);
  if (components & SSE) saveVectors(linear);
  if (components & AVX)
    for (let number: u32 = 0; number < vectorCount(); number++)
      write<v128>(upperHalfAt(linear, number), xmmUpper(number));
  write<u64>(wrap(linear + HEADER), held | components);
}

/** A component that the area does not hold gets its initial state; MXCSR comes from the area in any case. */
export function xrstor(i: Insn): void {
  checkXsave();
  const components = requested();
  const linear = linearAddress(i, areaSize(components));
  checkAlignment(linear, 64);
  probeRead(linear, areaSize(components));
  const held = read<u64>(wrap(linear + HEADER));
  checkHeader(linear, held);
  if (components & (SSE | AVX)) {
    checkMxcsr(linear);
    restoreMxcsr(linear);
  }
  if (components & X87) {
    if (held & X87) restoreX87Area(linear, isLong(i));
    else resetX87();
  }
  if (components & SSE) {
    if (held & SSE) restoreVectors(linear);
    else for (let number: u32 = 0; number < vectorCount(); number++) setXmm(number, i64x2(0, 0));
  }
  if (components & AVX)
    for (let number: u32 = 0; number < vectorCount(); number++)
      setXmmUpper(number, held & AVX ? read<v128>(upperHalfAt(linear, number)) : i64x2(0, 0));
}

export function xgetbv(): void {
  if ((cpu.cr4 & CR4_OSXSAVE) == 0) raise(UD);
  if (<u32>cpu.rcx) raiseWithError(GP, 0);
  setRegister<u32>(RAX, <u32>cpu.xcr0);
  setRegister<u32>(RDX, <u32>(cpu.xcr0 >> 32));
}

/** XCR0 must keep x87, and AVX only together with SSE (SDM 2D XSETBV). */
export function xsetbv(): void {
  if ((cpu.cr4 & CR4_OSXSAVE) == 0) raise(UD);
  const value = (cpu.rdx << 32) | (cpu.rax & 0xffff_ffff);
  const known = (value & ~XCR0_COMPONENTS) == 0 && (value & X87) != 0;
  const consistent = (value & (SSE | AVX)) != AVX;
  if (cpu.cpl || <u32>cpu.rcx || !known || !consistent) raiseWithError(GP, 0);
  cpu.xcr0 = value;
}

function checkXsave(): void {
  if ((cpu.cr4 & CR4_OSXSAVE) == 0) raise(UD);
  if (cpu.cr0 & CR0_TS) raise(NM);
}

/** The components asked for in EDX:EAX that XCR0 enables. */
function requested(): u64 {
  return cpu.xcr0 & ((cpu.rdx << 32) | (cpu.rax & 0xffff_ffff));
}

function checkHeader(linear: u64, held: u64): void {
  const compaction = read<u64>(wrap(linear + HEADER + 8));
  const reserved = read<u64>(wrap(linear + HEADER + 16));
  if (held & ~cpu.xcr0 || compaction || reserved) raiseWithError(GP, 0);
}

function upperHalfAt(linear: u64, number: u32): u64 {
  return wrap(linear + AVX_OFFSET + number * 16);
}
