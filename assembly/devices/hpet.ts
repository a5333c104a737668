// IA-PC HPET (specification 1.0a): a counter of 100 MHz and three comparators, registers of 64 bits.
// Nothing is counted up: the counter follows from the time at which it was started.
//
//   000h capabilities | 010h configuration | 020h interrupt status | 0F0h main counter
//   100h + 20h n: timer n's configuration, + 08h its comparator, + 10h its FSB route (none of ours has one)
import { NEVER } from "../machine/clock";

const CAPABILITIES: u32 = 0x000;
const CONFIGURATION: u32 = 0x010;
const STATUS: u32 = 0x020;
const COUNTER: u32 = 0x0f0;
const TIMERS_AT: u32 = 0x100;
const COMPARATOR: u32 = 0x08;

export const HPET_TIMERS: u32 = 3;
/** Revision 1, three timers (less one), a counter of 64 bits, legacy replacement, Intel. */
export const HPET_ID: u32 = 0x8086_a201;
/** A tick in femtoseconds: 10 ns. */
const PERIOD: u64 = 10_000_000;
const NANOSECONDS_A_TICK: u64 = 10;

/** General configuration. */
const ENABLE: u64 = 1 << 0;
const LEGACY: u64 = 1 << 1;

/** Timer configuration: what can be written, and what the timer tells of itself. */
const LEVEL: u64 = 1 << 1;
const INTERRUPTS: u64 = 1 << 2;
const PERIODIC: u64 = 1 << 3;
const VALUE_SET: u64 = 1 << 6;
const NARROW: u64 = 1 << 8;
const ROUTE: u64 = 31 << 9;
const WRITABLE: u64 = LEVEL | INTERRUPTS | PERIODIC | VALUE_SET | NARROW | ROUTE;
/** It can be periodic, its size is 64 bits, and of the I/O APIC's pins it can reach pin 2 alone. */
const CAN_PERIODIC: u64 = 1 << 4;
const CAN_64: u64 = 1 << 5;
const ROUTES: u64 = 1 << (32 + 2);
const TOLD: u64 = CAN_PERIODIC | CAN_64 | ROUTES;

/** Matches further away than this many ticks are no deadline: 5,800 years. */
const FAR: u64 = 1 << 60;

/** The low `size` bytes, all ones. */
function bytes(size: u32): u64 {
  return 0xffff_ffff_ffff_ffff >> (64 - (size << 3));
}

@final
@unmanaged
class Timer {
  configuration: u64;
  /** The counter's value at the next match. */
  comparator: u64;
  /** What a match adds to the comparator of a periodic timer. */
  period: u64;
  /** Matches of an edge-triggered timer that were not carried yet. */
  edge: bool;

  reset(): void {
    this.configuration = 0;
    this.comparator = 0xffff_ffff_ffff_ffff;
    this.period = 0;
    this.edge = false;
  }

  private get mask(): u64 {
    return this.configuration & NARROW ? 0xffff_ffff : 0xffff_ffff_ffff_ffff;
  }

  /** Ticks from `counter` to the next match: never 0, all of a turn when both are equal. */
  distance(counter: u64): u64 {
    return ((this.comparator - counter - 1) & this.mask) + 1;
  }

  /** The counter went `ticks` on from `counter`; returns whether there was a match. */
  pass(counter: u64, ticks: u64): bool {
    const distance = this.distance(counter);
    // A distance of 2^64 came out as 0.
    if (distance == 0 || distance > ticks) return false;
    if (this.configuration & PERIODIC && this.period != 0) {
      const periods = (ticks - distance) / this.period + 1;
      this.comparator = (this.comparator + periods * this.period) & this.mask;
    }
    return true;
  }

  writeConfiguration(value: u64, mask: u64): void {
    const writable = mask & WRITABLE;
    this.configuration = (this.configuration & ~writable) | (value & writable);
    // A narrow timer has no upper halves (§2.3.8).
    this.comparator &= this.mask;
    this.period &= this.mask;
  }

  /** §2.3.9.2.2: a periodic timer takes the value as its period, and as its next match only where VALUE_SET says so. */
  writeComparator(value: u64, mask: u64): void {
    const periodic = (this.configuration & PERIODIC) != 0;
    if (!periodic || this.configuration & VALUE_SET)
      this.comparator = ((this.comparator & ~mask) | (value & mask)) & this.mask;
    if (periodic) this.period = ((this.period & ~mask) | (value & mask)) & this.mask;
    this.configuration &= ~VALUE_SET;
  }
}

const TIMER_SIZE: usize = (offsetof<Timer>() + 7) & ~7;

@final
@unmanaged
export class Hpet {
  /** Power on: the board has one. */
  present: bool;
  private configuration: u64;
  /** Level-triggered timers that wait to be served, a bit each. */
  private status: u64;
  /** The counter at `since`. */
  private base: u64;
  private since: u64;
  // The timers follow the struct: see HPET_SIZE.

