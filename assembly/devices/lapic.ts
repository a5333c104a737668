// Local APIC, one a vCPU (SDM 3A chapter 11). It holds what interrupts its vCPU, ranks it, and times.
// Registers lie 16 bytes apart; the names are those of table 11-1.
import { NEVER } from "../machine/clock";

const ID: u32 = 0x020;
const VERSION: u32 = 0x030;
const TASK_PRIORITY: u32 = 0x080;
const ARBITRATION_PRIORITY: u32 = 0x090;
const PROCESSOR_PRIORITY: u32 = 0x0a0;
const END_OF_INTERRUPT: u32 = 0x0b0;
const LOGICAL_DESTINATION: u32 = 0x0d0;
const DESTINATION_FORMAT: u32 = 0x0e0;
const SPURIOUS: u32 = 0x0f0;
const IN_SERVICE: u32 = 0x100;
const TRIGGER_MODE: u32 = 0x180;
const REQUESTED: u32 = 0x200;
const ERROR_STATUS: u32 = 0x280;
const COMMAND_LOW: u32 = 0x300;
const COMMAND_HIGH: u32 = 0x310;
const LVT_TIMER: u32 = 0x320;
const LVT_LAST: u32 = 0x370;
const INITIAL_COUNT: u32 = 0x380;
const CURRENT_COUNT: u32 = 0x390;
const DIVIDE: u32 = 0x3e0;

/** Version 14h, six LVT entries, no suppression of EOI broadcasts. */
const VERSION_VALUE: u32 = 0x0005_0014;

const SPURIOUS_ENABLE: u32 = 1 << 8;

/** LVT entries: vector 7-0, delivery 10-8, pending 12, level 15, mask 16, timer mode 18-17. */
export const LVT_MASKED: u32 = 1 << 16;
const LVT_DELIVERY_EXTINT: u32 = 7 << 8;
const LVT_DELIVERY: u32 = 7 << 8;
const TIMER_MODE: u32 = 3 << 17;
const TIMER_PERIODIC: u32 = 1 << 17;
const TIMER_TSC_DEADLINE: u32 = 2 << 17;
/** LVT entries: timer, thermal, performance, LINT0, LINT1, error; bits of each that can be written. */
const LINT0: u32 = 3;
const LINT1: u32 = 4;
const ERROR: u32 = 5;
const LVT_COUNT: u32 = 6;

/** IA32_APIC_BASE (SDM 3A §11.4.4). */
export const APIC_BASE_BSP: u64 = 1 << 8;
export const APIC_BASE_ENABLE: u64 = 1 << 11;
export const APIC_BASE_RESET: u64 = 0xfee0_0000 | APIC_BASE_ENABLE;

const ERROR_SEND_ILLEGAL_VECTOR: u32 = 1 << 5;
const ERROR_RECEIVE_ILLEGAL_VECTOR: u32 = 1 << 6;
const ERROR_ILLEGAL_REGISTER: u32 = 1 << 7;

@final
@unmanaged
export class Lapic {
  // 256 bits each, vector 0 in bit 0 of the first word.
  private inService0: u64;
  private inService1: u64;
  private inService2: u64;
  private inService3: u64;
  private triggerMode0: u64;
  private triggerMode1: u64;
  private triggerMode2: u64;
  private triggerMode3: u64;
  private requested0: u64;
  private requested1: u64;
  private requested2: u64;
  private requested3: u64;
  /** Virtual time of the timer's next expiry; NEVER when it is not armed. */
  expiry: u64;
  /** The TSC value that IA32_TSC_DEADLINE holds. */
  private tscDeadlineValue: u64;
  private lvtTimer: u32;
  private lvtThermal: u32;
  private lvtPerformance: u32;
  private lvtLint0: u32;
  private lvtLint1: u32;
  private lvtError: u32;
  private initialCount: u32;
  private divide: u32;
  private taskPriorityRegister: u32;
  private id: u32;
  private logicalDestination: u32;
  private destinationFormat: u32;
  private spurious: u32;
  commandLow: u32;
  commandHigh: u32;
  private errors: u32;
  private errorStatus: u32;

