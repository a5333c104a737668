// The guest's serial port, seen from outside.
import type { ByteRing } from "./core/rings.ts";

type Listener = (bytes: Uint8Array) => void;

export class SerialPort {
  private readonly listeners = new Set<Listener>();
  private readonly roomListeners = new Set<() => void>();
  /** What was written and has not fitted into the ring yet. */
  private queue: Uint8Array[] = [];
  /** Whoever listens cannot take more: what the guest sends stays with it, and in the end it waits. */
  held = false;

  /** @internal */
  constructor(
    private readonly out: ByteRing,
    private readonly into: ByteRing,
    private readonly wake: () => void,
  ) {}

  /** Calls `listener` with what the guest sends from now on; returns the way to stop that. */
  onData(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Sends to the guest; what it has not read yet waits. */
  write(data: Uint8Array | string): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    if (bytes.length > 0) this.queue.push(bytes);
    this.wake();
  }

  /** Calls `listener` whenever everything written has gone to the guest. */
  onRoom(listener: () => void): void {
    this.roomListeners.add(listener);
  }

  /** `write`, done when all of it has gone to the guest. */
  async writeAll(data: Uint8Array | string): Promise<void> {
    this.write(data);
    if (this.queue.length === 0) return;
    await new Promise<void>((resolve) => {
      const listener = (): void => {
        this.roomListeners.delete(listener);
        resolve();
      };
      this.roomListeners.add(listener);
    });
  }

  /** Bytes written that the guest's port has had no room for. */
  get waiting(): number {
    return this.queue.reduce((sum, { length }) => sum + length, 0);
  }

  /** Waits until the guest has sent text that matches `pattern`; returns everything sent since the call. */
  waitFor(pattern: RegExp): Promise<string> {
    return new Promise((resolve) => {
      const decoder = new TextDecoder();
      let text = "";
      const stop = this.onData((bytes) => {
        text += decoder.decode(bytes, { stream: true });
        if (!pattern.test(text)) return;
        stop();
        resolve(text);
      });
    });
  }

  /** Hands on what the guest has sent. @internal */
  deliver(): void {
    if (this.held) return;
    const sent = this.out.drain();
    if (sent.length > 0) for (const listener of this.listeners) listener(sent);
  }

  /** Gives the guest what waits for it, as far as there is room. @internal */
  feed(): void {
    if (this.queue.length === 0) return;
    while (this.queue.length > 0) {
      const [first] = this.queue;
      const count = this.into.put(first!);
      if (count < first!.length) {
        this.queue[0] = first!.subarray(count);
        return;
      }
      this.queue.shift();
    }
    for (const listener of this.roomListeners) listener();
  }
}
