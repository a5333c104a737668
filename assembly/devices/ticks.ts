// Virtual nanoseconds to ticks of a crystal, and back. Split at the second, so that no product leaves 64 bits.
import { NANOSECONDS } from "../machine/clock";

/** Whole ticks of a clock of `frequency` Hz that have passed at virtual time `now`. */
export function ticksAt(now: u64, frequency: u64): u64 {
  return (now / NANOSECONDS) * frequency + ((now % NANOSECONDS) * frequency) / NANOSECONDS;
}

/** The first nanosecond at which `ticksAt` gives `ticks`. */
export function timeOfTick(ticks: u64, frequency: u64): u64 {
  const remainder = (ticks % frequency) * NANOSECONDS;
  return (ticks / frequency) * NANOSECONDS + (remainder + frequency - 1) / frequency;
}