  /** Power on and INIT (SDM 3A §11.4.7.1); INIT keeps the APIC id. */
  reset(index: u32): void {
    memory.fill(changetype<usize>(this), 0, offsetof<Lapic>());
    this.id = index << 24;
    this.destinationFormat = 0xffff_ffff;
    this.spurious = 0xff;
    for (let i: u32 = 0; i < LVT_COUNT; i++) store<u32>(this.lvt(i), LVT_MASKED);
    this.expiry = NEVER;
  }

  private lvt(index: u32): usize {
    return changetype<usize>(this) + offsetof<Lapic>("lvtTimer") + ((<usize>index) << 2);
  }

  /** Address of a 32-bit word of one of the three 256-bit sets. */
  private word(set: usize, vector: u32): usize {
    return changetype<usize>(this) + set + (((<usize>vector) >> 5) << 2);
  }

  private test(set: usize, vector: u32): bool {
    return (load<u32>(this.word(set, vector)) & (1 << (vector & 31))) != 0;
  }

  private include(set: usize, vector: u32): void {
    const at = this.word(set, vector);
    store<u32>(at, load<u32>(at) | (1 << (vector & 31)));
  }

  private exclude(set: usize, vector: u32): void {
    const at = this.word(set, vector);
    store<u32>(at, load<u32>(at) & ~(1 << (vector & 31)));
  }

  /** The highest vector in a set, 0 for none (vectors below 16 are never in one). */
  private highest(set: usize): u32 {
    const base = changetype<usize>(this) + set;
    for (let i: i32 = 3; i >= 0; i--) {
      const bits = load<u64>(base + ((<usize>i) << 3));
      if (bits != 0) return ((<u32>i) << 6) + 63 - <u32>clz(bits);
    }
    return 0;
  }

  private softwareEnabled(): bool {
    return (this.spurious & SPURIOUS_ENABLE) != 0;
  }

  /** PPR: the class in service or the task priority, whichever is higher (§11.8.3.1). */
  processorPriority(): u32 {
    const inService = this.highest(offsetof<Lapic>("inService0"));
    return this.taskPriorityRegister >> 4 >= inService >> 4 ? this.taskPriorityRegister : inService & 0xf0;
  }

  /** The vector that the vCPU may take now, or -1. */
  deliverable(): i32 {
    const vector = this.highest(offsetof<Lapic>("requested0"));
    return vector >> 4 > this.processorPriority() >> 4 && this.softwareEnabled() ? <i32>vector : -1;
  }

  /** Takes `vector` from request to service. */
  acknowledge(vector: u32): void {
    this.exclude(offsetof<Lapic>("requested0"), vector);
    this.include(offsetof<Lapic>("inService0"), vector);
  }

  /** An interrupt message with a fixed vector arrives. */
  accept(vector: u32, level: bool): void {
    if (!this.softwareEnabled()) return;
    if (vector < 16) {
      this.report(ERROR_RECEIVE_ILLEGAL_VECTOR);
      return;
    }
    this.include(offsetof<Lapic>("requested0"), vector);
    if (level) this.include(offsetof<Lapic>("triggerMode0"), vector);
    else this.exclude(offsetof<Lapic>("triggerMode0"), vector);
  }

  /** Whether LINT0 lets the 8259's interrupts through: the virtual wire (MP specification §3.6.2.2). */
  passesExtInt(): bool {
    return (this.lvtLint0 & (LVT_MASKED | LVT_DELIVERY)) == LVT_DELIVERY_EXTINT;
  }

  /** Connects LINT0 to the 8259 and LINT1 to NMI, as firmware leaves the boot processor. */
  wireAsFirmware(): void {
    this.spurious = 0x1ff;
    this.lvtLint0 = 0x8700;
    this.lvtLint1 = 0x8400;
  }

