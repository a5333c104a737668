// Intel 8254 programmable interval timer (data sheet 231164): three counters on one crystal.
// Nothing is counted down: a counter knows the tick at which it was loaded, and all else follows from the time.
//
//   offset 0-2  counter 0-2: the count, low and high byte as the control word said
//   offset 3    control word: select 7-6 | access 5-4 | mode 3-1 | BCD 0;  select 3 = read-back
import { NEVER } from "../machine/clock";
import { ticksAt, timeOfTick } from "./ticks";

/** The PC's 14.31818 MHz crystal divided by 12. */
export const PIT_FREQUENCY: u64 = 1_193_182;

const LOW_BYTE: u32 = 1;
const HIGH_BYTE: u32 = 2;
const BOTH_BYTES: u32 = 3;

const STATUS_OUT: u32 = 1 << 7;
const STATUS_NULL_COUNT: u32 = 1 << 6;

@final
@unmanaged
class Counter {
  /** Tick at which the count was loaded: the counter holds `count` then. */
  private loadedAt: u64;
  /** Ticks that the gate had let pass before `loadedAt`, when it is low. */
  private heldAt: u64;
  /** Rising edges of OUT since `loadedAt` that were reported; below 0 when `loadedAt` has moved past some. */
  private edgesSeen: i64;
  /** The count in effect, 1-10000h. */
  private count: u32;
  /** A count written in modes 2 and 3, to take effect when the period ends; 0 = none. */
  private nextCount: u32;
  private latched: u32;
  private latchedStatus: u32;
  private writtenLow: u32;
  private mode: u32;
  /** LOW_BYTE, HIGH_BYTE or BOTH_BYTES. */
  private access: u32;
  private bcd: bool;
  private hasLatch: bool;
  private hasLatchedStatus: bool;
  private readsHigh: bool;
  private writesHigh: bool;
  /** Programmed, but no count written yet (or only half of it): nothing counts. */
  private waiting: bool;
  /** A count is there; modes 1 and 5 also need a rising edge of the gate to start. */
  private started: bool;
  private gate: bool;

  reset(gate: bool): void {
    this.count = 0x10000;
    this.nextCount = 0;
    this.mode = 3;
    this.access = 0;
    this.bcd = false;
    this.hasLatch = false;
    this.hasLatchedStatus = false;
    this.readsHigh = false;
    this.writesHigh = false;
    this.waiting = true;
    this.started = false;
    this.edgesSeen = 0;
    this.heldAt = 0;
    this.gate = gate;
  }

  private get periodic(): bool {
    return this.mode == 2 || this.mode == 3;
  }

  private get retriggered(): bool {
    return this.mode == 1 || this.mode == 5;
  }

  /** Whether there was a control word since reset: before, OUT is low. */
  private get programmed(): bool {
    return this.access != 0;
  }

  /** Ticks counted since the count was loaded. In modes 0, 2, 3 and 4 a low gate stops counting. */
  private elapsed(tick: u64): u64 {
    if (!this.gate && !this.retriggered) return this.heldAt;
    return tick > this.loadedAt ? tick - this.loadedAt : 0;
  }

  /** Moves `loadedAt` by whole periods, without losing an edge that was not reported. */
  private skipPeriods(periods: u64): void {
    this.loadedAt += periods * this.count;
    this.edgesSeen -= <i64>periods;
  }

  /** Takes over a count that waits for the end of the running period, if that has come. */
  private settle(tick: u64): void {
    if (this.nextCount == 0 || this.elapsed(tick) < this.count) return;
    this.skipPeriods(1);
    this.count = this.nextCount;
    this.nextCount = 0;
  }

  private start(tick: u64): void {
    this.loadedAt = tick;
    this.heldAt = 0;
    this.edgesSeen = 0;
    this.started = true;
  }

  private load(value: u32, tick: u64): void {
    let count = this.bcd ? fromBcd(value) : value;
    if (count == 0) count = this.bcd ? 10000 : 0x10000;
    this.waiting = false;
    if (this.periodic && this.started) {
      this.settle(tick);
      this.skipPeriods(this.elapsed(tick) / this.count);
      this.nextCount = count;
      return;
    }
    this.count = count;
    this.nextCount = 0;
    // Counting begins with the clock pulse after the write (data sheet, "Mode 0").
    if (!this.retriggered) this.start(tick + 1);
  }

