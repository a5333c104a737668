// Delivery of interrupts and exceptions through the IVT or IDT (SDM 3A §6), and the return from them (SDM 2 "IRET").
// Everything is read and written before the first register changes, so that a fault on the way leaves the state of
// before, and the double-fault rule sees it.
import { readSystem, write, writeSystem } from "../memory/access";
import {
  CODE,
  CODE_OR_DATA,
  CONFORMING,
  LONG,
  PRESENT,
  TYPE_INTERRUPT_GATE,
  TYPE_INTERRUPT_GATE16,
  TYPE_TASK_GATE,
  TYPE_TRAP_GATE,
  TYPE_TRAP_GATE16,
  BIG,
  descriptorAccess,
  descriptorBase,
  descriptorLimit,
  dpl,
  markAccessed,
  readDescriptor,
} from "./descriptors";
import { breakpointsEnabled } from "./debug";
import { DB, GP, NP, PF_FAULT, DF_FAULT, DE, TS, raiseWithError } from "./exceptions";
import { checkRoom, commitFrame, frameHere, frameOnInnerStack, frameSelector, put } from "./frame";
import { peek, setStackPointer, stackPointer } from "./exec/operand";
import { eflags, setEflags } from "./flags";
import { inLongMode, setSegment, setSegmentFromDescriptor, stackDescriptor, updateMode } from "./segments";
import {
  AC,
  CS,
  DS,
  ES,
  EVENT_RESCHEDULE,
  FS,
  GS,
  ID,
  IF,
  IOPL,
  MODE_CODE64,
  MODE_PROTECTED,
  MODE_VM86,
  NT,
  RF,
  SHUTDOWN,
  SS,
  TF,
  VIF,
  VIP,
  VM,
  cpu,
  setCpl,
  signal,
} from "./state";
import { checkVirtualFlags, loadVirtualFlags } from "./virtual-8086";
import { report } from "./trace";
import { TRACE_EXCEPTION, TRACE_INTERRUPT, TRACE_RESET } from "./trace-kinds";
import { returnFromTask, switchTaskByInterrupt } from "./tasks";

/** Where an interrupt comes from; decides the privilege check and the EXT bit of error codes. */
export const EXTERNAL: u32 = 0;
export const SOFTWARE: u32 = 1; // INT n, INT3, INTO
export const EXCEPTION: u32 = 2;

export const NO_ERROR_CODE: u64 = u64.MAX_VALUE;

/** Delivers the exception that unwound to the run loop: once, as a double fault, or as shutdown (SDM 3A §6.15). */
export function deliverFault(): void {
  cpu.faultPending = 0;
  cpu.breaks = 0;
  let vector = cpu.faultVector;
  report(TRACE_EXCEPTION, <u32>cpu.delivering, vector);
  let error: u64 = cpu.faultHasError ? <u64>cpu.faultError : NO_ERROR_CODE;
  if (cpu.delivering >= 0) {
    const first = <u32>cpu.delivering;
    if (first == DF_FAULT) {
      cpu.delivering = -1;
      report(TRACE_RESET, 1);
      cpu.activity = SHUTDOWN;
      signal(EVENT_RESCHEDULE);
      return;
    }
    const second = isContributory(vector) || (vector == PF_FAULT && first == PF_FAULT);
    if ((isContributory(first) && isContributory(vector)) || (first == PF_FAULT && second)) {
      vector = DF_FAULT;
      error = 0;
    }
  }
  cpu.delivering = <i32>vector;
  // Faults push RF set, so that the instruction can be restarted past a breakpoint (SDM 3B §17.3.1.1).
  interrupt(vector, EXCEPTION, error);
  cpu.delivering = -1;
}

function isContributory(vector: u32): bool {
  return vector == DE || (vector >= TS && vector <= GP);
}

/** Delivers an external interrupt or NMI. */
export function deliverExternal(vector: u32): void {
  cpu.delivering = <i32>vector + 256;
  interrupt(vector, EXTERNAL, NO_ERROR_CODE);
  cpu.delivering = -1;
}

/** Delivers a trap between two instructions (single step). */
export function deliverException(vector: u32): void {
  cpu.delivering = <i32>vector;
  interrupt(vector, EXTERNAL, NO_ERROR_CODE);
  cpu.delivering = -1;
}

