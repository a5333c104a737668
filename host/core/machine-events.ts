// What happens to a machine as a whole, told to whoever listens; names and reasons are those of QEMU's QMP events.

/** By QEMU's names. */
export type EventName = "STOP" | "RESUME" | "RESET" | "SHUTDOWN" | "POWERDOWN";

/** Who wanted a reset or an end, and why. */
export interface EventCause {
  guest: boolean;
  reason: "guest-shutdown" | "guest-reset" | "host-qmp-system-reset" | "host-qmp-quit" | "host-signal";
}

/** One thing that happened. */
export interface MachineEvent {
  name: EventName;
  cause?: EventCause;
}

/** Is called with each event. */
export type EventListener = (event: MachineEvent) => void;

/** Whoever wants to know of a machine's events. */
export class MachineEvents {
  private readonly listeners = new Set<EventListener>();

  /** Calls `listener` with each event from now on; returns the way to stop that. */
  on(listener: EventListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells all listeners. @internal */
  emit(name: EventName, cause?: EventCause): void {
    for (const listener of this.listeners) listener(cause ? { name, cause } : { name });
  }
}
