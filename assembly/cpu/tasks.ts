// Hardware task switches (SDM 3A §7.3): by far JMP and CALL, by task gates of the IDT, by IRET with NT set.
//
// A task-state segment keeps its state in rows of equal width, four bytes from 32 on or two from 14 on:
//   EIP EFLAGS  EAX ECX EDX EBX ESP EBP ESI EDI  ES CS SS DS [FS GS] LDT       (figures 7-2 and 7-9)
// What can fault in the old task's name comes first: checks, the read of the new state, the write of the old. Behind
// that the new task runs, and what is wrong with its segments faults there (table 7-1).
import { readSystem, writeSystem } from "../memory/access";
import {
  BUSY,
  CODE,
  CODE_OR_DATA,
  PRESENT,
  TYPE_LDT,
  TYPE_TASK_GATE,
  TYPE_TSS,
  TYPE_TSS16,
  descriptorAccess,
  descriptorAddress,
  descriptorBase,
  descriptorLimit,
  readDescriptor,
  systemType,
} from "./descriptors";
import { enterTask } from "./debug";
import { GP, NP, TS, raiseWithError } from "./exceptions";
import { push } from "./exec/operand";
import { eflags, setEflags } from "./flags";
import { NO_ERROR_CODE, checkTarget, commitCode, matchesRpl, setVm86Segment } from "./interrupts";
import { writeCr3 } from "./modes";
import {
  loadSegment,
  segmentSelector,
  setSegment,
  setSegmentFromDescriptor,
  stackDescriptor,
  updateMode,
} from "./segments";
import {
  CR0_PG,
  CR0_TS,
  CS,
  DS,
  ES,
  EVENT_RESCHEDULE,
  FS,
  GS,
  LDTR,
  NT,
  SS,
  TR,
  VM,
  cpu,
  register,
  setCpl,
  setRegister,
  signal,
} from "./state";

/** What switches: decides on the busy flags, on NT and on the link back. */
const JUMP: u32 = 0;
const CALL: u32 = 1;
const RETURN: u32 = 2;

/** Rows of a task's state. */
const EIP: u32 = 0;
const EFLAGS: u32 = 1;
const EAX: u32 = 2;
const ES_ROW: u32 = 10;

const LINK: u64 = 0;
const CR3: u64 = 28;
/** Bit 0 of this word: a debug trap when the task begins. */
const TRAP: u64 = 100;
/** Least limits of a TSS. */
const LIMIT_MIN: u32 = 103;
const LIMIT_MIN16: u32 = 43;

/** Far JMP or CALL to a TSS or task gate, whose descriptor `d` has passed the checks of privilege and presence. */
export function switchTaskByTransfer(selector: u32, d: u64, call: bool): void {
  const isGate = systemType(descriptorAccess(d)) == TYPE_TASK_GATE;
  const target = isGate ? (<u32>(d >> 16)) & 0xffff : selector;
  switchTask(target, call ? CALL : JUMP, GP, 0, 0, NO_ERROR_CODE);
}

/** Interrupt or exception through a task gate; `ext` is the EXT bit, `flags` are added to the EFLAGS kept. */
export function switchTaskByInterrupt(selector: u32, ext: u32, flags: u32, error: u64): void {
  switchTask(selector, CALL, GP, ext, flags, error);
}

/** IRET with NT set: back to the task that the link names. */
export function returnFromTask(): void {
  switchTask(<u32>readSystem<u16>(cpu.trBase + LINK), RETURN, TS, 0, 0, NO_ERROR_CODE);
}

/** Switches to the task of TSS `selector`; cpu.rip is where the old task will go on. */
function switchTask(selector: u32, how: u32, vector: u32, ext: u32, flags: u32, error: u64): void {
  const d = taskDescriptor(selector, how == RETURN, vector, ext);
  const wide = (descriptorAccess(d) & 8) != 0;
  const base = descriptorBase(d);
  readSystem<u8>(base);
  readSystem<u8>(base + (wide ? LIMIT_MIN : LIMIT_MIN16));
  const back = cpu.trSelector;
  saveTask(how == RETURN ? ~NT : ~0, flags);
  if (how == CALL) writeSystem<u16>(base + LINK, <u16>back);
  else setBusy(back, false);
  if (how != RETURN) setBusy(selector, true);

  // From here on the new task runs: a fault is its own, at its first instruction.
  cpu.insn = 0;
  setSegment(TR, selector, base, descriptorLimit(d), descriptorAccess(d) | BUSY);
  const newFlags = row(base, wide, EFLAGS) | (how == CALL ? NT : 0);
  cpu.rip = <u64>row(base, wide, EIP);
  for (let n: u32 = 0; n < 8; n++) setRegister<u32>(n, row(base, wide, EAX + n));
  setSelector(ES, row(base, wide, ES_ROW));
  setSelector(CS, row(base, wide, ES_ROW + 1));
  setSelector(SS, row(base, wide, ES_ROW + 2));
  setSelector(DS, row(base, wide, ES_ROW + 3));
  setSelector(FS, wide ? row(base, wide, ES_ROW + 4) : 0);
  setSelector(GS, wide ? row(base, wide, ES_ROW + 5) : 0);
  setSelector(LDTR, row(base, wide, wide ? ES_ROW + 6 : ES_ROW + 4));
  const traps = wide && (readSystem<u8>(base + TRAP) & 1) != 0;
  if (wide && cpu.cr0 & CR0_PG) writeCr3(<u64>readSystem<u32>(base + CR3));
  cpu.cr0 |= CR0_TS;
  setEflags(newFlags);
  setCpl(newFlags & VM ? 3 : segmentSelector(CS) & 3);
  signal(EVENT_RESCHEDULE);
  loadLdt();
  loadSegments();
  if (error != NO_ERROR_CODE) {
    if (wide) push<u32>(<u32>error);
    else push<u16>(<u16>error);
  }
  enterTask(traps);
}