/** Delivers the breakpoint of the instruction at RIP, before that runs. */
export function deliverDebugFault(): void {
  cpu.delivering = <i32>DB;
  interrupt(DB, EXCEPTION, NO_ERROR_CODE);
  cpu.delivering = -1;
}

/** INT n and its kin: RIP is already that of the next instruction. */
export function softwareInterrupt(vector: u32): void {
  interrupt(vector, SOFTWARE, NO_ERROR_CODE);
}

function interrupt(vector: u32, origin: u32, error: u64): void {
  report(TRACE_INTERRUPT, vector, error == NO_ERROR_CODE ? 0 : <u32>error, origin == SOFTWARE ? 1 : 0);
  if (cpu.mode & (MODE_PROTECTED | MODE_VM86)) protectedInterrupt(vector, origin, error);
  else realInterrupt(vector);
}

function realInterrupt(vector: u32): void {
  if (vector * 4 + 3 > cpu.idtrLimit) raiseWithError(GP, vector * 8 + 2);
  const entry = readSystem<u32>(cpu.idtrBase + <u64>(vector * 4));
  const sp = cpu.rsp & 0xffff;
  const base = cpu.ssBase;
  writeSystem<u16>(base + ((sp - 2) & 0xffff), <u16>eflags());
  writeSystem<u16>(base + ((sp - 4) & 0xffff), <u16>cpu.csSelector);
  writeSystem<u16>(base + ((sp - 6) & 0xffff), <u16>cpu.rip);
  cpu.rsp = (cpu.rsp & ~0xffff) | ((sp - 6) & 0xffff);
  cpu.eflags &= ~(IF | TF | AC | RF);
  setSegment(CS, entry >> 16, (<u64>(entry >> 16)) << 4, cpu.csLimit, cpu.csAccess);
  cpu.rip = <u64>(entry & 0xffff);
  updateMode();
}

function protectedInterrupt(vector: u32, origin: u32, error: u64): void {
  const long = inLongMode();
  const ext: u32 = origin == SOFTWARE ? 0 : 1;
  const gateError = vector * 8 + 2 + ext;
  const size: u32 = long ? 16 : 8;
  if (vector * size + size - 1 > cpu.idtrLimit) raiseWithError(GP, gateError);
  const gate = readSystem<u64>(cpu.idtrBase + <u64>(vector * size));
  const access = descriptorAccess(gate);
  const type = access & 0x1f;
  const is16 = type == TYPE_INTERRUPT_GATE16 || type == TYPE_TRAP_GATE16;
  const known =
    type == TYPE_INTERRUPT_GATE || type == TYPE_TRAP_GATE || (!long && (is16 || type == TYPE_TASK_GATE));
  if (!known) raiseWithError(GP, gateError);
  if (origin == SOFTWARE && dpl(access) < cpu.cpl) raiseWithError(GP, gateError);
  if (!(access & PRESENT)) raiseWithError(NP, gateError);
  const selector = (<u32>(gate >> 16)) & 0xffff;
  if (type == TYPE_TASK_GATE) {
    switchTaskByInterrupt(selector, ext, origin == EXCEPTION ? RF : 0, error);
    return;
  }
  let offset = (gate & 0xffff) | ((gate >> 32) & 0xffff_0000);
  if (is16) offset &= 0xffff;
  if (long) offset |= readSystem<u64>(cpu.idtrBase + <u64>(vector * 16 + 8)) << 32;
  const ist = long ? (<u32>(gate >> 32)) & 7 : 0;
  const masks = type == TYPE_INTERRUPT_GATE || type == TYPE_INTERRUPT_GATE16;

  if ((selector & 0xfffc) == 0) raiseWithError(GP, ext);
  const code = readDescriptor(selector);
  const codeAccess = descriptorAccess(code);
  const codeError = (selector & 0xfffc) | ext;
  if ((codeAccess & (CODE_OR_DATA | CODE)) != (CODE_OR_DATA | CODE)) raiseWithError(GP, codeError);
  if (long && (!(codeAccess & LONG) || codeAccess & BIG)) raiseWithError(GP, codeError);
  if (dpl(codeAccess) > cpu.cpl) raiseWithError(GP, codeError);
  if (!(codeAccess & PRESENT)) raiseWithError(NP, codeError);
  const conforming = (codeAccess & CONFORMING) != 0;
  const cpl = conforming ? cpu.cpl : dpl(codeAccess);
  const vm86 = (cpu.eflags & VM) != 0;
  if (vm86 && cpl != 0) raiseWithError(GP, codeError);
  if (long) pushLong(cpl, ist, origin, error);
  else if (is16) pushLegacy<u16>(cpl, vm86, origin, error);
  else pushLegacy<u32>(cpl, vm86, origin, error);

  // From here on nothing faults.
  markAccessed(selector, code);
  setSegment(CS, (selector & 0xfffc) | cpl, descriptorBase(code), descriptorLimit(code), codeAccess | 1);
  cpu.rip = offset;
  cpu.eflags &= ~(TF | NT | RF | VM | (masks ? IF : 0));
  setCpl(cpl);
  updateMode();
}

