// The ways out of a region: every one sets RIP and settles the flags, then goes to the one end of the function, which
// stores what the region changed. And the slow paths, which put the guest's state into memory, call the core and
// come back.
import { Block } from "../cpu/decode/block";
import { Insn, INSN_SIZE } from "../cpu/decode/insn";
import {
  CLTS,
  FXRSTOR,
  LDMXCSR,
  LMSW,
  MOV_TO_CR,
  SSE_FIRST,
  X87,
  XRSTOR,
  XSETBV,
} from "../cpu/decode/operations";
import { CpuState, MODE_CODE64 } from "../cpu/state";
import { report } from "../cpu/trace";
import { TRACE_CODE } from "../cpu/trace-kinds";
import { CPU_AT, JIT_BODY_AT } from "../machine/layout";
import { flagState, forgetFlags, pushRecord, setFlagState, settleFlags } from "./flags";
import { BUDGET, RIP, STOPPED_BLOCK, STOPPED_INSN } from "./locals";
import { LEFT_HANDLER, LEFT_STOPPED, emitCount } from "./stats";
import { beginVectorPass, pushSpilledVectors, regionDemands, reloadVectors } from "./vector";
import { forgetPointers, storePointers } from "./x87";
import {
  EXECUTE,
  EXECUTE_LAST,
  EXECUTE_ON,
  SPILL,
  callCore,
  loadBudget,
  loadRegisters,
  storeLocal,
} from "./module";
import {
  ADD,
  AND,
  BR,
  DROP,
  I32_STORE,
  I32_WRAP,
  I64_EQZ,
  I64_STORE,
  IF,
  NO_RESULT,
  RETURN,
  branch,
  byte,
  call,
  const32,
  const64,
  end,
  enter,
  get,
  op,
  position,
  set,
} from "./wasm";

const STATE_BLOCK: usize = CPU_AT + offsetof<CpuState>("block");
const STATE_RIP_BASE: usize = CPU_AT + offsetof<CpuState>("ripBase");
const STATE_STOPPED: usize = CPU_AT + offsetof<CpuState>("stopped");

/** Registers that the region uses, and those it changes; complete after the first of two passes. */
let touched: u32 = 0;
let written: u32 = 0;
/** The same as the second pass may rely on; 0 in the first. */
let loaded: u32 = 0;
let spilled: u32 = 0;
let exitLabel: u32 = 0;
let stopLabel: u32 = 0;
let code64: bool = false;

// The instruction under translation.
let insn: Insn = changetype<Insn>(0);
let block: Block = changetype<Block>(0);
let blockDelta: i32 = 0;

export function beginPass(mode: u32, first: bool): void {
  code64 = (mode & MODE_CODE64) != 0;
  loaded = first ? 0 : touched;
  spilled = first ? 0 : written;
  touched = 0;
  written = 0;
  beginVectorPass(first);
}

export function setExit(label: u32): void {
  exitLabel = label;
}

export function setStop(label: u32): void {
  stopLabel = label;
}

export function touchedRegisters(): u32 {
  return touched;
}

export function writtenRegisters(): u32 {
  return written;
}

export function touch(register: u32): void {
  touched |= 1 << register;
}

export function markWritten(register: u32): void {
  touched |= 1 << register;
  written |= 1 << register;
}

export function beginBlock(current: Block, delta: i32): void {
  block = current;
  blockDelta = delta;
  traceCode(delta, 0);
}

export function beginInsn(i: Insn): void {
  insn = i;
  traceCode(ownDelta(), i.length);
}

/** From here on the code is that of the `length` bytes at `delta` from the head. */
function traceCode(delta: i32, length: u32): void {
  report(TRACE_CODE, <u32>(position() - JIT_BODY_AT), delta, length);
}

/** Where this instruction begins, from the head of the region. */
export function ownDelta(): i32 {
  return blockDelta + <i32>insn.offset;
}

/** The same for another instruction of this block. */
export function ownDeltaOf(i: Insn): i32 {
  return blockDelta + <i32>i.offset;
}

/** Where the instruction behind this one begins, from the head of the region. */
export function nextDelta(): i32 {
  return blockDelta + <i32>insn.offset + <i32>insn.length;
}

/** Where the target of a relative branch lies. */
export function targetDelta(): i32 {
  return blockDelta + <i32>insn.immediate;
}

/** Pushes the RIP that lies `delta` bytes from the region's head. */
export function pushRip(delta: i32): void {
  get(RIP);
  if (delta == 0) return;
  const64(delta);
  op(ADD, true);
  if (!code64) {
    const64(0xffff_ffff);
    op(AND, true);
  }
}

