/** How a caller follows long work, and ends it. */
export interface Watch {
  /** Bytes that are done, and how many there are. */
  onProgress?: (done: number, total: number) => void;
  /** Looked at between steps: the work stops where everything is sound, and rejects with the signal's reason. */
  signal?: AbortSignal;
}
