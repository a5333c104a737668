// One range of an HTTP resource at a time (RFC 9110 §14): asked for again where the connection was lost, refused where
// the resource is no longer the one that was opened.
import { UserError } from "../core/errors.ts";

export interface HttpOptions {
  /** Milliseconds without a byte after which a request is given up. */
  timeout: number;
  /** How often a request that got nowhere is made again. */
  retries: number;
  /** Milliseconds before the first of these; each waits twice as long as the one before. */
  pause: number;
  /** Sent with every request. */
  headers: Readonly<Record<string, string>>;
}

/** What tells one state of a resource from another. */
export interface ResourceState {
  size: number;
  etag: string | undefined;
  modified: string | undefined;
}

/** Answers that a server may think better of (RFC 9110 §15, RFC 6585 §4). */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

/** A failure that is worth another try. */
class Passing extends Error {}

export class HttpResource {
  private validators: ResourceState | undefined;

  constructor(
    readonly url: string,
    private readonly options: HttpOptions,
  ) {}

  /** Reads the first bytes, at most `length`, and learns what the resource is. */
  async open(length: number): Promise<{ state: ResourceState; head: Uint8Array }> {
    const head = await this.fetchRange(0, length);
    return { state: this.validators!, head };
  }

  /** Exactly these bytes, fewer only where the resource ends. */
  async fetchRange(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let done = 0;
    for (let tries = 0; ; tries++) {
      const before = done;
      try {
        const end = await this.fetchOnce(bytes, offset, done, (count) => (done = count));
        return end < length ? bytes.subarray(0, end) : bytes;
      } catch (error) {
        if (!(error instanceof Passing)) throw error;
        // A connection that brought something was no failure: what is missing is asked for.
        if (done > before) tries = -1;
        else if (tries >= this.options.retries)
          throw new UserError(`'${this.url}' cannot be read: ${error.message}`, "EIO");
        await new Promise((resume) => setTimeout(resume, this.options.pause * 2 ** Math.max(0, tries)));
      }
    }
  }

  /** Fills `bytes` from `done` on; returns where they end. `progress` gets each new count. */
  private async fetchOnce(
    bytes: Uint8Array,
    offset: number,
    done: number,
    progress: (done: number) => void,
  ): Promise<number> {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const watch = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), this.options.timeout);
    };
    watch();
    try {
      const range = `bytes=${offset + done}-${offset + bytes.length - 1}`;
      const response = await fetch(this.url, {
        headers: { ...this.options.headers, range, "accept-encoding": "identity" },
        signal: abort.signal,
        cache: "no-store",
      });
      const size = await this.judge(response, offset + done);
      const end = Math.min(bytes.length, Math.max(0, size - offset));
      if (end <= done) return end;
      const reader = response.body!.getReader();
      for (let at = done; at < end;) {
        watch();
        const { done: isOver, value } = await reader.read();
        if (isOver) throw new Passing("the connection was lost");
        // A server that sends more than it was asked for is not listened to.
        const part = value.subarray(0, end - at);
        bytes.set(part, at);
        at += part.length;
        progress(at);
      }
      await reader.cancel();
      return end;
    } catch (error) {
      if (error instanceof UserError || error instanceof Passing) throw error;
      throw new Passing(abort.signal.aborted ? "the server does not answer" : causeOf(error));
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  }

  /** Refuses what is not the range that was asked for; gives the resource's size. */
  private async judge(response: Response, offset: number): Promise<number> {
    const { status, headers } = response;
    if (PASSING.includes(status)) throw new Passing(`the server answered ${status}`);
    const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(headers.get("content-range") ?? "");
    // An empty resource has no first byte to ask for.
    const isEmpty = status === 416 && range?.[2] === "0";
    if (status === 200) throw new UserError("Server does not support 'range' (byte ranges).", "ENOTSUP");
    if (status !== 206 && status !== 416)
      throw new UserError(`The requested URL returned error: ${status}`, "EIO");
    const now = {
      // Other sites' servers need not let a page see the range; the length they do.
      size: range ? Number(range[2]) : (this.validators?.size ?? (await this.askSize())),
      etag: headers.get("etag") ?? undefined,
      modified: headers.get("last-modified") ?? undefined,
    };
    if (!Number.isSafeInteger(now.size))
      throw new UserError("The server does not say how long the resource is", "EIO");
    const before = (this.validators ??= now);
    const differs = now.size !== before.size || now.etag !== before.etag || now.modified !== before.modified;
    const isElsewhere = range?.[1] !== undefined && Number(range[1]) !== offset;
    if (differs || (status === 416 && !isEmpty))
      throw new UserError(`'${this.url}' has changed while it was being read`, "ESTALE");
    if (isElsewhere)
      throw new UserError(
        `'${this.url}' cannot be read: the server sent another range than was asked for`,
        "EIO",
      );
    return now.size;
  }

  private async askSize(): Promise<number> {
    const response = await fetch(this.url, { method: "HEAD", headers: this.options.headers });
    return Number(response.headers.get("content-length") ?? NaN);
  }
}

/** The words of the system in an error of fetch, which itself says no more than that it failed. */
function causeOf(error: unknown): string {
  const { cause } = error as { cause?: { message?: string; code?: string; errors?: { message: string }[] } };
  // OpenSSL's lists, colon by colon, where in its source it found the fault, the reason sixth.
  const tls = /:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/.exec(cause?.message ?? "")?.[1];
  return tls || cause?.message || cause?.errors?.[0]?.message || cause?.code || (error as Error).message;
}