  private timer(index: u32): Timer {
    return changetype<Timer>(changetype<usize>(this) + offsetof<Hpet>() + <usize>index * TIMER_SIZE);
  }

  reset(): void {
    this.configuration = 0;
    this.status = 0;
    this.base = 0;
    this.since = 0;
    for (let n: u32 = 0; n < HPET_TIMERS; n++) this.timer(n).reset();
  }

  private get runs(): bool {
    return (this.configuration & ENABLE) != 0;
  }

  /** Timers 0 and 1 take the place of the 8254 and of the clock chip. */
  get legacy(): bool {
    return (this.configuration & LEGACY) != 0;
  }

  /** Brings counter and timers up to `now`. */
  advance(now: u64): void {
    if (!this.runs || now < this.since + NANOSECONDS_A_TICK) return;
    const ticks = (now - this.since) / NANOSECONDS_A_TICK;
    for (let n: u32 = 0; n < HPET_TIMERS; n++) {
      const timer = this.timer(n);
      if (!timer.pass(this.base, ticks)) continue;
      if (timer.configuration & LEVEL) this.status |= 1 << n;
      else timer.edge = (timer.configuration & INTERRUPTS) != 0;
    }
    this.base += ticks;
    this.since += ticks * NANOSECONDS_A_TICK;
  }

  deadline(): u64 {
    if (!this.present || !this.runs) return NEVER;
    let nearest: u64 = FAR;
    for (let n: u32 = 0; n < HPET_TIMERS; n++) {
      const timer = this.timer(n);
      if ((timer.configuration & INTERRUPTS) == 0) continue;
      const distance = timer.distance(this.base);
      if (distance != 0) nearest = min(nearest, distance);
    }
    return nearest == FAR ? NEVER : this.since + nearest * NANOSECONDS_A_TICK;
  }

  /** Whether edge-triggered timer `n` has matched since it was asked last. */
  takeEdge(n: u32): bool {
    const edge = this.timer(n).edge;
    this.timer(n).edge = false;
    return edge;
  }

  /** The level of timer `n`, where it is level-triggered. */
  level(n: u32): bool {
    return (this.status & (1 << n)) != 0 && (this.timer(n).configuration & INTERRUPTS) != 0;
  }

  /** The I/O APIC's pin that timer `n` leads to, where it replaces no legacy chip; -1 for none. */
  pin(n: u32): i32 {
    const configuration = this.timer(n).configuration;
    const pin = (configuration & ROUTE) >> 9;
    return configuration & INTERRUPTS && ROUTES & (1 << (32 + pin)) ? <i32>pin : -1;
  }

  read(offset: u32, size: u32, now: u64): u64 {
    this.advance(now);
    return (this.register(offset & ~7) >> ((offset & 7) << 3)) & bytes(size);
  }

  private register(offset: u32): u64 {
    switch (offset) {
      case CAPABILITIES:
        return (<u64>HPET_ID) | (PERIOD << 32);
      case CONFIGURATION:
        return this.configuration;
      case STATUS:
        return this.status;
      case COUNTER:
        return this.base;
    }
    const index = (offset - TIMERS_AT) >> 5;
    if (offset < TIMERS_AT || index >= HPET_TIMERS) return 0;
    const timer = this.timer(index);
    const register = offset & 0x18;
    if (register == 0) return timer.configuration | TOLD;
    return register == COMPARATOR ? timer.comparator : 0;
  }

  write(offset: u32, size: u32, value: u64, now: u64): void {
    this.advance(now);
    const shift = <u64>((offset & 7) << 3);
    const mask = bytes(size) << shift;
    this.writeRegister(offset & ~7, value << shift, mask, now);
  }

  private writeRegister(offset: u32, value: u64, mask: u64, now: u64): void {
    switch (offset) {
      case CONFIGURATION: {
        const before = this.configuration;
        this.configuration = ((before & ~mask) | (value & mask)) & (ENABLE | LEGACY);
        if (this.runs && (before & ENABLE) == 0) this.since = now;
        return;
      }
      case STATUS:
        this.status &= ~(value & mask);
        return;
      case COUNTER:
        this.base = (this.base & ~mask) | (value & mask);
        this.since = now;
        return;
    }
    const index = (offset - TIMERS_AT) >> 5;
    if (offset < TIMERS_AT || index >= HPET_TIMERS) return;
    const register = offset & 0x18;
    if (register == 0) this.timer(index).writeConfiguration(value, mask);
    else if (register == COMPARATOR) this.timer(index).writeComparator(value, mask);
  }
}

export const HPET_SIZE: usize = offsetof<Hpet>() + TIMER_SIZE * <usize>HPET_TIMERS;
