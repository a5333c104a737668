// The monitor's line: editing keys, history and completion, as QEMU's monitor has them (readline's, in the main).

const ESCAPE = "\x1b";
const HISTORY_MAX = 64;

export interface LineEditorOptions {
  prompt: string;
  write(text: string): void;
  /** A line is complete. */
  onLine(line: string): void;
  /** What could stand in the place of the last word of `line`. */
  complete(line: string): readonly string[];
}

export class LineEditor {
  private line = "";
  private cursor = 0;
  private readonly history: string[] = [];
  /** Place in the history while it is walked; its length: the new line. */
  private place = 0;
  private draft = "";
  /** An escape sequence that has not ended. */
  private sequence = "";

  constructor(private readonly options: LineEditorOptions) {}

  /** Lines entered so far, the oldest first. */
  get entered(): readonly string[] {
    return this.history;
  }

  /** Shows the prompt and what is typed behind it. */
  show(): void {
    this.options.write(this.options.prompt);
    if (this.line) this.redraw();
  }

  input(text: string): void {
    for (const key of text) this.key(key);
  }

  private key(key: string): void {
    if (this.sequence) {
      this.sequence += key;
      if (this.sequence.length > 2 && /[A-Za-z~]$/.test(key)) this.endSequence();
      else if (this.sequence.length === 2 && key !== "[" && key !== "O") this.sequence = "";
      return;
    }
    if (key === ESCAPE) this.sequence = ESCAPE;
    else if (key === "\r" || key === "\n") this.enter();
    else if (key === "\t") this.completeWord();
    else if (key >= " " && key !== "\x7f") this.insert(key);
    else this.control(key);
  }

  private endSequence(): void {
    const keys: Record<string, string> = { A: "\x10", B: "\x0e", C: "\x06", D: "\x02", H: "\x01", F: "\x05" };
    const tilde: Record<string, string> = { "1": "\x01", "4": "\x05", "7": "\x01", "8": "\x05", "3": "\x04" };
    const last = this.sequence.at(-1)!;
    const key = last === "~" ? tilde[this.sequence.slice(2, -1)] : keys[last];
    this.sequence = "";
    if (key) this.control(key);
  }

  private control(key: string): void {
    switch (key) {
      case "\x01":
        this.cursor = 0;
        break;
      case "\x05":
        this.cursor = this.line.length;
        break;
      case "\x02":
        this.cursor = Math.max(0, this.cursor - 1);
        break;
      case "\x06":
        this.cursor = Math.min(this.line.length, this.cursor + 1);
        break;
      case "\x04":
        this.line = this.line.slice(0, this.cursor) + this.line.slice(this.cursor + 1);
        break;
      case "\x08":
      case "\x7f":
        this.erase(1);
        break;
      case "\x17": // Ctrl-W: the word before the cursor
        this.erase(this.line.slice(0, this.cursor).match(/\S*\s*$/)![0].length);
        break;
      case "\x0c":
        this.options.write("\x1b[2J\x1b[1;1H");
        this.show();
        return;
      case "\x10":
        this.walk(-1);
        break;
      case "\x0e":
        this.walk(1);
        break;
      default:
        return;
    }
    this.redraw();
  }

  private insert(text: string): void {
    this.line = this.line.slice(0, this.cursor) + text + this.line.slice(this.cursor);
    this.cursor += text.length;
    if (this.cursor === this.line.length) this.options.write(text);
    else this.redraw();
  }

  private erase(count: number): void {
    const from = Math.max(0, this.cursor - count);
    this.line = this.line.slice(0, from) + this.line.slice(this.cursor);
    this.cursor = from;
  }

  private walk(by: number): void {
    const next = this.place + by;
    if (next < 0 || next > this.history.length) return;
    if (this.place === this.history.length) this.draft = this.line;
    this.place = next;
    this.line = next === this.history.length ? this.draft : this.history[next]!;
    this.cursor = this.line.length;
  }

  private enter(): void {
    const { line } = this;
    this.line = "";
    this.cursor = 0;
    this.options.write("\r\n");
    if (line.trim()) {
      const known = this.history.indexOf(line);
      if (known >= 0) this.history.splice(known, 1);
      this.history.push(line);
      if (this.history.length > HISTORY_MAX) this.history.shift();
    }
    this.place = this.history.length;
    this.options.onLine(line);
  }

  private completeWord(): void {
    const before = this.line.slice(0, this.cursor);
    const word = before.match(/\S*$/)![0];
    const candidates = this.options.complete(before).filter((candidate) => candidate.startsWith(word));
    if (candidates.length === 0) return;
    const common = candidates.reduce((a, b) => {
      let n = 0;
      while (n < a.length && a[n] === b[n]) n++;
      return a.slice(0, n);
    });
    if (candidates.length === 1) this.insert(`${common.slice(word.length)} `);
    else if (common.length > word.length) this.insert(common.slice(word.length));
    else {
      this.options.write(`\r\n${columns(candidates)}`);
      this.show();
    }
  }

  private redraw(): void {
    const { prompt, write } = this.options;
    const back = this.line.length - this.cursor;
    write(`\r${prompt}${this.line}\x1b[K${back ? `\x1b[${back}D` : ""}`);
  }
}

const WIDTH = 80;

function columns(words: readonly string[]): string {
  const width = Math.max(...words.map(({ length }) => length)) + 2;
  const perLine = Math.max(1, Math.floor(WIDTH / width));
  let text = "";
  words.forEach((word, n) => {
    const ends = n % perLine === perLine - 1 || n === words.length - 1;
    text += ends ? `${word}\r\n` : word.padEnd(width);
  });
  return text;
}
