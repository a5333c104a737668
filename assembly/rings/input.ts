// Keys and mouse from the host: a ring of events of eight bytes.
//
//   key:    1, set-1 code, framing (KEY_*), 1 = down, 0, 0, 0, 0
//   mouse:  2, buttons, dx i16, dy i16, dz i16
import { BLOCK_END } from "./block";
import { ByteRing, RING_HEADER } from "./ring";

export const INPUT_KEY: u32 = 1;
export const INPUT_MOUSE: u32 = 2;
const EVENT_SIZE: u32 = 8;

export const INPUT_CAPACITY: u32 = 0x800;
export const INPUT_AT: usize = (BLOCK_END + 7) & ~7;
export const INPUT_END: usize = INPUT_AT + RING_HEADER + <usize>INPUT_CAPACITY;

/** Whether the next event is a key's. */
export function keyWaits(): bool {
  const ring = changetype<ByteRing>(INPUT_AT);
  return ring.fill(INPUT_CAPACITY) >= EVENT_SIZE && ring.peek(INPUT_CAPACITY) == INPUT_KEY;
}

/** The next event's bytes, first in the low byte; 0 when none waits. */
export function nextInput(): u64 {
  const ring = changetype<ByteRing>(INPUT_AT);
  if (ring.fill(INPUT_CAPACITY) < EVENT_SIZE) return 0;
  let event: u64 = 0;
  for (let i: u64 = 0; i < <u64>EVENT_SIZE; i++) event |= (<u64>ring.take(INPUT_CAPACITY)) << (i << 3);
  return event;
}