/** RIP of the running block's start: what RIP-relative addresses count from. */
export function pushRipBase(): void {
  pushRip(blockDelta);
}

/** Leaves for `delta` bytes from the head; what is known of the flags stays for the other paths. */
export function leaveTo(delta: i32, reason: u32): void {
  pushRip(delta);
  leave(reason);
}

/** Leaves for the RIP on the stack; `reason` is what the statistics count (jit/stats.ts). */
export function leave(reason: u32): void {
  storePointers();
  set(RIP);
  emitCount(reason);
  const state = flagState();
  settleFlags();
  setFlagState(state);
  branch(BR, exitLabel);
}

/**
 * Stops before this instruction, of which nothing has happened: the interpreter runs the rest of the block, which has
 * been counted. The code for it is small, because every memory access has it.
 */
export function stop(): void {
  stopAt(changetype<u32>(insn));
}

function stopAt(decoded: u32): void {
  storePointers();
  pushRipBase();
  set(RIP);
  const32(<i32>decoded);
  set(STOPPED_INSN);
  const32(<i32>changetype<usize>(block));
  set(STOPPED_BLOCK);
  const state = flagState();
  settleFlags();
  setFlagState(state);
  branch(BR, stopLabel);
}

/** Where all stops meet, before the common exit. */
export function emitStopped(): void {
  emitCount(LEFT_STOPPED);
  storeLocal(I32_STORE, STATE_STOPPED, STOPPED_INSN);
  storeLocal(I32_STORE, STATE_BLOCK, STOPPED_BLOCK);
  storeLocal(I64_STORE, STATE_RIP_BASE, RIP);
}

/** Before a call of the core that may fault: memory is as the interpreter would have it before this instruction. */
export function spill(): void {
  storePointers();
  for (let register: u32 = 0; register < 16; register++) if (spilled & (1 << register)) get(register);
  pushRipBase();
  pushRecord();
  get(BUDGET);
  const32(<i32>changetype<usize>(insn));
  const32(<i32>changetype<usize>(block));
  pushSpilledVectors();
  call(SPILL);
}

/** After a call of the core: a chip may have asked for attention. */
export function reloadBudget(): void {
  loadBudget();
}

/** Has the interpreter run the instruction, and goes on behind it. */
export function interpret(): void {
  spill();
  callWithInsn(EXECUTE);
  byte(I32_WRAP);
  enter(IF, NO_RESULT);
  byte(RETURN);
  end();
  reload();
}

/** Operations that change vector registers, MXCSR or the x87 stack. */
function touchesVectors(operation: u32): bool {
  return operation >= SSE_FIRST || operation == X87 || mayWithdraw(operation);
}

/** Operations after which what the region demanded at its entry may not hold (jit/vector.ts). They end their block. */
function mayWithdraw(operation: u32): bool {
  return (
    operation == LDMXCSR ||
    operation == FXRSTOR ||
    operation == XRSTOR ||
    operation == XSETBV ||
    operation == CLTS ||
    operation == LMSW ||
    operation == MOV_TO_CR
  );
}

/** Stops behind this instruction: the interpreter runs the rest of the block. */
export function leaveBlock(): void {
  stopAt(changetype<u32>(insn) + <u32>INSN_SIZE);
}

/** Has the interpreter run an instruction that changes no general register and no flag. */
export function interpretAside(): void {
  spill();
  callWithInsn(EXECUTE);
  byte(I32_WRAP);
  enter(IF, NO_RESULT);
  byte(RETURN);
  end();
  reloadBudget();
}

/** Has the interpreter run the instruction, and leaves: it sets RIP, or changes what the region relies on. */
export function interpretLast(): void {
  emitCount(LEFT_HANDLER);
  spill();
  callWithInsn(EXECUTE_LAST);
  byte(DROP);
  byte(RETURN);
}

/** Has the interpreter run the last instruction of a block, and goes on behind it unless that matters to the region. */
export function interpretOn(): void {
  spill();
  const64(changetype<usize>(insn));
  const64(regionDemands());
  callCore(EXECUTE_ON);
  byte(I64_EQZ);
  enter(IF, NO_RESULT);
  emitCount(LEFT_HANDLER);
  byte(RETURN);
  end();
  reload();
}

function callWithInsn(service: u32): void {
  const64(changetype<usize>(insn));
  const64(0);
  callCore(service);
}

/** After the interpreter ran the instruction: whatever it may have changed, from memory. */
function reload(): void {
  loadRegisters(loaded);
  if (touchesVectors(<u32>insn.op)) reloadVectors();
  if (<u32>insn.op == X87 || mayWithdraw(<u32>insn.op)) forgetPointers();
  forgetFlags();
}
