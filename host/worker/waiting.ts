// Waiting for words of a guest: until they come, the time is over, the caller has had enough, or the machine has ended.
import { UserError } from "../core/errors.ts";

/** How long to wait. */
export interface WaitOptions {
  /** Milliseconds after which the wait is given up; default: none. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Characters that are kept for whoever waits next, and of which an error tells the last. */
const KEPT = 2 ** 20;
const LAST_WORDS = 300;

/** A terminal's sequences, which are no words: of colours, of the cursor, of questions (ECMA-48 §5.4); the start of one. */
const SEQUENCE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[()][0-9A-Z]|[=>78])/g;
const BEGUN = /\x1b(?:\[[0-?]*[ -/]*|[()])?$/;

interface Waiter {
  pattern: RegExp;
  settle(text: string): void;
  fail(error: Error): void;
}

/** What a guest has said and nobody has waited for yet. */
export class Transcript {
  private text = "";
  /** A sequence that is not complete yet. */
  private begun = "";
  private waiter: Waiter | undefined;
  private over: string | undefined;

  /** The guest said something. */
  add(words: string): void {
    const heard = (this.begun + words).replace(SEQUENCE, "");
    this.begun = BEGUN.exec(heard)?.[0] ?? "";
    this.text = (this.text + heard.slice(0, heard.length - this.begun.length)).slice(-KEPT);
    this.look();
  }

  /** The guest shows these words instead of those before. */
  show(words: string): void {
    this.text = words;
    this.look();
  }

  /** The guest says nothing more, for a reason such as "the machine has ended". */
  end(why: string): void {
    this.over = why;
    this.look();
  }

  /** It may speak again. */
  goOn(): void {
    this.over = undefined;
  }

  /**
   * Waits for text that matches `pattern` behind what was waited for last, a terminal's sequences left out; returns all
   * from there to the end of the match. One wait at a time.
   */
  async waitFor(pattern: RegExp, { timeout, signal }: WaitOptions = {}): Promise<string> {
    signal?.throwIfAborted();
    if (this.waiter) throw new Error(`somebody waits for ${this.waiter.pattern} already`);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let abort = (): void => {};
    try {
      return await new Promise<string>((settle, fail) => {
        this.waiter = {
          pattern: new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")),
          settle,
          fail,
        };
        abort = (): void => fail(signal!.reason as Error);
        signal?.addEventListener("abort", abort);
        if (timeout !== undefined)
          timer = setTimeout(() => fail(this.missed(`${timeout} ms are over`)), timeout);
        this.look();
      });
    } finally {
      this.waiter = undefined;
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  private look(): void {
    if (!this.waiter) return;
    const match = this.waiter.pattern.exec(this.text);
    if (match) {
      const end = match.index + match[0].length;
      const upToIt = this.text.slice(0, end);
      this.text = this.text.slice(end);
      this.waiter.settle(upToIt);
      this.waiter = undefined;
    } else if (this.over !== undefined) this.waiter.fail(this.missed(this.over));
  }

  private missed(why: string): UserError {
    return new UserError(
      `${why}, and ${this.waiter?.pattern} has not come; the last words: ${JSON.stringify(this.text.slice(-LAST_WORDS))}`,
      "ETIMEDOUT",
    );
  }
}
