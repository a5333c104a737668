// A guest on its serial line: a machine's process, what it has printed, and someone typing.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";

export class GuestConsole {
  /** Everything printed so far, without carriage returns and the line editor's escape sequences. */
  output = "";
  /** What the process said on standard error. */
  words = "";
  readonly exitCode: Promise<number | null>;
  private readonly process: ChildProcessWithoutNullStreams;
  private position = 0;
  private news = (): void => {};

  constructor(command: string, args: readonly string[]) {
    let printed = "";
    this.process = spawn(command, args);
    this.process.stdout.on("data", (bytes: Buffer) => {
      printed += bytes.toString("latin1");
      this.output = printed.replace(/\r|\x1b\[[0-9;?]*[A-Za-z]/g, "");
      this.news();
    });
    this.process.stderr.on("data", (bytes: Buffer) => (this.words += bytes.toString()));
    this.process.stdin.on("error", () => {});
    this.exitCode = new Promise((resolve) => {
      this.process.on("exit", (code) => {
        resolve(code);
        this.ended = true;
        this.news();
      });
    });
  }

  private ended = false;

  /** Waits for `pattern` behind what was found last; returns its match. */
  async find(pattern: RegExp, seconds = 120): Promise<RegExpExecArray> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const match = pattern.exec(this.output.slice(this.position));
      if (match) {
        this.position += match.index + match[0].length;
        return match;
      }
      if (this.ended || Date.now() > deadline) {
        const reason = this.ended ? "the machine ended" : `${seconds} s passed`;
        throw new Error(
          `${reason} without ${pattern}; the last words:\n${this.output.slice(-1500)}\n${this.words}`,
        );
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.news = (): void => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  get pid(): number {
    return this.process.pid!;
  }

  type(text: string): void {
    this.process.stdin.write(text);
  }

  /** Types a shell command and returns what it prints, up to the next prompt. */
  async run(command: string, prompt = /guest# $/m, seconds = 120): Promise<string> {
    this.type(`${command}\n`);
    // The terminal echoes the line first; long lines come back with a line edit's cursor moves.
    await this.find(/\n/, seconds);
    const from = this.position;
    const match = await this.find(prompt, seconds);
    return this.output.slice(from, this.position - match[0].length);
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.process.kill(signal);
  }
}