/** RFLAGS as pushed: RF set by faults, clear by interrupts and traps that come between instructions. */
function pushedFlags(origin: u32): u32 {
  return origin == EXCEPTION ? eflags() | RF : eflags();
}

/** The long-mode frame SS, RSP, RFLAGS, CS, RIP [, error], on a 16-byte border (SDM 3A §6.14.2). */
function pushLong(cpl: u32, ist: u32, origin: u32, error: u64): void {
  let rsp = cpu.rsp;
  if (ist) rsp = readSystem<u64>(cpu.trBase + <u64>(36 + 8 * (ist - 1)));
  else if (cpl != cpu.cpl) rsp = readSystem<u64>(cpu.trBase + <u64>(4 + 8 * cpl));
  const ss = cpu.ssSelector;
  rsp &= ~15;
  let at = rsp - 40;
  writeAs<u64>(cpl, at + 32, <u64>ss);
  writeAs<u64>(cpl, at + 24, cpu.rsp);
  writeAs<u64>(cpl, at + 16, <u64>pushedFlags(origin));
  writeAs<u64>(cpl, at + 8, <u64>cpu.csSelector);
  writeAs<u64>(cpl, at, cpu.rip);
  if (error != NO_ERROR_CODE) {
    at -= 8;
    writeAs<u64>(cpl, at, error);
  }
  cpu.rsp = at;
  // A privilege change leaves a null selector with the new RPL in SS.
  if (cpl != cpu.cpl) setSegment(SS, cpl, 0, 0, 0);
}

function writeAs<T>(cpl: u32, linear: u64, value: T): void {
  if (cpl == 3) write<T>(linear, value);
  else writeSystem<T>(linear, value);
}

/** The frame of 16- and 32-bit gates. */
function pushLegacy<T>(cpl: u32, vm86: bool, origin: u32, error: u64): void {
  const inner = cpl != cpu.cpl || vm86;
  if (inner) frameOnInnerStack(cpl);
  else frameHere();
  const words: u32 = 3 + (inner ? 2 : 0) + (vm86 ? 4 : 0) + (error != NO_ERROR_CODE ? 1 : 0);
  checkRoom(words * sizeof<T>(), inner ? frameSelector() : 0);
  if (vm86) {
    put<T>(<T>cpu.gsSelector);
    put<T>(<T>cpu.fsSelector);
    put<T>(<T>cpu.dsSelector);
    put<T>(<T>cpu.esSelector);
  }
  if (inner) {
    put<T>(<T>cpu.ssSelector);
    put<T>(<T>cpu.rsp);
  }
  put<T>(<T>pushedFlags(origin));
  put<T>(<T>cpu.csSelector);
  put<T>(<T>cpu.rip);
  if (error != NO_ERROR_CODE) put<T>(<T>error);
  commitFrame();
  if (vm86)
    for (let slot = ES; slot <= GS; slot++) if (slot != CS && slot != SS) setSegment(slot, 0, 0, 0, 0);
}

