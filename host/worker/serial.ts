// A serial port of a machine in another thread.
import { Transcript, type WaitOptions } from "./waiting.ts";

/** Is called with what the guest sends. */
export type ByteListener = (bytes: Uint8Array) => void;

/** Bytes that a stream holds for a reader who takes his time; then the guest waits. */
const STREAM_HOLDS = 64 * 1024;

/** How a port reaches its machine. */
export interface SerialLink {
  write(bytes: Uint8Array): Promise<void>;
  /** So many received bytes have found a reader. */
  taken(count: number): void;
}

/** COM1 to COM4, seen from outside: listeners, Web streams, and words to wait for, side by side. */
export class SerialPort {
  private readonly listeners = new Set<ByteListener>();
  private readonly transcript = new Transcript();
  private readonly decoder = new TextDecoder();
  private stream: ReadableStream<Uint8Array> | undefined;
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  private sink: WritableStream<Uint8Array> | undefined;
  /** In the stream, its reader being behind. */
  private waiting = 0;

  /** @internal */
  constructor(private readonly link: SerialLink) {}

  /** Calls `listener` with what the guest sends from now on; returns the way to stop that. */
  onData(listener: ByteListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Sends to the guest; done when its port has taken all of it. */
  write(data: Uint8Array | string): Promise<void> {
    return this.link.write(typeof data === "string" ? new TextEncoder().encode(data) : data.slice());
  }

  /**
   * Waits until the guest has sent text that matches `pattern`, behind what was waited for last; returns all from there to
   * the end of the match. Escape sequences of terminals are left out. Lines end in "\r\n", and `.` matches no "\r".
   *
   *     await machine.serial.waitFor(/login: $/, { timeout: 60_000 });
   */
  waitFor(pattern: RegExp, options?: WaitOptions): Promise<string> {
    return this.transcript.waitFor(pattern, options);
  }

  /** What the guest sends, from the first use of this on. A reader who is behind makes the guest wait. */
  get readable(): ReadableStream<Uint8Array> {
    this.stream ??= new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.controller = controller),
        pull: () => this.take(),
        cancel: () => {
          this.controller = undefined;
          this.take();
        },
      },
      { highWaterMark: STREAM_HOLDS, size: ({ length }) => length },
    );
    return this.stream;
  }

  /** Sends to the guest, no faster than it reads. */
  get writable(): WritableStream<Uint8Array> {
    this.sink ??= new WritableStream<Uint8Array>({ write: (bytes) => this.write(bytes) });
    return this.sink;
  }

  /** @internal */
  receive(bytes: Uint8Array): void {
    for (const listener of this.listeners) listener(bytes);
    this.transcript.add(this.decoder.decode(bytes, { stream: true }));
    this.controller?.enqueue(bytes);
    if (this.controller && (this.controller.desiredSize ?? 0) <= 0) this.waiting += bytes.length;
    else this.link.taken(bytes.length);
  }

  /** No more comes until `goOn`. @internal */
  end(why: string): void {
    this.transcript.end(why);
  }

  /** @internal */
  goOn(): void {
    this.transcript.goOn();
  }

  /** Nothing comes any more. @internal */
  close(): void {
    this.controller?.close();
    this.controller = undefined;
  }

  private take(): void {
    if (this.waiting === 0) return;
    this.link.taken(this.waiting);
    this.waiting = 0;
  }
}
