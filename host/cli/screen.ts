// The guest's screen in this terminal: drawn while it changes, keys sent to the guest, Alt-1 … Alt-3 for the screen, the
// monitor and the serial port, as in QEMU's curses display.
import process from "node:process";
import { difference, type Frame, messageFrame, pictureFrame, textFrame } from "../display/terminal-frame.ts";
import { TerminalKeys } from "../input/terminal-keys.ts";
import type { LocalMachine } from "../machine.ts";
import type { FrontEnd } from "./connections.ts";

/** Pictures a second, at most. */
const FRAME_MS = 1000 / 30;
/** The title says how to get out. */
const ALTERNATE_SCREEN = "\x1b[?1049h\x1b]0;wasmqemu: Ctrl-A x quits, Ctrl-A c changes consoles\x07";
const MAIN_SCREEN = "\x1b[0m\x1b[?25h\x1b[?1049l";

class TerminalScreen {
  private readonly keys = new TerminalKeys();
  private readonly decoder = new TextDecoder();
  private shown: Frame | undefined;
  private generation = -1;
  private timer: ReturnType<typeof setInterval> | undefined;

  /** `write` sends to the terminal; `switchTo` shows another console. */
  constructor(
    private readonly machine: LocalMachine,
    private readonly write: (text: string) => void,
    private readonly switchTo: (console: number) => void,
  ) {}

  /** Takes the terminal over. */
  show(): void {
    if (this.timer) return;
    this.write(ALTERNATE_SCREEN);
    this.redraw();
    process.on("SIGWINCH", this.redraw).on("exit", this.hide);
    this.timer = setInterval(() => this.draw(), FRAME_MS);
  }

  /** Gives the terminal back. */
  readonly hide = (): void => {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = undefined;
    process.off("SIGWINCH", this.redraw).off("exit", this.hide);
    this.write(MAIN_SCREEN);
  };

  /** Bytes typed at the terminal. */
  input(bytes: Uint8Array): void {
    for (const key of this.keys.read(this.decoder.decode(bytes, { stream: true })))
      if (key.kind === "console") this.switchTo(key.number);
      else this.machine.keyboard.press(key.names);
  }

  private readonly redraw = (): void => {
    this.shown = undefined;
    this.generation = -1;
    this.draw();
  };

  private draw(): void {
    const { display } = this.machine;
    if (display.generation === this.generation) return;
    this.generation = display.generation;
    const frame = this.frame(process.stdout.columns ?? 80, process.stdout.rows ?? 25);
    const text = difference(this.shown, frame);
    this.shown = frame;
    if (text) this.write(text);
  }

  private frame(columns: number, rows: number): Frame {
    const { display } = this.machine;
    const text = display.text();
    if (text) return textFrame(text, columns, rows);
    const { mode } = display;
    return mode.kind === "off"
      ? messageFrame("VGA Blank mode", columns, rows)
      : pictureFrame(display.picture(), columns, rows);
  }
}

/** The screen as a front end of the terminal. */
export function screenEnd(machine: LocalMachine): FrontEnd {
  let write: (bytes: Uint8Array) => void = () => {};
  let turnTo: (console: number) => void = () => {};
  const encoder = new TextEncoder();
  const screen = new TerminalScreen(
    machine,
    (text) => write(encoder.encode(text)),
    (number) => turnTo(number),
  );
  return {
    name: "vga",
    input(bytes) {
      screen.input(bytes);
      return true;
    },
    attach: (next) => (write = next),
    focused: () => screen.show(),
    leave: () => screen.hide(),
    onConsole: (listener) => (turnTo = listener),
  };
}
