// Tables of an image file through a bounded cache: read a page at a time, written back sector by sector, so that a
// guest's bytes in the same page are never touched.
import { UserError } from "../../core/errors.ts";
import type { ImageFile } from "../driver.ts";

const PAGE = 65536;
const SECTOR = 512;
/** 16 MiB of tables; those of an image have no such bound. */
const PAGES_MAX = 256;

interface Page {
  start: number;
  view: DataView<ArrayBuffer>;
  /** Sectors that differ from the file's. */
  dirty: Set<number>;
}

/** Bytes of a table as they were at one moment, and where they go. */
export interface Snapshot {
  offset: number;
  bytes: Uint8Array;
}

/** Entries of a table that lie together in memory. They are gone after the next `await`. */
export interface Entries {
  view: DataView<ArrayBuffer>;
  /** Where in `view` the first of them is. */
  at: number;
  count: number;
}

export class Tables {
  private readonly pages = new Map<number, Page | Promise<Page>>();

  /** `onFull` writes back every table, in the order that the image needs. */
  constructor(
    private readonly file: ImageFile,
    private readonly onFull: () => Promise<void>,
  ) {}

  get dirty(): boolean {
    for (const page of this.pages.values()) if (!(page instanceof Promise) && page.dirty.size) return true;
    return false;
  }

  /** At least one entry of `width` bytes from `offset` on, which is a multiple of it; at most `count`. */
  async entries(offset: number, count: number, width: number): Promise<Entries> {
    const { view, start } = await this.page(offset);
    const at = offset - start;
    return { view, at, count: Math.min(count, (PAGE - at) / width) };
  }

  /** Changes `length` bytes, which do not cross a sector's border, by `change`. */
  async alter(
    offset: number,
    length: number,
    change: (view: DataView<ArrayBuffer>, at: number) => void,
  ): Promise<void> {
    // A damaged image must not make its file as long as it pleases.
    if (offset >= this.file.size)
      throw new UserError(
        `The image is damaged: it names a table at 0x${offset.toString(16)}, past the end of its file`,
        "EIO",
      );
    const page = await this.page(offset);
    const at = offset - page.start;
    change(page.view, at);
    for (let sector = Math.floor(at / SECTOR); sector * SECTOR < at + length; sector++)
      page.dirty.add(sector);
  }

  /** Nothing of what was read counts any more, and nothing of it is written. */
  forget(): void {
    this.pages.clear();
  }

  /** What must be written now; from here on it counts as written. */
  takeDirty(): Snapshot[] {
    const taken: Snapshot[] = [];
    for (const page of this.pages.values()) {
      if (page instanceof Promise) continue;
      const sectors = [...page.dirty].sort((a, b) => a - b);
      page.dirty.clear();
      for (let first = 0, next; first < sectors.length; first = next) {
        for (next = first + 1; sectors[next] === sectors[next - 1]! + 1;) next++;
        const at = sectors[first]! * SECTOR;
        const bytes = new Uint8Array(page.view.buffer, at, (next - first) * SECTOR).slice();
        taken.push({ offset: page.start + at, bytes });
      }
    }
    return taken.sort((a, b) => a.offset - b.offset);
  }

  /** After a write failed: these count as not written. */
  async putBack(snapshots: readonly Snapshot[]): Promise<void> {
    for (const { offset, bytes } of snapshots)
      for (let at = 0; at < bytes.length; at += SECTOR) await this.alter(offset + at, SECTOR, () => {});
  }

  private async page(offset: number): Promise<Page> {
    const start = offset - (offset % PAGE);
    for (;;) {
      const known = this.pages.get(start);
      if (known && !(known instanceof Promise)) return known;
      await (known ?? this.load(start));
    }
  }

  private async load(start: number): Promise<void> {
    const loading = (async (): Promise<Page> => {
      await this.makeRoom();
      const bytes = new Uint8Array(PAGE);
      await this.file.read(bytes, start);
      return { start, view: new DataView(bytes.buffer), dirty: new Set() };
    })();
    this.pages.set(start, loading);
    try {
      this.pages.set(start, await loading);
    } catch (error) {
      this.pages.delete(start);
      throw error;
    }
  }

  private async makeRoom(): Promise<void> {
    if (this.pages.size <= PAGES_MAX) return;
    if (!this.dropClean()) {
      await this.onFull();
      this.dropClean();
    }
  }

  /** Drops the page longest in memory that holds nothing new. */
  private dropClean(): boolean {
    for (const [start, page] of this.pages)
      if (!(page instanceof Promise) && page.dirty.size === 0) return this.pages.delete(start);
    return false;
  }
}
