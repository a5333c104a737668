// The time-stamp counter: virtual time plus what the guest wrote.
import { now } from "../machine/clock";
import { cpu } from "./state";

/** RDTSC's value: one tick a virtual nanosecond. */
export function timeStamp(): u64 {
  return now() + cpu.tscOffset;
}
