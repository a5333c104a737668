// The one loop: events, interrupts, deadlines, then blocks until the budget says to look again.
import { Block, enter, findBlock, firstInsn, linearRip, singleBlock } from "../cpu/decode/block";
import { INSN_SIZE, Insn } from "../cpu/decode/insn";
import { breakBefore, breakpointsEnabled, trapAfter } from "../cpu/debug";
import { execute } from "../cpu/exec/dispatch";
import { maskRip } from "../cpu/exec/operand";
import { deliverExternal, deliverFault } from "../cpu/interrupts";
import { resetCpu, startUp } from "../cpu/modes";
import {
  ACTIVE,
  EVENT_INIT,
  EVENT_INTERRUPT,
  EVENT_NMI,
  EVENT_RESCHEDULE,
  EVENT_SIPI,
  HALTED,
  IF,
  RF,
  SHUTDOWN,
  TF,
  WAIT_FOR_SIPI,
  cpu,
  signal,
} from "../cpu/state";
import { report, traces } from "../cpu/trace";
import { TRACE_HARDWARE, TRACE_INSTRUCTION } from "../cpu/trace-kinds";
import { runningInsn } from "../jit/core";
import { runTranslated } from "../jit/translate";
import { acknowledgeInterrupt } from "../devices/irq-lines";
import { noteDirectWrites } from "../devices/vga-memory";
import { advanceChips, nextDeadline } from "./board";
import { clock, executed, NEVER, now } from "./clock";
import { EXIT_HALTED, EXIT_RESET, EXIT_SLICE } from "./exit";
import { isDebugged, isStepping, stopsBefore } from "./debugger";
import { switchTo, vcpu } from "./vcpus";

/** Instructions that one vCPU runs before the next has its turn. */
const TURN: u32 = 20_000;

/**
 * Runs up to `instructions` more, over all vCPUs; 0 goes on after an unwind. Returns EXIT_* (machine/exit.ts).
 * A fault in here unwinds through the host, which calls again.
 */
export function runMachine(instructions: u32): u32 {
  if (instructions) {
    noteDirectWrites();
    clock.slice = instructions;
    clock.granted = 0;
    cpu.budget = 0;
    cpu.withheld = 0;
  } else recover();
  while (true) {
    if (cpu.budget <= 0) {
      const exit = lookAround();
      if (exit >= 0) return <u32>exit;
      if (cpu.interruptShadow || cpu.eflags & TF || breakpointsEnabled() || isWatched()) {
        stepOnce();
        continue;
      }
    }
    const block = findBlock();
    cpu.interruptShadow = 0;
    if (!runTranslated(block)) execute(enter(block));
    else if (cpu.stopped) goOnInterpreted();
    cpu.insn = 0;
  }
}

/** A region stopped before an instruction: it faults, or the interpreter has the rest of its block. */
function goOnInterpreted(): void {
  cpu.insn = cpu.stopped;
  cpu.stopped = 0;
  if (cpu.faultPending) recover();
  else execute(changetype<Insn>(<usize>cpu.insn));
}

/**
 * After an unwind, or where a region noted a fault: RIP of the instruction that faulted, the instructions behind it given
 * back, the fault delivered.
 */
function recover(): void {
  if (cpu.insn) {
    const i = changetype<Insn>(<usize>runningInsn());
    cpu.rip = maskRip(cpu.ripBase + <u64>i.offset);
    cpu.budget += remaining(i);
    cpu.insn = 0;
  }
  if (cpu.faultPending) {
    // It counts as an instruction: a handler that itself faults at once, again and again, must not outlast its slice.
    cpu.budget--;
    deliverFault();
  }
  // It waits for an interrupt (cpu/exceptions.ts): what was given back must not run it again before one.
  else if (cpu.activity != ACTIVE) signal(EVENT_RESCHEDULE);
}

function remaining(i: Insn): i32 {
  const end = changetype<Block>(<usize>cpu.block).end;
  return <i32>((end - <u32>changetype<usize>(i)) / <u32>INSN_SIZE);
}

/** One instruction, for the shadow of STI and MOV SS, for the trap flag, while breakpoints are set and for debuggers. */
function stepOnce(): void {
  if (!isDebugged() || !stopsBefore(linearRip())) {
    report(TRACE_INSTRUCTION);
    runOne();
  }
  // Look again before the next: an interrupt may be due now, or another step.
  clock.granted -= <u32>max(cpu.budget + cpu.withheld, 0);
  cpu.budget = 0;
  cpu.withheld = 0;
}

/** Whether someone follows the guest instruction by instruction. */
function isWatched(): bool {
  return isDebugged() || traces(TRACE_INSTRUCTION);
}

