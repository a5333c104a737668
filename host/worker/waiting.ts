// Waiting for words of a guest: until they come, the time is over, the caller has had enough, or the machine has ended.
import { UserError } from "../core/errors.ts";

export interface WaitOptions {
  /** Milliseconds after which the wait is given up; default: none. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Characters that are kept for whoever waits next, and of which an error tells the last. */
const KEPT = 2 ** 20;
const LAST_WORDS = 300;

interface Waiter {
  pattern: RegExp;
  settle(text: string): void;
  fail(error: Error): void;
}

/** What a guest has said and nobody has waited for yet. */
export class Transcript {
  private text = "";
  private waiter: Waiter | undefined;
  private over: string | undefined;

  /** The guest said something. */
  add(words: string): void {
    this.text = (this.text + words).slice(-KEPT);
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
   * Waits for text that matches `pattern` behind what was waited for last; returns all from there to the end of the
   * match. One wait at a time.
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
