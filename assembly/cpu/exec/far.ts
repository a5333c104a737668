// Far transfers: JMP, CALL and RET to another code segment, through call gates (SDM 3A §5.8), INT and IRET.
import { read, readSystem, write } from "../../memory/access";
import {
  CODE,
  CODE_OR_DATA,
  CONFORMING,
  LONG,
  PRESENT,
  TYPE_CALL_GATE,
  TYPE_CALL_GATE16,
  descriptorAccess,
  descriptorAddress,
  dpl,
  readDescriptor,
} from "../descriptors";
import { GP, NP, OF_TRAP, BP, DB, raiseWithError } from "../exceptions";
import { checkRoom, commitFrame, frameOnInnerStack, frameSelector, put } from "../frame";
import { Insn } from "../decode/insn";
import { overflowFlag } from "../flags";
import {
  checkTarget,
  commitCode,
  dropInnerSegments,
  iret,
  loadReturnStack,
  returnCode,
  softwareInterrupt,
} from "../interrupts";
import { inLongMode, setSegment, updateMode } from "../segments";
import { switchTaskByTransfer } from "../tasks";
import { interruptInProgram } from "../virtual-8086";
import { CS, MODE_PROTECTED, MODE_VM86, cpu } from "../state";
import { linearAddress, nextRip, peek, setStackPointer, stackAddress, stackPointer } from "./operand";

export function jmpFar<T>(i: Insn): void {
  farJump(i, <u32>i.extra, i.immediate);
}

export function callFar<T>(i: Insn): void {
  farCall<T>(i, <u32>i.extra, i.immediate);
}

export function jmpFarIndirect<T>(i: Insn): void {
  const at = linearAddress(i, sizeof<T>() + 2);
  farJump(i, <u32>read<u16>(at + sizeof<T>()), <u64>read<T>(at));
}

export function callFarIndirect<T>(i: Insn): void {
  const at = linearAddress(i, sizeof<T>() + 2);
  farCall<T>(i, <u32>read<u16>(at + sizeof<T>()), <u64>read<T>(at));
}

function goReal(selector: u32, offset: u64): void {
  if (offset > <u64>cpu.csLimit) raiseWithError(GP, 0);
  setSegment(CS, selector, (<u64>selector) << 4, cpu.csLimit, cpu.csAccess);
  cpu.rip = offset;
  updateMode();
}

function isCode(access: u32): bool {
  return (access & (CODE_OR_DATA | CODE)) == (CODE_OR_DATA | CODE);
}

/** Privilege check of a direct transfer: never to another level (SDM 3A §5.8.1). */
function checkDirect(selector: u32, access: u32): void {
  const allowed =
    access & CONFORMING ? dpl(access) <= cpu.cpl : (selector & 3) <= cpu.cpl && dpl(access) == cpu.cpl;
  if (!allowed) raiseWithError(GP, selector & 0xfffc);
  if (!(access & PRESENT)) raiseWithError(NP, selector & 0xfffc);
}

function farJump(i: Insn, selector: u32, offset: u64): void {
  if (!(cpu.mode & MODE_PROTECTED)) {
    goReal(selector, offset);
    return;
  }
  if ((selector & 0xfffc) == 0) raiseWithError(GP, 0);
  const d = readDescriptor(selector);
  const access = descriptorAccess(d);
  if (isCode(access)) {
    checkDirect(selector, access);
    checkTarget(offset, d, inLongMode() && (access & LONG) != 0);
    commitCode(selector, d, offset, cpu.cpl);
    return;
  }
  checkGate(selector, access);
  if (!isCallGate(access)) {
    cpu.rip = nextRip(i);
    switchTaskByTransfer(selector, d, false);
    return;
  }
  const target = (<u32>(d >> 16)) & 0xffff;
  const code = gateCode(target);
  const codeAccess = descriptorAccess(code);
  // A jump through a gate stays at its level.
  if (!(codeAccess & CONFORMING) && dpl(codeAccess) != cpu.cpl) raiseWithError(GP, target & 0xfffc);
  const entry = gateOffset(selector, d, access);
  checkTarget(entry, code, inLongMode());
  commitCode(target, code, entry, cpu.cpl);
}

function isCallGate(access: u32): bool {
  const type = access & 0x1f;
  return type == TYPE_CALL_GATE || (type == TYPE_CALL_GATE16 && !inLongMode());
}

/** A gate or TSS must be at least as accessible as CPL and RPL demand. */
function checkGate(selector: u32, access: u32): void {
  const error = selector & 0xfffc;
  const type = access & 0x1f;
  const isTask = !inLongMode() && (type == 1 || type == 9 || type == 5);
  if (!isCallGate(access) && !isTask) raiseWithError(GP, error);
  if (dpl(access) < max(cpu.cpl, selector & 3)) raiseWithError(GP, error);
  if (!(access & PRESENT)) raiseWithError(NP, error);
}

function gateCode(target: u32): u64 {
  if ((target & 0xfffc) == 0) raiseWithError(GP, 0);
  const code = readDescriptor(target);
  const access = descriptorAccess(code);
  if (!isCode(access) || dpl(access) > cpu.cpl) raiseWithError(GP, target & 0xfffc);
  if (inLongMode() && !(access & LONG)) raiseWithError(GP, target & 0xfffc);
  if (!(access & PRESENT)) raiseWithError(NP, target & 0xfffc);
  return code;
}