function runOne(): void {
  const stepping = (cpu.eflags & TF) != 0;
  // RF holds for one instruction; where that faults, the flags pushed have it set again (SDM 3B §17.3.1.1).
  const resumed = (cpu.eflags & RF) != 0;
  cpu.eflags &= ~RF;
  if (resumed || !breakpointsEnabled() || !breakBefore(linearRip())) step(stepping);
}

function step(stepping: bool): void {
  cpu.interruptShadow = 0;
  const block = singleBlock();
  cpu.block = <u32>changetype<usize>(block);
  cpu.ripBase = cpu.rip;
  // One instruction is all that may run.
  cpu.withheld += cpu.budget - 1;
  cpu.budget = 0;
  execute(firstInsn(block));
  cpu.insn = 0;
  // The trap is that of TF before the instruction; one that loaded SS holds it back (SDM 3A §6.8.3).
  if (!cpu.interruptShadow) trapAfter(stepping);
}

/** Serves what waits; grants a new budget and returns -1, or returns EXIT_*. */
function lookAround(): i32 {
  // A turn that ran to its end goes to the next vCPU; one that an event cut short goes on.
  if (clock.vcpus > 1 && cpu.withheld == 0 && !isStepping()) {
    clock.granted = executed();
    nextVcpu();
  }
  while (true) {
    const done = executed();
    clock.granted = done;
    cpu.budget = 0;
    cpu.withheld = 0;
    if (clock.exit != EXIT_SLICE) return takeExit();
    const time = now();
    advanceChips(time);
    serveEvents();
    if (clock.exit != EXIT_SLICE) return takeExit();
    if (cpu.activity == SHUTDOWN) return EXIT_RESET;
    const runnable = cpu.activity == ACTIVE;
    if (!runnable && !nextVcpu()) {
      clock.deadline = nextDeadline(time);
      if (clock.deadline <= time) continue;
      return EXIT_HALTED;
    }
    if (!runnable) continue;
    if (done >= clock.slice) return EXIT_SLICE;
    grant(min(clock.slice - done, untilDeadline(time)));
    return -1;
  }
}

function takeExit(): i32 {
  const exit = clock.exit;
  clock.exit = EXIT_SLICE;
  return <i32>exit;
}

function grant(instructions: u32): void {
  const turn = clock.vcpus > 1 ? min(instructions, TURN) : instructions;
  clock.granted += turn;
  cpu.budget = turn;
}

/** Instructions until the chips' next deadline, at the slice's pace; at least a few, so that time goes on. */
function untilDeadline(time: u64): u32 {
  const deadline = nextDeadline(time);
  clock.deadline = deadline;
  if (deadline == NEVER) return 0x7fff_ffff;
  const wait = deadline > time ? deadline - time : 0;
  const instructions = (wait << 10) / <u64>max<u32>(clock.pace, 1);
  return <u32>min<u64>(max<u64>(instructions, 16), 0x7fff_ffff);
}

/** Puts the next vCPU that can run in the running one's place; false when all are idle. */
function nextVcpu(): bool {
  const vcpus = clock.vcpus;
  cpu.budget = 0;
  cpu.withheld = 0;
  for (let n: u32 = 1; n < vcpus; n++) {
    const index = (cpu.index + n) % vcpus;
    const other = vcpu(index);
    if (other.activity == ACTIVE || isWoken(other.events, other.eflags)) {
      switchTo(index);
      cpu.budget = 0;
      cpu.withheld = 0;
      return true;
    }
  }
  return false;
}

function isWoken(events: u32, flags: u32): bool {
  return (
    (events & (EVENT_NMI | EVENT_INIT | EVENT_SIPI)) != 0 ||
    ((events & EVENT_INTERRUPT) != 0 && (flags & IF) != 0)
  );
}

function serveEvents(): void {
  const events = cpu.events;
  cpu.events = events & EVENT_INTERRUPT;
  if (events & EVENT_INIT) resetCpu(true);
  if (events & EVENT_SIPI && cpu.activity == WAIT_FOR_SIPI) startUp(cpu.sipiVector);
  if (cpu.interruptShadow) {
    cpu.events = events & (EVENT_INTERRUPT | EVENT_NMI);
    return;
  }
  if (events & EVENT_NMI && cpu.activity != WAIT_FOR_SIPI) {
    wake();
    deliverExternal(2);
  }
  if (events & EVENT_INTERRUPT && cpu.eflags & IF && cpu.activity <= HALTED && !isStepping()) {
    cpu.events &= ~EVENT_INTERRUPT;
    const vector = acknowledgeInterrupt();
    if (vector >= 0) {
      report(TRACE_HARDWARE, <u32>vector);
      wake();
      deliverExternal(vector);
    }
  }
}

function wake(): void {
  if (cpu.activity == HALTED) cpu.activity = ACTIVE;
}