/** The TSS that `selector` names, checked; `busy` is what a return finds and the others must not find. */
function taskDescriptor(selector: u32, busy: bool, vector: u32, ext: u32): u64 {
  const name = (selector & 0xfffc) | ext;
  if (selector & 4 || name <= 1 || descriptorAddress(selector) == u64.MAX_VALUE) raiseWithError(vector, name);
  const d = readDescriptor(selector);
  const access = descriptorAccess(d);
  const type = systemType(access);
  if ((type & ~BUSY) != TYPE_TSS && (type & ~BUSY) != TYPE_TSS16) raiseWithError(vector, name);
  if (((type & BUSY) != 0) != busy) raiseWithError(vector, name);
  if (!(access & PRESENT)) raiseWithError(NP, name);
  if (descriptorLimit(d) < (type & 8 ? LIMIT_MIN : LIMIT_MIN16)) raiseWithError(TS, name);
  return d;
}

function rowAddress(base: u64, wide: bool, n: u32): u64 {
  return base + <u64>(wide ? 32 + 4 * n : 14 + 2 * n);
}

function row(base: u64, wide: bool, n: u32): u32 {
  const at = rowAddress(base, wide, n);
  return wide ? readSystem<u32>(at) : <u32>readSystem<u16>(at);
}

/** Keeps the running task's state in its TSS; EFLAGS with `mask` and `flags`. */
function saveTask(mask: u32, flags: u32): void {
  const wide = (cpu.trAccess & 8) != 0;
  const base = cpu.trBase;
  saveRow(base, wide, EIP, <u32>cpu.rip);
  saveRow(base, wide, EFLAGS, (eflags() & mask) | flags);
  for (let n: u32 = 0; n < 8; n++) saveRow(base, wide, EAX + n, register<u32>(n));
  for (let slot = ES; slot <= (wide ? GS : DS); slot++)
    saveRow(base, wide, ES_ROW + slot, segmentSelector(slot));
}

function saveRow(base: u64, wide: bool, n: u32, value: u32): void {
  const at = rowAddress(base, wide, n);
  if (wide) writeSystem<u32>(at, value);
  else writeSystem<u16>(at, <u16>value);
}

function setBusy(selector: u32, busy: bool): void {
  const at = descriptorAddress(selector);
  if (at == u64.MAX_VALUE) return;
  const access = readSystem<u8>(at + 5);
  writeSystem<u8>(at + 5, busy ? access | (<u8>BUSY) : access & (<u8>~BUSY));
}

/** A selector without its descriptor: unusable until that is loaded. */
function setSelector(slot: u32, selector: u32): void {
  setSegment(slot, selector, 0, 0, 0);
}

function loadLdt(): void {
  const selector = cpu.ldtrSelector;
  if ((selector & 0xfffc) == 0) return;
  const error = selector & 0xfffc;
  if (selector & 4) raiseWithError(TS, error);
  const d = readDescriptor(selector, TS);
  const access = descriptorAccess(d);
  if (systemType(access) != TYPE_LDT || !(access & PRESENT)) raiseWithError(TS, error);
  setSegmentFromDescriptor(LDTR, selector, d);
}

function loadSegments(): void {
  if (cpu.eflags & VM) {
    for (let slot = ES; slot <= GS; slot++) setVm86Segment(slot, segmentSelector(slot));
    updateMode();
    return;
  }
  const cs = cpu.csSelector;
  const error = cs & 0xfffc;
  if (error == 0) raiseWithError(TS, 0);
  const code = readDescriptor(cs, TS);
  const access = descriptorAccess(code);
  if ((access & (CODE_OR_DATA | CODE)) != (CODE_OR_DATA | CODE) || !matchesRpl(cs, access))
    raiseWithError(TS, error);
  if (!(access & PRESENT)) raiseWithError(NP, error);
  const rip = cpu.rip;
  commitCode(cs, code, rip, cs & 3);
  if ((cpu.ssSelector & 0xfffc) == 0) raiseWithError(TS, 0);
  setSegmentFromDescriptor(SS, cpu.ssSelector, stackDescriptor(cpu.ssSelector, TS, cpu.cpl));
  updateMode();
  loadSegment(DS, cpu.dsSelector, TS);
  loadSegment(ES, cpu.esSelector, TS);
  loadSegment(FS, cpu.fsSelector, TS);
  loadSegment(GS, cpu.gsSelector, TS);
  checkTarget(rip, code, false);
}