function gateOffset(selector: u32, gate: u64, access: u32): u64 {
  const low = gate & 0xffff;
  if ((access & 0x1f) == TYPE_CALL_GATE16) return low;
  const offset = low | ((gate >> 32) & 0xffff_0000);
  if (!inLongMode()) return offset;
  const at = descriptorAddress(selector, 16);
  if (at == u64.MAX_VALUE) raiseWithError(GP, selector & 0xfffc);
  return offset | ((<u64>readSystem<u32>(at + 8)) << 32);
}

function farCall<T>(i: Insn, selector: u32, offset: u64): void {
  const back = nextRip(i);
  if (!(cpu.mode & MODE_PROTECTED)) {
    if (offset > <u64>cpu.csLimit) raiseWithError(GP, 0);
    pushFrame<T>(back);
    goReal(selector, offset);
    return;
  }
  if ((selector & 0xfffc) == 0) raiseWithError(GP, 0);
  const d = readDescriptor(selector);
  const access = descriptorAccess(d);
  if (isCode(access)) {
    checkDirect(selector, access);
    checkTarget(offset, d, inLongMode() && (access & LONG) != 0);
    pushFrame<T>(back);
    commitCode(selector, d, offset, cpu.cpl);
    return;
  }
  checkGate(selector, access);
  if (!isCallGate(access)) {
    cpu.rip = back;
    switchTaskByTransfer(selector, d, true);
    return;
  }
  const target = (<u32>(d >> 16)) & 0xffff;
  const code = gateCode(target);
  const entry = gateOffset(selector, d, access);
  const level = descriptorAccess(code) & CONFORMING ? cpu.cpl : dpl(descriptorAccess(code));
  const parameters = (<u32>(d >> 32)) & 31;
  if (inLongMode()) callGate<u64>(target, code, entry, level, back, 0);
  else if ((access & 0x1f) == TYPE_CALL_GATE16) callGate<u16>(target, code, entry, level, back, parameters);
  else callGate<u32>(target, code, entry, level, back, parameters);
}

/** CS, then the return offset; rSP moves only when both are written. */
function pushFrame<T>(back: u64): void {
  const top = stackPointer();
  write<T>(stackAddress(top - sizeof<T>(), sizeof<T>(), true), <T>cpu.csSelector);
  write<T>(stackAddress(top - 2 * sizeof<T>(), sizeof<T>(), true), <T>back);
  setStackPointer(top - 2 * sizeof<T>());
}

/** Call through a gate; to an inner level on the stack of the TSS, with the parameters copied over. */
function callGate<T>(target: u32, code: u64, entry: u64, level: u32, back: u64, parameters: u32): void {
  checkTarget(entry, code, inLongMode());
  if (level == cpu.cpl) {
    pushFrame<T>(back);
    commitCode(target, code, entry, level);
    return;
  }
  const oldStack = stackPointer();
  frameOnInnerStack(level);
  checkRoom((4 + parameters) * sizeof<T>(), frameSelector());
  put<T>(<T>cpu.ssSelector);
  put<T>(<T>cpu.rsp);
  for (let n = parameters; n-- > 0;)
    put<T>(read<T>(stackAddress(oldStack + n * sizeof<T>(), sizeof<T>(), false)));
  put<T>(<T>cpu.csSelector);
  put<T>(<T>back);
  commitFrame();
  commitCode(target, code, entry, level);
}

export function retf<T>(i: Insn): void {
  farReturn<T>(0);
}

export function retfPop<T>(i: Insn): void {
  farReturn<T>(i.immediate);
}

function farReturn<T>(parameters: u64): void {
  const ip = <u64>peek<T>(0);
  const cs = (<u32>peek<T>(sizeof<T>())) & 0xffff;
  const frame = 2 * sizeof<T>() + parameters;
  if (!(cpu.mode & MODE_PROTECTED)) {
    if (ip > <u64>cpu.csLimit) raiseWithError(GP, 0);
    setStackPointer(stackPointer() + frame);
    goReal(cs, ip);
    return;
  }
  const code = returnCode(cs);
  const cpl = cs & 3;
  const long = inLongMode() && (descriptorAccess(code) & LONG) != 0;
  checkTarget(ip, code, long);
  if (cpl == cpu.cpl) {
    const sp = stackPointer() + frame;
    commitCode(cs, code, ip, cpl);
    setStackPointer(sp);
    return;
  }
  const sp = <u64>peek<T>(<u32>frame);
  const ss = (<u32>peek<T>(<u32>frame + sizeof<T>())) & 0xffff;
  loadReturnStack(ss, cpl, long);
  commitCode(cs, code, ip, cpl);
  setStackPointer(sp + parameters);
  dropInnerSegments(cpl);
}

export function int(i: Insn): void {
  cpu.rip = nextRip(i);
  if (!(cpu.mode & MODE_VM86) || !interruptInProgram(<u32>i.immediate)) trap(i, <u32>i.immediate);
}

export function int3(i: Insn): void {
  trap(i, BP);
}

export function int1(i: Insn): void {
  trap(i, DB);
}

export function into(i: Insn): void {
  if (overflowFlag()) trap(i, OF_TRAP);
  else cpu.rip = nextRip(i);
}

/** The handler returns behind the instruction; a fault of the delivery is the instruction's own. */
function trap(i: Insn, vector: u32): void {
  cpu.rip = nextRip(i);
  softwareInterrupt(vector);
}

export function iretFrom<T>(i: Insn): void {
  // Where a task that returns to another would go on.
  cpu.rip = nextRip(i);
  iret<T>();
}
