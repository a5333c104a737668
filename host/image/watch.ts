/** How a caller follows long work, and ends it. */
export interface Watch {
  /** Bytes that are done, and how many there are. */
  onProgress?: (done: number, total: number) => void;
  /** Looked at between steps: the work stops where everything is sound, and rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Waits for a time, or for the signal. */
export async function until(time: number, signal: AbortSignal | undefined): Promise<void> {
  const wait = time - performance.now();
  if (wait <= 0 || signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, wait);
    signal?.addEventListener("abort", done);
  });
}
