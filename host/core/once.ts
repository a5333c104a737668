// What is fetched or compiled once and shared by all who ask for it.

export class Once<T> {
  private readonly made = new Map<string, Promise<T>>();

  /** What `make` gives for `name`, now or the last time; a failure is forgotten, so that the next one tries again. */
  get(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.made.get(name);
    if (known) return known;
    const made = make();
    this.made.set(name, made);
    made.catch(() => this.made.delete(name));
    return made;
  }

  set(name: string, value: T): void {
    this.made.set(name, Promise.resolve(value));
  }
}