/** Flags that IRET and POPF may change at CPL 0; less privilege keeps IOPL and, above IOPL, IF. */
export function changeableFlags(): u32 {
  let flags = TF | NT | RF | AC | ID | IF | IOPL;
  if (cpu.mode & MODE_PROTECTED || cpu.mode & MODE_VM86) {
    if (cpu.cpl > 0) flags &= ~IOPL;
    if (cpu.cpl > (cpu.eflags & IOPL) >> 12) flags &= ~IF;
  }
  return flags;
}

/** Replaces the arithmetic flags, DF and those of `changeable` by `value`; lets a waiting interrupt in. */
export function replaceFlags(value: u32, changeable: u32): void {
  const always: u32 = 0xcd5; // CF PF AF ZF SF DF OF
  const mask = always | changeable;
  setEflags((eflags() & ~mask) | (value & mask));
  if (cpu.eflags & TF || (cpu.eflags & IF && cpu.events)) signal(EVENT_RESCHEDULE);
}

export function iret<T>(): void {
  if (cpu.mode & MODE_VM86) iretVm86<T>();
  else if (!(cpu.mode & MODE_PROTECTED)) iretReal<T>();
  else if (inLongMode()) iretLong<T>();
  else iretProtected<T>();
  // Nothing would clear RF while instructions run by blocks, and without breakpoints it means nothing.
  if (!breakpointsEnabled()) cpu.eflags &= ~RF;
}

function iretReal<T>(): void {
  const ip = <u64>peek<T>(0);
  const cs = (<u32>peek<T>(sizeof<T>())) & 0xffff;
  const flags = <u32>peek<T>(2 * sizeof<T>());
  if (ip > 0xffff) raiseWithError(GP, 0);
  setStackPointer(stackPointer() + 3 * sizeof<T>());
  setSegment(CS, cs, (<u64>cs) << 4, cpu.csLimit, cpu.csAccess);
  cpu.rip = ip;
  replaceFlags(flags, sizeof<T>() == 2 ? changeableFlags() & 0xffff : changeableFlags());
  updateMode();
}

function iretVm86<T>(): void {
  if ((cpu.eflags & IOPL) == IOPL) {
    iretReal<T>();
    return;
  }
  const flags = <u32>peek<T>(2 * sizeof<T>());
  checkVirtualFlags<T>(flags);
  const kept = cpu.eflags;
  iretReal<T>();
  cpu.eflags = kept;
  setCpl(3);
  loadVirtualFlags<T>(flags);
}

function iretProtected<T>(): void {
  if (cpu.eflags & NT) {
    returnFromTask();
    return;
  }
  const ip = <u64>peek<T>(0);
  const cs = (<u32>peek<T>(sizeof<T>())) & 0xffff;
  const flags = <u32>peek<T>(2 * sizeof<T>());
  if (sizeof<T>() == 4 && flags & VM && cpu.cpl == 0) {
    enterVm86(ip, cs, flags);
    return;
  }
  const outer = (cs & 3) != cpu.cpl;
  returnTo<T>(ip, cs, 3, outer, flags);
}

function iretLong<T>(): void {
  if (cpu.eflags & NT) raiseWithError(GP, 0);
  const ip = <u64>peek<T>(0);
  const cs = (<u32>peek<T>(sizeof<T>())) & 0xffff;
  const flags = <u32>peek<T>(2 * sizeof<T>());
  // From 64-bit code SS and RSP are always popped.
  returnTo<T>(ip, cs, 3, (cpu.mode & MODE_CODE64) != 0 || (cs & 3) != cpu.cpl, flags);
}

function enterVm86(ip: u64, cs: u32, flags: u32): void {
  const esp = peek<u32>(12);
  const ss = peek<u32>(16);
  const es = peek<u32>(20);
  const ds = peek<u32>(24);
  const fs = peek<u32>(28);
  const gs = peek<u32>(32);
  setEflags(flags);
  cpu.rip = ip & 0xffff;
  cpu.rsp = <u64>esp;
  setVm86Segment(CS, cs);
  setVm86Segment(SS, ss);
  setVm86Segment(ES, es);
  setVm86Segment(DS, ds);
  setVm86Segment(FS, fs);
  setVm86Segment(GS, gs);
  setCpl(3);
  updateMode();
  signal(EVENT_RESCHEDULE);
}

