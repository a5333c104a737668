// An HTTP(S) resource as a BlockSource: pieces of it in a bounded cache, neighbours fetched with one request, several
// requests at a time, and what comes next fetched early where reading goes straight on.
import { UserError } from "../core/errors.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import { HttpCache } from "./http-cache.ts";
import { HttpResource, type ResourceState } from "./http-request.ts";
import type { ProtocolRequest } from "./protocols.ts";
import type { ImageFile } from "./source.ts";

const KIB = 1024;
const PIECE = 32 * KIB;
/** Pieces that one request asks for, at most. */
const PIECES_PER_REQUEST = 32;
const REQUESTS_AT_ONCE = 6;
/** 32 MiB. */
const CACHED_PIECES = 1024;
/** Read-ahead grows up to this while reading goes straight on. */
const AHEAD_MAX = 4096 * KIB;
/** Of what was asked for, so much may have been fetched in vain before reading ahead pauses. */
const WASTE = 0.25;

const DEFAULT_TIMEOUT = 30;
const RETRIES = 4;
const PAUSE = 250;

export async function openHttp(scheme: string, request: ProtocolRequest): Promise<HttpSource> {
  const { options, mode } = request;
  const given = options.take("url");
  const cookie = options.take("cookie");
  const username = options.take("username");
  const timeout = Number(options.take("timeout") ?? DEFAULT_TIMEOUT);
  const ahead = Number(options.take("readahead") ?? 256 * KIB);
  if (options.takeSwitch("sslverify") === false)
    throw new UserError("sslverify=off is not supported: certificates are always verified", "ENOTSUP");
  if (given === undefined) throw new UserError(`${scheme} block driver requires an 'url' option`, "EINVAL");
  if (!given.startsWith(`${scheme}://`))
    throw new UserError(
      `${scheme} curl driver cannot handle the URL '${given}' (does not start with '${scheme}://')`,
      "EINVAL",
    );
  if (mode !== "read") throw new UserError("curl driver does not support writes", "EROFS");
  if (!(timeout > 0 && timeout <= 3600))
    throw new UserError("timeout parameter is too large or negative", "EINVAL");
  if (!Number.isInteger(ahead) || ahead < 0 || ahead % 512)
    throw new UserError(`HTTP_READAHEAD_SIZE ${ahead} is not a multiple of 512`, "EINVAL");
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw new UserError(`'${given}' is no URL`, "EINVAL");
  }
  // A URL with a name and password in it is not fetched as it is: they go into a header (RFC 7617).
  const user = username ?? decodeURIComponent(url.username);
  const login = user ? btoa(`${user}:${decodeURIComponent(url.password)}`) : undefined;
  url.username = url.password = "";
  const headers = {
    ...(cookie === undefined ? {} : { cookie }),
    ...(login === undefined ? {} : { authorization: `Basic ${login}` }),
  };
  const waiting = { timeout: timeout * 1000, retries: RETRIES, pause: PAUSE };
  return HttpSource.open(new HttpResource(url.href, { ...waiting, headers }), given, ahead, request.runtime);
}

function ignore(): undefined {}

export class HttpSource implements ImageFile {
  readonly identity: string;
  /** Those longest unused come first. */
  private readonly pieces = new Map<number, Promise<Uint8Array>>();
  private running = 0;
  private readonly queue: (() => void)[] = [];
  /** Where the last read ended, and how far beyond it is fetched. */
  private end = 0;
  private ahead = 0;
  /** Bytes read from here, and from the server. */
  private asked = 0;
  private fetched = 0;

  private constructor(
    private readonly resource: HttpResource,
    readonly fileName: string,
    /** What the resource was when it was opened, and is as long as this reads it. */
    readonly state: ResourceState,
    private readonly firstAhead: number,
    private readonly cache: HttpCache | undefined,
  ) {
    this.identity = resource.url;
  }

  /** `runtime`: what is fetched is kept there for the next time. */
  static async open(
    resource: HttpResource,
    name: string,
    ahead: number,
    runtime?: Runtime,
  ): Promise<HttpSource> {
    const { state, head } = await resource.open(PIECE);
    const cache = runtime && (await HttpCache.open(runtime, resource.url, state, PIECE));
    const source = new HttpSource(resource, name, state, ahead, cache);
    source.pieces.set(0, Promise.resolve(head));
    return source;
  }

  get size(): number {
    return this.state.size;
  }

