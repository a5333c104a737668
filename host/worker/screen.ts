// The screen, the keyboard and the mouse of a machine in another thread.
import { BUTTON } from "../input/input.ts";
import type { Picture } from "../display/vga.ts";
import type { PageCanvas } from "../global-types.ts";
import { type Calls, Moved } from "./calls.ts";
import type { Frame, MachineVerbs } from "./protocol.ts";
import { Transcript, type WaitOptions } from "./waiting.ts";

/** How long the machine's thread waits for a change before it answers that there is none, in ms. */
const PATIENCE = 1000;

/** Is called with the width and height of what the guest shows, in pixels. */
export type SizeListener = (width: number, height: number) => void;

/** What the guest shows. */
export class Screen {
  private onSize: SizeListener | undefined;

  /** @internal */
  constructor(
    private readonly machine: Calls<MachineVerbs>,
    private readonly closed: AbortSignal,
  ) {}

  /** The words on it, line by line; undefined in graphics modes. */
  text(): Promise<string | undefined> {
    return this.machine.call("screenText");
  }

  /** As a PNG file. */
  png(): Promise<Uint8Array> {
    return this.machine.call("screenPng");
  }

  /** As pixels. */
  async picture(): Promise<Picture> {
    return (await this.machine.call("nextFrame", -1, 0))!;
  }

  /**
   * What it shows, whenever that changes, sixty times a second at most; a reader who is slower misses frames, not
   * changes. Ends with the machine, or when `signal` is aborted.
   *
   *     for await (const { rgba, width, height } of machine.screen.frames())
   *       context.putImageData(new ImageData(rgba, width, height), 0, 0);
   */
  async *frames({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<Frame, void> {
    const over = (): boolean => this.closed.aborted || (signal?.aborted ?? false);
    for (let generation = -1; !over();) {
      const frame = await this.machine.call("nextFrame", generation, PATIENCE).catch((error: unknown) => {
        if (over()) return undefined;
        throw error;
      });
      if (frame && !over()) yield frame;
      generation = frame?.generation ?? generation;
    }
  }

  /**
   * Draws what it shows on a canvas whose control a page has given away, which is the fastest way: the machine's thread
   * draws, the page's does not take part. Until `signal` is aborted; `onSize` is told the picture's size, now and when it
   * changes.
   *
   *     await machine.screen.drawOn(canvas.transferControlToOffscreen());
   */
  async drawOn(
    canvas: PageCanvas,
    { onSize, signal }: { onSize?: SizeListener; signal?: AbortSignal } = {},
  ): Promise<void> {
    signal?.throwIfAborted();
    this.onSize = onSize;
    await this.machine.call("drawOn", new Moved(canvas, [canvas]));
    signal?.addEventListener("abort", () => this.machine.tell("stopDrawing"), { signal: this.closed });
  }

  /** @internal */
  resized(width: number, height: number): void {
    this.onSize?.(width, height);
  }

  /** Waits until the words on the screen match `pattern`; returns them up to there. */
  async waitFor(pattern: RegExp, { timeout, signal }: WaitOptions = {}): Promise<string> {
    const end = AbortSignal.any([this.closed, ...(signal ? [signal] : [])]);
    const transcript = new Transcript();
    const found = transcript.waitFor(pattern, { timeout, signal: end });
    let waiting = true;
    const stop = (): void => void (waiting = false);
    found.then(stop, stop);
    for (let generation = -1; waiting;) {
      generation = await this.machine.call("screenChange", generation, PATIENCE);
      transcript.show((await this.text()) ?? "");
    }
    return found;
  }
}

/** A PS/2 keyboard. */
export class Keyboard {
  /** @internal */
  constructor(private readonly machine: Calls<MachineVerbs>) {}

  /** Keys go down, by QEMU's names ("ctrl", "a", "ret"), and stay there until `up`. */
  down(...names: readonly string[]): Promise<void> {
    return this.machine.call("keys", names, true);
  }

  /** Keys go up. */
  up(...names: readonly string[]): Promise<void> {
    return this.machine.call("keys", names, false);
  }

  /** Presses keys together, their names joined with dashes ("ctrl-alt-delete"), and lets go after `holdMs`. */
  sendKey(names: string, holdMs?: number): Promise<void> {
    return this.machine.call("sendKey", names, holdMs);
  }

  /** Types `text` on a US keyboard; rejects where there is no key for a character. */
  type(text: string): Promise<void> {
    return this.machine.call("type", text);
  }
}

/** A PS/2 mouse with a wheel. */
export class Mouse {
  private held = 0;

  /** @internal */
  constructor(private readonly machine: Calls<MachineVerbs>) {}

  /** Moves by `dx` to the right, `dy` down, and turns the wheel by `dz` notches towards the user. */
  move(dx: number, dy: number, dz = 0): void {
    this.machine.tell("moveMouse", dx, dy, dz);
  }

  /** A button goes down or up. */
  press(button: keyof typeof BUTTON, down: boolean): void {
    this.held = down ? this.held | BUTTON[button] : this.held & ~BUTTON[button];
    this.machine.tell("mouseButtons", this.held);
  }
}
