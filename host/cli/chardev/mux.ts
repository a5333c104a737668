// The Ctrl-A keys of `-nographic` and `-serial mon:stdio`: which typed bytes go to the front end that has the focus,
// which are for us. Pure: bytes in, what is to happen out; host/cli/connections.ts does it.

const CTRL_A = 0x01;

/** What the user asked for with a key after Ctrl-A. */
export type Command = "quit" | "help" | "timestamps" | "monitor" | "commit" | "break";

const COMMANDS: Readonly<Record<string, Command>> = {
  x: "quit",
  h: "help",
  "?": "help",
  t: "timestamps",
  c: "monitor",
  s: "commit",
  b: "break",
};

/** What Ctrl-A h prints: the keys that do something today. */
const KEYS_HELP = [
  "C-a h    print this help",
  "C-a x    exit emulator",
  "C-a t    toggle console timestamps",
  "C-a c    switch between console and monitor",
  "C-a C-a  sends C-a",
];

/** The help's lines, with the escape key as the user chose it. */
export function keysHelp(escape = CTRL_A): string[] {
  const key =
    escape >= 1 && escape <= 26 ? `C-${String.fromCharCode(0x60 + escape)}` : `0x${escape.toString(16)}`;
  return KEYS_HELP.map((line) => line.replaceAll("C-a", key));
}

export class Multiplexer {
  private escaped = false;

  /** `escape`: the byte in front of a command (`-echr`). */
  constructor(private readonly escape = CTRL_A) {}

  /** Reads typed bytes: sends on those that are input, performs each command where it stands among them. */
  type(bytes: Uint8Array, send: (input: Uint8Array) => void, perform: (command: Command) => void): void {
    let input: number[] = [];
    const flush = (): void => {
      if (input.length > 0) send(Uint8Array.from(input));
      input = [];
    };
    for (const byte of bytes) {
      if (!this.escaped) {
        if (byte === this.escape) this.escaped = true;
        else input.push(byte);
        continue;
      }
      this.escaped = false;
      // Other keys are swallowed together with their Ctrl-A, as QEMU does.
      const command = COMMANDS[String.fromCharCode(byte)];
      if (byte === this.escape) input.push(byte);
      else if (command) {
        flush();
        perform(command);
      }
    }
    flush();
  }
}

const NEWLINE = 0x0a;

/** Puts `[hh:mm:ss.mmm] ` in front of each line of output, counted from the first byte after switching on. */
export class Timestamps {
  private enabled = false;
  private atLineStart = true;
  private start: number | undefined;

  toggle(): void {
    this.enabled = !this.enabled;
    this.start = undefined;
    this.atLineStart = true;
  }

  /** `output` with its prefixes, at the host's time `now` in ms. */
  stamp(output: Uint8Array, now: number): Uint8Array {
    if (!this.enabled || output.length === 0) return output;
    this.start ??= now;
    const prefix = new TextEncoder().encode(`[${clockText(now - this.start)}] `);
    const stamped: number[] = [];
    for (const byte of output) {
      if (this.atLineStart) stamped.push(...prefix);
      stamped.push(byte);
      this.atLineStart = byte === NEWLINE;
    }
    return Uint8Array.from(stamped);
  }
}

/** `hh:mm:ss.mmm` of a number of milliseconds. */
function clockText(milliseconds: number): string {
  const two = (value: number): string => String(Math.floor(value) % 60).padStart(2, "0");
  const seconds = milliseconds / 1000;
  const hours = String(Math.floor(seconds / 3600)).padStart(2, "0");
  const thousandths = String(Math.floor(milliseconds) % 1000).padStart(3, "0");
  return `${hours}:${two(seconds / 60)}:${two(seconds)}.${thousandths}`;
}
