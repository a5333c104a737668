// Which clusters of a file something refers to, for checks; memory only for parts of the file that are in use.
const CHUNK = 2 ** 19;

export class UsedClusters {
  private readonly chunks = new Map<number, Uint8Array>();
  private used = 0;

  constructor(private readonly total: number) {}

  /** Notes a reference to `count` clusters; returns how many of them had one before. */
  add(first: number, count: number): number {
    let again = 0;
    for (let cluster = first; cluster < first + count; cluster++) {
      const number = Math.floor(cluster / CHUNK);
      let chunk = this.chunks.get(number);
      if (!chunk) this.chunks.set(number, (chunk = new Uint8Array(CHUNK / 8)));
      const bit = cluster % CHUNK;
      const mask = 1 << (bit & 7);
      if (chunk[bit >> 3]! & mask) again++;
      else if (cluster < this.total) this.used++;
      chunk[bit >> 3]! |= mask;
    }
    return again;
  }

  /** Clusters of the file that nothing refers to. */
  get unused(): number {
    return Math.max(0, this.total - this.used);
  }
}
