// Giving the host's event loop its turn, and sleeping until something happens.

/** Node's, Deno's and Bun's; browsers have none. */
const immediate = (globalThis as { setImmediate?: (task: () => void) => void }).setImmediate;

/** Lets everything that waits in the event loop run once: input, timers, finished disk requests. */
export function breathe(): Promise<void> {
  return new Promise(immediate ?? nextMessage);
}

let channel: MessageChannel | undefined;
const breathers: (() => void)[] = [];

/** `immediate` where there is none: a timer would wait 4 ms once it nests (HTML §8.6), a message does not. */
function nextMessage(task: () => void): void {
  if (!channel) {
    channel = new MessageChannel();
    channel.port1.onmessage = (): void => breathers.shift()!();
  }
  breathers.push(task);
  channel.port2.postMessage(undefined);
}

/** Timers of the host are no finer than this, in ms: what comes sooner is waited for awake. */
const TIMER_GRAIN = 1;
/** Longer waits are cut: timers hold 31 bits, and a sleeping machine must keep its process alive. */
const TIMER_MAX = 3_600_000;

/** One sleeper and those who may wake it. A wake that comes while nobody sleeps counts for the next sleep. */
export class Alarm {
  private rung = false;
  private awake: (() => void) | undefined;

  wake(): void {
    this.rung = true;
    this.awake?.();
  }

  /** Returns after `ms`, or as soon as `wake` is called; it may return early. */
  async sleep(ms: number): Promise<void> {
    if (ms < TIMER_GRAIN) {
      await breathe();
    } else if (!this.rung) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.awake = resolve;
        timer = setTimeout(resolve, Math.min(ms, TIMER_MAX));
      });
      clearTimeout(timer);
      this.awake = undefined;
      // A timer set within a timer's turn is the one that nests: the machine goes on in another turn.
      if (!immediate) await breathe();
    }
    this.rung = false;
  }
}
