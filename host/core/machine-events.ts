// What happens to a machine as a whole, told to whoever listens; names and reasons are those of QEMU's QMP events.

export type EventName = "STOP" | "RESUME" | "RESET" | "SHUTDOWN" | "POWERDOWN";

/** Who wanted a reset or an end, and why. */
export interface EventCause {
  guest: boolean;
  reason: "guest-shutdown" | "guest-reset" | "host-qmp-system-reset" | "host-qmp-quit" | "host-signal";
}

export interface MachineEvent {
  name: EventName;
  cause?: EventCause;
}

type Listener = (event: MachineEvent) => void;

export class MachineEvents {
  private readonly listeners = new Set<Listener>();

  /** Calls `listener` with each event from now on; returns the way to stop that. */
  on(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  emit(name: EventName, cause?: EventCause): void {
    for (const listener of this.listeners) listener(cause ? { name, cause } : { name });
  }
}
