// Interrupts on their way: a chip's pin drives a line, the 8259 pair and the I/O APIC both listen, and messages
// (from the I/O APIC, from PCI functions, from processor to processor) reach the local APICs.
import {
  EVENT_INIT,
  EVENT_INTERRUPT,
  EVENT_NMI,
  EVENT_RESCHEDULE,
  EVENT_SIPI,
  cpu,
  signal,
} from "../cpu/state";
import { ioapic, irqLines as lines, lapic, picPrimary, picSecondary } from "../machine/board";
import { clock } from "../machine/clock";
import { signalVcpu, vcpu } from "../machine/vcpus";
import { ENTRY_LEVEL, ENTRY_LOGICAL } from "./ioapic";
import { APIC_BASE_BSP, APIC_BASE_ENABLE, APIC_BASE_RESET } from "./lapic";

export const IRQ_TIMER: u32 = 0;
const IRQ_CASCADE: u32 = 2;
/** The timer's line reaches the I/O APIC at pin 2 (MADT: interrupt source override). */
const TIMER_PIN: u32 = 2;

/** Delivery modes of an interrupt message (SDM 3A §11.5.1). */
export const DELIVER_FIXED: u32 = 0;
export const DELIVER_LOWEST_PRIORITY: u32 = 1;
const DELIVER_NMI: u32 = 4;
const DELIVER_INIT: u32 = 5;
const DELIVER_STARTUP: u32 = 6;

/** ICR destination shorthands (SDM 3A §11.6.1). */
const SHORTHAND_SELF: u32 = 1;
const SHORTHAND_OTHERS: u32 = 3;
const COMMAND_LOGICAL: u32 = 1 << 11;
const COMMAND_ASSERT: u32 = 1 << 14;
const COMMAND_LEVEL: u32 = 1 << 15;

/** Messages are writes to FEExxxxxh; bit 2 of the address: the destination is logical. */
const MESSAGE_WINDOW: u32 = 0xfee;
const MESSAGE_LOGICAL: u32 = 1 << 2;

/** Level of the 16 ISA lines by source, so that sources can share a line. */
@final
@unmanaged
export class IrqLines {
  /** Bit per IRQ: a chip of the board. */
  board: u32;
  /** Bit per IRQ: PCI interrupts routed to it. */
  pci: u32;
}

export function resetIrqLines(): void {
  lines.board = 0;
  lines.pci = 0;
}

/** Sets the level that the board's own chip gives line `line` (0-15). */
export function driveLine(line: u32, level: bool): void {
  const bit: u32 = 1 << line;
  const before = lines.board;
  lines.board = level ? before | bit : before & ~bit;
  if (lines.board != before) carry(line);
}

/** Sets which of the lines PCI interrupts hold high. */
export function drivePciLines(levels: u32): void {
  let changed = lines.pci ^ levels;
  lines.pci = levels;
  for (; changed != 0; changed &= changed - 1) carry(ctz(changed));
}

/** Lets a line fall and rise, for a chip whose output was low too shortly to be seen. */
export function pulseLine(line: u32): void {
  driveLine(line, false);
  driveLine(line, true);
}

function carry(line: u32): void {
  const level = ((lines.board | lines.pci) & (1 << line)) != 0;
  if (line < 8) picPrimary.drive(line, level);
  else picSecondary.drive(line - 8, level);
  ioapic.drive(line == IRQ_TIMER ? TIMER_PIN : line, level);
  settleInterrupts();
}

/** Carries requests onward: secondary to primary, I/O APIC to local APICs, and tells the vCPUs. */
export function settleInterrupts(): void {
  picPrimary.drive(IRQ_CASCADE, picSecondary.intr);
  for (let pin = ioapic.takeRequest(); pin >= 0; pin = ioapic.takeRequest()) {
    const entry = ioapic.entry(pin);
    sendMessage(
      ioapic.destination(pin),
      (entry & ENTRY_LOGICAL) != 0,
      (entry >> 8) & 7,
      entry & 0xff,
      (entry & ENTRY_LEVEL) != 0,
    );
  }
  for (let index: u32 = 0; index < clock.vcpus; index++)
    if (deliverable(index)) signalVcpu(index, EVENT_INTERRUPT);
}

function apicEnabled(index: u32): bool {
  return (vcpu(index).apicBase & APIC_BASE_ENABLE) != 0;
}

/** Whether the 8259's INT reaches vCPU `index`: its INTR pin itself, the virtual wire, or the I/O APIC's pin 0. */
function takesExtInt(index: u32): bool {
  if (!apicEnabled(index)) return index == 0;
  return lapic(index).passesExtInt() || (index == 0 && ioapic.passesExtInt());
}

function deliverable(index: u32): bool {
  if (apicEnabled(index) && lapic(index).deliverable() >= 0) return true;
  return picPrimary.intr && takesExtInt(index);
}

/** Whether an interrupt waits for the running vCPU; EFLAGS.IF is the CPU's business. */
export function interruptPending(): bool {
  return deliverable(cpu.index);
}

/** The running vCPU takes its interrupt: the vector, or -1 when none is left. */
export function acknowledgeInterrupt(): i32 {
  const apic = lapic(cpu.index);
  let vector = apicEnabled(cpu.index) ? apic.deliverable() : -1;
  if (vector >= 0) apic.acknowledge(vector);
  else if (picPrimary.intr && takesExtInt(cpu.index)) vector = acknowledgePics();
  settleInterrupts();
  return vector;
}