  private report(error: u32): void {
    this.errors |= error;
    if (this.lvtError & LVT_MASKED) return;
    const vector = this.lvtError & 0xff;
    // The error interrupt's own vector may be illegal: that is one more error, and nobody to tell.
    if (vector < 16) this.errors |= ERROR_RECEIVE_ILLEGAL_VECTOR;
    else this.accept(vector, false);
  }

  /** Whether a message to `destination` in the given mode means this APIC (§11.6.2). */
  matches(destination: u32, logical: bool): bool {
    if (!logical) return destination == 0xff || destination == this.id >> 24;
    const own = this.logicalDestination >> 24;
    if (this.destinationFormat >> 28 == 15) return (own & destination) != 0;
    return own >> 4 == destination >> 4 && (own & destination & 15) != 0;
  }

  // The timer runs at one tick a nanosecond before its divider.

  private get divisor(): u64 {
    const code = (this.divide & 3) | ((this.divide >> 1) & 4);
    return code == 7 ? 1 : 2 << code;
  }

  private get tscDeadlineMode(): bool {
    return (this.lvtTimer & TIMER_MODE) == TIMER_TSC_DEADLINE;
  }

  /** Fires the timer if its time has come. */
  advance(now: u64): void {
    if (now < this.expiry) return;
    if ((this.lvtTimer & LVT_MASKED) == 0) this.accept(this.lvtTimer & 0xff, false);
    if ((this.lvtTimer & TIMER_MODE) == TIMER_PERIODIC) {
      const period = <u64>this.initialCount * this.divisor;
      this.expiry += ((now - this.expiry) / period + 1) * period;
    } else {
      this.expiry = NEVER;
      this.tscDeadlineValue = 0;
    }
  }

  private currentCount(now: u64): u32 {
    if (this.expiry == NEVER || this.tscDeadlineMode) return 0;
    return now < this.expiry ? <u32>((this.expiry - now + this.divisor - 1) / this.divisor) : 0;
  }

  private startTimer(now: u64): void {
    if (this.tscDeadlineMode) return;
    this.expiry = this.initialCount == 0 ? NEVER : now + <u64>this.initialCount * this.divisor;
  }

  private writeLvtTimer(value: u32): void {
    const changesMode = ((value ^ this.lvtTimer) & TIMER_MODE) != 0;
    this.lvtTimer = value & (0xff | LVT_MASKED | TIMER_MODE);
    // Leaving or entering TSC-deadline mode disarms the timer (§11.5.4.1).
    if (changesMode && (this.tscDeadlineMode || this.initialCount == 0 || this.tscDeadlineValue != 0)) {
      this.expiry = NEVER;
      this.tscDeadlineValue = 0;
    }
  }

  get tscDeadline(): u64 {
    return this.tscDeadlineValue;
  }

  /** Arms the timer for the moment at which the vCPU's TSC reads `value`; 0 disarms it. */
  armTscDeadline(value: u64, tscOffset: u64): void {
    if (!this.tscDeadlineMode) return;
    this.tscDeadlineValue = value;
    const at = <i64>(value - tscOffset);
    this.expiry = value == 0 ? NEVER : <u64>max<i64>(at, 0);
  }

  /** CR8 is the upper half of TPR. */
  get taskPriority(): u32 {
    return this.taskPriorityRegister >> 4;
  }

  set taskPriority(value: u32) {
    this.taskPriorityRegister = (value & 15) << 4;
  }

  /** Ends the service of highest priority. Returns the vector if it was level-triggered, else -1. */
  private endOfInterrupt(): i32 {
    const vector = this.highest(offsetof<Lapic>("inService0"));
    if (vector == 0) return -1;
    this.exclude(offsetof<Lapic>("inService0"), vector);
    return this.test(offsetof<Lapic>("triggerMode0"), vector) ? <i32>vector : -1;
  }

