// The terminal as the guest's serial line: keys go through as they are typed, and whatever ends the process, the
// terminal is the user's again.
import process from "node:process";

const INTERRUPT = 0x03; // Ctrl-C
const SUSPEND = 0x1a; // Ctrl-Z
const QUIT = 0x1c; // Ctrl-\
const SIGNAL_KEYS: Readonly<Record<number, NodeJS.Signals>> = {
  [INTERRUPT]: "SIGINT",
  [SUSPEND]: "SIGTSTP",
  [QUIT]: "SIGQUIT",
};

/** Colours, wrap, cursor, mouse and bracketed paste as a shell expects them: a guest may have died with others. */
const SANE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?2004l";
const ESCAPE = 0x1b;

export interface TerminalOptions {
  /** Ctrl-C and its kind act on this process; otherwise the guest gets them. */
  signalKeys: boolean;
  /** Typed bytes; returning false asks for no more until `resume`. */
  onInput(bytes: Uint8Array): boolean;
}

/** Standard input and output; works alike when they are pipes, files or closed. */
export class Terminal {
  private readonly raw = process.stdin.isTTY === true;
  /** The reader of our output is gone; QEMU runs on in this case, and so do we. */
  private deaf = false;
  /** The guest has sent escape sequences. */
  private coloured = false;
  private closed = false;

  constructor(private readonly options: TerminalOptions) {
    process.on("exit", this.close);
    process.stdout.on("error", this.onOutputError);
    process.stdin.on("error", this.onInputError).on("data", this.onData);
    if (this.raw) {
      this.setRaw();
      process.on("SIGCONT", this.setRaw);
    }
  }

  write(bytes: Uint8Array): void {
    if (this.deaf || bytes.length === 0) return;
    this.coloured ||= bytes.includes(ESCAPE);
    process.stdout.write(bytes);
  }

  /** Reads on after `onInput` asked for a pause. */
  resume(): void {
    if (!this.closed) process.stdin.resume();
  }

  readonly close = (): void => {
    if (this.closed) return;
    this.closed = true;
    process.off("exit", this.close).off("SIGCONT", this.setRaw);
    process.stdin.off("data", this.onData).pause();
    if (this.raw) process.stdin.setRawMode(false);
    if (this.coloured && !this.deaf && process.stdout.isTTY) process.stdout.write(SANE);
  };

  // A shell that takes the terminal over during a stop leaves it in its own mode; Node believes that it is raw still.
  private readonly setRaw = (): void => {
    process.stdin.setRawMode(false);
    process.stdin.setRawMode(true);
  };

  private readonly onData = (bytes: Uint8Array): void => {
    if (this.raw && this.options.signalKeys) bytes = bytes.filter((byte) => !this.raiseSignal(byte));
    if (!this.options.onInput(bytes)) process.stdin.pause();
  };

  /** Raw mode takes the signal keys from the terminal driver: here they are made again. */
  private raiseSignal(byte: number): boolean {
    const signal = SIGNAL_KEYS[byte];
    if (!signal) return false;
    if (signal !== "SIGINT") process.stdin.setRawMode(false);
    process.kill(process.pid, signal);
    return true;
  }

  private readonly onOutputError = (): void => {
    this.deaf = true;
  };

  /** The terminal has gone away (a hang-up says so too): nothing more will be typed. */
  private readonly onInputError = (): void => {
    process.stdin.pause();
  };
}
