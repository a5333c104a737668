// Who is at work on which guest range: readers share, a writer is alone. Requests that do not meet never wait.

interface Holder {
  start: number;
  end: number;
  exclusive: boolean;
  gone: Promise<void>;
}

export class RangeLock {
  private readonly holders = new Set<Holder>();

  /** Waits until [start, end) is free for such a use; the returned function gives it back. */
  async acquire(start: number, end: number, exclusive: boolean): Promise<() => void> {
    for (;;) {
      const other = this.conflict(start, end, exclusive);
      if (!other) break;
      await other.gone;
    }
    let leave!: () => void;
    const gone = new Promise<void>((done) => (leave = done));
    const holder: Holder = { start, end, exclusive, gone };
    this.holders.add(holder);
    return () => {
      this.holders.delete(holder);
      leave();
    };
  }

  private conflict(start: number, end: number, exclusive: boolean): Holder | undefined {
    for (const holder of this.holders)
      if ((exclusive || holder.exclusive) && holder.start < end && holder.end > start) return holder;
    return undefined;
  }
}