  control(value: u32, tick: u64): void {
    const access = (value >> 4) & 3;
    if (access == 0) {
      this.latchCount(tick);
      return;
    }
    this.access = access;
    const mode = (value >> 1) & 7;
    this.mode = mode > 5 ? mode & 3 : mode;
    this.bcd = (value & 1) != 0;
    this.readsHigh = false;
    this.writesHigh = false;
    this.hasLatch = false;
    this.hasLatchedStatus = false;
    this.waiting = true;
    this.started = false;
    this.nextCount = 0;
    this.edgesSeen = 0;
  }

  latchCount(tick: u64): void {
    if (this.hasLatch) return;
    this.hasLatch = true;
    this.latched = this.value(tick) & 0xffff;
  }

  latchStatus(tick: u64): void {
    if (this.hasLatchedStatus) return;
    this.hasLatchedStatus = true;
    this.latchedStatus =
      (this.out(tick) ? STATUS_OUT : 0) |
      ((this.waiting && this.programmed) || this.nextCount != 0 ? STATUS_NULL_COUNT : 0) |
      (this.access << 4) |
      (this.mode << 1) |
      (this.bcd ? 1 : 0);
  }

  /** What the counting element holds. */
  private value(tick: u64): u32 {
    if (!this.started) return this.bcd ? toBcd(this.count) : this.count;
    this.settle(tick);
    const elapsed = this.elapsed(tick);
    let value: u32;
    if (this.mode == 2) value = this.count - <u32>(elapsed % this.count);
    else if (this.mode == 3) {
      // Counts down by two, twice a period.
      const phase = <u32>(elapsed % this.count);
      const half = (this.count + 1) >> 1;
      const even = this.count & ~1;
      value = phase < half ? even - 2 * phase : even - 2 * (phase - half);
    } else {
      const modulus: u64 = this.bcd ? 10000 : 0x10000;
      value = <u32>((<u64>this.count + modulus - (elapsed % modulus)) % modulus);
    }
    return this.bcd ? toBcd(value) : value;
  }

  /** The OUT pin. */
  out(tick: u64): bool {
    if (!this.started) return this.mode != 0 && this.programmed;
    this.settle(tick);
    const elapsed = this.elapsed(tick);
    switch (this.mode) {
      case 0:
      case 1:
        return elapsed >= this.count;
      case 2: // low for the last tick of a period; a low gate forces OUT high
        return !this.gate || elapsed % this.count != this.count - 1;
      case 3:
        return !this.gate || <u32>(elapsed % this.count) < (this.count + 1) >> 1;
      default: // 4, 5: low for one tick
        return elapsed != this.count;
    }
  }

  /** Rising edges of OUT since the count was loaded. */
  private edges(tick: u64): i64 {
    if (!this.started) return 0;
    const elapsed = this.elapsed(tick);
    if (this.periodic) return <i64>(elapsed / this.count);
    const end: u64 = this.mode >= 4 ? this.count + 1 : this.count;
    return elapsed >= end ? 1 : 0;
  }

  /** Whether OUT has risen since it was asked last. */
  takeEdge(tick: u64): bool {
    this.settle(tick);
    const edges = this.edges(tick);
    const rose = edges > this.edgesSeen;
    this.edgesSeen = edges;
    return rose;
  }

  /** Tick of the next rising edge of OUT; NEVER if none comes. */
  nextEdge(tick: u64): u64 {
    if (!this.started || (!this.gate && !this.retriggered)) return NEVER;
    this.settle(tick);
    const elapsed = this.elapsed(tick);
    if (this.periodic) return this.loadedAt + (elapsed / this.count + 1) * this.count;
    const end: u64 = this.mode >= 4 ? this.count + 1 : this.count;
    return elapsed < end ? this.loadedAt + end : NEVER;
  }

