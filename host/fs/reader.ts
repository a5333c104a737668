// Small reads of a file system's own structures, through a cache of pages; a place outside the device is refused.
import type { BlockSource } from "../block/source.ts";
import { UserError } from "../core/errors.ts";

const PAGE = 64 * 1024;
/** 4 MiB in all. */
const PAGES = 64;

export class Reader {
  /** In order of use, the oldest first. */
  private readonly pages = new Map<number, Uint8Array>();

  constructor(
    readonly source: BlockSource,
    /** For sentences. */
    public type: string,
  ) {}

  /** `what` is being read, for the sentence if it lies outside. */
  async bytes(at: number, length: number, what: string): Promise<Uint8Array> {
    if (!(at >= 0 && at + length <= this.source.size))
      throw this.damaged(`${what} at byte ${at} is outside of it`);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const within = (at + done) % PAGE;
      const part = (await this.page((at + done - within) / PAGE)).subarray(within, within + length - done);
      bytes.set(part, done);
      done += part.length;
    }
    return bytes;
  }

  async view(at: number, length: number, what: string): Promise<DataView> {
    return new DataView((await this.bytes(at, length, what)).buffer);
  }

  damaged(why: string): UserError {
    return new UserError(`the ${this.type} file system is damaged: ${why}`, "EUCLEAN");
  }

  private async page(number: number): Promise<Uint8Array> {
    let page = this.pages.get(number);
    if (page) this.pages.delete(number);
    else {
      page = new Uint8Array(PAGE);
      await this.source.read(page, number * PAGE);
      if (this.pages.size >= PAGES) this.pages.delete(this.pages.keys().next().value!);
    }
    this.pages.set(number, page);
    return page;
  }
}