  read(register: u32, now: u64): u32 {
    const offset: u32 = register & 0x70;
    switch (register & 0xf80) {
      case IN_SERVICE:
        return load<u32>(this.word(offsetof<Lapic>("inService0"), offset << 1));
      case TRIGGER_MODE:
        return load<u32>(this.word(offsetof<Lapic>("triggerMode0"), offset << 1));
      case REQUESTED:
        return load<u32>(this.word(offsetof<Lapic>("requested0"), offset << 1));
    }
    if (register >= LVT_TIMER && register <= LVT_LAST)
      return load<u32>(this.lvt((register - LVT_TIMER) >> 4));
    switch (register) {
      case ID:
        return this.id;
      case VERSION:
        return VERSION_VALUE;
      case TASK_PRIORITY:
        return this.taskPriorityRegister;
      case ARBITRATION_PRIORITY:
      case PROCESSOR_PRIORITY:
        return this.processorPriority();
      case LOGICAL_DESTINATION:
        return this.logicalDestination;
      case DESTINATION_FORMAT:
        return this.destinationFormat;
      case SPURIOUS:
        return this.spurious;
      case ERROR_STATUS:
        return this.errorStatus;
      case COMMAND_LOW:
        return this.commandLow;
      case COMMAND_HIGH:
        return this.commandHigh;
      case INITIAL_COUNT:
        return this.initialCount;
      case CURRENT_COUNT:
        return this.currentCount(now);
      case DIVIDE:
        return this.divide;
    }
    this.report(ERROR_ILLEGAL_REGISTER);
    return 0;
  }

  /** Returns the vector whose end must be told to the I/O APIC, or -1. Sending a command is irq-lines' work. */
  write(register: u32, value: u32, now: u64): i32 {
    if (register > LVT_TIMER && register <= LVT_LAST) {
      this.writeLvt((register - LVT_TIMER) >> 4, value);
      return -1;
    }
    switch (register) {
      case ID:
        this.id = value & 0xff00_0000;
        break;
      case TASK_PRIORITY:
        this.taskPriorityRegister = value & 0xff;
        break;
      case END_OF_INTERRUPT:
        return this.endOfInterrupt();
      case LOGICAL_DESTINATION:
        this.logicalDestination = value & 0xff00_0000;
        break;
      case DESTINATION_FORMAT:
        this.destinationFormat = value | 0x0fff_ffff;
        break;
      case SPURIOUS:
        this.spurious = value & 0x1ff;
        // A disabled APIC masks its LVT, and keeps it so (§11.4.7.2).
        if (!this.softwareEnabled())
          for (let i: u32 = 0; i < LVT_COUNT; i++)
            store<u32>(this.lvt(i), load<u32>(this.lvt(i)) | LVT_MASKED);
        break;
      case ERROR_STATUS:
        this.errorStatus = this.errors;
        this.errors = 0;
        break;
      case COMMAND_LOW:
        this.commandLow = value & 0x000c_cfff;
        if ((value & 0x700) == 0 && (value & 0xff) < 16) this.report(ERROR_SEND_ILLEGAL_VECTOR);
        break;
      case COMMAND_HIGH:
        this.commandHigh = value & 0xff00_0000;
        break;
      case LVT_TIMER:
        this.writeLvtTimer(value);
        if (!this.softwareEnabled()) this.lvtTimer |= LVT_MASKED;
        break;
      case INITIAL_COUNT:
        if (this.tscDeadlineMode) break;
        this.initialCount = value;
        this.startTimer(now);
        break;
      case DIVIDE: {
        const count = this.currentCount(now);
        this.divide = value & 11;
        if (count != 0) this.expiry = now + <u64>count * this.divisor;
        break;
      }
      default:
        this.report(ERROR_ILLEGAL_REGISTER);
    }
    return -1;
  }

  private writeLvt(index: u32, value: u32): void {
    let writable: u32 = 0xff | LVT_MASKED;
    if (index != ERROR) writable |= LVT_DELIVERY;
    if (index == LINT0 || index == LINT1) writable |= 0xa000; // polarity and trigger mode
    const masked = this.softwareEnabled() ? 0 : LVT_MASKED;
    store<u32>(this.lvt(index), (value & writable) | masked);
  }
}

export const LAPIC_SIZE: usize = (offsetof<Lapic>() + 63) & ~63;
