// Slots of the function table that hold translated regions. The host adds new ones; those of dropped regions are
// used again. What they hold until then is never called.
import { JIT_SLOTS_AT, JIT_SLOTS_MAX } from "../machine/layout";

const FREE_AT: usize = JIT_SLOTS_AT + ((<usize>JIT_SLOTS_MAX) << 2);

let slots: u32 = 0;
let free: u32 = 0;

/** A slot to be used again, or 0: the host must add one. */
export function takeSlot(): u32 {
  if (free == 0) return 0;
  free--;
  return load<u32>(FREE_AT + ((<usize>free) << 2));
}

/** Remembers a slot that the host has added. */
export function addSlot(slot: u32): void {
  store<u32>(JIT_SLOTS_AT + ((<usize>slots) << 2), slot);
  slots++;
}

export function freeSlot(slot: u32): void {
  store<u32>(FREE_AT + ((<usize>free) << 2), slot);
  free++;
}

export function freeAllSlots(): void {
  memory.copy(FREE_AT, JIT_SLOTS_AT, (<usize>slots) << 2);
  free = slots;
}

/** Whether as many regions live as may. */
export function slotsAreUsedUp(): bool {
  return free == 0 && slots == JIT_SLOTS_MAX;
}
