// What a PS/2 device has to send, oldest byte first.
import { ByteRing, RING_HEADER } from "../rings/ring";

const CAPACITY: u32 = 64;
export const PS2_QUEUE_SIZE: usize = RING_HEADER + <usize>CAPACITY;

export function queueHas(queue: ByteRing): bool {
  return queue.fill(CAPACITY) != 0;
}

export function queueTake(queue: ByteRing): u32 {
  return queue.take(CAPACITY);
}

/** Bytes that still fit: an event goes in whole or not at all. */
export function queueRoom(queue: ByteRing): u32 {
  return CAPACITY - queue.fill(CAPACITY);
}

/** A byte that finds no room is lost, as in the device. */
export function queuePut(queue: ByteRing, byte: u32): void {
  if (queueRoom(queue) != 0) queue.put(byte, CAPACITY);
}

export function queueClear(queue: ByteRing): void {
  memory.fill(changetype<usize>(queue), 0, RING_HEADER);
}
