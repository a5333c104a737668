// A chip that only speaks: its bytes, handed to whoever listens.
import type { ByteRing } from "./core/rings.ts";

type Listener = (bytes: Uint8Array) => void;

export class ByteOutput {
  private readonly listeners = new Set<Listener>();

  /** @internal */
  constructor(private readonly ring: ByteRing) {}

  /** Calls `listener` with what the guest sends from now on; returns the way to stop that. */
  onData(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Hands on what the guest has sent. @internal */
  deliver(): void {
    const sent = this.ring.drain();
    if (sent.length > 0) for (const listener of this.listeners) listener(sent);
  }
}
