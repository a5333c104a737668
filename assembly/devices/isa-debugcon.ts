// QEMU's isa-debugcon: a port that takes text for whoever watches. SeaBIOS logs through it.
import { DEBUG_OUT_CAPACITY, debugOut } from "../rings/bytes";
import { EXIT_DOORBELL, leave } from "../machine/exit";

/** What reading tells software that looks for the port. */
const PRESENT: u32 = 0xe9;

@final
@unmanaged
export class IsaDebugConsole {
  /** The port; 0: not plugged in. Told by the host before power on. */
  base: u32;

  read(): u32 {
    return PRESENT;
  }

  /** Nothing holds the guest back: the host is called in time, and what still does not fit is lost. */
  write(byte: u32): void {
    const ring = debugOut();
    const fill = ring.fill(DEBUG_OUT_CAPACITY);
    if (fill < DEBUG_OUT_CAPACITY) ring.put(byte, DEBUG_OUT_CAPACITY);
    if (fill > DEBUG_OUT_CAPACITY / 2) leave(EXIT_DOORBELL);
  }
}