export function setVm86Segment(slot: u32, selector: u32): void {
  setSegment(slot, selector, (<u64>(selector & 0xffff)) << 4, 0xffff, 0xf3);
}

/**
 * Return to protected-mode code at cs:ip, for IRET (`words` = 3, flags given) and far RET (`words` = 2 plus the
 * bytes of parameters in `parameters`): `withStack` pops SS:rSP behind them.
 */
function returnTo<T>(ip: u64, cs: u32, words: u32, withStack: bool, flags: u32): void {
  const code = returnCode(cs);
  const access = descriptorAccess(code);
  const cpl = cs & 3;
  const long = inLongMode() && (access & LONG) != 0;
  checkTarget(ip, code, long);
  const oldCpl = cpu.cpl;
  let changeable = changeableFlags();
  if (cpu.cpl == 0) changeable |= VIF | VIP;
  if (sizeof<T>() == 2) changeable &= 0xffff;
  if (withStack) {
    const sp = <u64>peek<T>(words * sizeof<T>());
    const ss = (<u32>peek<T>((words + 1) * sizeof<T>())) & 0xffff;
    loadReturnStack(ss, cpl, long);
    commitCode(cs, code, ip, cpl);
    if (sizeof<T>() == 2) cpu.rsp = (cpu.rsp & ~0xffff) | sp;
    else cpu.rsp = sp;
  } else {
    const sp = stackPointer() + words * sizeof<T>();
    commitCode(cs, code, ip, cpl);
    setStackPointer(sp);
  }
  replaceFlags(flags, changeable);
  if (cpl > oldCpl) dropInnerSegments(cpl);
}

/** The descriptor of a return's code segment, checked (SDM 2 "RET", "IRET"). */
export function returnCode(cs: u32): u64 {
  const error = cs & 0xfffc;
  if (error == 0) raiseWithError(GP, 0);
  const code = readDescriptor(cs);
  const access = descriptorAccess(code);
  if ((access & (CODE_OR_DATA | CODE)) != (CODE_OR_DATA | CODE) || (cs & 3) < cpu.cpl)
    raiseWithError(GP, error);
  if (!matchesRpl(cs, access)) raiseWithError(GP, error);
  if (!(access & PRESENT)) raiseWithError(NP, error);
  return code;
}

/** A code segment that a return or a task switch names has its privilege in the selector's RPL. */
export function matchesRpl(cs: u32, access: u32): bool {
  return access & CONFORMING ? dpl(access) <= (cs & 3) : dpl(access) == (cs & 3);
}

export function checkTarget(ip: u64, code: u64, long: bool): void {
  if (long) {
    if (<u64>(((<i64>ip) << 16) >> 16) != ip) raiseWithError(GP, 0);
  } else if (ip > <u64>descriptorLimit(code)) raiseWithError(GP, 0);
}

export function commitCode(cs: u32, code: u64, ip: u64, cpl: u32): void {
  markAccessed(cs, code);
  setSegment(
    CS,
    (cs & 0xfffc) | cpl,
    descriptorBase(code),
    descriptorLimit(code),
    descriptorAccess(code) | 1,
  );
  cpu.rip = ip;
  setCpl(cpl);
  updateMode();
}

export function loadReturnStack(ss: u32, cpl: u32, long: bool): void {
  if ((ss & 0xfffc) == 0) {
    if (!long || cpl == 3) raiseWithError(GP, 0);
    setSegment(SS, ss, 0, 0, 0);
    return;
  }
  setSegmentFromDescriptor(SS, ss, stackDescriptor(ss, GP, cpl));
}

/** Data segments that the outer level may not see become null (SDM 2 "RET"). */
export function dropInnerSegments(cpl: u32): void {
  dropInner(ES, cpu.esAccess, cpl);
  dropInner(DS, cpu.dsAccess, cpl);
  dropInner(FS, cpu.fsAccess, cpl);
  dropInner(GS, cpu.gsAccess, cpl);
}

function dropInner(slot: u32, access: u32, cpl: u32): void {
  const conforming = (access & (CODE | CONFORMING)) == (CODE | CONFORMING);
  if (access & PRESENT && dpl(access) < cpl && !conforming) setSegment(slot, 0, 0, 0, 0);
}