  setGate(level: bool, tick: u64): void {
    if (level == this.gate) return;
    if (!level) this.heldAt = this.elapsed(tick);
    this.gate = level;
    if (!level) return;
    if (this.retriggered || this.periodic) {
      if (!this.waiting) this.start(tick + 1);
    } else this.loadedAt = tick - this.heldAt;
  }

  read(tick: u64): u32 {
    if (this.hasLatchedStatus) {
      this.hasLatchedStatus = false;
      return this.latchedStatus;
    }
    const value: u32 = this.hasLatch ? this.latched : this.value(tick);
    if (this.access == BOTH_BYTES) {
      this.readsHigh = !this.readsHigh;
      if (this.readsHigh) return value & 0xff;
    }
    this.hasLatch = false;
    return this.access == LOW_BYTE ? value & 0xff : (value >> 8) & 0xff;
  }

  write(value: u32, tick: u64): void {
    if (this.access == LOW_BYTE) this.load(value, tick);
    else if (this.access == HIGH_BYTE) this.load(value << 8, tick);
    else if (!this.writesHigh) {
      this.writesHigh = true;
      this.writtenLow = value;
      if (this.mode == 0) this.started = false; // the first byte stops the count (data sheet, "Mode 0")
    } else {
      this.writesHigh = false;
      this.load((value << 8) | this.writtenLow, tick);
    }
  }
}

function fromBcd(value: u32): u32 {
  return (value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15);
}

function toBcd(value: u32): u32 {
  return (
    (((value / 1000) % 10) << 12) | (((value / 100) % 10) << 8) | (((value / 10) % 10) << 4) | (value % 10)
  );
}

const COUNTER_SIZE: usize = (offsetof<Counter>() + 7) & ~7;
/** The timer is its three counters, one behind the other. */
export const PIT_SIZE: usize = 3 * COUNTER_SIZE;

@final
@unmanaged
export class I8254 {
  private counter(index: u32): Counter {
    return changetype<Counter>(changetype<usize>(this) + <usize>index * COUNTER_SIZE);
  }

  /** Counter 2's gate is port 61h bit 0, low at reset; the others are tied high. */
  reset(): void {
    this.counter(0).reset(true);
    this.counter(1).reset(true);
    this.counter(2).reset(false);
  }

  read(offset: u32, now: u64): u32 {
    return offset < 3 ? this.counter(offset).read(ticksAt(now, PIT_FREQUENCY)) : 0xff;
  }

  write(offset: u32, value: u32, now: u64): void {
    const tick = ticksAt(now, PIT_FREQUENCY);
    if (offset < 3) this.counter(offset).write(value, tick);
    else if (value >> 6 < 3) this.counter(value >> 6).control(value, tick);
    else this.readBack(value, tick);
  }

  /** Latches counts (bit 5 low) and states (bit 4 low) of the counters named by bits 1-3. */
  private readBack(value: u32, tick: u64): void {
    for (let i: u32 = 0; i < 3; i++) {
      if ((value & (2 << i)) == 0) continue;
      if ((value & 0x20) == 0) this.counter(i).latchCount(tick);
      if ((value & 0x10) == 0) this.counter(i).latchStatus(tick);
    }
  }

  setSpeakerGate(level: bool, now: u64): void {
    this.counter(2).setGate(level, ticksAt(now, PIT_FREQUENCY));
  }

  /** OUT of a counter: 0 is IRQ 0, 1 the refresh request, 2 the speaker. */
  out(index: u32, now: u64): bool {
    return this.counter(index).out(ticksAt(now, PIT_FREQUENCY));
  }

  /** Whether counter 0's OUT has risen since the last call, however shortly it was low. */
  takeTimerEdge(now: u64): bool {
    return this.counter(0).takeEdge(ticksAt(now, PIT_FREQUENCY));
  }

  /** When counter 0's OUT rises next. */
  deadline(now: u64): u64 {
    const tick = this.counter(0).nextEdge(ticksAt(now, PIT_FREQUENCY));
    return tick == NEVER ? NEVER : timeOfTick(tick, PIT_FREQUENCY);
  }
}