  async allocated(): Promise<undefined> {
    return undefined;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    const end = Math.min(offset + into.length, this.size);
    into.fill(0, Math.max(0, end - offset));
    if (offset >= end) return;
    this.asked += end - offset;
    const first = Math.floor(offset / PIECE);
    const last = Math.floor((end - 1) / PIECE);
    const wanted = this.want(first, last);
    this.fetchAhead(offset, end);
    for (const [index, piece] of wanted.entries()) {
      const start = (first + index) * PIECE;
      const bytes = await piece;
      const from = Math.max(offset, start);
      into.set(bytes.subarray(from - start, Math.min(end, start + PIECE) - start), from - offset);
    }
  }

  async close(): Promise<void> {
    this.pieces.clear();
    await this.cache?.close();
  }

  /** These pieces, fetched as far as they are not here, neighbours together. */
  private want(first: number, last: number): Promise<Uint8Array>[] {
    for (let index = first; index <= last;) {
      const known = this.pieces.get(index);
      if (known) {
        // The one used last goes to the end.
        this.pieces.delete(index);
        this.pieces.set(index++, known);
        continue;
      }
      if (this.cache?.has(index)) {
        this.hold(index, this.recall(this.cache, index));
        index++;
        continue;
      }
      let count = 1;
      while (count < PIECES_PER_REQUEST && index + count <= last && !this.isHere(index + count)) count++;
      this.request(index, count);
      index += count;
    }
    const wanted = Array.from({ length: last - first + 1 }, (_, at) => this.pieces.get(first + at)!);
    for (const index of this.pieces.keys()) {
      if (this.pieces.size <= CACHED_PIECES) break;
      this.pieces.delete(index);
    }
    return wanted;
  }

  private isHere(index: number): boolean {
    return this.pieces.has(index) || (this.cache?.has(index) ?? false);
  }

  private request(first: number, count: number): void {
    const whole = this.fetch(first, count);
    for (let index = 0; index < count; index++) {
      // A copy, so that a piece that stays does not keep all that came with it.
      const piece = whole.then((bytes) => bytes.slice(index * PIECE, (index + 1) * PIECE));
      this.hold(first + index, piece);
      if (this.cache) void piece.then((bytes) => this.cache!.keep(first + index, bytes), ignore);
    }
  }

  private fetch(first: number, count: number): Promise<Uint8Array> {
    const start = first * PIECE;
    const length = Math.min(count * PIECE, this.size - start);
    this.fetched += length;
    return this.inTurn(() => this.resource.fetchRange(start, length));
  }

  private hold(index: number, piece: Promise<Uint8Array>): void {
    this.pieces.set(index, piece);
    piece.catch(() => this.pieces.delete(index));
  }

  /** A piece that was kept, or else fetched after all. */
  private async recall(cache: HttpCache, index: number): Promise<Uint8Array> {
    const length = Math.min(PIECE, this.size - index * PIECE);
    const kept = await cache.read(index, length).catch(ignore);
    if (kept) return kept;
    const bytes = await this.fetch(index, 1);
    await cache.keep(index, bytes);
    return bytes;
  }

  private fetchAhead(start: number, end: number): void {
    const goesOn = start >= this.end - PIECE && start <= this.end + Math.max(PIECE, this.ahead) && start > 0;
    this.ahead = goesOn ? Math.min(AHEAD_MAX, Math.max(this.firstAhead, this.ahead * 2)) : 0;
    this.end = Math.max(goesOn ? this.end : 0, end);
    // A guest that boots jumps about: half of what is fetched early for it would be in vain.
    const isTooMuch = this.fetched + this.ahead > this.asked * (1 + WASTE) + AHEAD_MAX;
    if (!goesOn || this.firstAhead === 0 || isTooMuch) return;
    const first = Math.ceil(this.end / PIECE);
    const last = Math.floor((Math.min(this.end + this.ahead, this.size) - 1) / PIECE);
    // Half the window at a time, so that requests are not made for single pieces.
    let missing = first;
    while (missing <= last && this.isHere(missing)) missing++;
    if (last - missing + 1 >= this.ahead / PIECE / 2) void this.want(missing, last);
  }

  private async inTurn<T>(action: () => Promise<T>): Promise<T> {
    if (this.running >= REQUESTS_AT_ONCE) await new Promise<void>((go) => this.queue.push(go));
    else this.running++;
    try {
      return await action();
    } finally {
      const next = this.queue.shift();
      if (next) next();
      else this.running--;
    }
  }
}