/** The INTA cycle of the pair: the primary names its line, and line 2 passes the question on. */
function acknowledgePics(): i32 {
  const line = picPrimary.acknowledge();
  if (line != IRQ_CASCADE) return picPrimary.vector(line);
  const vector = picSecondary.vector(picSecondary.acknowledge());
  // INT falls with the acknowledge; a further request makes a new edge.
  picPrimary.drive(IRQ_CASCADE, false);
  return vector;
}

/** Delivers an interrupt message to every local APIC that it is meant for. */
export function sendMessage(destination: u32, logical: bool, mode: u32, vector: u32, level: bool): void {
  if (mode == DELIVER_LOWEST_PRIORITY) {
    const index = lowestPriority(destination, logical);
    if (index >= 0) deliver(index, DELIVER_FIXED, vector, level);
    return;
  }
  for (let index: u32 = 0; index < clock.vcpus; index++)
    if (apicEnabled(index) && lapic(index).matches(destination, logical)) deliver(index, mode, vector, level);
}

/** A PCI function's message (SDM 3A §11.11): destination in the address, vector in the data. */
export function deliverMessage(address: u32, data: u32): void {
  if (address >> 20 != MESSAGE_WINDOW) return;
  const logical = (address & MESSAGE_LOGICAL) != 0;
  sendMessage((address >> 12) & 0xff, logical, (data >> 8) & 7, data & 0xff, false);
}

/** The least busy of the vCPUs that a message is meant for, or -1. */
function lowestPriority(destination: u32, logical: bool): i32 {
  let best = -1;
  let bestPriority: u32 = 0;
  for (let index: u32 = 0; index < clock.vcpus; index++) {
    if (!apicEnabled(index) || !lapic(index).matches(destination, logical)) continue;
    const priority = lapic(index).processorPriority();
    if (best >= 0 && priority >= bestPriority) continue;
    best = index;
    bestPriority = priority;
  }
  return best;
}

function deliver(index: u32, mode: u32, vector: u32, level: bool): void {
  switch (mode) {
    case DELIVER_FIXED:
      lapic(index).accept(vector, level);
      if (deliverable(index)) signalVcpu(index, EVENT_INTERRUPT);
      break;
    case DELIVER_NMI:
      signalVcpu(index, EVENT_NMI);
      break;
    case DELIVER_INIT:
      lapic(index).reset(index);
      signalVcpu(index, EVENT_INIT);
      break;
    case DELIVER_STARTUP:
      vcpu(index).sipiVector = vector;
      signalVcpu(index, EVENT_SIPI);
      break;
  }
  // Another vCPU may have to be woken.
  if (index != cpu.index) signal(EVENT_RESCHEDULE);
}

/** The running vCPU has written its interrupt command register (SDM 3A §11.6.1). */
export function sendCommand(): void {
  const apic = lapic(cpu.index);
  const command = apic.commandLow;
  const mode = (command >> 8) & 7;
  const vector = command & 0xff;
  // INIT level de-assert only synchronises arbitration on old processors.
  if (mode == DELIVER_INIT && (command & (COMMAND_LEVEL | COMMAND_ASSERT)) == COMMAND_LEVEL) return;
  const shorthand = command >> 18;
  if (shorthand == 0) {
    sendMessage(apic.commandHigh >> 24, (command & COMMAND_LOGICAL) != 0, mode, vector, false);
    return;
  }
  for (let index: u32 = 0; index < clock.vcpus; index++) {
    const self = index == cpu.index;
    if (self ? shorthand == SHORTHAND_OTHERS : shorthand == SHORTHAND_SELF) continue;
    if (apicEnabled(index)) deliver(index, mode, vector, false);
  }
}

/** Power on: every local APIC in its place and enabled, the first vCPU being the boot processor. */
export function resetLapics(): void {
  for (let index: u32 = 0; index < clock.vcpus; index++) {
    lapic(index).reset(index);
    vcpu(index).apicBase = APIC_BASE_RESET | (index == 0 ? APIC_BASE_BSP : 0);
  }
}

// What MOV CR8, RDMSR and WRMSR of the running vCPU come to.

/** CR8: the upper half of TPR. */
export function taskPriority(): u32 {
  return lapic(cpu.index).taskPriority;
}

export function setTaskPriority(value: u32): void {
  lapic(cpu.index).taskPriority = value;
  if (interruptPending()) signal(EVENT_INTERRUPT);
}

/** IA32_APIC_BASE; the APIC stays where it is, whatever address is written. */
export function readApicBase(): u64 {
  return cpu.apicBase;
}

export function writeApicBase(value: u64): void {
  const enables = (value & APIC_BASE_ENABLE) != 0;
  if (!enables && apicEnabled(cpu.index)) lapic(cpu.index).reset(cpu.index);
  cpu.apicBase =
    (APIC_BASE_RESET & ~APIC_BASE_ENABLE) | (cpu.apicBase & APIC_BASE_BSP) | (value & APIC_BASE_ENABLE);
}

/** IA32_TSC_DEADLINE. */
export function readTscDeadline(): u64 {
  return lapic(cpu.index).tscDeadline;
}

export function writeTscDeadline(value: u64): void {
  lapic(cpu.index).armTscDeadline(value, cpu.tscOffset);
  signal(EVENT_RESCHEDULE);
}
