// The stack frame that an interrupt or a call through a gate builds, on the running stack or on that which the TSS
// keeps for an inner level (SDM 3A §5.8.5, §6.12.1). It is written before any register changes, so that a fault on the
// way leaves the state of before.
import { readSystem, write, writeSystem } from "../memory/access";
import { BIG, CODE, CONFORMING, descriptorAccess, descriptorBase, descriptorLimit } from "./descriptors";
import { SS_FAULT, TS, raiseWithError } from "./exceptions";
import { inLongMode, setSegment, stackDescriptor } from "./segments";
import { SS, cpu } from "./state";

let level: u32 = 0;
let selector: u32 = 0;
let base: u64 = 0;
let limit: u32 = 0;
let access: u32 = 0;
/** Bits of the stack pointer that count. */
let mask: u64 = 0;
let top: u64 = 0;
let at: u64 = 0;

function begin(pointer: u64): void {
  if (inLongMode()) {
    base = 0;
    mask = ~0;
  } else mask = access & BIG ? 0xffff_ffff : 0xffff;
  top = pointer;
  at = pointer;
}

/** A frame on the running stack. */
export function frameHere(): void {
  level = cpu.cpl;
  selector = cpu.ssSelector;
  base = cpu.ssBase;
  limit = cpu.ssLimit;
  access = cpu.ssAccess;
  begin(cpu.rsp);
}

/** A frame on the TSS' stack for privilege `inner`; in long mode SS becomes null. */
export function frameOnInnerStack(inner: u32): void {
  level = inner;
  if (inLongMode()) {
    selector = inner;
    limit = 0;
    access = 0;
    begin(readSystem<u64>(cpu.trBase + <u64>(4 + 8 * inner)));
    return;
  }
  const wide = (cpu.trAccess & 8) != 0; // 32-bit TSS
  const place: u32 = wide ? 4 + 8 * inner : 2 + 4 * inner;
  if (place + <u32>(wide ? 5 : 3) > cpu.trLimit) raiseWithError(TS, cpu.trSelector & 0xfffc);
  const pointer = wide ? <u64>readSystem<u32>(cpu.trBase + place) : <u64>readSystem<u16>(cpu.trBase + place);
  selector = <u32>readSystem<u16>(cpu.trBase + place + (wide ? 4 : 2));
  if ((selector & 0xfffc) == 0) raiseWithError(TS, 0);
  const d = stackDescriptor(selector, TS, inner);
  base = descriptorBase(d);
  limit = descriptorLimit(d);
  access = descriptorAccess(d);
  begin(pointer);
}

/** #SS(error) unless `bytes` fit below the stack pointer. */
export function checkRoom(bytes: u32, error: u32): void {
  if (inLongMode()) return;
  const low = (top - <u64>bytes) & mask;
  const expandDown = (access & (CODE | CONFORMING)) == CONFORMING;
  if (expandDown ? low <= <u64>limit : low + <u64>bytes - 1 > <u64>limit) raiseWithError(SS_FAULT, error);
}

/** Selector of the frame's stack, as error codes name it. */
export function frameSelector(): u32 {
  return selector & 0xfffc;
}

/** Lays `value` on the frame. */
export function put<T>(value: T): void {
  at -= sizeof<T>();
  const linear = inLongMode() ? at : (base + (at & mask)) & 0xffff_ffff;
  if (level == 3) write<T>(linear, value);
  else writeSystem<T>(linear, value);
}

/** The frame's end becomes the stack pointer, its stack SS. Does not fault. */
export function commitFrame(): void {
  if (level != cpu.cpl || selector != cpu.ssSelector) setSegment(SS, selector, base, limit, access);
  if (mask == 0xffff) cpu.rsp = (top & ~0xffff) | (at & 0xffff);
  else cpu.rsp = at & mask;
}
